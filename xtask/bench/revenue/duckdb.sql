-- Movements, retention and cohorts by the definitions of the catalogue, for a night at a month's end: periods are then
-- calendar months, and the age of a period is the number of months between.
CREATE TEMP TABLE mrr_movements AS
WITH held AS (
    SELECT account_id, started_on, ended_on, mrr, plan, seats, is_add_on
    FROM read_parquet('{lake}/subscriptions.parquet')
    WHERE started_on <= DATE '{as_of}' AND mrr > 0 AND is_trial IS NOT TRUE
        AND (ended_on IS NULL OR ended_on > started_on)
),
changes AS (
    SELECT account_id, last_day(started_on) AS period_end, mrr AS amount, 1 AS step, plan, seats, is_add_on FROM held
    UNION ALL
    SELECT account_id, last_day(ended_on), -mrr, -1, plan, seats, is_add_on FROM held WHERE ended_on <= DATE '{as_of}'
),
periods AS (
    SELECT
        account_id,
        period_end,
        sum(amount)::DECIMAL(18, 2) AS amount,
        sum(step)::BIGINT AS step,
        count(*) FILTER (step > 0) AS begun,
        count(*) FILTER (step < 0) AS ended,
        bool_and(coalesce(is_add_on, false)) AS only_add_ons,
        max(plan) FILTER (step > 0) AS plan_begun,
        max(plan) FILTER (step < 0) AS plan_ended,
        sum(step * seats) AS seats
    FROM changes
    GROUP BY account_id, period_end
),
running AS (
    SELECT *, sum(amount) OVER so_far AS closing, sum(step) OVER so_far AS holding
    FROM periods
    WINDOW so_far AS (PARTITION BY account_id ORDER BY period_end ROWS UNBOUNDED PRECEDING)
),
told AS (
    SELECT
        *,
        coalesce(max(holding) OVER (PARTITION BY account_id ORDER BY period_end
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) > 0 AS known_before
    FROM running
),
moved AS (
    SELECT
        *,
        CASE
            WHEN holding = 0 THEN 'churn'
            WHEN holding = step AND NOT known_before THEN 'new'
            WHEN holding = step THEN 'reactivation'
            WHEN amount > 0 THEN 'expansion'
            ELSE 'contraction'
        END AS movement
    FROM told
    WHERE amount <> 0 OR (holding = 0) <> (holding = step)
)
SELECT
    account_id,
    period_end,
    movement,
    CASE
        WHEN movement NOT IN ('expansion', 'contraction') THEN NULL
        WHEN ended = 0 AND only_add_ons THEN 'add_on'
        WHEN ended = 0 THEN 'cross_sell'
        WHEN begun = 0 THEN 'part_cancelled'
        WHEN plan_begun IS DISTINCT FROM plan_ended THEN 'plan'
        WHEN seats <> 0 THEN 'seats'
        ELSE 'price'
    END AS reason,
    (closing - amount)::DECIMAL(18, 2) AS opening_mrr,
    closing::DECIMAL(18, 2) AS closing_mrr,
    amount
FROM moved;

CREATE TEMP TABLE account_values AS
WITH moved AS (
    SELECT
        *,
        datediff('month', period_end, DATE '{as_of}') AS age,
        CASE WHEN movement IN ('new', 'reactivation') THEN 1 WHEN movement = 'churn' THEN -1 ELSE 0 END AS step
    FROM mrr_movements
),
revenue AS (
    SELECT
        account_id,
        sum(amount) AS mrr,
        sum(step) > 0 AS is_customer,
        sum(amount) FILTER (age >= 1) AS mrr_1m_ago,
        sum(amount) FILTER (age >= 12) AS mrr_12m_ago,
        sum(step) FILTER (age >= 1) > 0 AS was_customer_1m_ago,
        sum(step) FILTER (age >= 12) > 0 AS was_customer_12m_ago,
        sum(amount) FILTER (movement = 'new' AND age < 12) AS new_mrr_12m,
        sum(amount) FILTER (movement = 'reactivation' AND age < 12) AS reactivation_mrr_12m,
        sum(amount) FILTER (movement = 'expansion' AND age < 12) AS expansion_mrr_12m,
        sum(-amount) FILTER (movement = 'contraction' AND age < 12) AS contraction_mrr_12m,
        sum(-amount) FILTER (movement = 'churn' AND age < 12) AS churned_mrr_12m,
        count(*) FILTER (movement = 'churn' AND age < 12) AS churns_12m,
        sum(step * least(age, 12)) AS paying_months_12m
    FROM moved
    GROUP BY account_id
),
bought AS (
    SELECT
        account_id,
        sum(amount - coalesce(refunded_amount, 0)) AS net_revenue_total,
        sum(amount - coalesce(refunded_amount, 0)) FILTER (invoiced_on > DATE '{as_of}' - 365) AS net_revenue_365d,
        sum(discount_amount) FILTER (invoiced_on > DATE '{as_of}' - 365) AS discounts_365d
    FROM read_parquet('{lake}/invoices/*/*.parquet', hive_partitioning = false)
    WHERE invoiced_on <= DATE '{as_of}'
    GROUP BY account_id
)
SELECT
    coalesce(acquisition_channel, '(unknown)') AS channel,
    coalesce(is_customer, false) AS is_customer,
    coalesce(was_customer_1m_ago, false) AS was_customer_1m_ago,
    coalesce(was_customer_12m_ago, false) AS was_customer_12m_ago,
    coalesce(COLUMNS(moved.* EXCLUDE (account_id, is_customer, was_customer_1m_ago, was_customer_12m_ago)), 0),
    coalesce(COLUMNS(bought.* EXCLUDE (account_id)), 0)
FROM read_parquet('{lake}/accounts.parquet') AS accounts
LEFT JOIN revenue AS moved USING (account_id)
LEFT JOIN bought USING (account_id)
WHERE signed_up_on <= DATE '{as_of}';

CREATE TEMP TABLE group_metrics AS
WITH facts AS (
    SELECT
        CASE WHEN GROUPING(channel) = 1 THEN 'total' ELSE 'acquisition_channel' END AS scope,
        coalesce(channel, 'all') AS group_name,
        sum(mrr) AS mrr,
        count(*) FILTER (mrr > 0) AS paying,
        sum(mrr_1m_ago) AS opening_1m,
        sum(mrr_12m_ago) AS opening_12m,
        sum(mrr) FILTER (was_customer_1m_ago) AS retained_1m,
        sum(mrr) FILTER (was_customer_12m_ago) AS retained_12m,
        sum(least(mrr, mrr_12m_ago)) AS kept_12m,
        count(*) FILTER (was_customer_1m_ago) AS customers_1m,
        count(*) FILTER (was_customer_12m_ago) AS customers_12m,
        count(*) FILTER (was_customer_1m_ago AND NOT is_customer) AS lost_1m,
        count(*) FILTER (was_customer_12m_ago AND NOT is_customer) AS lost_12m,
        sum(churns_12m) AS churns_12m,
        sum(paying_months_12m) AS exposure_12m,
        sum(new_mrr_12m) AS new_12m,
        sum(reactivation_mrr_12m) AS reactivation_12m,
        sum(expansion_mrr_12m) AS expansion_12m,
        sum(contraction_mrr_12m) AS contraction_12m,
        sum(churned_mrr_12m) AS churned_12m,
        sum(net_revenue_365d) AS net_revenue_365d,
        sum(net_revenue_total) AS net_revenue_total,
        sum(discounts_365d) AS discounts_365d
    FROM account_values
    GROUP BY GROUPING SETS ((), (channel))
),
ratios AS (
    SELECT scope, group_name, unnest([
        {'metric': 'arpa', 'value': mrr::DOUBLE / nullif(paying, 0)},
        {'metric': 'nrr_1m', 'value': retained_1m::DOUBLE / nullif(opening_1m::DOUBLE, 0)},
        {'metric': 'nrr_12m', 'value': retained_12m::DOUBLE / nullif(opening_12m::DOUBLE, 0)},
        {'metric': 'grr_12m', 'value': kept_12m::DOUBLE / nullif(opening_12m::DOUBLE, 0)},
        {'metric': 'revenue_churn_12m', 'value': (opening_12m - kept_12m)::DOUBLE / nullif(opening_12m::DOUBLE, 0)},
        {'metric': 'logo_churn_1m', 'value': lost_1m::DOUBLE / nullif(customers_1m, 0)},
        {'metric': 'logo_churn_12m', 'value': lost_12m::DOUBLE / nullif(customers_12m, 0)},
        {'metric': 'logo_churn_monthly_12m', 'value': churns_12m::DOUBLE / nullif(exposure_12m, 0)},
        {'metric': 'quick_ratio_12m', 'value': (new_12m + reactivation_12m + expansion_12m)::DOUBLE
            / nullif((contraction_12m + churned_12m)::DOUBLE, 0)},
        {'metric': 'discount_dependence_365d', 'value': discounts_365d::DOUBLE
            / nullif((net_revenue_365d + discounts_365d)::DOUBLE, 0)}
    ], recursive := true)
    FROM facts
),
amounts AS (
    SELECT scope, group_name, unnest([
        {'metric': 'total_mrr', 'money': mrr::DECIMAL(18, 2)},
        {'metric': 'total_new_mrr_12m', 'money': new_12m::DECIMAL(18, 2)},
        {'metric': 'total_reactivation_mrr_12m', 'money': reactivation_12m::DECIMAL(18, 2)},
        {'metric': 'total_expansion_mrr_12m', 'money': expansion_12m::DECIMAL(18, 2)},
        {'metric': 'total_contraction_mrr_12m', 'money': contraction_12m::DECIMAL(18, 2)},
        {'metric': 'total_churned_mrr_12m', 'money': churned_12m::DECIMAL(18, 2)},
        {'metric': 'total_net_revenue_365d', 'money': net_revenue_365d::DECIMAL(18, 2)},
        {'metric': 'total_net_revenue_total', 'money': net_revenue_total::DECIMAL(18, 2)}
    ], recursive := true)
    FROM facts
)
FROM ratios UNION ALL BY NAME FROM amounts;

CREATE TEMP TABLE cohort_metrics AS
WITH born AS (
    SELECT account_id, period_end AS cohort, coalesce(acquisition_channel, '(unknown)') AS channel
    FROM mrr_movements JOIN read_parquet('{lake}/accounts.parquet') USING (account_id)
    WHERE movement = 'new'
),
changes AS (
    SELECT
        CASE WHEN GROUPING(channel) = 1 THEN 'total' ELSE 'acquisition_channel' END AS scope,
        coalesce(channel, 'all') AS group_name,
        cohort,
        period_end,
        sum(CASE WHEN movement IN ('new', 'reactivation') THEN 1 WHEN movement = 'churn' THEN -1 ELSE 0 END) AS customers,
        count(*) FILTER (movement = 'new') AS joined,
        sum(amount) AS amount
    FROM mrr_movements JOIN born USING (account_id)
    GROUP BY GROUPING SETS ((cohort, period_end), (channel, cohort, period_end))
),
starts AS (
    SELECT scope, group_name, cohort, sum(joined) AS cohort_size, sum(amount) FILTER (period_end = cohort) AS first_mrr
    FROM changes
    GROUP BY ALL
),
cells AS (
    SELECT *, unnest(range(datediff('month', cohort, DATE '{as_of}') + 1)) AS age_months FROM starts
),
followed AS (
    SELECT
        cells.*,
        last_day(cells.cohort + to_months(age_months::INTEGER)) AS cell_end,
        coalesce(customers, 0) AS customers_changed,
        coalesce(amount, 0) AS amount_changed
    FROM cells LEFT JOIN changes
        ON cells.scope = changes.scope AND cells.group_name = changes.group_name AND cells.cohort = changes.cohort
        AND changes.period_end = last_day(cells.cohort + to_months(age_months::INTEGER))
),
states AS (
    SELECT *, sum(customers_changed) OVER by_age AS customers_there, sum(amount_changed) OVER by_age AS mrr_there
    FROM followed
    WINDOW by_age AS (PARTITION BY scope, group_name, cohort ORDER BY age_months ROWS UNBOUNDED PRECEDING)
)
SELECT
    scope,
    group_name,
    cohort,
    age_months,
    cell_end AS period_end,
    cohort_size::BIGINT AS cohort_size,
    customers_there::BIGINT AS customers,
    customers_there::DOUBLE / cohort_size AS customer_retention,
    first_mrr::DECIMAL(18, 2) AS first_mrr,
    mrr_there::DECIMAL(18, 2) AS mrr,
    mrr_there::DOUBLE / nullif(first_mrr::DOUBLE, 0) AS revenue_retention,
    (sum(mrr_there) OVER by_age)::DECIMAL(18, 2) AS revenue_to_date,
    (sum(mrr_there) OVER by_age)::DOUBLE / cohort_size AS revenue_per_account,
    cohort_size < 30 AS few_accounts
FROM states
WINDOW by_age AS (PARTITION BY scope, group_name, cohort ORDER BY age_months ROWS UNBOUNDED PRECEDING);

-- Nothing is known of spend, so that a cohort has neither cost nor payback.
CREATE TEMP TABLE cohort_summary AS
WITH followed AS (
    SELECT *, mrr::DOUBLE / nullif(lag(mrr, 3) OVER by_age::DOUBLE, 0) - 1 AS changed
    FROM cohort_metrics
    WINDOW by_age AS (PARTITION BY scope, group_name, cohort ORDER BY age_months)
)
SELECT
    scope,
    group_name,
    cohort,
    cohort_size,
    age_months,
    customer_retention,
    revenue_retention,
    revenue_to_date::DOUBLE * 0.8 / cohort_size AS margin_per_account,
    CASE
        WHEN few_accounts OR age_months < 3 OR changed IS NULL THEN 'immature'
        WHEN changed > 0.02 THEN 'rising'
        WHEN changed < -0.02 THEN 'decaying'
        ELSE 'flat'
    END AS pattern
FROM followed
WHERE period_end = DATE '{as_of}';
