//! Segment schemes as SQL: the segment of each account, and the table of scores.

use headwater_metrics::{identifier, joined, literal};

use super::check::{Segment, SegmentScheme};
use super::membership::{COUNTED, MEMBERSHIPS, shape_of};
use crate::expression::{Dialect, Expression, Reason, comparison, reasons};

/// The column of `judged` with each account's segment.
pub(crate) fn column(scheme: &SegmentScheme, dialect: Dialect<'_>) -> String {
    let name = identifier(&segment_column(scheme));
    let segment = if scheme.is_held() {
        held_column(scheme, "segment")
    } else {
        by_segment(scheme, |segment| literal(&segment.id), dialect)
    };
    format!("{segment} AS {name}")
}

/// What `judged` is joined with for a scheme that holds its members.
pub(crate) fn joins(scheme: &SegmentScheme) -> Option<String> {
    let account = held_column(scheme, "account_id");
    // Columns of accounts have at most one dot in their names, so these are nobody else's.
    scheme.is_held().then(|| {
        format!(
            "LEFT JOIN (SELECT account_id AS {account}, segment AS {segment} FROM {MEMBERSHIPS} WHERE scheme = {id}) \
             ON {account} = account_id",
            segment = held_column(scheme, "segment"),
            id = literal(&scheme.header.id.text),
        )
    })
}

fn held_column(scheme: &SegmentScheme, name: &str) -> String {
    identifier(&format!("held.{}.{name}", scheme.header.id.text))
}

fn segment_column(scheme: &SegmentScheme) -> String {
    format!("segment.{}", scheme.header.id.text)
}

/// A value for each segment, for accounts whose segment is not yet known.
fn by_segment(scheme: &SegmentScheme, value: impl Fn(&Segment) -> String, dialect: Dialect<'_>) -> String {
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
pub(crate) fn scores(scheme: &SegmentScheme, dialect: Dialect<'_>) -> String {
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
         now.why, now.unknown, {counted} \
         FROM (SELECT account_id, {segment} AS segment, {score} AS score, {why} AS why, {unknown} AS unknown FROM judged) AS now \
         LEFT JOIN (SELECT account_id, segment, entered_on FROM previous_segment_scores WHERE scheme = {name}) AS before \
         ON before.account_id = now.account_id{held}",
        counted = counted(scheme),
        held = held(scheme),
        why = why(scheme, dialect),
        unknown = unknown(scheme, dialect),
    )
}

/// What is counted of stays; unknown where nobody is held.
fn counted(scheme: &SegmentScheme) -> String {
    if scheme.is_held() {
        let columns = COUNTED.iter().map(|name| format!("held.{name}"));
        return columns.chain([format!("{} AS shape", literal(&shape_of(scheme)))]).collect::<Vec<_>>().join(", ");
    }
    "NULL AS next_segment, NULL AS next_since, NULL AS next_nights, NULL AS leaving_since, NULL AS leaving_nights, \
     NULL AS shape"
        .to_owned()
}

fn held(scheme: &SegmentScheme) -> String {
    let of_scheme = format!(
        " LEFT JOIN (SELECT * FROM {MEMBERSHIPS} WHERE scheme = {}) AS held ON held.account_id = now.account_id",
        literal(&scheme.header.id.text)
    );
    if scheme.is_held() { of_scheme } else { String::new() }
}

/// The conditions that put an account into its segment, with their values, or what would end its stay where they no
/// longer hold.
fn why(scheme: &SegmentScheme, dialect: Dialect<'_>) -> String {
    let column = identifier(&segment_column(scheme));
    let mut sql = format!("CASE {column}");
    for segment in &scheme.segments {
        let words = match &segment.predicate {
            Some(predicate) => {
                let reasons = listed(&reasons(&predicate.whole), dialect);
                match scheme.is_held() {
                    true => format!(
                        "CASE WHEN {} THEN {reasons} ELSE {} END",
                        dialect.sql(&predicate.whole),
                        why_held(segment, dialect)
                    ),
                    false => reasons,
                }
            }
            None => literal("otherwise"),
        };
        sql += &format!(" WHEN {} THEN {words}", literal(&segment.id));
    }
    sql + " END"
}

/// `held: usage_trend_28d = -0.3 (leaves where > -0.2)`.
fn why_held(segment: &Segment, dialect: Dialect<'_>) -> String {
    let Some(exit) = segment.exit_when() else { return literal("held") };
    let words: Vec<_> = exit.leaves.iter().map(|leaf| leaf_words(&leaf.expression, "leaves where ", dialect)).collect();
    format!("concat('held: ', {})", joined(", ", &words))
}

/// Reasons that hold, joined with commas.
fn listed(reasons: &[Reason<'_>], dialect: Dialect<'_>) -> String {
    let words: Vec<_> = reasons.iter().map(|reason| reason_words(reason, dialect)).collect();
    format!("coalesce({}, '')", joined(", ", &words))
}

fn reason_words(reason: &Reason<'_>, dialect: Dialect<'_>) -> String {
    let (condition, words) = match reason {
        Reason::Leaf(leaf) => (leaf, leaf_words(leaf, "", dialect)),
        Reason::Alternative(alternative, parts) => (alternative, listed(parts, dialect)),
    };
    format!("CASE WHEN {} THEN {words} END", dialect.sql(condition))
}

/// `usage_trend_28d = -0.62 (<= -0.5)`.
fn leaf_words(leaf: &Expression, before_operator: &str, dialect: Dialect<'_>) -> String {
    match comparison(leaf) {
        Some(found) => {
            let before = literal(&format!("{} = ", found.value));
            let value = dialect.words(found.value);
            let threshold = match found.threshold.filter(|threshold| threshold.constant().is_none()) {
                Some(threshold) => format!("COALESCE({}, 'unknown')", dialect.words(threshold)),
                None => literal(&found.words),
            };
            let operator = literal(&format!(" ({before_operator}{} ", found.operator));
            format!("concat({before}, COALESCE({value}, 'unknown'), {operator}, {threshold}, ')')")
        }
        None => literal(&leaf.to_string()),
    }
}

/// Whether a segment tried before the account's own could not be decided.
fn unknown(scheme: &SegmentScheme, dialect: Dialect<'_>) -> String {
    let conditions = scheme.segments.iter().filter_map(|segment| segment.predicate.as_ref());
    let steps: Vec<_> = conditions
        .map(|predicate| dialect.sql(&predicate.whole))
        .map(|holds| format!(" WHEN {holds} THEN FALSE WHEN {holds} IS NULL THEN TRUE"))
        .collect();
    if steps.is_empty() { "FALSE".to_owned() } else { format!("CASE{} ELSE FALSE END", steps.concat()) }
}
