//! The tables that the catalogue fills beside accounts and groups, in the order they are staged:
//! a table may be computed from one that stands before it.
//!
//! Each is a contract and the query that fills it. A table is published where the inputs of its query are there.

use headwater_metrics::{GroupScope, Night, Query};

use crate::contract::{self, TableContract};

/// A table of the catalogue.
pub(crate) struct CatalogueTable {
    /// What it promises.
    pub(crate) contract: fn() -> TableContract,
    /// How it is filled; nothing where an input is missing.
    pub(crate) query: fn(&[GroupScope], &Night) -> Option<Query>,
    /// Whether a night reads what was published the night before.
    pub(crate) is_carried: bool,
}

const fn table(contract: fn() -> TableContract, query: fn(&[GroupScope], &Night) -> Option<Query>) -> CatalogueTable {
    CatalogueTable { contract, query, is_carried: false }
}

/// Staged movements take the place of the kept ones, which know their periods by number: they come last.
pub(crate) const CATALOGUE_TABLES: &[CatalogueTable] = &[
    table(contract::cohort_metrics, headwater_metrics::cohorts),
    table(contract::cohort_summary, headwater_metrics::cohort_summary),
    CatalogueTable { is_carried: true, ..table(contract::revenue_by_month, headwater_metrics::revenue_by_month) },
    table(contract::trial_cohorts, headwater_metrics::trial_cohorts),
    table(contract::feature_adoption, headwater_metrics::feature_adoption),
    table(contract::education_targets, headwater_metrics::education_targets),
    table(contract::clawbacks, headwater_metrics::clawbacks),
    table(contract::renewals, headwater_metrics::renewals),
    table(contract::renewal_outlook, headwater_metrics::renewal_outlook),
    table(contract::renewal_calibration, headwater_metrics::renewal_calibration),
    table(contract::model_fits, headwater_metrics::model_fits),
    table(contract::model_parameters, headwater_metrics::model_parameters),
    table(contract::survival_curves, headwater_metrics::survival_curves),
    table(contract::lifetime_values, headwater_metrics::lifetime_values),
    table(contract::value_levers, headwater_metrics::value_levers),
    table(contract::account_values, headwater_metrics::account_values),
    table(contract::ticket_themes, headwater_metrics::ticket_themes),
    table(contract::ticket_channels, headwater_metrics::ticket_channels),
    table(contract::churn_reasons, headwater_metrics::churn_reasons),
    table(contract::fit_cells, headwater_metrics::fit_cells),
    table(contract::restatements, headwater_metrics::restatements),
    table(contract::mrr_movements, headwater_metrics::published_movements),
];
