//! A plan's rows as Parquet objects in the staging folder: same rows, same bytes.
//!
//! Rows come sorted by the table's key and are cut into batches, row groups and files at fixed places, so that
//! neither the number of threads nor the order of input files shows in the result.

#[cfg(test)]
mod tests;

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{ArrayRef, AsArray};
use arrow::compute::{BatchCoalescer, CastOptions, cast, cast_with_options};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use datafusion::error::DataFusionError;
use futures::StreamExt;
use headwater_ingest::{Joins, WorkArea, within_memory};
use headwater_metrics::{Query, literal};
use object_store::ObjectStore;
use object_store::buffered::BufWriter;
use object_store::path::Path;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{
    ArrowColumnWriter, ArrowLeafColumn, ArrowRowGroupWriterFactory, ArrowWriterOptions, compute_leaves,
};
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{WriterProperties, WriterVersion};
use parquet::file::writer::SerializedFileWriter;
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;

use crate::contract::TableContract;
use crate::engine::{Engine, failed};
use crate::failure::RunError;
use crate::stop::{Stop, Stopped};

/// Rows handed to the writer at once; pages end at the same rows whatever batches the plan yields.
const BATCH_ROWS: usize = 8_192;
/// Rows of a row group.
const ROW_GROUP_ROWS: usize = 524_288;
/// A file ends with the row group that reaches this size.
const FILE_BYTES: usize = 192 << 20;

/// The first column of the key of tables that have rows for accounts.
const ACCOUNT: &str = "account_id";
/// Ranges into which accounts are divided where all of them at once need more memory than there is, one number after the
/// other.
const RANGES_OF_ACCOUNTS: [u32; 3] = [4, 16, 64];

/// What published files must be readable by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compatibility {
    /// Readers of the last years: zstd.
    #[default]
    Standard,
    /// Every reader: snappy.
    Widest,
}

/// One staged object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StagedFile {
    /// Where it is.
    pub path: Path,
    /// Its rows.
    pub rows: u64,
    /// Its size in bytes.
    pub bytes: u64,
    /// The SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
}

/// A staged table.
#[derive(Debug, Clone)]
pub(crate) struct StagedTable {
    /// What it promises.
    pub contract: TableContract,
    /// Its objects, in the order of their rows.
    pub files: Vec<StagedFile>,
}

impl StagedTable {
    /// Rows of all files.
    #[must_use]
    pub(crate) fn rows(&self) -> u64 {
        self.files.iter().map(|file| file.rows).sum()
    }
}

/// Where a run stages.
#[derive(Debug, Clone)]
pub(crate) struct StagingArea {
    /// The store.
    pub store: Arc<dyn ObjectStore>,
    /// The run's folder.
    pub folder: Path,
    /// Which readers the files are for.
    pub compatibility: Compatibility,
    /// Whether the run is to stop.
    pub stop: Stop,
}

impl StagingArea {
    /// Runs a query and stages its rows as a table, sorted by the table's key.
    ///
    /// The query gives the contract's columns by name; each is cast to the contract's type. A request to stop ends the
    /// query, and never a write half-way: nothing may reach the store after the staging folder is cleared. Where the rows
    /// are too many to be sorted in the memory there is, they are taken in parts, which changes none of their bytes.
    ///
    /// # Errors
    /// When the query fails, a required value is missing or cannot be cast, the store fails, or the run is to stop.
    pub(crate) async fn stage(
        &self,
        engine: &Engine,
        work: &WorkArea,
        query: &Query,
        contract: &TableContract,
    ) -> Result<StagedTable, RunError> {
        let of_query = query.narrower().map(Way::Parts);
        let of_accounts = RANGES_OF_ACCOUNTS.into_iter().filter(|_| query.takes_accounts_alone).map(Way::Ranges);
        let staged = within_memory(Way::Whole, of_query.chain(of_accounts), async |way, joins| match way {
            Way::Whole => self.write(engine, std::slice::from_ref(query), contract, joins).await,
            Way::Ranges(number) => self.write(engine, &in_ranges(engine, query, number).await?, contract, joins).await,
            Way::Parts(parts) => {
                let name = format!("parts_of_{}", contract.name);
                self.stop.unless_asked(engine.keep(work, &name, &parts, joins)).await??;
                let kept = Query::new(&query.name, format!("SELECT * FROM {name}"));
                let files = self.write(engine, &[kept], contract, joins).await?;
                work.forget(engine.context(), &name)?;
                Ok(files)
            }
        });
        let files = staged.await.map_err(|error| match error {
            DataFusionError::External(cause) if cause.is::<Stopped>() => RunError::from(Stopped),
            error => RunError::from(failed(&contract.name, error)),
        })?;
        Ok(StagedTable { contract: contract.clone(), files })
    }

    /// Runs queries one after the other and stages their rows, each sorted by the table's key; nothing is staged where one
    /// fails or is told to stop.
    async fn write(
        &self,
        engine: &Engine,
        selects: &[Query],
        contract: &TableContract,
        joins: Joins,
    ) -> Result<Vec<StagedFile>, DataFusionError> {
        let mut table = OpenTable::new(self, contract, engine.threads())?;
        for select in selects {
            let sorted = select.sorted_by(&contract.order());
            if let Err(error) = self.fill(&mut table, engine, &sorted, joins).await {
                table.abandon().await;
                return Err(error);
            }
        }
        table.close().await
    }

    async fn fill(
        &self,
        table: &mut OpenTable<'_>,
        engine: &Engine,
        query: &Query,
        joins: Joins,
    ) -> Result<(), DataFusionError> {
        let frame = engine.plan(query).await.map_err(|error| *error.source)?;
        let mut rows = joins.of(frame).execute_stream().await?;
        while let Some(batch) = self.stop.unless_asked(rows.next()).await? {
            table.add(&batch?).await?;
        }
        Ok(())
    }

    fn open(&self, contract: &TableContract, part: usize) -> Result<OpenFile, DataFusionError> {
        let path = self.folder.clone().join(contract.name.as_str()).join(format!("part-{part:05}.parquet"));
        let shared = Shared::default();
        let options =
            ArrowWriterOptions::new().with_properties(self.properties(contract)?).with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(shared.clone(), contract.schema(), options)?;
        let (file, row_groups) = writer.into_serialized_writer()?;
        let target = BufWriter::new(Arc::clone(&self.store), path.clone());
        let row_group = RowGroup { columns: Vec::new(), rows: 0 };
        Ok(OpenFile { path, file, row_groups, row_group, shared, target, digest: Sha256::new(), rows: 0, bytes: 0 })
    }

    fn properties(&self, contract: &TableContract) -> Result<WriterProperties, DataFusionError> {
        let compression = match self.compatibility {
            Compatibility::Standard => Compression::ZSTD(ZstdLevel::try_new(3)?),
            Compatibility::Widest => Compression::SNAPPY,
        };
        let position = |name: &String| contract.columns.iter().position(|column| column.name == *name);
        let sorting = contract
            .key
            .iter()
            .filter_map(|name| i32::try_from(position(name)?).ok())
            .map(|column_idx| SortingColumn { column_idx, descending: false, nulls_first: false })
            .collect();
        Ok(WriterProperties::builder()
            .set_created_by(format!("headwater {}", env!("CARGO_PKG_VERSION")))
            .set_writer_version(WriterVersion::PARQUET_1_0)
            .set_compression(compression)
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
            .set_sorting_columns(Some(sorting))
            .build())
    }
}

/// A way to have the rows of a table.
#[derive(Debug, Clone)]
enum Way {
    /// All at once.
    Whole,
    /// Kept in parts that are in no order, and then sorted.
    Parts(Vec<Query>),
    /// So many ranges of accounts, one after the other: none of them is sorted with another.
    Ranges(u32),
}

/// The SELECTs of a query for ranges of about as many accounts, in the order of accounts.
async fn in_ranges(engine: &Engine, query: &Query, number: u32) -> Result<Vec<Query>, DataFusionError> {
    let starts = format!(
        "SELECT CAST(min({ACCOUNT}) AS VARCHAR) AS start
        FROM (SELECT {ACCOUNT}, ntile({number}) OVER (ORDER BY {ACCOUNT}) AS range_number FROM measured)
        GROUP BY range_number ORDER BY 1"
    );
    let batches = engine.rows(&Query::new("ranges_of_accounts", starts)).await.map_err(|error| *error.source)?;
    let columns = batches.iter().filter_map(|batch| batch.columns().first());
    let starts: Vec<ArrayRef> = columns.map(|column| cast(column, &DataType::Utf8)).collect::<Result<_, _>>()?;
    let starts = starts.iter().flat_map(|starts| starts.as_string::<i32>().iter().flatten());
    // What is before the first account is of the first range, and what has no account of the last.
    let borders: Vec<String> = starts.skip(1).map(literal).collect();
    let range = |number: usize| {
        let from = number.checked_sub(1).and_then(|before| borders.get(before));
        let from = from.map(|from| format!("{ACCOUNT} >= {from}"));
        let until = borders.get(number).map(|until| format!("{ACCOUNT} < {until}"));
        match (from, until) {
            (None, None) => query.clone(),
            (Some(from), None) => query.only_where(&format!("{from} OR {ACCOUNT} IS NULL")),
            (from, Some(until)) => query.only_where(&from.into_iter().chain([until]).collect::<Vec<_>>().join(" AND ")),
        }
    };
    Ok((0..=borders.len()).map(range).collect())
}

/// Bytes on their way from the writer to the store.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A table that is being written.
struct OpenTable<'a> {
    area: &'a StagingArea,
    contract: &'a TableContract,
    schema: SchemaRef,
    threads: usize,
    batches: BatchCoalescer,
    done: Vec<StagedFile>,
    /// The file written to; none after one that is full.
    file: Option<OpenFile>,
}

impl<'a> OpenTable<'a> {
    fn new(area: &'a StagingArea, contract: &'a TableContract, threads: usize) -> Result<Self, DataFusionError> {
        let schema = contract.schema();
        Ok(Self {
            area,
            contract,
            batches: BatchCoalescer::new(Arc::clone(&schema), BATCH_ROWS),
            schema,
            threads,
            done: Vec::new(),
            file: Some(area.open(contract, 0)?),
        })
    }

    async fn add(&mut self, batch: &RecordBatch) -> Result<(), DataFusionError> {
        self.batches.push_batch(conform(batch, &self.schema)?)?;
        self.write().await
    }

    /// Writes the batches that are full.
    async fn write(&mut self) -> Result<(), DataFusionError> {
        while let Some(batch) = self.batches.next_completed_batch() {
            let file = match &mut self.file {
                Some(file) => file,
                None => self.file.insert(self.area.open(self.contract, self.done.len())?),
            };
            file.add(&batch, self.threads).await?;
            if let Some(full) = self.file.take_if(|file| file.is_full()) {
                self.done.push(full.close().await?);
            }
        }
        Ok(())
    }

    /// Writes what is left; a table without rows is a file without rows.
    async fn close(mut self) -> Result<Vec<StagedFile>, DataFusionError> {
        self.batches.finish_buffered_batch()?;
        self.write().await?;
        if let Some(file) = self.file {
            self.done.push(file.close().await?);
        }
        Ok(self.done)
    }

    /// Gives up an upload that the store would otherwise keep in parts.
    async fn abandon(self) {
        let Some(mut file) = self.file else { return };
        if let Err(error) = file.target.abort().await {
            tracing::warn!(event = "upload_not_given_up", %error, object = %file.path, "an unfinished upload could not be given up");
        }
    }
}

/// A row group that is being filled; without columns before its first row.
struct RowGroup {
    columns: Vec<ArrowColumnWriter>,
    rows: usize,
}

struct OpenFile {
    path: Path,
    file: SerializedFileWriter<Shared>,
    row_groups: ArrowRowGroupWriterFactory,
    row_group: RowGroup,
    shared: Shared,
    target: BufWriter,
    digest: Sha256,
    rows: u64,
    bytes: u64,
}

impl OpenFile {
    /// Adds rows, which end with a row group or within one. Columns are encoded side by side, and lie in the file in their
    /// order.
    async fn add(&mut self, batch: &RecordBatch, threads: usize) -> Result<(), DataFusionError> {
        if self.row_group.columns.is_empty() {
            self.row_group.columns = self.row_groups.create_column_writers(self.file.flushed_row_groups().len())?;
        }
        let schema = batch.schema_ref();
        let leaves = schema.fields().iter().zip(batch.columns()).map(|(field, column)| compute_leaves(field, column));
        let leaves: Vec<ArrowLeafColumn> = leaves.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
        encode(&mut self.row_group.columns, &leaves, threads)?;
        self.row_group.rows += batch.num_rows();
        self.rows += batch.num_rows() as u64;
        if self.row_group.rows >= ROW_GROUP_ROWS {
            self.end_row_group()?;
        }
        self.send().await
    }

    fn end_row_group(&mut self) -> Result<(), ParquetError> {
        let full = std::mem::replace(&mut self.row_group, RowGroup { columns: Vec::new(), rows: 0 });
        if full.rows == 0 {
            return Ok(());
        }
        let mut row_group = self.file.next_row_group()?;
        for column in full.columns {
            column.close()?.append_to_row_group(&mut row_group)?;
        }
        row_group.close()?;
        Ok(())
    }

    /// Whether the row groups finished so far are enough for one file. Only whole row groups count, so that the
    /// answer is the same for the same rows.
    fn is_full(&self) -> bool {
        self.row_group.rows == 0 && self.file.bytes_written() >= FILE_BYTES
    }

    async fn send(&mut self) -> Result<(), DataFusionError> {
        let bytes = self.shared.take();
        if bytes.is_empty() {
            return Ok(());
        }
        self.digest.update(&bytes);
        self.bytes += bytes.len() as u64;
        Ok(self.target.write_all(&bytes).await?)
    }

    async fn close(mut self) -> Result<StagedFile, DataFusionError> {
        self.end_row_group()?;
        self.file.finish()?;
        self.send().await?;
        self.target.shutdown().await?;
        let sha256 = self.digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(StagedFile { path: self.path, rows: self.rows, bytes: self.bytes, sha256 })
    }
}

/// Encodes columns on some threads, each of which takes the next one that is left.
fn encode(columns: &mut [ArrowColumnWriter], leaves: &[ArrowLeafColumn], threads: usize) -> Result<(), ParquetError> {
    let left = Mutex::new(columns.iter_mut().zip(leaves));
    let next = || left.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || std::iter::from_fn(next).try_for_each(|(column, leaf)| column.write(leaf));
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let own = work();
        let panicked = |_| Err(ParquetError::General("a thread that encodes columns panicked".to_owned()));
        let others = others.into_iter().map(|other| other.join().unwrap_or_else(panicked));
        others.fold(own, Result::and)
    })
}

/// The contract's columns, by name, in its order and of its types.
fn conform(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let exact = CastOptions { safe: false, ..CastOptions::default() };
    let columns = schema
        .fields()
        .iter()
        .map(|field| {
            let column = batch
                .column_by_name(field.name())
                .ok_or_else(|| ArrowError::SchemaError(format!("the plan yields no column `{}`", field.name())))?;
            cast_with_options(column, field.data_type(), &exact)
        })
        .collect::<Result<Vec<_>, _>>()?;
    RecordBatch::try_new(Arc::clone(schema), columns)
}
