//! Subscriptions told as events or as monthly snapshots, made into periods: what every reader works with.

use chrono::{Datelike, Days, NaiveDate};
use datafusion::error::Result;
use datafusion::prelude::SessionContext;
use headwater_metrics::{AsOf, InputTable, identifier};

use crate::WorkArea;
use crate::prepare::Prepared;
use crate::spec::SubscriptionForm;

/// What became of the rows.
pub(crate) struct Settled {
    /// Periods there are now.
    pub periods: u64,
    /// Snapshots that a later one of the same subscription and month takes the place of.
    pub superseded: u64,
}

/// Rewrites the clean rows of subscriptions as periods. An end that rows of these forms carry is not read: it follows
/// from what comes next.
pub(crate) async fn settle(
    context: &SessionContext,
    work: &WorkArea,
    input: &Prepared<'_>,
    rows: u64,
    as_of: &AsOf,
) -> Result<Settled> {
    let has = |name: &str| input.mapping.column(name).is_some();
    let columns = input.mapping.columns.iter().map(|column| column.name.as_str());
    let columns: Vec<&str> = columns.filter(|name| *name != "ended_on").collect();
    let mut superseded = 0;
    let sql = match input.spec.form {
        SubscriptionForm::Periods => return Ok(Settled { periods: rows, superseded }),
        SubscriptionForm::Events => of_events(&columns, has),
        SubscriptionForm::Snapshots => {
            let repeated = format!("SELECT 1 FROM ({}) WHERE nth > 1", by_month(&columns, has));
            superseded = u64::try_from(context.sql(&repeated).await?.count().await?).unwrap_or(u64::MAX);
            of_snapshots(&columns, has, as_of.day())
        }
    };
    let periods = context.sql(&sql).await?;
    let periods = work.materialise(context, InputTable::Subscriptions.name(), periods).await?;
    Ok(Settled { periods, superseded })
}

/// What one subscription is: without an id, the account has one.
fn line(has: impl Fn(&str) -> bool) -> &'static str {
    if has("subscription_id") { "account_id, subscription_id" } else { "account_id" }
}

/// Whether a row ends its subscription: as it says, or where nothing says so by an amount of nothing.
fn ends(has: impl Fn(&str) -> bool) -> &'static str {
    if has("is_end") { "is_end IS TRUE" } else { "mrr = 0" }
}

fn listed(columns: &[&str]) -> String {
    columns.iter().map(|name| identifier(name)).collect::<Vec<_>>().join(", ")
}

/// The columns but the day a row begins.
fn others(columns: &[&str]) -> String {
    listed(&columns.iter().copied().filter(|name| *name != "started_on").collect::<Vec<_>>())
}

/// Each event holds until the next one of its subscription. The order on one day is that of `sequence`, shorter ones
/// first so that 9 comes before 10, then of all columns, so that it never depends on files.
fn of_events(columns: &[&str], has: impl Fn(&str) -> bool) -> String {
    let sequence = if has("sequence") { "length(sequence), sequence, " } else { "" };
    format!(
        "SELECT {columns}, ended_on FROM (
            SELECT {columns}, lead(started_on) OVER (PARTITION BY {line} ORDER BY started_on, {sequence}{columns}) AS ended_on
            FROM subscriptions)
        WHERE NOT ({ends})",
        columns = listed(columns),
        line = line(&has),
        ends = ends(&has),
    )
}

/// Snapshots with their month, the last month of all, and their place among those of the same subscription and month,
/// the latest first.
fn by_month(columns: &[&str], has: impl Fn(&str) -> bool) -> String {
    format!(
        "SELECT {columns}, month, max(month) OVER () AS last_month,
            row_number() OVER (PARTITION BY {line}, month ORDER BY started_on DESC, {columns}) AS nth
        FROM (SELECT {columns}, date_trunc('month', started_on) AS month FROM subscriptions)",
        columns = listed(columns),
        line = line(has),
    )
}

/// Each snapshot holds for its month, and on where the next one cannot be missed yet: in the last month there is, and
/// before a month that is under way on the night. Rows after the night are not here.
fn of_snapshots(columns: &[&str], has: impl Fn(&str) -> bool, night: NaiveDate) -> String {
    format!(
        "SELECT {others}, CAST(month AS DATE) AS started_on,
            CASE WHEN month < last_month AND (next_month = month_told_next OR next_month < DATE '{under_way}')
                THEN CAST(next_month AS DATE) END AS ended_on
        FROM (SELECT *, month + INTERVAL '1 month' AS next_month,
                lead(month) OVER (PARTITION BY {line} ORDER BY month) AS month_told_next
            FROM ({months}) WHERE nth = 1)
        WHERE NOT ({ends})",
        others = others(columns),
        under_way = month_under_way(night),
        line = line(&has),
        months = by_month(columns, &has),
        ends = ends(&has),
    )
}

/// The first day of the first month that has not ended with the night.
fn month_under_way(night: NaiveDate) -> NaiveDate {
    let next = night.checked_add_days(Days::new(1)).unwrap_or(night);
    next.with_day(1).unwrap_or(next)
}
