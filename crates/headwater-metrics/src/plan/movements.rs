//! The movements of recurring revenue: every change of an account's MRR from one period end to the next.
//!
//! Periods end on the as-of day and on the same day of the months before it; month ends stay month ends.
//! INVARIANT(movement identity): per account, amounts add up to the closing MRR, and opening + amount = closing.

use crate::{InputTable, Query};

use super::subscriptions::{converted, has_own_currencies, stretches};
use super::{GroupScope, Night, date};

/// The name under which the movements are kept.
pub(crate) const MOVEMENTS: &str = "mrr_movements";

/// `mrr_movements`: what changed the recurring revenue of an account, or whether it is a customer, in a period.
///
/// Columns: `account_id`, `period_age` (0 is the period that ends on the as-of day), `period_end`, `movement`
/// (`new`, `reactivation`, `expansion`, `contraction`, `churn`, `fx`), `reason` (see [`REASON`]), `opening_mrr`,
/// `closing_mrr`, `amount` (closing less opening), `sequence` (the order of movements within the period). Trials count
/// no revenue; what has not begun or ended yet changes nothing yet. Where exchange rates move, what they change is an
/// `fx` movement, before any other of the period. Who comes and goes within one period is new and churned in it, or
/// leaves no trace, by the policy.
#[must_use]
pub fn movements(night: &Night) -> Query {
    let as_of = date(night.as_of.day());
    // Where they leave no trace, periods that change nothing do not exist: an account's first one then is that of `new`.
    let traceless = if night.policy.brief_customers_count { "" } else { TRACELESS };
    let sql = format!(
        "WITH {changes},
        periods AS (
            SELECT account_id, period_age, sum(amount) AS amount, sum(step) AS step, sum(exchange) AS exchange, {CHANGED}
            FROM changes GROUP BY account_id, period_age{traceless}
        ),
        running AS (
            SELECT *, sum(amount + exchange) OVER until_now AS closing, sum(step) OVER until_now AS holding,
                sum(begun) OVER until_now AS begun_until_now
            FROM periods
            WINDOW until_now AS (PARTITION BY account_id ORDER BY period_age DESC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
        ),
        told AS (SELECT *, begun_until_now > begun AS known_before FROM running){briefly},
        moved AS (
            SELECT *, CASE WHEN holding = 0 THEN 'churn'
                 WHEN holding = step AND NOT known_before THEN 'new'
                 WHEN holding = step THEN 'reactivation'
                 WHEN amount > 0 THEN 'expansion'
                 ELSE 'contraction' END AS movement
            FROM told WHERE amount <> 0 OR (holding = 0) <> (holding = step)
        ),
        stated AS (
            SELECT account_id, period_age, movement, {REASON} AS reason, closing - amount AS opening, amount,
                CAST(2 AS BIGINT) AS sequence
            FROM moved{brief}{exchange}
        )
        SELECT account_id, period_age, period_end(period_age, {as_of}) AS period_end, movement, reason,
            CAST(opening AS DECIMAL(18, 2)) AS opening_mrr,
            CAST(opening + amount AS DECIMAL(18, 2)) AS closing_mrr,
            CAST(amount AS DECIMAL(18, 2)) AS amount, sequence
        FROM stated",
        changes = changes(night, &as_of),
        briefly = if night.policy.brief_customers_count { BRIEFLY } else { "" },
        brief = if night.policy.brief_customers_count { BRIEF } else { "" },
        exchange = if has_own_currencies(night) { EXCHANGED } else { "" },
    );
    Query::new(MOVEMENTS, sql).with_many_groups()
}

/// The movements as they are published, over those that were kept.
#[must_use]
pub fn published_movements(_: &[GroupScope], night: &Night) -> Option<Query> {
    let sql = format!("SELECT {} AS as_of, * FROM {MOVEMENTS}", date(night.as_of.day()));
    night.has(InputTable::Subscriptions, &[]).then(|| Query::new(MOVEMENTS, sql))
}

/// Periods that leave an account as it was.
const TRACELESS: &str = " HAVING sum(amount) <> 0 OR sum(step) <> 0 OR sum(exchange) <> 0";

/// What began and what ended in a period.
const CHANGED: &str = "count(*) FILTER (WHERE step > 0) AS begun, count(*) FILTER (WHERE step < 0) AS ended,
    bool_and(coalesce(add_on, false)) FILTER (WHERE step <> 0) AS only_add_ons, bool_or(after_discount AND step > 0) AS discount_ended,
    max(plan) FILTER (WHERE step > 0) AS plan_begun, max(plan) FILTER (WHERE step < 0) AS plan_ended,
    sum(step * seats) AS seats";

/// Why a customer expanded or contracted: `add_on` or `cross_sell` where subscriptions only came, `part_cancelled` where
/// they only went; else what differs between what ended and what began: `plan`, `seats`, a `discount` that ended, or the
/// `price` alone.
const REASON: &str = "CASE WHEN movement NOT IN ('expansion', 'contraction') THEN NULL
    WHEN ended = 0 AND only_add_ons THEN 'add_on'
    WHEN ended = 0 THEN 'cross_sell'
    WHEN begun = 0 THEN 'part_cancelled'
    WHEN plan_begun IS DISTINCT FROM plan_ended THEN 'plan'
    WHEN seats <> 0 THEN 'seats'
    WHEN discount_ended THEN 'discount'
    ELSE 'price' END";

/// Who came and went within the period: two movements of what it paid on its first day. That it paid another price before
/// it left is no movement of its own.
const BRIEF: &str = "
            UNION ALL
            SELECT account_id, period_age, movement, 'within_period', opening, amount, sequence FROM (
                SELECT account_id, period_age, CASE WHEN known_before THEN 'reactivation' ELSE 'new' END AS movement,
                    closing AS opening, paid_first AS amount, 2 AS sequence FROM brief
                UNION ALL
                SELECT account_id, period_age, 'churn', closing + paid_first, -paid_first, 3 FROM brief)";

/// The named query `brief`: who came and went within one period, with what it paid on its first day there.
const BRIEFLY: &str = ",
        brief AS (
            SELECT told.*, paid_first FROM told JOIN (
                SELECT account_id AS brief_account, period_age AS brief_age, first_value(paid ORDER BY first_day) AS paid_first
                FROM (SELECT account_id, period_age, first_day, sum(amount) AS paid FROM changes WHERE step > 0
                    GROUP BY account_id, period_age, first_day)
                GROUP BY account_id, period_age
            ) ON account_id = brief_account AND period_age = brief_age
            WHERE holding = 0 AND step = 0 AND begun > 0 AND amount = 0
        )";

/// What exchange rates changed, before anything else of the period.
const EXCHANGED: &str = "
            UNION ALL
            SELECT account_id, period_age, 'fx', NULL, closing - amount - exchange, exchange, 1
            FROM told WHERE exchange <> 0";

/// The named query `changes`: `period_age`, `amount` and `step` of each beginning and end, `exchange` of each period in
/// between where rates move.
fn changes(night: &Night, as_of: &str) -> String {
    const WHAT: &str = "plan, seats, add_on, after_discount, started_on AS first_day";
    let held = format!(
        "held AS (
            SELECT account_id, started_on, ended_on, CASE WHEN pays THEN mrr ELSE 0 END AS mrr, currency, {WHAT}
            FROM ({}) WHERE holds AND started_on <= {as_of})",
        stretches(night)
    );
    if !has_own_currencies(night) {
        return format!(
            "{held}, changes AS (
                SELECT account_id, period_age(started_on, {as_of}) AS period_age, mrr AS amount, 1 AS step, 0 AS exchange, {WHAT}
                FROM held
                UNION ALL
                SELECT account_id, period_age(ended_on, {as_of}), -mrr, -1, 0, {WHAT}
                FROM held WHERE ended_on <= {as_of})"
        );
    }
    let now = converted(night, "mrr", "rates.rate");
    let before = converted(night, "mrr", "rates.rate_before");
    let own = crate::literal(&night.currency);
    format!(
        "{held},
        aged AS (
            SELECT *, period_age(started_on, {as_of}) AS begun_at,
                CASE WHEN ended_on <= {as_of} THEN period_age(ended_on, {as_of}) END AS ended_at FROM held),
        ages AS (SELECT unnest(range(0, coalesce(max(begun_at), 0) + 1)) AS age FROM aged),
        at_period_ends AS (
            SELECT currency AS rate_of, age, first_value(rate ORDER BY valid_on DESC) AS rate
            FROM exchange_rates JOIN ages ON valid_on <= period_end(age, {as_of}) GROUP BY currency, age),
        rates AS (
            SELECT *, lag(rate) OVER (PARTITION BY rate_of ORDER BY age DESC) AS rate_before FROM at_period_ends),
        changes AS (
            SELECT account_id, begun_at AS period_age, {now} AS amount, 1 AS step, 0 AS exchange, {WHAT}
            FROM aged LEFT JOIN rates ON currency = rate_of AND begun_at = age
            UNION ALL
            SELECT account_id, ended_at, -({now}), -1, 0, {WHAT}
            FROM aged LEFT JOIN rates ON currency = rate_of AND ended_at = age WHERE ended_at IS NOT NULL
            UNION ALL
            SELECT account_id, age, 0, 0, {now} - ({before}), {WHAT}
            FROM aged JOIN rates ON currency = rate_of AND age < begun_at AND age >= coalesce(ended_at, 0)
            WHERE currency <> {own})"
    )
}
