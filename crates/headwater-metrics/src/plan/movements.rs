//! The movements of recurring revenue: every change of an account's MRR from one period end to the next.
//!
//! Periods end on the as-of day and on the same day of the months before it; month ends stay month ends.
//! INVARIANT(movement identity): per account, amounts add up to the closing MRR, and opening + amount = closing.

use crate::{InputTable, Query};

use super::{GroupScope, Night, date};

/// The name under which the movements are kept.
pub(crate) const MOVEMENTS: &str = "mrr_movements";

/// `mrr_movements`: one row an account and period in which its recurring revenue, or whether it is a customer, changed.
///
/// Columns: `account_id`, `period_age` (0 is the period that ends on the as-of day), `period_end`, `movement`
/// (`new`, `reactivation`, `expansion`, `contraction`, `churn`), `reason` (of expansion and contraction, see
/// [`REASON`]), `opening_mrr`, `closing_mrr`, `amount` (closing less opening). Trials count no revenue; an end still to
/// come changes nothing yet. Subscriptions that begin and end within one period leave no trace.
#[must_use]
pub fn movements(night: &Night) -> Query {
    let as_of = date(night.as_of.day());
    let sql = format!(
        "WITH held AS (
            SELECT account_id, started_on, {ended} AS ended_on, {revenue} AS mrr, {plan} AS plan, {seats} AS seats,
                {add_on} AS add_on
            FROM subscriptions WHERE {holds}),
        changes AS (
            SELECT account_id, period_age(started_on, {as_of}) AS period_age, mrr AS amount, 1 AS step, plan, seats, add_on
            FROM held
            UNION ALL
            SELECT account_id, period_age(ended_on, {as_of}), -mrr, -1, plan, seats, add_on
            FROM held WHERE ended_on <= {as_of}
        ),
        periods AS (
            SELECT account_id, period_age, sum(amount) AS amount, sum(step) AS step, {changed} FROM changes
            GROUP BY account_id, period_age
        ),
        running AS (
            SELECT *, sum(amount) OVER until_now AS closing, sum(step) OVER until_now AS holding FROM periods
            WINDOW until_now AS (PARTITION BY account_id ORDER BY period_age DESC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
        ),
        told AS (
            SELECT *, coalesce(max(holding) OVER (PARTITION BY account_id ORDER BY period_age DESC
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) > 0 AS known_before
            FROM running
        ),
        moved AS (
            SELECT *, CASE WHEN holding = 0 THEN 'churn'
                 WHEN holding = step AND NOT known_before THEN 'new'
                 WHEN holding = step THEN 'reactivation'
                 WHEN amount > 0 THEN 'expansion'
                 ELSE 'contraction' END AS movement
            FROM told WHERE amount <> 0 OR (holding = 0) <> (holding = step)
        )
        SELECT account_id, period_age, period_end(period_age, {as_of}) AS period_end, movement, {REASON} AS reason,
            CAST(closing - amount AS DECIMAL(18, 2)) AS opening_mrr,
            CAST(closing AS DECIMAL(18, 2)) AS closing_mrr,
            CAST(amount AS DECIMAL(18, 2)) AS amount
        FROM moved",
        ended = ended_column(night),
        revenue = revenue_column(night),
        holds = holds_condition(night),
        plan = column_or_null(night, "plan", "VARCHAR"),
        seats = column_or_null(night, "seats", "BIGINT"),
        add_on = column_or_null(night, "is_add_on", "BOOLEAN"),
        changed = CHANGED,
    );
    Query::new(MOVEMENTS, sql)
}

/// The movements as they are published, over those that were kept.
#[must_use]
pub fn published_movements(_: &[GroupScope], night: &Night) -> Option<Query> {
    let sql = format!("SELECT {} AS as_of, * FROM {MOVEMENTS}", date(night.as_of.day()));
    night.has(InputTable::Subscriptions, &[]).then(|| Query::new(MOVEMENTS, sql))
}

/// What began and what ended in a period.
const CHANGED: &str = "count(*) FILTER (WHERE step > 0) AS begun, count(*) FILTER (WHERE step < 0) AS ended,
    bool_and(coalesce(add_on, false)) AS only_add_ons,
    max(plan) FILTER (WHERE step > 0) AS plan_begun, max(plan) FILTER (WHERE step < 0) AS plan_ended,
    sum(step * seats) AS seats";

/// Why a customer expanded or contracted: `add_on` or `cross_sell` where subscriptions only came, `part_cancelled` where
/// they only went; else what differs between what ended and what began: `plan`, `seats`, or the `price` alone.
const REASON: &str = "CASE WHEN movement NOT IN ('expansion', 'contraction') THEN NULL
    WHEN ended = 0 AND only_add_ons THEN 'add_on'
    WHEN ended = 0 THEN 'cross_sell'
    WHEN begun = 0 THEN 'part_cancelled'
    WHEN plan_begun IS DISTINCT FROM plan_ended THEN 'plan'
    WHEN seats <> 0 THEN 'seats'
    ELSE 'price' END";

fn column_or_null(night: &Night, name: &str, kind: &str) -> String {
    if night.has(InputTable::Subscriptions, &[name]) { name.to_owned() } else { format!("CAST(NULL AS {kind})") }
}

fn has(night: &Night, name: &str) -> bool {
    night.has(InputTable::Subscriptions, &[name])
}

/// Whether a subscription counts revenue while it is in force.
pub(super) fn paid_condition(night: &Night) -> String {
    format!("mrr > 0 AND {}", in_force_condition(night))
}

/// Whether a subscription makes its account a customer while it is in force.
fn holds_condition(night: &Night) -> String {
    if night.policy.free_plans_are_customers { in_force_condition(night) } else { paid_condition(night) }
}

/// Whether a subscription is in force for any time at all, and is no trial.
fn in_force_condition(night: &Night) -> String {
    let mut conditions = vec!["true".to_owned()];
    if has(night, "is_trial") {
        conditions.push("is_trial IS NOT TRUE".to_owned());
    }
    if has(night, "ended_on") || has(night, "cancelled_on") {
        let ended = ended_column(night);
        conditions.push(format!("({ended} IS NULL OR {ended} > started_on)"));
    }
    conditions.join(" AND ")
}

fn revenue_column(night: &Night) -> String {
    format!("CASE WHEN {} THEN mrr ELSE 0 END", paid_condition(night))
}

/// The day a subscription ends by the night's policy; unknown where the input has none.
pub(super) fn ended_column(night: &Night) -> &'static str {
    let by_notice = night.policy.churn_when_cancelled && has(night, "cancelled_on");
    match (by_notice, has(night, "ended_on")) {
        (true, true) => "least(cancelled_on, ended_on)",
        (true, false) => "cancelled_on",
        (false, true) => "ended_on",
        (false, false) => "CAST(NULL AS DATE)",
    }
}
