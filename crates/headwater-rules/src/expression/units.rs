//! Units that do not go together: an amount beside a stretch of time, days beside months, a percentage beside a share of
//! one. Numbers of the language have no units of their own, so these are remarks and no refusals.

use std::ops::Range;

use headwater_metrics::Unit;

use super::node::{Node, Operator};
use super::{Expression, Names};

/// What a value is measured in, where mixing it with another is a mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Measure {
    Money,
    Days,
    Months,
    Hours,
    Ratio,
    Percent,
}

/// A remark on a part of an expression.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Remark {
    pub(super) at: Range<usize>,
    pub(super) message: String,
    pub(super) help: Option<String>,
}

/// Shares of one are seldom as large: most often a percentage was meant.
const LARGE_RATIO: f64 = 20.0;

impl Measure {
    fn of(unit: Unit) -> Option<Self> {
        match unit {
            Unit::Money | Unit::Amount => Some(Self::Money),
            Unit::Days => Some(Self::Days),
            Unit::Months => Some(Self::Months),
            Unit::Hours => Some(Self::Hours),
            Unit::Ratio => Some(Self::Ratio),
            Unit::Percent => Some(Self::Percent),
            Unit::Count | Unit::Score | Unit::Number | Unit::Date | Unit::Text | Unit::Flag => None,
        }
    }

    fn out_of_scale(self, number: f64) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Percent if number > 0.0 && number < 1.0 => Some((
                "a percentage compared with a part of one percent",
                "20 is a fifth; 0.2 is a fifth of one percent",
            )),
            Self::Ratio if number >= LARGE_RATIO => {
                Some(("a ratio compared with a number as of percentages", "0.8 is 80 %"))
            }
            _ => None,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Money => "an amount of money",
            Self::Days => "days",
            Self::Months => "months",
            Self::Hours => "hours",
            Self::Ratio => "a ratio",
            Self::Percent => "a percentage",
        }
    }
}

/// Everything in an expression whose units do not go together.
pub(super) fn remarks(expression: &Expression, names: &Names<'_>) -> Vec<Remark> {
    let mut found = Vec::new();
    measure(expression, names, &mut found);
    found
}

/// What an expression is measured in, where that is known.
fn measure(expression: &Expression, names: &Names<'_>, found: &mut Vec<Remark>) -> Option<Measure> {
    match &expression.node {
        Node::Column(column) => Measure::of(names.unit_of(column)?),
        Node::Negate(inner) => measure(inner, names, found),
        Node::Binary(operator, left, right) => {
            let sides = [left, right].map(|side| measure(side, names, found));
            of_operator(*operator, [left, right], sides, &expression.at, found)
        }
        Node::Between(value, low, high, _) => {
            let of_value = measure(value, names, found);
            for edge in [low, high] {
                let of_edge = measure(edge, names, found);
                compare([value, edge], [of_value, of_edge], &expression.at, found);
            }
            None
        }
        // What stays what it was, whichever of several values it is.
        Node::Call(function, arguments) => {
            let of_arguments: Vec<_> = arguments.iter().map(|argument| measure(argument, names, found)).collect();
            let keeps = ["coalesce", "greatest", "least", "nullif", "round", "abs", "ceil", "floor"];
            let first = of_arguments.first().copied().flatten()?;
            let same = of_arguments.iter().flatten().all(|other| *other == first);
            (keeps.contains(&function.name) && same).then_some(first)
        }
        _ => {
            for child in expression.children() {
                measure(child, names, found);
            }
            None
        }
    }
}

fn of_operator(
    operator: Operator,
    sides: [&Expression; 2],
    measures: [Option<Measure>; 2],
    at: &Range<usize>,
    found: &mut Vec<Remark>,
) -> Option<Measure> {
    let [left, right] = measures;
    match operator {
        Operator::Plus | Operator::Minus => {
            mixed(measures, at, found);
            left.or(right)
        }
        Operator::Times => match (left, right) {
            (Some(Measure::Money), other) | (other, Some(Measure::Money)) if other != Some(Measure::Money) => {
                Some(Measure::Money)
            }
            _ => None,
        },
        Operator::Divide => left.filter(|left| *left == Measure::Money && right.is_none()),
        _ if operator.compares() => {
            compare(sides, measures, at, found);
            None
        }
        _ => None,
    }
}

/// Remarks on two values that are compared.
fn compare(sides: [&Expression; 2], measures: [Option<Measure>; 2], at: &Range<usize>, found: &mut Vec<Remark>) {
    if mixed(measures, at, found) {
        return;
    }
    let [left, right] = sides;
    for (of_value, constant) in [(measures[0], right), (measures[1], left)] {
        let Some(number) = constant.constant().and_then(super::Literal::number).map(f64::abs) else { continue };
        let Some((message, help)) = of_value.and_then(|measure| measure.out_of_scale(number)) else { continue };
        found.push(Remark { at: at.clone(), message: message.to_owned(), help: Some(help.to_owned()) });
    }
}

/// What is odd about a number that values of a unit are compared with, and what it would mean.
pub(crate) fn out_of_scale(unit: Unit, number: f64) -> Option<(&'static str, &'static str)> {
    Measure::of(unit)?.out_of_scale(number.abs())
}

/// Whether two values are measured in what does not go together, which is remarked on.
fn mixed(measures: [Option<Measure>; 2], at: &Range<usize>, found: &mut Vec<Remark>) -> bool {
    let [Some(left), Some(right)] = measures else { return false };
    if left == right {
        return false;
    }
    let help = match (left, right) {
        (Measure::Ratio, Measure::Percent) | (Measure::Percent, Measure::Ratio) => Some("multiply the ratio by 100"),
        (Measure::Days, Measure::Hours) | (Measure::Hours, Measure::Days) => Some("a day has 24 hours"),
        _ => None,
    };
    let message = format!("{} beside {}", left.words(), right.words());
    found.push(Remark { at: at.clone(), message, help: help.map(ToOwned::to_owned) });
    true
}
