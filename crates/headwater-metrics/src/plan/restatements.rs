//! What was published for an account the night before, beside what is known of that night now.

use crate::{GroupScope, InputTable, Query};

use super::orders::posted_orders;
use super::subscriptions::stretches_on;
use super::{Night, date};

/// The night before, as SQL.
const BEFORE: &str = "(SELECT max(as_of) FROM previous_account_metrics)";

/// `restatements`: one row an account and metric whose value of the night before is another one by tonight's inputs,
/// policy and rates: late rows, refunds, merged accounts, corrected prices.
///
/// What was published is in `previous_account_metrics`. Realised values are compared: recurring revenue on that day, and
/// order revenue up to it.
#[must_use]
pub fn restatements(_: &[GroupScope], night: &Night) -> Option<Query> {
    let mut known = Vec::new();
    if night.has(InputTable::Subscriptions, &[]) {
        known.push((
            "mrr",
            format!(
                "SELECT account_id, sum(mrr) AS value FROM ({})
                WHERE pays AND started_on <= {BEFORE} AND (ended_on IS NULL OR ended_on > {BEFORE}) GROUP BY account_id",
                stretches_on(night, BEFORE)
            ),
        ));
    }
    if night.has(InputTable::Orders, &[]) {
        known.push((
            "net_revenue_total",
            format!(
                "SELECT account_id, sum(net_amount) AS value FROM ({}) WHERE ordered_on <= {BEFORE} GROUP BY account_id",
                posted_orders(night)
            ),
        ));
    }
    let compared: Vec<String> = known
        .iter()
        .map(|(metric, sql)| {
            format!(
                "SELECT coalesce(was.account_id, now.account_id) AS account_id, '{metric}' AS metric,
                    was.value AS published, CAST(now.value AS DECIMAL(18, 2)) AS restated
                FROM (SELECT account_id, {metric} AS value FROM previous_account_metrics) AS was
                FULL JOIN ({sql}) AS now ON was.account_id = now.account_id"
            )
        })
        .collect();
    if compared.is_empty() {
        return None;
    }
    let sql = format!(
        "SELECT {as_of} AS as_of, account_id, metric, {BEFORE} AS valid_on, published, restated,
            CAST(coalesce(restated, 0) - coalesce(published, 0) AS DECIMAL(18, 2)) AS change
        FROM ({compared}) WHERE coalesce(restated, 0) <> coalesce(published, 0) AND {BEFORE} IS NOT NULL",
        as_of = date(night.as_of.day()),
        compared = compared.join(" UNION ALL "),
    );
    Some(Query::new("restatements", sql))
}
