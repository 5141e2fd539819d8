//! Which kinds of accounts fit the product: cells of one or two account columns beside everyone, by what their customers
//! of a lookback before did since, and what is spent on winning more of each.

use crate::catalogue::RowTable;
use crate::{GroupScope, InputTable, Query, identifier, literal};

use super::accounts::aggregates_by_account;
use super::groups::spend_rows;
use super::subscriptions::stretches_now;
use super::{Night, date};

/// Customers at the start below which a cell says too little.
const FEW: u32 = 30;

/// `fit_cells`: one row a cell, over `judged`, the movements and spend.
///
/// Cells are the values of each declared account column and of each two of them; segments are none, since they rest on
/// what the cells are to explain. The plan of a customer is the one it paid for a lookback before, where subscriptions
/// say: that of today is another one because it left. A share of a cell differs from everyone's where it is further away than one standard
/// error of that share in a cell of its size. Shares count customers and not what they pay: a cell that keeps less of its
/// revenue than everyone is not `best`, and one that does not is not `poor`. None without subscriptions, or where no account column is declared.
#[must_use]
pub fn fit_cells(scopes: &[GroupScope], night: &Night) -> Option<Query> {
    let cells = cells(scopes);
    if !night.has(InputTable::Subscriptions, &[]) || cells.is_empty() {
        return None;
    }
    let months = night.economics.lookback_months;
    let was = format!("was_customer_{months}m_ago");
    let (expanded, new) = (format!("expansion_movements_{months}m"), format!("new_movements_{months}m"));
    let (before, unmoved) = (format!("mrr_{months}m_ago"), format!("mrr_without_fx_{months}m"));
    let moved = aggregates_by_account(RowTable::Movements, &[&was, "is_customer", &new, &before], night);
    let grown = aggregates_by_account(RowTable::MovementsByMonth, &[&expanded], night);
    let paid = aggregates_by_account(RowTable::SubscriptionsAtRates, &[&unmoved], night);
    let sql = format!(
        "WITH moved AS ({moved}), grown AS ({grown}), paid AS ({paid}),
        members AS (
            SELECT placed_accounts.*, {was} AS opened, is_customer AS stays, {expanded} > 0 AS grew, {new} > 0 AS is_new,
                {before} AS mrr_before, {unmoved} AS mrr_now
            FROM (SELECT {columns} FROM judged{plan_before}) AS placed_accounts LEFT JOIN moved ON member = moved.account_id
            LEFT JOIN grown ON member = grown.account_id LEFT JOIN paid ON member = paid.account_id
        ),
        costed AS ({costed}),
        placed AS (SELECT costed.*, cell, {groups} AS group_name FROM costed CROSS JOIN (VALUES {numbers}) AS numbers(cell)),
        counted AS (
            SELECT cell, group_name, count(*) FILTER (WHERE opened) AS customers_before,
                count(*) FILTER (WHERE opened AND stays) AS stayed, count(*) FILTER (WHERE opened AND stays AND grew) AS expanded,
                sum(CASE WHEN opened THEN mrr_before ELSE 0 END) AS mrr_before, sum(CASE WHEN opened THEN mrr_now ELSE 0 END) AS mrr_now,
                count(*) FILTER (WHERE is_new) AS new_customers, CAST(sum(cost) AS DOUBLE) AS spend
            FROM placed GROUP BY cell, group_name
        ),
        shares AS (
            SELECT *, CAST(stayed AS DOUBLE) / nullif(customers_before, 0) AS retention,
                CAST(expanded AS DOUBLE) / nullif(customers_before, 0) AS expansion,
                CAST(mrr_now AS DOUBLE) / nullif(CAST(mrr_before AS DOUBLE), 0) AS revenue_retention FROM counted
        ),
        based AS (
            SELECT *, {of_all} FROM shares
        ),
        compared AS (
            SELECT *, {retained} AS retained, {growth} AS growth, revenue_retention < base_revenue_retention AS keeps_less
            FROM based WHERE cell > 0
        ),
        judged_cells AS (
            SELECT *, CASE WHEN customers_before < {FEW} THEN 'unknown'
                WHEN greatest(retained, growth) > 0 AND least(retained, growth) >= 0 AND keeps_less IS NOT TRUE THEN 'best'
                WHEN least(retained, growth) < 0 AND greatest(retained, growth) <= 0 AND keeps_less IS NOT FALSE THEN 'poor'
                ELSE 'good' END AS fit
            FROM compared
        )
        SELECT {as_of} AS as_of, {scopes} AS scope, group_name, customers_before, retention AS customer_retention,
            base_retention AS customer_retention_of_all, expansion AS expanded_share, base_expansion AS expanded_share_of_all,
            revenue_retention, fit, new_customers,
            spend AS acquisition_spend, spend / nullif(base_spend, 0) AS share_of_spend,
            fit = 'poor' AND coalesce(spend, 0) > 0 AS spends_on_poor_fit, base_revenue_retention AS revenue_retention_of_all
        FROM judged_cells",
        columns = member_columns(scopes, night),
        plan_before = if knows_plans(night) { plan_before(night) } else { String::new() },
        groups = by_cell(cells.iter().map(|cell| cell.group.clone())),
        numbers = (0..=cells.len()).map(|number| format!("({number})")).collect::<Vec<_>>().join(", "),
        of_all = ["retention", "expansion", "revenue_retention", "spend"].map(of_all).join(", "),
        scopes = by_cell(cells.iter().map(|cell| literal(&cell.scope))),
        costed = costed(night),
        retained = beside("retention"),
        growth = beside("expansion"),
        as_of = date(night.as_of.day()),
    );
    Some(Query::new("fit_cells", sql))
}

/// A value of everyone, cell 0, beside each cell.
fn of_all(value: &str) -> String {
    format!("max(CASE WHEN cell = 0 THEN {value} END) OVER () AS base_{value}")
}

/// 1 where a cell's share is above everyone's by more than chance, -1 where it is below, else 0.
fn beside(share: &str) -> String {
    let error = format!("sqrt(base_{share} * (1 - base_{share}) / nullif(customers_before, 0))");
    format!(
        "CASE WHEN {share} > base_{share} + {error} THEN 1 WHEN {share} < base_{share} - {error} THEN -1 ELSE 0 END"
    )
}

/// The declared account columns, without segments.
fn declared(scopes: &[GroupScope]) -> Vec<&str> {
    let columns = scopes.iter().filter_map(|scope| match scope {
        GroupScope::Column(column) if !column.starts_with("segment.") => Some(column.as_str()),
        _ => None,
    });
    columns.collect()
}

/// What cells are made of, and the account's channel, by names that nothing else has.
fn member_columns(scopes: &[GroupScope], night: &Night) -> String {
    let value = |name: &str| {
        let before = if name == "plan" && knows_plans(night) { "plan_before, " } else { "" };
        format!("coalesce({before}CAST(judged.{} AS VARCHAR), '(unknown)')", identifier(name))
    };
    let own = declared(scopes).into_iter().enumerate();
    let own = own.map(|(at, name)| format!(", {} AS cell_{at}", value(name)));
    let has_channel = night.has(InputTable::Accounts, &["acquisition_channel"]);
    let channel = if has_channel { "coalesce(acquisition_channel, '(unknown)')" } else { "'all'" };
    format!("judged.account_id AS member, {channel} AS won_by{}", own.collect::<String>())
}

fn knows_plans(night: &Night) -> bool {
    night.has(InputTable::Subscriptions, &["plan"])
}

/// The join that adds the plan that an account paid for at the start of the lookback, the dearest of several.
fn plan_before(night: &Night) -> String {
    let start = date(night.as_of.months_before(night.economics.lookback_months));
    format!(
        " LEFT JOIN (SELECT account_id AS payer, first_value(plan ORDER BY mrr DESC, plan ASC) AS plan_before FROM ({stretches}) AS stretches
            WHERE holds AND plan IS NOT NULL AND add_on IS NOT TRUE AND started_on <= {start} AND (ended_on IS NULL OR ended_on > {start})
            GROUP BY account_id) AS plans_before ON judged.account_id = payer",
        stretches = stretches_now(night),
    )
}

/// A way of dividing accounts: the column or columns it is named by, and the SQL of an account's cell.
struct Cell {
    scope: String,
    group: String,
}

/// Each declared column, and each two of them.
fn cells(scopes: &[GroupScope]) -> Vec<Cell> {
    let names = declared(scopes);
    let mut cells = Vec::new();
    for (at, name) in names.iter().enumerate() {
        cells.push(Cell { scope: (*name).to_owned(), group: format!("cell_{at}") });
        for (other, second) in names.iter().enumerate().skip(at + 1) {
            cells.push(Cell {
                scope: format!("{name}, {second}"),
                group: format!("concat(cell_{at}, ', ', cell_{other})"),
            });
        }
    }
    cells
}

/// A value by the number of the cell: they count from 1, and everyone together is 0.
fn by_cell(values: impl Iterator<Item = String>) -> String {
    // A join with numbers and not an unnest: over that, the engine takes a group for one row, and forgets to sort.
    let cases: Vec<String> = values.zip(1..).map(|(value, number)| format!("WHEN {number} THEN {value}")).collect();
    format!("CASE cell {} ELSE 'all' END", cases.join(" "))
}

/// Members with what winning them cost, of those won in the lookback: the mean of their channel, or of everyone where
/// spend or accounts have no channel.
fn costed(night: &Night) -> String {
    if !night.has(InputTable::Spend, &[]) {
        return "SELECT *, CAST(NULL AS DECIMAL(28, 6)) AS cost FROM members".to_owned();
    }
    let by_channel =
        night.has(InputTable::Spend, &["channel"]) && night.has(InputTable::Accounts, &["acquisition_channel"]);
    let (channel, won_by) = if by_channel { ("coalesce(channel, '(unknown)')", "won_by") } else { ("'all'", "'all'") };
    let lag = night.economics.cac_lag_months;
    let (from, to) = (night.as_of.months_before(night.economics.lookback_months + lag), night.as_of.months_before(lag));
    format!(
        "SELECT members.*, CASE WHEN is_new THEN CAST(CAST(spent AS DOUBLE)
                / sum(CASE WHEN is_new THEN 1 ELSE 0 END) OVER (PARTITION BY {won_by}) AS DECIMAL(28, 6)) END AS cost
        FROM members LEFT JOIN (
            SELECT {channel} AS paid_channel, sum(amount) AS spent FROM ({rows}) AS spend_rows
            WHERE acquires AND spent_on > {from} AND spent_on <= {to} GROUP BY 1) AS spent_by
        ON {won_by} = paid_channel",
        rows = spend_rows(night),
        from = date(from),
        to = date(to),
    )
}
