//! What an account does for others: the accounts it brought, and what they are worth.

use super::{Definition, Formula, InputTable, Reads, RowTable, Unit, Windows};

const REFERRALS: Reads = &[(InputTable::Accounts, &["referred_by", "signed_up_on"])];
const PAYING: Reads = &[(InputTable::Accounts, &["referred_by"]), (InputTable::Subscriptions, &[])];

const fn referred(
    name: &'static str,
    reads: Reads,
    unit: Unit,
    sql: &'static str,
    meaning: &'static str,
) -> Definition {
    Definition {
        name,
        windows: Windows::None,
        unit,
        reads,
        formula: Formula::Rows { table: RowTable::Referrals, sql, empty: Some("0") },
        meaning,
        null_rule: "Zero for an account that recommended the product to nobody who signed up.",
        source: "Headwater",
    }
}

pub(super) const METRICS: &[Definition] = &[
    Definition {
        windows: Windows::Days,
        ..referred(
            "referrals_{w}",
            REFERRALS,
            Unit::Count,
            "count(*) FILTER (WHERE {in})",
            "Accounts that signed up by this one's recommendation; it is none of its own.",
        )
    },
    referred(
        "referred_customers",
        PAYING,
        Unit::Count,
        "count(*) FILTER (WHERE mrr > 0)",
        "Those of the accounts it ever recommended the product to that pay at the end of the as-of day.",
    ),
    referred(
        "referred_mrr",
        PAYING,
        Unit::Money,
        "coalesce(sum(mrr), 0)",
        "Monthly recurring revenue of the accounts it ever recommended the product to.",
    ),
];
