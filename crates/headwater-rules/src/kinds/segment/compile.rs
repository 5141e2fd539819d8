//! Segment schemes as SQL: the population columns, the segment of each account, and the table of scores.

use headwater_metrics::{Unit, identifier, literal};

use super::check::{Segment, SegmentScheme};
use super::presets::{Population, PopulationColumn};
use crate::expression::{Dialect, Expression, Reason, comparison, reasons};

/// Joins that add the population columns to the table `base`, and the columns' definitions.
#[derive(Debug, Default)]
pub(crate) struct PopulationSql {
    pub(crate) joins: Vec<String>,
    pub(crate) columns: Vec<(String, Unit, String)>,
}

/// The SQL of all population columns, over a table `base` of accounts.
pub(crate) fn population<'a>(columns: impl IntoIterator<Item = &'a PopulationColumn>) -> PopulationSql {
    let mut sql = PopulationSql::default();
    for (at, column) in columns.into_iter().enumerate() {
        let name = identifier(&column.name);
        let input = format!("CAST({} AS DOUBLE)", identifier(&column.input.name));
        let alias = format!("population_{at}");
        match column.form {
            Population::Score { bins, fewer_is_better } => {
                sql.joins.push(format!("CROSS JOIN ({}) AS {alias}", edges(&input, bins)));
                sql.columns.push((score(&input, &alias, bins, fewer_is_better), Unit::Count, name));
            }
            Population::TopPct => {
                sql.joins
                    .push(format!("LEFT JOIN ({}) AS {alias} ON {alias}.account_id = base.account_id", places(&input)));
                sql.columns.push((format!("{alias}.place"), Unit::Percent, name));
            }
        }
    }
    sql
}

/// One row with the inner quantile edges of all known values.
///
/// Type 7: edge k of n values lies at the position k (n - 1) / bins, counted from 0. The position is kept as whole
/// number and remainder, so that an edge that is a value is exactly that value.
fn edges(input: &str, bins: i64) -> String {
    let edge = |k: i64| {
        let at = |offset| format!("max(CASE WHEN place = {k} * (n - 1) / {bins} + {offset} THEN value END)");
        let (low, high) = (at(1), at(2));
        let rest = format!("CAST(max({k} * (n - 1) % {bins}) AS DOUBLE) / {bins}");
        format!("{low} + COALESCE({high} - {low}, 0) * {rest} AS edge_{k}")
    };
    let edges: Vec<_> = (1..bins).map(edge).collect();
    format!(
        "SELECT {} FROM (SELECT {input} AS value, CAST(row_number() OVER (ORDER BY {input}, account_id) AS BIGINT) AS place \
         FROM base WHERE {input} IS NOT NULL) AS sorted \
         CROSS JOIN (SELECT CAST(count({input}) AS BIGINT) AS n FROM base) AS counted",
        edges.join(", ")
    )
}

/// One more than the edges a value has passed: equal values share a score, and a value on an edge stays below it.
fn score(input: &str, alias: &str, bins: i64, fewer_is_better: bool) -> String {
    let passed = if fewer_is_better { "<" } else { ">" };
    let steps: Vec<_> =
        (1..bins).map(|k| format!("CASE WHEN base_value {passed} {alias}.edge_{k} THEN 1 ELSE 0 END")).collect();
    let steps = steps.join(" + ").replace("base_value", input);
    format!("CASE WHEN {input} IS NULL THEN NULL ELSE 1 + {steps} END")
}

/// For every account with a value, the percentage of those with at least as much.
fn places(input: &str) -> String {
    format!(
        "SELECT account_id, CAST(n - below AS DOUBLE) * 100 / CAST(n AS DOUBLE) AS place \
         FROM (SELECT account_id, CAST(rank() OVER (ORDER BY {input}) AS BIGINT) - 1 AS below \
         FROM base WHERE {input} IS NOT NULL) AS ranked \
         CROSS JOIN (SELECT CAST(count({input}) AS BIGINT) AS n FROM base) AS counted"
    )
}

/// The column of `judged` with each account's segment.
pub(crate) fn column(scheme: &SegmentScheme, dialect: Dialect) -> String {
    let name = identifier(&segment_column(scheme));
    format!("{} AS {name}", by_segment(scheme, |segment| literal(&segment.id), dialect))
}

fn segment_column(scheme: &SegmentScheme) -> String {
    format!("segment.{}", scheme.header.id.text)
}

/// A value for each segment, for accounts whose segment is not yet known.
fn by_segment(scheme: &SegmentScheme, value: impl Fn(&Segment) -> String, dialect: Dialect) -> String {
    let mut sql = String::new();
    let mut rest = "NULL".to_owned();
    for segment in &scheme.segments {
        match &segment.predicate {
            Some(predicate) => sql += &format!(" WHEN {} THEN {}", dialect.sql(&predicate.whole), value(segment)),
            None => rest = value(segment),
        }
    }
    if sql.is_empty() { rest } else { format!("CASE{sql} ELSE {rest} END") }
}

/// The rows of `segment_scores` for one scheme, over `judged` and the last published night.
pub(crate) fn scores(scheme: &SegmentScheme, dialect: Dialect) -> String {
    let name = literal(&scheme.header.id.text);
    let segment = identifier(&segment_column(scheme));
    let as_of = Dialect::date(dialect.as_of);
    let (score, rank) = match &scheme.score {
        Some(score) => {
            let rank = "CASE WHEN now.score IS NOT NULL THEN rank() OVER (ORDER BY now.score DESC NULLS LAST) END";
            (dialect.double(score), rank)
        }
        None => ("CAST(NULL AS DOUBLE)".to_owned(), "CAST(NULL AS BIGINT)"),
    };
    format!(
        "SELECT {as_of} AS as_of, now.account_id, {name} AS scheme, now.segment, now.score, \
         {rank} AS rank, \
         before.segment AS previous_segment, \
         CASE WHEN before.segment = now.segment THEN COALESCE(before.entered_on, {as_of}) ELSE {as_of} END AS entered_on, \
         now.why, now.unknown \
         FROM (SELECT account_id, {segment} AS segment, {score} AS score, {why} AS why, {unknown} AS unknown FROM judged) AS now \
         LEFT JOIN (SELECT account_id, segment, entered_on FROM previous_segment_scores WHERE scheme = {name}) AS before \
         ON before.account_id = now.account_id",
        why = why(scheme, dialect),
        unknown = unknown(scheme, dialect),
    )
}

/// The conditions that put an account into its segment, with their values.
fn why(scheme: &SegmentScheme, dialect: Dialect) -> String {
    let column = identifier(&segment_column(scheme));
    let mut sql = format!("CASE {column}");
    for segment in &scheme.segments {
        let words = match &segment.predicate {
            Some(predicate) => listed(&reasons(&predicate.whole), dialect),
            None => literal("otherwise"),
        };
        sql += &format!(" WHEN {} THEN {words}", literal(&segment.id));
    }
    sql + " END"
}

/// Reasons that hold, joined with commas.
fn listed(reasons: &[Reason<'_>], dialect: Dialect) -> String {
    let words: Vec<_> = reasons.iter().map(|reason| reason_words(reason, dialect)).collect();
    format!("concat_ws(', ', {})", words.join(", "))
}

fn reason_words(reason: &Reason<'_>, dialect: Dialect) -> String {
    let (condition, words) = match reason {
        Reason::Leaf(leaf) => (leaf, leaf_words(leaf, dialect)),
        Reason::Alternative(alternative, parts) => (alternative, listed(parts, dialect)),
    };
    format!("CASE WHEN {} THEN {words} END", dialect.sql(condition))
}

/// `usage_trend_28d = -0.62 (<= -0.5)`.
fn leaf_words(leaf: &Expression, dialect: Dialect) -> String {
    match comparison(leaf) {
        Some(found) => {
            let before = literal(&format!("{} = ", found.value));
            let value = dialect.words(found.value);
            let threshold = match found.threshold.filter(|threshold| threshold.constant().is_none()) {
                Some(threshold) => format!("COALESCE({}, 'unknown')", dialect.words(threshold)),
                None => literal(&found.words),
            };
            let operator = literal(&format!(" ({} ", found.operator));
            format!("concat({before}, COALESCE({value}, 'unknown'), {operator}, {threshold}, ')')")
        }
        None => literal(&leaf.to_string()),
    }
}

/// Whether a segment tried before the account's own could not be decided.
fn unknown(scheme: &SegmentScheme, dialect: Dialect) -> String {
    let conditions = scheme.segments.iter().filter_map(|segment| segment.predicate.as_ref());
    let steps: Vec<_> = conditions
        .map(|predicate| dialect.sql(&predicate.whole))
        .map(|holds| format!(" WHEN {holds} THEN FALSE WHEN {holds} IS NULL THEN TRUE"))
        .collect();
    if steps.is_empty() { "FALSE".to_owned() } else { format!("CASE{} ELSE FALSE END", steps.concat()) }
}
