//! A metric as its page shows it: the formula as people read it, the switches it depends on, an example.

use std::collections::BTreeSet;

use crate::policy::RevenuePolicy;
use crate::window::DAYS_OF_MONTH;
use crate::{Grain, Metric, Unit};

use super::{
    CHURN_BASE, Choices, Definition, Formula, People, RETAINED, RowTable, ScoreTable, UsageSlot, Windows, by_choices,
    references, resolve,
};

/// A metric with its window written as `{w}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declaration {
    /// What it means; its `id` has `{w}` in the place of a window.
    pub metric: Metric,
    /// How it is computed, by the policy `strict`; building blocks of groups are written out.
    pub formula: String,
    /// The windows its name takes; none where it stands alone.
    pub windows: Option<&'static str>,
    /// The switches of the policy that change it.
    pub switches: Vec<&'static str>,
    /// How a rule uses it.
    pub example: String,
}

impl Declaration {
    pub(super) fn new(definition: &Definition, sample: &str, metric: Metric) -> Self {
        let windows = match definition.windows {
            Windows::None => None,
            Windows::Days => Some("days: `28d`, `prev_28d`, `total`"),
            Windows::RecentDays => Some("days: `28d`"),
            Windows::RecentMonths => Some("months: `12m`"),
            Windows::Months => Some("months: `12m`, `total`"),
        };
        Self {
            formula: formula(definition),
            windows,
            switches: switches(sample),
            example: example(sample, metric.grain, metric.unit),
            metric: Metric { id: definition.name.to_owned(), window: None, ..metric },
        }
    }
}

fn formula(definition: &Definition) -> String {
    match definition.formula {
        Formula::Rows { table, sql, .. } => format!("{} over {}", readable(sql), rows(table)),
        Formula::Usage(slot) => format!("{} over usage events", of_events(slot)),
        Formula::Users(sql, people) => format!("{} over {}", readable(sql), of_people(people)),
        Formula::Sessions(sql) => format!("{} over the account's sessions", readable(sql)),
        Formula::Features(sql) => format!("{} over the features that the account has or used", readable(sql)),
        Formula::Scored { table, column } => format!("{column} by the model of {}", scored(table)),
        Formula::Account(sql) => readable(sql),
        Formula::Group { sql, .. } => blocks_written_out(&readable_blocks(sql)),
        Formula::AccountFact(sql) | Formula::SpendFact(sql) => readable(sql),
        Formula::RowFact { table, sql } => format!("{} over {} of the group", readable(sql), rows(table)),
    }
}

fn rows(table: RowTable) -> &'static str {
    match table {
        RowTable::Movements | RowTable::MovementsByAge => "mrr_movements",
        RowTable::MovementsByMonth => "the movements of calendar months",
        RowTable::Subscriptions => "subscriptions",
        RowTable::SubscriptionsAtRates => "subscriptions at the rates of the window's start",
        RowTable::Orders => "orders",
        RowTable::OrderDays => "days with orders",
        RowTable::Tickets => "support tickets",
        RowTable::Feedback => "feedback",
        RowTable::Deals => "opportunities",
        RowTable::Costs => "costs",
        RowTable::Spend => "spend",
        RowTable::EarlyUse => "the days and the features of use in the account's first 90 days, a row each",
        RowTable::EarlyTickets => "support tickets of the account's first 90 days",
        RowTable::Referrals => "accounts referred",
        RowTable::ListPrices => "paid subscriptions in force that are no add-ons",
    }
}

fn scored(table: ScoreTable) -> &'static str {
    match table {
        ScoreTable::Orders => "orders",
        ScoreTable::Contracts => "renewals",
    }
}

fn of_people(people: People) -> &'static str {
    match people {
        People::Active => "the account's people",
        People::Locked => "the account's people, of uses and attempts of features that its plan does not include",
        People::Blocked => "the account's people, of attempts that were refused",
    }
}

fn of_events(slot: UsageSlot) -> &'static str {
    match slot {
        UsageSlot::Events => "sum(quantity) in the window",
        UsageSlot::MonthEvents => "sum(quantity) in the calendar month of the as-of day",
        UsageSlot::BlockedEvents => "sum(quantity) of refused attempts in the window",
        UsageSlot::ValueEvents => "sum(quantity) of value events in the window",
        UsageSlot::Seconds => "sum(duration_seconds) in the window",
        UsageSlot::ActiveDays => "count(DISTINCT occurred_on) in the window",
        UsageSlot::Features => "count(DISTINCT feature) in the window",
        UsageSlot::NewFeatures => "count(DISTINCT feature) in the window, of features first used by anyone in it,",
        UsageSlot::FirstDay => "min(occurred_on)",
        UsageSlot::LastDay => "max(occurred_on)",
        UsageSlot::FirstValueDay => "min(occurred_on) of value events",
        UsageSlot::ValueMonths => "count of months with value events",
    }
}

/// Names in square brackets stay marked, so that building blocks can be found.
fn readable_blocks(sql: &str) -> String {
    let sql = by_choices(sql, Choices::default()).replace("TRY_CAST(", "CAST(");
    let sql = sql.split_whitespace().collect::<Vec<_>>().join(" ");
    without_casts(&sql)
        .replace("WHERE acquires", "WHERE spent_on_acquisition")
        .replace("WHERE NOT acquires", "WHERE spent_on_retention")
        .replace("{in_earlier}", "in the window before")
        .replace("{in_lagged}", "in the window, cac_lag_months earlier")
        .replace("{in}", "in the window")
        .replace("{in_due}", "due in the window")
        .replace("{as_of}", "as_of")
        .replace("{from_before}", "the day before the window")
        .replace("{n}", "{length}")
        .replace("{length_days}", "days_of_the_window")
        .replace("{2n}m", "{twice w}")
        .replace("{margin}", "gross_margin")
        .replace("{basis_share}", "share_of_the_basis")
        .replace("{before_refunds}", "the basis is revenue")
        .replace("{lapse_days}", "lapse_days")
        .replace("{observed_since}", "observed_since")
        .replace("{discount}", "discount_rate_monthly")
        .replace("{month_days}", &DAYS_OF_MONTH.to_string())
        .replace("{horizon}", "horizon_months")
        .replace("{lookback}m", "{lookback}")
        .replace("{features}", "features_known")
        .replace("{new_features}", "features_first_used_in_the_window")
        .replace("{days}", "days_active_in_the_window")
        .replace("{weekday_days}", "weekdays_active_in_the_window")
        .replace("{weekdays}", "weekdays_of_the_window")
        .replace("{uses}", "uses_in_the_window")
        .replace("{uses_before}", "uses_in_the_window_before")
        .replace("{uses_ever}", "uses")
        .replace("{attempts}", "uses_and_attempts_in_the_window")
        .replace("{value_uses}", "uses_with_value_in_the_window")
}

fn readable(sql: &str) -> String {
    readable_blocks(sql).replace(['[', ']'], "")
}

/// A group's formula with the aggregates behind it in their place.
fn blocks_written_out(text: &str) -> String {
    let mut written = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('[') {
        let (name, remaining) = after.split_once(']').unwrap_or((after, ""));
        written.push_str(before);
        written.push_str(&block(name).unwrap_or_else(|| name.to_owned()));
        rest = remaining;
    }
    written + rest
}

fn block(name: &str) -> Option<String> {
    let sample = name.replace("{w}", "12m").replace("{lookback}", "12m");
    match resolve(&sample)?.definition.formula {
        Formula::AccountFact(_) | Formula::SpendFact(_) | Formula::RowFact { .. } => {
            Some(formula(resolve(&sample)?.definition))
        }
        _ => None,
    }
}

/// `CAST(x AS TYPE)` is `x`: types are no part of what people read.
fn without_casts(sql: &str) -> String {
    let Some((before, after)) = sql.split_once("CAST(") else { return sql.to_owned() };
    let mut depth = 1_usize;
    let end = after.char_indices().find_map(|(at, c)| {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        (depth == 0).then_some(at)
    });
    let Some((inner, rest)) = end.and_then(|end| Some((after.get(..end)?, after.get(end + 1..)?))) else {
        return sql.to_owned();
    };
    let value = inner.rsplit_once(" AS ").map_or(inner, |(value, _)| value);
    let value = without_casts(value);
    let value = if value.contains(" - ") || value.contains(" + ") { format!("({value})") } else { value };
    format!("{before}{value}{}", without_casts(rest))
}

/// The switches that change what a subscription is worth, and until when.
const OF_STRETCHES: [&str; 3] =
    ["churn_when_cancelled", "temporary_discounts_reduce_mrr", "lasting_discounts_reduce_mrr"];

/// The switches behind a metric, directly or through what it rests on.
fn switches(sample: &str) -> Vec<&'static str> {
    let mut found = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut open = vec![sample.to_owned()];
    while let Some(name) = open.pop() {
        let Some(resolved) = resolve(&name).filter(|_| seen.insert(name.clone())) else { continue };
        match resolved.definition.formula {
            Formula::Rows {
                table: RowTable::Movements | RowTable::MovementsByMonth | RowTable::MovementsByAge,
                ..
            } => {
                found.extend(["free_plans_are_customers", "brief_customers_count"]);
                found.extend(OF_STRETCHES);
            }
            Formula::Rows { table: RowTable::Subscriptions | RowTable::SubscriptionsAtRates, .. } => {
                found.extend(OF_STRETCHES)
            }
            Formula::Group { sql, .. } => {
                if sql.contains(RETAINED) {
                    found.extend(["contraction_is_lost", "reactivation_is_retained"]);
                }
                if sql.contains(CHURN_BASE) {
                    found.insert("new_in_churn_base");
                }
            }
            _ => {}
        }
        open.extend(references(&resolved, 12, Choices::default()));
    }
    RevenuePolicy::SWITCHES.iter().map(|switch| switch.name).filter(|name| found.contains(name)).collect()
}

fn example(sample: &str, grain: Grain, unit: Unit) -> String {
    let edge = match unit {
        Unit::Money | Unit::Amount => "> 100",
        Unit::Count => ">= 3",
        Unit::Ratio => ">= 0.5",
        Unit::Percent => ">= 80",
        Unit::Score => ">= 70",
        Unit::Days => "> 30",
        Unit::Months => "< 12",
        Unit::Hours => "> 48",
        Unit::Number => "> 1",
        Unit::Date => "IS NOT NULL",
        Unit::Text => "= 'x'",
        Unit::Flag => "",
    };
    match grain {
        Grain::Account => format!("when: \"{}\"", format!("{sample} {edge}").trim_end()),
        Grain::Group => format!("{{metric: {sample}, bands: {{pass: \"{edge}\"}}}}"),
    }
}
