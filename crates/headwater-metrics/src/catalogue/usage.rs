//! What an account does in the product. All of it comes from one pass over usage events, and one over its users.

use super::{Definition, Formula, InputTable, People, Unit, UsageSlot, Windows};

const EVENTS: &[(InputTable, &[&str])] = &[(InputTable::UsageEvents, &[])];
const FEATURES: &[(InputTable, &[&str])] = &[(InputTable::UsageEvents, &["feature"])];
const VALUE: &[(InputTable, &[&str])] = &[(InputTable::UsageEvents, &["is_value_event"])];
const SECONDS: &[(InputTable, &[&str])] = &[(InputTable::UsageEvents, &["duration_seconds"])];
const USERS: &[(InputTable, &[&str])] = &[(InputTable::UsageEvents, &["user_id"])];
const LIMITS: &[(InputTable, &[&str])] =
    &[(InputTable::Accounts, &["plan"]), (InputTable::UsageEvents, &[]), (InputTable::Plans, &["monthly_usage_limit"])];
const ZERO: &str = "Zero for an account without events in the window.";
const NEVER: &str = "Unknown for an account without such an event.";

const fn slot(
    name: &'static str,
    reads: &'static [(InputTable, &'static [&'static str])],
    slot: UsageSlot,
    unit: Unit,
    meaning: &'static str,
) -> Definition {
    Definition {
        name,
        windows: Windows::Days,
        unit,
        reads,
        formula: Formula::Usage(slot),
        meaning,
        null_rule: ZERO,
        source: "Headwater",
    }
}

const fn day(
    name: &'static str,
    reads: &'static [(InputTable, &'static [&'static str])],
    kind: UsageSlot,
    meaning: &'static str,
) -> Definition {
    Definition { windows: Windows::None, null_rule: NEVER, ..slot(name, reads, kind, Unit::Date, meaning) }
}

pub(super) const METRICS: &[Definition] = &[
    slot("usage_events_{w}", EVENTS, UsageSlot::Events, Unit::Count, "Uses of the product."),
    slot("value_events_{w}", VALUE, UsageSlot::ValueEvents, Unit::Count, "Uses that deliver value; a login is none."),
    slot("active_days_{w}", EVENTS, UsageSlot::ActiveDays, Unit::Count, "Days with any use."),
    slot("features_used_{w}", FEATURES, UsageSlot::Features, Unit::Count, "Different features used."),
    slot("usage_seconds_{w}", SECONDS, UsageSlot::Seconds, Unit::Count, "Seconds spent in the product."),
    slot(
        "new_features_used_{w}",
        FEATURES,
        UsageSlot::NewFeatures,
        Unit::Count,
        "Different features used among those that anyone first used in the window.",
    ),
    day("first_active_on", EVENTS, UsageSlot::FirstDay, "Day of the first use."),
    day("last_active_on", EVENTS, UsageSlot::LastDay, "Day of the last use."),
    day("first_value_event_on", VALUE, UsageSlot::FirstValueDay, "Day of the first use that delivered value."),
    Definition {
        windows: Windows::None,
        ..slot(
            "value_event_months",
            VALUE,
            UsageSlot::ValueMonths,
            Unit::Count,
            "Months, counted back from the as-of day, with a use that delivered value.",
        )
    },
    Definition {
        formula: Formula::Users("count(*) FILTER (WHERE {days} > 0)", People::Active),
        ..slot("active_users_{w}", USERS, UsageSlot::Events, Unit::Count, "Different people with any use.")
    },
    Definition {
        formula: Formula::Users("sum({days})", People::Active),
        ..slot(
            "user_days_{w}",
            USERS,
            UsageSlot::Events,
            Unit::Count,
            "People active on a day, added up over the days.",
        )
    },
    Definition {
        formula: Formula::Account("CAST([user_days_{w}] AS DOUBLE) / nullif({n} * [active_users_{w}], 0)"),
        unit: Unit::Ratio,
        null_rule: "Unknown for an account without active people in the window.",
        source: "SOMA, DAU/MAU: mean daily active people over the people active in the window",
        ..slot(
            "stickiness_{w}",
            USERS,
            UsageSlot::Events,
            Unit::Ratio,
            "Share of its people active on a mean day, 0 to 1.",
        )
    },
    Definition {
        formula: Formula::Users("sum({weekday_days})", People::Active),
        ..slot(
            "weekday_user_days_{w}",
            USERS,
            UsageSlot::Events,
            Unit::Count,
            "People active on a day from Monday to Friday, added up over the days.",
        )
    },
    Definition {
        formula: Formula::Account(
            "CAST([weekday_user_days_{w}] AS DOUBLE) / nullif({weekdays} * [active_users_{w}], 0)",
        ),
        unit: Unit::Ratio,
        null_rule: "Unknown for an account without active people in the window, and in a window without weekdays.",
        source: "SOMA, DAU/MAU of weekdays: mean daily active people from Monday to Friday over the people active in the window",
        ..slot(
            "weekday_stickiness_{w}",
            USERS,
            UsageSlot::Events,
            Unit::Ratio,
            "Share of its people active on a mean day from Monday to Friday, 0 to 1.",
        )
    },
    Definition {
        formula: Formula::Account("CAST({eligible_used} AS DOUBLE) / nullif({eligible}, 0)"),
        null_rule: "Zero for an account without events in the window; unknown where no feature is known, or where entitlements are and say nothing of the account's plan.",
        ..slot(
            "feature_adoption_{w}",
            FEATURES,
            UsageSlot::Events,
            Unit::Ratio,
            "Share of the features that the account's plan includes and that it used, 0 to 1; of all known features where no entitlements are mapped.",
        )
    },
    Definition {
        formula: Formula::Account("CAST([new_features_used_{w}] AS DOUBLE) / nullif({new_features}, 0)"),
        null_rule: "Zero for an account that used none; unknown where no feature was first used in the window.",
        ..slot(
            "new_feature_uptake_{w}",
            FEATURES,
            UsageSlot::Events,
            Unit::Ratio,
            "Share of the features first used by anyone in the window that the account used, 0 to 1.",
        )
    },
    Definition {
        windows: Windows::None,
        formula: Formula::Account("days_between([last_active_on], {as_of})"),
        null_rule: NEVER,
        ..slot("days_since_last_activity", EVENTS, UsageSlot::LastDay, Unit::Days, "Days since the last use.")
    },
    Definition {
        windows: Windows::None,
        formula: Formula::Account("days_between(signed_up_on, [first_value_event_on])"),
        null_rule: "Unknown for an account still without value (censored, not zero).",
        reads: &[(InputTable::Accounts, &["signed_up_on"]), (InputTable::UsageEvents, &["is_value_event"])],
        ..slot(
            "time_to_value_days",
            VALUE,
            UsageSlot::FirstValueDay,
            Unit::Days,
            "Days from sign-up to the first use that delivered value.",
        )
    },
    Definition {
        windows: Windows::None,
        formula: Formula::Account("CAST(100.0 * [usage_events_30d] AS DOUBLE) / nullif(plan_usage_limit, 0)"),
        unit: Unit::Percent,
        null_rule: "Unknown for an account without a plan or on a plan without limit.",
        ..slot(
            "usage_limit_pct",
            LIMITS,
            UsageSlot::Events,
            Unit::Percent,
            "Uses of the last 30 days against the plan's monthly limit.",
        )
    },
    Definition {
        windows: Windows::None,
        ..slot(
            "usage_events_this_month",
            EVENTS,
            UsageSlot::MonthEvents,
            Unit::Count,
            "Uses in the calendar month of the as-of day, so far.",
        )
    },
    Definition {
        windows: Windows::None,
        formula: Formula::Account(
            "CASE WHEN [usage_events_this_month] >= plan_usage_limit THEN 0
            ELSE TRY_CAST(ceil(CAST(plan_usage_limit - [usage_events_this_month] AS DOUBLE) * 28 / nullif([usage_events_28d], 0)) AS BIGINT) END",
        ),
        null_rule: "Unknown for an account without a plan, on a plan without limit, or without use in the last 28 days.",
        ..slot(
            "days_to_limit",
            LIMITS,
            UsageSlot::Events,
            Unit::Days,
            "Days until the uses of this month reach the plan's monthly limit, at the pace of the last 28 days; zero once they have. Counting begins anew with the month.",
        )
    },
    Definition {
        windows: Windows::None,
        formula: Formula::Account("CASE WHEN seats > 1 THEN CAST(100.0 * [active_users_28d] AS DOUBLE) / seats END"),
        unit: Unit::Percent,
        null_rule: "Unknown for an account without seats, or with a single one, which is always full.",
        reads: &[(InputTable::Accounts, &["seats"]), (InputTable::UsageEvents, &["user_id"])],
        ..slot(
            "seat_usage_pct",
            USERS,
            UsageSlot::Events,
            Unit::Percent,
            "People active in the last 28 days against the seats.",
        )
    },
    Definition {
        windows: Windows::None,
        formula: Formula::Account("greatest([usage_limit_pct], [seat_usage_pct])"),
        unit: Unit::Percent,
        null_rule: "Unknown where neither limit is known; the larger of the known ones otherwise.",
        ..slot(
            "limit_usage_max_pct",
            LIMITS,
            UsageSlot::Events,
            Unit::Percent,
            "How close the account is to the nearest limit of its plan.",
        )
    },
];
