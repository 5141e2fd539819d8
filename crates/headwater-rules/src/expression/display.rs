//! A checked expression as people read it: the words of the rule, laid out one way.

use std::fmt;

use headwater_metrics::literal;

use super::node::{LikeForm, Node};
use super::{Expression, Literal};

impl fmt::Display for Literal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => out.write_str("NULL"),
            Self::Flag(flag) => write!(out, "{flag}"),
            Self::Whole(number) => write!(out, "{number}"),
            Self::Real(text) => out.write_str(text),
            Self::Text(text) => out.write_str(&literal(text)),
            Self::Date(day) => write!(out, "'{day}'"),
        }
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.node {
            Node::Refused => out.write_str("?"),
            Node::Column(column) => out.write_str(&column.name),
            Node::Parameter(name, _) => write!(out, "param.{name}"),
            Node::AsOf => out.write_str("as_of"),
            Node::Literal(value) => write!(out, "{value}"),
            Node::Not(inner) => write!(out, "NOT {}", Part(inner)),
            Node::Negate(inner) => write!(out, "-{}", Part(inner)),
            Node::All(items) => separated(out, items, " AND "),
            Node::Any(items) => separated(out, items, " OR "),
            Node::Binary(operator, left, right) => write!(out, "{} {} {}", Part(left), operator.symbol(), Part(right)),
            Node::Is(inner, what, negated) => write!(out, "{} IS {}{what}", Part(inner), not(*negated)),
            Node::In(operand, items, negated) => {
                write!(out, "{} {}IN ({})", Part(operand), not(*negated), listed(items))
            }
            Node::Between(operand, low, high, negated) => {
                write!(out, "{} {}BETWEEN {} AND {}", Part(operand), not(*negated), Part(low), Part(high))
            }
            Node::Like(operand, pattern, LikeForm { negated, any_case }) => {
                let word = if *any_case { "ILIKE" } else { "LIKE" };
                write!(out, "{} {}{word} {}", Part(operand), not(*negated), Part(pattern))
            }
            Node::Case(branches, otherwise) => {
                out.write_str("CASE")?;
                for (condition, result) in branches {
                    write!(out, " WHEN {condition} THEN {result}")?;
                }
                if let Some(otherwise) = otherwise {
                    write!(out, " ELSE {otherwise}")?;
                }
                out.write_str(" END")
            }
            Node::Cast(inner, to) => write!(out, "CAST({inner} AS {to})"),
            Node::Call(function, arguments) => write!(out, "{}({})", function.name, listed(arguments)),
            Node::Field(field, operand) => write!(out, "date_part('{field}', {operand})"),
            Node::Interval(count, unit) => write!(out, "INTERVAL '{count} {unit}'"),
        }
    }
}

/// An operand: in brackets where it has operands itself.
struct Part<'a>(&'a Expression);

impl fmt::Display for Part<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let alone = matches!(
            self.0.node,
            Node::Refused
                | Node::Column(_)
                | Node::Parameter(..)
                | Node::AsOf
                | Node::Literal(_)
                | Node::Call(..)
                | Node::Cast(..)
                | Node::Field(..)
                | Node::Case(..)
                | Node::Interval(..)
        );
        if alone { write!(out, "{}", self.0) } else { write!(out, "({})", self.0) }
    }
}

fn not(negated: bool) -> &'static str {
    if negated { "NOT " } else { "" }
}

fn listed(items: &[Expression]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Conditions side by side: comparisons need no brackets, other chains do.
fn separated(out: &mut fmt::Formatter<'_>, items: &[Expression], between: &str) -> fmt::Result {
    for (at, item) in items.iter().enumerate() {
        out.write_str(if at == 0 { "" } else { between })?;
        match item.node {
            Node::All(_) | Node::Any(_) => write!(out, "({item})")?,
            _ => write!(out, "{item}")?,
        }
    }
    Ok(())
}
