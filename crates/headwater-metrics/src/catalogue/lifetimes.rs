//! What single accounts are worth over their life: by the models of their orders, and by those of their contracts.

use super::{Definition, Formula, InputTable, Reads, RowTable, ScoreTable, Unit, Windows};

const ORDERS: Reads = &[(InputTable::Orders, &[])];
const SUBSCRIPTIONS: Reads = &[(InputTable::Subscriptions, &[])];

const OF_ORDERS: &str = "Unknown for an account that never ordered, and where no model of buying could be fitted; why not is in model_fits.";
const OF_CONTRACTS: &str =
    "Unknown for an account that never paid, and where no model of staying could be fitted; why not is in model_fits.";
const BUYING: &str = "Fader, Hardie and Lee 2005 (BG/NBD); Batislam, Denizel and Filiztekin 2007 (MBG/NBD); Ehrenberg 1959 (NBD): the likeliest of the group";
const SPENDING: &str = "Fader and Hardie 2013, the gamma-gamma model of monetary value";
const STAYING: &str =
    "Fader and Hardie 2007, the shifted beta-geometric model; the same rate for all where rates are not told apart";

const fn of_orders(name: &'static str, unit: Unit, formula: Formula, meaning: &'static str) -> Definition {
    Definition {
        name,
        windows: Windows::None,
        unit,
        reads: ORDERS,
        formula,
        meaning,
        null_rule: OF_ORDERS,
        source: BUYING,
    }
}

const fn of_contracts(name: &'static str, unit: Unit, formula: Formula, meaning: &'static str) -> Definition {
    Definition {
        reads: SUBSCRIPTIONS,
        null_rule: OF_CONTRACTS,
        source: STAYING,
        ..of_orders(name, unit, formula, meaning)
    }
}

const fn order_score(name: &'static str, unit: Unit, column: &'static str, meaning: &'static str) -> Definition {
    of_orders(name, unit, Formula::Scored { table: ScoreTable::Orders, column }, meaning)
}

const fn contract_score(name: &'static str, unit: Unit, column: &'static str, meaning: &'static str) -> Definition {
    of_contracts(name, unit, Formula::Scored { table: ScoreTable::Contracts, column }, meaning)
}

pub(super) const METRICS: &[Definition] = &[
    Definition {
        windows: Windows::Days,
        null_rule: "Zero for an account that never ordered.",
        source: "Headwater",
        ..of_orders(
            "ordered_amount_{w}",
            Unit::Money,
            Formula::Rows { table: RowTable::Orders, sql: "sum(amount) FILTER (WHERE {in})", empty: Some("0") },
            "Order amounts after discounts and before refunds.",
        )
    },
    Definition {
        null_rule: "Unknown for an account that never ordered a second time.",
        source: SPENDING,
        ..of_orders(
            "repeat_order_net_value_mean",
            Unit::Amount,
            Formula::Rows {
                table: RowTable::OrderDays,
                sql: "CAST(sum(net_amount) FILTER (WHERE orders > 0) - first_value(net_amount ORDER BY ordered_on) FILTER (WHERE orders > 0) AS DOUBLE) / nullif(count(*) FILTER (WHERE orders > 0) - 1, 0)",
                empty: None,
            },
            "Mean net revenue of an order day after the first: what the model of order values is fitted to.",
        )
    },
    order_score(
        "orders_alive_probability",
        Unit::Ratio,
        "alive",
        "Probability that the account still buys, 0 to 1, by the model that its group is best described by.",
    ),
    order_score(
        "orders_none_90d_probability",
        Unit::Ratio,
        "none_90d",
        "Probability that the account does not order in the 90 days after the as-of day, 0 to 1, because it no longer buys or buys rarely.",
    ),
    order_score(
        "orders_expected_12m",
        Unit::Number,
        "expected_12m",
        "Order days expected in the 365.25 days after the as-of day.",
    ),
    order_score(
        "orders_expected_discounted",
        Unit::Number,
        "discounted",
        "Order days expected until the horizon, each discounted from the end of its month of 30.4375 days.",
    ),
    Definition {
        source: SPENDING,
        ..order_score(
            "order_value_expected",
            Unit::Amount,
            "value",
            "Value expected of an order day to come, by what the account spent and what all spend.",
        )
    },
    Definition {
        null_rule: "Zero for an account that never ordered.",
        source: "Realised value, on the basis that the project declares",
        ..of_orders(
            "order_clv_realised",
            Unit::Amount,
            Formula::Account(
                "CAST(CASE WHEN {before_refunds} THEN [ordered_amount_total] ELSE [net_revenue_total] END AS DOUBLE) * {basis_share}",
            ),
            "What orders brought until now, undiscounted, on the project's basis.",
        )
    },
    of_orders(
        "order_clv_residual",
        Unit::Amount,
        Formula::Account("[orders_expected_discounted] * [order_value_expected] * {basis_share}"),
        "What orders are expected to bring until the horizon, discounted, on the project's basis.",
    ),
    order_score(
        "order_clv_relative_error",
        Unit::Ratio,
        "relative_error",
        "Standard error of what orders are expected to bring, over it, from the errors of the parameters of both models (delta method): how far another sample of customers would have moved it, not how far the account may be from it.",
    ),
    of_orders(
        "order_clv_residual_error",
        Unit::Amount,
        Formula::Account("[order_clv_residual] * [order_clv_relative_error]"),
        "Standard error of `order_clv_residual` from the errors of the parameters of both models.",
    ),
    of_orders(
        "order_clv_total",
        Unit::Amount,
        Formula::Account("[order_clv_realised] + [order_clv_residual]"),
        "Realised and residual value of the account's orders.",
    ),
    contract_score(
        "contract_term_months",
        Unit::Number,
        "term_months",
        "Months from one renewal to the next: the longest billing interval among the subscriptions in force, or of those it had.",
    ),
    contract_score("contract_renewals", Unit::Number, "renewals", "Renewals made since the first paid day."),
    contract_score(
        "contract_stays_12m",
        Unit::Ratio,
        "stays_12m",
        "Probability that the account makes every renewal of the next twelve months, 0 to 1; 0 for one that left.",
    ),
    contract_score(
        "contract_months_expected",
        Unit::Months,
        "months",
        "Months the account is expected to go on paying, up to the horizon; 0 for one that left.",
    ),
    contract_score(
        "contract_months_discounted",
        Unit::Months,
        "discounted_months",
        "The same, each term discounted from its renewal; what is left of the term in force counts in full, without the month that has begun, which is realised.",
    ),
    contract_score(
        "contract_months_low",
        Unit::Months,
        "low_months",
        "Months that 95 of 100 such accounts go on paying at least, up to the horizon.",
    ),
    contract_score(
        "contract_months_high",
        Unit::Months,
        "high_months",
        "Months that 5 of 100 such accounts go on paying at least, up to the horizon.",
    ),
    Definition {
        null_rule: "Zero for an account that never paid.",
        source: "Realised value, on the basis that the project declares",
        ..of_contracts(
            "contract_clv_realised",
            Unit::Amount,
            Formula::Account("CAST([subscription_revenue_total] AS DOUBLE) * {basis_share}"),
            "What subscriptions brought until now, undiscounted, on the project's basis: recurring revenue at the end of each period, which is the as-of day and the same day of the months before it, added up; what came and went between two of them is not seen, and another day of the month may see it.",
        )
    },
    of_contracts(
        "contract_clv_residual",
        Unit::Amount,
        Formula::Account("CAST([mrr] AS DOUBLE) * {basis_share} * [contract_months_discounted]"),
        "What subscriptions are expected to bring until the horizon at today's recurring revenue, discounted, on the project's basis.",
    ),
    contract_score(
        "contract_months_error",
        Unit::Months,
        "discounted_error",
        "Standard error of `contract_months_discounted` from the errors of the model's parameters (delta method): how far another sample of customers would have moved it, not how far the account may be from it.",
    ),
    of_contracts(
        "contract_clv_residual_error",
        Unit::Amount,
        Formula::Account("CAST([mrr] AS DOUBLE) * {basis_share} * [contract_months_error]"),
        "Standard error of `contract_clv_residual` from the errors of the model's parameters.",
    ),
    of_contracts(
        "contract_clv_total",
        Unit::Amount,
        Formula::Account("[contract_clv_realised] + [contract_clv_residual]"),
        "Realised and residual value of the account's subscriptions.",
    ),
];
