//! How unevenly lifetime value is spread over the accounts of a group, and whether their mean stands for them.

use super::{Definition, Formula, InputTable, Reads, Unit, Windows};

const ORDERS: Reads = &[(InputTable::Orders, &[])];
const SUBSCRIPTIONS: Reads = &[(InputTable::Subscriptions, &[])];

/// A block, the metric over it, and what makes the metric unknown.
const fn spread(
    (name, block): (&'static str, &'static str),
    reads: Reads,
    (accounts, reason): (&'static str, &'static str),
    meaning: &'static str,
    source: &'static str,
) -> Definition {
    let formula = Formula::Group { sql: block, accounts, reason };
    let null_rule = "Unknown where too few accounts have a value, and where there is nothing to tell apart.";
    Definition { reads, ..Definition::of_subscriptions(name, Unit::Ratio, formula, meaning, null_rule, source) }
}

/// The measures of one lifetime value, of the accounts that have it.
macro_rules! spread_of {
    ($value:literal, $reads:ident, $customer:literal, $counted:literal, $whose:literal) => {
        &[
            spread_of!(@block $value, $reads, $customer, "_inequality", "gini"),
            spread_of!(@block $value, $reads, $customer, "_of_the_largest", "top_tenth_share"),
            spread_of!(@block $value, $reads, $customer, "_beyond_the_mean", "share_at_least_mean"),
            spread_of!(@block $value, $reads, $customer, "_of_two_kinds", "bimodality"),
            spread(
                (concat!($value, "_gini"), concat!("[", $value, "_inequality]")),
                $reads,
                ($counted, "fewer than two accounts have a value, or one is worth less than nothing"),
                concat!("Gini coefficient of realised and residual value of ", $whose, ": 0 where all are worth the same, near 1 where one is worth as much as all."),
                "Gini, of the accounts as they are and not of a sample",
            ),
            spread(
                (concat!($value, "_top_decile_share"), concat!("[", $value, "_of_the_largest]")),
                $reads,
                ($counted, "fewer than ten accounts have a value"),
                concat!("Share of the value of ", $whose, " that the tenth of them with the most has; a part of an account counts as one."),
                "Headwater",
            ),
            spread(
                (concat!($value, "_at_least_mean_share"), concat!("[", $value, "_beyond_the_mean]")),
                $reads,
                ($counted, "fewer than four accounts have a value, or all have the same"),
                concat!("Share of ", $whose, " that are worth at least their mean. Below a quarter the mean lies above the upper quartile: it stands for few accounts."),
                "Headwater",
            ),
            spread(
                (concat!($value, "_bimodality"), concat!("[", $value, "_of_two_kinds]")),
                $reads,
                ($counted, "fewer than four accounts have a value, or all have the same"),
                concat!("Sarle's bimodality coefficient of the value of ", $whose, ", 0 to 1: above 5/9, that of a flat distribution, there may be two kinds of accounts; a long tail alone raises it too."),
                "SAS: (skewness² + 1) / (excess kurtosis + 3 (n - 1)² / ((n - 2) (n - 3))), both corrected for small samples",
            ),
        ]
    };
    (@block $value:literal, $reads:ident, $customer:literal, $suffix:literal, $function:literal) => {
        Definition::block(
            concat!($value, $suffix),
            Windows::None,
            $reads,
            Formula::AccountFact(concat!($function, "(array_agg([", $value, "_total]) FILTER (WHERE [", $customer, "] IS NOT NULL))")),
        )
    };
}

/// Of subscriptions.
pub(super) const OF_CONTRACTS: &[Definition] =
    spread_of!("contract_clv", SUBSCRIPTIONS, "first_paid_on", "[contracts_valued]", "everyone who ever paid");
/// Of orders.
pub(super) const OF_ORDERS: &[Definition] =
    spread_of!("order_clv", ORDERS, "first_order_on", "[orders_valued]", "everyone who ever ordered");
