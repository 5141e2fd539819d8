//! Subscriptions as stretches of time with one price, by the night's policy: what every plan over them reads.

use std::collections::BTreeSet;

use crate::InputTable;
use crate::billing::months_of;

use super::{Exchange, Night, date};

/// The stretches: `account_id`, `started_on`, `ended_on` (first day it no longer holds), `over_on` (the day the
/// subscription itself ends), `mrr` in its own currency, `plan`, `seats`, `add_on`, `is_trial`, `currency`,
/// `after_discount`, `term_months` from one renewal to the next (unknown where it is billed by the week or day), and whether it `pays` and `holds` (makes its account a customer) while it is in force.
///
/// A subscription whose discount ends is two stretches, with and without it. One that is booked but has not begun is
/// among them.
pub(super) fn stretches(night: &Night) -> String {
    let (pays, holds) = (pays_condition(), holds_condition(night));
    format!("SELECT *, {pays} AS pays, {holds} AS holds FROM ({})", priced(night))
}

/// The same with amounts in the project's currency at the rates of the as-of day.
pub(super) fn stretches_now(night: &Night) -> String {
    stretches_on(night, &date(night.as_of.day()))
}

/// The same at the rates of a day, which is given as SQL.
pub(super) fn stretches_on(night: &Night, day: &str) -> String {
    if !has_own_currencies(night) {
        return stretches(night);
    }
    format!(
        "SELECT stretches.* EXCEPT (mrr), {mrr} AS mrr FROM ({rates}) AS rates
        RIGHT JOIN ({stretches}) AS stretches ON rates.rate_of = stretches.currency",
        mrr = converted(night, "stretches.mrr", "rates.rate"),
        stretches = stretches(night),
        rates = rates_on(day),
    )
}

/// What pays on the as-of day, at the rates of the ends of the periods so many months before: `account_id`, `worth`, `age`.
///
/// Before its first rate, a currency is worth what it was then. Without moving rates there is one row, of no age.
pub(super) fn paid_at_rates(night: &Night, ages: &BTreeSet<u32>) -> String {
    let as_of = date(night.as_of.day());
    let in_force = format!("pays AND started_on <= {as_of} AND (ended_on IS NULL OR ended_on > {as_of})");
    if !has_own_currencies(night) {
        return format!(
            "SELECT account_id, mrr AS worth, CAST(NULL AS BIGINT) AS age FROM ({}) WHERE {in_force}",
            stretches(night)
        );
    }
    let ages: Vec<String> = ages.iter().map(|age| format!("({age})")).collect();
    let ages = format!("SELECT column1 AS age FROM (VALUES {})", ages.join(", "));
    format!(
        "SELECT account_id, {worth} AS worth, age FROM (
            SELECT currency AS rate_of, age,
                first_value(rate ORDER BY valid_on > day ASC, abs(days_between(valid_on, day)) ASC) AS rate
            FROM exchange_rates CROSS JOIN (SELECT age, period_end(age, {as_of}) AS day FROM ({ages}))
            GROUP BY currency, age
            UNION ALL
            SELECT {own}, age, CAST(1 AS DOUBLE) FROM ({ages})
        ) AS rates JOIN ({stretches}) AS stretches ON rates.rate_of = stretches.currency WHERE {in_force}",
        worth = converted(night, "mrr", "rates.rate"),
        stretches = stretches(night),
        own = crate::literal(&night.currency),
    )
}

/// Whether amounts of subscriptions are still in the currency they are agreed in: where rates move, what a rate does
/// to revenue is a movement of its own.
pub(super) fn has_own_currencies(night: &Night) -> bool {
    night.exchange == Exchange::Moving && has(night, "currency") && night.has(InputTable::ExchangeRates, &[])
}

/// An amount of a row in the project's currency.
pub(super) fn converted(night: &Night, amount: &str, rate: &str) -> String {
    let own = crate::literal(&night.currency);
    format!("CASE WHEN currency = {own} THEN {amount} ELSE exchanged(CAST({amount} AS DECIMAL(18, 2)), {rate}) END")
}

/// The last rate of each currency up to a day, as `rate_of` and `rate`.
fn rates_on(day: &str) -> String {
    format!(
        "SELECT currency AS rate_of, first_value(rate ORDER BY valid_on DESC) AS rate FROM exchange_rates
        WHERE valid_on <= {day} GROUP BY currency"
    )
}

pub(super) fn has(night: &Night, name: &str) -> bool {
    night.has(InputTable::Subscriptions, &[name])
}

fn priced(night: &Night) -> String {
    let ended = ended_column(night);
    let columns = format!(
        "account_id, {plan} AS plan, {seats} AS seats, {add_on} AS add_on, {trial} AS is_trial, {currency} AS currency,
        {term} AS term_months, {ended} AS over_on",
        plan = column_or_null(night, "plan", "VARCHAR"),
        seats = column_or_null(night, "seats", "BIGINT"),
        add_on = column_or_null(night, "is_add_on", "BOOLEAN"),
        trial = column_or_null(night, "is_trial", "BOOLEAN"),
        currency = column_or_null(night, "currency", "VARCHAR"),
        term = term_months(night),
    );
    if !has(night, "discount") {
        return format!(
            "SELECT {columns}, started_on, {ended} AS ended_on, mrr, false AS after_discount FROM subscriptions"
        );
    }
    let list_price = "mrr + coalesce(discount, 0)";
    let lasting = if night.policy.lasting_discounts_reduce_mrr { "mrr" } else { list_price };
    if !has(night, "discount_ends_on") {
        return format!(
            "SELECT {columns}, started_on, {ended} AS ended_on, {lasting} AS mrr, false AS after_discount FROM subscriptions"
        );
    }
    if !night.policy.temporary_discounts_reduce_mrr {
        return format!(
            "SELECT {columns}, started_on, {ended} AS ended_on,
                CASE WHEN discount_ends_on IS NULL THEN {lasting} ELSE {list_price} END AS mrr, false AS after_discount
            FROM subscriptions"
        );
    }
    format!(
        "SELECT {columns}, started_on, least(discount_ends_on, {ended}) AS ended_on,
            CASE WHEN discount_ends_on IS NULL THEN {lasting} ELSE mrr END AS mrr, false AS after_discount
        FROM subscriptions WHERE discount_ends_on IS NULL OR discount_ends_on > started_on
        UNION ALL
        SELECT {columns}, greatest(discount_ends_on, started_on) AS started_on, {ended} AS ended_on, {list_price} AS mrr,
            discount_ends_on > started_on AS after_discount
        FROM subscriptions WHERE discount_ends_on IS NOT NULL AND ({ended} IS NULL OR {ended} > discount_ends_on)"
    )
}

/// Months from one bill, and so from one renewal, to the next; a month where the input does not say, or bills oftener.
fn term_months(night: &Night) -> String {
    if !has(night, "billing_interval") {
        return "CAST(1 AS DOUBLE)".to_owned();
    }
    let count = if has(night, "interval_count") { "greatest(coalesce(interval_count, 1), 1)" } else { "1" };
    format!("CAST({} * {count} AS DOUBLE)", months_of("billing_interval"))
}

fn column_or_null(night: &Night, name: &str, kind: &str) -> String {
    night.column_or_null(InputTable::Subscriptions, name, kind)
}

/// In force for any time at all, and no trial.
const IN_FORCE: &str = "is_trial IS NOT TRUE AND (ended_on IS NULL OR ended_on > started_on)";

/// Whether a stretch counts revenue while it is in force.
fn pays_condition() -> String {
    format!("mrr > 0 AND {IN_FORCE}")
}

/// Whether a stretch makes its account a customer while it is in force.
fn holds_condition(night: &Night) -> String {
    if night.policy.free_plans_are_customers { IN_FORCE.to_owned() } else { pays_condition() }
}

/// The day a subscription ends by the night's policy; unknown where the input has none.
fn ended_column(night: &Night) -> &'static str {
    let by_notice = night.policy.churn_when_cancelled && has(night, "cancelled_on");
    match (by_notice, has(night, "ended_on")) {
        (true, true) => "least(cancelled_on, ended_on)",
        (true, false) => "cancelled_on",
        (false, true) => "ended_on",
        (false, false) => "CAST(NULL AS DATE)",
    }
}
