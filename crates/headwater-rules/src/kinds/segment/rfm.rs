//! Recency, frequency and monetary value: how they are scored, and the named cells of the scores.

use super::check::Segment;
use super::presets::{UNSCORED, all, population, rest};
use crate::expression::{Expression, Literal, Operator};

pub(crate) const USUAL_BINS: i64 = 5;
/// Fewer bins leave no middle between high and low.
pub(crate) const FEWEST_BINS: i64 = 3;
pub(crate) const MOST_BINS: i64 = 10;
/// What is scored, in the order of columns.
pub(crate) const PARTS: [&str; 3] = ["recency", "frequency", MONETARY];
/// The part that a scheme may leave out.
pub(crate) const MONETARY: &str = "monetary";
/// Where accounts go whose scores lie in no cell of the package.
const OTHERS: &str = "others";

/// How values become scores.
#[derive(Debug, Clone)]
pub(crate) struct Scoring {
    pub(crate) scheme: String,
    /// One of [`PARTS`].
    pub(crate) part: &'static str,
    /// Scores run from 1 to this.
    pub(crate) bins: i64,
    pub(crate) edges: Edges,
}

impl Scoring {
    /// Of recency, small values are the good ones.
    pub(crate) fn fewer_is_better(&self) -> bool {
        self.part == "recency"
    }
}

/// Where one bin of values ends and the next begins.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Edges {
    /// At the type-7 quantiles of all known values; a value on an edge belongs below it.
    Quantiles,
    /// One above those quantiles; a value on an edge belongs above it. So R's package `rfm` does it, whose values are
    /// whole numbers, where it makes no difference.
    QuantilesPlusOne,
    /// At values that the rule names, from the smallest; a value on an edge belongs below it.
    Fixed(Vec<f64>),
}

impl Edges {
    /// Whether they follow from the night's values.
    pub(crate) fn are_quantiles(&self) -> bool {
        !matches!(self, Self::Fixed(_))
    }

    /// The word for it in the table of edges.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Quantiles => "quantiles",
            Self::QuantilesPlusOne => "quantiles_plus_one",
            Self::Fixed(_) => "fixed",
        }
    }
}

/// Which names the cells of the scores have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cells {
    /// Nine cells of recency and frequency, which do not overlap.
    Levels,
    /// The ten of R's package `rfm`, which do: the first that matches wins, and some scores lie in none.
    Package,
}

/// The cells of recency and frequency, best first.
const LEVELS: [(Level, Level, &str); 9] = [
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

/// A score from and to, both included.
type Range = (i64, i64);

/// The cells of the package with their recency, frequency and monetary scores, in the order of trial.
const PACKAGE: [(&str, [Range; 3]); 10] = [
    ("champions", [(5, 5), (5, 5), (5, 5)]),
    ("potential_loyalist", [(3, 5), (3, 5), (2, 5)]),
    ("loyal_customers", [(2, 4), (2, 4), (2, 4)]),
    ("promising", [(3, 4), (1, 3), (3, 5)]),
    ("new_customers", [(4, 5), (1, 3), (1, 5)]),
    ("cannot_lose_them", [(1, 2), (3, 4), (4, 5)]),
    ("at_risk", [(1, 2), (2, 5), (4, 5)]),
    ("need_attention", [(1, 3), (3, 5), (3, 5)]),
    ("about_to_sleep", [(2, 3), (1, 3), (1, 4)]),
    ("lost", [(1, 1), (1, 5), (1, 5)]),
];

/// The column of a score.
pub(crate) fn score_column(scheme: &str, part: &str) -> String {
    format!("{scheme}_{part}_score")
}

/// The ids of all segments that the cells bring.
pub(crate) fn segment_ids(cells: Cells) -> Vec<String> {
    let named: Vec<&str> = match cells {
        Cells::Levels => LEVELS.iter().map(|(_, _, id)| *id).collect(),
        Cells::Package => PACKAGE.iter().map(|(id, _)| *id).chain([OTHERS]).collect(),
    };
    named.into_iter().chain([UNSCORED]).map(ToOwned::to_owned).collect()
}

/// The segments of a scheme: first match wins, unknown scores take the last.
pub(crate) fn segments(scheme: &str, cells: Cells, bins: i64) -> Vec<Segment> {
    match cells {
        Cells::Levels => levels(scheme, bins),
        Cells::Package => package(scheme),
    }
}

fn levels(scheme: &str, bins: i64) -> Vec<Segment> {
    let part = |part, level| within(population(&score_column(scheme, part)), level, bins);
    let cells = LEVELS.iter().map(|(recency, frequency, id)| {
        let conditions = [part("recency", *recency), part("frequency", *frequency)].concat();
        Segment { id: (*id).to_owned(), predicate: Some(all(conditions)), hold: None }
    });
    cells.chain([rest()]).collect()
}

fn package(scheme: &str) -> Vec<Segment> {
    let score = |part| population(&score_column(scheme, part));
    let compared = |part, operator, edge| Expression::compared(operator, score(part), Literal::Whole(edge));
    let cells = PACKAGE.iter().map(|(id, ranges)| {
        let conditions = PARTS.into_iter().zip(ranges).flat_map(|(part, (low, high))| {
            [compared(part, Operator::GreaterOrEqual, *low), compared(part, Operator::LessOrEqual, *high)]
        });
        Segment { id: (*id).to_owned(), predicate: Some(all(conditions.collect())), hold: None }
    });
    let scored = PARTS.into_iter().map(|part| compared(part, Operator::GreaterOrEqual, 1)).collect();
    let others = Segment { id: OTHERS.to_owned(), predicate: Some(all(scored)), hold: None };
    cells.chain([others, rest()]).collect()
}

/// The sum of the scores, by which accounts are ranked.
pub(crate) fn total(scheme: &str, has_monetary: bool) -> Expression {
    let score = |part| population(&score_column(scheme, part));
    let sum = Expression::added(score("recency"), score("frequency"));
    if has_monetary { Expression::added(sum, score("monetary")) } else { sum }
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
