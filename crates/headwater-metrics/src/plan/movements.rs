//! The movements of recurring revenue: every change of an account's MRR from one period end to the next.
//!
//! Periods end on the as-of day and on the same day of the months before it; month ends stay month ends.
//! INVARIANT(movement identity): per account, amounts add up to the closing MRR, and opening + amount = closing.

use crate::Query;

use super::{Night, date};

/// The name under which the movements are kept.
pub(crate) const MOVEMENTS: &str = "mrr_movements";

/// `mrr_movements`: one row an account and period in which its recurring revenue changed.
///
/// Columns: `account_id`, `period_age` (0 is the period that ends on the as-of day), `period_end`, `movement`
/// (`new`, `reactivation`, `expansion`, `contraction`, `churn`), `opening_mrr`, `closing_mrr`, `amount` (closing
/// less opening). Trials and free subscriptions count no revenue; an end still to come changes nothing yet.
/// Subscriptions that begin and end within one period leave no trace.
#[must_use]
pub fn movements(night: &Night) -> Query {
    let as_of = date(night.as_of.day());
    let paid = paid_condition(night);
    let sql = format!(
        "WITH paid AS (SELECT account_id, started_on, {ended} AS ended_on, mrr FROM subscriptions WHERE {paid}),
        changes AS (
            SELECT account_id, period_age(started_on, {as_of}) AS period_age, mrr AS amount FROM paid
            UNION ALL
            SELECT account_id, period_age(ended_on, {as_of}), -mrr FROM paid WHERE ended_on <= {as_of}
        ),
        periods AS (
            SELECT account_id, period_age, sum(amount) AS amount FROM changes
            GROUP BY account_id, period_age HAVING sum(amount) <> 0
        ),
        running AS (
            SELECT account_id, period_age, amount,
                sum(amount) OVER (PARTITION BY account_id ORDER BY period_age DESC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS closing,
                row_number() OVER (PARTITION BY account_id ORDER BY period_age DESC) AS nth
            FROM periods
        )
        SELECT account_id, period_age, period_end(period_age, {as_of}) AS period_end,
            CASE WHEN closing = 0 THEN 'churn'
                 WHEN nth = 1 THEN 'new'
                 WHEN closing = amount THEN 'reactivation'
                 WHEN amount > 0 THEN 'expansion'
                 ELSE 'contraction' END AS movement,
            CAST(closing - amount AS DECIMAL(18, 2)) AS opening_mrr,
            CAST(closing AS DECIMAL(18, 2)) AS closing_mrr,
            CAST(amount AS DECIMAL(18, 2)) AS amount
        FROM running",
        ended = ended_column(night),
    );
    Query::new(MOVEMENTS, sql)
}

/// Whether a subscription counts revenue while it is in force.
pub(super) fn paid_condition(night: &Night) -> String {
    let columns = night.inputs.get(&crate::InputTable::Subscriptions);
    let has = |name: &str| columns.is_some_and(|columns| columns.contains(name));
    let mut conditions = vec!["mrr > 0"];
    if has("is_trial") {
        conditions.push("is_trial IS NOT TRUE");
    }
    if has("ended_on") {
        conditions.push("(ended_on IS NULL OR ended_on > started_on)");
    }
    conditions.join(" AND ")
}

/// The end of a subscription; unknown where the input has none.
pub(super) fn ended_column(night: &Night) -> &'static str {
    if night.has(crate::InputTable::Subscriptions, &["ended_on"]) { "ended_on" } else { "CAST(NULL AS DATE)" }
}
