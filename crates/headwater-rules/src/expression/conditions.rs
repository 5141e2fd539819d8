//! A predicate taken apart into its leaf conditions, each with the value it looks at and the threshold it compares with.

use super::node::{LikeForm, Node, Operator};
use super::{Expression, Literal};

/// One condition of a predicate that has no AND or OR above it but those of the predicate.
#[derive(Debug, Clone)]
pub(crate) struct Leaf {
    /// The id given in the rule, or `c1`, `c2`, …
    pub(crate) id: String,
    pub(crate) expression: Expression,
    /// Alternatives it is only a part of: where they do not hold, it explains nothing.
    pub(crate) within: Vec<Expression>,
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

/// The leaf conditions of a list of conditions of which all or `any` must hold, split at their ANDs and ORs.
pub(crate) fn leaves(items: &[(Option<String>, Expression)], any: bool) -> Vec<Leaf> {
    let mut found = Vec::new();
    for (id, expression) in items {
        let mut parts = Vec::new();
        split(expression, any, &[], &mut parts);
        let several = parts.len() > 1;
        for (at, (part, within)) in parts.into_iter().enumerate() {
            let id = match id {
                Some(id) if several => format!("{id}_{}", at + 1),
                Some(id) => id.clone(),
                None => format!("c{}", found.len() + 1),
            };
            found.push(Leaf { id, expression: part.clone(), within });
        }
    }
    found
}

fn split<'a>(
    expression: &'a Expression,
    any: bool,
    within: &[Expression],
    parts: &mut Vec<(&'a Expression, Vec<Expression>)>,
) {
    match &expression.node {
        Node::All(items) if any => {
            let within = [within, std::slice::from_ref(expression)].concat();
            items.iter().for_each(|item| split(item, false, &within, parts));
        }
        Node::All(items) => items.iter().for_each(|item| split(item, false, within, parts)),
        Node::Any(items) => items.iter().for_each(|item| split(item, true, within, parts)),
        _ => parts.push((expression, within.to_vec())),
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
