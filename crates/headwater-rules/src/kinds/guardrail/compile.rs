//! Guardrails as SQL over the long table of group metrics.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use headwater_metrics::{joined, literal};

use super::bands::Bands;
use super::check::{BandSource, Guardrail, closure};
use super::promotion::promoted;
use crate::expression::Dialect;

/// The rows of `guardrail_verdicts`; nothing where there are no guardrails.
pub(crate) fn verdicts(guardrails: &[Guardrail], dialect: Dialect<'_>) -> Option<String> {
    if guardrails.is_empty() {
        return None;
    }
    let judged: Vec<_> = guardrails.iter().map(|guardrail| alone(guardrail, dialect.as_of)).collect();
    let judged = promoted(guardrails, &judged.join(" UNION ALL "), dialect);
    let waiting = waiting_for(guardrails);
    let gates = gates(guardrails);
    Some(format!(
        "SELECT {as_of} AS as_of, guardrail_id, scope, group_name, metric, \
         CASE WHEN verdict IN ('pass', 'watch') AND waiting_for IS NOT NULL THEN 'waiting' ELSE verdict END AS verdict, \
         value, accounts, bands, severity, waiting_for, reason, owner, tonight, since, nights, settled, provisional \
         FROM (SELECT alone.*, {waiting} AS waiting_for FROM ({judged}) AS alone CROSS JOIN \
         (SELECT {gates} FROM ({judged}) AS alone) AS gates) AS verdicts",
        as_of = Dialect::date(dialect.as_of),
    ))
}

/// The verdicts of one guardrail as if it waited for none.
fn alone(guardrail: &Guardrail, as_of: NaiveDate) -> String {
    let bands = match &guardrail.bands {
        BandSource::Given(bands) => bands.clone(),
        BandSource::Stage(stage) => stage.bands(as_of),
    };
    let fewest = guardrail.min_accounts;
    let scopes: Vec<_> = guardrail.scopes.iter().map(|scope| literal(scope)).collect();
    format!(
        "SELECT {id} AS guardrail_id, scope, group_name, metric, \
         CASE WHEN value IS NULL THEN 'unknown' \
         WHEN COALESCE(accounts, 0) < {fewest} THEN 'insufficient_evidence' \
         WHEN {pass} THEN 'pass' WHEN {watch} THEN 'watch' ELSE 'breach' END AS verdict, \
         value, accounts, {bands} AS bands, {severity} AS severity, \
         CASE WHEN value IS NULL THEN COALESCE(reason, 'no value') \
         WHEN COALESCE(accounts, 0) < {fewest} \
         THEN concat(CAST(COALESCE(accounts, 0) AS VARCHAR), ' of {fewest} accounts') ELSE reason END AS reason, \
         {owner} AS owner FROM group_metrics WHERE metric = {metric} AND scope IN ({scopes})",
        id = literal(&guardrail.header.id.text),
        pass = Bands::sql(&bands.pass, "value"),
        watch = Bands::sql(&bands.watch, "value"),
        bands = literal(&bands.to_string()),
        severity = literal(guardrail.header.severity.word()),
        owner = guardrail.header.owner.as_deref().map_or_else(|| "CAST(NULL AS VARCHAR)".to_owned(), literal),
        metric = literal(&guardrail.metric),
        scopes = scopes.join(", "),
    )
}

/// The guardrails that others wait for.
fn gate_ids(guardrails: &[Guardrail]) -> BTreeSet<&str> {
    guardrails.iter().flat_map(|guardrail| guardrail.after.iter().map(String::as_str)).collect()
}

/// One column a gate: whether it, and all that it waits for itself, pass over all accounts.
fn gates(guardrails: &[Guardrail]) -> String {
    let waits: BTreeMap<&str, Vec<&str>> = guardrails
        .iter()
        .map(|guardrail| (guardrail.header.id.text.as_str(), guardrail.after.iter().map(String::as_str).collect()))
        .collect();
    let open = |gate: &str| {
        let mut needed = closure(gate, &waits);
        needed.insert(gate);
        let count = needed.len();
        let listed: Vec<_> = needed.into_iter().map(literal).collect();
        format!(
            "count(CASE WHEN scope = 'total' AND verdict = 'pass' AND guardrail_id IN ({}) THEN 1 END) >= {count} AS \"open_{gate}\"",
            listed.join(", ")
        )
    };
    let columns: Vec<_> = gate_ids(guardrails).into_iter().map(open).collect();
    if columns.is_empty() { "count(*) AS none".to_owned() } else { columns.join(", ") }
}

/// The gates that do not pass, joined with commas; unknown where all do.
fn waiting_for(guardrails: &[Guardrail]) -> String {
    let mut cases = String::new();
    for guardrail in guardrails.iter().filter(|guardrail| !guardrail.after.is_empty()) {
        let closed: Vec<_> = guardrail
            .after
            .iter()
            .map(|gate| format!("CASE WHEN NOT gates.\"open_{gate}\" THEN {} END", literal(gate)))
            .collect();
        cases += &format!(" WHEN {} THEN {}", literal(&guardrail.header.id.text), joined(",", &closed));
    }
    if cases.is_empty() { "CAST(NULL AS VARCHAR)".to_owned() } else { format!("CASE alone.guardrail_id{cases} END") }
}
