//! How unevenly recurring revenue is spread over a group's paying accounts, and whether their mean stands for them.

use super::{Definition, Formula, InputTable, Unit, Windows};

const SUBSCRIPTIONS: &[(InputTable, &[&str])] = &[(InputTable::Subscriptions, &[])];

const fn fact(name: &'static str, sql: &'static str) -> Definition {
    Definition::block(name, Windows::None, SUBSCRIPTIONS, Formula::AccountFact(sql))
}

pub(super) const METRICS: &[Definition] = &[
    fact("mrr_middle", "median(CAST([mrr] AS DOUBLE)) FILTER (WHERE [mrr] > 0)"),
    fact("mrr_inequality", "gini(array_agg(CAST([mrr] AS DOUBLE)) FILTER (WHERE [mrr] > 0))"),
    fact("mrr_of_the_largest", "top_tenth_share(array_agg(CAST([mrr] AS DOUBLE)) FILTER (WHERE [mrr] > 0))"),
    fact("mrr_beyond_the_mean", "share_at_least_mean(array_agg(CAST([mrr] AS DOUBLE)) FILTER (WHERE [mrr] > 0))"),
    fact("mrr_of_two_kinds", "bimodality(array_agg(CAST([mrr] AS DOUBLE)) FILTER (WHERE [mrr] > 0))"),
    Definition::of_subscriptions(
        "mrr_median",
        Unit::Amount,
        Formula::Group { sql: "[mrr_middle]", accounts: "[paying_counted]", reason: "no account pays" },
        "Median recurring revenue of the paying accounts; their mean is `arpa`.",
        "Unknown where no account pays.",
        "Headwater",
    ),
    Definition::of_subscriptions(
        "mrr_gini",
        Unit::Ratio,
        Formula::Group { sql: "[mrr_inequality]", accounts: "[paying_counted]", reason: "fewer than two accounts pay" },
        "Gini coefficient of recurring revenue over the paying accounts: 0 where all pay the same, near 1 where one pays \
         for all.",
        "Unknown where fewer than two accounts pay.",
        "Gini, of the accounts as they are and not of a sample",
    ),
    Definition::of_subscriptions(
        "mrr_top_decile_share",
        Unit::Ratio,
        Formula::Group {
            sql: "[mrr_of_the_largest]",
            accounts: "[paying_counted]",
            reason: "fewer than ten accounts pay",
        },
        "Share of recurring revenue that the tenth of the paying accounts with the most brings; a part of an account counts \
         as one.",
        "Unknown where fewer than ten accounts pay.",
        "Headwater",
    ),
    Definition::of_subscriptions(
        "mrr_at_least_mean_share",
        Unit::Ratio,
        Formula::Group {
            sql: "[mrr_beyond_the_mean]",
            accounts: "[paying_counted]",
            reason: "fewer than four accounts pay, or all pay the same",
        },
        "Share of the paying accounts that pay at least the mean. Below a quarter the mean lies above the upper quartile: \
         it stands for few accounts.",
        "Unknown where fewer than four accounts pay, and where all pay the same.",
        "Headwater",
    ),
    Definition::of_subscriptions(
        "mrr_bimodality",
        Unit::Ratio,
        Formula::Group {
            sql: "[mrr_of_two_kinds]",
            accounts: "[paying_counted]",
            reason: "fewer than four accounts pay, or all pay the same",
        },
        "Sarle's bimodality coefficient of recurring revenue over the paying accounts, 0 to 1: above 5/9, that of a flat \
         distribution, there may be two kinds of accounts; a long tail alone raises it too.",
        "Unknown where fewer than four accounts pay, and where all pay the same.",
        "SAS: (skewness² + 1) / (excess kurtosis + 3 (n - 1)² / ((n - 2) (n - 3))), both corrected for small samples",
    ),
];
