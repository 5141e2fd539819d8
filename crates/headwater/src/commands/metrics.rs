//! `metrics`: what rules can be written over.

use headwater_metrics::{Catalogue, Declaration, Grain, InputColumn, InputTable, Metric};
use serde_json::json;

use crate::args::Metrics;
use crate::exit::Exit;
use crate::render::Output;

pub(crate) fn run(metrics: &Metrics, output: &Output) -> Exit {
    let wanted = metrics.search.as_deref().unwrap_or("").to_lowercase();
    let found: Vec<Declaration> = Catalogue
        .declarations()
        .into_iter()
        .filter(|declaration| {
            let Metric { id, meaning, .. } = &declaration.metric;
            id.to_lowercase().contains(&wanted.replace(' ', "_"))
                || meaning.to_lowercase().contains(&wanted)
                || is_over_a_window(&wanted, id)
        })
        .collect();
    let columns: Vec<&InputColumn> = InputTable::Accounts
        .columns()
        .iter()
        .filter(|column| column.name.contains(&wanted) || column.meaning.to_lowercase().contains(&wanted))
        .collect();
    if output.is_data() {
        let columns = columns.iter().map(|column| column_as_json(column));
        let rows: Vec<_> = found.iter().map(as_json).chain(columns).collect();
        output.data(&rows);
    } else {
        for Declaration { metric, formula, .. } in &found {
            output.result(&format!(
                "{} ({}, {})\n    {} {}\n    = {formula}",
                metric.id,
                grain(metric),
                metric.unit.word(),
                metric.meaning,
                metric.null_rule
            ));
        }
        for column in &columns {
            output.result(&format!(
                "{} (column of accounts, {})\n    {}",
                column.name,
                column.kind.unit().word(),
                column.meaning
            ));
        }
    }
    if found.is_empty() && columns.is_empty() {
        output.error(&format!("no metric matches `{wanted}`; `headwater schema` tells the tables and their columns"));
        return Exit::NotFound;
    }
    Exit::Done
}

/// Whether a name, as rules write it, is that of a metric over one of its windows: `nrr_12m` is `nrr_{w}`.
fn is_over_a_window(name: &str, id: &str) -> bool {
    let fits = id.split_once("{w}").is_some_and(|(before, after)| name.starts_with(before) && name.ends_with(after));
    fits && Catalogue.metric(name).is_some()
}

fn grain(metric: &Metric) -> &'static str {
    match metric.grain {
        Grain::Account => "account",
        Grain::Group => "group",
    }
}

/// A column of accounts beside metrics: a value of each account that no formula computes.
fn column_as_json(column: &InputColumn) -> serde_json::Value {
    json!({
        "id": column.name, "grain": Grain::Account, "unit": column.kind.unit(), "inputs": [InputTable::Accounts],
        "meaning": column.meaning, "formula": null, "windows": [], "policy_switches": [], "example": null,
        "null_rule": "Unknown where the column is not mapped or empty.", "source": null,
    })
}

fn as_json(declaration: &Declaration) -> serde_json::Value {
    let Declaration { metric, formula, windows, switches, example } = declaration;
    json!({
        "formula": formula, "windows": windows, "policy_switches": switches, "example": example,
        "id": metric.id, "grain": metric.grain, "unit": metric.unit, "inputs": metric.inputs,
        "meaning": metric.meaning, "null_rule": metric.null_rule, "source": metric.source,
    })
}
