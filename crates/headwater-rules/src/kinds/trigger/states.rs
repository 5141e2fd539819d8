//! The states of flags as SQL: what tonight says of each account, and what follows from it and from the state that was
//! published for the last night before. Nothing else decides: the same night run again gives the same states.

use headwater_metrics::literal;

use super::check::{Timing, Trigger};
use super::compile::filter;
use super::timing::{Limit, Wait};
use crate::compile::Audit;
use crate::expression::{Dialect, chained, hashed};
use crate::header::RuleSeverity;
use crate::kinds::stretch::{Stretch, days_between};

/// The states in which an account is flagged.
pub(super) const FLAGGED: &str = "('firing', 'recovering')";

/// Whether all that a trigger's flag depends on is whether its condition holds tonight.
pub(super) fn is_of_tonight(trigger: &Trigger) -> bool {
    let Timing { wait, exit_when, keep_firing_for, holds, limit, .. } = &trigger.timing;
    let waits = *wait != Wait::default();
    !waits && exit_when.is_none() && keep_firing_for.is_none() && !holds && limit.is_none()
}

/// The rows of `flag_states` of all triggers, over `judged` and the last published night.
pub(crate) fn states(triggers: &[Trigger], dialect: Dialect<'_>) -> Option<String> {
    let triggers: Vec<_> = triggers.iter().collect();
    (!triggers.is_empty()).then(|| {
        if triggers.iter().any(|trigger| trigger.timing.limit.is_some()) {
            within_limits(&triggers, dialect)
        } else {
            let as_of = Dialect::date(dialect.as_of);
            let tonight = tonight(&triggers, dialect);
            format!(
                "SELECT {as_of} AS as_of, *, CAST(NULL AS VARCHAR) AS error FROM ({tonight}) WHERE state IS NOT NULL"
            )
        }
    })
}

/// For each account of which a rule says something now or said something before: its state of tonight with all that
/// goes with it, null where there is none, and beside it the state before, each column as `before_…`.
fn tonight(triggers: &[&Trigger], dialect: Dialect<'_>) -> String {
    let as_of = Dialect::date(dialect.as_of);
    // A state that is entered, or whose counting starts again, begins tonight.
    let goes_on = "(state = before_state AND NOT (has_gap AND state <> 'firing'))";
    format!(
        "SELECT account_id, rule_id, state, \
         CASE WHEN {goes_on} THEN before_since ELSE {as_of} END AS since, \
         CASE WHEN NOT {goes_on} OR before_state IS NULL THEN 1 WHEN is_held THEN before_nights ELSE before_nights + 1 END \
         AS nights, \
         CASE WHEN state = 'pending' THEN history END AS history, \
         CASE WHEN state <> 'pending' THEN COALESCE(before_first_night, {as_of}) END AS first_night, \
         CASE WHEN state = 'resolved' THEN NULL WHEN is_known THEN {as_of} ELSE before_last_seen END AS last_seen, \
         shape, {before} \
         FROM (SELECT *, {state} AS state FROM ({counted}))",
        before = listed(BEFORE, |name| format!("before_{name}")),
        state = state(dialect),
        counted = counted(triggers, dialect),
    )
}

/// What is read of a state of the night before.
const BEFORE: [&str; 6] = ["state", "since", "nights", "history", "first_night", "last_seen"];

fn listed(names: [&str; 6], column: impl Fn(&str) -> String) -> String {
    names.map(column).join(", ")
}

/// The state that follows, inactive as null.
fn state(dialect: Dialect<'_>) -> String {
    let as_of = Dialect::date(dialect.as_of);
    let is_over = format!(
        "CASE keep_count WHEN 'runs' THEN before_nights >= keep WHEN 'days' THEN {} >= keep ELSE TRUE END",
        days_between(&as_of, "before_since")
    );
    let has_waited = format!(
        "CASE wait_count WHEN 'runs' THEN counted_nights >= wait WHEN 'days' THEN {} + 1 >= wait \
         ELSE length(replace(history, '0', '')) >= wait END",
        days_between(&as_of, "counted_since")
    );
    let of_flagged = format!(
        "CASE WHEN matches THEN 'firing' WHEN is_held THEN before_state \
         WHEN answer IN ('out', 'unknown', 'unknown_end', 'missing') THEN 'resolved' \
         WHEN before_state = 'firing' AND answer = 'between' THEN 'firing' \
         WHEN keep_count IS NULL THEN 'resolved' \
         WHEN before_state = 'firing' OR has_gap THEN 'recovering' \
         WHEN {is_over} THEN 'resolved' ELSE 'recovering' END"
    );
    format!(
        "CASE WHEN before_state IN {FLAGGED} THEN {of_flagged} \
         WHEN matches AND {has_waited} THEN 'firing' \
         WHEN matches OR (before_state = 'pending' AND is_held) THEN 'pending' \
         WHEN before_state = 'pending' AND NOT has_gap AND wait_count = 'matches' \
         AND answer NOT IN ('out', 'missing') AND strpos(history, '1') > 0 THEN 'pending' END"
    )
}

/// What was counted while an account was pending, with tonight.
fn counted(triggers: &[&Trigger], dialect: Dialect<'_>) -> String {
    let as_of = Dialect::date(dialect.as_of);
    let goes_on = "before_state = 'pending' AND NOT has_gap";
    format!(
        "SELECT *, CASE WHEN {goes_on} THEN before_nights + 1 ELSE 1 END AS counted_nights, \
         CASE WHEN {goes_on} THEN before_since ELSE {as_of} END AS counted_since, \
         CASE WHEN wait_count <> 'matches' THEN NULL WHEN is_held THEN before_history \
         ELSE right(concat(CASE WHEN {goes_on} THEN before_history ELSE '' END, CASE WHEN matches THEN '1' ELSE '0' END), \
         wait_nights) END AS history \
         FROM ({facts})",
        facts = facts(triggers, dialect),
    )
}

/// Tonight's answers beside the states before, as facts that the next state follows from.
fn facts(triggers: &[&Trigger], dialect: Dialect<'_>) -> String {
    let as_of = Dialect::date(dialect.as_of);
    let answers: Vec<_> = triggers.iter().map(|trigger| answers(trigger, dialect)).collect();
    let rules = rules(triggers);
    format!(
        "SELECT COALESCE(tonight.account_id, before.account_id) AS account_id, rules.*, \
         COALESCE(tonight.answer, 'missing') AS answer, \
         COALESCE(tonight.answer = 'match', FALSE) AS matches, \
         COALESCE(tonight.answer NOT IN ('unknown', 'unknown_end'), FALSE) AS is_known, \
         COALESCE({gap} > rules.max_gap_days, FALSE) AS has_gap, \
         COALESCE(rules.holds AND (tonight.answer IS NULL OR tonight.answer = 'unknown' \
         OR (tonight.answer = 'unknown_end' AND before.state <> 'pending')) AND {unseen} <= rules.max_gap_days, FALSE) AS is_held, \
         {before} \
         FROM ({answers}) AS tonight \
         FULL JOIN (SELECT states.* FROM previous_flag_states AS states JOIN ({rules}) AS rules \
         ON rules.rule_id = states.rule_id AND rules.shape = states.shape WHERE states.state <> 'resolved') AS before \
         ON before.account_id = tonight.account_id AND before.rule_id = tonight.rule_id \
         JOIN ({rules}) AS rules ON rules.rule_id = COALESCE(tonight.rule_id, before.rule_id)",
        gap = days_between(&as_of, "before.as_of"),
        unseen = days_between(&as_of, "before.last_seen"),
        before = listed(BEFORE, |name| format!("before.{name} AS before_{name}")),
        answers = answers.join(" UNION ALL "),
    )
}

/// What a trigger says of accounts tonight: `match`, or of an account that it spoke of the night before, too, `end`,
/// `out` of its scope, `unknown`, `unknown_end` where only its end is (which no pending flag asks for), or `between` its begin and its end. Of other accounts there is nothing to say.
fn answers(trigger: &Trigger, dialect: Dialect<'_>) -> String {
    let rule = literal(&trigger.header.id.text);
    let matches = filter(trigger, dialect);
    if is_of_tonight(trigger) {
        return format!("SELECT account_id, {rule} AS rule_id, 'match' AS answer FROM judged WHERE {matches}");
    }
    let end = match &trigger.timing.exit_when {
        Some(exit) => {
            let exit = dialect.sql(&exit.whole);
            let when = dialect.sql(&trigger.when.whole);
            format!(
                "WHEN {exit} THEN 'end' WHEN ({exit}) IS NULL AND ({when}) IS FALSE THEN 'unknown_end' \
                 WHEN ({exit}) IS NULL THEN 'unknown' ELSE 'between'"
            )
        }
        None => format!("WHEN ({}) IS NULL THEN 'unknown' ELSE 'end'", dialect.sql(&trigger.when.whole)),
    };
    let scope = trigger.scope.as_ref().map_or_else(String::new, |scope| {
        let scope = dialect.sql(&scope.whole);
        format!("WHEN NOT ({scope}) THEN 'out' WHEN ({scope}) IS NULL THEN 'unknown' ")
    });
    // Columns of accounts have names without a dot, so these two are nobody else's.
    format!(
        "SELECT account_id, {rule} AS rule_id, \"flag.answer\" AS answer FROM \
         (SELECT account_id, \"flag.account_id\", CASE WHEN {matches} THEN 'match' {scope}{end} END AS \"flag.answer\" \
         FROM judged LEFT JOIN (SELECT account_id AS \"flag.account_id\" FROM previous_flag_states \
         WHERE rule_id = {rule} AND state <> 'resolved') AS before ON \"flag.account_id\" = account_id) AS answers \
         WHERE \"flag.answer\" = 'match' OR \"flag.account_id\" IS NOT NULL"
    )
}

/// The rules as a table: how each counts.
fn rules(triggers: &[&Trigger]) -> String {
    let row = |trigger: &&Trigger| {
        let Timing { wait, keep_firing_for, holds, max_gap_days, .. } = &trigger.timing;
        let (wait_count, wait, wait_nights) = match wait {
            Wait::Row(stretch) => (stretch.counted().0, stretch.counted().1, 0),
            Wait::Matches { matches, of } => ("matches", *matches, *of),
        };
        let (keep_count, keep) = match keep_firing_for.map(Stretch::counted) {
            Some((unit, count)) => (literal(unit), count),
            None => ("CAST(NULL AS VARCHAR)".to_owned(), 0),
        };
        let id = literal(&trigger.header.id.text);
        let shape = literal(&hashed(&trigger.shape()));
        format!("({id}, {shape}, '{wait_count}', {wait}, {wait_nights}, {keep_count}, {keep}, {holds}, {max_gap_days})")
    };
    let rows: Vec<_> = triggers.iter().map(row).collect();
    format!(
        "SELECT * FROM (VALUES {}) AS given \
         (rule_id, shape, wait_count, wait, wait_nights, keep_count, keep, holds, max_gap_days)",
        rows.join(", ")
    )
}

/// The same where rules have limits: a rule that would flag more accounts has the state of the night before.
fn within_limits(triggers: &[&Trigger], dialect: Dialect<'_>) -> String {
    let as_of = Dialect::date(dialect.as_of);
    let beyond: Vec<_> = triggers
        .iter()
        .filter_map(|trigger| {
            let rule = literal(&trigger.header.id.text);
            Some(format!("(rule_id = {rule} AND {})", is_beyond(trigger.timing.limit.as_ref()?)))
        })
        .collect();
    let kept = listed(BEFORE, |name| format!("CASE WHEN is_beyond THEN before_{name} ELSE {name} END AS {name}"));
    format!(
        "SELECT {as_of} AS as_of, account_id, rule_id, shape, {kept}, CASE WHEN is_beyond THEN \
         concat(CAST(flagged AS VARCHAR), ' of ', CAST(accounts AS VARCHAR), ' accounts are more than its limit') END \
         AS error \
         FROM (SELECT *, {beyond} AS is_beyond FROM (SELECT *, \
         sum(CASE WHEN state IN {FLAGGED} THEN 1 ELSE 0 END) OVER (PARTITION BY rule_id) AS flagged, \
         (SELECT count(*) FROM judged) AS accounts FROM ({tonight}) AS tonight) AS counted) AS limited \
         WHERE CASE WHEN is_beyond THEN before_state ELSE state END IS NOT NULL",
        beyond = chained(&beyond, " OR "),
        tonight = tonight(triggers, dialect),
    )
}

/// Whether `flagged` of `accounts` are more than a limit.
fn is_beyond(limit: &Limit) -> String {
    let accounts = limit.max_accounts.map(|most| format!("flagged > {most}"));
    let share = limit
        .max_pct
        .map(|most| format!("CAST(flagged AS DOUBLE) * 100 > CAST(accounts AS DOUBLE) * CAST('{most}' AS DOUBLE)"));
    format!("({})", [accounts, share].into_iter().flatten().collect::<Vec<_>>().join(" OR "))
}

/// For each trigger with a limit, the test that it is kept. One that is not is told of: the rule is in error.
pub(crate) fn over_limit(trigger: &Trigger, dialect: Dialect<'_>) -> Option<Audit> {
    let limit = trigger.timing.limit.as_ref()?;
    let rule = &trigger.header.id.text;
    let id = format!("limit_{rule}");
    let accounts = limit.max_accounts.map(|most| format!("{most} accounts"));
    let share = limit.max_pct.map(|most| format!("{most} % of all"));
    let limits: Vec<_> = [accounts, share].into_iter().flatten().collect();
    let expected = format!("flags on at most {}; the rule keeps the state of the last night", limits.join(" and "));
    let sql = format!(
        "SELECT {beyond} AS failed, \
         concat(CAST(flagged AS VARCHAR), ' of ', CAST(accounts AS VARCHAR), ' accounts would be flagged') AS observed, \
         {expected} AS expected \
         FROM (SELECT count(*) AS flagged, (SELECT count(*) FROM judged) AS accounts FROM ({tonight}) AS tonight \
         WHERE state IN {FLAGGED}) AS counted",
        beyond = is_beyond(limit),
        expected = literal(&expected),
        tonight = tonight(&[trigger], dialect),
    );
    Some(Audit::asked_by(&trigger.header, id, "flag_states", RuleSeverity::Warn, sql))
}
