//! Lifetime value of a group by methods that stand beside one another, how far each can be relied on, and what moves it.

use super::{Definition, Formula, InputTable, Reads, Unit, Windows};

const ORDERS: Reads = &[(InputTable::Orders, &[])];
const SUBSCRIPTIONS: Reads = &[(InputTable::Subscriptions, &[])];
const PAID_FOR: Reads = &[(InputTable::Subscriptions, &[]), (InputTable::Spend, &[])];

const CHURN_KNOWN: &str = "nobody paid in the window";
const CURVE_KNOWN: &str = "nobody ever paid, or nobody has been seen as a customer for a day";
const NO_SPREAD: &str = "nobody pays, or all that left did so at one age";
const NEVER_ORDERED: &str = "nobody ever ordered";
const NOT_MODELLED: &str = "of some customer nothing is known, as no model could be fitted; or nobody is a customer";
const KAPLAN_MEIER: &str = "Kaplan and Meier 1958; the mean restricted to an age that a tenth of the customers reached";

const fn value(
    name: &'static str,
    unit: Unit,
    (sql, accounts, reason): (&'static str, &'static str, &'static str),
    meaning: &'static str,
    null_rule: &'static str,
    source: &'static str,
) -> Definition {
    let formula = Formula::Group { sql, accounts, reason };
    Definition::of_subscriptions(name, unit, formula, meaning, null_rule, source)
}

const fn of_orders(definition: Definition) -> Definition {
    Definition { reads: ORDERS, ..definition }
}

const fn fact(name: &'static str, windows: Windows, reads: Reads, sql: &'static str) -> Definition {
    Definition::block(name, windows, reads, Formula::AccountFact(sql))
}

/// The end of Wilson's 95 % interval of the pooled monthly churn: `{±}` is the sign before the half width.
macro_rules! churn_bound {
    ($sign:literal) => {
        concat!(
            "(CAST([churns_{lookback}m] AS DOUBLE) + 1.9207 ",
            $sign,
            " 1.96 * sqrt(CAST([churns_{lookback}m] AS DOUBLE) * (1 - [logo_churn_monthly_{lookback}m]) + 0.9604)) / ([exposure_{lookback}m] + 3.8415)"
        )
    };
}

/// Value at a monthly retention, over that at the group's own.
macro_rules! value_at {
    ($retention:literal) => {
        concat!("annuity(", $retention, ", {discount}, {horizon})")
    };
}

// Sums over accounts are of decimals: those of floating numbers would depend on their order.
pub(super) const METRICS: &[Definition] = &[
    fact(
        "payer_lifetimes",
        Windows::None,
        SUBSCRIPTIONS,
        "survival_summary({horizon} * {month_days}, greatest(coalesce(days_between([first_paid_on], {observed_since}), 0), 0),
            [days_as_payer], CASE WHEN [paid_until] IS NULL THEN 0 ELSE 1 END, 1)",
    ),
    fact("payers_ever", Windows::None, SUBSCRIPTIONS, "count([first_paid_on])"),
    value(
        "lifetime_median_months",
        Unit::Months,
        ("get_field([payer_lifetimes], 'median') / {month_days}", "[payers_ever]", "more than half are still there, or nobody ever paid"),
        "Age by which half of the customers have left; those who are still there count for as long as they stayed.",
        "Unknown while more than half are still there.",
        "Kaplan and Meier 1958",
    ),
    value(
        "lifetime_restricted_months",
        Unit::Months,
        (
            "CASE WHEN get_field([payer_lifetimes], 'restricted_to') > 0 THEN get_field([payer_lifetimes], 'restricted_mean') / {month_days} END",
            "[payers_ever]",
            CURVE_KNOWN,
        ),
        "Mean months as a customer, counted up to the horizon, or up to the last age that a tenth of the customers reached.",
        "Unknown where nobody ever paid. Nothing is extrapolated beyond the ages seen.",
        KAPLAN_MEIER,
    ),
    value(
        "lifetime_restricted_to_months",
        Unit::Months,
        ("get_field([payer_lifetimes], 'restricted_to') / {month_days}", "[payers_ever]", CURVE_KNOWN),
        "The age up to which the restricted mean lifetime counts.",
        "Unknown where nobody ever paid.",
        KAPLAN_MEIER,
    ),
    value(
        "clv_survival",
        Unit::Amount,
        ("[arpa] * {margin} * [lifetime_restricted_months]", "[payers_ever]", "nobody pays"),
        "Lifetime value on a margin basis: monthly margin per paying account over the restricted mean lifetime, undiscounted.",
        "Unknown where nobody pays.",
        KAPLAN_MEIER,
    ),
    value(
        "clv_survival_low",
        Unit::Amount,
        (
            "[arpa] * {margin} * get_field([payer_lifetimes], 'low') / {month_days}",
            "[payers_ever]",
            NO_SPREAD,
        ),
        "Lower end of the 95 % interval of `clv_survival`, from the error of the lifetime alone; where nobody left, from the churn that as many customers without a loss do not exclude.",
        "Unknown where nobody pays, and where all that left did so at one age.",
        KAPLAN_MEIER,
    ),
    value(
        "clv_survival_high",
        Unit::Amount,
        (
            "[arpa] * {margin} * get_field([payer_lifetimes], 'high') / {month_days}",
            "[payers_ever]",
            NO_SPREAD,
        ),
        "Upper end of the 95 % interval of `clv_survival`, from the error of the lifetime alone; at most the age up to which it counts.",
        "Unknown where nobody pays, and where all that left did so at one age.",
        KAPLAN_MEIER,
    ),
    value(
        "clv_simple_low",
        Unit::Amount,
        (concat!("[arpa] * {margin} / nullif(", churn_bound!("+"), ", 0)"), "[opening_accounts_{lookback}m] + [new_customers_{lookback}m]", CHURN_KNOWN),
        "Lower end of the 95 % interval of `clv_simple`, from the churn rate alone; known also where nobody churned.",
        "Unknown where nobody paid.",
        "Wilson 1927, the score interval of a rate",
    ),
    value(
        "clv_simple_high",
        Unit::Amount,
        (
            concat!("CASE WHEN [churns_{lookback}m] > 0 THEN [arpa] * {margin} / nullif(", churn_bound!("-"), ", 0) END"),
            "[opening_accounts_{lookback}m] + [new_customers_{lookback}m]",
            "nobody churned in the window, so that the value has no upper end, or nobody paid",
        ),
        "Upper end of the 95 % interval of `clv_simple`, from the churn rate alone.",
        "Unknown without churn in the window: it has no upper end.",
        "Wilson 1927, the score interval of a rate",
    ),
    value(
        "clv_discounted_low",
        Unit::Amount,
        (
            concat!("[arpa] * {margin} * annuity(1 - ", churn_bound!("+"), ", {discount}, {horizon})"),
            "[opening_accounts_{lookback}m] + [new_customers_{lookback}m]",
            CHURN_KNOWN,
        ),
        "Lower end of the 95 % interval of `clv_discounted`, from the churn rate alone; known also where nobody churned.",
        "Unknown where nobody paid.",
        "Wilson 1927, the score interval of a rate",
    ),
    value(
        "clv_discounted_high",
        Unit::Amount,
        (
            concat!("[arpa] * {margin} * annuity(1 - greatest(", churn_bound!("-"), ", 0), {discount}, {horizon})"),
            "[opening_accounts_{lookback}m] + [new_customers_{lookback}m]",
            CHURN_KNOWN,
        ),
        "Upper end of the 95 % interval of `clv_discounted`, from the churn rate alone; the horizon bounds it.",
        "Unknown where nobody paid.",
        "Wilson 1927, the score interval of a rate",
    ),
    Definition {
        windows: Windows::RecentMonths,
        ..value(
            "clv_discounted_change_pct_{w}",
            Unit::Percent,
            (
                concat!(
                    "100.0 * ([arpa] * ", value_at!("1 - CAST([churns_{w}] AS DOUBLE) / nullif([exposure_{w}], 0)"),
                    " / nullif(CAST([opening_mrr_{w}] AS DOUBLE) / nullif([opening_accounts_{w}], 0) * ",
                    value_at!("1 - CAST([churns_{2n}m] - [churns_{w}] AS DOUBLE) / nullif([exposure_{2n}m] - [exposure_{w}], 0)"),
                    ", 0) - 1)"
                ),
                "[opening_accounts_{w}]",
                "nobody paid in one of the two windows",
            ),
            "Change of the discounted lifetime value of an average payer against the window of the same length before: revenue per account now and at the window's start, each at the monthly churn of its own window.",
            "Unknown where nobody paid in one of the two windows.",
            "Discounted sum m(1-q^H)/(1-q) with q = (1-churn)/(1+d)",
        )
    },
    Definition {
        windows: Windows::RecentMonths,
        reads: PAID_FOR,
        ..value(
            "payback_change_at_rising_clv_pct_{w}",
            Unit::Percent,
            (
                "CASE WHEN [clv_discounted_change_pct_{w}] > 0 THEN [cac_payback_change_pct_{w}] WHEN [clv_discounted_change_pct_{w}] <= 0 THEN 0 END",
                "[new_customers_{w}]",
                "the change of lifetime value or of payback is unknown",
            ),
            "Change of the months that pay back a won account, where lifetime value rose in the same window; 0 where it did not. What is above nothing is a rise of value that acquisition pays for.",
            "Unknown where either change is.",
            "Headwater",
        )
    },
    value(
        "churn_events",
        Unit::Count,
        (
            "[churns_{lookback}m]",
            "[opening_accounts_{lookback}m] + [new_customers_{lookback}m]",
            "no accounts",
        ),
        "Times an account stopped paying in the lookback: what a churn rate rests on.",
        "Zero where nobody did.",
        "Headwater",
    ),
    fact("contract_value_added_up", Windows::None, SUBSCRIPTIONS, "sum(CAST([contract_clv_total] AS DECIMAL(28, 6))) FILTER (WHERE [first_paid_on] IS NOT NULL)"),
    fact("contract_residual_added_up", Windows::None, SUBSCRIPTIONS, "sum(CAST([contract_clv_residual] AS DECIMAL(28, 6)))"),
    fact("contracts_valued", Windows::None, SUBSCRIPTIONS, "count([contract_clv_total]) FILTER (WHERE [first_paid_on] IS NOT NULL)"),
    value(
        "clv_contract_mean",
        Unit::Amount,
        (
            "CASE WHEN [contracts_valued] = [payers_ever] THEN CAST([contract_value_added_up] AS DOUBLE) / nullif([contracts_valued], 0) END",
            "[contracts_valued]",
            NOT_MODELLED,
        ),
        "Mean realised and residual value of everyone who ever paid, by the model of renewals.",
        "Unknown where no model could be fitted for the term of some customer: those who left that term would stand for those who stay.",
        "Fader and Hardie 2007; see `contract_clv_total`",
    ),
    fact("contract_errors_added_up", Windows::None, SUBSCRIPTIONS, "sum(CAST([contract_clv_residual_error] AS DECIMAL(28, 6)))"),
    fact("contract_errors_known", Windows::None, SUBSCRIPTIONS, "count([contract_clv_residual_error]) FILTER (WHERE [first_paid_on] IS NOT NULL)"),
    value(
        "clv_contract_mean_low",
        Unit::Amount,
        (
            "CASE WHEN [contract_errors_known] = [payers_ever] AND [contract_errors_added_up] > 0 THEN (CAST([contract_value_added_up] AS DOUBLE) - least(1.96 * CAST([contract_errors_added_up] AS DOUBLE), CAST([contract_residual_added_up] AS DOUBLE))) / [contracts_valued] END",
            "[contracts_valued]",
            "no model could be fitted, its parameters have no errors, or nothing is expected of anybody",
        ),
        "Lower end of the 95 % interval of `clv_contract_mean` from the errors of the parameters alone, as if they moved all accounts the same way: at most so wide, and nothing of how far customers differ.",
        "Unknown where no model could be fitted, and where nothing is expected of anybody.",
        "Delta method, with the standard errors of accounts added up",
    ),
    value(
        "clv_contract_mean_high",
        Unit::Amount,
        (
            "CASE WHEN [contract_errors_known] = [payers_ever] AND [contract_errors_added_up] > 0 THEN (CAST([contract_value_added_up] AS DOUBLE) + 1.96 * CAST([contract_errors_added_up] AS DOUBLE)) / [contracts_valued] END",
            "[contracts_valued]",
            "no model could be fitted, its parameters have no errors, or nothing is expected of anybody",
        ),
        "Upper end of the 95 % interval of `clv_contract_mean` from the errors of the parameters alone, as if they moved all accounts the same way: at most so wide, and nothing of how far customers differ.",
        "Unknown where no model could be fitted, and where nothing is expected of anybody.",
        "Delta method, with the standard errors of accounts added up",
    ),
    value(
        "contract_customer_equity",
        Unit::Amount,
        (
            "CASE WHEN [contracts_valued] = [payers_ever] THEN CAST([contract_residual_added_up] AS DOUBLE) END",
            "[contracts_valued]",
            NOT_MODELLED,
        ),
        "Residual value of all of the group's subscribers together: what today's customers are expected to bring.",
        "Unknown where no model could be fitted for the term of some customer.",
        "Fader and Hardie 2007; see `contract_clv_residual`",
    ),
    fact("orders_added_up_{w}", Windows::Days, ORDERS, "sum([orders_{w}])"),
    Definition {
        windows: Windows::Days,
        ..of_orders(value(
            "average_order_value_{w}",
            Unit::Amount,
            ("CAST([net_revenue_added_up_{w}] AS DOUBLE) / nullif([orders_added_up_{w}], 0)", "[buyers_{w}]", "nothing was ordered in the window"),
            "Net revenue over orders of the group: a ratio of totals, not a mean of means.",
            "Unknown where nothing was ordered in the window.",
            "Shopify, average order value",
        ))
    },
    Definition {
        windows: Windows::Days,
        ..of_orders(value(
            "buyer_order_frequency_{w}",
            Unit::Number,
            ("CAST([orders_added_up_{w}] AS DOUBLE) * {month_days} / nullif({n} * [buyers_{w}], 0)", "[buyers_{w}]", "nothing was ordered in the window"),
            "Orders per month of 30.4375 days and account that ordered in the window.",
            "Unknown where nothing was ordered in the window, and over everything, which has no length.",
            "Shopify, purchase frequency",
        ))
    },
    fact(
        "buyer_lifetimes",
        Windows::None,
        ORDERS,
        "survival_summary({horizon} * {month_days}, 0,
            CASE WHEN [days_since_last_order] > {lapse_days} THEN [order_span_days] ELSE [order_age_days] END,
            CASE WHEN [days_since_last_order] > {lapse_days} THEN 1 ELSE 0 END, 1)",
    ),
    fact("buyers_ever", Windows::None, ORDERS, "count([first_order_on])"),
    of_orders(value(
        "buyer_lifetime_months",
        Unit::Months,
        ("get_field([buyer_lifetimes], 'restricted_mean') / {month_days}", "[buyers_ever]", NEVER_ORDERED),
        "Mean months from the first order to the last of those who did not order for `lapse_days`; all others count for as long as they were seen. Restricted as `lifetime_restricted_months` is.",
        "Unknown where nobody ever ordered.",
        KAPLAN_MEIER,
    )),
    of_orders(value(
        "clv_orders_simple",
        Unit::Amount,
        (
            "[average_order_value_365d] * [buyer_order_frequency_365d] * nullif([buyer_lifetime_months], 0) * {margin}",
            "[buyers_365d]",
            "nothing was ordered in the last 365 days, or nobody was seen for longer than a day",
        ),
        "Lifetime value on a margin basis: average order value × orders a month × months of life × margin, undiscounted; all three in months.",
        "Unknown where nothing was ordered in the last 365 days.",
        "Average order value × purchase frequency × lifespan",
    )),
    fact("order_value_added_up", Windows::None, ORDERS, "sum(CAST([order_clv_total] AS DECIMAL(28, 6))) FILTER (WHERE [first_order_on] IS NOT NULL)"),
    fact("order_residual_added_up", Windows::None, ORDERS, "sum(CAST([order_clv_residual] AS DECIMAL(28, 6)))"),
    fact("orders_valued", Windows::None, ORDERS, "count([order_clv_residual])"),
    of_orders(value(
        "clv_order_model_mean",
        Unit::Amount,
        ("CAST([order_value_added_up] AS DOUBLE) / nullif([orders_valued], 0)", "[orders_valued]", NOT_MODELLED),
        "Mean realised and residual value of everyone who ever ordered, by the models of buying and of order values.",
        "Unknown where no model could be fitted.",
        "Fader, Hardie and Lee 2005; Fader and Hardie 2013; see `order_clv_total`",
    )),
    fact("order_errors_added_up", Windows::None, ORDERS, "sum(CAST([order_clv_residual_error] AS DECIMAL(28, 6)))"),
    fact("order_errors_known", Windows::None, ORDERS, "count([order_clv_residual_error]) FILTER (WHERE [first_order_on] IS NOT NULL)"),
    of_orders(value(
        "clv_order_model_mean_low",
        Unit::Amount,
        (
            "CASE WHEN [order_errors_known] = [orders_valued] AND [order_errors_added_up] > 0 THEN (CAST([order_value_added_up] AS DOUBLE) - least(1.96 * CAST([order_errors_added_up] AS DOUBLE), CAST([order_residual_added_up] AS DOUBLE))) / [orders_valued] END",
            "[orders_valued]",
            "no model could be fitted, its parameters have no errors, or nothing is expected of anybody",
        ),
        "Lower end of the 95 % interval of `clv_order_model_mean` from the errors of the parameters alone, as if they moved all accounts the same way: at most so wide, and nothing of how far customers differ.",
        "Unknown where no model could be fitted, and where nothing is expected of anybody.",
        "Delta method, with the standard errors of accounts added up",
    )),
    of_orders(value(
        "clv_order_model_mean_high",
        Unit::Amount,
        (
            "CASE WHEN [order_errors_known] = [orders_valued] AND [order_errors_added_up] > 0 THEN (CAST([order_value_added_up] AS DOUBLE) + 1.96 * CAST([order_errors_added_up] AS DOUBLE)) / [orders_valued] END",
            "[orders_valued]",
            "no model could be fitted, its parameters have no errors, or nothing is expected of anybody",
        ),
        "Upper end of the 95 % interval of `clv_order_model_mean` from the errors of the parameters alone, as if they moved all accounts the same way: at most so wide, and nothing of how far customers differ.",
        "Unknown where no model could be fitted, and where nothing is expected of anybody.",
        "Delta method, with the standard errors of accounts added up",
    )),
    of_orders(value(
        "order_customer_equity",
        Unit::Amount,
        ("CAST([order_residual_added_up] AS DOUBLE)", "[orders_valued]", NOT_MODELLED),
        "Residual value of all of the group's buyers together: what today's customers are expected to order.",
        "Unknown where no model could be fitted.",
        "Fader, Hardie and Lee 2005; Fader and Hardie 2013; see `order_clv_residual`",
    )),
    value(
        "clv_elasticity_retention",
        Unit::Number,
        (
            concat!(
                "CASE WHEN [arpa] IS NOT NULL THEN (", value_at!("(1 - [logo_churn_monthly_{lookback}m]) * 1.000001"), " - ", value_at!("(1 - [logo_churn_monthly_{lookback}m]) * 0.999999"),
                ") / (0.000002 * nullif(", value_at!("1 - [logo_churn_monthly_{lookback}m]"), ", 0)) END"
            ),
            "[opening_accounts_{lookback}m] + [new_customers_{lookback}m]",
            CHURN_KNOWN,
        ),
        "Percent by which `clv_discounted` grows for one percent more of monthly retention, at the group's own churn.",
        "Unknown where nobody pays: there is no value to grow.",
        "Elasticity at the point where the group is; no rule of thumb",
    ),
    value(
        "clv_elasticity_expansion",
        Unit::Number,
        (
            "[clv_elasticity_retention] * [expansion_monthly] / (1 + [expansion_monthly])",
            "[opening_accounts_{lookback}m] + [new_customers_{lookback}m]",
            "no recurring revenue in the window",
        ),
        "Percent by which `clv_discounted` would grow for one percent more of monthly expansion: growth of what stays acts as retention does.",
        "Unknown where nobody paid in the window.",
        "Elasticity at the point where the group is; no rule of thumb",
    ),
    value(
        "expansion_monthly",
        Unit::Ratio,
        (
            "CAST([expansion_added_up_{lookback}m] AS DOUBLE) / nullif(CAST([subscription_revenue_added_up_{lookback}m] AS DOUBLE), 0)",
            "[opening_accounts_{lookback}m]",
            "no recurring revenue in the window",
        ),
        "Recurring revenue added by payers in the lookback over the recurring revenue of all of its months together.",
        "Unknown where nobody paid in the window.",
        "Headwater",
    ),
    value(
        "clv_elasticity_price",
        Unit::Number,
        ("CASE WHEN [clv_discounted] > 0 THEN 1 / nullif({margin}, 0) END", "[opening_accounts_{lookback}m] + [new_customers_{lookback}m]", "nobody pays"),
        "Percent by which lifetime value on a margin basis grows for one percent more of price, if nobody leaves for it and costs stay: one over the margin.",
        "Unknown where nobody pays.",
        "Contribution margin",
    ),
    of_orders(value(
        "clv_elasticity_frequency",
        Unit::Number,
        ("CASE WHEN [clv_orders_simple] > 0 THEN 1 END", "[buyers_365d]", "nothing was ordered in the last 365 days"),
        "Percent by which `clv_orders_simple` grows for one percent more of orders: one, since every order carries its own cost.",
        "Unknown where nothing was ordered in the last 365 days.",
        "Average order value × purchase frequency × lifespan",
    )),
    value(
        "clv_simple_longer_12m",
        Unit::Amount,
        ("[arpa] * {margin} * ([lifetime_months] + 12)", "[opening_accounts_{lookback}m] + [new_customers_{lookback}m]", "nobody churned in the window, so the lifetime is not known, or nobody paid"),
        "What `clv_simple` would be if accounts stayed twelve months longer, at the same acquisition cost.",
        "Unknown without churn in the window.",
        "ARPA × lifespan",
    ),
    Definition {
        reads: PAID_FOR,
        ..value(
            "clv_cac_ratio_longer_12m",
            Unit::Ratio,
            ("[clv_simple_longer_12m] / nullif([cac_{lookback}m], 0)", "[new_customers_{lookback}m]", "lifetime value or acquisition cost is unknown"),
            "The undiscounted ratio of value to cost if accounts stayed twelve months longer, at the same acquisition cost.",
            "Unknown where either side is.",
            "ARPA × lifespan",
        )
    },
];
