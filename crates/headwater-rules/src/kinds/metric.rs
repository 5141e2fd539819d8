//! Derived metrics: SQL over the catalogue's metrics, and weighted scores.

mod check;
mod compile;
mod score;
mod syntax;

pub(crate) use check::{DerivedMetric, check};
pub(crate) use compile::{columns, measured_with_derived, unavailable};
pub(crate) use syntax::{METRIC, RawMetric};
