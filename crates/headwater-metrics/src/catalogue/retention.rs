//! Recurring revenue of a group of accounts: what stays, what goes, what comes.

use super::{Definition, Formula, InputTable, Unit, Windows};

const SUBSCRIPTIONS: &[(InputTable, &[&str])] = &[(InputTable::Subscriptions, &[])];

/// An aggregate over the group's accounts.
const fn fact(name: &'static str, windows: Windows, sql: &'static str) -> Definition {
    Definition::block(name, windows, SUBSCRIPTIONS, Formula::AccountFact(sql))
}

const fn group(
    name: &'static str,
    windows: Windows,
    unit: Unit,
    formula: Formula,
    meaning: &'static str,
    source: &'static str,
) -> Definition {
    Definition {
        name,
        windows,
        unit,
        reads: SUBSCRIPTIONS,
        formula,
        meaning,
        null_rule: "Unknown where the denominator is zero; the reason is published beside it.",
        source,
    }
}

/// A sum of account amounts, published as it is.
const fn total(name: &'static str, windows: Windows, sql: &'static str, meaning: &'static str) -> Definition {
    group(
        name,
        windows,
        Unit::Money,
        Formula::Group { sql, accounts: "[accounts_counted]", reason: "no accounts" },
        meaning,
        "Headwater",
    )
}

const NO_OPENING: &str = "no account paid at the start of the window";

pub(super) const METRICS: &[Definition] = &[
    fact(
        "early_due_{w}",
        Windows::Days,
        "count(*) FILTER (WHERE days_between([first_paid_on], {as_of}) BETWEEN {n} AND {n} + 90)",
    ),
    fact(
        "early_lost_{w}",
        Windows::Days,
        "count(*) FILTER (WHERE days_between([first_paid_on], {as_of}) BETWEEN {n} AND {n} + 90 AND [paid_until] IS NOT NULL AND [days_as_payer] <= {n})",
    ),
    fact("committed_added_up", Windows::None, "sum([committed_mrr])"),
    group(
        "early_churn_{w}",
        Windows::RecentDays,
        Unit::Ratio,
        Formula::Group {
            sql: "CAST([early_lost_{w}] AS DOUBLE) / nullif([early_due_{w}], 0)",
            accounts: "[early_due_{w}]",
            reason: "no first payment is old enough to tell",
        },
        "Share of the accounts that first paid in the 91 days that ended so many days ago and left within as many days.",
        "Early churn with a fixed window; customers that came back are not counted",
    ),
    total(
        "total_committed_mrr",
        Windows::None,
        "[committed_added_up]",
        "Recurring revenue of subscriptions of which no end is known.",
    ),
    fact("accounts_counted", Windows::None, "count(*)"),
    fact("paying_counted", Windows::None, "count(*) FILTER (WHERE [mrr] > 0)"),
    fact("mrr_added_up", Windows::None, "sum([mrr])"),
    fact("opening_mrr_{w}", Windows::Months, "sum([mrr_{w}_ago])"),
    fact("opening_accounts_{w}", Windows::Months, "count(*) FILTER (WHERE [was_customer_{w}_ago])"),
    fact("lost_accounts_{w}", Windows::Months, "count(*) FILTER (WHERE [was_customer_{w}_ago] AND NOT [is_customer])"),
    fact("retained_mrr_{w}", Windows::Months, "sum([mrr_without_fx_{w}]) FILTER (WHERE [was_customer_{w}_ago])"),
    fact(
        "unshrunk_mrr_{w}",
        Windows::Months,
        "coalesce(sum(greatest([mrr_without_fx_{w}], [mrr_{w}_ago])) FILTER (WHERE [was_customer_{w}_ago] AND [is_customer]), 0)",
    ),
    fact(
        "returned_mrr_{w}",
        Windows::Months,
        "coalesce(sum([mrr_without_fx_{w}]) FILTER (WHERE NOT [was_customer_{w}_ago] AND [new_movements_{w}] = 0), 0)",
    ),
    fact("kept_mrr_{w}", Windows::Months, "sum(least([mrr_without_fx_{w}], [mrr_{w}_ago]))"),
    fact("churns_{w}", Windows::Months, "sum([churned_periods_{w}])"),
    fact("exposure_{w}", Windows::Months, "sum([paying_months_{w}])"),
    fact("new_customers_{w}", Windows::Months, "count(*) FILTER (WHERE [new_movements_{w}] > 0)"),
    fact("new_added_up_{w}", Windows::Months, "sum([new_mrr_{w}])"),
    fact("reactivation_added_up_{w}", Windows::Months, "sum([reactivation_mrr_{w}])"),
    fact("expansion_added_up_{w}", Windows::Months, "sum([expansion_mrr_{w}])"),
    fact("contraction_added_up_{w}", Windows::Months, "sum([contraction_mrr_{w}])"),
    fact("churned_added_up_{w}", Windows::Months, "sum([churned_mrr_{w}])"),
    fact("fx_added_up_{w}", Windows::Months, "sum([fx_mrr_{w}])"),
    group(
        "paying_accounts",
        Windows::None,
        Unit::Count,
        Formula::Group { sql: "[paying_counted]", accounts: "[accounts_counted]", reason: "no accounts" },
        "Accounts with recurring revenue at the end of the as-of day.",
        "Headwater",
    ),
    total("total_mrr", Windows::None, "[mrr_added_up]", "Monthly recurring revenue of the group."),
    total(
        "total_opening_mrr_{w}",
        Windows::Months,
        "[opening_mrr_{w}]",
        "Monthly recurring revenue at the start of the window.",
    ),
    total(
        "total_new_mrr_{w}",
        Windows::Months,
        "[new_added_up_{w}]",
        "Recurring revenue of first payments in the window.",
    ),
    total(
        "total_reactivation_mrr_{w}",
        Windows::Months,
        "[reactivation_added_up_{w}]",
        "Recurring revenue that came back in the window.",
    ),
    total(
        "total_expansion_mrr_{w}",
        Windows::Months,
        "[expansion_added_up_{w}]",
        "Recurring revenue added by payers in the window.",
    ),
    total(
        "total_contraction_mrr_{w}",
        Windows::Months,
        "[contraction_added_up_{w}]",
        "Recurring revenue lost from payers that stayed, as a positive amount.",
    ),
    total(
        "total_churned_mrr_{w}",
        Windows::Months,
        "[churned_added_up_{w}]",
        "Recurring revenue lost from payers that left, as a positive amount.",
    ),
    total(
        "total_fx_mrr_{w}",
        Windows::Months,
        "[fx_added_up_{w}]",
        "What exchange rates did to recurring revenue: with it, opening and movements add up to closing.",
    ),
    group(
        "arpa",
        Windows::None,
        Unit::Amount,
        Formula::Group {
            sql: "CAST([mrr_added_up] AS DOUBLE) / nullif([paying_counted], 0)",
            accounts: "[paying_counted]",
            reason: "no paying account",
        },
        "Average revenue per paying account and month; free accounts are not in the denominator.",
        "ChartMogul, ARPA",
    ),
    group(
        "logo_churn_{w}",
        Windows::Months,
        Unit::Ratio,
        Formula::Group {
            sql: "CAST([lost_accounts_{w}] AS DOUBLE) / nullif({churn_base}, 0)",
            accounts: "[opening_accounts_{w}]",
            reason: NO_OPENING,
        },
        "Share of the accounts that paid at the start of the window and no longer do.",
        "Gold, Fighting Churn with Data, listing 2.2",
    ),
    group(
        "logo_churn_monthly_{w}",
        Windows::Months,
        Unit::Ratio,
        Formula::Group {
            sql: "CAST([churns_{w}] AS DOUBLE) / nullif([exposure_{w}], 0)",
            accounts: "[opening_accounts_{w}] + [new_customers_{w}]",
            reason: "no month began with a payer",
        },
        "Monthly churn rate pooled over the window: times an account stopped paying over months begun as a payer.",
        "Pooled occurrence over exposure",
    ),
    group(
        "logo_churn_per_month_{w}",
        Windows::Months,
        Unit::Ratio,
        Formula::Group {
            sql: "1 - power(1 - [logo_churn_{w}], (365.0 / 12) / nullif({length_days}, 0))",
            accounts: "[opening_accounts_{w}]",
            reason: NO_OPENING,
        },
        "The monthly rate that compounds to the logo churn of the window; no rate is ever divided by months.",
        "Gold, Fighting Churn with Data, listing 2.5",
    ),
    group(
        "logo_churn_per_year_{w}",
        Windows::Months,
        Unit::Ratio,
        Formula::Group {
            sql: "1 - power(1 - [logo_churn_{w}], 365.0 / nullif({length_days}, 0))",
            accounts: "[opening_accounts_{w}]",
            reason: NO_OPENING,
        },
        "The yearly rate that the logo churn of the window compounds to.",
        "Gold, Fighting Churn with Data, listing 2.5",
    ),
    group(
        "revenue_churn_{w}",
        Windows::Months,
        Unit::Ratio,
        Formula::Group {
            sql: "CAST([opening_mrr_{w}] - [kept_mrr_{w}] AS DOUBLE) / nullif(CAST([opening_mrr_{w}] AS DOUBLE), 0)",
            accounts: "[opening_accounts_{w}]",
            reason: NO_OPENING,
        },
        "Share of the opening recurring revenue that was lost to churn and contraction.",
        "ChartMogul, gross MRR churn",
    ),
    group(
        "nrr_{w}",
        Windows::Months,
        Unit::Ratio,
        Formula::Group {
            sql: "CAST({retained} AS DOUBLE) / nullif(CAST([opening_mrr_{w}] AS DOUBLE), 0)",
            accounts: "[opening_accounts_{w}]",
            reason: NO_OPENING,
        },
        "Net revenue retention: recurring revenue now of the accounts that paid at the start, over theirs then.",
        "Gold, Fighting Churn with Data, listing 2.1",
    ),
    group(
        "grr_{w}",
        Windows::Months,
        Unit::Ratio,
        Formula::Group {
            sql: "CAST([kept_mrr_{w}] AS DOUBLE) / nullif(CAST([opening_mrr_{w}] AS DOUBLE), 0)",
            accounts: "[opening_accounts_{w}]",
            reason: NO_OPENING,
        },
        "Gross revenue retention: the same without any account counting above what it paid at the start.",
        "KBCM and Sapphire, private SaaS survey",
    ),
    group(
        "quick_ratio_{w}",
        Windows::Months,
        Unit::Ratio,
        Formula::Group {
            sql: "CAST([new_added_up_{w}] + [reactivation_added_up_{w}] + [expansion_added_up_{w}] AS DOUBLE) / nullif(CAST([contraction_added_up_{w}] + [churned_added_up_{w}] AS DOUBLE), 0)",
            accounts: "[accounts_counted]",
            reason: "nothing was lost in the window",
        },
        "Recurring revenue won over recurring revenue lost.",
        "Baremetrics, quick ratio",
    ),
];
