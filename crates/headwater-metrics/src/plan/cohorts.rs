//! Cohorts: accounts that became customers in the same period, followed by the age of the cohort.
//!
//! Everything is the running sum of what the movements changed at each age, so that no account is looked at once for
//! every month of its life.

use crate::{GroupScope, InputTable, Query, literal};

use super::groups::{Places, spend_rows};
use super::movements::MOVEMENTS;
use super::{Night, date};

/// Customers below which a cell says little.
const FEW: u32 = 30;

/// `cohort_metrics`: one row a scope, group, cohort and age, over `judged` and the movements.
///
/// A cohort is named by the last day of the period in which its accounts became customers; age 0 is that period. A cell
/// holds customers and recurring revenue at its end, and the revenue of all months up to it.
#[must_use]
pub fn cohorts(scopes: &[GroupScope], night: &Night) -> Option<Query> {
    if !night.has(InputTable::Subscriptions, &[]) {
        return None;
    }
    let as_of = date(night.as_of.day());
    let sql = |Places { columns, names, by_scope }: Places| {
        format!(
            "WITH born AS (
                SELECT account_id AS born_id, period_age AS born, {columns}
                FROM (SELECT account_id AS new_id, period_age FROM {MOVEMENTS} WHERE movement = 'new')
                JOIN judged ON new_id = account_id
            ),
            moved AS (
                SELECT {names}, born, period_age, movement, count(*) AS movements, sum(amount) AS amount,
                    count(*) FILTER (WHERE movement = 'churn' AND reason IS DISTINCT FROM 'within_period') AS churns
                FROM born JOIN {MOVEMENTS} ON born_id = account_id GROUP BY {names}, born, period_age, movement
            ),
            scoped AS (SELECT {by_scope} AS item, born, born - period_age AS age, movement, movements, churns, amount FROM moved),
            changes AS (
                SELECT item['scope'] AS scope, item['group_name'] AS group_name, born, age,
                    sum(CASE WHEN movement IN ('new', 'reactivation') THEN movements WHEN movement = 'churn' THEN -movements ELSE 0 END)
                        AS customers,
                    sum(CASE WHEN movement = 'new' THEN movements ELSE 0 END) AS joined,
                    sum(churns) AS churned, sum(amount) AS amount
                FROM scoped GROUP BY 1, 2, born, age
            ),
            starts AS (
                SELECT scope, group_name, born, sum(joined) AS cohort_size, sum(CASE WHEN age = 0 THEN amount ELSE 0 END) AS first_mrr
                FROM changes GROUP BY scope, group_name, born
            ),
            cells AS (
                SELECT scope, group_name, born, cohort_size, first_mrr, unnest(range(0, born + 1)) AS age FROM starts
            ),
            followed AS (
                SELECT cells.*, coalesce(changes.customers, 0) AS customers_changed, coalesce(changes.amount, 0) AS amount_changed,
                    coalesce(changes.churned, 0) AS churned
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
                cohort_size < {FEW} AS few_accounts, churned
            FROM states
            WINDOW by_age AS (PARTITION BY scope, group_name, born ORDER BY age ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)",
        )
    };
    Some(Query::by_scope("cohort_metrics", scopes, |scopes| sql(Places::of(scopes))))
}

/// Periods over which a cohort's revenue is compared to tell its pattern.
const PATTERN_PERIODS: u32 = 3;
/// Change of revenue over those periods from which it counts as rising, or decaying.
const PATTERN_CHANGE: &str = "0.02";

/// `cohort_summary`: one row a scope, group and cohort, over the published `cohort_metrics`.
///
/// Payback is the first age at which the margin to date reaches what was spent in the cohort's own period; a cohort that
/// is not there yet is censored at its age, and nothing is extrapolated. Without spend, or with no more spent than was credited, and without a margin, nothing is known of either. The
/// value expected of a cohort that is old and large enough is its margin to date and what its customers of today bring
/// until the horizon at the cohort's own churn, discounted: both sides of its ratio are of the same accounts.
#[must_use]
pub fn cohort_summary(scopes: &[GroupScope], night: &Night) -> Option<Query> {
    if !night.has(InputTable::Subscriptions, &[]) {
        return None;
    }
    let as_of = date(night.as_of.day());
    let margin = night.economics.gross_margin.sql();
    let sql = format!(
        "WITH spent AS ({spent}),
        followed AS (
            SELECT cohort_metrics.*, spent.amount AS acquisition_spend,
                CAST(nullif(greatest(spent.amount, 0), 0) AS DOUBLE) AS cost,
                CAST(revenue_to_date AS DOUBLE) * {margin} AS margin_to_date,
                lag(mrr, {PATTERN_PERIODS}) OVER (PARTITION BY cohort_metrics.scope, cohort_metrics.group_name, cohort_metrics.cohort
                    ORDER BY age_months) AS mrr_before,
                lag(customers) OVER (PARTITION BY cohort_metrics.scope, cohort_metrics.group_name, cohort_metrics.cohort
                    ORDER BY age_months) AS customers_before
            FROM cohort_metrics LEFT JOIN spent ON spent.scope = cohort_metrics.scope
                AND spent.group_name = cohort_metrics.group_name AND spent.cohort = cohort_metrics.cohort
        ),
        summed AS (
            SELECT scope, group_name, cohort, max(cohort_size) AS cohort_size, max(age_months) AS age_months,
                max(acquisition_spend) AS acquisition_spend,
                max(cost) AS cost,
                min(CASE WHEN margin_to_date >= cost THEN age_months END) AS payback_months,
                max(CASE WHEN period_end = {as_of} THEN margin_to_date END) AS margin_to_date,
                max(CASE WHEN period_end = {as_of} THEN customer_retention END) AS customer_retention,
                max(CASE WHEN period_end = {as_of} THEN revenue_retention END) AS revenue_retention,
                max(CASE WHEN period_end = {as_of} THEN CAST(mrr AS DOUBLE) / nullif(CAST(mrr_before AS DOUBLE), 0) - 1 END) AS changed,
                max(CASE WHEN period_end = {as_of} THEN CAST(mrr AS DOUBLE) END) AS mrr,
                CAST(sum(CASE WHEN age_months > 0 THEN churned ELSE 0 END) AS DOUBLE) / nullif(sum(customers_before), 0) AS monthly_churn,
                bool_or(few_accounts) AS few_accounts
            FROM followed GROUP BY scope, group_name, cohort
        ),
        expected AS (
            SELECT *, CASE WHEN NOT few_accounts AND age_months >= {PATTERN_PERIODS} THEN
                margin_to_date + mrr * {margin} * (annuity(1 - monthly_churn, {discount}, {horizon} - least(CAST(age_months AS DOUBLE), {horizon}) + 1) - 1)
                END AS expected_value
            FROM summed
        )
        SELECT {as_of} AS as_of, scope, group_name, cohort, cohort_size, age_months, customer_retention, revenue_retention,
            acquisition_spend, cost / cohort_size AS cac,
            margin_to_date / cohort_size AS margin_per_account,
            margin_to_date / cost AS margin_cac_ratio,
            payback_months, CASE WHEN cost IS NOT NULL AND margin_to_date IS NOT NULL THEN payback_months IS NULL END AS payback_censored,
            CASE WHEN few_accounts OR age_months < {PATTERN_PERIODS} OR changed IS NULL THEN 'immature'
                WHEN changed > {PATTERN_CHANGE} THEN 'rising'
                WHEN changed < -{PATTERN_CHANGE} THEN 'decaying'
                ELSE 'flat' END AS pattern,
            CASE WHEN few_accounts THEN 'fewer than {FEW} accounts'
                WHEN age_months < {PATTERN_PERIODS} THEN 'younger than {PATTERN_PERIODS} months'
                WHEN changed IS NULL THEN 'no revenue {PATTERN_PERIODS} months before' END AS immature_because,
            monthly_churn, expected_value / cohort_size AS expected_value_per_account,
            expected_value / cost AS clv_cac_ratio
        FROM expected",
        spent = spent(scopes, night),
        discount = super::fill::number(night.economics.monthly_discount),
        horizon = super::fill::number(f64::from(night.economics.horizon_months)),
    );
    Some(Query::new("cohort_summary", sql))
}

/// Acquisition spend by scope, group and period.
fn spent(scopes: &[GroupScope], night: &Night) -> String {
    let none =
        "SELECT CAST(NULL AS VARCHAR) AS scope, CAST(NULL AS VARCHAR) AS group_name, CAST(NULL AS DATE) AS cohort,
        CAST(NULL AS DECIMAL(18, 2)) AS amount WHERE false";
    if !night.has(InputTable::Spend, &[]) {
        return none.to_owned();
    }
    let as_of = date(night.as_of.day());
    let of_scope = |scope: &GroupScope| {
        let group = scope.spend_group(night)?;
        Some(format!(
            "SELECT {} AS scope, {group} AS group_name, period_end(period_age(spent_on, {as_of}) - {lag}, {as_of}) AS cohort,
                CAST(sum(amount) AS DECIMAL(18, 2)) AS amount
            FROM ({}) AS spend_rows WHERE acquires AND period_age(spent_on, {as_of}) >= {lag} GROUP BY 2, 3",
            literal(scope.name()),
            spend_rows(night),
            lag = night.economics.cac_lag_months,
        ))
    };
    let selects: Vec<String> = scopes.iter().filter_map(of_scope).collect();
    if selects.is_empty() { none.to_owned() } else { selects.join(" UNION ALL ") }
}
