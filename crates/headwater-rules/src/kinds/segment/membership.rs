//! Where accounts are held, as SQL: what tonight says of each, and where that leaves it after where it was published to
//! be the last night before. Schemes without holds need none of this.

use headwater_metrics::{Query, identifier, literal};

use super::check::{Segment, SegmentScheme};
use super::hold::Hold;
use crate::expression::{Dialect, hashed, shape};
use crate::kinds::stretch::days_between;

/// The table of [`memberships`].
pub(super) const MEMBERSHIPS: &str = "memberships";

/// What of a stay is published, and read the night after.
pub(super) const COUNTED: [&str; 5] = ["next_segment", "next_since", "next_nights", "leaving_since", "leaving_nights"];

/// For each account and scheme with holds: its segment tonight, the one it is about to enter, and since when it has
/// reason to leave. Over `account_metrics` and the last published night.
pub(crate) fn memberships(schemes: &[SegmentScheme], dialect: Dialect<'_>) -> Option<Query> {
    let held: Vec<_> =
        schemes.iter().filter(|scheme| scheme.is_held()).map(|scheme| of_scheme(scheme, dialect)).collect();
    let sql = held.join(" UNION ALL ");
    (!held.is_empty()).then(|| Query::new(MEMBERSHIPS, sql))
}

/// What must be the same as it was for a stay to go on.
pub(super) fn shape_of(scheme: &SegmentScheme) -> String {
    let of_segment = |segment: &Segment| {
        let when = segment.predicate.as_ref().map_or_else(String::new, |predicate| shape(&predicate.whole));
        format!("{}\n{when}\n{}", segment.id, hold(segment).shape())
    };
    hashed(&scheme.segments.iter().map(of_segment).collect::<Vec<_>>().join("\n"))
}

fn hold(segment: &Segment) -> Hold {
    segment.hold.clone().unwrap_or_default()
}

fn of_scheme(scheme: &SegmentScheme, dialect: Dialect<'_>) -> String {
    let leaving = "segment = \"before.segment\"";
    format!(
        "SELECT account_id, {scheme_id} AS scheme, segment, \
         CASE WHEN NOT enters THEN candidate END AS next_segment, CASE WHEN NOT enters THEN since END AS next_since, \
         CASE WHEN NOT enters THEN nights END AS next_nights, \
         CASE WHEN {leaving} THEN leaving_since END AS leaving_since, \
         CASE WHEN {leaving} THEN leaving_nights END AS leaving_nights, {shape} AS shape \
         FROM (SELECT *, CASE WHEN enters THEN candidate ELSE \"before.segment\" END AS segment FROM ({entered}))",
        scheme_id = literal(&scheme.header.id.text),
        shape = literal(&shape_of(scheme)),
        entered = entered(scheme, dialect),
    )
}

/// Whether each account goes to the segment that it belongs to tonight: at once where it was nowhere before, else after
/// it belonged there as long as that segment asks.
fn entered(scheme: &SegmentScheme, dialect: Dialect<'_>) -> String {
    let as_of = Dialect::date(dialect.as_of);
    let waited = by_segment(scheme, "candidate", |hold| hold.enter_for.has_passed("nights", "since", &as_of));
    let goes_on = format!(
        "(candidate = \"before.next_segment\" AND gap <= {})",
        by_segment(scheme, "candidate", |hold| hold.max_gap_days.to_string())
    );
    format!(
        "SELECT *, \"before.segment\" IS NULL OR candidate = \"before.segment\" OR {waited} AS enters FROM \
         (SELECT *, CASE WHEN {goes_on} THEN \"before.next_nights\" + 1 ELSE 1 END AS nights, \
         CASE WHEN {goes_on} THEN \"before.next_since\" ELSE {as_of} END AS since FROM ({candidates}))",
        candidates = candidates(scheme, dialect),
    )
}

/// The segment that each account belongs to tonight: the first whose condition holds, or that it is in and has not left.
fn candidates(scheme: &SegmentScheme, dialect: Dialect<'_>) -> String {
    let as_of = Dialect::date(dialect.as_of);
    let mut cases = String::new();
    let mut rest = "NULL".to_owned();
    for (at, segment) in scheme.segments.iter().enumerate() {
        let id = literal(&segment.id);
        if segment.predicate.is_none() {
            rest = id;
            continue;
        }
        let has_left = hold(segment).exit_for.has_passed("leaving_nights", "leaving_since", &as_of);
        let stays = format!("COALESCE(\"before.segment\" = {id} AND NOT COALESCE({has_left}, FALSE), FALSE)");
        cases += &format!(" WHEN {} OR {stays} THEN {id}", matched(at));
    }
    let goes_on = format!(
        "(\"before.leaving_nights\" IS NOT NULL AND gap <= {})",
        by_segment(scheme, "\"before.segment\"", |hold| hold.max_gap_days.to_string())
    );
    format!(
        "SELECT *, CASE{cases} ELSE {rest} END AS candidate FROM \
         (SELECT *, CASE WHEN NOT ends THEN NULL WHEN {goes_on} THEN \"before.leaving_nights\" + 1 ELSE 1 END \
         AS leaving_nights, \
         CASE WHEN NOT ends THEN NULL WHEN {goes_on} THEN \"before.leaving_since\" ELSE {as_of} END AS leaving_since \
         FROM ({facts}))",
        facts = facts(scheme, dialect),
    )
}

/// Which conditions hold of each account tonight, and where it was.
fn facts(scheme: &SegmentScheme, dialect: Dialect<'_>) -> String {
    let mut holds = Vec::new();
    let mut ends = String::new();
    for (at, segment) in scheme.segments.iter().enumerate() {
        let Some(predicate) = &segment.predicate else { continue };
        let when = format!("COALESCE({}, FALSE)", dialect.sql(&predicate.whole));
        let exit = match hold(segment).exit_when {
            Some(exit) => format!("(COALESCE({}, FALSE) AND NOT {when})", dialect.sql(&exit.whole)),
            None => format!("NOT {when}"),
        };
        ends += &format!(" WHEN {} THEN {exit}", literal(&segment.id));
        holds.push(format!("{when} AS {}", matched(at)));
    }
    // Columns of accounts have names without a dot, so those of the night before are nobody else's.
    let before: Vec<_> =
        ["segment"].iter().chain(&COUNTED).map(|name| format!("{name} AS \"before.{name}\"")).collect();
    let ends =
        if ends.is_empty() { "FALSE".to_owned() } else { format!("CASE \"before.segment\"{ends} ELSE FALSE END") };
    format!(
        "SELECT account_id, {names}, {holds}, {ends} AS ends, COALESCE({gap}, 0) AS gap FROM account_metrics LEFT JOIN \
         (SELECT account_id AS \"before.account_id\", as_of AS \"before.as_of\", {before} FROM previous_segment_scores \
         WHERE scheme = {id} AND shape = {shape}) AS before ON \"before.account_id\" = account_id",
        names =
            ["segment"].iter().chain(&COUNTED).map(|name| format!("\"before.{name}\"")).collect::<Vec<_>>().join(", "),
        holds = holds.join(", "),
        gap = days_between(&Dialect::date(dialect.as_of), "\"before.as_of\""),
        before = before.join(", "),
        id = literal(&scheme.header.id.text),
        shape = literal(&shape_of(scheme)),
    )
}

/// The column that says whether the condition of a segment holds.
fn matched(at: usize) -> String {
    identifier(&format!("matched.{at}"))
}

/// What each segment says, for the segment that `column` names.
fn by_segment(scheme: &SegmentScheme, column: &str, says: impl Fn(&Hold) -> String) -> String {
    let cases: String = scheme
        .segments
        .iter()
        .filter_map(|segment| Some((segment, segment.hold.as_ref()?)))
        .map(|(segment, hold)| format!(" WHEN {} THEN {}", literal(&segment.id), says(hold)))
        .collect();
    let usual = says(&Hold::default());
    format!("CASE {column}{cases} ELSE {usual} END")
}
