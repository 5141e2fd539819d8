//! From the metrics asked for to the plans that compute them, and nothing beside.

use std::collections::{BTreeMap, BTreeSet};

use crate::{AsOf, InputTable, RevenuePolicy};

mod accounts;
mod clawbacks;
mod cohorts;
mod fill;
mod groups;
mod movements;
mod orders;
mod renewals;
mod restatements;
mod subscriptions;
mod trials;
mod usage;

pub use accounts::MeasurePlan;
pub use clawbacks::clawbacks;
pub use cohorts::{cohort_summary, cohorts};
pub use groups::{GroupPlan, GroupScope};
pub use movements::{movements, published_movements};
pub use orders::revenue_by_month;
pub use renewals::{renewal_calibration, renewal_outlook, renewals};
pub use restatements::restatements;
pub use trials::trial_cohorts;
pub use usage::features_query;

/// What the economics of the company are, as the project declares them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Economics {
    /// Share of revenue that remains after the cost of serving it, 0 to 1.
    pub gross_margin: f64,
    /// Discount rate a month.
    pub monthly_discount: f64,
    /// Months a lifetime value looks ahead.
    pub horizon_months: u32,
    /// Months that rates, costs and payback look back.
    pub lookback_months: u32,
    /// Months that spend comes before the customers it wins.
    pub cac_lag_months: u32,
    /// Days after its first payment within which an account that leaves costs its seller the commission.
    pub clawback_days: u32,
}

/// At which rate amounts in other currencies count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Exchange {
    /// That of their own day; what rates do to recurring revenue is a movement of its own.
    #[default]
    Moving,
    /// That of one day, for all amounts of all times.
    Constant(chrono::NaiveDate),
}

/// A feature of the product and the day anyone was first seen using it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeatureSeen {
    /// Its name in the events.
    pub name: String,
    /// The first day of use by anyone.
    pub first_seen: chrono::NaiveDate,
}

/// Everything about a night that plans depend on.
#[derive(Debug, Clone)]
pub struct Night {
    /// The last day seen.
    pub as_of: AsOf,
    /// The company's economics.
    pub economics: Economics,
    /// The currency of every amount that is computed.
    pub currency: String,
    /// At which rate other currencies count.
    pub exchange: Exchange,
    /// How recurring revenue is counted.
    pub policy: RevenuePolicy,
    /// The product's features, by name; empty where no metric asks for them.
    pub features: Vec<FeatureSeen>,
    /// The columns of each input that is there.
    pub inputs: BTreeMap<InputTable, BTreeSet<String>>,
    /// The account columns that are not of the contract, in the order published.
    pub attributes: Vec<(String, crate::Unit)>,
}

impl Night {
    /// Whether an input is there with all of the named columns.
    #[must_use]
    pub(crate) fn has(&self, table: InputTable, columns: &[&str]) -> bool {
        self.inputs.get(&table).is_some_and(|there| columns.iter().all(|column| there.contains(*column)))
    }

    /// The column of an input where it is there, else a null of its SQL type.
    pub(crate) fn column_or_null(&self, table: InputTable, name: &str, kind: &str) -> String {
        if self.has(table, &[name]) { name.to_owned() } else { format!("CAST(NULL AS {kind})") }
    }
}

/// A day as a SQL literal.
pub(crate) fn date(day: chrono::NaiveDate) -> String {
    format!("DATE '{}'", day.format("%Y-%m-%d"))
}
