//! Purchases of one account. Purchases of one day count as one visit to the shop.

use super::{Definition, Formula, InputTable, RowTable, Unit, Windows};

const ORDERS: &[(InputTable, &[&str])] = &[(InputTable::Orders, &[])];
const NEVER: &str = "Unknown for an account that never ordered.";
const ZERO: &str = "Zero for an account that never ordered.";
const RFM: &str = "Fader and Hardie: one transaction is one customer and day";

const fn windowed(name: &'static str, unit: Unit, sql: &'static str, meaning: &'static str) -> Definition {
    Definition {
        name,
        windows: Windows::Days,
        unit,
        reads: ORDERS,
        formula: Formula::Rows { table: RowTable::Orders, sql, empty: Some("0") },
        meaning,
        null_rule: ZERO,
        source: "Headwater",
    }
}

const fn once(name: &'static str, unit: Unit, sql: &'static str, meaning: &'static str) -> Definition {
    Definition {
        name,
        windows: Windows::None,
        unit,
        reads: ORDERS,
        formula: Formula::Rows { table: RowTable::Orders, sql, empty: None },
        meaning,
        null_rule: NEVER,
        source: RFM,
    }
}

const fn derived(
    name: &'static str,
    windows: Windows,
    unit: Unit,
    sql: &'static str,
    meaning: &'static str,
) -> Definition {
    Definition {
        name,
        windows,
        unit,
        reads: ORDERS,
        formula: Formula::Account(sql),
        meaning,
        null_rule: NEVER,
        source: RFM,
    }
}

pub(super) const METRICS: &[Definition] = &[
    windowed(
        "orders_{w}",
        Unit::Count,
        "sum(orders) FILTER (WHERE {in})",
        "Orders; a refund or credit is none, nor is an amount below nothing.",
    ),
    Definition {
        formula: Formula::Rows {
            table: RowTable::OrderDays,
            sql: "count(*) FILTER (WHERE orders > 0 AND {in})",
            empty: Some("0"),
        },
        ..windowed("order_days_{w}", Unit::Count, "", "Days with an order.")
    },
    windowed(
        "net_revenue_{w}",
        Unit::Money,
        "sum(net_amount) FILTER (WHERE {in})",
        "Order amounts after discounts and refunds; a refund counts on the day of its order, whenever it comes, and an amount below nothing that names no order on its own.",
    ),
    Definition {
        reads: &[(InputTable::Orders, &["discount_amount"])],
        ..windowed(
            "order_discounts_{w}",
            Unit::Money,
            "sum(discount_amount) FILTER (WHERE {in})",
            "Discounts given on orders.",
        )
    },
    Definition::block(
        "discounts_added_up_{w}",
        Windows::Days,
        &[(InputTable::Orders, &["discount_amount"])],
        Formula::AccountFact("sum([order_discounts_{w}])"),
    ),
    Definition::block(
        "net_revenue_added_up_{w}",
        Windows::Days,
        ORDERS,
        Formula::AccountFact("sum([net_revenue_{w}])"),
    ),
    Definition::block(
        "buyers_{w}",
        Windows::Days,
        ORDERS,
        Formula::AccountFact("count(*) FILTER (WHERE [orders_{w}] > 0)"),
    ),
    Definition {
        reads: &[(InputTable::Orders, &["discount_amount"])],
        unit: Unit::Ratio,
        formula: Formula::Group {
            sql: "CAST([discounts_added_up_{w}] AS DOUBLE) / nullif(CAST([net_revenue_added_up_{w}] + [discounts_added_up_{w}] AS DOUBLE), 0)",
            accounts: "[buyers_{w}]",
            reason: "nothing was ordered in the window",
        },
        null_rule: "Unknown where nothing was ordered in the window.",
        ..windowed(
            "discount_dependence_{w}",
            Unit::Ratio,
            "",
            "Share of the list value of orders that was given away as discount.",
        )
    },
    Definition {
        unit: Unit::Money,
        formula: Formula::Group { sql: "[net_revenue_added_up_{w}]", accounts: "[buyers_{w}]", reason: "no accounts" },
        null_rule: "Zero where nothing was ordered in the window.",
        ..windowed("total_net_revenue_{w}", Unit::Money, "", "Order amounts of the group after discounts and refunds.")
    },
    once("first_order_on", Unit::Date, "min(ordered_on) FILTER (WHERE orders > 0)", "Day of the first order."),
    once("last_order_on", Unit::Date, "max(ordered_on) FILTER (WHERE orders > 0)", "Day of the last order."),
    derived(
        "days_since_last_order",
        Windows::None,
        Unit::Days,
        "days_between([last_order_on], {as_of})",
        "Days since the last order: recency as people say it.",
    ),
    derived(
        "order_age_days",
        Windows::None,
        Unit::Days,
        "days_between([first_order_on], {as_of})",
        "Days since the first order: the age T of the customer-base models.",
    ),
    derived(
        "order_span_days",
        Windows::None,
        Unit::Days,
        "days_between([first_order_on], [last_order_on])",
        "Days from the first to the last order: recency t_x of the customer-base models.",
    ),
    derived(
        "repeat_order_days",
        Windows::None,
        Unit::Count,
        "CASE WHEN [order_days_total] > 0 THEN [order_days_total] - 1 END",
        "Days with an order after the first such day: frequency x of the customer-base models.",
    ),
    Definition {
        formula: Formula::Rows {
            table: RowTable::OrderDays,
            sql: "CAST(sum(amount) FILTER (WHERE orders > 0) - first_value(amount ORDER BY ordered_on) FILTER (WHERE orders > 0) AS DOUBLE) / nullif(count(*) FILTER (WHERE orders > 0) - 1, 0)",
            empty: None,
        },
        ..once(
            "repeat_order_value_mean",
            Unit::Amount,
            "",
            "Mean amount of an order day after the first: monetary value of the customer-base models.",
        )
    },
    derived(
        "aov_{w}",
        Windows::Days,
        Unit::Amount,
        "CAST([net_revenue_{w}] AS DOUBLE) / nullif([orders_{w}], 0)",
        "Average order value: net revenue over orders, a ratio of totals.",
    ),
    derived(
        "order_frequency_{w}",
        Windows::Days,
        Unit::Number,
        "CAST([orders_{w}] AS DOUBLE) * {month_days} / nullif({n}, 0)",
        "Orders per month of 30.4375 days.",
    ),
];
