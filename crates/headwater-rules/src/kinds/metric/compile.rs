//! Derived metrics as columns over the measured ones: one subquery for those that need no other, one around it for
//! those that need these, and so on.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use headwater_metrics::identifier;

use super::check::{DerivedMetric, Formula};
use crate::compile::DerivedColumn;
use crate::expression::Dialect;

/// The columns that derived metrics add, in their order.
pub(crate) fn columns(metrics: &[DerivedMetric]) -> Vec<DerivedColumn> {
    let mut columns = Vec::new();
    for metric in metrics {
        let name = metric.header.id.text.clone();
        let description = metric.header.description.clone().unwrap_or_default();
        columns.push(DerivedColumn { name, unit: metric.unit, description });
        if let Formula::Score(score) = &metric.formula {
            columns.extend(score.columns(&metric.header.id.text));
        }
    }
    columns
}

/// The measured accounts with all derived metrics, as a table expression.
pub(crate) fn measured_with_derived(metrics: &[DerivedMetric], dialect: Dialect<'_>) -> String {
    let mut table = "measured".to_owned();
    for level in levels(metrics) {
        let columns: Vec<_> = level.into_iter().flat_map(|metric| definitions(metric, dialect)).collect();
        table = format!("(SELECT *, {} FROM {table})", columns.join(", "));
    }
    table
}

/// What is unknown for all accounts: the columns of `lacking`, and the metrics that cannot be told without them.
pub(crate) fn unavailable(metrics: &[DerivedMetric], lacking: &BTreeSet<String>, as_of: NaiveDate) -> BTreeSet<String> {
    let mut unavailable = lacking.clone();
    for metric in levels(metrics).concat() {
        let dialect = Dialect::without(as_of, &unavailable);
        if matches!(&metric.formula, Formula::Expression(expression) if dialect.is_unavailable(expression)) {
            unavailable.insert(metric.header.id.text.clone());
        }
    }
    unavailable
}

/// The metrics by how many steps of derivation they need.
fn levels(metrics: &[DerivedMetric]) -> Vec<Vec<&DerivedMetric>> {
    let mut level_of: BTreeMap<String, usize> = BTreeMap::new();
    let mut levels: Vec<Vec<&DerivedMetric>> = Vec::new();
    for metric in metrics {
        let below = metric.reads().into_iter().filter_map(|column| level_of.get(&column.name)).max();
        let level = below.map_or(0, |below| below + 1);
        let id = &metric.header.id.text;
        level_of.insert(id.clone(), level);
        level_of.extend(metric.further_columns().into_iter().map(|name| (name, level)));
        if levels.len() <= level {
            levels.push(Vec::new());
        }
        if let Some(members) = levels.get_mut(level) {
            members.push(metric);
        }
    }
    levels
}

fn definitions(metric: &DerivedMetric, dialect: Dialect<'_>) -> Vec<String> {
    let id = &metric.header.id.text;
    match &metric.formula {
        Formula::Expression(expression) => {
            vec![format!("{} AS {}", dialect.column(expression, metric.unit), identifier(id))]
        }
        Formula::Score(score) => score.definitions(id, dialect),
    }
}
