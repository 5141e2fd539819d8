//! The values behind every flag: a row for each leaf condition.

use std::collections::{BTreeMap, BTreeSet};

use headwater_metrics::{InputTable, identifier, literal};

use super::check::Trigger;
use super::compile::filter;
use crate::checked::sources;
use crate::expression::{Dialect, Leaf, comparison};

/// What rows of evidence are made from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Evidence<'a> {
    pub(crate) dialect: Dialect,
    /// The inputs that each computed column comes from.
    pub(crate) lineage: &'a BTreeMap<String, BTreeSet<InputTable>>,
}

/// One row of evidence, each column as SQL but the ids and words.
#[derive(Debug)]
pub(crate) struct EvidenceRow {
    pub(crate) condition_id: String,
    expression: String,
    metric: String,
    value: Option<String>,
    value_text: String,
    operator: String,
    threshold: Option<String>,
    threshold_text: Option<String>,
    met: String,
    source: String,
}

/// The row of a leaf condition.
pub(crate) fn leaf_evidence(leaf: &Leaf, evidence: &Evidence<'_>) -> EvidenceRow {
    let dialect = evidence.dialect;
    let inputs = sources(&leaf.expression, evidence.lineage);
    let source = inputs.iter().map(|input| input.name()).collect::<Vec<_>>().join(",");
    let found = comparison(&leaf.expression);
    let value = found.as_ref().map_or(&leaf.expression, |found| found.value);
    let threshold = found.as_ref().and_then(|found| found.threshold);
    let threshold_text = match threshold.filter(|threshold| threshold.constant().is_none()) {
        Some(threshold) => Some(dialect.words(threshold)),
        None => found.as_ref().map(|found| literal(&found.words)),
    };
    let number = |side: &crate::expression::Expression| side.kind.is_numeric().then(|| dialect.double(side));
    EvidenceRow {
        condition_id: leaf.id.clone(),
        expression: leaf.expression.to_string(),
        metric: value.to_string(),
        value: number(value),
        value_text: dialect.words(value),
        operator: found.as_ref().map_or("is", |found| found.operator).to_owned(),
        threshold: threshold.and_then(number),
        threshold_text: Some(threshold_text.unwrap_or_else(|| literal("true"))),
        met: dialect.sql(&leaf.expression),
        source,
    }
}

/// The row of a milestone that a trigger waits for.
fn gate_evidence(column: &str, milestone: &str, source: String) -> EvidenceRow {
    let reached = identifier(column);
    EvidenceRow {
        condition_id: "after".to_owned(),
        expression: format!("milestone.{milestone}"),
        metric: format!("milestone.{milestone}"),
        value: None,
        value_text: format!("CAST({reached} AS VARCHAR)"),
        operator: "is".to_owned(),
        threshold: None,
        threshold_text: Some(literal("true")),
        met: reached,
        source,
    }
}

/// The SQL of one row of evidence for every account that `filter` lets through.
pub(crate) fn evidence_row(rule: &str, filter: &str, row: &EvidenceRow, dialect: Dialect) -> String {
    let or_null = |sql: &Option<String>, kind: &str| sql.clone().unwrap_or_else(|| format!("CAST(NULL AS {kind})"));
    format!(
        "SELECT {as_of} AS as_of, account_id, {rule} AS rule_id, {condition} AS condition_id, {expression} AS expression, \
         {metric} AS metric, {value} AS value, {value_text} AS value_text, {operator} AS operator, \
         {threshold} AS threshold, {threshold_text} AS threshold_text, {met} AS met, {source} AS source \
         FROM judged WHERE {filter}",
        as_of = Dialect::date(dialect.as_of),
        rule = literal(rule),
        condition = literal(&row.condition_id),
        expression = literal(&row.expression),
        metric = literal(&row.metric),
        value = or_null(&row.value, "DOUBLE"),
        value_text = row.value_text,
        operator = literal(&row.operator),
        threshold = or_null(&row.threshold, "DOUBLE"),
        threshold_text = or_null(&row.threshold_text, "VARCHAR"),
        met = row.met,
        source = literal(&row.source),
    )
}

/// All rows of evidence of one trigger: its conditions, its scope, and the milestone it waits for.
pub(crate) fn evidence(trigger: &Trigger, evidence: &Evidence<'_>) -> Vec<String> {
    let filter = filter(trigger, evidence.dialect);
    let leaves = trigger.when.leaves.iter().chain(trigger.scope.iter().flat_map(|scope| &scope.leaves));
    let mut rows: Vec<_> = leaves.map(|leaf| leaf_evidence(leaf, evidence)).collect();
    if let Some((column, milestone)) = &trigger.after {
        let inputs = evidence.lineage.get(&column.name).into_iter().flatten();
        let source = inputs.map(|input| input.name()).collect::<Vec<_>>().join(",");
        rows.push(gate_evidence(&column.name, milestone, source));
    }
    rows.iter().map(|row| evidence_row(&trigger.header.id.text, &filter, row, evidence.dialect)).collect()
}
