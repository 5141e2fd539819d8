//! Presets of segments: they become ordinary segments over columns that are computed over all accounts.

use headwater_metrics::Unit;

use super::check::Segment;
use super::rfm::Scoring;
use crate::expression::{Column, ColumnSource, Expression, Literal, Operator};
use crate::kinds::predicate::Predicate;

/// Where accounts go whose values are unknown.
pub(crate) const UNSCORED: &str = "unscored";

/// A column that needs all accounts at once.
#[derive(Debug, Clone)]
pub(crate) struct PopulationColumn {
    pub(crate) name: String,
    /// The column it looks at.
    pub(crate) input: Column,
    pub(crate) form: Population,
    pub(crate) description: String,
}

/// What it says about an account among all.
#[derive(Debug, Clone)]
pub(crate) enum Population {
    /// A score from 1 by the edges that a value has passed; equal values share a score.
    Score(Scoring),
    /// The percentage of accounts with at least that value; equal values share it, so no tier outgrows its share.
    TopPct,
}

impl PopulationColumn {
    /// What its values are.
    pub(crate) fn unit(&self) -> Unit {
        match self.form {
            Population::Score(_) => Unit::Count,
            Population::TopPct => Unit::Percent,
        }
    }
}

/// The column of a tier's place.
pub(crate) fn top_column(scheme: &str) -> String {
    format!("{scheme}_top_pct")
}

/// The segments of a tier scheme, from the top.
pub(crate) fn tiers(scheme: &str, tiers: &[(String, f64)]) -> Vec<Segment> {
    let tier = |(id, top_pct): &(String, f64)| {
        let place = Expression::number_column(population_column(&top_column(scheme)));
        let below = Expression::compared(Operator::LessOrEqual, place, Literal::Real(top_pct.to_string()));
        Segment { id: id.clone(), predicate: Some(all(vec![below])), hold: None }
    };
    tiers.iter().map(tier).chain([rest()]).collect()
}

/// The segment of accounts whose values are unknown.
pub(super) fn rest() -> Segment {
    Segment { id: UNSCORED.to_owned(), predicate: None, hold: None }
}

/// All of the conditions.
pub(super) fn all(conditions: Vec<Expression>) -> Predicate {
    let conditions: Vec<_> = conditions.into_iter().map(|condition| (None, condition)).collect();
    Predicate::new(&conditions, false, Vec::new())
}

/// A population column that holds whole numbers.
pub(super) fn population(name: &str) -> Expression {
    Expression::whole_column(population_column(name))
}

fn population_column(name: &str) -> Column {
    Column { name: name.to_owned(), source: ColumnSource::Population }
}
