//! The gross margin: as the project declares it, or what serving costs leave of a company's own revenue.

use crate::catalogue::RowTable;
use crate::{InputTable, Query};

use super::accounts::aggregates_by_account;
use super::fill::number;
use super::movements::movements;
use super::orders::posted_orders;
use super::{Basis, Night, date};

/// The share of revenue that remains after the cost of serving it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum GrossMargin {
    /// As the project declares it, 0 to 1.
    Declared(f64),
    /// What costs of serving left of the whole company's revenue in the lookback. Unknown until a night looked, and where
    /// there was no revenue or no cost of serving; below nothing where serving cost more than it brought.
    Observed(Option<f64>),
}

/// Why a value that counts margin is unknown where the margin is.
pub(super) const UNKNOWN_MARGIN: &str =
    "the gross margin is unknown: no cost of serving, or no revenue, is known in the lookback";

impl GrossMargin {
    /// The share; unknown where nothing could be observed.
    #[must_use]
    pub fn share(self) -> Option<f64> {
        match self {
            Self::Declared(share) => Some(share),
            Self::Observed(share) => share,
        }
    }

    /// The share as SQL.
    pub(super) fn sql(self) -> String {
        known_or_null(self.share())
    }
}

impl Basis {
    /// The share of an amount that counts, as SQL; unknown where the margin is and it counts.
    pub(super) fn share_sql(self, gross_margin: GrossMargin) -> String {
        if self == Self::Margin { gross_margin.sql() } else { number(1.0) }
    }

    /// Why what counts on this basis is unknown, where it is because of the margin.
    pub(super) fn unknown_because(self, gross_margin: GrossMargin) -> Option<&'static str> {
        (self == Self::Margin && gross_margin.share().is_none()).then_some(UNKNOWN_MARGIN)
    }
}

fn known_or_null(value: Option<f64>) -> String {
    value.map_or_else(|| "CAST(NULL AS DOUBLE)".to_owned(), number)
}

/// What tells the margin where the project asks for the observed one: queries to keep, in their order, of which the last,
/// `observed_margin`, has one row and the column `gross_margin`. None where it is declared, or costs say not what for.
///
/// It is the metric `gross_margin_{w}` of everyone over the lookback: recurring revenue, or net revenue of orders where
/// the project has no subscriptions. That nothing was spent on serving is not known of a company that has no such cost.
#[must_use]
pub fn observed_margin(night: &Night) -> Vec<Query> {
    let is_asked = matches!(night.economics.gross_margin, GrossMargin::Observed(_));
    if !(is_asked && night.has(InputTable::Costs, &["kind"])) {
        return Vec::new();
    }
    let months = night.economics.lookback_months;
    let by_account = |table, metric: &str| {
        format!("SELECT sum({metric}) AS amount FROM ({})", aggregates_by_account(table, &[metric], night))
    };
    let (mut queries, revenue) = if night.has(InputTable::Subscriptions, &[]) {
        (vec![movements(night)], by_account(RowTable::Movements, &format!("subscription_revenue_{months}m")))
    } else if night.has(InputTable::Orders, &[]) {
        let net = format!(
            "SELECT sum(net_amount) AS amount FROM ({}) WHERE ordered_on > {}",
            posted_orders(night),
            date(night.as_of.months_before(months))
        );
        (Vec::new(), net)
    } else {
        return Vec::new();
    };
    let sql = format!(
        "SELECT CASE WHEN revenue.amount > 0 THEN 1 - CAST(served.amount AS DOUBLE) / CAST(revenue.amount AS DOUBLE) END AS gross_margin
        FROM ({revenue}) AS revenue CROSS JOIN ({served}) AS served",
        served = by_account(RowTable::Costs, &format!("serving_cost_{months}m")),
    );
    queries.push(Query::new("observed_margin", sql));
    queries
}
