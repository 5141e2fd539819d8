//! The record of a published night: what was read, judged and written.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use headwater_ingest::SourceColumn;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The version of this record.
const VERSION: u32 = 1;

/// The JSON Schema of a manifest: what holds of all of this version, those of earlier programs too. Keys may be added.
#[must_use]
pub fn manifest_schema() -> serde_json::Value {
    schemars::schema_for!(Manifest).to_value()
}

/// A published night.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Manifest {
    /// The version of this record.
    #[schemars(extend("const" = VERSION))]
    pub version: u32,
    /// Its number; the highest is what is published now.
    pub number: u64,
    /// The run that made it.
    pub run_id: String,
    /// The night.
    pub as_of: NaiveDate,
    /// When it was published.
    pub published_at: DateTime<Utc>,
    /// The program's version.
    pub tool_version: String,
    /// The project's name.
    pub project: String,
    /// The tables of the night and their objects.
    pub tables: Vec<PublishedTable>,
    /// The inputs it was computed from.
    pub inputs: Vec<InputRecord>,
    /// The project file, its digest together with the profile.
    #[serde(default)]
    pub project_file: Option<RuleFileRecord>,
    /// The rule files it was judged by.
    pub rules: Vec<RuleFileRecord>,
    /// Guardrail verdicts counted by word.
    pub verdicts: BTreeMap<String, u64>,
    /// How long each step took.
    pub steps: Vec<StepRecord>,
    /// The number of the manifest that is current for each night published so far.
    pub nights: BTreeMap<NaiveDate, u64>,
    /// The manifest that was current for the night before this one.
    #[serde(default)]
    pub replaces: Option<u64>,
    /// The manifest that this one publishes again; none where the night was computed.
    #[serde(default)]
    pub restores: Option<u64>,
    /// The manifest that came late, and that this one takes back.
    #[serde(default)]
    pub takes_back: Option<u64>,
    /// The earlier night whose state this one carries on; none where there was none.
    #[serde(default)]
    pub carries_on: Option<StateRecord>,
}

/// The state that a night found, as the last night published before it had left it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StateRecord {
    /// The earlier night.
    pub as_of: NaiveDate,
    /// Its manifest.
    pub manifest: u64,
    /// The SHA-256 over the digests of the objects that carry state, in hexadecimal: a night that is published again
    /// with the same state has the same.
    pub sha256: String,
}

impl Manifest {
    /// A table of the night.
    #[must_use]
    pub fn table(&self, name: &str) -> Option<&PublishedTable> {
        self.tables.iter().find(|table| table.name == name)
    }

    /// Every object of the night.
    pub fn files(&self) -> impl Iterator<Item = &PublishedFile> {
        self.tables.iter().flat_map(|table| &table.files)
    }

    /// The last night published before another, with the number of its manifest.
    #[must_use]
    pub fn night_before(&self, as_of: NaiveDate) -> Option<(NaiveDate, u64)> {
        self.nights.range(..as_of).next_back().map(|(night, number)| (*night, *number))
    }

    /// Whether another manifest is current for its night by this one.
    pub(super) fn lists(&self, other: &Self) -> bool {
        self.nights.get(&other.as_of) == Some(&other.number)
    }

    /// Why this cannot be what was published under a number, if it cannot.
    pub(super) fn fault(&self, number: u64) -> Option<String> {
        if self.version != VERSION {
            return Some(format!("it is of version {}; this program reads version {VERSION}", self.version));
        }
        if self.number != number {
            return Some(format!("it says of itself that it is number {}", self.number));
        }
        if !self.lists(self) {
            return Some(format!("it does not list itself as what is published for {}", self.as_of));
        }
        None
    }
}

/// A published table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PublishedTable {
    /// Its name.
    pub name: String,
    /// Its rows.
    pub rows: u64,
    /// Its objects, in the order of their rows.
    pub files: Vec<PublishedFile>,
}

/// One object of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PublishedFile {
    /// Path below the outputs' location.
    pub path: String,
    /// Rows in it.
    pub rows: u64,
    /// Its size in bytes.
    pub bytes: u64,
    /// The SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
}

impl PublishedFile {
    /// What can be done where it is gone or was changed.
    pub const REMEDY: &str = "restore it from a backup, or run that night again";
}

/// An object that an input was read from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InputObject {
    /// Its path: below the lake's location where it is there, a URL where not.
    pub path: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// The store's tag of its content, where it gives one.
    pub etag: Option<String>,
}

/// One input of a night.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InputRecord {
    /// The logical table.
    pub table: String,
    /// Its objects.
    pub objects: Vec<InputObject>,
    /// The columns of its source.
    #[serde(default)]
    pub columns: Option<Vec<SourceColumn>>,
    /// Rows read; not counted for inputs that are read in one pass with the metrics.
    pub rows_read: Option<u64>,
    /// Rows kept.
    pub rows_kept: Option<u64>,
    /// Rows after the as-of day, which are not seen.
    pub after_as_of: u64,
    /// Accounts whose rows count for another.
    #[serde(default)]
    pub merged: u64,
    /// Rows left out, by reason.
    pub quarantined: BTreeMap<String, u64>,
    /// Values that could not be read and count as unknown, by reason.
    pub unknown_values: BTreeMap<String, u64>,
    /// Rows that were kept although they do not meet an expectation of the project, by its name; zero where
    /// every row meets it.
    #[serde(default)]
    pub unexpected: BTreeMap<String, u64>,
    /// The newest day in it.
    pub newest: Option<NaiveDate>,
}

/// One rule file of a night.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RuleFileRecord {
    /// Its path in the project.
    pub file: String,
    /// The SHA-256 of its text, in hexadecimal.
    pub sha256: String,
}

/// One step of a night.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StepRecord {
    /// The step.
    pub name: String,
    /// Wall time.
    pub seconds: f64,
    /// Rows it produced.
    pub rows: u64,
    /// The part of the night it belongs to.
    #[serde(default)]
    pub phase: Option<Phase>,
    /// When it began.
    #[serde(default)]
    pub began_at: Option<DateTime<Utc>>,
}

/// A part of a night.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Inputs are opened.
    Open,
    /// Metrics are computed.
    Measure,
    /// Rules judge accounts and groups.
    Judge,
    /// Tables are written where nobody looks.
    Stage,
    /// Staged tables are audited.
    Audit,
    /// The night is made visible.
    Publish,
}

impl Phase {
    /// All of them, in their order.
    pub const ALL: &[Self] = &[Self::Open, Self::Measure, Self::Judge, Self::Stage, Self::Audit, Self::Publish];

    /// Its name.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Measure => "measure",
            Self::Judge => "judge",
            Self::Stage => "stage",
            Self::Audit => "audit",
            Self::Publish => "publish",
        }
    }
}
