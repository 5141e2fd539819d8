//! Triggers as SQL: who is flagged tonight, who is held back, and whose flag is gone.

use headwater_metrics::{identifier, literal};

use super::check::{OnNull, SummaryPart, Trigger};
use super::states::{FLAGGED, is_of_tonight};
use crate::expression::{Dialect, Leaf, chained};
use crate::outputs::{OutputColumn, OutputTable};

/// Which accounts a trigger is about tonight.
pub(super) fn filter(trigger: &Trigger, dialect: Dialect<'_>) -> String {
    let unknown = if trigger.on_null == OnNull::Match { "TRUE" } else { "FALSE" };
    let when = format!("COALESCE({}, {unknown})", dialect.sql(&trigger.when.whole));
    match &trigger.scope {
        Some(scope) => format!("({} AND {when})", dialect.sql(&scope.whole)),
        None => when,
    }
}

/// Which accounts a trigger flags tonight: those that it is about, or, where it takes time, those whose state says so.
pub(super) fn flagged_accounts(trigger: &Trigger, dialect: Dialect<'_>) -> String {
    if is_of_tonight(trigger) {
        return filter(trigger, dialect);
    }
    let rule = literal(&trigger.header.id.text);
    format!("account_id IN (SELECT account_id FROM flag_states WHERE rule_id = {rule} AND state IN {FLAGGED})")
}

/// Tonight's flags of one trigger, in the columns that flags of all kinds share.
pub(crate) fn flags(trigger: &Trigger, dialect: Dialect<'_>) -> String {
    let (state, held_back_by) = match &trigger.after {
        Some((column, milestone)) => {
            let reached = identifier(&column.name);
            let state = format!("CASE WHEN {reached} THEN 'firing' ELSE 'held_back' END");
            (state, format!("CASE WHEN {reached} THEN NULL ELSE {} END", literal(milestone)))
        }
        None => ("'firing'".to_owned(), "CAST(NULL AS VARCHAR)".to_owned()),
    };
    let amount = trigger.value_at_stake.as_ref().map_or_else(
        || "CAST(NULL AS DECIMAL(18, 2))".to_owned(),
        |value| format!("TRY_CAST({} AS DECIMAL(18, 2))", dialect.sql(value)),
    );
    format!(
        "SELECT account_id, {id} AS rule_id, 'trigger' AS kind, {state} AS state, {severity} AS severity, \
         {amount} AS value_at_stake, {play} AS play, {held_back_by} AS held_back_by, {unknown} AS unknown_conditions, \
         {owner} AS owner, {summary} AS summary FROM judged WHERE {filter}",
        id = literal(&trigger.header.id.text),
        severity = literal(trigger.header.severity.word()),
        play = optional(trigger.play.as_deref()),
        unknown = unknown_conditions(trigger, dialect),
        owner = optional(trigger.header.owner.as_deref()),
        summary = summary(trigger, dialect),
        filter = flagged_accounts(trigger, dialect),
    )
}

fn optional(text: Option<&str>) -> String {
    text.map_or_else(|| "CAST(NULL AS VARCHAR)".to_owned(), literal)
}

fn unknown_conditions(trigger: &Trigger, dialect: Dialect<'_>) -> String {
    let unknown = |leaf: &Leaf| format!("CASE WHEN {} IS NULL THEN 1 ELSE 0 END", dialect.sql(&leaf.expression));
    let counts: Vec<_> = trigger.when.leaves.iter().map(unknown).collect();
    format!("CAST({} AS BIGINT)", chained(&counts, " + "))
}

fn summary(trigger: &Trigger, dialect: Dialect<'_>) -> String {
    let parts: Vec<_> = trigger
        .summary
        .iter()
        .map(|part| match part {
            SummaryPart::Words(words) => literal(words),
            SummaryPart::Value(value) => format!("COALESCE({}, 'unknown')", dialect.words(value)),
        })
        .collect();
    match (parts.is_empty(), &trigger.header.description) {
        (false, _) => format!("concat({})", parts.join(", ")),
        (true, Some(description)) => literal(description),
        (true, None) => "CAST(NULL AS VARCHAR)".to_owned(),
    }
}

/// The rows of `flagged_accounts`: tonight's flags, flags that go on although nothing is known of their account, and
/// flags that are gone since the night before.
pub(crate) fn flagged(tonight: &[String], dialect: Dialect<'_>) -> String {
    let as_of = Dialect::date(dialect.as_of);
    let before = "SELECT * FROM previous_flagged_accounts WHERE state <> 'resolved'";
    let now = if tonight.is_empty() { no_flags() } else { tonight.join(" UNION ALL ") };
    let (account, rule) = ("COALESCE(now.account_id, before.account_id)", "COALESCE(now.rule_id, before.rule_id)");
    // A flag without a row of tonight keeps what was last said about it.
    let kept: Vec<_> = KEPT
        .iter()
        .map(|name| format!("CASE WHEN now.rule_id IS NULL THEN before.{name} ELSE now.{name} END AS {name}"))
        .collect();
    let is_gone = "now.rule_id IS NULL AND stands.state IS NULL";
    format!(
        "SELECT {as_of} AS as_of, CASE WHEN {is_gone} THEN 'resolved' \
         WHEN COALESCE(now.state, before.state) = 'held_back' THEN 'held_back' \
         ELSE COALESCE(stands.state, now.state) END AS state, \
         COALESCE(stands.first_night, before.first_night, {as_of}) AS first_night, \
         CASE WHEN {is_gone} THEN before.last_night ELSE {as_of} END AS last_night, {} \
         FROM ({now}) AS now FULL JOIN ({before}) AS before \
         ON before.account_id = now.account_id AND before.rule_id = now.rule_id \
         LEFT JOIN (SELECT account_id, rule_id, state, first_night FROM flag_states WHERE state IN {FLAGGED}) AS stands \
         ON stands.account_id = {account} AND stands.rule_id = {rule}",
        kept.join(", ")
    )
}

/// The columns of a flag that do not depend on the night before.
const KEPT: [&str; 10] = [
    "account_id",
    "rule_id",
    "kind",
    "severity",
    "value_at_stake",
    "play",
    "held_back_by",
    "unknown_conditions",
    "owner",
    "summary",
];

fn no_flags() -> String {
    let columns = OutputTable::FLAGGED_ACCOUNTS.columns.iter();
    let none = |column: &OutputColumn| format!("CAST(NULL AS {}) AS {}", column.unit.sql_type(), column.name);
    format!("SELECT {} WHERE FALSE", columns.map(none).collect::<Vec<_>>().join(", "))
}
