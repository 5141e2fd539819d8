//! What it costs to win accounts, and how they convert.
//!
//! Spend belongs to the whole and to channels; other groups have none of their own, and their costs are unknown.

use super::{Definition, Formula, InputTable, Unit, Windows};

const SPEND: &[(InputTable, &[&str])] = &[(InputTable::Spend, &[]), (InputTable::Subscriptions, &[])];
const SPEND_AND_SIGN_UP: &[(InputTable, &[&str])] =
    &[(InputTable::Spend, &[]), (InputTable::Accounts, &["signed_up_on"])];
const TRIALS: &[(InputTable, &[&str])] = &[(InputTable::Subscriptions, &["is_trial"])];
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
        "earlier_spend_added_up_{w}",
        Windows::Months,
        &[(InputTable::Spend, &[])],
        Formula::SpendFact("sum(amount) FILTER (WHERE acquires AND {in_earlier})"),
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
            sql: "CAST([spend_added_up_{w}] AS DOUBLE) / nullif([new_customers_{w}], 0)",
            accounts: "[new_customers_{w}]",
            reason: "no spend is known for this group, or nobody began to pay",
        },
        "Cost of winning one paying account: acquisition spend over accounts that paid for the first time.",
    ),
    Definition {
        reads: SPEND_AND_SIGN_UP,
        ..cost(
            "signup_cost_{w}",
            Windows::Months,
            Unit::Amount,
            Formula::Group {
                sql: "CAST([spend_added_up_{w}] AS DOUBLE) / nullif([signed_up_{w}], 0)",
                accounts: "[signed_up_{w}]",
                reason: "no spend is known for this group, or nobody signed up",
            },
            "Cost of winning one sign-up, free or paying: acquisition spend over sign-ups.",
        )
    },
    cost(
        "cac_change_pct_{w}",
        Windows::Months,
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
        Windows::Months,
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
            "count(*) FILTER (WHERE days_between([trial_started_on], {as_of}) BETWEEN {n} AND {n} + 90)",
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
            Windows::Days,
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
