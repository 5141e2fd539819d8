//! Audits as SQL: one row each, with what was found and what was expected.

use headwater_metrics::{identifier, literal};

use super::check::{CheckedAudit, Other, Test};
use super::syntax::{Bounds, Figure};
use crate::compile::Audit;
use crate::expression::Dialect;
use crate::header::RuleSeverity;
use crate::kinds::stretch::days_between;
use crate::kinds::trigger::{OnNull, Trigger, over_limit};

/// All audits, those that triggers ask for with `on_null: error` and `limit` included.
pub(crate) fn audits(audits: &[CheckedAudit], triggers: &[Trigger], dialect: Dialect<'_>) -> Vec<Audit> {
    let written = audits.iter().flat_map(|written| audit(written, dialect));
    let implied = triggers
        .iter()
        .filter(|trigger| trigger.on_null == OnNull::Error)
        .map(|trigger| never_unknown(trigger, dialect));
    let limits = triggers.iter().filter_map(|trigger| over_limit(trigger, dialect));
    written.chain(implied).chain(limits).collect()
}

fn audit(audit: &CheckedAudit, dialect: Dialect<'_>) -> Vec<Audit> {
    let table = identifier(&audit.table);
    let rule = &audit.header.id.text;
    let asked = |id: &str, severity, sql| Audit::asked_by(&audit.header, id.to_owned(), &audit.table, severity, sql);
    let one_of = |sql: String| asked(rule, audit.header.severity, sql);
    let one = |sql: String| vec![one_of(sql)];
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
        Test::Range(column, bounds) => {
            let wrong = outside(&format!("CAST({} AS DOUBLE)", identifier(column)), *bounds);
            one(no_rows(&table, &wrong, &format!("{column} {bounds}")))
        }
        Test::Figure { figure: Figure::RowCount, since_last_night: false, bounds, .. } => one(format!(
            "SELECT {wrong} AS failed, concat(CAST(n AS VARCHAR), ' rows') AS observed, {expected} AS expected \
             FROM (SELECT count(*) AS n FROM {table}) AS counted",
            wrong = outside("CAST(n AS DOUBLE)", *bounds),
            expected = literal(&format!("rows {bounds}")),
        )),
        Test::Figure { figure, column, since_last_night: false, bounds } => {
            let (what, unit, value) = figure_of(*figure, column.as_deref(), dialect);
            one(number(&format!("SELECT {value} AS n FROM {table}"), &format!("{what} {bounds}{unit}"), *bounds))
        }
        Test::Figure { figure, column, since_last_night: true, bounds } => {
            let (what, _, value) = figure_of(*figure, column.as_deref(), dialect);
            let before = previous(&audit.table);
            let said = format!("{what}: change {bounds} % since the last night");
            vec![Audit {
                previous: Some(audit.table.clone()),
                ..one_of(changed(&table, &before, &value, &said, *bounds))
            }]
        }
        Test::Shift(column, bounds) => {
            let shift = shifted(&table, &previous(&audit.table), column, *bounds);
            vec![Audit { previous: Some(audit.table.clone()), ..one_of(shift) }]
        }
        Test::SameSum { column, other, tolerance } => one(same_sum(&table, column, other, *tolerance)),
        Test::SegmentSharePct { scheme, segment, bounds } => {
            let share = share_pct(&format!("segment = {}", literal(segment)), "TRUE");
            let share = format!("SELECT {share} AS n FROM {table} WHERE scheme = {}", literal(scheme));
            one(number(&share, &format!("{segment} of {scheme} {bounds} % of accounts"), *bounds))
        }
        Test::TransitionPct { scheme, from, to, bounds } => {
            let was = format!("previous_segment = {}", literal(from));
            let share = share_pct(&format!("segment = {}", literal(to)), &was);
            let sql = format!("SELECT {share} AS n FROM {table} WHERE scheme = {}", literal(scheme));
            // Where nobody was in the segment, nobody can have left it.
            let sql = format!("SELECT COALESCE(n, 0) AS n FROM ({sql})");
            one(number(&sql, &format!("from {from} to {to} {bounds} % of those who were there"), *bounds))
        }
        Test::FlagsPct { rule, are_new, bounds } => {
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
            one(number(&share, &format!("{what} by {rule} {bounds} % of accounts"), *bounds))
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

/// A figure in words, its unit, and its value as SQL.
fn figure_of(figure: Figure, column: Option<&str>, dialect: Dialect<'_>) -> (String, &'static str, String) {
    let column = column.unwrap_or_default();
    let name = identifier(column);
    // Sums are of decimals: those of floating numbers would depend on the order of rows.
    let exact = format!("TRY_CAST({name} AS DECIMAL(38, 6))");
    let as_number = format!("CAST({name} AS DOUBLE)");
    let of_column = |what: &str| format!("{what} of {column}");
    match figure {
        Figure::RowCount => ("rows".to_owned(), "", "CAST(count(*) AS DOUBLE)".to_owned()),
        Figure::UnknownPct => (of_column("unknown"), " %", share_pct(&format!("{name} IS NULL"), "TRUE")),
        Figure::Sum => (of_column("sum"), "", format!("CAST(sum({exact}) AS DOUBLE)")),
        Figure::Mean => (of_column("mean"), "", format!("CAST(sum({exact}) AS DOUBLE) / nullif(count({exact}), 0)")),
        Figure::Median => (of_column("median"), "", format!("median({as_number})")),
        Figure::Quantile(at) => {
            (of_column(&format!("{at} quantile")), "", format!("percentile_cont({as_number}, {at:?})"))
        }
        Figure::AgeDays => {
            let newest = days_between(&Dialect::date(dialect.as_of), &format!("max({name})"));
            (of_column("newest day"), " days old", format!("CAST({newest} AS DOUBLE)"))
        }
    }
}

/// The share of rows, in percent, of those of which `among` holds, as an aggregate.
fn share_pct(which: &str, among: &str) -> String {
    format!(
        "CAST(count(CASE WHEN {among} AND {which} THEN 1 END) AS DOUBLE) * 100 \
         / nullif(CAST(count(CASE WHEN {among} THEN 1 END) AS DOUBLE), 0)"
    )
}

/// One number between bounds, from a select of it as `n`. Where there is none, the audit fails: nothing is known.
fn number(select: &str, expected: &str, bounds: Bounds) -> String {
    format!(
        "SELECT COALESCE({wrong}, TRUE) AS failed, COALESCE(CAST(round(n, 4) AS VARCHAR), 'nothing to look at') AS observed, \
         {expected} AS expected FROM ({select}) AS found",
        wrong = outside("n", bounds),
        expected = literal(expected),
    )
}

fn outside(value: &str, Bounds { min, max }: Bounds) -> String {
    let below = min.map(|min| format!("{value} < CAST('{min}' AS DOUBLE)"));
    let above = max.map(|max| format!("{value} > CAST('{max}' AS DOUBLE)"));
    let parts: Vec<_> = [below, above].into_iter().flatten().collect();
    if parts.is_empty() { "FALSE".to_owned() } else { format!("({})", parts.join(" OR ")) }
}

/// A table as it was published for the last night.
fn previous(table: &str) -> String {
    identifier(&format!("previous_{table}"))
}

/// The change of a number in percent. Where nothing is known of the last night there is nothing to compare with.
fn changed(table: &str, before: &str, value: &str, expected: &str, bounds: Bounds) -> String {
    let change = "CASE WHEN now = before THEN 0 ELSE (now - before) * 100 / nullif(abs(before), 0) END";
    compared(
        &format!(
            "SELECT {change} AS n, rows = 0 OR before IS NULL AS is_first FROM (SELECT {value} AS now FROM {table}) \
             CROSS JOIN (SELECT {value} AS before, count(*) AS rows FROM {before})"
        ),
        expected,
        bounds,
    )
}

/// The greatest distance between the shares of values up to some value, tonight and on the last night: the statistic of
/// Kolmogorov and Smirnov, from 0 (the same distribution) to 1.
fn shifted(table: &str, before: &str, column: &str, bounds: Bounds) -> String {
    let name = identifier(column);
    let known = |table: &str, now: u8, before: u8| {
        format!(
            "SELECT CAST({name} AS DOUBLE) AS value, {now} AS now, {before} AS before FROM {table} WHERE {name} IS NOT NULL"
        )
    };
    let counted = format!(
        "SELECT value, sum(now) AS now, sum(before) AS before FROM ({} UNION ALL {}) GROUP BY value",
        known(table, 1, 0),
        known(before, 0, 1),
    );
    let so_far = |side: &str| {
        format!("CAST(sum({side}) OVER (ORDER BY value) AS DOUBLE) / nullif(CAST(sum({side}) OVER () AS DOUBLE), 0)")
    };
    compared(
        &format!(
            "SELECT max(abs(now_share - before_share)) AS n, COALESCE(max(before), 0) = 0 AS is_first \
             FROM (SELECT before, {} AS now_share, {} AS before_share FROM ({counted}))",
            so_far("now"),
            so_far("before"),
        ),
        &format!("shift of {column} {bounds} since the last night"),
        bounds,
    )
}

/// One number between bounds, that only a night after another has: a select of `n` and `is_first`.
fn compared(select: &str, expected: &str, bounds: Bounds) -> String {
    format!(
        "SELECT NOT is_first AND COALESCE({wrong}, TRUE) AS failed, CASE WHEN is_first THEN 'no night before' \
         ELSE COALESCE(CAST(round(n, 4) AS VARCHAR), 'nothing to look at') END AS observed, {expected} AS expected \
         FROM ({select}) AS found",
        wrong = outside("n", bounds),
        expected = literal(expected),
    )
}

/// Two sums that must agree; one that is unknown agrees with none.
fn same_sum(table: &str, column: &str, other: &Other, tolerance: f64) -> String {
    let sum = |column: &str| format!("sum(TRY_CAST({} AS DECIMAL(38, 6)))", identifier(column));
    let rows = other
        .rows
        .iter()
        .map(|(column, value)| format!("CAST({} AS VARCHAR) = {}", identifier(column), literal(value)));
    let rows = std::iter::once("TRUE".to_owned()).chain(rows).collect::<Vec<_>>().join(" AND ");
    let shown = |side: &str| format!("COALESCE(CAST({side} AS VARCHAR), 'nothing')");
    format!(
        "SELECT COALESCE(abs(own - other) > CAST('{tolerance}' AS DOUBLE), TRUE) AS failed, \
         concat({own}, ' and ', {of_other}) AS observed, {expected} AS expected \
         FROM (SELECT CAST({own_sum} AS DOUBLE) AS own FROM {table}) \
         CROSS JOIN (SELECT CAST({other_sum} AS DOUBLE) AS other FROM {other_table} WHERE {rows})",
        own = shown("own"),
        of_other = shown("other"),
        expected = literal(&format!("sum of {column} that of {} in {}", other.column, other.table)),
        own_sum = sum(column),
        other_sum = sum(&other.column),
        other_table = identifier(&other.table),
    )
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
fn never_unknown(trigger: &Trigger, dialect: Dialect<'_>) -> Audit {
    let unknown = format!("({}) IS NULL", dialect.sql(&trigger.when.whole));
    let wrong = match &trigger.scope {
        Some(scope) => format!("{} AND {unknown}", dialect.sql(&scope.whole)),
        None => unknown,
    };
    let rule = &trigger.header.id.text;
    let expected = format!("the trigger {rule} is never unknown");
    let sql = no_rows("judged", &wrong, &expected);
    Audit::asked_by(&trigger.header, format!("on_null_{rule}"), "judged", RuleSeverity::Error, sql)
}
