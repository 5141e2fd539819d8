//! How unevenly revenue and lifetime value are spread over the accounts of a group, and whether their mean stands for them.

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

/// The measures of one amount: what it is, which accounts have it, how many those are, and both in words.
macro_rules! spread_of {
    ($amount:literal, $reads:ident, $value:literal, $has:literal, $counted:literal, $what:literal, $whose:literal) => {
        &[
            spread_of!(@block $amount, $reads, $value, $has, "_inequality", "gini"),
            spread_of!(@block $amount, $reads, $value, $has, "_of_the_largest", "top_tenth_share"),
            spread_of!(@block $amount, $reads, $value, $has, "_beyond_the_mean", "share_at_least_mean"),
            spread_of!(@block $amount, $reads, $value, $has, "_of_two_kinds", "bimodality"),
            spread(
                (concat!($amount, "_gini"), concat!("[", $amount, "_inequality]")),
                $reads,
                ($counted, "fewer than two accounts have a value, or one is worth less than nothing"),
                concat!("Gini coefficient of ", $what, " of ", $whose, ": 0 where all have the same, near 1 where one has as much as all."),
                "Gini, of the accounts as they are and not of a sample",
            ),
            spread(
                (concat!($amount, "_top_decile_share"), concat!("[", $amount, "_of_the_largest]")),
                $reads,
                ($counted, "fewer than ten accounts have a value"),
                concat!("Share of ", $what, " of ", $whose, " that the tenth of them with the most has; a part of an account counts as one."),
                "Headwater",
            ),
            spread(
                (concat!($amount, "_at_least_mean_share"), concat!("[", $amount, "_beyond_the_mean]")),
                $reads,
                ($counted, "fewer than four accounts have a value, or all have the same"),
                concat!("Share of ", $whose, " with at least their mean of ", $what, ". Below a quarter the mean lies above the upper quartile: it stands for few accounts."),
                "Headwater",
            ),
            spread(
                (concat!($amount, "_bimodality"), concat!("[", $amount, "_of_two_kinds]")),
                $reads,
                ($counted, "fewer than four accounts have a value, or all have the same"),
                concat!("Sarle's bimodality coefficient of ", $what, " of ", $whose, ", 0 to 1: above 5/9, that of a flat distribution, there may be two kinds of accounts; a long tail alone raises it too."),
                "SAS: (skewness² + 1) / (excess kurtosis + 3 (n - 1)² / ((n - 2) (n - 3))), both corrected for small samples",
            ),
        ]
    };
    (@block $amount:literal, $reads:ident, $value:literal, $has:literal, $suffix:literal, $function:literal) => {
        Definition::block(
            concat!($amount, $suffix),
            Windows::None,
            $reads,
            Formula::AccountFact(concat!($function, "(array_agg(", $value, ") FILTER (WHERE ", $has, "))")),
        )
    };
}

/// The middle of recurring revenue, beside which [`OF_REVENUE`] stands.
pub(super) const MEDIAN: &[Definition] = &[
    Definition::block(
        "mrr_middle",
        Windows::None,
        SUBSCRIPTIONS,
        Formula::AccountFact("median(CAST([mrr] AS DOUBLE)) FILTER (WHERE [mrr] > 0)"),
    ),
    Definition::of_subscriptions(
        "mrr_median",
        Unit::Amount,
        Formula::Group { sql: "[mrr_middle]", accounts: "[paying_counted]", reason: "no account pays" },
        "Median recurring revenue of the paying accounts; their mean is `arpa`.",
        "Unknown where no account pays.",
        "Headwater",
    ),
];

/// Of recurring revenue.
pub(super) const OF_REVENUE: &[Definition] = spread_of!(
    "mrr",
    SUBSCRIPTIONS,
    "CAST([mrr] AS DOUBLE)",
    "[mrr] > 0",
    "[paying_counted]",
    "recurring revenue",
    "the paying accounts"
);
/// Of subscriptions.
pub(super) const OF_CONTRACTS: &[Definition] = spread_of!(
    "contract_clv",
    SUBSCRIPTIONS,
    "[contract_clv_total]",
    "[first_paid_on] IS NOT NULL",
    "[contracts_valued]",
    "realised and residual value",
    "everyone who ever paid"
);
/// Of orders.
pub(super) const OF_ORDERS: &[Definition] = spread_of!(
    "order_clv",
    ORDERS,
    "[order_clv_total]",
    "[first_order_on] IS NOT NULL",
    "[orders_valued]",
    "realised and residual value",
    "everyone who ever ordered"
);
