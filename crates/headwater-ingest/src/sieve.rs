//! Holds rows back that carry a reason, and counts why.

use std::sync::Arc;

use datafusion::arrow::array::{AsArray, BooleanArray, RecordBatch};
use datafusion::arrow::compute::{and, filter_record_batch, is_null};
use datafusion::arrow::datatypes::{Int32Type, Schema, SchemaRef};
use datafusion::error::Result;

/// Splits batches whose first `width` columns are the clean row. Where there are more, the next one is the number
/// of the reason to hold the row back, or null, and the rest are flags of values that became unknown.
#[derive(Debug, Clone)]
pub(crate) struct Sieve {
    width: usize,
    tally: Tally,
}

/// What passed and what did not.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    /// Rows that passed.
    pub kept: u64,
    /// Rows held back, by the number of the reason.
    pub reasons: Vec<u64>,
    /// Values that became unknown in rows that passed, by the number of the flag.
    pub unknown: Vec<u64>,
}

impl Sieve {
    /// Everything passes.
    pub(crate) fn open(width: usize) -> Self {
        Self { width, tally: Tally::default() }
    }

    /// Rows with one of `reasons` reasons are held back.
    pub(crate) fn new(width: usize, reasons: usize, unknown: usize) -> Self {
        Self { width, tally: Tally { kept: 0, reasons: vec![0; reasons], unknown: vec![0; unknown] } }
    }

    /// The columns that pass.
    pub(crate) fn schema(&self, all: &Schema) -> SchemaRef {
        Arc::new(Schema::new(all.fields().iter().take(self.width).cloned().collect::<Vec<_>>()))
    }

    /// The rows of a batch that pass.
    pub(crate) fn pass(&mut self, batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
        let columns: Vec<_> = batch.columns().iter().take(self.width).cloned().collect();
        let clean = RecordBatch::try_new(Arc::clone(schema), columns)?;
        let Some(reason) = batch.columns().get(self.width) else {
            self.tally.kept += count(batch.num_rows());
            return Ok(clean);
        };
        let passes = is_null(reason)?;
        for number in reason.as_primitive::<Int32Type>().iter().flatten() {
            if let Some(counted) = usize::try_from(number).ok().and_then(|at| self.tally.reasons.get_mut(at)) {
                *counted += 1;
            }
        }
        for (counted, flag) in self.tally.unknown.iter_mut().zip(batch.columns().iter().skip(self.width + 1)) {
            *counted += count(and(&passes, &without_nulls(flag.as_boolean()))?.true_count());
        }
        let clean = if passes.true_count() == passes.len() { clean } else { filter_record_batch(&clean, &passes)? };
        self.tally.kept += count(clean.num_rows());
        Ok(clean)
    }

    pub(crate) fn tally(self) -> Tally {
        self.tally
    }
}

impl Tally {
    pub(crate) fn add(&mut self, other: &Self) {
        self.kept += other.kept;
        add_each(&mut self.reasons, &other.reasons);
        add_each(&mut self.unknown, &other.unknown);
    }

    /// Every row that was seen.
    pub(crate) fn seen(&self) -> u64 {
        self.kept + self.reasons.iter().sum::<u64>()
    }
}

fn add_each(all: &mut Vec<u64>, more: &[u64]) {
    all.resize(all.len().max(more.len()), 0);
    for (sum, part) in all.iter_mut().zip(more) {
        *sum += part;
    }
}

fn without_nulls(flags: &BooleanArray) -> BooleanArray {
    flags.iter().map(|flag| Some(flag == Some(true))).collect()
}

fn count(rows: usize) -> u64 {
    u64::try_from(rows).unwrap_or(u64::MAX)
}
