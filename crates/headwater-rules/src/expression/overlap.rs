//! Whether two conditions about one number can hold at the same time, where constants alone decide it.

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
