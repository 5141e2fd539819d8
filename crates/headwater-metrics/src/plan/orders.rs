//! Orders as their readers see them: refunds and credits stand on the day of the order they belong to.

use crate::{GroupScope, InputTable, Query};

use super::groups::Places;
use super::{Night, date};

/// Whether a row of `orders` gives back, or charges again, part of another one, as SQL.
pub const CORRECTS: &str = "corrects_order_id <> '' AND corrects_order_id IS DISTINCT FROM order_id";

fn has(night: &Night, name: &str) -> bool {
    night.has(InputTable::Orders, &[name])
}

/// `account_id`, `ordered_on`, `orders` (1, or 0 for a refund or credit), `amount` of the order, `net_amount` after what
/// was given back, `refunded_amount`, and `discount_amount`.
///
/// A refund or credit that is a row of its own counts on the day of the order it corrects. Where inputs are opened, what
/// corrects a correction was made to correct the order behind all of them. Of an order that is not there, or is another
/// account's, it counts on its own day.
/// What corrects itself is an order. An amount below nothing that corrects nothing is a credit of its own day: nobody
/// buys for less than nothing.
pub(super) fn posted_orders(night: &Night) -> String {
    let refunded = if has(night, "refunded_amount") { "coalesce(refunded_amount, 0)" } else { "0" };
    let discount = if has(night, "discount_amount") { "discount_amount" } else { "CAST(NULL AS DECIMAL(18, 2))" };
    let ordered = |rows: &str| {
        format!(
            "SELECT account_id, ordered_on, CASE WHEN amount < 0 THEN 0 ELSE 1 END AS orders, greatest(amount, 0) AS amount,
                amount - {refunded} AS net_amount, {refunded} - least(amount, 0) AS refunded_amount,
                {discount} AS discount_amount FROM orders{rows}"
        )
    };
    if !(has(night, "corrects_order_id") && has(night, "order_id")) {
        return ordered("");
    }
    // Corrections are few and orders are many: only corrections look for the order they belong to.
    format!(
        "{orders}
        UNION ALL
        SELECT given.account_id, coalesce(corrected.known_on, given.ordered_on) AS ordered_on, 0 AS orders,
            CAST(0 AS DECIMAL(18, 2)) AS amount, amount - {refunded} AS net_amount,
            {refunded} - amount AS refunded_amount, {discount} AS discount_amount
        FROM (SELECT * FROM orders WHERE {CORRECTS}) AS given
        LEFT JOIN (
            SELECT order_id AS known_id, account_id AS known_account, ordered_on AS known_on FROM orders
            WHERE order_id IS NOT NULL
        ) AS corrected ON given.corrects_order_id = corrected.known_id AND given.account_id = corrected.known_account",
        orders = ordered(&format!(" WHERE ({CORRECTS}) IS NOT TRUE")),
    )
}

/// Orders of one account and day, added up. A day on which only an order of nobody knows when was corrected has none.
pub(super) fn order_days(night: &Night) -> String {
    format!(
        "SELECT account_id, ordered_on, sum(orders) AS orders, sum(amount) AS amount, sum(net_amount) AS net_amount,
            sum(discount_amount) AS discount_amount
        FROM ({}) GROUP BY account_id, ordered_on",
        posted_orders(night)
    )
}

/// `revenue_by_month`: one row a scope, group and calendar month, and what was published of it the night before.
///
/// Rows of the night before are in `previous_revenue_by_month`. A month that had ended then and is worth something else
/// now was restated. Members of segments change, so that their months say nothing of restatements.
#[must_use]
pub fn revenue_by_month(scopes: &[GroupScope], night: &Night) -> Option<Query> {
    if !night.has(InputTable::Orders, &[]) {
        return None;
    }
    let as_of = date(night.as_of.day());
    let Places { columns, names, by_scope } = Places::of(scopes);
    let sql = format!(
        "WITH placed AS (SELECT account_id AS placed_id, {columns} FROM judged),
        days AS (
            SELECT {names}, ordered_on, sum(orders) AS orders, sum(net_amount) AS net_revenue,
                sum(refunded_amount) AS refunds, sum(discount_amount) AS discounts
            FROM placed JOIN ({posted}) ON placed_id = account_id GROUP BY {names}, ordered_on
        ),
        cells AS (
            SELECT {names}, CAST(date_trunc('month', ordered_on) + INTERVAL '1 month' - INTERVAL '1 day' AS DATE) AS month_end,
                sum(orders) AS orders, sum(net_revenue) AS net_revenue, sum(refunds) AS refunds, sum(discounts) AS discounts
            FROM days GROUP BY {names}, month_end
        ),
        scoped AS (SELECT {by_scope} AS item, month_end, orders, net_revenue, refunds, discounts FROM cells),
        months AS (
            SELECT item['scope'] AS scope, item['group_name'] AS group_name, month_end, sum(orders) AS orders,
                sum(net_revenue) AS net_revenue, sum(refunds) AS refunds, sum(discounts) AS discounts
            FROM scoped GROUP BY 1, 2, 3
        ),
        published AS (
            SELECT scope AS scope_before, group_name AS group_before, month_end AS month_before,
                net_revenue AS published_before FROM previous_revenue_by_month
            WHERE NOT provisional AND scope NOT LIKE 'segment.%'
        ),
        night_before AS (SELECT max(as_of) AS before FROM previous_revenue_by_month),
        scopes_before AS (
            SELECT DISTINCT scope AS known_scope FROM previous_revenue_by_month WHERE scope NOT LIKE 'segment.%'
        ),
        compared AS (
            SELECT coalesce(scope, scope_before) AS scope, coalesce(group_name, group_before) AS group_name,
                coalesce(month_end, month_before) AS month_end, coalesce(orders, 0) AS orders,
                coalesce(net_revenue, 0) AS net_revenue, coalesce(refunds, 0) AS refunds, discounts, published_before
            FROM months FULL JOIN published
                ON scope = scope_before AND group_name = group_before AND month_end = month_before
        )
        SELECT {as_of} AS as_of, scope, group_name, month_end, CAST(orders AS BIGINT) AS orders,
            CAST(net_revenue AS DECIMAL(18, 2)) AS net_revenue, CAST(refunds AS DECIMAL(18, 2)) AS refunds,
            CAST(discounts AS DECIMAL(18, 2)) AS discounts, month_end > {as_of} AS provisional, published_before,
            CASE WHEN month_end <= before AND known_scope IS NOT NULL
                THEN CAST(net_revenue - coalesce(published_before, 0) AS DECIMAL(18, 2)) END AS restated_by
        FROM compared CROSS JOIN night_before LEFT JOIN scopes_before ON scope = known_scope",
        posted = posted_orders(night),
    );
    Some(Query::new("revenue_by_month", sql))
}
