//! From the metrics asked for to the plans that compute them, and nothing beside.

use std::collections::{BTreeMap, BTreeSet};

use crate::{AsOf, InputTable, RevenuePolicy};

mod accounts;
mod churn_reasons;
mod clawbacks;
mod cohorts;
mod coverage;
mod features;
mod fill;
mod fit;
mod groups;
mod lifetimes;
mod margin;
mod movements;
mod orders;
mod renewals;
mod restatements;
mod rows;
mod sessions;
mod subscriptions;
mod tickets;
mod trials;
mod usage;
mod values;

pub use accounts::MeasurePlan;
pub use churn_reasons::churn_reasons;
pub use clawbacks::clawbacks;
pub use cohorts::{cohort_summary, cohorts};
pub use coverage::coverage_columns;
pub use features::{education_targets, feature_adoption};
pub use fit::fit_cells;
pub use groups::{GroupPlan, GroupScope};
pub use margin::{GrossMargin, observed_margin};
pub use movements::{movements, published_movements};
/// Names that tables over accounts give to columns of their own: no attribute and no derived metric can have one.
pub const RESERVED_NAMES: &[&str] = &[
    "as_of",
    "coverage_pct",
    "families_known",
    "families_missing",
    "feature",
    "group_name",
    "has_feedback",
    "has_orders",
    "has_subscriptions",
    "has_tickets",
    "has_usage",
    "is_core",
    "is_included",
    "is_valuable",
    "new_id",
    "occurred_on",
    "paid_channel",
    "payer",
    "period_age",
    "plan_before",
    "plan_usage_limit",
    "quantity",
    "scheme",
    "scope",
    "segment",
    "term_months",
    "term_of",
];

pub use orders::{CORRECTS, revenue_by_month};
pub use renewals::{renewal_calibration, renewal_outlook, renewals};
pub use restatements::restatements;
pub use tickets::{ticket_channels, ticket_themes};
pub use trials::trial_cohorts;
pub use usage::features_query;
pub use values::{
    account_values, lifetime_values, model_fits, model_parameters, survival_curves, value_account_metrics,
    value_levers, value_metrics,
};

/// What the economics of the company are, as the project declares them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Economics {
    /// Share of revenue that remains after the cost of serving it.
    pub gross_margin: GrossMargin,
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

/// What a lifetime value counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Basis {
    /// Amounts after discounts and before refunds.
    Revenue,
    /// Amounts after discounts and refunds.
    Net,
    /// The share of the latter that the gross margin leaves.
    #[default]
    Margin,
}

impl Basis {
    /// Every basis.
    pub const ALL: [Self; 3] = [Self::Revenue, Self::Net, Self::Margin];

    /// Its word in the project file and in outputs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Revenue => "revenue",
            Self::Net => "net",
            Self::Margin => "margin",
        }
    }
}

/// How lifetimes are modelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lifetimes {
    /// Whether fits, curves and values are published as tables of their own.
    pub are_published: bool,
    /// The account column by whose values models are fitted, beside all accounts; all are one group where there is none.
    pub fit_by: Option<String>,
    /// The customers that a fit has to rest on.
    pub fewest_customers: u32,
    /// The churns in the lookback that a value over churn has to rest on.
    pub fewest_churns: u32,
    /// The first day on which anybody who left would have been seen; who came before counts from then on.
    pub observed_since: Option<chrono::NaiveDate>,
    /// Days without an order after which a customer without a contract counts as gone, where no model says so.
    pub lapse_days: u32,
    /// What values count.
    pub basis: Basis,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self {
            are_published: false,
            fit_by: None,
            fewest_customers: 100,
            fewest_churns: 10,
            observed_since: None,
            lapse_days: 365,
            basis: Basis::default(),
        }
    }
}

impl Lifetimes {
    /// The day from which customers were watched, as SQL.
    pub(crate) fn observed_since(&self) -> String {
        self.observed_since.map_or_else(|| "CAST(NULL AS DATE)".to_owned(), date)
    }
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

/// A segment of a scheme of the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentName {
    /// The scheme.
    pub scheme: String,
    /// The segment in it.
    pub segment: String,
}

/// Everything about a night that plans depend on.
#[derive(Debug, Clone)]
pub struct Night {
    /// The last day seen.
    pub as_of: AsOf,
    /// The company's economics.
    pub economics: Economics,
    /// How lifetimes are modelled.
    pub lifetimes: Lifetimes,
    /// The currency of every amount that is computed.
    pub currency: String,
    /// At which rate other currencies count.
    pub exchange: Exchange,
    /// The segments whose accounts spend on retention is meant for; accounts whose value compounds where there are none.
    pub retention_audience: Vec<SegmentName>,
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

    /// Whether it is known which features an account's plan includes.
    #[must_use]
    pub(crate) fn has_entitlements(&self) -> bool {
        let by_plan = self.has(InputTable::Entitlements, &["plan"]);
        self.has(InputTable::Entitlements, &["feature"])
            && self.has(InputTable::UsageEvents, &["feature"])
            && (!by_plan || self.has(InputTable::Accounts, &["plan"]))
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
