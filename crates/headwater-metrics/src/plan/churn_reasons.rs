//! Why accounts left, as they said it, and the revenue that went with them.

use crate::{GroupScope, InputTable, Query};

use super::groups::grouped;
use super::movements::MOVEMENTS;
use super::{Night, date};

/// Days before the lookback within which a reason may have been given for leaving in it.
const GIVEN_BEFORE_DAYS: u32 = 90;

/// `churn_reasons`: one row a scope, group and reason, over `judged`, the movements and feedback of kind `churn`.
///
/// An account counts once, with the recurring revenue of all its churn in the lookback and the reason it gave last; of
/// several on one day, the first in the alphabet. Who gave none counts as `(unknown)`. None without subscriptions and
/// feedback.
#[must_use]
pub fn churn_reasons(scopes: &[GroupScope], night: &Night) -> Option<Query> {
    if !night.has(InputTable::Subscriptions, &[]) || !night.has(InputTable::Feedback, &[]) {
        return None;
    }
    let words = |name| night.column_or_null(InputTable::Feedback, name, "VARCHAR");
    let months = night.economics.lookback_months;
    let sql = |scopes: &[GroupScope]| {
        format!(
        "WITH grouped AS ({groups}),
        gone AS (
            SELECT account_id, sum(-amount) AS mrr FROM {MOVEMENTS} WHERE movement = 'churn' AND period_age < {months}
            GROUP BY account_id
        ),
        given AS (
            SELECT account_id AS leaver, first_value(said ORDER BY submitted_on DESC, said ASC) AS said FROM (
                SELECT account_id, submitted_on, coalesce(nullif(trim({reason}), ''), nullif(trim({comment}), '')) AS said
                FROM feedback WHERE kind = 'churn' AND days_between({first_day}, submitted_on) > -{GIVEN_BEFORE_DAYS})
            WHERE said IS NOT NULL GROUP BY account_id
        ),
        counted AS (
            SELECT scope, group_name, coalesce(said, '(unknown)') AS reason, count(*) AS accounts, sum(mrr) AS mrr
            FROM gone LEFT JOIN given ON gone.account_id = leaver JOIN grouped ON gone.account_id = grouped.account_id
            GROUP BY scope, group_name, coalesce(said, '(unknown)')
        )
        SELECT {as_of} AS as_of, scope, group_name, reason, accounts, CAST(mrr AS DECIMAL(18, 2)) AS mrr_lost,
            CAST(accounts AS DOUBLE) / sum(accounts) OVER (PARTITION BY scope, group_name) AS share_of_accounts
        FROM counted",
        groups = grouped(scopes),
        reason = words("reason"),
        comment = words("comment"),
        first_day = date(night.as_of.months_before(months)),
        as_of = date(night.as_of.day()),
    )
    };
    Some(Query::by_scope("churn_reasons", scopes, sql))
}
