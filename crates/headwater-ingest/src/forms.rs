//! Subscriptions told as events or as monthly snapshots, made into periods: what every reader works with.

use datafusion::error::Result;
use datafusion::prelude::SessionContext;
use headwater_metrics::{InputTable, identifier};

use crate::WorkArea;
use crate::prepare::Prepared;
use crate::spec::SubscriptionForm;

/// Rewrites the clean rows of subscriptions as periods. The answer is the number of periods.
pub(crate) async fn settle(context: &SessionContext, work: &WorkArea, input: &Prepared<'_>, rows: u64) -> Result<u64> {
    let has = |name: &str| input.mapping.column(name).is_some();
    let columns: Vec<&str> = input.mapping.columns.iter().map(|column| column.name.as_str()).collect();
    let sql = match input.spec.form {
        SubscriptionForm::Periods => return Ok(rows),
        SubscriptionForm::Events => of_events(&columns, has),
        SubscriptionForm::Snapshots => of_snapshots(&columns, has),
    };
    let periods = context.sql(&sql).await?;
    work.materialise(context, InputTable::Subscriptions.name(), periods).await
}

/// What one subscription is: without an id, the account has one.
fn line(has: impl Fn(&str) -> bool) -> &'static str {
    if has("subscription_id") { "account_id, subscription_id" } else { "account_id" }
}

/// The columns as they are, but for the two that say from when to when.
fn others(columns: &[&str]) -> String {
    let others = columns.iter().filter(|name| !["started_on", "ended_on"].contains(*name));
    others.map(|name| format!("{}, ", identifier(name))).collect()
}

/// Each event holds until the next one of its subscription. The order on one day is that of `sequence`, then of all
/// columns, so that it never depends on files.
fn of_events(columns: &[&str], has: impl Fn(&str) -> bool) -> String {
    let order: Vec<String> = columns.iter().map(|name| identifier(name)).collect();
    let sequence = if has("sequence") { "sequence, " } else { "" };
    let ends = if has("is_end") { "is_end IS TRUE" } else { "mrr = 0" };
    format!(
        "SELECT {others}started_on, ended_on FROM (
            SELECT *, lead(started_on) OVER (PARTITION BY {line} ORDER BY started_on, {sequence}{order}) AS ended_on
            FROM subscriptions)
        WHERE NOT ({ends})",
        others = others(columns),
        line = line(&has),
        order = order.join(", "),
    )
}

/// Each snapshot holds for its month. The last month there is holds on: what comes after it is not known yet.
fn of_snapshots(columns: &[&str], has: impl Fn(&str) -> bool) -> String {
    let paid = if has("is_end") { "is_end IS NOT TRUE" } else { "true" };
    format!(
        "SELECT {others}CAST(month AS DATE) AS started_on,
            CASE WHEN month < max(month) OVER () THEN CAST(month + INTERVAL '1 month' AS DATE) END AS ended_on
        FROM (SELECT *, date_trunc('month', started_on) AS month FROM subscriptions) WHERE {paid}",
        others = others(columns),
    )
}
