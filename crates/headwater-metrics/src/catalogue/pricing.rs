//! What an account pays against the price list: plans that are no longer sold, prices below the list, add-ons.

use super::{Definition, Formula, InputTable, Reads, RowTable, Unit, Windows};

const LISTED: Reads = &[(InputTable::Subscriptions, &["plan"]), (InputTable::Plans, &[])];
const PRICED: Reads = &[(InputTable::Subscriptions, &["plan"]), (InputTable::Plans, &["monthly_price"])];
const ADD_ONS: Reads = &[(InputTable::Subscriptions, &["is_add_on"])];
const UNPRICED: &str = "Unknown for an account that does not pay, or pays for a plan without a price on the list.";

const fn price(
    name: &'static str,
    unit: Unit,
    reads: Reads,
    sql: &'static str,
    meaning: &'static str,
    null_rule: &'static str,
) -> Definition {
    Definition {
        name,
        windows: Windows::None,
        unit,
        reads,
        formula: Formula::Rows { table: RowTable::ListPrices, sql, empty: None },
        meaning,
        null_rule,
        source: "Headwater",
    }
}

pub(super) const METRICS: &[Definition] = &[
    price(
        "list_mrr",
        Unit::Money,
        PRICED,
        "CASE WHEN bool_and(list_price IS NOT NULL) THEN sum(list_price) END",
        "What the account's plans would cost a month by the price list of the night, add-ons left out.",
        UNPRICED,
    ),
    price(
        "price_gap_pct",
        Unit::Percent,
        PRICED,
        "CASE WHEN bool_and(list_price IS NOT NULL) THEN CAST(sum(list_price - mrr) AS DOUBLE) * 100 / nullif(CAST(sum(list_price) AS DOUBLE), 0) END",
        "How far below the price list the account pays for its plans, in percent of the list; negative where it pays more.",
        UNPRICED,
    ),
    Definition {
        formula: Formula::Rows { table: RowTable::ListPrices, sql: "bool_or(is_legacy)", empty: Some("false") },
        ..price(
            "is_on_legacy_plan",
            Unit::Flag,
            LISTED,
            "",
            "Whether the account pays for a plan that is no longer sold: one that is retired, or not on the price list.",
            "False for an account that does not pay, or whose plan is not known.",
        )
    },
    Definition {
        formula: Formula::Rows {
            table: RowTable::Subscriptions,
            sql: "count(*) FILTER (WHERE paid AND add_on AND (ended_on IS NULL OR ended_on > {as_of}))",
            empty: Some("0"),
        },
        ..price("add_ons", Unit::Count, ADD_ONS, "", "Paid add-ons in force.", "Zero for an account without add-ons.")
    },
    Definition::block(
        "payers_with_add_ons",
        Windows::None,
        ADD_ONS,
        Formula::AccountFact("count(*) FILTER (WHERE [add_ons] > 0)"),
    ),
    Definition {
        formula: Formula::Group {
            sql: "CAST([payers_with_add_ons] AS DOUBLE) / nullif([paying_counted], 0)",
            accounts: "[paying_counted]",
            reason: "no account pays",
        },
        ..price(
            "add_on_attach_rate",
            Unit::Ratio,
            ADD_ONS,
            "",
            "Share of the paying accounts that have an add-on.",
            "Unknown where no account pays.",
        )
    },
];
