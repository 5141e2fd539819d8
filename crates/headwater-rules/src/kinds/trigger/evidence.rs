//! The values behind every flag: a row for each leaf condition.

use std::collections::{BTreeMap, BTreeSet};

use headwater_metrics::{InputTable, identifier, literal};

use super::check::Trigger;
use super::compile::flagged_accounts;
use crate::checked::sources;
use crate::expression::{Column, Dialect, Expression, Leaf, comparison, finite};

/// What rows of evidence are made from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Evidence<'a> {
    pub(crate) dialect: Dialect<'a>,
    /// The inputs that each computed column comes from.
    pub(crate) lineage: &'a BTreeMap<String, BTreeSet<InputTable>>,
}

/// The evidence of one condition: each column as SQL over the account.
#[derive(Debug)]
pub(crate) struct EvidenceRow {
    condition_id: String,
    expression: String,
    metric: String,
    value: String,
    value_text: String,
    operator: String,
    threshold: String,
    threshold_text: String,
    met: String,
    source: String,
}

/// A column that differs between the conditions of one rule.
type EvidenceColumn = (&'static str, fn(&EvidenceRow) -> &str);

const COLUMNS: [EvidenceColumn; 10] = [
    ("condition_id", |row| &row.condition_id),
    ("expression", |row| &row.expression),
    ("metric", |row| &row.metric),
    ("value", |row| &row.value),
    ("value_text", |row| &row.value_text),
    ("operator", |row| &row.operator),
    ("threshold", |row| &row.threshold),
    ("threshold_text", |row| &row.threshold_text),
    ("met", |row| &row.met),
    ("source", |row| &row.source),
];

const NO_NUMBER: &str = "CAST(NULL AS DOUBLE)";

/// The row of a leaf condition under an id.
pub(crate) fn leaf_evidence(id: &str, leaf: &Leaf, evidence: &Evidence<'_>) -> EvidenceRow {
    let dialect = evidence.dialect;
    let inputs = sources(&leaf.expression, evidence.lineage);
    let found = comparison(&leaf.expression);
    let value = found.as_ref().map_or(&leaf.expression, |found| found.value);
    let threshold = found.as_ref().and_then(|found| found.threshold);
    let threshold_text = match threshold.filter(|threshold| threshold.constant().is_none()) {
        Some(threshold) => dialect.words(threshold),
        None => literal(found.as_ref().map_or("true", |found| &found.words)),
    };
    let number = |side: &Expression| side.kind.is_numeric().then(|| finite(&dialect.double(side)));
    EvidenceRow {
        condition_id: literal(id),
        expression: literal(&leaf.expression.to_string()),
        metric: literal(&value.to_string()),
        value: number(value).unwrap_or_else(|| NO_NUMBER.to_owned()),
        value_text: dialect.words(value),
        operator: literal(found.as_ref().map_or("is", |found| found.operator)),
        threshold: threshold.and_then(number).unwrap_or_else(|| NO_NUMBER.to_owned()),
        threshold_text,
        met: format!("CAST({} AS BOOLEAN)", dialect.sql(&leaf.expression)),
        source: names(&inputs),
    }
}

/// The row of a milestone that a trigger waits for.
fn gate_evidence(column: &Column, milestone: &str, evidence: &Evidence<'_>) -> EvidenceRow {
    let reached = identifier(&column.name);
    let milestone = literal(&format!("milestone.{milestone}"));
    EvidenceRow {
        condition_id: literal("after"),
        expression: milestone.clone(),
        metric: milestone,
        value: NO_NUMBER.to_owned(),
        value_text: format!("CAST({reached} AS VARCHAR)"),
        operator: literal("is"),
        threshold: NO_NUMBER.to_owned(),
        threshold_text: literal("true"),
        met: reached,
        source: evidence.lineage.get(&column.name).map_or_else(|| literal(""), names),
    }
}

fn names(inputs: &BTreeSet<InputTable>) -> String {
    literal(&inputs.iter().map(|input| input.name()).collect::<Vec<_>>().join(","))
}

/// The SQL of all rows of a rule for every account that `filter` lets through; none where there are no rows.
///
/// The filter and the account are looked at once for all conditions: a list for each column is unnested side by side.
/// The lists have names of their own before that, since the engine takes two unnamed ones that differ by a cast for one.
pub(crate) fn evidence_rows(rule: &str, filter: &str, rows: &[EvidenceRow], dialect: Dialect<'_>) -> Option<String> {
    let listed = |(name, column): EvidenceColumn| {
        let values: Vec<_> = rows.iter().map(column).collect();
        format!("make_array({}) AS {name}", values.join(", "))
    };
    let unnested = |(name, _): EvidenceColumn| format!("unnest({name}) AS {name}");
    (!rows.is_empty()).then(|| {
        format!(
            "SELECT {as_of} AS as_of, account_id, {rule} AS rule_id, {unnested} \
             FROM (SELECT account_id, {listed} FROM judged WHERE {filter}) AS flagged",
            as_of = Dialect::date(dialect.as_of),
            rule = literal(rule),
            unnested = COLUMNS.map(unnested).join(", "),
            listed = COLUMNS.map(listed).join(", "),
        )
    })
}

/// All rows of evidence of one trigger: its conditions, its scope, what ends the flag, and the milestone it waits for.
pub(crate) fn evidence(trigger: &Trigger, evidence: &Evidence<'_>) -> Option<String> {
    let leaves = trigger.when.leaves.iter().chain(trigger.scope.iter().flat_map(|scope| &scope.leaves));
    let gate = trigger.after.iter().map(|(column, milestone)| gate_evidence(column, milestone, evidence));
    let exits = trigger.exits().map(|(id, leaf)| leaf_evidence(&id, leaf, evidence));
    let rows: Vec<_> = leaves.map(|leaf| leaf_evidence(&leaf.id, leaf, evidence)).chain(exits).chain(gate).collect();
    evidence_rows(&trigger.header.id.text, &flagged_accounts(trigger, evidence.dialect), &rows, evidence.dialect)
}
