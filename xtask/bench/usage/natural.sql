-- The usage metrics of a night as an analyst would write them: one pass, COUNT(DISTINCT …) FILTER (…).
CREATE TEMP TABLE account_metrics AS
SELECT
    account_id,
    coalesce(sum(quantity) FILTER (event_date > DATE '{as_of}' - 7), 0)::BIGINT AS usage_events_7d,
    coalesce(sum(quantity) FILTER (event_date > DATE '{as_of}' - 28), 0)::BIGINT AS usage_events_28d,
    coalesce(sum(quantity) FILTER (event_date > DATE '{as_of}' - 90), 0)::BIGINT AS usage_events_90d,
    coalesce(sum(quantity) FILTER (
        event_date > DATE '{as_of}' - 56 AND event_date <= DATE '{as_of}' - 28), 0)::BIGINT AS usage_events_prev_28d,
    count(DISTINCT user_id) FILTER (event_date > DATE '{as_of}' - 7) AS active_users_7d,
    count(DISTINCT user_id) FILTER (event_date > DATE '{as_of}' - 28) AS active_users_28d,
    count(DISTINCT event_date) FILTER (event_date > DATE '{as_of}' - 28) AS active_days_28d,
    count(DISTINCT event_date) FILTER (event_date > DATE '{as_of}' - 90) AS active_days_90d,
    count(DISTINCT feature) FILTER (event_date > DATE '{as_of}' - 28) AS features_used_28d,
    count(DISTINCT feature) FILTER (event_date > DATE '{as_of}' - 90) AS features_used_90d,
    coalesce(sum(quantity) FILTER (is_value_event), 0)::BIGINT AS value_events_total,
    count(DISTINCT date_trunc('month', event_date)) FILTER (is_value_event) AS value_event_months,
    min(event_date) AS first_active_on,
    max(event_date) AS last_active_on
FROM read_parquet('{lake}/usage_events/*/*.parquet', hive_partitioning = true)
WHERE event_date <= DATE '{as_of}'
GROUP BY account_id
