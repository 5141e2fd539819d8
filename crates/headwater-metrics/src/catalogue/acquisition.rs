//! What it costs to win accounts, and how they convert.
//!
//! Spend belongs to the whole and to channels; other groups have none of their own, and their costs are unknown.

use super::{Definition, Formula, InputTable, Unit, Windows};

const SPEND: &[(InputTable, &[&str])] = &[(InputTable::Spend, &[]), (InputTable::Subscriptions, &[])];
const SPEND_AND_SIGN_UP: &[(InputTable, &[&str])] =
    &[(InputTable::Spend, &[]), (InputTable::Accounts, &["signed_up_on"])];
const TRIALS: &[(InputTable, &[&str])] = &[(InputTable::Subscriptions, &["is_trial"])];
/// What tells accounts that cost something to win from those that came by themselves.
const CHANNELS: &[(InputTable, &[&str])] =
    &[(InputTable::Spend, &["channel"]), (InputTable::Accounts, &["acquisition_channel"])];
const PAID: &[(InputTable, &[&str])] = &[
    (InputTable::Spend, &["channel"]),
    (InputTable::Accounts, &["acquisition_channel"]),
    (InputTable::Subscriptions, &[]),
];
const NO_SPEND: &str = "no spend is known for this group";

const fn cost(name: &'static str, windows: Windows, unit: Unit, formula: Formula, meaning: &'static str) -> Definition {
    Definition {
        name,
        windows,
        unit,
        reads: SPEND,
        formula,
        meaning,
        null_rule: "Unknown without spend for the group, and without accounts won; the reason is published beside it.",
        source: "SOMA, customer acquisition cost",
    }
}

pub(super) const METRICS: &[Definition] = &[
    Definition::block(
        "spend_added_up_{w}",
        Windows::Months,
        &[(InputTable::Spend, &[])],
        Formula::SpendFact("sum(amount) FILTER (WHERE acquires AND {in})"),
    ),
    Definition::block(
        "lagged_spend_added_up_{w}",
        Windows::Months,
        &[(InputTable::Spend, &[])],
        Formula::SpendFact("nullif(greatest(sum(amount) FILTER (WHERE acquires AND {in_lagged}), 0), 0)"),
    ),
    Definition::block(
        "media_spend_added_up_{w}",
        Windows::Months,
        &[(InputTable::Spend, &["kind"])],
        Formula::SpendFact(
            "nullif(greatest(sum(amount) FILTER (WHERE acquires AND coalesce(kind, 'media') = 'media' AND {in_lagged}), 0), 0)",
        ),
    ),
    Definition::block(
        "paid_customers_{w}",
        Windows::Months,
        CHANNELS,
        Formula::AccountFact("count(*) FILTER (WHERE [new_movements_{w}] > 0 AND [is_paid_acquisition])"),
    ),
    Definition {
        name: "is_paid_acquisition",
        windows: Windows::None,
        unit: Unit::Flag,
        reads: CHANNELS,
        formula: Formula::Account("paid_channel IS NOT NULL"),
        meaning: "Whether anything was ever spent on winning accounts through the account's channel; one that came by itself, or \
                  by a channel that costs nothing, has no acquisition cost.",
        null_rule: "False for an account without a channel.",
        source: "SOMA, customer acquisition cost: accounts without spend are a class of their own",
    },
    Definition::block(
        "earlier_spend_added_up_{w}",
        Windows::Months,
        &[(InputTable::Spend, &[])],
        Formula::SpendFact("nullif(greatest(sum(amount) FILTER (WHERE acquires AND {in_earlier}), 0), 0)"),
    ),
    Definition::block(
        "retention_spend_added_up_{w}",
        Windows::Months,
        &[(InputTable::Spend, &["purpose"])],
        Formula::SpendFact("sum(amount) FILTER (WHERE purpose = 'retention' AND {in})"),
    ),
    Definition {
        reads: &[(InputTable::Spend, &["purpose"]), (InputTable::Subscriptions, &[])],
        null_rule: "Unknown without retention spend for the group, and where nothing was retained.",
        source: "Retention spend over revenue retained, by group",
        ..cost(
            "retention_cost_per_retained_mrr_{w}",
            Windows::Months,
            Unit::Ratio,
            Formula::Group {
                sql: "CAST([retention_spend_added_up_{w}] AS DOUBLE) / nullif(CAST([kept_mrr_{w}] AS DOUBLE), 0)",
                accounts: "[opening_accounts_{w}]",
                reason: "no retention spend is known for this group, or nothing was retained",
            },
            "Spend on keeping accounts, for one unit of monthly revenue that was kept.",
        )
    },
    Definition::block(
        "signed_up_{w}",
        Windows::Months,
        &[(InputTable::Accounts, &["signed_up_on"])],
        Formula::AccountFact("count(*) FILTER (WHERE signed_up_on > {from_before} AND signed_up_on <= {as_of})"),
    ),
    Definition::block(
        "earlier_new_customers_{w}",
        Windows::Months,
        &[(InputTable::Subscriptions, &[])],
        Formula::AccountFact("count(*) FILTER (WHERE [new_movements_{2n}m] > [new_movements_{w}])"),
    ),
    cost(
        "acquisition_spend_{w}",
        Windows::Months,
        Unit::Money,
        Formula::Group { sql: "[spend_added_up_{w}]", accounts: "[new_customers_{w}]", reason: NO_SPEND },
        "Spend on winning accounts in the window.",
    ),
    cost(
        "cac_{w}",
        Windows::Months,
        Unit::Amount,
        Formula::Group {
            sql: "CAST([lagged_spend_added_up_{w}] AS DOUBLE) / nullif([new_customers_{w}], 0)",
            accounts: "[new_customers_{w}]",
            reason: "no spend above credits is known for this group, or nobody began to pay",
        },
        "Cost of winning one paying account, fully loaded and blended: all acquisition spend, `cac_lag_months` earlier, over all \
         accounts that paid for the first time, however they came.",
    ),
    Definition {
        reads: &[(InputTable::Spend, &["kind"]), (InputTable::Subscriptions, &[])],
        ..cost(
            "media_cac_{w}",
            Windows::Months,
            Unit::Amount,
            Formula::Group {
                sql: "CAST([media_spend_added_up_{w}] AS DOUBLE) / nullif([new_customers_{w}], 0)",
                accounts: "[new_customers_{w}]",
                reason: "no media spend above credits is known for this group, or nobody began to pay",
            },
            "The same with media alone, without sales, tools and people: what `cac` is often mistaken for.",
        )
    },
    Definition {
        reads: PAID,
        ..cost(
            "paid_cac_{w}",
            Windows::Months,
            Unit::Amount,
            Formula::Group {
                sql: "CAST([lagged_spend_added_up_{w}] AS DOUBLE) / nullif([paid_customers_{w}], 0)",
                accounts: "[paid_customers_{w}]",
                reason: "no spend above credits is known for this group, or nobody came by a channel with spend",
            },
            "Cost of winning one paying account through channels on which money is spent: accounts that came by themselves do \
             not make it look smaller.",
        )
    },
    Definition {
        reads: PAID,
        ..cost(
            "no_cac_customers_{w}",
            Windows::Months,
            Unit::Count,
            Formula::Group {
                sql: "[new_customers_{w}] - [paid_customers_{w}]",
                accounts: "[new_customers_{w}]",
                reason: "channels or spend are not known",
            },
            "Accounts that paid for the first time and came by a channel on which nothing was ever spent: they have no \
             acquisition cost, which is not a cost of zero.",
        )
    },
    Definition {
        reads: SPEND_AND_SIGN_UP,
        ..cost(
            "signup_cost_{w}",
            Windows::RecentMonths,
            Unit::Amount,
            Formula::Group {
                sql: "CAST(nullif(greatest([spend_added_up_{w}], 0), 0) AS DOUBLE) / nullif([signed_up_{w}], 0)",
                accounts: "[signed_up_{w}]",
                reason: "no spend above credits is known for this group, or nobody signed up",
            },
            "Cost of winning one sign-up, free or paying: acquisition spend over sign-ups.",
        )
    },
    cost(
        "cac_change_pct_{w}",
        Windows::RecentMonths,
        Unit::Percent,
        Formula::Group {
            sql: "100.0 * ([cac_{w}] / nullif(CAST([earlier_spend_added_up_{w}] AS DOUBLE) / nullif([earlier_new_customers_{w}], 0), 0) - 1)",
            accounts: "[new_customers_{w}]",
            reason: "the cost of one of the two windows is unknown",
        },
        "Change of the cost of winning a paying account against the window of the same length before.",
    ),
    cost(
        "cac_payback_change_pct_{w}",
        Windows::RecentMonths,
        Unit::Percent,
        Formula::Group {
            sql: "100.0 * (([cac_{w}] / nullif([arpa], 0)) / nullif((CAST([earlier_spend_added_up_{w}] AS DOUBLE) / nullif([earlier_new_customers_{w}], 0)) / nullif(CAST([opening_mrr_{w}] AS DOUBLE) / nullif([opening_accounts_{w}], 0), 0), 0) - 1)",
            accounts: "[new_customers_{w}]",
            reason: "cost or revenue per account of one of the two windows is unknown",
        },
        "Change of the months that pay back a won account against the window of the same length before, at an equal margin: \
         positive where costs of winning grow faster than revenue per account.",
    ),
    cost(
        "cac_payback_months",
        Windows::None,
        Unit::Months,
        Formula::Group {
            sql: "[cac_{lookback}m] / nullif([arpa] * {margin}, 0)",
            accounts: "[new_customers_{lookback}m]",
            reason: "the cost or the margin per account is unknown",
        },
        "Months of margin that pay back the cost of winning an account, assuming that none is lost meanwhile.",
    ),
    Definition::block(
        "trials_due_{w}",
        Windows::Days,
        TRIALS,
        Formula::AccountFact(
            "count(*) FILTER (WHERE days_between([trial_started_on], {as_of}) BETWEEN {n} AND {n} + 90 AND ([first_paid_on] IS NULL OR [first_paid_on] >= [trial_started_on]))",
        ),
    ),
    Definition::block(
        "trials_won_{w}",
        Windows::Days,
        TRIALS,
        Formula::AccountFact(
            "count(*) FILTER (WHERE days_between([trial_started_on], {as_of}) BETWEEN {n} AND {n} + 90 AND [trial_to_paid_days] <= {n})",
        ),
    ),
    Definition {
        reads: TRIALS,
        null_rule: "Unknown where no trial of the cohort is old enough to tell.",
        source: "ChartMogul, trial-to-paid conversion with a fixed window",
        ..cost(
            "trial_to_paid_{w}",
            Windows::RecentDays,
            Unit::Ratio,
            Formula::Group {
                sql: "CAST([trials_won_{w}] AS DOUBLE) / nullif([trials_due_{w}], 0)",
                accounts: "[trials_due_{w}]",
                reason: "no trial of the cohort is old enough to tell",
            },
            "Share of the trials begun in the 91 days that ended so many days ago that became paid within as many days.",
        )
    },
];
