//! Customer lifetime value of a group, and what it cost to get.

use super::{Definition, Formula, InputTable, Unit};

pub(super) const METRICS: &[Definition] = &[
    Definition::of_subscriptions(
        "lifetime_months",
        Unit::Months,
        Formula::Group {
            sql: "1 / nullif([logo_churn_monthly_{lookback}m], 0)",
            accounts: "[opening_accounts_{lookback}m] + [new_customers_{lookback}m]",
            reason: "nobody churned in the window, so the lifetime is not known, or nobody paid",
        },
        "Months an account is expected to stay, as one over the pooled monthly churn rate.",
        "Unknown without churn in the window: never infinite.",
        "ChartMogul, customer lifetime",
    ),
    Definition {
        reads: &[(InputTable::Subscriptions, &[]), (InputTable::Spend, &[])],
        ..Definition::of_subscriptions(
            "implied_lifetime_months",
            Unit::Months,
            Formula::Group {
                sql: "([clv_simple] / nullif([cac_{lookback}m], 0)) * [cac_payback_months]",
                accounts: "[new_customers_{lookback}m]",
                reason: "lifetime value, acquisition cost or payback is unknown",
            },
            "Months of life that the undiscounted ratio of value to cost and the payback imply together: those of the churn of the \
             lookback. Where they are more than anybody has been a customer (`lifetime_restricted_to_months`), the ratio is extrapolated.",
            "Unknown where either is.",
            "Identity: CLV:CAC = lifetime / payback, undiscounted, at a constant margin",
        )
    },
    Definition::of_subscriptions(
        "clv_simple",
        Unit::Amount,
        Formula::Group {
            sql: "[arpa] * {margin} / nullif([logo_churn_monthly_{lookback}m], 0)",
            accounts: "[opening_accounts_{lookback}m] + [new_customers_{lookback}m]",
            reason: "nobody churned in the window, so the lifetime is not known, or nobody paid",
        },
        "Lifetime value on a margin basis: monthly margin per paying account over the pooled monthly churn rate, undiscounted.",
        "Unknown without churn in the window: never infinite.",
        "ChartMogul, customer lifetime value; the monthly rate is pooled over the lookback",
    ),
    Definition::of_subscriptions(
        "clv_discounted",
        Unit::Amount,
        Formula::Group {
            sql: "[arpa] * {margin} * annuity(1 - [logo_churn_monthly_{lookback}m], {discount}, {horizon})",
            accounts: "[opening_accounts_{lookback}m] + [new_customers_{lookback}m]",
            reason: "nobody paid",
        },
        "Lifetime value on a margin basis: discounted monthly margin per paying account over the horizon, the first month paid at once.",
        "Unknown where nobody paid; without churn the horizon bounds it.",
        "Discounted sum m(1-q^H)/(1-q) with q = (1-churn)/(1+d)",
    ),
    Definition {
        reads: &[(InputTable::Subscriptions, &[]), (InputTable::Spend, &[])],
        ..Definition::of_subscriptions(
            "clv_cac_ratio",
            Unit::Ratio,
            Formula::Group {
                sql: "[clv_discounted] / nullif([cac_{lookback}m], 0)",
                accounts: "[new_customers_{lookback}m]",
                reason: "lifetime value or acquisition cost is unknown",
            },
            "Discounted lifetime value on a margin basis over the cost of winning a paying account, of the same group.",
            "Unknown where either side is.",
            "Common practice; both sides in one scope",
        )
    },
];
