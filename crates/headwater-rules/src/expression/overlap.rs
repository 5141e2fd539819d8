//! What constants alone decide: whether two conditions can hold at the same time, whether one can hold at all, and whether
//! one cannot hold without another. An unknown value makes none of them hold.

use super::node::{Node, Operator};
use super::{Expression, Kind};

/// The numbers for which a comparison with a constant holds.
#[derive(Debug, Clone, Copy)]
struct Range {
    low: f64,
    includes_low: bool,
    high: f64,
    includes_high: bool,
}

/// A number of an account that makes both conditions hold; none where no comparison with a constant shows one.
///
/// Looked at are comparisons that decide alone: each side's own, or one of its alternatives.
pub(crate) fn both_hold(first: &Expression, second: &Expression) -> Option<String> {
    let pairs = alternatives(first).into_iter().flat_map(|a| alternatives(second).into_iter().map(move |b| (a, b)));
    pairs.into_iter().find_map(|(a, b)| {
        let ((value, a), (other, b)) = (compared(a)?, compared(b)?);
        if value.to_string() != other.to_string() {
            return None;
        }
        let number = a.and(b).member(value.kind == Kind::Whole)?;
        Some(format!("{value} = {number}"))
    })
}

/// The value of which no number makes a condition hold; none where constants do not show that there is none.
pub(crate) fn never_holds(condition: &Expression) -> Option<String> {
    match &condition.node {
        Node::Any(items) => {
            let never: Option<Vec<_>> = items.iter().map(never_holds).collect();
            never?.into_iter().next()
        }
        _ => {
            let empty = |(value, is_whole, range): (String, bool, Range)| range.is_empty(is_whole).then_some(value);
            ranges(condition).into_iter().find_map(empty).or_else(|| contradiction(&parts(condition)))
        }
    }
}

/// Most conditions side by side that are compared with each other.
const MOST_PARTS: usize = 64;

/// The value of which two conditions say what cannot be true together.
fn contradiction(parts: &[&Expression]) -> Option<String> {
    let parts = parts.get(..MOST_PARTS.min(parts.len()))?;
    parts.iter().flat_map(|a| parts.iter().map(move |b| (a, b))).find_map(|(a, b)| excluded_by(a, b))
}

/// The value of which `other` says the opposite of `condition`.
fn excluded_by(condition: &Expression, other: &Expression) -> Option<String> {
    match (&condition.node, &other.node) {
        (Node::Not(inner), _) if inner.to_string() == other.to_string() => Some(other.to_string()),
        (Node::Binary(Operator::Equal, value, word), Node::Binary(operator, of, unlike)) => {
            let is_same = word.constant()? == unlike.constant()?;
            let excludes = match operator {
                Operator::Equal => !is_same && word.kind == Kind::Text,
                Operator::NotEqual => is_same,
                _ => false,
            };
            (excludes && value.to_string() == of.to_string()).then(|| value.to_string())
        }
        (Node::Is(value, "NULL", false), Node::Binary(operator, left, right)) if operator.compares() => {
            let distinguishes = matches!(operator, Operator::Distinct | Operator::NotDistinct);
            let value = value.to_string();
            (!distinguishes && (left.to_string() == value || right.to_string() == value)).then_some(value)
        }
        _ => None,
    }
}

/// Whether a condition cannot hold unless another one does.
pub(crate) fn implies(condition: &Expression, other: &Expression) -> bool {
    if let Node::Any(items) = &condition.node {
        return items.iter().all(|item| implies(item, other));
    }
    match &other.node {
        Node::Any(items) => items.iter().any(|item| implies(condition, item)),
        Node::All(items) => items.iter().all(|item| implies(condition, item)),
        _ => {
            let within = |(value, range): (&Expression, Range)| {
                let named = value.to_string();
                ranges(condition).into_iter().any(|(of, _, narrower)| of == named && narrower.is_within(range))
            };
            let same = other.to_string();
            compared(other).is_some_and(within) || parts(condition).into_iter().any(|part| part.to_string() == same)
        }
    }
}

/// The conditions that must all hold for one to hold.
fn parts(condition: &Expression) -> Vec<&Expression> {
    match &condition.node {
        Node::All(items) => items.iter().flat_map(parts).collect(),
        _ => vec![condition],
    }
}

/// The values that a condition compares with constants, whether each is whole, and the numbers that it may be.
fn ranges(condition: &Expression) -> Vec<(String, bool, Range)> {
    let mut all: Vec<(String, bool, Range)> = Vec::new();
    for (value, range) in parts(condition).into_iter().filter_map(compared) {
        let name = value.to_string();
        match all.iter_mut().find(|(known, ..)| *known == name) {
            Some((_, _, so_far)) => *so_far = so_far.and(range),
            None => all.push((name, value.kind == Kind::Whole, range)),
        }
    }
    all
}

fn alternatives(condition: &Expression) -> Vec<&Expression> {
    match &condition.node {
        Node::Any(items) => items.iter().flat_map(alternatives).collect(),
        _ => vec![condition],
    }
}

/// A condition as a value and the numbers that it may be.
fn compared(condition: &Expression) -> Option<(&Expression, Range)> {
    match &condition.node {
        Node::Binary(operator, left, right) => match (number(left), number(right)) {
            (None, Some(constant)) => Some((&**left, Range::of(*operator, constant)?)),
            (Some(constant), None) => Some((&**right, Range::of(operator.mirrored(), constant)?)),
            _ => None,
        },
        Node::Between(value, low, high, false) => {
            let (low, high) = (number(low)?, number(high)?);
            Some((&**value, Range { low, includes_low: true, high, includes_high: true }))
        }
        _ => None,
    }
}

fn number(side: &Expression) -> Option<f64> {
    side.constant()?.number()
}

impl Range {
    fn of(operator: Operator, constant: f64) -> Option<Self> {
        let (low, high) = (f64::NEG_INFINITY, f64::INFINITY);
        let above = Self { low: constant, includes_low: false, high, includes_high: false };
        let below = Self { low, includes_low: false, high: constant, includes_high: false };
        match operator {
            Operator::Greater => Some(above),
            Operator::GreaterOrEqual => Some(Self { includes_low: true, ..above }),
            Operator::Less => Some(below),
            Operator::LessOrEqual => Some(Self { includes_high: true, ..below }),
            Operator::Equal => Some(Self { low: constant, includes_low: true, high: constant, includes_high: true }),
            _ => None,
        }
    }

    /// The numbers of both.
    fn and(self, other: Self) -> Self {
        let (low, includes_low) = match self.low.total_cmp(&other.low) {
            std::cmp::Ordering::Greater => (self.low, self.includes_low),
            std::cmp::Ordering::Less => (other.low, other.includes_low),
            std::cmp::Ordering::Equal => (self.low, self.includes_low && other.includes_low),
        };
        let (high, includes_high) = match self.high.total_cmp(&other.high) {
            std::cmp::Ordering::Less => (self.high, self.includes_high),
            std::cmp::Ordering::Greater => (other.high, other.includes_high),
            std::cmp::Ordering::Equal => (self.high, self.includes_high && other.includes_high),
        };
        Self { low, includes_low, high, includes_high }
    }

    /// Whether no number is in it.
    fn is_empty(self, is_whole: bool) -> bool {
        let first = if self.includes_low { self.low.ceil() } else { self.low.floor() + 1.0 };
        let last = if self.includes_high { self.high.floor() } else { self.high.ceil() - 1.0 };
        match self.low.total_cmp(&self.high) {
            std::cmp::Ordering::Greater => true,
            std::cmp::Ordering::Equal => !(self.includes_low && self.includes_high),
            std::cmp::Ordering::Less => is_whole && first > last,
        }
    }

    /// Whether every number of it is in another.
    fn is_within(self, other: Self) -> bool {
        let low = self.low > other.low || (self.low >= other.low && (other.includes_low || !self.includes_low));
        let high = self.high < other.high || (self.high <= other.high && (other.includes_high || !self.includes_high));
        low && high
    }

    fn has(self, number: f64) -> bool {
        let above = number > self.low || (self.includes_low && number >= self.low);
        let below = number < self.high || (self.includes_high && number <= self.high);
        above && below
    }

    /// A number in it, as simple as one is found.
    fn member(self, is_whole: bool) -> Option<f64> {
        let ends = [self.low, self.high].into_iter().filter(|end| end.is_finite());
        let nearby = ends.flat_map(|end| [end, end.floor() + 1.0, end.ceil() - 1.0]);
        let middle = (self.low + self.high) / 2.0;
        let candidates = nearby.chain(middle.is_finite().then_some(middle)).chain([0.0]);
        candidates.into_iter().find(|number| self.has(*number) && (!is_whole || number.fract() == 0.0))
    }
}
