//! The movements of recurring revenue: every change of an account's MRR from one period end to the next.
//!
//! Periods end on the as-of day and on the same day of the months before it; month ends stay month ends. What rules count
//! is seen at the ends of calendar months, which are the same on every night.
//! INVARIANT(movement identity): per account, amounts add up to the closing MRR, and opening + amount = closing.

use crate::as_of::{is_month_end, month_end};
use crate::{InputTable, Query};

use super::subscriptions::{converted, has_own_currencies, stretches};
use super::{GroupScope, Night, date};

/// The name under which the movements are kept.
pub(crate) const MOVEMENTS: &str = "mrr_movements";
/// The name under which the movements of calendar months are kept, where those are others.
const MOVEMENTS_BY_MONTH: &str = "mrr_movements_by_month";

/// `mrr_movements`: what changed the recurring revenue of an account, or whether it is a customer, in a period.
///
/// Columns: `account_id`, `period_age` (0 is the period that ends on the as-of day), `period_end`, `movement`
/// (`new`, `reactivation`, `expansion`, `contraction`, `churn`, `fx`), `reason` (why it expanded or contracted, or that it
/// came and went `within_period`), `opening_mrr`, `closing_mrr`, `amount` (closing less opening), `sequence` (the order
/// of movements within the period). Trials count no revenue; what has not begun or ended yet changes nothing yet. Where
/// exchange rates move, what they change is an `fx` movement, before any other of the period. Who comes and goes within
/// one period is new and churned in it, or leaves no trace, by the policy.
#[must_use]
pub fn movements(night: &Night) -> Query {
    between_ends(MOVEMENTS, date(night.as_of.day()), night)
}

/// The movements of calendar months, the one under way as far as the as-of day; none where the periods of
/// `mrr_movements` are calendar months.
///
/// A movement that is over stays what it was on later nights: an account that grew in a month did so whenever one looks.
pub(super) fn movements_by_month(night: &Night) -> Option<Query> {
    let month = month_end(night.as_of.day());
    (month != night.as_of.day()).then(|| between_ends(MOVEMENTS_BY_MONTH, date(month), night))
}

/// The table that has the movements of calendar months.
pub(super) fn by_month(night: &Night) -> &'static str {
    if is_month_end(night.as_of.day()) { MOVEMENTS } else { MOVEMENTS_BY_MONTH }
}

/// What had happened by the as-of day, from one end of a period to the next; the last one ends on `last_end`.
fn between_ends(name: &str, last_end: String, night: &Night) -> Query {
    let sql = format!(
        "WITH {changes},
        gathered AS (
            SELECT account_id, unnest(movements_of(period_age, CAST(amount AS DECIMAL(18, 2)), step, CAST(plan AS VARCHAR),
                seats, add_on, after_discount, started_on, {brief})) AS moved
            FROM changes GROUP BY account_id
        ),
        stated AS (
            SELECT account_id, moved['period_age'] AS period_age, moved['movement'] AS movement, moved['reason'] AS reason,
                moved['opening'] AS opening, moved['amount'] AS amount, moved['sequence'] AS sequence
            FROM gathered
        )
        SELECT account_id, period_age, period_end(period_age, {last_end}) AS period_end, movement, reason,
            CAST(opening AS DECIMAL(18, 2)) AS opening_mrr,
            CAST(opening + amount AS DECIMAL(18, 2)) AS closing_mrr,
            CAST(amount AS DECIMAL(18, 2)) AS amount, sequence
        FROM stated",
        changes = changes(night, &last_end),
        brief = night.policy.brief_customers_count,
    );
    Query::new(name, sql).with_many_groups()
}

/// The movements as they are published, over those that were kept.
#[must_use]
pub fn published_movements(_: &[GroupScope], night: &Night) -> Option<Query> {
    let sql = format!("SELECT {} AS as_of, * FROM {MOVEMENTS}", date(night.as_of.day()));
    night.has(InputTable::Subscriptions, &[]).then(|| Query::new(MOVEMENTS, sql))
}

/// The named query `changes`: `period_age`, `amount` and `step` of each beginning (1) and end (-1); where rates move, also
/// what they changed in each period in between, of step 0.
fn changes(night: &Night, last_end: &str) -> String {
    const WHAT: &str = "plan, seats, add_on, after_discount, started_on";
    let as_of = date(night.as_of.day());
    let held = format!(
        "held AS (
            SELECT account_id, ended_on, CASE WHEN pays THEN mrr ELSE 0 END AS mrr, currency, {WHAT}
            FROM ({}) WHERE holds AND started_on <= {as_of})",
        stretches(night)
    );
    if !has_own_currencies(night) {
        return format!(
            "{held}, changes AS (
                SELECT account_id, period_age(started_on, {last_end}) AS period_age, mrr AS amount, 1 AS step, {WHAT}
                FROM held
                UNION ALL
                SELECT account_id, period_age(ended_on, {last_end}), -mrr, -1, {WHAT}
                FROM held WHERE ended_on <= {as_of})"
        );
    }
    let now = converted(night, "mrr", "rates.rate");
    let before = converted(night, "mrr", "rates.rate_before");
    let own = crate::literal(&night.currency);
    format!(
        "{held},
        aged AS (
            SELECT *, period_age(started_on, {last_end}) AS begun_at,
                CASE WHEN ended_on <= {as_of} THEN period_age(ended_on, {last_end}) END AS ended_at FROM held),
        ages AS (SELECT unnest(range(0, coalesce(max(begun_at), 0) + 1)) AS age FROM aged),
        at_period_ends AS (
            SELECT currency AS rate_of, age, first_value(rate ORDER BY valid_on DESC) AS rate
            FROM exchange_rates JOIN ages ON valid_on <= least(period_end(age, {last_end}), {as_of}) GROUP BY currency, age),
        rates AS (
            SELECT *, lag(rate) OVER (PARTITION BY rate_of ORDER BY age DESC) AS rate_before FROM at_period_ends),
        changes AS (
            SELECT account_id, begun_at AS period_age, {now} AS amount, 1 AS step, {WHAT}
            FROM rates RIGHT JOIN aged ON rate_of = currency AND age = begun_at
            UNION ALL
            SELECT account_id, ended_at, -({now}), -1, {WHAT}
            FROM rates RIGHT JOIN aged ON rate_of = currency AND age = ended_at WHERE ended_at IS NOT NULL
            UNION ALL
            SELECT account_id, age, {now} - ({before}), 0, {WHAT}
            FROM rates JOIN aged ON rate_of = currency AND age < begun_at AND age >= coalesce(ended_at, 0)
            WHERE currency <> {own})"
    )
}
