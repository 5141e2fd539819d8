//! Renewals and how likely each is, from what became of renewals like it; and how well that was said in the past.
//!
//! INVARIANT(walk forward): a renewal's confidence rests on what was decided before its checkpoint, and on the plan and
//! the usage of that day. So it does not change when later outcomes come in, and equals what that night would have said.

use crate::{GroupScope, InputTable, Query};

use super::groups::grouped;
use super::subscriptions::stretches_now;
use super::usage::and_counted;
use super::{Night, date};

/// Days before it is due at which the confidence of a decided renewal stands.
const CHECKPOINT_DAYS: u32 = 90;
/// Days before it is due at which it was asked about for the first time.
const EARLY_CHECKPOINT_DAYS: u32 = 180;
/// Months for which a decided renewal stays in the table.
const MONTHS_LISTED: u32 = 24;
/// Decided renewals below which nothing is said.
const FEWEST_DECIDED: u32 = 20;
/// Renewals at the rate of all that are added to the peers', so that few peers do not speak too loudly.
const PRIOR_DEALS: &str = "10.0";
/// Days of usage that are compared with as many before them.
const USAGE_DAYS: u32 = 28;

/// The day a renewal counts on: the one it is due, else the one it was decided; unknown while neither is known, and of one
/// whose stage is none of the words.
pub(super) fn renewal_day(night: &Night) -> &'static str {
    if night.has(InputTable::Opportunities, &["due_on"]) {
        "CASE WHEN stage = 'open' THEN due_on WHEN stage IN ('won', 'lost') THEN coalesce(due_on, closed_on) END"
    } else {
        "CASE WHEN stage IN ('won', 'lost') THEN closed_on END"
    }
}

/// `renewals`: one row for each renewal that is open, or was decided in the last 24 months.
///
/// Peers are renewals of the same plan and the same direction of usage, each at its own checkpoint. Confidence is the
/// share of peers that renewed, drawn to the share of all with the weight of ten deals; unknown while fewer than twenty
/// renewals of any kind were decided. A decided renewal says it for two checkpoints, of 90 and of 180 days. None without `stage`, `kind` and `closed_on` of opportunities.
#[must_use]
pub fn renewals(_: &[GroupScope], night: &Night) -> Option<Query> {
    if !night.has(InputTable::Opportunities, &["stage", "kind", "closed_on"]) {
        return None;
    }
    let as_of = date(night.as_of.day());
    // Each renewal asks at its checkpoint and, once decided, answers on the day it was; questions of a day come first.
    let sql = format!(
        "WITH {asked},
        days AS (SELECT DISTINCT account_id, checkpoint FROM asked),
        used AS ({used}),
        planned AS ({planned}),
        compared AS (
            SELECT asked.*, coalesce(planned.plan, '(unknown)') AS plan, {DIRECTION} AS usage_direction
            FROM asked
            LEFT JOIN used ON asked.account_id = used.account_id AND asked.checkpoint = used.checkpoint
            LEFT JOIN planned ON asked.account_id = planned.account_id AND asked.checkpoint = planned.checkpoint
        ),
        turns AS (
            SELECT compared.*, answers FROM compared JOIN (VALUES (false, 0), (true, 0), (true, 1)) AS sides(has_answer, answers)
                ON coalesce(stage <> 'open' AND checkpoint_days = {CHECKPOINT_DAYS}, false) = has_answer
        ),
        dated AS (
            SELECT *, CASE WHEN answers = 1 THEN closed_on ELSE checkpoint END AS said_on,
                CASE WHEN answers = 1 AND stage = 'won' THEN 1 ELSE 0 END AS renewed
            FROM turns
        ),
        known AS (
            SELECT *, sum(answers) OVER all_before AS all_due, sum(renewed) OVER all_before AS all_renewed,
                sum(answers) OVER peers_before AS peers_due, sum(renewed) OVER peers_before AS peers_renewed
            FROM dated
            WINDOW all_before AS (ORDER BY said_on, answers ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW),
                peers_before AS (PARTITION BY plan, usage_direction ORDER BY said_on, answers
                    ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
        ),
        judged AS (
            SELECT *, CASE WHEN all_due >= {FEWEST_DECIDED} THEN
                (peers_renewed + {PRIOR_DEALS} * all_renewed / nullif(all_due, 0)) / (peers_due + {PRIOR_DEALS}) END AS confidence
            FROM known WHERE answers = 0 AND (stage = 'open' OR closed_on > {listed_since})
        ),
        early AS (
            SELECT account_id AS early_account, opportunity_id AS early_id, checkpoint AS early_checkpoint,
                confidence AS early_confidence FROM judged WHERE checkpoint_days = {EARLY_CHECKPOINT_DAYS}
        )
        SELECT {as_of} AS as_of, account_id, opportunity_id, due_on, stage, amount, checkpoint, plan, usage_direction,
            peers_due, peers_renewed, confidence,
            CASE WHEN confidence IS NULL THEN 'fewer than {FEWEST_DECIDED} renewals were decided before' END AS reason,
            early_checkpoint, early_confidence
        FROM judged LEFT JOIN early ON account_id = early_account AND opportunity_id = early_id
        WHERE checkpoint_days = {CHECKPOINT_DAYS}",
        asked = asked(night),
        used = used(night),
        planned = planned(night),
        listed_since = date(night.as_of.months_before(MONTHS_LISTED)),
    );
    Some(Query::new("renewals", sql))
}

/// Every renewal as it stands at the end of the as-of day, with its checkpoint: `told`, `placed`, `asked`.
///
/// A renewal that is decided later is still open. One that was decided early, before its checkpoint, asks on that day:
/// its own outcome is no peer of its own.
fn asked(night: &Night) -> String {
    let table = InputTable::Opportunities;
    let as_of = date(night.as_of.day());
    let due = if night.has(table, &["due_on"]) { ", due_on" } else { "" };
    format!(
        "told AS (
            SELECT account_id, created_on, opportunity_id, amount, closed_on{due},
                CASE WHEN stage IN ('won', 'lost') AND closed_on > {as_of} THEN 'open'
                    WHEN stage IN ('won', 'lost') AND closed_on IS NULL THEN NULL ELSE stage END AS stage
            FROM (SELECT account_id, created_on, {id} AS opportunity_id, {amount} AS amount, stage{due}, {closed} AS closed_on
                FROM {name} WHERE kind = 'renewal' AND stage IN ('open', 'won', 'lost'))
        ),
        placed AS (
            SELECT account_id, amount, closed_on, stage, {day} AS due_on, coalesce(CAST(opportunity_id AS VARCHAR),
                concat(account_id, ' unnamed ', CAST(row_number() OVER (PARTITION BY account_id
                    ORDER BY created_on, {day}, closed_on, stage, amount) AS VARCHAR))) AS opportunity_id
            FROM told
        ),
        asked AS (
            SELECT placed.*, checkpoint_days, CASE WHEN stage = 'open' THEN {as_of}
                ELSE least(CAST(due_on - ahead AS DATE), closed_on) END AS checkpoint
            FROM placed JOIN (VALUES
                (false, {CHECKPOINT_DAYS}, INTERVAL '{CHECKPOINT_DAYS} days'),
                (true, {CHECKPOINT_DAYS}, INTERVAL '{CHECKPOINT_DAYS} days'),
                (true, {EARLY_CHECKPOINT_DAYS}, INTERVAL '{EARLY_CHECKPOINT_DAYS} days'))
                AS checkpoints(is_decided, checkpoint_days, ahead) ON coalesce(stage <> 'open', false) = is_decided
        )",
        // One that was decided nobody knows when was decided when it was due.
        closed = if due.is_empty() { "closed_on" } else { "coalesce(closed_on, CASE WHEN stage <> 'open' THEN due_on END)" },
        id = night.column_or_null(table, "opportunity_id", "VARCHAR"),
        amount = night.column_or_null(table, "amount", "DECIMAL(18, 2)"),
        day = renewal_day(night),
        name = table.name(),
    )
}

/// Where usage is going at a checkpoint.
const DIRECTION: &str = "CASE WHEN used.usage_known IS NOT TRUE THEN 'unknown'
        WHEN coalesce(recent, 0) = 0 AND coalesce(before, 0) = 0 THEN 'none'
        WHEN coalesce(recent, 0) * 5 < coalesce(before, 0) * 4 THEN 'falling'
        WHEN coalesce(recent, 0) * 4 > coalesce(before, 0) * 5 THEN 'rising' ELSE 'steady' END";

/// Usage in the days before each checkpoint, in one pass over the events: `recent`, `before`.
///
/// Asked by day and not by renewal, of which an account can have thousands. Days before anybody's first event are not
/// days without use: nothing is known of them.
fn used(night: &Night) -> String {
    let table = InputTable::UsageEvents;
    if !night.has(table, &[]) {
        return "SELECT *, CAST(NULL AS BIGINT) AS recent, CAST(NULL AS BIGINT) AS before, false AS usage_known FROM days"
            .to_owned();
    }
    let quantity = if night.has(table, &["quantity"]) { "coalesce(quantity, 1)" } else { "1" };
    let start = |days: u32| format!("CAST(days.checkpoint - INTERVAL '{days} days' AS DATE)");
    let (recent, before) = (start(USAGE_DAYS), start(2 * USAGE_DAYS));
    // Decimals hold any sum of whole numbers.
    format!(
        "SELECT days.account_id, days.checkpoint,
            sum(CAST({quantity} AS DECIMAL(20, 0))) FILTER (WHERE occurred_on > {recent}) AS recent,
            sum(CAST({quantity} AS DECIMAL(20, 0))) FILTER (WHERE occurred_on <= {recent}) AS before,
            coalesce((SELECT min(occurred_on) FROM {name}) <= days.checkpoint - INTERVAL '{whole} days', false) AS usage_known
        FROM days LEFT JOIN {name} ON days.account_id = {name}.account_id
            AND occurred_on > {before} AND occurred_on <= days.checkpoint{counted}
        GROUP BY days.account_id, days.checkpoint",
        name = table.name(),
        whole = 2 * USAGE_DAYS - 1,
        counted = and_counted(night),
    )
}

/// The plan in force at each checkpoint: of several, the one that is worth most.
///
/// The plan on the account is that of today: of a customer that has left since it would give the outcome away.
fn planned(night: &Night) -> String {
    if !night.has(InputTable::Subscriptions, &["plan"]) {
        return "SELECT *, CAST(NULL AS VARCHAR) AS plan FROM days".to_owned();
    }
    format!(
        "SELECT days.account_id, days.checkpoint, first_value(held.plan ORDER BY held.mrr DESC, held.started_on DESC, held.plan) AS plan
        FROM days JOIN (
            SELECT account_id, plan, mrr, started_on, ended_on FROM ({stretches}) WHERE pays AND add_on IS NOT TRUE
        ) AS held ON days.account_id = held.account_id AND held.started_on <= days.checkpoint
            AND (held.ended_on IS NULL OR held.ended_on > days.checkpoint)
        GROUP BY days.account_id, days.checkpoint",
        stretches = stretches_now(night),
    )
}

/// `renewal_outlook`: one row for each scope and group with open renewals, over the published `renewals`.
///
/// Confidence is weighted by the amounts at stake. A renewal of which no confidence or no amount is known is counted, and
/// in no mean. None where there are no renewals.
#[must_use]
pub fn renewal_outlook(scopes: &[GroupScope], night: &Night) -> Option<Query> {
    renewals(scopes, night)?;
    // Sums are of decimals: those of floating numbers would depend on their order.
    let sql = |scopes: &[GroupScope]| {
        format!(
        "WITH grouped AS ({groups}),
        open AS (
            SELECT account_id, at_stake AS amount, CASE WHEN confidence IS NOT NULL THEN at_stake END AS judged_amount,
                CAST(CAST(at_stake AS DOUBLE) * confidence AS DECIMAL(28, 6)) AS expected
            FROM (SELECT *, CASE WHEN amount < 0 THEN 0 ELSE amount END AS at_stake FROM renewals WHERE stage = 'open') AS staked
        )
        SELECT {as_of} AS as_of, scope, group_name, count(*) AS renewals, CAST(sum(amount) AS DECIMAL(18, 2)) AS amount,
            CAST(round(sum(expected), 2) AS DECIMAL(18, 2)) AS expected_amount,
            CAST(sum(expected) AS DOUBLE) / nullif(CAST(sum(judged_amount) AS DOUBLE), 0) AS confidence
        FROM open JOIN grouped ON open.account_id = grouped.account_id GROUP BY scope, group_name",
        groups = grouped(scopes),
        as_of = date(night.as_of.day()),
    )
    };
    Some(Query::by_scope("renewal_outlook", scopes, sql))
}

/// `renewal_calibration`: one row for each checkpoint and tenth of confidence, over the decided renewals of the published `renewals`.
///
/// Tenths in which nothing was decided have no row. None where there are no renewals.
#[must_use]
pub fn renewal_calibration(scopes: &[GroupScope], night: &Night) -> Option<Query> {
    renewals(scopes, night)?;
    // Sums are of decimals: those of floating numbers would depend on their order.
    let sql = format!(
        "WITH decided AS (
            SELECT checkpoint_days, least(CAST(floor(confidence * 10) AS BIGINT), 9) AS tenth, confidence,
                CASE WHEN stage = 'won' THEN 1 ELSE 0 END AS renewed
            FROM (
                SELECT {CHECKPOINT_DAYS} AS checkpoint_days, stage, confidence FROM renewals
                UNION ALL
                SELECT {EARLY_CHECKPOINT_DAYS}, stage, early_confidence FROM renewals
            ) WHERE stage <> 'open' AND confidence IS NOT NULL
        ),
        bands AS (
            SELECT checkpoint_days, tenth, count(*) AS renewals, sum(renewed) AS renewed,
                CAST(sum(CAST(confidence AS DECIMAL(20, 15))) AS DOUBLE) AS confidence,
                CAST(sum(CAST((confidence - renewed) * (confidence - renewed) AS DECIMAL(20, 15))) AS DOUBLE) AS squares
            FROM decided GROUP BY checkpoint_days, tenth
        )
        SELECT {as_of} AS as_of, checkpoint_days, concat('0.', tenth, '-', CASE WHEN tenth = 9 THEN '1.0' ELSE concat('0.', tenth + 1) END) AS band,
            renewals, confidence / renewals AS mean_confidence, CAST(renewed AS DOUBLE) / renewals AS renewed_share,
            (renewed - confidence) / renewals AS difference, squares / sum(renewals) OVER (PARTITION BY checkpoint_days) AS brier_score
        FROM bands",
        as_of = date(night.as_of.day()),
    );
    Some(Query::new("renewal_calibration", sql))
}
