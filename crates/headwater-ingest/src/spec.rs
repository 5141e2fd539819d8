//! What a project says about its inputs, as the project file's reader hands it over.

use headwater_diagnostics::Span;
use headwater_diagnostics::yaml::TextPositions;
use headwater_metrics::{ColumnType, Exchange, InputTable};

use crate::{DriftPolicy, Location};

/// A SQL text of the project file.
#[derive(Debug, Clone)]
pub struct SqlText {
    /// The text itself.
    pub text: String,
    /// Where it stands.
    pub span: Span,
    /// Where each of its characters stands, for exact carets.
    pub positions: Option<TextPositions>,
}

impl SqlText {
    /// The place of some characters of the text; the whole text where they are not known.
    pub(crate) fn part(&self, start: usize, end: usize) -> Span {
        self.positions.as_ref().map_or(self.span, |positions| positions.span(start, end))
    }
}

/// A contract column, or an attribute, and what fills it.
#[derive(Debug, Clone)]
pub struct MappedColumn {
    /// The column's name in the logical table.
    pub name: String,
    /// A column of the source, or a SQL expression over its columns.
    pub expression: SqlText,
    /// What an attribute holds; columns of the contract hold what the contract says.
    pub kind: Option<ColumnType>,
}

/// A condition that the rows of an input are expected to meet.
#[derive(Debug, Clone)]
pub struct Expectation {
    /// Its name in counts.
    pub name: String,
    /// The condition, over the source's columns. A row for which it is unknown meets it.
    pub condition: SqlText,
    /// Whether rows that do not meet it are left out, or only counted.
    pub leaves_out: bool,
}

/// Parquet objects that make up one table.
#[derive(Debug, Clone)]
pub struct ObjectsSpec {
    /// An object, a folder (everything in it), or a pattern.
    pub location: Location,
    /// Columns that are not in the files but in their path, as `name=value` folders.
    pub partitions: Vec<(String, ColumnType)>,
    /// Where the location stands in the project file.
    pub span: Span,
}

/// A raw table that SQL mappings can name.
#[derive(Debug, Clone)]
pub struct SourceSpec {
    /// Its name in SQL.
    pub name: String,
    /// Its objects.
    pub objects: ObjectsSpec,
}

/// What a project says about everything it reads.
#[derive(Debug, Clone, Copy)]
pub struct LakeSpec<'a> {
    /// The folder that relative paths start from.
    pub location: &'a Location,
    /// Raw tables that SQL mappings can name.
    pub sources: &'a [SourceSpec],
    /// The logical inputs.
    pub inputs: &'a [InputSpec],
    /// The project's currency.
    pub currency: &'a str,
    /// At which rate amounts in other currencies count.
    pub exchange: Exchange,
}

/// Where the rows of an input come from.
#[derive(Debug, Clone)]
pub enum InputSource {
    /// Objects of the lake.
    Objects(ObjectsSpec),
    /// A query over the project's `sources`.
    Sql(SqlText),
}

/// How subscriptions are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SubscriptionForm {
    /// A row is a period, from `started_on` to `ended_on`.
    #[default]
    Periods,
    /// A row is a change: what holds from `started_on` until the next change of the same subscription.
    Events,
    /// A row is what held in the month of `started_on`.
    Snapshots,
}

impl SubscriptionForm {
    /// Every form with its word in project files.
    pub const WORDS: &'static [(&'static str, Self)] =
        &[("periods", Self::Periods), ("events", Self::Events), ("snapshots", Self::Snapshots)];
}

/// One logical input: how it is filled from the lake, and what it must hold.
#[derive(Debug, Clone)]
pub struct InputSpec {
    /// Which logical table it is.
    pub table: InputTable,
    /// Where its rows come from.
    pub from: InputSource,
    /// Contract columns that are renamed or computed; a source column of a contract column's name needs no entry.
    pub columns: Vec<MappedColumn>,
    /// Further columns; of `accounts` only.
    pub attributes: Vec<MappedColumn>,
    /// A condition over the source's columns that rows must meet to be part of the input.
    pub filter: Option<SqlText>,
    /// How its rows tell of subscriptions; of `subscriptions` only.
    pub form: SubscriptionForm,
    /// Whether accounts count with the account that they are a part of; of `accounts` only.
    pub roll_up_to_parents: bool,
    /// What is expected of the rows beside the contract.
    pub expect: Vec<Expectation>,
    /// The newest row may be at most this many days older than the night.
    pub freshness_max_age_days: Option<u32>,
    /// What becomes of a night when the columns of its source are no longer those of the night before.
    pub drift: DriftPolicy,
    /// Most rows, in percent of those read, that may break the contract; no limit where absent.
    pub max_quarantine_pct: Option<f64>,
    /// The input's name in the project file.
    pub span: Span,
}
