//! Finds the objects of a source and reads their footers, so that every problem of the lake is known before a row
//! is read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::NaiveDate;
use datafusion::arrow::datatypes::{DataType, Date32Type, Schema, TimeUnit};
use datafusion::common::ScalarValue;
use datafusion::datasource::object_store::ObjectStoreUrl;
use datafusion::datasource::physical_plan::parquet::metadata::DFParquetMetadata;
use datafusion::error::DataFusionError;
use datafusion::execution::cache::cache_manager::FileMetadataCache;
use datafusion::prelude::SessionContext;
use futures::{StreamExt, stream};
use headwater_diagnostics::{Code, Diagnostic, Diagnostics, closest};
use headwater_metrics::ColumnType;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData};

use crate::lake_schema::{self, Conflict};
use crate::listing::{self, ObjectVersion};
use crate::objects::{self, DataObject, ObjectsTable};
use crate::{Location, ObjectsSpec, StoreError, Stores};

/// Footers that are read at the same time.
const CONCURRENT_FOOTERS: usize = 32;
/// Bytes fetched from the end of an object at first; footers are rarely longer.
const FOOTER_GUESS: usize = 64 * 1024;
/// Objects of one kind that are named before the rest is counted.
const NAMED_OBJECTS: usize = 5;

/// Why a source cannot be read.
#[derive(Debug)]
pub(crate) enum Unreadable {
    /// The lake does not hold what it should.
    Problems(Diagnostics),
    /// The store failed.
    Store(StoreError),
}

impl From<StoreError> for Unreadable {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Diagnostic> for Unreadable {
    fn from(problem: Diagnostic) -> Self {
        Self::Problems(problem.into())
    }
}

/// A source whose objects are known.
#[derive(Debug, Clone)]
pub(crate) struct Surveyed {
    pub table: ObjectsTable,
    pub conflicts: BTreeMap<String, Conflict>,
    /// Names of `name=value` folders that the project does not declare as partitions.
    pub undeclared: BTreeSet<String>,
}

/// The last day whose objects are read, where a column in their path says on which day all rows of an object happened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Until<'a> {
    pub column: &'a str,
    pub day: NaiveDate,
}

struct Footer {
    object: ObjectMeta,
    metadata: Arc<ParquetMetaData>,
    schema: Schema,
}

/// Finds the objects of `spec` and what columns they have. Those of later days are as if they were not there.
pub(crate) async fn survey(
    context: &SessionContext,
    stores: &Stores,
    spec: &ObjectsSpec,
    until: Option<Until<'_>>,
) -> Result<Surveyed, Unreadable> {
    let location = &spec.location;
    let url = stores.register(context, location)?;
    let store = stores.open(location)?;
    let listing = listing::list(store.as_ref(), location).await?;
    if let Some(format) = listing.table_format {
        let message = format!("`{location}` is a {format} table");
        return Err(Diagnostic::at(Code::TableFormat, spec.span, message).into());
    }
    if !listing.links_to_nothing.is_empty() {
        let problem = |link| {
            let problem = Diagnostic::of(Code::UnreadableParquet, location.show(link), "a link to what is not there");
            problem.help("bring back what it leads to, or remove the link")
        };
        let named = listing.links_to_nothing.iter().take(NAMED_OBJECTS);
        return Err(Unreadable::Problems(named.map(problem).collect()));
    }
    if listing.objects.is_empty() {
        return Err(no_objects(store.as_ref(), spec).await.into());
    }
    let objects = until.map(|until| up_to(until, spec, &listing.objects)).filter(|objects| !objects.is_empty());
    let footers = footers(context, store.as_ref(), location, objects.unwrap_or(listing.objects)).await?;
    assemble(url, spec, footers)
}

/// The objects that do not come after a day.
fn up_to(until: Until<'_>, spec: &ObjectsSpec, objects: &[ObjectMeta]) -> Vec<ObjectMeta> {
    let partitions = partitions(spec);
    let at = partitions.iter().position(|(name, _)| name == until.column);
    let last = Date32Type::from_naive_date(until.day);
    let is_later = |object: &ObjectMeta| {
        let values = listing::partition_values(&object.location, &partitions).ok();
        let day = values.zip(at).and_then(|(values, at)| values.get(at).cloned());
        matches!(day, Some(ScalarValue::Date32(Some(day))) if day > last)
    };
    objects.iter().filter(|object| !is_later(object)).cloned().collect()
}

async fn no_objects(store: &dyn ObjectStore, spec: &ObjectsSpec) -> Diagnostic {
    let location = &spec.location;
    let problem = Diagnostic::at(Code::NoObjects, spec.span, format!("no object matches `{location}`"))
        .help("correct the path and its pattern, or see that the export has run");
    let folder = location.path();
    let (Some(name), Some(parent)) = (folder.filename(), folder.parent()) else {
        return problem;
    };
    let Ok(beside) = store.list_with_delimiter(Some(&parent)).await else {
        return problem;
    };
    let objects = beside.objects.iter().filter_map(|object| object.location.filename());
    let names: Vec<&str> =
        objects.chain(beside.common_prefixes.iter().filter_map(|prefix| prefix.filename())).collect();
    match closest(name, names) {
        Some(close) if close != name => problem.help(format!("did you mean `{close}`?")),
        _ => problem,
    }
}

fn footer_reader<'a>(
    store: &'a dyn ObjectStore,
    object: &'a ObjectMeta,
    cache: Arc<FileMetadataCache>,
) -> DFParquetMetadata<'a> {
    DFParquetMetadata::new(store, object)
        .with_metadata_size_hint(Some(FOOTER_GUESS))
        .with_file_metadata_cache(Some(cache))
        .with_page_index_policy(Some(PageIndexPolicy::Skip))
        .with_coerce_int96(Some(TimeUnit::Microsecond))
        .with_coerce_int96_tz(Some(Arc::from("UTC")))
}

/// The footer of an object, read again where the session no longer has it.
pub(crate) async fn metadata(
    context: &SessionContext,
    store: &dyn ObjectStore,
    object: &ObjectMeta,
) -> Result<Arc<ParquetMetaData>, DataFusionError> {
    let cache = context.runtime_env().cache_manager.get_file_metadata_cache();
    footer_reader(store, object, cache).fetch_metadata().await
}

async fn footers(
    context: &SessionContext,
    store: &dyn ObjectStore,
    location: &Location,
    objects: Vec<ObjectMeta>,
) -> Result<Vec<Footer>, Unreadable> {
    let cache = context.runtime_env().cache_manager.get_file_metadata_cache();
    let reads = objects.into_iter().map(|object| {
        let cache = Arc::clone(&cache);
        async move {
            let reader = footer_reader(store, &object, cache);
            let read = match reader.fetch_metadata().await {
                Ok(metadata) => reader.fetch_schema().await.map(|schema| (metadata, schema)),
                Err(error) => Err(error),
            };
            (object, read)
        }
    });
    let mut footers = Vec::new();
    let mut broken = Vec::new();
    let mut reads = stream::iter(reads).buffered(CONCURRENT_FOOTERS);
    while let Some((object, read)) = reads.next().await {
        match read {
            Ok((metadata, schema)) => footers.push(Footer { object, metadata, schema }),
            Err(error) => match store_cause(&error) {
                Some(cause) => return Err(StoreError::while_reading(location.show(&object.location), cause).into()),
                // Half of the old and half of the new object is no Parquet, and neither of them may be damaged.
                None if !is_there_still(store, &object).await => {
                    return Err(StoreError::changed(location.show(&object.location), 0).into());
                }
                None => broken.push((object, error)),
            },
        }
    }
    if broken.is_empty() { Ok(footers) } else { Err(Unreadable::Problems(unreadable(location, &broken))) }
}

/// Whether an object is as it was listed. A store that does not answer says nothing against it.
async fn is_there_still(store: &dyn ObjectStore, object: &ObjectMeta) -> bool {
    match store.head(&object.location).await {
        Ok(now) => objects::is_same(&now, object),
        Err(error) => !matches!(error, object_store::Error::NotFound { .. }),
    }
}

/// The store's error at the bottom of an engine's error.
pub(crate) fn store_cause(error: &DataFusionError) -> Option<&object_store::Error> {
    if let DataFusionError::ObjectStore(cause) = error {
        return Some(cause);
    }
    let mut cause = std::error::Error::source(error);
    while let Some(current) = cause {
        if let Some(store) = current.downcast_ref::<object_store::Error>() {
            return Some(store);
        }
        if let Some(DataFusionError::ObjectStore(store)) = current.downcast_ref::<DataFusionError>() {
            return Some(store);
        }
        cause = current.source();
    }
    None
}

fn unreadable(location: &Location, broken: &[(ObjectMeta, DataFusionError)]) -> Diagnostics {
    let named = broken.iter().take(NAMED_OBJECTS).map(|(object, error)| {
        let place = location.show(&object.location);
        if object.size == 0 {
            return Diagnostic::of(Code::UnreadableParquet, place, "an empty object is no Parquet");
        }
        let cause = error.strip_backtrace();
        let problem = Diagnostic::of(Code::UnreadableParquet, place, "this object is no readable Parquet");
        problem.note(cause.lines().next().unwrap_or_default().to_owned())
    });
    let mut problems: Diagnostics = named.collect();
    if let Some(more) = broken.len().checked_sub(NAMED_OBJECTS).filter(|more| *more > 0) {
        let message = format!("{more} more objects are no readable Parquet");
        problems.push(Diagnostic::of(Code::UnreadableParquet, location.to_string(), message));
    }
    problems
}

fn assemble(url: ObjectStoreUrl, spec: &ObjectsSpec, footers: Vec<Footer>) -> Result<Surveyed, Unreadable> {
    let partitions = partitions(spec);
    let lake = lake_schema::unify(footers.iter().map(|footer| (footer.object.location.as_ref(), &footer.schema)));
    let mut objects = Vec::new();
    let mut misplaced = Diagnostics::new();
    for footer in footers {
        match listing::partition_values(&footer.object.location, &partitions) {
            Ok(partition) => objects.push(data_object(spec, footer, partition)),
            Err(reason) if misplaced.count(headwater_diagnostics::Severity::Error) < NAMED_OBJECTS => {
                let place = spec.location.show(&footer.object.location);
                misplaced.push(Diagnostic::of(Code::PartitionPath, place, format!("this object {reason}")));
            }
            Err(_) => {}
        }
    }
    if misplaced.has_errors() {
        return Err(Unreadable::Problems(misplaced));
    }
    let mut undeclared: BTreeSet<String> = objects
        .iter()
        .flat_map(|object| listing::names_in_path(&object.meta.location))
        .map(ToOwned::to_owned)
        .collect();
    undeclared.retain(|name| !partitions.iter().any(|(declared, _)| declared == name));
    let table = ObjectsTable::new(url, spec.location.clone(), objects, &lake.schema, &partitions);
    Ok(Surveyed { table, conflicts: lake.conflicts, undeclared })
}

fn data_object(spec: &ObjectsSpec, footer: Footer, partition: Vec<ScalarValue>) -> DataObject {
    let version = ObjectVersion {
        path: spec.location.show(&footer.object.location),
        size: footer.object.size,
        etag: footer.object.e_tag.clone(),
        last_modified: footer.object.last_modified,
        rows: u64::try_from(footer.metadata.file_metadata().num_rows()).unwrap_or_default(),
    };
    DataObject { meta: footer.object, version, partition }
}

/// The columns in the path of objects, with their types.
fn partitions(spec: &ObjectsSpec) -> Vec<(String, DataType)> {
    spec.partitions.iter().map(|(name, kind)| (name.clone(), partition_type(*kind))).collect()
}

fn partition_type(kind: ColumnType) -> DataType {
    match kind {
        ColumnType::Date => DataType::Date32,
        ColumnType::Integer => DataType::Int64,
        _ => DataType::Utf8,
    }
}
