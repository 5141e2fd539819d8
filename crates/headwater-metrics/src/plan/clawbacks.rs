//! Accounts that left so soon after their first payment that the commission for winning them may be claimed back.

use crate::catalogue::RowTable;
use crate::{GroupScope, InputTable, Query};

use super::accounts::aggregates_by_account;
use super::fill::account_sql;
use super::{Night, date};

/// Months for which an account that left stays in the list.
const MONTHS_LISTED: u32 = 12;
/// Days after the first payment up to which the deal that won it may be closed: contracts are signed late, too.
const DAYS_TO_CLOSE: u32 = 90;

/// `clawbacks`: one row for each account that left within so many days of its first payment, with the deal that won it.
///
/// An account that pays again is not in it; one that came back and left again left on the last day of the two. Of the
/// deal nothing is known without opportunities, and where no won deal was closed in time. None without subscriptions.
#[must_use]
pub fn clawbacks(_: &[GroupScope], night: &Night) -> Option<Query> {
    if !night.has(InputTable::Subscriptions, &[]) {
        return None;
    }
    let as_of = date(night.as_of.day());
    let sql = format!(
        "WITH payers AS ({payers}),
        stays AS (SELECT account_id, first_paid_on, paid_until, {days_as_payer} AS days_as_payer FROM payers),
        early AS (
            SELECT * FROM stays WHERE paid_until > {listed_since} AND paid_until <= {as_of} AND days_as_payer <= {within}
        ),
        deals AS ({deals}),
        sold AS (
            SELECT *, row_number() OVER (PARTITION BY account_id
                ORDER BY won_on DESC, created_on DESC, opportunity_id, seller, deal_amount, commission_amount) AS newest
            FROM early LEFT JOIN deals ON early.account_id = deals.buyer
                AND deals.won_on <= early.first_paid_on + INTERVAL '{DAYS_TO_CLOSE} days'
        )
        SELECT {as_of} AS as_of, account_id, first_paid_on, paid_until AS churned_on, days_as_payer, seller, opportunity_id,
            won_on, deal_amount, commission_amount, days_as_payer <= 60 AS early_churn_60,
            days_as_payer <= 90 AS early_churn_90
        FROM sold WHERE newest = 1",
        payers = aggregates_by_account(RowTable::Subscriptions, &["first_paid_on", "paid_until"], night),
        days_as_payer = account_sql("days_as_payer", night),
        listed_since = date(night.as_of.months_before(MONTHS_LISTED)),
        within = night.economics.clawback_days,
        deals = won_deals(night),
    );
    Some(Query::new("clawbacks", sql))
}

/// The deals that won an account: those of kind `new`, or all that were won where kinds are not told apart.
fn won_deals(night: &Night) -> String {
    let table = InputTable::Opportunities;
    if !night.has(table, &["stage", "closed_on"]) {
        return "SELECT CAST(NULL AS VARCHAR) AS buyer, CAST(NULL AS VARCHAR) AS opportunity_id,
            CAST(NULL AS VARCHAR) AS seller, CAST(NULL AS DATE) AS won_on, CAST(NULL AS DATE) AS created_on,
            CAST(NULL AS DECIMAL(18, 2)) AS deal_amount, CAST(NULL AS DECIMAL(18, 2)) AS commission_amount WHERE false"
            .to_owned();
    }
    let kind = if night.has(table, &["kind"]) { " AND kind = 'new'" } else { "" };
    format!(
        "SELECT account_id AS buyer, {id} AS opportunity_id, {seller} AS seller, closed_on AS won_on, created_on,
            {amount} AS deal_amount, {commission} AS commission_amount
        FROM {name} WHERE stage = 'won' AND closed_on <= {as_of}{kind}",
        id = night.column_or_null(table, "opportunity_id", "VARCHAR"),
        seller = night.column_or_null(table, "seller", "VARCHAR"),
        amount = night.column_or_null(table, "amount", "DECIMAL(18, 2)"),
        commission = night.column_or_null(table, "commission", "DECIMAL(18, 2)"),
        name = table.name(),
        as_of = date(night.as_of.day()),
    )
}
