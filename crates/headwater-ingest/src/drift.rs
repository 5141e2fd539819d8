//! Columns of a source that came, went or became another type since an earlier night.

use std::collections::BTreeMap;

use datafusion::arrow::datatypes::DataType;
use headwater_diagnostics::{Code, Diagnostic, Diagnostics};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::InputSpec;
use crate::prepare::Prepared;

/// A column as a source has it, before anything is mapped.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct SourceColumn {
    /// Its name.
    pub name: String,
    /// Its type, in the words of Arrow.
    #[serde(rename = "type")]
    pub kind: String,
}

/// What a night does about a change of columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DriftAnswer {
    /// It goes on, and says nothing.
    Allow,
    /// It goes on with a warning.
    Warn,
    /// It ends before anything is computed.
    Refuse,
}

impl DriftAnswer {
    /// Every answer with its word in project files.
    pub const WORDS: &'static [(&'static str, Self)] =
        &[("allow", Self::Allow), ("warn", Self::Warn), ("refuse", Self::Refuse)];
}

/// What a night does about each kind of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DriftPolicy {
    /// A column that was not there.
    pub new_column: DriftAnswer,
    /// A column that is there no more. Where the contract requires it, the night ends in any case.
    pub missing_column: DriftAnswer,
    /// A column of another type.
    pub changed_type: DriftAnswer,
}

impl Default for DriftPolicy {
    fn default() -> Self {
        Self { new_column: DriftAnswer::Allow, missing_column: DriftAnswer::Warn, changed_type: DriftAnswer::Warn }
    }
}

/// The columns of an input's source, by name.
pub(crate) fn source_columns(input: &Prepared<'_>) -> Vec<SourceColumn> {
    let fields = input.unfiltered.schema().fields().iter();
    let columns = fields.map(|field| SourceColumn { name: field.name().clone(), kind: type_name(field.data_type()) });
    let mut columns: Vec<SourceColumn> = columns.collect();
    columns.sort();
    columns
}

/// A type by what its values are: how they lie in memory is the reader's choice.
fn type_name(kind: &DataType) -> String {
    match kind {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "Utf8".to_owned(),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => "Binary".to_owned(),
        DataType::Dictionary(_, values) => type_name(values),
        other => other.to_string(),
    }
}

/// What the columns of an input's source say against its policy, by name; `since` says since when, in words.
///
/// `None` for `before` means that it is not known which there were, and then nothing is said.
#[must_use]
pub fn drifted(spec: &InputSpec, before: Option<&[SourceColumn]>, now: &[SourceColumn], since: &str) -> Diagnostics {
    let Some(before) = before else { return Diagnostics::new() };
    let (before, now) = (by_name(before), by_name(now));
    let policy = spec.drift;
    let missing = before.iter().filter(|(name, _)| !now.contains_key(**name));
    let missing = missing.map(|(name, kind)| {
        (policy.missing_column, "missing_column", format!("no longer has the column `{name}` ({kind})"))
    });
    let new = now.iter().filter(|(name, _)| !before.contains_key(**name));
    let new = new.map(|(name, kind)| (policy.new_column, "new_column", format!("has a new column `{name}` ({kind})")));
    let changed = now.iter().filter_map(|(name, kind)| {
        let was = before.get(name).filter(|was| *was != kind)?;
        Some((policy.changed_type, "changed_type", format!("has `{name}` as {kind}, which was {was}")))
    });
    let changes = missing.chain(changed).chain(new);
    changes
        .filter_map(|(answer, key, what)| {
            problem(spec, answer, key, &format!("`{}` {what}, since {since}", spec.table.name()))
        })
        .collect()
}

fn by_name(columns: &[SourceColumn]) -> BTreeMap<&str, &str> {
    columns.iter().map(|column| (column.name.as_str(), column.kind.as_str())).collect()
}

fn problem(spec: &InputSpec, answer: DriftAnswer, key: &str, message: &str) -> Option<Diagnostic> {
    let (code, help) = match answer {
        DriftAnswer::Allow => return None,
        DriftAnswer::Warn => (
            Code::ColumnsChanged,
            format!("`drift: {{{key}: allow}}` on the input says nothing, `refuse` ends the night"),
        ),
        DriftAnswer::Refuse => (
            Code::ColumnsDrifted,
            format!("where the change is meant, let one night pass with `drift: {{{key}: warn}}` on the input"),
        ),
    };
    Some(Diagnostic::at(code, spec.span, message).help(help))
}
