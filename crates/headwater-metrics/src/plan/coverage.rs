//! What is known of an account at all: which families of inputs have rows of it, and which are missing.

use crate::{InputTable, Unit, joined, literal};

use super::Night;

/// A column that says what is known of an account: its name, unit, meaning, and SQL over the joined families.
pub(super) type CoverageColumn = (&'static str, Unit, &'static str, String);

/// Inputs that may have rows of an account, with the column that says whether they do.
const INPUTS: [(&str, InputTable, &str); 5] = [
    ("has_subscriptions", InputTable::Subscriptions, "whether the account has a subscription, paid or not"),
    ("has_orders", InputTable::Orders, "whether the account has an order"),
    ("has_usage", InputTable::UsageEvents, "whether the account has a usage event in the days read"),
    ("has_tickets", InputTable::SupportTickets, "whether the account has a support ticket"),
    ("has_feedback", InputTable::Feedback, "whether the account gave feedback"),
];

/// The four families of a single view of the customer, each with the inputs that it is known by.
const FAMILIES: [(&str, &[InputTable]); 4] = [
    ("transactions", &[InputTable::Subscriptions, InputTable::Orders]),
    ("engagement", &[InputTable::UsageEvents]),
    ("support", &[InputTable::SupportTickets]),
    ("feedback", &[InputTable::Feedback]),
];

/// The names of the columns that say what is known of an account, of a project with these inputs.
pub fn coverage_columns(is_there: impl Fn(InputTable) -> bool) -> Vec<&'static str> {
    let mut names: Vec<_> = INPUTS.iter().filter(|(_, table, _)| is_there(*table)).map(|(name, ..)| *name).collect();
    if !names.is_empty() {
        names.extend(["families_known", "coverage_pct", "families_missing"]);
    }
    names
}

/// The columns of a night. Usage is known where the pass over it ran; where nothing asks for it, nothing is known.
pub(super) fn coverage(night: &Night, usage_is_known: bool) -> Vec<CoverageColumn> {
    let mut columns: Vec<CoverageColumn> = INPUTS
        .iter()
        .filter(|(_, table, _)| night.has(*table, &[]))
        .map(|(name, table, meaning)| (*name, Unit::Flag, *meaning, has_rows(*table, usage_is_known)))
        .collect();
    let families: Vec<(&str, String)> =
        FAMILIES.iter().filter_map(|(name, tables)| Some((*name, family(tables, night, usage_is_known)?))).collect();
    if families.is_empty() {
        return columns;
    }
    let known: Vec<String> = families.iter().map(|(_, known)| format!("CAST({known} AS BIGINT)")).collect();
    let known = known.join(" + ");
    let missing: Vec<String> =
        families.iter().map(|(name, known)| format!("CASE WHEN NOT {known} THEN {} END", literal(name))).collect();
    columns.push((
        "families_known",
        Unit::Count,
        "of transactions, engagement, support and feedback, how many have rows of the account",
        known.clone(),
    ));
    columns.push((
        "coverage_pct",
        Unit::Percent,
        "those as a share of the families that the project has inputs of",
        format!("CAST({known} AS DOUBLE) * 100 / {}", families.len()),
    ));
    columns.push((
        "families_missing",
        Unit::Text,
        "the other families that the project has inputs of; null where none is missing",
        joined(", ", &missing),
    ));
    columns
}

fn has_rows(table: InputTable, usage_is_known: bool) -> String {
    match INPUTS.iter().find(|(_, of, _)| *of == table) {
        Some((name, ..)) if table != InputTable::UsageEvents || usage_is_known => format!("({name} IS TRUE)"),
        _ => "CAST(NULL AS BOOLEAN)".to_owned(),
    }
}

/// Whether an account is known by one of the inputs that are there; none where no input is.
fn family(tables: &[InputTable], night: &Night, usage_is_known: bool) -> Option<String> {
    let there = tables.iter().filter(|table| night.has(**table, &[]));
    let known: Vec<String> = there.map(|table| has_rows(*table, usage_is_known)).collect();
    (!known.is_empty()).then(|| format!("({})", known.join(" OR ")))
}
