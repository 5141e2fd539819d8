//! The first 90 days of an account, from the day of sign-up to the 89th day after it, and how fast value is found.

use super::{Definition, Formula, InputTable, RowTable, Unit, Windows};

const USE: &[(InputTable, &[&str])] = &[(InputTable::Accounts, &["signed_up_on"]), (InputTable::UsageEvents, &[])];
const VALUE: &[(InputTable, &[&str])] =
    &[(InputTable::Accounts, &["signed_up_on"]), (InputTable::UsageEvents, &["is_value_event"])];
const FEATURES: &[(InputTable, &[&str])] =
    &[(InputTable::Accounts, &["signed_up_on"]), (InputTable::UsageEvents, &["feature"])];
const TICKETS: &[(InputTable, &[&str])] =
    &[(InputTable::Accounts, &["signed_up_on"]), (InputTable::SupportTickets, &[])];
/// What an account without rows has: nothing, where it is known when its days began.
const NOTHING: Option<&str> = Some("CASE WHEN accounts.signed_up_on IS NOT NULL THEN 0 END");

const KAPLAN_MEIER: &str = "Kaplan and Meier 1958, of the days until value is found";

const fn early(
    name: &'static str,
    reads: &'static [(InputTable, &'static [&'static str])],
    sql: &'static str,
    meaning: &'static str,
) -> Definition {
    Definition {
        name,
        windows: Windows::None,
        unit: Unit::Count,
        reads,
        formula: Formula::Rows { table: RowTable::EarlyUse, sql, empty: NOTHING },
        meaning,
        null_rule: "Unknown without a sign-up day; so far, for an account younger than 90 days.",
        source: "Headwater",
    }
}

const fn fact(name: &'static str, windows: Windows, sql: &'static str) -> Definition {
    Definition::block(name, windows, VALUE, Formula::AccountFact(sql))
}

/// A quantile of the days to value, accounts without value being later than all others.
const fn quantile(name: &'static str, sql: &'static str, meaning: &'static str) -> Definition {
    Definition {
        name,
        windows: Windows::None,
        unit: Unit::Number,
        reads: VALUE,
        formula: Formula::Group {
            sql,
            accounts: "[value_due_90d]",
            reason: "no account is 90 days old, or too few of them have found value to tell",
        },
        meaning,
        null_rule: "Unknown where no account is 90 days old, or where the accounts without value, which are kept, reach down to it.",
        source: "Headwater; type-7 quantile, censored accounts last",
    }
}

pub(super) const METRICS: &[Definition] = &[
    early("first_90_day_active_days", USE, "count(occurred_on)", "Days with any use in the account's first 90 days."),
    early(
        "first_90_day_value_days",
        VALUE,
        "count(occurred_on) FILTER (WHERE has_value)",
        "Days with a use that delivered value in the account's first 90 days.",
    ),
    early(
        "first_90_day_features",
        FEATURES,
        "count(feature)",
        "Different features used in the account's first 90 days.",
    ),
    Definition {
        formula: Formula::Rows { table: RowTable::EarlyTickets, sql: "count(*)", empty: NOTHING },
        ..early("first_90_day_tickets", TICKETS, "", "Support tickets opened in the account's first 90 days.")
    },
    Definition {
        unit: Unit::Flag,
        formula: Formula::Account(
            "CASE WHEN [time_to_value_days] < 90 THEN true WHEN days_between(signed_up_on, {as_of}) >= 89 THEN false END",
        ),
        null_rule: "Unknown without a sign-up day, and while the 90 days run without value.",
        ..early("first_90_day_activated", VALUE, "", "Whether value was found in the account's first 90 days.")
    },
    fact("value_due_{w}", Windows::Days, "count(*) FILTER (WHERE [tenure_days] >= {n})"),
    fact(
        "value_found_{w}",
        Windows::Days,
        "count(*) FILTER (WHERE [tenure_days] >= {n} AND [time_to_value_days] <= {n})",
    ),
    fact(
        "value_quarter",
        Windows::None,
        "percentile_cont(CASE WHEN [tenure_days] >= 90 THEN CAST(coalesce([time_to_value_days], 1e9) AS DOUBLE) END, 0.25)",
    ),
    fact(
        "value_half",
        Windows::None,
        "percentile_cont(CASE WHEN [tenure_days] >= 90 THEN CAST(coalesce([time_to_value_days], 1e9) AS DOUBLE) END, 0.5)",
    ),
    fact(
        "value_three_quarters",
        Windows::None,
        "percentile_cont(CASE WHEN [tenure_days] >= 90 THEN CAST(coalesce([time_to_value_days], 1e9) AS DOUBLE) END, 0.75)",
    ),
    Definition {
        name: "value_found_within_{w}",
        windows: Windows::RecentDays,
        unit: Unit::Ratio,
        reads: VALUE,
        formula: Formula::Group {
            sql: "CAST([value_found_{w}] AS DOUBLE) / nullif([value_due_{w}], 0)",
            accounts: "[value_due_{w}]",
            reason: "no account is old enough to tell",
        },
        meaning: "Share of the accounts at least so many days old that found value within as many days of sign-up.",
        null_rule: "Unknown where no account is old enough to tell; accounts still without value are kept.",
        source: "SOMA, time to customer activation",
    },
    fact("value_watched", Windows::None, "count([tenure_days])"),
    fact(
        "value_arrivals_{w}",
        Windows::RecentDays,
        "survival_summary({n}, 0, greatest(coalesce([time_to_value_days], [tenure_days]), 0),
            CASE WHEN [time_to_value_days] IS NULL THEN 0 ELSE 1 END, 1)",
    ),
    Definition {
        name: "value_found_by_{w}",
        windows: Windows::RecentDays,
        unit: Unit::Ratio,
        reads: VALUE,
        formula: Formula::Group {
            sql: "1 - get_field([value_arrivals_{w}], 'beyond')",
            accounts: "[value_watched]",
            reason: "no account is old enough to tell",
        },
        meaning: "Share of all accounts expected to find value within so many days of sign-up; an account still without it \
                  counts for as long as it was seen, so that the youngest are heard too.",
        null_rule: "Unknown while no account without value is so many days old.",
        source: KAPLAN_MEIER,
    },
    Definition {
        name: "days_to_value_median",
        windows: Windows::None,
        unit: Unit::Days,
        reads: VALUE,
        formula: Formula::Group {
            sql: "get_field([value_arrivals_90d], 'median')",
            accounts: "[value_watched]",
            reason: "fewer than half are expected to have found value by the age of the oldest",
        },
        meaning: "Days from sign-up by which half of all accounts are expected to have found value, by the same curve.",
        null_rule: "Unknown while more than half are expected to be without value.",
        source: KAPLAN_MEIER,
    },
    quantile(
        "time_to_value_p25_days",
        "CASE WHEN [value_quarter] < 1e6 THEN [value_quarter] END",
        "Days from sign-up within which a quarter of the accounts at least 90 days old had found value.",
    ),
    quantile(
        "time_to_value_median_days",
        "CASE WHEN [value_half] < 1e6 THEN [value_half] END",
        "Days from sign-up within which half of the accounts at least 90 days old had found value.",
    ),
    quantile(
        "time_to_value_p75_days",
        "CASE WHEN [value_three_quarters] < 1e6 THEN [value_three_quarters] END",
        "Days from sign-up within which three quarters of the accounts at least 90 days old had found value.",
    ),
];
