//! A checked expression: every name resolved, every part typed and placed.

use std::ops::Range;

use chrono::NaiveDate;
use headwater_metrics::InputTable;

use super::Kind;
use super::functions::Function;

/// An expression and where it stands in its text, in characters.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Expression {
    pub(crate) node: Node,
    pub(crate) kind: Kind,
    pub(crate) at: Range<usize>,
}

/// A constant.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal {
    Null,
    Flag(bool),
    Whole(i64),
    /// A number as it was written.
    Real(String),
    Text(String),
    Date(NaiveDate),
}

impl Literal {
    /// The kind of the constant.
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Null => Kind::Null,
            Self::Flag(_) => Kind::Flag,
            Self::Whole(_) => Kind::Whole,
            Self::Real(_) => Kind::Number,
            Self::Text(_) => Kind::Text,
            Self::Date(_) => Kind::Date,
        }
    }

    /// The number it stands for, if it is one.
    pub(crate) fn number(&self) -> Option<f64> {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "thresholds are far below 2^53")]
            Self::Whole(number) => Some(*number as f64),
            Self::Real(text) => text.parse().ok(),
            _ => None,
        }
    }
}

/// A column the expression reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    /// Its name in the tables of the night.
    pub(crate) name: String,
    pub(crate) source: ColumnSource,
}

/// Where a column comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ColumnSource {
    /// A column of accounts.
    Attribute,
    /// A column of accounts that the project does not map.
    Unmapped,
    /// A metric of the catalogue, with the inputs it needs.
    Metric(Vec<InputTable>),
    /// A metric the rules derive.
    Derived,
    /// A column a segment preset computes over all accounts.
    Population,
    /// The account's segment in a scheme.
    Segment,
    /// Whether the account has reached a milestone.
    Milestone,
}

/// One construct of the language.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    /// A part that was refused; it is never compiled.
    Refused,
    Column(Column),
    Parameter(String, Literal),
    AsOf,
    Literal(Literal),
    Not(Box<Expression>),
    Negate(Box<Expression>),
    /// All of several conditions.
    All(Vec<Expression>),
    /// Any of several conditions.
    Any(Vec<Expression>),
    /// An operator with two operands.
    Binary(Operator, Box<Expression>, Box<Expression>),
    /// `IS [NOT] NULL | TRUE | FALSE | UNKNOWN`.
    Is(Box<Expression>, &'static str, bool),
    In(Box<Expression>, Vec<Expression>, bool),
    Between(Box<Expression>, Box<Expression>, Box<Expression>, bool),
    Like(Box<Expression>, Box<Expression>, LikeForm),
    Case(Vec<(Expression, Expression)>, Option<Box<Expression>>),
    Cast(Box<Expression>, &'static str),
    Call(&'static Function, Vec<Expression>),
    /// A calendar field of a date.
    Field(&'static str, Box<Expression>),
    /// A stretch of time: how many of which unit.
    Interval(i32, &'static str),
}

/// How a pattern is matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LikeForm {
    pub(crate) negated: bool,
    /// `ILIKE`: upper and lower case are the same.
    pub(crate) any_case: bool,
}

/// An operator between two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Plus,
    Minus,
    Times,
    Divide,
    Modulo,
    Join,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Distinct,
    NotDistinct,
}

impl Operator {
    /// The operator in SQL.
    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Self::Plus => "+",
            Self::Minus => "-",
            Self::Times => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
            Self::Join => "||",
            Self::Equal => "=",
            Self::NotEqual => "<>",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Distinct => "IS DISTINCT FROM",
            Self::NotDistinct => "IS NOT DISTINCT FROM",
        }
    }

    /// Whether it yields true or false.
    pub(crate) fn compares(self) -> bool {
        !matches!(self, Self::Plus | Self::Minus | Self::Times | Self::Divide | Self::Modulo | Self::Join)
    }

    /// Whether it needs an order, which true and false do not have.
    pub(crate) fn orders(self) -> bool {
        matches!(self, Self::Less | Self::LessOrEqual | Self::Greater | Self::GreaterOrEqual)
    }

    /// The operator that says the same with the operands exchanged.
    pub(crate) fn mirrored(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
            same => same,
        }
    }
}

impl Expression {
    /// A part that was refused.
    pub(crate) fn refused(at: Range<usize>) -> Self {
        Self { node: Node::Refused, kind: Kind::Anything, at }
    }

    /// A constant that stands in no text.
    pub(crate) fn literal(literal: Literal) -> Self {
        Self { kind: literal.kind(), node: Node::Literal(literal), at: 0..0 }
    }

    /// A column of whole numbers that stands in no text.
    pub(crate) fn whole_column(column: Column) -> Self {
        Self { node: Node::Column(column), kind: Kind::Whole, at: 0..0 }
    }

    /// A column of numbers that stands in no text.
    pub(crate) fn number_column(column: Column) -> Self {
        Self { node: Node::Column(column), kind: Kind::Number, at: 0..0 }
    }

    /// A comparison with a constant.
    pub(crate) fn compared(operator: Operator, value: Self, constant: Literal) -> Self {
        let node = Node::Binary(operator, Box::new(value), Box::new(Self::literal(constant)));
        Self { node, kind: Kind::Flag, at: 0..0 }
    }

    /// A sum.
    pub(crate) fn added(left: Self, right: Self) -> Self {
        Self { node: Node::Binary(Operator::Plus, Box::new(left), Box::new(right)), kind: Kind::Whole, at: 0..0 }
    }

    /// Conditions that must all hold, or of which any must.
    pub(crate) fn joined(mut conditions: Vec<Self>, any: bool) -> Self {
        match conditions.len() {
            1 => conditions.remove(0),
            _ => Self {
                node: if any { Node::Any(conditions) } else { Node::All(conditions) },
                kind: Kind::Flag,
                at: 0..0,
            },
        }
    }

    /// The constant this is, a parameter's value included.
    pub(crate) fn constant(&self) -> Option<&Literal> {
        match &self.node {
            Node::Literal(literal) | Node::Parameter(_, literal) => Some(literal),
            _ => None,
        }
    }

    /// The parts directly below this one.
    pub(crate) fn children(&self) -> Vec<&Self> {
        match &self.node {
            Node::Refused
            | Node::Column(_)
            | Node::Parameter(..)
            | Node::AsOf
            | Node::Literal(_)
            | Node::Interval(..) => Vec::new(),
            Node::Not(inner)
            | Node::Negate(inner)
            | Node::Is(inner, ..)
            | Node::Cast(inner, _)
            | Node::Field(_, inner) => {
                vec![inner]
            }
            Node::All(items) | Node::Any(items) | Node::Call(_, items) => items.iter().collect(),
            Node::Binary(_, left, right) | Node::Like(left, right, _) => vec![left, right],
            Node::In(operand, items, _) => std::iter::once(&**operand).chain(items).collect(),
            Node::Between(operand, low, high, _) => vec![operand, low, high],
            Node::Case(branches, otherwise) => branches
                .iter()
                .flat_map(|(condition, result)| [condition, result])
                .chain(otherwise.as_deref())
                .collect(),
        }
    }

    /// Every column that is read, in the order of reading, and where it stands.
    pub(crate) fn reads(&self) -> Vec<(&Column, Range<usize>)> {
        let mut found = Vec::new();
        let mut waiting = vec![self];
        while let Some(expression) = waiting.pop() {
            if let Node::Column(column) = &expression.node {
                found.push((column, expression.at.clone()));
            }
            waiting.extend(expression.children().into_iter().rev());
        }
        found
    }

    /// Every column that is read.
    pub(crate) fn columns(&self) -> Vec<&Column> {
        self.reads().into_iter().map(|(column, _)| column).collect()
    }
}
