//! How much of each input a night would read, from listings and footers alone.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use datafusion::arrow::compute::{cast, concat, nullif};
use datafusion::arrow::datatypes::{Field, Schema};
use datafusion::common::DFSchema;
use datafusion::error::{DataFusionError, Result as PlanResult};
use datafusion::logical_expr::Expr;
use datafusion::prelude::SessionContext;
use headwater_metrics::{AsOf, InputTable};
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use parquet::arrow::parquet_to_arrow_schema;
use parquet::file::metadata::ParquetMetaData;
use serde::Serialize;

use crate::mapping::FilledColumn;
use crate::objects::{DataObject, ObjectsTable};
use crate::prepare::Prepared;
use crate::{InputSource, LakeSpec, OpenError, StoreError, Stores, checks, open, survey};

/// What of an input would be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InputForesight {
    /// The logical table.
    pub table: InputTable,
    /// Whether it is read with the metrics, and not beforehand: then what lies after the night is passed over.
    pub is_streamed: bool,
    /// Its objects.
    pub objects: u64,
    /// Their size in bytes.
    pub bytes: u64,
    /// Their rows.
    pub rows: u64,
    /// Their row groups; unknown where the input is a query over several sources.
    pub row_groups: Option<u64>,
    /// The row groups that would be read.
    pub row_groups_read: Option<u64>,
    /// The rows in those: no more can be read.
    pub rows_read: u64,
}

/// Looks at every input, in the order of [`InputTable::ALL`].
///
/// # Errors
/// All problems of the lake's layout, as [`crate::open`] would find them.
pub async fn foresee(
    context: &SessionContext,
    stores: &Stores,
    lake: &LakeSpec<'_>,
    as_of: &AsOf,
) -> Result<Vec<InputForesight>, OpenError> {
    let mut foreseen = Vec::new();
    for input in open::prepare(context, stores, lake, Some(as_of.day())).await? {
        foreseen.push(input_foresight(context, stores, &input, as_of).await?);
    }
    Ok(foreseen)
}

async fn input_foresight(
    context: &SessionContext,
    stores: &Stores,
    input: &Prepared<'_>,
    as_of: &AsOf,
) -> Result<InputForesight, OpenError> {
    let rows = input.versions.iter().map(|object| object.rows).sum();
    let mut foresight = InputForesight {
        table: input.spec.table,
        is_streamed: open::streams(input),
        objects: input.versions.iter().map(|_| 1).sum(),
        bytes: input.versions.iter().map(|object| object.size).sum(),
        rows,
        row_groups: None,
        row_groups_read: None,
        rows_read: rows,
    };
    let (Some(table), InputSource::Objects(spec)) = (&input.objects, &input.spec.from) else { return Ok(foresight) };
    let store = stores.open(&spec.location).map_err(OpenError::Store)?;
    let mut groups = Vec::new();
    for object in table.objects() {
        let metadata =
            survey::metadata(context, store.as_ref(), &object.meta).await.map_err(
                |error| match survey::store_cause(&error) {
                    Some(cause) => {
                        OpenError::Store(StoreError::while_reading(spec.location.show(&object.meta.location), cause))
                    }
                    None => engine(input, error),
                },
            )?;
        groups.push((object, metadata));
    }
    let is_read = match foresight.is_streamed {
        true => not_after(context, input, table, &groups, as_of).map_err(|error| engine(input, error))?,
        false => None,
    };
    let rows = groups.iter().flat_map(|(_, metadata)| metadata.row_groups()).map(|group| group.num_rows());
    let rows: Vec<u64> = rows.map(|rows| u64::try_from(rows).unwrap_or_default()).collect();
    let is_read = is_read.unwrap_or_else(|| vec![true; rows.len()]);
    let read: Vec<u64> = rows.iter().zip(&is_read).filter(|(_, is_read)| **is_read).map(|(rows, _)| *rows).collect();
    foresight.row_groups = u64::try_from(rows.len()).ok();
    foresight.row_groups_read = u64::try_from(read.len()).ok();
    foresight.rows_read = read.iter().sum();
    Ok(foresight)
}

fn engine(input: &Prepared<'_>, source: DataFusionError) -> OpenError {
    OpenError::Engine { input: input.spec.table.name().to_owned(), source: Box::new(source) }
}

/// For each row group, whether a row of it may have happened up to the night; nothing where footers and paths do not say.
fn not_after(
    context: &SessionContext,
    input: &Prepared<'_>,
    table: &ObjectsTable,
    groups: &[(&DataObject, Arc<ParquetMetaData>)],
    as_of: &AsOf,
) -> PlanResult<Option<Vec<bool>>> {
    let happened = input.spec.table.happened().and_then(|name| input.mapping.column(name));
    let Some(filled) = happened else { return Ok(None) };
    let Expr::Column(source) = &filled.source else { return Ok(None) };
    let Some(conversion) = filled.typed(checks::column(&source.name), as_of.zone().name()) else { return Ok(None) };
    let mut least = Vec::new();
    for (object, metadata) in groups {
        let Some(values) = least_of(table, object, metadata, filled, &source.name)? else { return Ok(None) };
        least.push(values);
    }
    if least.is_empty() {
        return Ok(None);
    }
    let values = concat(&least.iter().map(AsRef::as_ref).collect::<Vec<&dyn Array>>())?;
    let schema = Arc::new(Schema::new(vec![Field::new(&source.name, filled.from.clone(), true)]));
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![values])?;
    let later = checks::later_than(conversion.typed, filled.kind, as_of);
    let later = context.state().create_physical_expr(later, &DFSchema::try_from(schema)?)?.evaluate(&batch)?;
    let later = later.into_array(batch.num_rows())?;
    // Of a row group without a least value nothing is known.
    Ok(Some(later.as_boolean().iter().map(|later| later != Some(true)).collect()))
}

/// The least value of a column in each row group of an object, unknown where a row may have none: such rows are read. Nothing
/// where the object does not have the column.
fn least_of(
    table: &ObjectsTable,
    object: &DataObject,
    metadata: &ParquetMetaData,
    filled: &FilledColumn,
    name: &str,
) -> PlanResult<Option<ArrayRef>> {
    if let Some(value) = table.partition(object, name) {
        return Ok(Some(cast(&value.to_array_of_size(metadata.num_row_groups())?, &filled.from)?));
    }
    let file = metadata.file_metadata();
    let schema = parquet_to_arrow_schema(file.schema_descr(), file.key_value_metadata())?;
    if schema.index_of(name).is_err() {
        return Ok(None);
    }
    let statistics = StatisticsConverter::try_new(name, &schema, file.schema_descr())?;
    let statistics = statistics.with_missing_null_counts_as_zero(false);
    let least = statistics.row_group_mins(metadata.row_groups())?;
    let nulls = statistics.row_group_null_counts(metadata.row_groups())?;
    let may_have_none: BooleanArray = nulls.iter().map(|nulls| Some(nulls != Some(0))).collect();
    Ok(Some(cast(&nullif(&least, &may_have_none)?, &filled.from)?))
}
