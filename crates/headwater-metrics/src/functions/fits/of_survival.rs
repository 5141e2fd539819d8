//! Survival curves as rows, and what they say in a word.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields};
use datafusion::error::Result;
use datafusion::scalar::ScalarValue;

use super::Columns;
use crate::models::{Lifetime, survival};

pub(super) fn curve_fields() -> Fields {
    ["age", "at_risk", "left", "censored", "survival", "low", "high"]
        .map(|name| Field::new(name, DataType::Float64, true))
        .into_iter()
        .collect()
}

pub(super) fn curve(rows: &[[f64; 4]]) -> Result<ScalarValue> {
    let lifetimes: Vec<Lifetime> = rows
        .iter()
        .map(|[from, until, has_left, customers]| Lifetime {
            from: *from,
            until: *until,
            has_left: *has_left > 0.0,
            customers: *customers,
        })
        .collect();
    let steps = survival(&lifetimes).steps;
    Columns::of(curve_fields())
        .number(steps.iter().map(|step| Some(step.age)))
        .number(steps.iter().map(|step| Some(step.at_risk)))
        .number(steps.iter().map(|step| Some(step.left)))
        .number(steps.iter().map(|step| Some(step.censored)))
        .number(steps.iter().map(|step| Some(step.survival)))
        .number(steps.iter().map(|step| Some(step.interval.0)))
        .number(steps.iter().map(|step| Some(step.interval.1)))
        .list()
}

/// The share of customers that an age is supported by at least.
const SUPPORT: f64 = 0.1;

pub(super) fn summary_fields() -> Fields {
    ["median", "restricted_mean", "low", "high", "restricted_to", "beyond"]
        .map(|name| Field::new(name, DataType::Float64, true))
        .into_iter()
        .collect()
}

/// What stays beyond the age asked for; the mean is restricted to that age, or to the last one that a tenth of the customers reached, where that
/// comes before.
pub(super) fn summary(rows: &[[f64; 5]]) -> Result<ScalarValue> {
    let asked = rows.first().and_then(|row| row.first()).copied().unwrap_or_default();
    let lifetimes: Vec<Lifetime> = rows
        .iter()
        .map(|[_, from, until, has_left, customers]| Lifetime {
            from: *from,
            until: *until,
            has_left: *has_left > 0.0,
            customers: *customers,
        })
        .collect();
    let curve = survival(&lifetimes);
    let is_known_for_ever = curve.steps.last().is_some_and(|step| step.survival <= 0.0);
    let until = match curve.well_supported(SUPPORT) {
        Some(supported) if !is_known_for_ever => asked.min(supported),
        _ => asked,
    };
    let mean = curve.restricted_mean(until);
    let interval = mean.and_then(|mean| mean.interval);
    let structs = Columns::of(summary_fields())
        .number(std::iter::once(curve.median()))
        .number(std::iter::once(mean.map(|mean| mean.mean)))
        .number(std::iter::once(interval.map(|(low, _)| low)))
        .number(std::iter::once(interval.map(|(_, high)| high)))
        .number(std::iter::once(mean.map(|mean| mean.until)))
        .number(std::iter::once(curve.beyond(asked)))
        .structs()?;
    Ok(ScalarValue::Struct(Arc::new(structs)))
}
