//! What opening the inputs found out.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use datafusion::error::DataFusionError;
use datafusion::prelude::{DataFrame, SessionContext};
use headwater_diagnostics::Diagnostics;
use headwater_metrics::{ColumnType, InputTable};
use serde::Serialize;

use crate::stream::StreamedInput;
use crate::{ObjectVersion, SourceColumn, StoreError};

/// All inputs of a night, open: a table of each one's name is registered in the session.
#[derive(Debug)]
pub struct OpenedInputs {
    /// One for each declared input, in the order of [`InputTable::ALL`].
    pub inputs: Vec<OpenedInput>,
    /// What does not stop the night.
    pub warnings: Diagnostics,
}

impl OpenedInputs {
    /// An input, where the project declares it.
    #[must_use]
    pub fn get(&self, table: InputTable) -> Option<&OpenedInput> {
        self.inputs.iter().find(|input| input.table == table)
    }
}

/// One input, open.
#[derive(Debug, Serialize)]
pub struct OpenedInput {
    /// Which logical table it is; its table in the session has the same name.
    pub table: InputTable,
    /// The contract columns that are there, in the contract's order. Those not mapped are absent from the table.
    pub columns: Vec<OpenedColumn>,
    /// The further columns, after those of the contract; of `accounts` only.
    pub attributes: Vec<OpenedColumn>,
    /// The objects it was read from, sorted by path.
    pub objects: Vec<ObjectVersion>,
    /// The columns of its source.
    pub source_columns: Vec<SourceColumn>,
    /// Counts of rows.
    pub rows: RowCounts,
    /// The last day a row happened on, at most the night's.
    pub newest: Option<NaiveDate>,
    /// The plan over the lake where the input is read there by every plan that uses it; `None` where it is kept as
    /// clean Parquet in the work area. A streamed table is typed and cut, but its rows are not checked:
    /// missing and unknown accounts are the reader's to leave out.
    #[serde(skip)]
    pub stream: Option<StreamedInput>,
}

impl OpenedInput {
    /// Whether a contract column or attribute is there.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.columns.iter().chain(&self.attributes).any(|column| column.name == name)
    }

    /// Whether the table is a plan over the lake and its rows are not checked yet.
    #[must_use]
    pub fn is_streamed(&self) -> bool {
        self.stream.is_some()
    }

    /// The input's table in the session.
    ///
    /// # Errors
    /// Where the session is another one.
    pub async fn frame(&self, context: &SessionContext) -> Result<DataFrame, DataFusionError> {
        context.table(self.table.name()).await
    }
}

/// A column of an opened table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OpenedColumn {
    /// Its name.
    pub name: String,
    /// What it holds; [`crate::data_type`] says in which type.
    pub kind: ColumnType,
}

/// What became of an input's rows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RowCounts {
    /// Rows read: those that the mapping's filter or query gives; of a streamed input, those in its objects.
    pub read: u64,
    /// Rows in the table; not known of a streamed input.
    pub kept: Option<u64>,
    /// Rows that happened after the night.
    pub after_as_of: u64,
    /// Accounts whose rows count for another: merged ones, and parts of one where those count with it.
    pub merged: u64,
    /// Rows held back, by reason: `missing_…`, `invalid_…`, `duplicate_…`, `negative_…`, `orphan`, `reversed_period`,
    /// and `unexpected_…` for the project's own expectations, those that every row meets too. Of a streamed input, those
    /// of `invalid_…` and `unexpected_…` alone: its reader counts the others.
    pub quarantined: BTreeMap<String, u64>,
    /// Values set to unknown in rows that were kept, by `unknown_…`: the source's value cannot be read as its type.
    pub unknown: BTreeMap<String, u64>,
    /// Rows that were kept although they do not meet an expectation of the project, by its name; zero where all do.
    pub unexpected: BTreeMap<String, u64>,
}

impl RowCounts {
    /// Rows held back for any reason.
    #[must_use]
    pub fn quarantined_total(&self) -> u64 {
        self.quarantined.values().sum()
    }
}

/// Why the inputs could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The lake does not hold what the project says: all problems of all inputs.
    #[error("the inputs break their contract")]
    Contract(Diagnostics),
    /// The lake holds it, but not yet as fresh as the project asks.
    #[error("the inputs are not ready")]
    NotReady(Diagnostics),
    /// A store could not be opened or failed.
    #[error(transparent)]
    Store(StoreError),
    /// The engine or the local disk failed.
    #[error("the engine failed while it opened `{input}`")]
    Engine {
        /// The input it worked on.
        input: String,
        /// The engine's error.
        #[source]
        source: Box<DataFusionError>,
    },
}

impl OpenError {
    /// Whether the same night may succeed when tried again later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Contract(_) => false,
            Self::NotReady(_) => true,
            Self::Store(error) => error.is_retryable(),
            Self::Engine { source, .. } => matches!(source.find_root(), DataFusionError::IoError(_)),
        }
    }
}
