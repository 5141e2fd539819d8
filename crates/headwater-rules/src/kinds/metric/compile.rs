//! Derived metrics as columns over the measured ones: one subquery for those that need no other, one around it for
//! those that need these, and so on.

use std::collections::BTreeMap;

use headwater_metrics::{Unit, identifier};

use super::check::{Component, DerivedMetric, Formula, Score};
use super::syntax::WhenMissing;
use crate::compile::DerivedColumn;
use crate::expression::Dialect;

/// The columns that derived metrics add, in their order.
pub(crate) fn columns(metrics: &[DerivedMetric]) -> Vec<DerivedColumn> {
    let mut columns = Vec::new();
    for metric in metrics {
        let name = metric.header.id.text.clone();
        let description = metric.header.description.clone().unwrap_or_default();
        if let Formula::Score(_) = metric.formula {
            let coverage = DerivedColumn {
                name: format!("{name}_coverage_pct"),
                unit: Unit::Percent,
                description: format!("Share of the weights of `{name}` whose metrics are known"),
            };
            columns.extend([DerivedColumn { name, unit: metric.unit, description }, coverage]);
        } else {
            columns.push(DerivedColumn { name, unit: metric.unit, description });
        }
    }
    columns
}

/// The measured accounts with all derived metrics, as a table expression.
pub(crate) fn measured_with_derived(metrics: &[DerivedMetric], dialect: Dialect) -> String {
    let mut table = "measured".to_owned();
    for level in levels(metrics) {
        let columns: Vec<_> = level.into_iter().flat_map(|metric| definitions(metric, dialect)).collect();
        table = format!("(SELECT *, {} FROM {table})", columns.join(", "));
    }
    table
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
        level_of.insert(format!("{id}_coverage_pct"), level);
        if levels.len() <= level {
            levels.push(Vec::new());
        }
        if let Some(members) = levels.get_mut(level) {
            members.push(metric);
        }
    }
    levels
}

fn definitions(metric: &DerivedMetric, dialect: Dialect) -> Vec<String> {
    let id = &metric.header.id.text;
    match &metric.formula {
        Formula::Expression(expression) => {
            vec![format!("{} AS {}", dialect.column(expression, metric.unit), identifier(id))]
        }
        Formula::Score(score) => {
            let coverage = identifier(&format!("{id}_coverage_pct"));
            vec![format!("{} AS {}", points(score), identifier(id)), format!("{} AS {coverage}", known_weight(score))]
        }
    }
}

/// The sum of the weights that are known, from 0 to 100. The order of addition is that of the rule.
fn known_weight(score: &Score) -> String {
    let weights: Vec<_> = present(score)
        .map(|component| format!("CASE WHEN {} IS NULL THEN 0 ELSE {} END", value(component), number(component.weight)))
        .collect();
    format!("CAST({} AS DOUBLE)", weights.join(" + "))
}

fn points(score: &Score) -> String {
    let earned: Vec<_> = present(score)
        .map(|component| {
            format!(
                "CASE WHEN {} IS NULL THEN 0 ELSE {} * {} END",
                value(component),
                number(component.weight),
                share(component)
            )
        })
        .collect();
    let earned = earned.join(" + ");
    let unknown: Vec<_> = present(score).map(|component| format!("{} IS NULL", value(component))).collect();
    let total = match score.when_missing {
        WhenMissing::Redistribute => format!("100 * ({earned}) / NULLIF({}, 0)", known_weight(score)),
        WhenMissing::Zero | WhenMissing::Unknown => format!("({earned})"),
    };
    let none = match score.when_missing {
        WhenMissing::Unknown => unknown.join(" OR "),
        WhenMissing::Redistribute | WhenMissing::Zero => unknown.join(" AND "),
    };
    format!("CASE WHEN {none} THEN NULL ELSE least(CAST({total} AS DOUBLE), CAST(100 AS DOUBLE)) END")
}

/// Where the value stands between floor (0) and ceiling (1), clamped.
fn share(component: &Component) -> String {
    let Component { floor, ceiling, inverted, .. } = component;
    let (zero, one) = (number(0.0), number(1.0));
    let place = format!("({} - {}) / {}", value(component), number(*floor), number(ceiling - floor));
    let clamped = format!("least(greatest({place}, {zero}), {one})");
    if *inverted { format!("({one} - {clamped})") } else { clamped }
}

fn present(score: &Score) -> impl Iterator<Item = &Component> {
    score.components.iter().filter(|component| !component.absent)
}

fn value(component: &Component) -> String {
    format!("CAST({} AS DOUBLE)", identifier(&component.column.name))
}

fn number(value: f64) -> String {
    format!("CAST('{value}' AS DOUBLE)")
}
