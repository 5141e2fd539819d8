//! A table over a fixed list of objects: exactly what was listed when the night began is what is read.
//!
//! The engine's own listing table lists again for every scan and passes over objects it cannot place. This one
//! never lists; its scan is the engine's stock Parquet scan, so plans stay shippable once they are physical.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::Session;
use datafusion::common::config::TableParquetOptions;
use datafusion::common::stats::Precision;
use datafusion::common::{DFSchema, Result, ScalarValue, Statistics};
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::object_store::ObjectStoreUrl;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::datasource::{TableProvider, TableType};
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use object_store::ObjectMeta;

use crate::{Location, ObjectVersion, StoreError, Stores, listing};

/// One object of the table.
#[derive(Debug, Clone)]
pub(crate) struct DataObject {
    /// What the store said about it.
    pub meta: ObjectMeta,
    /// What the manifest says about it.
    pub version: ObjectVersion,
    /// The values of the partition columns in its path.
    pub partition: Vec<ScalarValue>,
}

/// A table over listed Parquet objects of one store.
#[derive(Debug, Clone)]
pub(crate) struct ObjectsTable {
    store: ObjectStoreUrl,
    /// Where the objects were found.
    location: Location,
    objects: Vec<DataObject>,
    /// The columns in the files, then the partition columns.
    columns: TableSchema,
    partitions: SchemaRef,
}

impl ObjectsTable {
    /// A table of `file_columns` and partition columns; a file's column of a partition's name is passed over.
    pub(crate) fn new(
        store: ObjectStoreUrl,
        location: Location,
        objects: Vec<DataObject>,
        file_columns: &Schema,
        partitions: &[(String, DataType)],
    ) -> Self {
        let in_path = |name: &str| partitions.iter().any(|(partition, _)| partition == name);
        let in_files: Vec<_> = file_columns.fields().iter().filter(|field| !in_path(field.name())).cloned().collect();
        let partitions = partitions.iter().map(|(name, kind)| Arc::new(Field::new(name, kind.clone(), true)));
        let partitions: Vec<_> = partitions.collect();
        Self {
            store,
            location,
            objects,
            columns: TableSchema::builder(Arc::new(Schema::new(in_files)))
                .with_table_partition_cols(partitions.clone())
                .build(),
            partitions: Arc::new(Schema::new(partitions)),
        }
    }

    pub(crate) fn objects(&self) -> &[DataObject] {
        &self.objects
    }

    /// Looks whether every object still is as it was when it was listed: of one that was replaced, what was read may be of
    /// either version.
    pub(crate) async fn unchanged(&self, stores: &Stores) -> Result<(), StoreError> {
        let found = listing::list(stores.open(&self.location)?.as_ref(), &self.location).await?.objects;
        let found: BTreeMap<_, _> = found.into_iter().map(|object| (object.location.clone(), object)).collect();
        let is_same =
            |object: &&DataObject| found.get(&object.meta.location).is_some_and(|now| is_same(now, &object.meta));
        let changed: Vec<&DataObject> = self.objects.iter().filter(|object| !is_same(object)).collect();
        match changed.split_first() {
            None => Ok(()),
            Some((first, others)) => Err(StoreError::changed(&first.version.path, others.len())),
        }
    }

    /// The value of a partition column in an object's path; nothing of other columns.
    pub(crate) fn partition(&self, object: &DataObject, column: &str) -> Option<ScalarValue> {
        object.partition.get(self.partitions.index_of(column).ok()?).cloned()
    }

    /// The same table over some of its objects.
    pub(crate) fn restricted(&self, keep: impl Fn(&ObjectVersion) -> bool) -> Self {
        let mut table = self.clone();
        table.objects.retain(|object| keep(&object.version));
        table
    }

    fn is_about_partitions(&self, filter: &Expr) -> bool {
        let columns = filter.column_refs();
        !columns.is_empty() && columns.iter().all(|column| self.partitions.field_with_name(&column.name).is_ok())
    }

    /// The objects whose partition values can meet all `filters`, which are about partition columns only.
    fn chosen(&self, state: &dyn Session, filters: Vec<Expr>) -> Result<Vec<&DataObject>> {
        let Some(condition) = conjunction(filters) else {
            return Ok(self.objects.iter().collect());
        };
        let columns = (0..self.partitions.fields().len()).map(|at| {
            ScalarValue::iter_to_array(self.objects.iter().filter_map(|object| object.partition.get(at).cloned()))
        });
        let paths = RecordBatch::try_new(Arc::clone(&self.partitions), columns.collect::<Result<Vec<_>>>()?)?;
        let schema = DFSchema::try_from(Arc::clone(&self.partitions))?;
        let condition = unqualified(condition)?;
        let verdicts =
            state.create_physical_expr(condition, &schema)?.evaluate(&paths)?.into_array(paths.num_rows())?;
        let verdicts = verdicts.as_boolean();
        let kept = self.objects.iter().enumerate();
        Ok(kept.filter(|(at, _)| verdicts.is_valid(*at) && verdicts.value(*at)).map(|(_, object)| object).collect())
    }
}

/// Whether two answers of a store are about the same content.
pub(crate) fn is_same(now: &ObjectMeta, then: &ObjectMeta) -> bool {
    now.size == then.size && now.e_tag == then.e_tag && now.last_modified == then.last_modified
}

fn unqualified(expr: Expr) -> Result<Expr> {
    use datafusion::common::tree_node::{Transformed, TreeNode};
    let stripped = expr.transform(|part| {
        Ok(match part {
            Expr::Column(column) => Transformed::yes(Expr::Column(datafusion::common::Column::from_name(column.name))),
            other => Transformed::no(other),
        })
    })?;
    Ok(stripped.data)
}

fn partitioned_file(object: &DataObject) -> PartitionedFile {
    PartitionedFile::new_from_meta(object.meta.clone()).with_partition_values(object.partition.clone())
}

/// How Parquet is read: as the session says, except that INT96 is an instant in microseconds, as Spark writes it.
pub(crate) fn parquet_options(state: &dyn Session) -> TableParquetOptions {
    let mut options =
        TableParquetOptions { global: state.config_options().execution.parquet.clone(), ..Default::default() };
    options.global.coerce_int96 = Some("us".to_owned());
    options.global.coerce_int96_tz = Some("UTC".to_owned());
    options
}

#[async_trait]
impl TableProvider for ObjectsTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.columns.table_schema())
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let support = filters.iter().map(|filter| {
            if self.is_about_partitions(filter) {
                TableProviderFilterPushDown::Exact
            } else {
                TableProviderFilterPushDown::Inexact
            }
        });
        Ok(support.collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let (about_paths, about_rows): (Vec<_>, Vec<_>) =
            filters.iter().cloned().partition(|filter| self.is_about_partitions(filter));
        let chosen = self.chosen(state, about_paths)?;
        if chosen.is_empty() {
            let schema = datafusion::physical_plan::project_schema(&self.schema(), projection)?;
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        let rows = chosen.iter().map(|object| usize::try_from(object.version.rows).unwrap_or(usize::MAX)).sum();
        let statistics = Statistics { num_rows: Precision::Exact(rows), ..Statistics::new_unknown(&self.schema()) };
        let files = FileGroup::new(chosen.into_iter().map(partitioned_file).collect());
        let format = ParquetFormat::new().with_options(parquet_options(state));
        let scan = FileScanConfigBuilder::new(self.store.clone(), format.file_source(self.columns.clone()))
            .with_file_groups(files.split_files(state.config().target_partitions()))
            .with_statistics(statistics)
            .with_projection_indices(projection.cloned())?
            .with_limit(limit.filter(|_| about_rows.is_empty()))
            .build();
        format.create_physical_plan(state, scan).await
    }
}
