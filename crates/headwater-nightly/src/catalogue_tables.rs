//! The tables that the catalogue fills beside accounts and groups, in the order they are staged.
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
}

/// Staged movements take the place of the kept ones, which know their periods by number: they come last.
pub(crate) const CATALOGUE_TABLES: &[CatalogueTable] = &[
    CatalogueTable { contract: contract::cohort_metrics, query: headwater_metrics::cohorts },
    CatalogueTable { contract: contract::cohort_summary, query: headwater_metrics::cohort_summary },
    CatalogueTable { contract: contract::mrr_movements, query: headwater_metrics::published_movements },
];
