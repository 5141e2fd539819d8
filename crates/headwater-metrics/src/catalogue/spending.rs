//! What accounts cost beside winning them, whether what is spent on keeping them reaches those worth keeping, and
//! whether campaigns keep what they promise.

use super::{Definition, Formula, InputTable, Reads, RowTable, Unit, Windows};

const COSTS: Reads = &[(InputTable::Costs, &[])];
const KINDS: Reads = &[(InputTable::Costs, &["kind"])];
const SUBSCRIPTIONS: Reads = &[(InputTable::Subscriptions, &[])];
const SPEND_ON_ACCOUNTS: Reads = &[(InputTable::Spend, &["account_id", "purpose"])];
const PROMISES: Reads =
    &[(InputTable::Accounts, &["expected_first_year_value", "signed_up_on"]), (InputTable::Subscriptions, &[])];

const fn rows(
    name: &'static str,
    reads: Reads,
    table: RowTable,
    sql: &'static str,
    meaning: &'static str,
) -> Definition {
    Definition {
        name,
        windows: Windows::Months,
        unit: Unit::Money,
        reads,
        formula: Formula::Rows { table, sql, empty: Some("0") },
        meaning,
        null_rule: "Zero for an account without such rows.",
        source: "Headwater",
    }
}

const fn fact(name: &'static str, windows: Windows, reads: Reads, sql: &'static str) -> Definition {
    Definition::block(name, windows, reads, Formula::AccountFact(sql))
}

const fn group(
    name: &'static str,
    reads: Reads,
    formula: Formula,
    meaning: &'static str,
    source: &'static str,
) -> Definition {
    Definition {
        name,
        windows: Windows::Months,
        unit: Unit::Ratio,
        reads,
        formula,
        meaning,
        null_rule: "Unknown where the denominator is zero; the reason is published beside it.",
        source,
    }
}

pub(super) const METRICS: &[Definition] = &[
    rows(
        "account_cost_{w}",
        COSTS,
        RowTable::Costs,
        "sum(amount) FILTER (WHERE {in})",
        "Costs of the account, of any kind.",
    ),
    rows(
        "serving_cost_{w}",
        KINDS,
        RowTable::Costs,
        "sum(amount) FILTER (WHERE kind = 'serving' AND {in})",
        "Costs of serving the account: what revenue is made of before margin.",
    ),
    rows(
        "subscription_revenue_{w}",
        SUBSCRIPTIONS,
        RowTable::Movements,
        "sum(amount * least(period_age + 1, {n}))",
        "Recurring revenue of the period ends in the window, added up: what the account paid for its subscriptions.",
    ),
    Definition {
        name: "first_revenue_{w}",
        ..rows(
            "first_revenue_{w}",
            SUBSCRIPTIONS,
            RowTable::MovementsByAge,
            "sum(amount * greatest(least({n}, born + 1) - (born - period_age), 0))",
            "Recurring revenue of so many period ends from the first one as a customer, added up.",
        )
    },
    Definition {
        name: "is_compounding_{w}",
        unit: Unit::Flag,
        formula: Formula::Account(
            "[is_customer] AND [expansion_movements_{w}] > 0 AND [contraction_movements_{w}] = 0 AND [churn_movements_{w}] = 0",
        ),
        null_rule: "False for an account that does not pay.",
        ..rows(
            "is_compounding_{w}",
            SUBSCRIPTIONS,
            RowTable::Movements,
            "",
            "Whether the account's revenue grew in the window and never shrank: one whose value compounds.",
        )
    },
    rows(
        "retention_spend_{w}",
        SPEND_ON_ACCOUNTS,
        RowTable::Spend,
        "sum(amount) FILTER (WHERE purpose = 'retention' AND {in})",
        "Spend on keeping this account.",
    ),
    fact("serving_added_up_{w}", Windows::Months, KINDS, "sum([serving_cost_{w}])"),
    fact("subscription_revenue_added_up_{w}", Windows::Months, SUBSCRIPTIONS, "sum([subscription_revenue_{w}])"),
    fact(
        "retention_spend_on_audience_{w}",
        Windows::Months,
        SPEND_ON_ACCOUNTS,
        "coalesce(sum([retention_spend_{w}]) FILTER (WHERE {retention_audience}), 0)",
    ),
    fact(
        "retention_audience_counted_{w}",
        Windows::Months,
        SPEND_ON_ACCOUNTS,
        "count(*) FILTER (WHERE {retention_audience})",
    ),
    fact(
        "promised_counted_{w}",
        Windows::Months,
        PROMISES,
        "count(*) FILTER (WHERE expected_first_year_value > 0 AND signed_up_on <= {from_before})",
    ),
    fact(
        "promised_added_up_{w}",
        Windows::Months,
        PROMISES,
        "sum(expected_first_year_value) FILTER (WHERE expected_first_year_value > 0 AND signed_up_on <= {from_before})",
    ),
    fact(
        "kept_promise_added_up_{w}",
        Windows::Months,
        PROMISES,
        "sum([first_revenue_{w}]) FILTER (WHERE expected_first_year_value > 0 AND signed_up_on <= {from_before})",
    ),
    fact(
        "early_revenue_{w}",
        Windows::Days,
        SUBSCRIPTIONS,
        "sum([subscription_revenue_total]) FILTER (WHERE days_between([first_paid_on], {as_of}) BETWEEN {n} AND {n} + 90 AND [paid_until] IS NOT NULL AND [days_as_payer] <= {n})",
    ),
    fact(
        "early_costs_{w}",
        Windows::Days,
        SUBSCRIPTIONS,
        "sum([account_cost_total]) FILTER (WHERE days_between([first_paid_on], {as_of}) BETWEEN {n} AND {n} + 90 AND [paid_until] IS NOT NULL AND [days_as_payer] <= {n})",
    ),
    group(
        "gross_margin_{w}",
        KINDS,
        Formula::Group {
            sql: "1 - CAST([serving_added_up_{w}] AS DOUBLE) / nullif(CAST([subscription_revenue_added_up_{w}] AS DOUBLE), 0)",
            accounts: "[paying_counted]",
            reason: "no recurring revenue in the window",
        },
        "Share of recurring revenue that is left after the cost of serving it.",
        "Common practice: revenue less cost of revenue, over revenue",
    ),
    group(
        "blanket_retention_share_{w}",
        SPEND_ON_ACCOUNTS,
        Formula::Group {
            sql: "1 - CAST([retention_spend_on_audience_{w}] AS DOUBLE) / nullif(CAST([retention_spend_added_up_{w}] AS DOUBLE), 0)",
            accounts: "[retention_audience_counted_{w}]",
            reason: "no retention spend is known for this group",
        },
        "Share of the spend on keeping accounts that went to nobody in particular, or to accounts it is not meant for: those outside \
         the segments of the project's `retention_audience`, or without one those whose value does not compound.",
        "Retention spend by whom it reaches",
    ),
    group(
        "promise_gap_{w}",
        PROMISES,
        Formula::Group {
            sql: "1 - CAST([kept_promise_added_up_{w}] AS DOUBLE) * {margin} / nullif(CAST([promised_added_up_{w}] AS DOUBLE) * least({n}, 12) / 12, 0)",
            accounts: "[promised_counted_{w}]",
            reason: "of no account that is old enough a value was expected",
        },
        "Share of the value expected when accounts were won that did not come: margin of as many months as a customer, over \
         the same part of the first year's expected value. Accounts that never paid brought nothing.",
        "Expected against realised value, by campaign",
    ),
    Definition {
        windows: Windows::Days,
        unit: Unit::Amount,
        ..group(
            "early_churn_loss_{w}",
            &[(InputTable::Subscriptions, &[]), (InputTable::Spend, &[])],
            Formula::Group {
                sql: "[cac_{lookback}m] + (coalesce(CAST([early_costs_{w}] AS DOUBLE), 0) - CAST([early_revenue_{w}] AS DOUBLE) * {margin}) / nullif([early_lost_{w}], 0)",
                accounts: "[early_lost_{w}]",
                reason: "nobody left that early, or the cost of winning is unknown",
            },
            "Net loss of an account that left early: the cost of winning it, and its own costs where the project has them, less \
             the margin it brought.",
            "A deal that churns in 60 or 90 days is a net loss",
        )
    },
];
