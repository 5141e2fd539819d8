//! Milestone ladders as SQL: who reached what, and who did what out of order.

use headwater_metrics::{identifier, joined, literal};

use super::check::{Ladder, Milestone, OutOfOrder};
use crate::expression::Dialect;
use crate::kinds::trigger::{Evidence, EvidenceRow, evidence_rows, leaf_evidence};

/// The columns of `judged` that say which milestones an account has reached.
pub(crate) fn columns(ladder: &Ladder, dialect: Dialect<'_>) -> Vec<String> {
    let column = |milestone: &Milestone| {
        format!("COALESCE({}, FALSE) AS {}", dialect.sql(&milestone.reached_when.whole), reached(ladder, &milestone.id))
    };
    ladder.milestones.iter().map(column).collect()
}

/// The column that says whether a milestone is reached.
fn reached(ladder: &Ladder, milestone: &str) -> String {
    identifier(&format!("milestone.{}.{milestone}", ladder.header.id.text))
}

/// The rows of `milestone_states` for one ladder; `signed_up` is whether accounts have a day of sign-up.
pub(crate) fn states(ladder: &Ladder, signed_up: bool, dialect: Dialect<'_>) -> String {
    let name = literal(&ladder.header.id.text);
    let as_of = Dialect::date(dialect.as_of);
    format!(
        "SELECT {as_of} AS as_of, now.account_id, {name} AS ladder, now.milestone, \
         CASE WHEN now.milestone IS NULL THEN NULL \
         ELSE COALESCE(now.reached_on, CASE WHEN before.milestone = now.milestone THEN before.reached_on END, {as_of}) END \
         AS reached_on, \
         now.next_milestone, now.due_on, COALESCE(now.due_on < {as_of}, FALSE) AS overdue, now.out_of_order \
         FROM (SELECT account_id, {last} AS milestone, {reached_on} AS reached_on, {next} AS next_milestone, \
         {due_on} AS due_on, {out_of_order} AS out_of_order FROM judged) AS now \
         LEFT JOIN (SELECT account_id, milestone, reached_on FROM previous_milestone_states WHERE ladder = {name}) AS before \
         ON before.account_id = now.account_id",
        last = by_progress(ladder, |last, _| last.map(|last| literal(&last.id))),
        next = by_progress(ladder, |_, next| next.map(|next| literal(&next.id))),
        reached_on = by_progress(ladder, |last, _| last.and_then(|last| Some(dialect.sql(last.reached_on.as_ref()?)))),
        due_on = if signed_up { due_on(ladder) } else { "CAST(NULL AS DATE)".to_owned() },
        out_of_order = out_of_order(ladder, dialect),
    )
}

/// A value by the last milestone reached without a gap, and the one after it.
fn by_progress(ladder: &Ladder, value: impl Fn(Option<&Milestone>, Option<&Milestone>) -> Option<String>) -> String {
    let mut sql = "CASE".to_owned();
    let mut last = None;
    let or_null = |value: Option<String>| value.unwrap_or_else(|| "NULL".to_owned());
    for milestone in &ladder.milestones {
        sql += &format!(" WHEN NOT {} THEN {}", reached(ladder, &milestone.id), or_null(value(last, Some(milestone))));
        last = Some(milestone);
    }
    sql + &format!(" ELSE {} END", or_null(value(last, None)))
}

/// The day the next milestone should be reached.
fn due_on(ladder: &Ladder) -> String {
    by_progress(ladder, |_, next| {
        let days = next?.due_within_days?;
        Some(format!("CAST(CAST(signed_up_on AS INT) + {days} AS DATE)"))
    })
}

/// The ids of the flags that hold, joined with commas; unknown where none does.
fn out_of_order(ladder: &Ladder, dialect: Dialect<'_>) -> String {
    let mut flags: Vec<_> = ladder.out_of_order.iter().collect();
    flags.sort_by(|a, b| a.header.id.text.cmp(&b.header.id.text));
    let words: Vec<_> = flags
        .into_iter()
        .map(|flag| format!("CASE WHEN {} THEN {} END", holds(ladder, flag, dialect), literal(&flag.header.id.text)))
        .collect();
    if words.is_empty() { "NULL".to_owned() } else { joined(",", &words) }
}

/// The milestone is reached and the one before it is known not to be, or was reached on a later day: of whom nobody knows
/// whether it is, nothing is said.
fn holds(ladder: &Ladder, flag: &OutOfOrder, dialect: Dialect<'_>) -> String {
    let milestone = reached(ladder, &flag.milestone);
    let before = ladder.milestones.iter().find(|milestone| milestone.id == flag.before);
    let is_missing = before
        .map_or_else(|| "FALSE".to_owned(), |before| format!("({}) IS FALSE", dialect.sql(&before.reached_when.whole)));
    let day = |id: &str| {
        let found = ladder.milestones.iter().find(|milestone| milestone.id == id)?;
        Some(dialect.sql(found.reached_on.as_ref()?))
    };
    let too_late = match day(&flag.milestone).zip(day(&flag.before)) {
        Some((milestone_on, before_on)) => format!(" OR COALESCE({milestone_on} < {before_on}, FALSE)"),
        None => String::new(),
    };
    format!("({milestone} AND ({is_missing}{too_late}))")
}

/// Today's flags of one ladder, in the columns that flags of all kinds share.
pub(crate) fn flags(ladder: &Ladder, dialect: Dialect<'_>) -> Vec<String> {
    let flag = |flag: &OutOfOrder| {
        let owner = flag.header.owner.as_deref().map_or_else(|| "NULL".to_owned(), literal);
        let summary = format!("`{}` reached before `{}`", flag.milestone, flag.before).replace('`', "");
        format!(
            "SELECT account_id, {id} AS rule_id, 'milestone' AS kind, 'firing' AS state, {severity} AS severity, \
             CAST(NULL AS DECIMAL(18, 2)) AS value_at_stake, CAST(NULL AS VARCHAR) AS play, \
             CAST(NULL AS VARCHAR) AS held_back_by, CAST(0 AS BIGINT) AS unknown_conditions, {owner} AS owner, \
             {summary} AS summary FROM judged WHERE {holds}",
            id = literal(&flag.header.id.text),
            severity = literal(flag.header.severity.word()),
            summary = literal(&summary),
            holds = holds(ladder, flag, dialect),
        )
    };
    ladder.out_of_order.iter().map(flag).collect()
}

/// The conditions behind today's flags of one ladder: those of both milestones.
pub(crate) fn evidence(ladder: &Ladder, sources: &Evidence<'_>) -> Vec<String> {
    let of_flag = |flag: &OutOfOrder| {
        let both = [&flag.milestone, &flag.before];
        let milestones =
            both.into_iter().filter_map(|id| ladder.milestones.iter().find(|milestone| milestone.id == *id));
        let rows: Vec<_> = milestones.flat_map(|milestone| milestone_evidence(milestone, sources)).collect();
        evidence_rows(&flag.header.id.text, &holds(ladder, flag, sources.dialect), &rows, sources.dialect)
    };
    ladder.out_of_order.iter().filter_map(of_flag).collect()
}

fn milestone_evidence(milestone: &Milestone, sources: &Evidence<'_>) -> Vec<EvidenceRow> {
    let leaves = milestone.reached_when.leaves.iter();
    leaves.map(|leaf| leaf_evidence(&format!("{}.{}", milestone.id, leaf.id), leaf, sources)).collect()
}
