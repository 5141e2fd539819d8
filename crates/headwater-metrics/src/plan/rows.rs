//! Rows of tickets, feedback, referrals and prices as aggregates see them: with what a window alone cannot say.

use crate::InputTable;

use super::movements::MOVEMENTS;
use super::subscriptions::stretches_now;
use super::{Night, date};

/// Support tickets, each with the day it was opened in the project's zone and the seconds it took to solve.
pub(super) fn tickets(night: &Night) -> String {
    let zone = night.as_of.zone().name();
    let opened_on = if zone == "UTC" {
        "CAST(opened_at AS DATE)".to_owned()
    } else {
        format!("CAST(opened_at AT TIME ZONE '{zone}' AS DATE)")
    };
    let (closed, seconds) = if night.has(InputTable::SupportTickets, &["closed_at"]) {
        ("closed_at", "to_unixtime(closed_at) - to_unixtime(opened_at)")
    } else {
        ("CAST(NULL AS TIMESTAMP)", "CAST(NULL AS BIGINT)")
    };
    let others: Vec<&str> =
        ["satisfaction_score", "first_response_minutes", "escalated", "theme", "priority", "channel"]
            .into_iter()
            .filter(|name| night.has(InputTable::SupportTickets, &[name]))
            .collect();
    let others: String = others.iter().map(|name| format!(", {name}")).collect();
    format!(
        "SELECT account_id, {opened_on} AS opened_on, {closed} AS closed_at, {seconds} AS resolution_seconds{others} FROM support_tickets"
    )
}

/// Feedback. `answer_day` numbers the days on which an account gave a score of the row's kind, the latest is 1; a
/// request `is_shipped`, and `is_told` where who asked was told.
pub(super) fn feedback(night: &Night) -> String {
    let has = |name: &str| night.has(InputTable::Feedback, &[name]);
    // What has no score is no answer, and takes no number.
    let scored = if has("score") { ", score IS NULL" } else { "" };
    let status = night.column_or_null(InputTable::Feedback, "status", "VARCHAR");
    let told =
        if has("told_on") { "told_on IS NOT NULL".to_owned() } else { format!("coalesce({status} = 'told', false)") };
    let shipped = if has("resolved_on") {
        "resolved_on IS NOT NULL".to_owned()
    } else {
        format!("coalesce({status} IN ('shipped', 'told'), false)")
    };
    format!(
        "SELECT *, dense_rank() OVER (PARTITION BY account_id, kind{scored} ORDER BY submitted_on DESC) AS answer_day,
            {shipped} OR {told} AS is_shipped, {told} AS is_told FROM feedback"
    )
}

/// Accounts that came by the recommendation of another, as rows of that one: `signed_up_on`, and what they pay, `mrr`.
/// Of those who signed up nobody knows when, the day is one before all windows.
pub(super) fn referrals(night: &Night) -> String {
    let paid = if night.has(InputTable::Subscriptions, &[]) {
        format!(
            "LEFT JOIN (SELECT account_id AS payer, sum(amount) AS mrr FROM {MOVEMENTS} GROUP BY account_id) ON account_id = payer"
        )
    } else {
        "CROSS JOIN (SELECT CAST(NULL AS DECIMAL(18, 2)) AS mrr)".to_owned()
    };
    format!(
        "SELECT referred_by AS account_id, coalesce({signed_up_on}, DATE '1900-01-01') AS signed_up_on, mrr
        FROM (SELECT * FROM accounts {paid})
        WHERE referred_by IS NOT NULL AND (referred_by IS DISTINCT FROM '') AND (referred_by IS DISTINCT FROM account_id)",
        signed_up_on = night.column_or_null(InputTable::Accounts, "signed_up_on", "DATE"),
    )
}

/// Paid subscriptions in force that are no add-ons, beside the price list: `mrr`, `list_price`, and whether the plan
/// `is_legacy`, because it is no longer sold or not on the list.
pub(super) fn list_prices(night: &Night) -> String {
    let has = |name: &str| night.has(InputTable::Plans, &[name]);
    let seats = if has("is_per_seat") { "CASE WHEN is_per_seat THEN seats ELSE 1 END" } else { "1" };
    let price = if has("monthly_price") {
        format!("monthly_price * {seats}")
    } else {
        "CAST(NULL AS DECIMAL(18, 2))".to_owned()
    };
    let retired = if has("retired_on") { "retired_on IS NOT NULL" } else { "false" };
    format!(
        "SELECT account_id, mrr, {price} AS list_price,
            plan IS NOT NULL AND (listed_plan IS NULL OR {retired}) AS is_legacy
        FROM (SELECT plans.* EXCEPT (plan), plan AS listed_plan FROM plans) AS price_list RIGHT JOIN ({stretches}) AS stretches
        ON listed_plan = plan
        WHERE pays AND add_on IS NOT TRUE AND started_on <= {as_of} AND (ended_on IS NULL OR ended_on > {as_of})",
        stretches = stretches_now(night),
        as_of = date(night.as_of.day()),
    )
}
