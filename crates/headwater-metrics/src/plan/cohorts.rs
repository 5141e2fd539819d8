//! Cohorts: accounts that became customers in the same period, followed by the age of the cohort.
//!
//! Everything is the running sum of what the movements changed at each age, so that no account is looked at once for
//! every month of its life.

use crate::{GroupScope, Query, literal};

use super::movements::MOVEMENTS;
use super::{Night, date};

/// Customers below which a cell says little.
const FEW: u32 = 30;

/// `cohort_metrics`: one row a scope, group, cohort and age, over `judged` and the movements.
///
/// A cohort is named by the last day of the period in which its accounts became customers; age 0 is that period. A cell
/// holds customers and recurring revenue at its end, and the revenue of all months up to it.
#[must_use]
pub fn cohorts(scopes: &[GroupScope], night: &Night) -> Query {
    let as_of = date(night.as_of.day());
    let groups: Vec<String> = scopes
        .iter()
        .map(|scope| {
            format!(
                "SELECT account_id, {} AS scope, {} AS group_name FROM judged",
                literal(scope.name()),
                scope.group()
            )
        })
        .collect();
    let sql = format!(
        "WITH born AS (
            SELECT account_id, period_age AS born FROM {MOVEMENTS} WHERE movement = 'new'
        ),
        grouped AS ({groups}),
        changes AS (
            SELECT scope, group_name, born, born - period_age AS age,
                sum(CASE WHEN movement IN ('new', 'reactivation') THEN 1 WHEN movement = 'churn' THEN -1 ELSE 0 END) AS customers,
                sum(CASE WHEN movement = 'new' THEN 1 ELSE 0 END) AS joined, sum(amount) AS amount
            FROM {MOVEMENTS} JOIN born ON {MOVEMENTS}.account_id = born.account_id
            JOIN grouped ON {MOVEMENTS}.account_id = grouped.account_id
            GROUP BY scope, group_name, born, born - period_age
        ),
        starts AS (
            SELECT scope, group_name, born, sum(joined) AS cohort_size, sum(CASE WHEN age = 0 THEN amount ELSE 0 END) AS first_mrr
            FROM changes GROUP BY scope, group_name, born
        ),
        cells AS (
            SELECT scope, group_name, born, cohort_size, first_mrr, unnest(range(0, born + 1)) AS age FROM starts
        ),
        followed AS (
            SELECT cells.*, coalesce(changes.customers, 0) AS customers_changed, coalesce(changes.amount, 0) AS amount_changed
            FROM cells LEFT JOIN changes ON cells.scope = changes.scope AND cells.group_name = changes.group_name
                AND cells.born = changes.born AND cells.age = changes.age
        ),
        states AS (
            SELECT *, sum(customers_changed) OVER by_age AS customers, sum(amount_changed) OVER by_age AS mrr FROM followed
            WINDOW by_age AS (PARTITION BY scope, group_name, born ORDER BY age ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
        )
        SELECT {as_of} AS as_of, scope, group_name, period_end(born, {as_of}) AS cohort, age AS age_months,
            period_end(born - age, {as_of}) AS period_end, cohort_size, customers,
            CAST(customers AS DOUBLE) / cohort_size AS customer_retention,
            CAST(first_mrr AS DECIMAL(18, 2)) AS first_mrr, CAST(mrr AS DECIMAL(18, 2)) AS mrr,
            CAST(mrr AS DOUBLE) / nullif(CAST(first_mrr AS DOUBLE), 0) AS revenue_retention,
            CAST(sum(mrr) OVER by_age AS DECIMAL(18, 2)) AS revenue_to_date,
            CAST(sum(mrr) OVER by_age AS DOUBLE) / cohort_size AS revenue_per_account,
            cohort_size < {FEW} AS few_accounts
        FROM states
        WINDOW by_age AS (PARTITION BY scope, group_name, born ORDER BY age ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)",
        groups = groups.join(" UNION ALL "),
    );
    Query::new("cohort_metrics", sql)
}
