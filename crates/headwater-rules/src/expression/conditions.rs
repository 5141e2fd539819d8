//! A predicate taken apart into its leaf conditions, each with the value it looks at and the threshold it compares with.

use super::node::{LikeForm, Node, Operator};
use super::{Expression, Literal};

/// One condition of a predicate that has no AND or OR above it but those of the predicate.
#[derive(Debug, Clone)]
pub(crate) struct Leaf {
    /// The id given in the rule, or `c1`, `c2`, …
    pub(crate) id: String,
    /// Whether the id is the rule's own: not `c1`, and not that of a part of a condition.
    pub(crate) is_given: bool,
    pub(crate) expression: Expression,
}

/// What can explain that a predicate holds.
#[derive(Debug)]
pub(crate) enum Reason<'a> {
    /// A leaf condition.
    Leaf(&'a Expression),
    /// One of several alternatives with the reasons in it: where it does not hold, they explain nothing.
    Alternative(&'a Expression, Vec<Reason<'a>>),
}

/// A condition as value, operator and threshold.
#[derive(Debug)]
pub(crate) struct Comparison<'a> {
    /// The side that is looked at.
    pub(crate) value: &'a Expression,
    pub(crate) operator: &'static str,
    /// The other side, where it is one value.
    pub(crate) threshold: Option<&'a Expression>,
    /// The other side in words.
    pub(crate) words: String,
}

/// The leaf conditions of a list of conditions, split at their ANDs and ORs.
pub(crate) fn leaves(items: &[(Option<String>, Expression)]) -> Vec<Leaf> {
    let mut found = Vec::new();
    for (id, expression) in items {
        let parts = conditions(expression);
        let several = parts.len() > 1;
        for (at, part) in parts.into_iter().enumerate() {
            let (id, is_given) = match id {
                Some(id) if several => (format!("{id}_{}", at + 1), false),
                Some(id) => (id.clone(), true),
                None => (format!("c{}", found.len() + 1), false),
            };
            found.push(Leaf { id, is_given, expression: part.clone() });
        }
    }
    found
}

/// The conditions side by side in an expression: what its ANDs and ORs join; itself where it has none.
pub(super) fn conditions(expression: &Expression) -> Vec<&Expression> {
    match &expression.node {
        Node::All(items) | Node::Any(items) => items.iter().flat_map(conditions).collect(),
        _ => vec![expression],
    }
}

/// What can explain that a predicate holds, in the order written.
pub(crate) fn reasons(predicate: &Expression) -> Vec<Reason<'_>> {
    match &predicate.node {
        Node::All(items) => items.iter().flat_map(reasons).collect(),
        Node::Any(items) => items.iter().flat_map(alternative).collect(),
        _ => vec![Reason::Leaf(predicate)],
    }
}

fn alternative(condition: &Expression) -> Vec<Reason<'_>> {
    match &condition.node {
        Node::All(_) => vec![Reason::Alternative(condition, reasons(condition))],
        _ => reasons(condition),
    }
}

/// The condition as a comparison, where it is one.
pub(crate) fn comparison(condition: &Expression) -> Option<Comparison<'_>> {
    match &condition.node {
        Node::Binary(operator, left, right) if operator.compares() => Some(compared(*operator, left, right)),
        Node::Between(value, low, high, negated) => {
            let operator = if *negated { "not between" } else { "between" };
            Some(Comparison { value, operator, threshold: None, words: format!("{low} and {high}") })
        }
        Node::In(value, items, negated) => {
            let operator = if *negated { "not in" } else { "in" };
            let words = items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            Some(Comparison { value, operator, threshold: None, words })
        }
        Node::Like(value, pattern, LikeForm { negated, .. }) => {
            let operator = if *negated { "not like" } else { "like" };
            Some(Comparison { value, operator, threshold: None, words: pattern.to_string() })
        }
        Node::Is(value, what, negated) => {
            let operator = if *negated { "is not" } else { "is" };
            Some(Comparison { value, operator, threshold: None, words: what.to_lowercase() })
        }
        _ => None,
    }
}

/// The side without columns is the threshold; the right one where both have some.
fn compared<'a>(operator: Operator, left: &'a Expression, right: &'a Expression) -> Comparison<'a> {
    let fixed = left.columns().is_empty() && !right.columns().is_empty();
    let (value, operator, threshold) = if fixed { (right, operator.mirrored(), left) } else { (left, operator, right) };
    let words = match threshold.constant() {
        Some(Literal::Text(text)) => text.clone(),
        Some(constant) => constant.to_string(),
        None => threshold.to_string(),
    };
    Comparison { value, operator: operator.symbol(), threshold: Some(threshold), words }
}
