//! A checked expression as SQL for the engine, where every construct has one meaning: division is real and by
//! zero unknown, a cast that fails is unknown, no function yields infinity.

use chrono::NaiveDate;
use headwater_metrics::{Unit, identifier, literal};

use super::functions::{Function, Signature};
use super::node::{LikeForm, Node, Operator};
use super::{Expression, Kind, Literal};

/// What the text depends on beside the expression.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dialect {
    /// The day that `as_of` stands for.
    pub(crate) as_of: NaiveDate,
}

impl Dialect {
    /// A day as SQL.
    pub(crate) fn date(day: NaiveDate) -> String {
        format!("CAST('{day}' AS DATE)")
    }

    /// The expression as SQL, in brackets where it is more than one word.
    pub(crate) fn sql(self, expression: &Expression) -> String {
        match &expression.node {
            Node::Refused => "NULL".to_owned(),
            Node::Column(column) => identifier(&column.name),
            Node::Parameter(_, value) | Node::Literal(value) => constant(value),
            Node::AsOf => Self::date(self.as_of),
            Node::Not(inner) => format!("(NOT {})", self.sql(inner)),
            Node::Negate(inner) => format!("(- {})", self.double(inner)),
            Node::All(items) => self.joined(items, " AND "),
            Node::Any(items) => self.joined(items, " OR "),
            Node::Binary(operator, left, right) => self.binary(*operator, left, right),
            Node::Is(inner, what, negated) => format!("({} IS {}{what})", self.sql(inner), not(*negated)),
            Node::In(operand, items, negated) => {
                let items: Vec<_> = items.iter().map(|item| self.sql(item)).collect();
                format!("({} {}IN ({}))", self.sql(operand), not(*negated), items.join(", "))
            }
            Node::Between(operand, low, high, negated) => {
                format!("({} {}BETWEEN {} AND {})", self.sql(operand), not(*negated), self.sql(low), self.sql(high))
            }
            Node::Like(operand, pattern, LikeForm { negated, any_case }) => {
                let word = if *any_case { "ILIKE" } else { "LIKE" };
                format!("({} {}{word} {})", self.sql(operand), not(*negated), self.sql(pattern))
            }
            Node::Case(branches, otherwise) => self.case(branches, otherwise.as_deref(), expression.kind),
            Node::Cast(inner, to) => format!("TRY_CAST({} AS {to})", self.sql(inner)),
            Node::Call(function, arguments) => self.call(function, arguments, expression.kind),
            Node::Field(field, operand) => format!("CAST(date_part('{field}', {}) AS BIGINT)", self.sql(operand)),
            Node::Interval(count, unit) => format!("INTERVAL '{count} {unit}'"),
        }
    }

    /// The expression as the column of a unit: unknown where it has no finite value of that type.
    pub(crate) fn column(self, expression: &Expression, unit: Unit) -> String {
        let sql = self.sql(expression);
        match unit {
            Unit::Count | Unit::Days => format!("TRY_CAST(round({}) AS BIGINT)", self.double(expression)),
            Unit::Money => format!("TRY_CAST({sql} AS DECIMAL(18, 2))"),
            other if other.is_numeric() => finite(&self.double(expression)),
            other => format!("CAST({sql} AS {})", other.sql_type()),
        }
    }

    /// The expression as a DOUBLE.
    pub(crate) fn double(self, expression: &Expression) -> String {
        format!("CAST({} AS DOUBLE)", self.sql(expression))
    }

    /// The expression as text for people: numbers without noise, the word `unknown` for none.
    pub(crate) fn words(self, expression: &Expression) -> String {
        let sql = self.sql(expression);
        match expression.kind {
            Kind::Number => format!("CAST(round({}, 4) AS VARCHAR)", self.double(expression)),
            Kind::Money => format!("CAST(TRY_CAST({sql} AS DECIMAL(18, 2)) AS VARCHAR)"),
            Kind::Whole => format!("CAST(TRY_CAST(round({}) AS BIGINT) AS VARCHAR)", self.double(expression)),
            _ => format!("CAST({sql} AS VARCHAR)"),
        }
    }

    fn joined(self, items: &[Expression], between: &str) -> String {
        let items: Vec<_> = items.iter().map(|item| self.sql(item)).collect();
        format!("({})", items.join(between))
    }

    fn binary(self, operator: Operator, left: &Expression, right: &Expression) -> String {
        let money = left.kind == Kind::Money || right.kind == Kind::Money;
        match operator {
            Operator::Divide => format!("({} / NULLIF({}, 0))", self.double(left), self.double(right)),
            Operator::Plus | Operator::Minus if left.kind == Kind::Date || right.kind == Kind::Date => {
                self.calendar(operator, left, right)
            }
            // Decimals stay exact; whole numbers are calculated as DOUBLE, where nothing overflows.
            Operator::Plus | Operator::Minus | Operator::Times if money => {
                format!("({} {} {})", self.sql(left), operator.symbol(), self.sql(right))
            }
            Operator::Modulo => format!("({} % NULLIF({}, 0))", self.double(left), self.double(right)),
            Operator::Plus | Operator::Minus | Operator::Times => {
                format!("({} {} {})", self.double(left), operator.symbol(), self.double(right))
            }
            _ => format!("({} {} {})", self.sql(left), operator.symbol(), self.sql(right)),
        }
    }

    /// Days between two dates, or a date some time away.
    fn calendar(self, operator: Operator, left: &Expression, right: &Expression) -> String {
        let days = |date: &Expression| format!("CAST(CAST({} AS INT) AS BIGINT)", self.sql(date));
        if left.kind == Kind::Date && right.kind == Kind::Date {
            return format!("({} - {})", days(left), days(right));
        }
        let (date, step) = if left.kind == Kind::Date { (left, right) } else { (right, left) };
        if step.kind == Kind::Interval {
            return format!("CAST(({} {} {}) AS DATE)", self.sql(date), operator.symbol(), self.sql(step));
        }
        let moved = format!("CAST({} AS DOUBLE) {} {}", days(date), operator.symbol(), self.double(step));
        format!("CAST(TRY_CAST({moved} AS INT) AS DATE)")
    }

    fn case(self, branches: &[(Expression, Expression)], otherwise: Option<&Expression>, kind: Kind) -> String {
        let mut sql = "CASE".to_owned();
        for (condition, result) in branches {
            sql += &format!(" WHEN {} THEN {}", self.sql(condition), self.carried(result, kind));
        }
        if let Some(otherwise) = otherwise {
            sql += &format!(" ELSE {}", self.carried(otherwise, kind));
        }
        format!("({sql} END)")
    }

    /// One of several values that must have one type.
    fn carried(self, value: &Expression, kind: Kind) -> String {
        match kind {
            Kind::Whole | Kind::Number => self.double(value),
            Kind::Money => format!("TRY_CAST({} AS DECIMAL(18, 2))", self.sql(value)),
            _ => self.sql(value),
        }
    }

    fn call(self, function: &Function, arguments: &[Expression], kind: Kind) -> String {
        let written = |each: &dyn Fn(&Expression) -> String| arguments.iter().map(each).collect::<Vec<_>>().join(", ");
        match function.signature {
            Signature::Chooses => format!("{}({})", function.name, written(&|value| self.carried(value, kind))),
            Signature::Calculates => {
                let name = if function.name == "sign" { "signum" } else { function.name };
                finite(&format!("{name}({})", written(&|value| self.double(value))))
            }
            Signature::Rounds => {
                let digits = arguments.get(1).map(|digits| format!(", TRY_CAST({} AS INT)", self.sql(digits)));
                let value = arguments.first().map(|value| self.double(value)).unwrap_or_default();
                format!("{}({value}{})", function.name, digits.unwrap_or_default())
            }
            Signature::Truncates => format!("CAST(date_trunc({}) AS DATE)", written(&|value| self.sql(value))),
            Signature::Reads(_) | Signature::Field => format!("{}({})", function.name, written(&|value| self.sql(value))),
        }
    }
}

fn not(negated: bool) -> &'static str {
    if negated { "NOT " } else { "" }
}

/// A DOUBLE without infinities and NaN, which are unknown here. NaN sorts above every number.
pub(crate) fn finite(sql: &str) -> String {
    format!("CASE WHEN {sql} BETWEEN -1.7e308 AND 1.7e308 THEN {sql} END")
}

/// A constant as SQL.
pub(crate) fn constant(value: &Literal) -> String {
    match value {
        Literal::Null => "NULL".to_owned(),
        Literal::Flag(flag) => if *flag { "TRUE" } else { "FALSE" }.to_owned(),
        Literal::Whole(number) if *number < 0 => format!("({number})"),
        Literal::Whole(number) => number.to_string(),
        Literal::Real(text) => format!("CAST({} AS DOUBLE)", literal(text)),
        Literal::Text(text) => literal(text),
        Literal::Date(day) => Dialect::date(*day),
    }
}
