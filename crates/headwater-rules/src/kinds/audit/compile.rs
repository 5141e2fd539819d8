//! Audits as SQL: one row each, with what was found and what was expected.

use headwater_metrics::{Query, identifier, literal};

use super::check::{CheckedAudit, Test};
use super::syntax::OfColumn;
use crate::compile::Audit;
use crate::expression::Dialect;
use crate::header::RuleSeverity;
use crate::kinds::trigger::{OnNull, Trigger, over_limit};

/// All audits, those that triggers ask for with `on_null: error` and `limit` included.
pub(crate) fn audits(audits: &[CheckedAudit], triggers: &[Trigger], dialect: Dialect) -> Vec<Audit> {
    let written = audits.iter().flat_map(audit);
    let implied = triggers
        .iter()
        .filter(|trigger| trigger.on_null == OnNull::Error)
        .map(|trigger| never_unknown(trigger, dialect));
    let limits = triggers.iter().filter_map(|trigger| over_limit(trigger, dialect));
    written.chain(implied).chain(limits).collect()
}

fn audit(audit: &CheckedAudit) -> Vec<Audit> {
    let table = identifier(&audit.table);
    let rule = &audit.header.id.text;
    let asked = |id: &str, severity: RuleSeverity, sql: String| named([id, rule], &audit.table, severity, sql);
    let one = |sql: String| vec![asked(rule, audit.header.severity, sql)];
    match &audit.test {
        Test::Unique(columns) => one(unique(&table, columns)),
        Test::NotNull(columns) => {
            let unknown: Vec<_> = columns.iter().map(|column| format!("{} IS NULL", identifier(column))).collect();
            one(no_rows(&table, &unknown.join(" OR "), &format!("{} known in every row", columns.join(", "))))
        }
        Test::AcceptedValues(column, values) => {
            let listed: Vec<_> = values.iter().map(|value| literal(value)).collect();
            let wrong = format!("CAST({} AS VARCHAR) NOT IN ({})", identifier(column), listed.join(", "));
            one(no_rows(&table, &wrong, &format!("{column} one of {}", values.join(", "))))
        }
        Test::Range(column, min, max) => {
            let wrong = outside(&format!("CAST({} AS DOUBLE)", identifier(column)), *min, *max);
            one(no_rows(&table, &wrong, &format!("{column} {}", bounds(*min, *max))))
        }
        Test::RowCount(min, max) => one(format!(
            "SELECT {wrong} AS failed, concat(CAST(n AS VARCHAR), ' rows') AS observed, {expected} AS expected \
             FROM (SELECT count(*) AS n FROM {table}) AS counted",
            wrong = outside("CAST(n AS DOUBLE)", *min, *max),
            expected = literal(&format!("rows {}", bounds(*min, *max))),
        )),
        Test::OfColumn(of, column, min, max) => {
            let name = identifier(column);
            // Sums are of decimals: those of floating numbers would depend on the order of rows.
            let exact = format!("TRY_CAST({name} AS DECIMAL(38, 6))");
            let (what, value) = match of {
                OfColumn::UnknownPct => (
                    "unknown",
                    format!("CAST(count(*) - count({name}) AS DOUBLE) * 100 / nullif(CAST(count(*) AS DOUBLE), 0)"),
                ),
                OfColumn::Sum => ("sum", format!("CAST(sum({exact}) AS DOUBLE)")),
                OfColumn::Mean => ("mean", format!("CAST(sum({exact}) AS DOUBLE) / nullif(count({exact}), 0)")),
                OfColumn::Median => ("median", format!("median(CAST({name} AS DOUBLE))")),
            };
            let unit = if *of == OfColumn::UnknownPct { " %" } else { "" };
            let said = format!("{what} of {column} {}{unit}", bounds(*min, *max));
            one(number(&format!("SELECT {value} AS n FROM {table}"), &said, *min, *max))
        }
        Test::SegmentSharePct { scheme, segment, min, max } => {
            let share = format!(
                "SELECT CAST(count(CASE WHEN segment = {} THEN 1 END) AS DOUBLE) * 100 / nullif(CAST(count(*) AS DOUBLE), 0) AS n \
                 FROM {table} WHERE scheme = {}",
                literal(segment),
                literal(scheme),
            );
            one(number(&share, &format!("{segment} of {scheme} {} % of accounts", bounds(*min, *max)), *min, *max))
        }
        Test::FlagsPct { rule, are_new, min, max } => {
            let (what, state) = if *are_new {
                ("newly flagged", "state <> 'resolved' AND first_night = as_of")
            } else {
                ("resolved", "state = 'resolved'")
            };
            let share = format!(
                "SELECT CAST(count(*) AS DOUBLE) * 100 / nullif((SELECT CAST(count(*) AS DOUBLE) FROM judged), 0) AS n \
                 FROM {table} WHERE rule_id = {} AND {state}",
                literal(rule),
            );
            let said = format!("{what} by {rule} {} % of accounts", bounds(*min, *max));
            one(number(&share, &said, *min, *max))
        }
        Test::MovedPct { scheme, warn, error } => {
            let limit = |limit: Option<f64>, severity: RuleSeverity| {
                let id = format!("{rule}_{}", severity.word());
                limit.map(|limit| asked(&id, severity, moved(&table, scheme, limit)))
            };
            [limit(*warn, RuleSeverity::Warn), limit(*error, RuleSeverity::Error)].into_iter().flatten().collect()
        }
    }
}

/// An audit by its id and the rule that asks for it.
fn named([id, rule]: [&str; 2], table: &str, severity: RuleSeverity, sql: String) -> Audit {
    let query = Query::new(format!("audit {id}"), sql);
    Audit { id: id.to_owned(), rule_id: rule.to_owned(), table: table.to_owned(), severity, query }
}

fn unique(table: &str, columns: &[String]) -> String {
    let names: Vec<_> = columns.iter().map(|column| identifier(column)).collect();
    let names = names.join(", ");
    format!(
        "SELECT n > 0 AS failed, concat(CAST(n AS VARCHAR), ' repeated') AS observed, {expected} AS expected \
         FROM (SELECT count(*) AS n FROM (SELECT {names} FROM {table} GROUP BY {names} HAVING count(*) > 1) AS repeated) AS counted",
        expected = literal(&format!("no two rows of equal {}", columns.join(", "))),
    )
}

/// No row may be wrong; a row whose test is unknown is not.
fn no_rows(table: &str, wrong: &str, expected: &str) -> String {
    format!(
        "SELECT n > 0 AS failed, concat(CAST(n AS VARCHAR), ' rows') AS observed, {expected} AS expected \
         FROM (SELECT count(CASE WHEN {wrong} THEN 1 END) AS n FROM {table}) AS counted",
        expected = literal(expected),
    )
}

/// One number between bounds, from a select of it as `n`. Where there is none, the audit fails: nothing is known.
fn number(select: &str, expected: &str, min: Option<f64>, max: Option<f64>) -> String {
    format!(
        "SELECT COALESCE({wrong}, TRUE) AS failed, COALESCE(CAST(round(n, 4) AS VARCHAR), 'nothing to look at') AS observed, \
         {expected} AS expected FROM ({select}) AS found",
        wrong = outside("n", min, max),
        expected = literal(expected),
    )
}

fn outside(value: &str, min: Option<f64>, max: Option<f64>) -> String {
    let below = min.map(|min| format!("{value} < CAST('{min}' AS DOUBLE)"));
    let above = max.map(|max| format!("{value} > CAST('{max}' AS DOUBLE)"));
    let parts: Vec<_> = [below, above].into_iter().flatten().collect();
    if parts.is_empty() { "FALSE".to_owned() } else { format!("({})", parts.join(" OR ")) }
}

fn bounds(min: Option<f64>, max: Option<f64>) -> String {
    match (min, max) {
        (Some(min), Some(max)) => format!("from {min} to {max}"),
        (Some(min), None) => format!("at least {min}"),
        (None, Some(max)) => format!("at most {max}"),
        (None, None) => "any".to_owned(),
    }
}

/// The share of accounts known last night whose segment is another tonight.
fn moved(table: &str, scheme: &str, limit: f64) -> String {
    format!(
        "SELECT CAST(moved AS DOUBLE) * 100 > CAST(n AS DOUBLE) * CAST('{limit}' AS DOUBLE) AS failed, \
         concat(CAST(moved AS VARCHAR), ' of ', CAST(n AS VARCHAR), ' accounts moved') AS observed, \
         'at most {limit} %' AS expected \
         FROM (SELECT count(previous_segment) AS n, count(CASE WHEN previous_segment <> segment THEN 1 END) AS moved \
         FROM {table} WHERE scheme = {scheme}) AS counted",
        scheme = literal(scheme),
    )
}

/// A trigger that refuses unknown conditions: no account may have one.
fn never_unknown(trigger: &Trigger, dialect: Dialect) -> Audit {
    let unknown = format!("({}) IS NULL", dialect.sql(&trigger.when.whole));
    let wrong = match &trigger.scope {
        Some(scope) => format!("{} AND {unknown}", dialect.sql(&scope.whole)),
        None => unknown,
    };
    let rule = &trigger.header.id.text;
    let expected = format!("the trigger {rule} is never unknown");
    let sql = no_rows("judged", &wrong, &expected);
    named([&format!("on_null_{rule}"), rule], "judged", RuleSeverity::Error, sql)
}
