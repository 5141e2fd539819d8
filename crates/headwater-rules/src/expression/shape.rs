//! What an expression asks, whatever it compares with: the same text for expressions that differ in constants alone.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::Expression;
use super::node::{LikeForm, Node};

/// What stands for a constant.
const CONSTANT: &str = "?";

/// The expression with every constant and parameter left out. A list of constants is one.
pub(crate) fn shape(expression: &Expression) -> String {
    if expression.constant().is_some() {
        return CONSTANT.to_owned();
    }
    let mut parts: Vec<_> = expression.children().into_iter().map(shape).collect();
    if matches!(expression.node, Node::In(..)) {
        parts.dedup();
    }
    format!("{}({})", word(&expression.node), parts.join(","))
}

/// How many characters of the hash of a shape are kept: that two shapes share them will not happen.
const SHAPE_LENGTH: usize = 16;

/// A shape, or several, as the first characters of a hash.
pub(crate) fn hashed(shape: &str) -> String {
    let mut hex = String::new();
    for byte in Sha256::digest(shape.as_bytes()) {
        // Writing to a String cannot fail.
        let _infallible = write!(hex, "{byte:02x}");
    }
    hex.truncate(SHAPE_LENGTH);
    hex
}

/// What tells a construct from others with the same parts.
fn word(node: &Node) -> String {
    let not = |negated: &bool| if *negated { "not " } else { "" };
    match node {
        Node::Refused | Node::Literal(_) | Node::Parameter(..) => CONSTANT.to_owned(),
        Node::Column(column) => column.name.clone(),
        Node::AsOf => "as_of".to_owned(),
        Node::Not(_) => "not".to_owned(),
        Node::Negate(_) => "-".to_owned(),
        Node::All(_) => "all".to_owned(),
        Node::Any(_) => "any".to_owned(),
        Node::Binary(operator, ..) => operator.symbol().to_owned(),
        Node::Is(_, what, negated) => format!("is {}{what}", not(negated)),
        Node::In(.., negated) => format!("{}in", not(negated)),
        Node::Between(.., negated) => format!("{}between", not(negated)),
        Node::Like(.., LikeForm { negated, any_case }) => format!("{}like {any_case}", not(negated)),
        Node::Case(branches, _) => format!("case {}", branches.len()),
        Node::Cast(_, to) => format!("cast {to}"),
        // A period is no threshold: by month is another question than by year.
        Node::Call(function, arguments) if function.name == "date_trunc" => {
            format!("date_trunc {}", arguments.first().map(ToString::to_string).unwrap_or_default())
        }
        Node::Call(function, _) => function.name.to_owned(),
        Node::Field(field, _) => format!("date_part {field}"),
        Node::Interval(_, unit) => format!("interval {unit}"),
    }
}
