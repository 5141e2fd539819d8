//! Trials by the calendar month in which they began, and how many became paid within a fixed window.

use crate::as_of::{is_month_end, month_end};
use crate::catalogue::RowTable;
use crate::{GroupScope, InputTable, Query};

use super::accounts::aggregates_by_account;
use super::fill::account_sql;
use super::groups::grouped;
use super::{Night, date};

/// Days after its first day within which a trial may become paid, one row of a cohort each.
const WINDOW_DAYS: [u32; 3] = [14, 30, 90];

/// `trial_cohorts`: one row a scope, group, cohort and window, over `judged` and subscriptions.
///
/// An account counts once, with its first trial; one that had paid before is no trial to be won. A trial is due when its
/// window is over: until then it is censored, and in no rate. Where every trial of a month that is over is due, its rate
/// is final: later payments are outside the window. None without `is_trial`.
#[must_use]
pub fn trial_cohorts(scopes: &[GroupScope], night: &Night) -> Option<Query> {
    if !night.has(InputTable::Subscriptions, &["is_trial"]) {
        return None;
    }
    let as_of = date(night.as_of.day());
    let month = date(month_end(night.as_of.day()));
    let running = if is_month_end(night.as_of.day()) { "false".to_owned() } else { format!("cohort = {as_of}") };
    // A join and not an unnest: over that, the engine takes a group for one row, and forgets to sort by the window.
    let sql = |scopes: &[GroupScope]| {
        format!(
        "WITH tried AS ({tried}),
        trials AS (
            SELECT account_id, least(period_end(period_age(trial_started_on, {month}), {month}), {as_of}) AS cohort,
                days_between(trial_started_on, {as_of}) AS age, {paid_after} AS paid_after
            FROM tried WHERE trial_started_on <= {as_of} AND (first_paid_on IS NULL OR first_paid_on >= trial_started_on)
        ),
        grouped AS ({groups}),
        counted AS (
            SELECT scope, group_name, cohort, count(*) AS trials, {counts}
            FROM trials JOIN grouped ON trials.account_id = grouped.account_id GROUP BY scope, group_name, cohort
        ),
        cells AS (
            SELECT scope, group_name, cohort, trials, window_days, {due} AS due, {won} AS won, {won_so_far} AS won_so_far
            FROM counted CROSS JOIN (VALUES {windows}) AS windows(window_days)
        )
        SELECT {as_of} AS as_of, scope, group_name, cohort, window_days, trials, due, won, won_so_far, due - won AS lost,
            trials - due - (won_so_far - won) AS undecided, CAST(won AS DOUBLE) / nullif(due, 0) AS rate,
            due < trials OR {running} AS provisional
        FROM cells",
        tried = aggregates_by_account(RowTable::Subscriptions, &["trial_started_on", "first_paid_on"], night),
        paid_after = account_sql("trial_to_paid_days", night),
        groups = grouped(scopes),
        counts = WINDOW_DAYS.map(counts_of).join(", "),
        due = of_window("due"),
        won = of_window("won"),
        won_so_far = of_window("won_so_far"),
        windows = WINDOW_DAYS.map(|days| format!("({days})")).join(", "),
    )
    };
    Some(Query::by_scope("trial_cohorts", scopes, sql))
}

/// What is counted of the trials of one cell for one window; a payment counts on the day it happens, not before.
fn counts_of(days: u32) -> String {
    format!(
        "count(*) FILTER (WHERE age >= {days}) AS due_{days},
        count(*) FILTER (WHERE age >= {days} AND paid_after <= {days}) AS won_{days},
        count(*) FILTER (WHERE paid_after <= least(age, {days})) AS won_so_far_{days}"
    )
}

/// The count of the row's own window.
fn of_window(count: &str) -> String {
    let cases = WINDOW_DAYS.map(|days| format!("WHEN {days} THEN {count}_{days}"));
    format!("CASE window_days {} END", cases.join(" "))
}
