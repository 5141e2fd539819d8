//! What the tickets of a group are about and how they come in, beside the same days before.

use crate::{GroupScope, InputTable, Query, Window};

use super::groups::grouped;
use super::rows::tickets;
use super::{Night, date};

/// Days that are counted, and days before them that they are compared with.
const WINDOW_DAYS: u32 = 90;

/// `ticket_themes`: one row a scope, group and theme of the tickets opened in the last 90 days or the 90 before. None
/// without `theme`.
#[must_use]
pub fn ticket_themes(scopes: &[GroupScope], night: &Night) -> Option<Query> {
    by_column("ticket_themes", "theme", scopes, night)
}

/// `ticket_channels`: the same by the channel that tickets came in by. None without `channel`.
#[must_use]
pub fn ticket_channels(scopes: &[GroupScope], night: &Night) -> Option<Query> {
    by_column("ticket_channels", "channel", scopes, night)
}

fn by_column(table: &str, column: &str, scopes: &[GroupScope], night: &Night) -> Option<Query> {
    if !night.has(InputTable::SupportTickets, &[column]) {
        return None;
    }
    let days = |window: Window| {
        let (from, to) = window.days(&night.as_of);
        from.map(|from| format!("opened_on BETWEEN {} AND {}", date(from), date(to)))
    };
    let (recent, before) = (days(Window::Days(WINDOW_DAYS))?, days(Window::PreviousDays(WINDOW_DAYS))?);
    let satisfaction = night.column_or_null(InputTable::SupportTickets, "satisfaction_score", "DOUBLE");
    let sql = |scopes: &[GroupScope]| {
        format!(
        "WITH grouped AS ({groups}),
        opened AS (
            SELECT account_id, coalesce(nullif({column}, ''), '(unknown)') AS {column}, {recent} AS recent, {before} AS before,
                closed_at, CAST(resolution_seconds AS DOUBLE) / 3600 AS hours, {satisfaction} AS satisfaction
            FROM ({tickets}) AS tickets WHERE {recent} OR {before}
        ),
        owned AS (
            SELECT *, sum(CASE WHEN recent THEN 1 ELSE 0 END) OVER (PARTITION BY account_id, {column}) AS of_account,
                recent AND row_number() OVER (PARTITION BY account_id, {column} ORDER BY recent DESC) = 1 AS stands_for_account
            FROM opened
        ),
        counted AS (
            SELECT scope, group_name, {column}, count(*) FILTER (WHERE recent) AS tickets,
                count(*) FILTER (WHERE before) AS tickets_before,
                count(*) FILTER (WHERE stands_for_account) AS accounts,
                count(*) FILTER (WHERE stands_for_account AND of_account >= 2) AS recurring_accounts,
                count(*) FILTER (WHERE recent AND closed_at IS NULL) AS still_open,
                median(hours) FILTER (WHERE recent AND hours IS NOT NULL) AS resolution_hours_median,
                CAST(sum(TRY_CAST(satisfaction AS DECIMAL(28, 4))) FILTER (WHERE recent) AS DOUBLE)
                    / nullif(count(TRY_CAST(satisfaction AS DECIMAL(28, 4))) FILTER (WHERE recent), 0) AS satisfaction_mean
            FROM owned JOIN grouped ON owned.account_id = grouped.account_id GROUP BY scope, group_name, {column}
        )
        SELECT {as_of} AS as_of, scope, group_name, {column}, tickets, accounts, recurring_accounts,
            CAST(tickets AS DOUBLE) / nullif(sum(tickets) OVER (PARTITION BY scope, group_name), 0) AS share,
            tickets_before, CAST(tickets AS DOUBLE) / nullif(tickets_before, 0) - 1 AS change, still_open,
            resolution_hours_median, satisfaction_mean
        FROM counted",
        groups = grouped(scopes),
        tickets = tickets(night),
        as_of = date(night.as_of.day()),
    )
    };
    Some(Query::by_scope(table, scopes, sql))
}
