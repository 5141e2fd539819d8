//! The run's own folder on the local disk, where inputs are kept as clean Parquet while the night works on them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::runtime::SpawnedTask;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::prelude::{DataFrame, SessionContext};
use futures::{StreamExt, stream};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::{EnabledStatistics, WriterProperties};

use crate::memory::within_memory;
use crate::sieve::{Sieve, Tally};

/// Rows of a row group: small enough that several files' groups fit in memory while they are written.
const ROW_GROUP_ROWS: usize = 256 * 1024;

/// A folder for tables that live as long as a run. Whoever made the folder removes it.
#[derive(Debug)]
pub struct WorkArea {
    folder: PathBuf,
    tables: AtomicU64,
}

impl WorkArea {
    /// Works in `folder`, an absolute path, which is created when the first table is written.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, tables: AtomicU64::new(0) }
    }

    /// The folder itself.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Runs a plan once, keeps its rows as Parquet and registers them in the session under `name`.
    ///
    /// A table of that name is replaced; plans made from it before must have run, since its files are removed.
    /// The answer is the number of rows.
    ///
    /// # Errors
    /// Where the plan fails, or the local disk does.
    pub async fn materialise(&self, context: &SessionContext, name: &str, frame: DataFrame) -> Result<u64> {
        let width = frame.schema().fields().len();
        Ok(self.keep(context, name, frame, Sieve::open(width)).await?.kept)
    }

    /// As [`Self::materialise`], with the rows that `sieve` holds back counted instead of written.
    pub(crate) async fn keep(
        &self,
        context: &SessionContext,
        name: &str,
        frame: DataFrame,
        sieve: Sieve,
    ) -> Result<Tally> {
        let written = within_memory(frame, [], async |frame, joins| {
            let folder = self.new_folder(name)?;
            write_part(joins.of(frame), &folder, 0, &sieve).await.map(|written| (folder, written))
        });
        let (folder, Written { schema, tally }) = written.await?;
        register(context, name, &folder, plain(&schema))?;
        self.remove_tables(name, Some(&folder))?;
        Ok(tally)
    }

    /// As [`Self::materialise`], of a table that several plans make, one after the other.
    ///
    /// # Errors
    /// Where a plan cannot be made or fails, or the local disk does.
    pub async fn materialise_parts<P>(
        &self,
        context: &SessionContext,
        name: &str,
        parts: &[P],
        plan: impl AsyncFn(&P) -> Result<DataFrame>,
    ) -> Result<u64> {
        let folder = self.new_folder(name)?;
        let (mut kept, mut settled) = (0, None);
        for (number, part) in parts.iter().enumerate() {
            let frame = plan(part).await?;
            let sieve = Sieve::open(frame.schema().fields().len());
            let Written { schema, tally } = write_part(frame, &folder, number, &sieve).await?;
            kept += tally.kept;
            settled.get_or_insert(schema);
        }
        register(context, name, &folder, plain(&settled.unwrap_or_else(|| Arc::new(Schema::empty()))))?;
        self.remove_tables(name, Some(&folder))?;
        Ok(kept)
    }

    /// Removes a table that was kept, and its files.
    ///
    /// # Errors
    /// Where the local disk fails.
    pub fn forget(&self, context: &SessionContext, name: &str) -> Result<()> {
        context.deregister_table(name)?;
        self.remove_tables(name, None)
    }

    fn new_folder(&self, name: &str) -> Result<PathBuf> {
        let number = self.tables.fetch_add(1, Ordering::Relaxed);
        let folder = self.folder.join(format!("{name}-{number}"));
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// Removes what is kept under a name, but for the folder that is there to stay.
    fn remove_tables(&self, name: &str, current: Option<&Path>) -> Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let of_name = path.file_name().and_then(|file| file.to_str()).and_then(|file| file.rsplit_once('-'));
            if current != Some(&path) && of_name.is_some_and(|(table, _)| table == name) {
                fs::remove_dir_all(path)?;
            }
        }
        Ok(())
    }
}

/// Rows that were written.
struct Written {
    schema: SchemaRef,
    tally: Tally,
}

/// Runs a plan and writes its rows into files of their own, whose names begin with `part`.
async fn write_part(frame: DataFrame, folder: &Path, part: usize, sieve: &Sieve) -> Result<Written> {
    let planned: SchemaRef = Arc::clone(frame.schema().inner());
    // The selects of a union are independent: all at once they would need the memory of all.
    let at_once = frame.task_ctx().session_config().target_partitions().max(1);
    let streams = frame.execute_stream_partitioned().await?;
    // The engine may settle on other types than the plan began with, text as views for one.
    let settled: SchemaRef = streams.first().map_or(planned, |rows| rows.schema());
    let schema = sieve.schema(&settled);
    let writers = streams.into_iter().enumerate().map(|(number, rows)| {
        let file = folder.join(format!("{part:05}-{number:05}.parquet"));
        let (schema, sieve) = (Arc::clone(&schema), sieve.clone());
        async move { SpawnedTask::spawn(write(rows, file, schema, sieve)).join().await }
    });
    let mut writers = stream::iter(writers).buffer_unordered(at_once);
    let mut tally = Tally::default();
    while let Some(written) = writers.next().await {
        tally.add(&written.map_err(|error| DataFusionError::ExecutionJoin(Box::new(error)))??);
    }
    drop(writers);
    Ok(Written { schema, tally })
}

/// The schema under which kept rows are read: with text as such.
///
/// A view holds on to every buffer that a batch came with. Where rows are spilled and merged, and the result is joined,
/// buffers add up from batch to batch until their list alone fills the memory, which no limit of the engine counts.
fn plain(schema: &Schema) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| match field.data_type() {
        DataType::Utf8View => Field::clone(field).with_data_type(DataType::Utf8),
        _ => Field::clone(field),
    });
    Arc::new(Schema::new_with_metadata(fields.collect::<Vec<Field>>(), schema.metadata().clone()))
}

fn register(context: &SessionContext, name: &str, folder: &Path, schema: SchemaRef) -> Result<()> {
    let format = ParquetFormat::new().with_options(crate::objects::parquet_options(&context.state()));
    let options = ListingOptions::new(Arc::new(format)).with_file_extension(".parquet");
    // A folder's name may hold characters that are patterns elsewhere, and steps back that no URL has.
    let Ok(folder) = url::Url::from_directory_path(folder.canonicalize()?) else {
        return datafusion::common::exec_err!("{} is not an absolute path", folder.display());
    };
    let url = ListingTableUrl::try_new(folder, None)?;
    let table = ListingTable::try_new(ListingTableConfig::new(url).with_listing_options(options).with_schema(schema))?;
    context.deregister_table(name)?;
    context.register_table(name, Arc::new(table))?;
    Ok(())
}

async fn write(
    mut rows: SendableRecordBatchStream,
    file: PathBuf,
    schema: SchemaRef,
    mut sieve: Sieve,
) -> Result<Tally> {
    let mut writer: Option<ArrowWriter<fs::File>> = None;
    while let Some(batch) = rows.next().await {
        let batch = sieve.pass(&batch?, &schema)?;
        if batch.num_rows() == 0 {
            continue;
        }
        let open = match writer.take() {
            Some(open) => open,
            None => ArrowWriter::try_new(fs::File::create(&file)?, Arc::clone(&schema), Some(properties()))?,
        };
        writer.insert(open).write(&batch)?;
    }
    if let Some(writer) = writer {
        writer.close()?;
    }
    Ok(sieve.tally())
}

fn properties() -> WriterProperties {
    WriterProperties::builder()
        .set_compression(Compression::LZ4_RAW)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .build()
}
