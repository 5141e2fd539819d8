//! Bands: ranges of a metric that pass or are watched; the rest is a breach.

use std::fmt;

use crate::expression::Literal;

/// A range of numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Range {
    low: Edge,
    high: Edge,
}

/// One end of a range.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Edge {
    Open,
    /// The value itself belongs to the range.
    Included(f64),
    Excluded(f64),
}

/// The bands of a guardrail.
#[derive(Debug, Clone)]
pub(crate) struct Bands {
    pub(crate) pass: Vec<Range>,
    pub(crate) watch: Vec<Range>,
}

/// Why a band cannot be read: the characters it is about, and the words.
#[derive(Debug)]
pub(crate) struct Unreadable {
    pub(crate) at: std::ops::Range<usize>,
    pub(crate) problem: Problem,
}

#[derive(Debug)]
pub(crate) enum Problem {
    Form,
    /// What stands behind a number: `12 months`, `90%`.
    Unit(String),
    UnknownParameter(String),
    NotANumber(String),
    /// It was reported where it stands.
    Refused,
}

impl Bands {
    /// Whether every number gets the verdict that other bands give it.
    pub(crate) fn judge_as(&self, other: &Self) -> bool {
        let ranges = || self.pass.iter().chain(&self.watch).chain(&other.pass).chain(&other.watch);
        let mut edges: Vec<f64> = ranges().flat_map(|range| [range.begins(), range.ends()]).collect();
        edges.retain(|edge| edge.is_finite());
        edges.sort_by(f64::total_cmp);
        // Verdicts change at edges alone: each of them, what lies between two, and what lies outside says it all.
        let between = edges.iter().zip(edges.iter().skip(1)).map(|(low, high)| f64::midpoint(*low, *high));
        let outside = edges.first().map(|first| first - 1.0).into_iter().chain(edges.last().map(|last| last + 1.0));
        between.chain(outside).chain(edges.iter().copied()).all(|number| self.verdict(number) == other.verdict(number))
    }

    /// Whether a number passes, or is watched, or neither: what passes is not watched.
    fn verdict(&self, number: f64) -> Option<bool> {
        let is_in = |ranges: &[Range]| ranges.iter().any(|range| range.has(number));
        if is_in(&self.pass) { Some(true) } else { is_in(&self.watch).then_some(false) }
    }

    /// Two bands between which there is a breach, the lower one first.
    pub(crate) fn gap(&self) -> Option<(Range, Range)> {
        let mut ranges: Vec<Range> = self.pass.iter().chain(&self.watch).copied().collect();
        ranges.sort_by(|a, b| a.begins().total_cmp(&b.begins()));
        let mut ranges = ranges.into_iter();
        // Of the ranges so far, the one that reaches farthest.
        let mut farthest = ranges.next()?;
        for range in ranges {
            if farthest.leaves_gap_before(range) {
                return Some((farthest, range));
            }
            if farthest.ends() <= range.ends() {
                farthest = range;
            }
        }
        None
    }
}

impl Range {
    /// Where it ends.
    pub(crate) fn ends(self) -> f64 {
        match self.high {
            Edge::Open => f64::INFINITY,
            Edge::Included(high) | Edge::Excluded(high) => high,
        }
    }

    /// From `low` to before `high`.
    pub(crate) fn within(low: f64, high: f64) -> Self {
        Self { low: Edge::Included(low), high: Edge::Excluded(high) }
    }

    /// `low` and all above it.
    pub(crate) fn from(low: f64) -> Self {
        Self { low: Edge::Included(low), high: Edge::Open }
    }

    /// Reads `> 1.00`, `<= param.x` or `3..5` (from 3 to before 5).
    pub(crate) fn read(text: &str, param: impl Fn(&str) -> Option<Option<Literal>>) -> Result<Self, Unreadable> {
        if let Some((low, high)) = text.split_once("..") {
            let low_at = leading(low);
            let high_at = low.chars().count() + 2 + leading(high);
            return Ok(Self {
                low: Edge::Included(number(low.trim(), low_at, &param)?),
                high: Edge::Excluded(number(high.trim(), high_at, &param)?),
            });
        }
        let start = leading(text);
        let trimmed = text.trim();
        for operator in ["<=", ">=", "<", ">"] {
            let Some(rest) = trimmed.strip_prefix(operator) else { continue };
            let at = start + operator.len() + leading(rest);
            let value = number(rest.trim(), at, &param)?;
            return Ok(match operator {
                "<=" => Self { low: Edge::Open, high: Edge::Included(value) },
                ">=" => Self { low: Edge::Included(value), high: Edge::Open },
                "<" => Self { low: Edge::Open, high: Edge::Excluded(value) },
                _ => Self { low: Edge::Excluded(value), high: Edge::Open },
            });
        }
        Err(Unreadable { at: start..start + trimmed.chars().count(), problem: Problem::Form })
    }

    /// Whether a number lies in it.
    fn has(self, number: f64) -> bool {
        let is_above = match self.low {
            Edge::Open => true,
            Edge::Included(low) => number >= low,
            Edge::Excluded(low) => number > low,
        };
        let is_below = match self.high {
            Edge::Open => true,
            Edge::Included(high) => number <= high,
            Edge::Excluded(high) => number < high,
        };
        is_above && is_below
    }

    /// Whether no number lies in it.
    pub(crate) fn is_empty(self) -> bool {
        match (self.low, self.high) {
            (Edge::Open, _) | (_, Edge::Open) => false,
            (Edge::Included(low), Edge::Included(high)) => low > high,
            (Edge::Included(low) | Edge::Excluded(low), Edge::Excluded(high) | Edge::Included(high)) => low >= high,
        }
    }

    /// Whether a number above this range and below `other`, which begins later, is in neither.
    pub(crate) fn leaves_gap_before(self, other: Self) -> bool {
        match (self.high, other.low) {
            (Edge::Open, _) | (_, Edge::Open) => false,
            (Edge::Excluded(high), Edge::Excluded(low)) => high <= low,
            (Edge::Included(high) | Edge::Excluded(high), Edge::Included(low) | Edge::Excluded(low)) => high < low,
        }
    }

    /// Where it begins.
    pub(crate) fn begins(self) -> f64 {
        match self.low {
            Edge::Open => f64::NEG_INFINITY,
            Edge::Included(low) | Edge::Excluded(low) => low,
        }
    }

    /// Whether every number of this range lies in `other`.
    pub(crate) fn lies_in(self, other: Self) -> bool {
        let low = match (self.low, other.low) {
            (_, Edge::Open) => true,
            (Edge::Open, _) => false,
            (Edge::Included(own), Edge::Excluded(others)) => own > others,
            (Edge::Included(own) | Edge::Excluded(own), Edge::Included(others) | Edge::Excluded(others)) => {
                own >= others
            }
        };
        let high = match (self.high, other.high) {
            (_, Edge::Open) => true,
            (Edge::Open, _) => false,
            (Edge::Included(own), Edge::Excluded(others)) => own < others,
            (Edge::Included(own) | Edge::Excluded(own), Edge::Included(others) | Edge::Excluded(others)) => {
                own <= others
            }
        };
        low && high
    }

    /// Whether the number in `column` lies in the range, as SQL.
    pub(crate) fn sql(self, column: &str) -> String {
        let part = |edge, included: &str, excluded: &str| match edge {
            Edge::Open => None,
            Edge::Included(value) => Some(format!("{column} {included} CAST('{value}' AS DOUBLE)")),
            Edge::Excluded(value) => Some(format!("{column} {excluded} CAST('{value}' AS DOUBLE)")),
        };
        let parts: Vec<_> = [part(self.low, ">=", ">"), part(self.high, "<=", "<")].into_iter().flatten().collect();
        if parts.is_empty() { "TRUE".to_owned() } else { format!("({})", parts.join(" AND ")) }
    }
}

fn leading(text: &str) -> usize {
    text.chars().take_while(|c| c.is_whitespace()).count()
}

/// The word or sign behind the digits with which a text begins.
fn behind_number(text: &str) -> Option<String> {
    let behind = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').trim_start();
    let is_unit = behind == "%" || (!behind.is_empty() && behind.chars().all(char::is_alphabetic));
    (is_unit && behind.len() < text.len()).then(|| behind.to_lowercase())
}

fn number(text: &str, at: usize, param: &impl Fn(&str) -> Option<Option<Literal>>) -> Result<f64, Unreadable> {
    let at = at..at + text.chars().count();
    let Some(name) = text.strip_prefix("param.") else {
        let found = text.parse::<f64>().ok().filter(|number| number.is_finite());
        return found
            .ok_or_else(|| Unreadable { at, problem: behind_number(text).map_or(Problem::Form, Problem::Unit) });
    };
    match param(name) {
        None => Err(Unreadable { at, problem: Problem::UnknownParameter(name.to_owned()) }),
        Some(None) => Err(Unreadable { at, problem: Problem::Refused }),
        Some(Some(literal)) => {
            literal.number().ok_or_else(|| Unreadable { at, problem: Problem::NotANumber(name.to_owned()) })
        }
    }
}

impl Bands {
    /// Whether the number in `column` lies in one of the ranges, as SQL.
    pub(crate) fn sql(ranges: &[Range], column: &str) -> String {
        let parts: Vec<_> = ranges.iter().map(|range| range.sql(column)).collect();
        if parts.is_empty() { "FALSE".to_owned() } else { parts.join(" OR ") }
    }
}

impl fmt::Display for Range {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.low, self.high) {
            (Edge::Open, Edge::Open) => out.write_str("any"),
            (Edge::Included(low), Edge::Open) => write!(out, ">= {low}"),
            (Edge::Excluded(low), Edge::Open) => write!(out, "> {low}"),
            (Edge::Open, Edge::Included(high)) => write!(out, "<= {high}"),
            (Edge::Open, Edge::Excluded(high)) => write!(out, "< {high}"),
            (Edge::Included(low) | Edge::Excluded(low), Edge::Included(high) | Edge::Excluded(high)) => {
                write!(out, "{low}..{high}")
            }
        }
    }
}

impl fmt::Display for Bands {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |ranges: &[Range]| ranges.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
        write!(out, "pass {}", list(&self.pass))?;
        if self.watch.is_empty() { Ok(()) } else { write!(out, "; watch {}", list(&self.watch)) }
    }
}
