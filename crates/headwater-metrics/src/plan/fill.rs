//! Filling the placeholders of a definition's SQL.

use chrono::{Datelike, NaiveDate};

use crate::catalogue::{self, Choices, Formula, Resolved, RowTable, resolve};
use crate::window::DAYS_OF_MONTH;
use crate::{MAX_WINDOW_MONTHS, Window, identifier};

use super::subscriptions::has_own_currencies;
use super::{Basis, Night, date};

/// Whether everything a definition reads is there this night.
pub(super) fn is_available(resolved: &Resolved, night: &Night) -> bool {
    resolved.definition.reads.iter().all(|(table, columns)| night.has(*table, columns))
}

fn choices(night: &Night) -> Choices<'_> {
    Choices {
        policy: night.policy,
        entitlements: night.has_entitlements(),
        retention_audience: &night.retention_audience,
    }
}

/// The names a definition refers to, windows filled in.
pub(super) fn references(resolved: &Resolved, night: &Night) -> Vec<String> {
    catalogue::references(resolved, night.economics.lookback_months, choices(night))
}

/// The SQL with every placeholder filled and every `[name]` replaced by what `reference` says of it.
pub(super) fn fill(sql: &str, resolved: &Resolved, night: &Night, reference: &dyn Fn(&str) -> String) -> String {
    let sql = catalogue::by_choices(sql, choices(night));
    let mut text = String::new();
    let mut rest = sql.as_str();
    while let Some((before, after)) = rest.split_once('[') {
        text.push_str(before);
        let (name, remaining) = after.split_once(']').unwrap_or((after, ""));
        let name = catalogue::referenced_name(name, resolved.window, night.economics.lookback_months);
        text.push_str(&reference(&name));
        rest = remaining;
    }
    text.push_str(rest);
    values(&text, resolved, night)
}

fn values(text: &str, resolved: &Resolved, night: &Night) -> String {
    let economics = &night.economics;
    let length = resolved.window.map_or(0, Window::length);
    let earlier = night.as_of.months_before(length.min(MAX_WINDOW_MONTHS));
    let new_features = new_features(resolved, night).len();
    // Everything is longer than any number of months; a rate over everything has no length and is unknown.
    let over_everything = row_table(resolved).is_some() && length == 0;
    let shown = if over_everything { 1_000_000 } else { length };
    text.replace("{as_of}", &date(night.as_of.day()))
        .replace("{in}", &inside(resolved, night))
        .replace("{in_due}", &renewal_inside(resolved, night))
        .replace("{in_earlier}", &spent_for(resolved, night, length.min(MAX_WINDOW_MONTHS)))
        .replace("{in_lagged}", &spent_for(resolved, night, 0))
        .replace("{length_days}", &night.as_of.day().signed_duration_since(earlier).num_days().to_string())
        .replace("{from_before}", &date(earlier))
        .replace("{n}", &shown.to_string())
        .replace("{features}", &night.features.len().to_string())
        .replace("{weekdays}", &weekdays(resolved.window, night).to_string())
        .replace("{new_features}", &new_features.to_string())
        .replace("{margin}", &economics.gross_margin.sql())
        .replace("{basis_share}", &night.lifetimes.basis.share_sql(economics.gross_margin))
        .replace("{before_refunds}", if night.lifetimes.basis == Basis::Revenue { "true" } else { "false" })
        .replace("{lapse_days}", &night.lifetimes.lapse_days.to_string())
        .replace("{observed_since}", &night.lifetimes.observed_since())
        .replace("{discount}", &number(economics.monthly_discount))
        .replace("{month_days}", &DAYS_OF_MONTH.to_string())
        .replace("{horizon}", &number(f64::from(economics.horizon_months)))
}

/// A number that SQL reads back as the same double.
pub(super) fn number(value: f64) -> String {
    format!("CAST('{value:?}' AS DOUBLE)")
}

/// The indexes of the features that were first seen in the metric's window.
pub(super) fn new_features(resolved: &Resolved, night: &Night) -> Vec<u32> {
    let Some((from, to)) = resolved.window.map(|window| window.days(&night.as_of)) else { return Vec::new() };
    (0_u32..)
        .zip(&night.features)
        .filter(|(_, feature)| from.is_none_or(|from| feature.first_seen >= from) && feature.first_seen <= to)
        .map(|(index, _)| index)
        .collect()
}

/// How many days of a window are no Saturday and no Sunday; none of everything, which has no length.
fn weekdays(window: Option<Window>, night: &Night) -> usize {
    let Some((Some(from), to)) = window.map(|window| window.days(&night.as_of)) else { return 0 };
    from.iter_days().take_while(|day| *day <= to).filter(|day| is_weekday(*day)).count()
}

/// Whether a day is no Saturday and no Sunday.
pub(super) fn is_weekday(day: NaiveDate) -> bool {
    day.weekday().num_days_from_monday() < 5
}

/// The condition that a row lies in the metric's window.
fn inside(resolved: &Resolved, night: &Night) -> String {
    let Some(window) = resolved.window else { return "true".to_owned() };
    let (from, to) = window.days(&night.as_of);
    let table = match resolved.definition.formula {
        Formula::SpendFact(_) => Some(RowTable::Spend),
        _ => row_table(resolved),
    };
    let day = match (table, window) {
        (Some(RowTable::Movements | RowTable::MovementsByAge), Window::Months(n)) => {
            return format!("period_age < {n}");
        }
        (Some(RowTable::MovementsByMonth), Window::Months(n)) => {
            // A month counts whole where its end lies in the window, and so does the one under way.
            return format!("period_end > {}", date(night.as_of.months_before(n)));
        }
        (Some(RowTable::Tickets | RowTable::EarlyTickets), _) => "opened_on",
        (Some(RowTable::EarlyUse), _) => "occurred_on",
        (Some(RowTable::Subscriptions), _) => "started_on",
        (Some(RowTable::Orders | RowTable::OrderDays), _) => "ordered_on",
        (Some(RowTable::Feedback), _) => "submitted_on",
        (Some(RowTable::Deals), _) => "closed_on",
        (Some(RowTable::Costs), _) => "incurred_on",
        (Some(RowTable::Spend), _) => "spent_on",
        (Some(RowTable::Referrals), _) => "signed_up_on",
        (None, _) if matches!(resolved.definition.formula, Formula::Sessions(_)) => "started_on",
        (
            Some(
                RowTable::Movements
                | RowTable::MovementsByMonth
                | RowTable::MovementsByAge
                | RowTable::SubscriptionsAtRates
                | RowTable::ListPrices,
            )
            | None,
            _,
        ) => {
            return "true".to_owned();
        }
    };
    between(day, from, to)
}

/// The table whose rows a definition aggregates.
fn row_table(resolved: &Resolved) -> Option<RowTable> {
    match resolved.definition.formula {
        Formula::Rows { table, .. } | Formula::RowFact { table, .. } => Some(table),
        _ => None,
    }
}

/// The condition that a renewal counts in the metric's window.
fn renewal_inside(resolved: &Resolved, night: &Night) -> String {
    let Some(window) = resolved.window else { return "true".to_owned() };
    let (from, to) = window.days(&night.as_of);
    between("renewal_day", from, to)
}

fn between(day: &str, from: Option<NaiveDate>, to: NaiveDate) -> String {
    match from {
        Some(from) => format!("{day} BETWEEN {} AND {}", date(from), date(to)),
        None => format!("{day} <= {}", date(to)),
    }
}

/// The condition that money was spent so early that its customers come in the metric's window, or so many months before.
fn spent_for(resolved: &Resolved, night: &Night, before: u32) -> String {
    let lag = night.economics.cac_lag_months + before;
    let until = date(night.as_of.months_before(lag));
    match resolved.window {
        Some(Window::Months(n)) => {
            format!("spent_on > {} AND spent_on <= {until}", date(night.as_of.months_before(n + lag)))
        }
        _ => format!("spent_on <= {until}"),
    }
}

/// The metric that says the same as another one this night: what is paid now at the rates of a window's start is what is
/// paid now, where rates do not move.
pub(super) fn stands_for(resolved: &Resolved, night: &Night) -> Option<&'static str> {
    let is_at_rates = row_table(resolved) == Some(RowTable::SubscriptionsAtRates);
    (is_at_rates && is_available(resolved, night) && !has_own_currencies(night)).then_some("mrr")
}

/// An account metric as SQL over the columns of base metrics: formulas are written out, the rest are columns.
pub(super) fn account_sql(id: &str, night: &Night) -> String {
    let Some(resolved) = resolve(id) else { return identifier(id) };
    match resolved.definition.formula {
        Formula::Account(sql) if is_available(&resolved, night) => {
            format!("({})", fill(sql, &resolved, night, &|name| account_sql(name, night)))
        }
        _ => identifier(stands_for(&resolved, night).unwrap_or(id)),
    }
}
