//! Presets of segments: they become ordinary segments over columns that are computed over all accounts.

use headwater_metrics::Unit;

use super::check::Segment;
use crate::expression::{Column, ColumnSource, Expression, Literal, Operator};
use crate::kinds::predicate::Predicate;

pub(crate) const USUAL_BINS: i64 = 5;
/// Fewer bins leave no middle between high and low.
pub(crate) const FEWEST_BINS: i64 = 3;
pub(crate) const MOST_BINS: i64 = 10;
/// Where accounts go whose values are unknown.
pub(crate) const UNSCORED: &str = "unscored";

/// The cells of recency and frequency, best first.
const CELLS: [(Level, Level, &str); 9] = [
    (Level::High, Level::High, "champions"),
    (Level::Middle, Level::High, "loyal"),
    (Level::Low, Level::High, "cannot_lose"),
    (Level::High, Level::Middle, "promising"),
    (Level::High, Level::Low, "new_or_returning"),
    (Level::Middle, Level::Middle, "needs_attention"),
    (Level::Middle, Level::Low, "about_to_sleep"),
    (Level::Low, Level::Middle, "at_risk"),
    (Level::Low, Level::Low, "hibernating"),
];

#[derive(Debug, Clone, Copy)]
enum Level {
    High,
    Middle,
    Low,
}

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Population {
    /// From 1 to `bins` by the type-7 quantiles of all known values; equal values share a score.
    Score {
        bins: i64,
        /// Small values are the good ones.
        fewer_is_better: bool,
    },
    /// The percentage of accounts with at least that value; equal values share it, so no tier outgrows its share.
    TopPct,
}

impl PopulationColumn {
    /// What its values are.
    pub(crate) fn unit(&self) -> Unit {
        match self.form {
            Population::Score { .. } => Unit::Count,
            Population::TopPct => Unit::Percent,
        }
    }
}

/// The column of an RFM score.
pub(crate) fn score_column(scheme: &str, part: &str) -> String {
    format!("{scheme}_{part}_score")
}

/// The column of a tier's place.
pub(crate) fn top_column(scheme: &str) -> String {
    format!("{scheme}_top_pct")
}

/// The segments that the RFM preset brings.
pub(crate) fn rfm_segments() -> Vec<String> {
    CELLS.iter().map(|(_, _, id)| *id).chain([UNSCORED]).map(ToOwned::to_owned).collect()
}

/// The segments of an RFM scheme: first match wins, unknown scores take the last.
pub(crate) fn rfm(scheme: &str, bins: i64) -> Vec<Segment> {
    let part = |part, level| within(population(&score_column(scheme, part)), level, bins);
    let cells = CELLS.iter().map(|(recency, frequency, id)| {
        let conditions = [part("recency", *recency), part("frequency", *frequency)].concat();
        Segment { id: (*id).to_owned(), predicate: Some(all(conditions)) }
    });
    cells.chain([rest()]).collect()
}

/// The segments of a tier scheme, from the top.
pub(crate) fn tiers(scheme: &str, tiers: &[(String, f64)]) -> Vec<Segment> {
    let tier = |(id, top_pct): &(String, f64)| {
        let place = Expression::number_column(population_column(&top_column(scheme)));
        let below = Expression::compared(Operator::LessOrEqual, place, Literal::Real(top_pct.to_string()));
        Segment { id: id.clone(), predicate: Some(all(vec![below])) }
    };
    tiers.iter().map(tier).chain([rest()]).collect()
}

/// The sum of the scores, by which accounts of an RFM scheme are ranked.
pub(crate) fn rfm_total(scheme: &str, has_monetary: bool) -> Expression {
    let score = |part| population(&score_column(scheme, part));
    let sum = Expression::added(score("recency"), score("frequency"));
    if has_monetary { Expression::added(sum, score("monetary")) } else { sum }
}

fn rest() -> Segment {
    Segment { id: UNSCORED.to_owned(), predicate: None }
}

fn all(conditions: Vec<Expression>) -> Predicate {
    let conditions: Vec<_> = conditions.into_iter().map(|condition| (None, condition)).collect();
    Predicate::new(&conditions, false, Vec::new())
}

fn population(name: &str) -> Expression {
    Expression::whole_column(population_column(name))
}

fn population_column(name: &str) -> Column {
    Column { name: name.to_owned(), source: ColumnSource::Population }
}

/// The upper two fifths of the scores are high, the lower two fifths low.
fn within(score: Expression, level: Level, bins: i64) -> Vec<Expression> {
    let low = bins * 2 / 5;
    let high = bins - low + 1;
    let compared = |operator, edge| Expression::compared(operator, score.clone(), Literal::Whole(edge));
    match level {
        Level::High => vec![compared(Operator::GreaterOrEqual, high)],
        Level::Low => vec![compared(Operator::LessOrEqual, low)],
        Level::Middle => vec![compared(Operator::Greater, low), compared(Operator::Less, high)],
    }
}
