//! Recurring revenue of one account: its state, and the movements that led to it.
//!
//! All of it is read from the movements, so that opening plus movements is closing by construction.

use super::{Definition, Formula, InputTable, RowTable, Unit, Windows};

const SUBSCRIPTIONS: &[(InputTable, &[&str])] = &[(InputTable::Subscriptions, &[])];
const SIGN_UP_AND_SUBSCRIPTIONS: &[(InputTable, &[&str])] =
    &[(InputTable::Accounts, &["signed_up_on"]), (InputTable::Subscriptions, &[])];
const NO_ROWS_ZERO: &str = "Zero for an account that never paid.";
const MOVEMENTS: &str = "Movement identity as stated by Rebilly and ChartMogul: closing = opening + new + reactivation + expansion - contraction - churn.";

/// Customers come by two movements and go by one.
const CUSTOMER: &str =
    "sum(CASE WHEN movement IN ('new', 'reactivation') THEN 1 WHEN movement = 'churn' THEN -1 ELSE 0 END) > 0";
const CUSTOMER_AGO: &str = "coalesce(sum(CASE WHEN movement IN ('new', 'reactivation') THEN 1 WHEN movement = 'churn' THEN -1 ELSE 0 END) FILTER (WHERE period_age >= {n}), 0) > 0";

/// A sum over the movements of the window.
const fn movement(name: &'static str, sql: &'static str, meaning: &'static str) -> Definition {
    Definition {
        name,
        windows: Windows::Months,
        unit: Unit::Money,
        reads: SUBSCRIPTIONS,
        formula: Formula::Rows { table: RowTable::Movements, sql, empty: Some("0") },
        meaning,
        null_rule: NO_ROWS_ZERO,
        source: MOVEMENTS,
    }
}

/// A number of movements in the window.
const fn movements(name: &'static str, sql: &'static str, meaning: &'static str) -> Definition {
    Definition { unit: Unit::Count, ..movement(name, sql, meaning) }
}

/// A number of calendar months with such a movement.
const fn by_month(name: &'static str, sql: &'static str, meaning: &'static str) -> Definition {
    Definition {
        formula: Formula::Rows { table: RowTable::MovementsByMonth, sql, empty: Some("0") },
        ..movements(name, sql, meaning)
    }
}

pub(super) const METRICS: &[Definition] = &[
    Definition {
        name: "mrr",
        windows: Windows::None,
        ..movement("mrr", "sum(amount)", "Monthly recurring revenue at the end of the as-of day.")
    },
    Definition {
        name: "mrr_{w}_ago",
        ..movement(
            "mrr_{w}_ago",
            "sum(amount) FILTER (WHERE period_age >= {n})",
            "Monthly recurring revenue as it was so many months before.",
        )
    },
    movement(
        "new_mrr_{w}",
        "sum(amount) FILTER (WHERE movement = 'new' AND {in})",
        "Recurring revenue of a first payment ever.",
    ),
    movement(
        "reactivation_mrr_{w}",
        "sum(amount) FILTER (WHERE movement = 'reactivation' AND {in})",
        "Recurring revenue of an account that pays again after churn.",
    ),
    movement(
        "expansion_mrr_{w}",
        "sum(amount) FILTER (WHERE movement = 'expansion' AND {in})",
        "Recurring revenue added by an account that already paid, from one end of a period to the next: periods of a month end on the as-of day, so that what is taken back within one is not seen, and the night after divides time at other days.",
    ),
    movement(
        "contraction_mrr_{w}",
        "sum(-amount) FILTER (WHERE movement = 'contraction' AND {in})",
        "Recurring revenue lost from an account that went on paying, as a positive amount, from one end of a period to the next, as for expansion.",
    ),
    movement(
        "churned_mrr_{w}",
        "sum(-amount) FILTER (WHERE movement = 'churn' AND {in})",
        "Recurring revenue lost from an account that stopped paying, as a positive amount.",
    ),
    Definition {
        name: "is_customer",
        windows: Windows::None,
        unit: Unit::Flag,
        formula: Formula::Rows { table: RowTable::Movements, sql: CUSTOMER, empty: Some("false") },
        null_rule: "False for an account that never was a customer.",
        ..movement(
            "is_customer",
            "",
            "Whether the account is a customer at the end of the as-of day: whether it pays, unless the policy counts free plans.",
        )
    },
    Definition {
        name: "was_customer_{w}_ago",
        unit: Unit::Flag,
        formula: Formula::Rows { table: RowTable::Movements, sql: CUSTOMER_AGO, empty: Some("false") },
        null_rule: "False for an account that was none.",
        ..movement("was_customer_{w}_ago", "", "Whether the account was a customer so many months before.")
    },
    movement(
        "fx_mrr_{w}",
        "sum(amount) FILTER (WHERE movement = 'fx' AND {in})",
        "What exchange rates added to recurring revenue; negative where they took away. Neither expansion nor contraction.",
    ),
    Definition {
        formula: Formula::Rows {
            table: RowTable::SubscriptionsAtRates,
            sql: "sum(worth) FILTER (WHERE coalesce(age, {n}) = {n})",
            empty: Some("0"),
        },
        ..movement(
            "mrr_without_fx_{w}",
            "",
            "Monthly recurring revenue of today at the exchange rates of the window's start: what retention compares.",
        )
    },
    movements(
        "new_movements_{w}",
        "count(*) FILTER (WHERE movement = 'new' AND {in})",
        "1 where the account became a customer for the first time in the window, else 0.",
    ),
    by_month(
        "expansion_movements_{w}",
        "count(*) FILTER (WHERE movement = 'expansion' AND {in})",
        "Calendar months in which the account expanded, from the end of one to the end of the next: those that ended in the window, and the one under way.",
    ),
    by_month(
        "contraction_movements_{w}",
        "count(*) FILTER (WHERE movement = 'contraction' AND {in})",
        "Calendar months in which the account contracted, from the end of one to the end of the next: those that ended in the window, and the one under way.",
    ),
    by_month(
        "churn_movements_{w}",
        "count(*) FILTER (WHERE movement = 'churn' AND (reason IS DISTINCT FROM 'within_period') AND {in})",
        "Calendar months that the account began as a customer and ended as none: those that ended in the window, and the one under way.",
    ),
    movements(
        "churned_periods_{w}",
        "count(*) FILTER (WHERE movement = 'churn' AND (reason IS DISTINCT FROM 'within_period') AND {in})",
        "Months up to the as-of day, ending on its day of the month, that the account began as a customer and ended as none: the churns behind a pooled churn rate.",
    ),
    movements(
        "paying_months_{w}",
        "sum(CASE WHEN movement IN ('new', 'reactivation') THEN least(period_age, {n}) WHEN movement = 'churn' THEN -least(period_age, {n}) ELSE 0 END)",
        "Months of the window that the account began as a customer: the exposure behind a pooled churn rate.",
    ),
    Definition {
        name: "first_paid_on",
        windows: Windows::None,
        unit: Unit::Date,
        reads: SUBSCRIPTIONS,
        formula: Formula::Rows {
            table: RowTable::Subscriptions,
            sql: "min(started_on) FILTER (WHERE paid)",
            empty: None,
        },
        meaning: "First day of the first paid subscription.",
        null_rule: "Unknown for an account that never paid.",
        source: "ChartMogul, subscription start",
    },
    Definition {
        name: "revenue_lag_days",
        windows: Windows::None,
        unit: Unit::Days,
        reads: SIGN_UP_AND_SUBSCRIPTIONS,
        formula: Formula::Account("days_between(signed_up_on, [first_paid_on])"),
        meaning: "Days from sign-up to the first paid day.",
        null_rule: "Unknown for an account that never paid (not zero: it is censored).",
        source: "Headwater",
    },
    Definition {
        name: "paid_until",
        windows: Windows::None,
        unit: Unit::Date,
        reads: SUBSCRIPTIONS,
        formula: Formula::Rows {
            table: RowTable::Subscriptions,
            sql: "CASE WHEN bool_or(paid AND (ended_on IS NULL OR ended_on > {as_of})) THEN NULL ELSE max(ended_on) FILTER (WHERE paid) END",
            empty: None,
        },
        meaning: "First day without a paid subscription, of an account that no longer has one.",
        null_rule: "Unknown while a paid subscription is in force, and for an account that never paid.",
        source: "Headwater",
    },
    Definition {
        name: "days_as_payer",
        windows: Windows::None,
        unit: Unit::Days,
        reads: SUBSCRIPTIONS,
        formula: Formula::Account("days_between([first_paid_on], coalesce([paid_until], {as_of}))"),
        meaning: "Days from the first paid day to the day the account left, or to the as-of day while it pays.",
        null_rule: "Unknown for an account that never paid; of one that still pays it is a lower bound (censored).",
        source: "Headwater",
    },
    Definition {
        name: "last_subscription_change_on",
        windows: Windows::None,
        unit: Unit::Date,
        reads: SUBSCRIPTIONS,
        formula: Formula::Rows {
            table: RowTable::Subscriptions,
            sql: "max(CASE WHEN ended_on <= {as_of} THEN greatest(started_on, ended_on) WHEN started_on <= {as_of} THEN started_on END)",
            empty: None,
        },
        meaning: "The last day on which a subscription of the account, paid or not, began, changed its price or ended.",
        null_rule: "Unknown for an account without subscriptions.",
        source: "Headwater",
    },
    Definition {
        name: "days_since_last_subscription_change",
        windows: Windows::None,
        unit: Unit::Days,
        reads: SUBSCRIPTIONS,
        formula: Formula::Account("days_between([last_subscription_change_on], {as_of})"),
        meaning: "Days since a subscription of the account began, changed its price or ended.",
        null_rule: "Unknown for an account without subscriptions.",
        source: "Headwater",
    },
    Definition {
        name: "committed_mrr",
        windows: Windows::None,
        unit: Unit::Money,
        reads: SUBSCRIPTIONS,
        formula: Formula::Rows {
            table: RowTable::Subscriptions,
            sql: "sum(mrr) FILTER (WHERE pays AND over_on IS NULL AND ended_on IS NULL)",
            empty: Some("0"),
        },
        meaning: "Recurring revenue of subscriptions in force, or booked to begin, of which no end is known.",
        null_rule: NO_ROWS_ZERO,
        source: "ChartMogul, committed MRR: scheduled changes stay out of MRR",
    },
    Definition {
        name: "scheduled_mrr",
        windows: Windows::None,
        unit: Unit::Money,
        reads: &[(InputTable::Subscriptions, &["booked_on"])],
        formula: Formula::Rows {
            table: RowTable::Subscriptions,
            sql: "sum(mrr) FILTER (WHERE pays AND started_on > {as_of} AND NOT after_discount)",
            empty: Some("0"),
        },
        meaning: "Recurring revenue of subscriptions that are booked and have not begun.",
        null_rule: NO_ROWS_ZERO,
        source: "ChartMogul, committed MRR: scheduled changes stay out of MRR",
    },
    Definition {
        name: "ending_mrr",
        windows: Windows::None,
        unit: Unit::Money,
        reads: SUBSCRIPTIONS,
        formula: Formula::Rows {
            table: RowTable::Subscriptions,
            sql: "sum(mrr) FILTER (WHERE paid AND (ended_on IS NULL OR ended_on > {as_of}) AND over_on > {as_of})",
            empty: Some("0"),
        },
        meaning: "Recurring revenue of subscriptions in force that are known to end: churn that is pending, not yet churn.",
        null_rule: NO_ROWS_ZERO,
        source: "ChartMogul, committed MRR: scheduled changes stay out of MRR",
    },
    Definition {
        name: "subscription_ends_on",
        windows: Windows::None,
        unit: Unit::Date,
        reads: SUBSCRIPTIONS,
        formula: Formula::Rows {
            table: RowTable::Subscriptions,
            sql: "min(over_on) FILTER (WHERE paid AND over_on > {as_of})",
            empty: None,
        },
        meaning: "The next day on which a paid subscription is known to end: a cancellation that is still to come.",
        null_rule: "Unknown where no end is known.",
        source: "ChartMogul: scheduled changes stay out of MRR",
    },
];
