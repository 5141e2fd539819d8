//! Functions, and the calendar: what they take and give.

use std::ops::Range;

use datafusion::sql::sqlparser::ast::{CeilFloorKind, DataType, DateTimeField, Expr, Interval, TypedString, Value};
use headwater_diagnostics::{Code, Diagnostic};

use super::functions::{FIELDS, Function, MANY, Signature, TRUNCATIONS, function_named};
use super::node::Node;
use super::walk::Walk;
use super::{Expression, Kind, Literal};

impl Walk<'_, '_> {
    pub(super) fn rounding(&mut self, name: &'static str, inner: &Expr, field: &CeilFloorKind) -> Expression {
        let argument = self.expression(inner);
        let plain = matches!(field, CeilFloorKind::DateTimeField(DateTimeField::NoDateTime));
        if plain {
            self.apply(name, vec![argument], 0..0)
        } else {
            self.problem(Code::ConstructRefused, &argument.at, format!("`{name}` takes one number"))
        }
    }

    pub(super) fn extract(&mut self, field: &str, inner: &Expr) -> Expression {
        let operand = self.expression(inner);
        let at = operand.at.clone();
        self.field(field, operand, &at)
    }

    fn field(&mut self, field: &str, operand: Expression, at: &Range<usize>) -> Expression {
        let lowered = field.to_ascii_lowercase();
        let Some(word) = FIELDS.iter().find(|known| **known == lowered) else {
            return self.no_part_of_a_date(&lowered, FIELDS, at);
        };
        if !operand.kind.fits(Kind::Date) || operand.kind == Kind::Null {
            return self.problem(
                Code::TypeMismatch,
                &operand.at,
                format!("a date is needed, not {}", operand.kind.words()),
            );
        }
        Expression { node: Node::Field(word, Box::new(operand)), kind: Kind::Whole, at: at.clone() }
    }

    fn no_part_of_a_date(&mut self, word: &str, known: &[&str], at: &Range<usize>) -> Expression {
        let message = format!("`{word}` is no part of a date");
        let problem = Diagnostic::at(Code::ConstructRefused, self.span(at), message);
        self.report(problem.one_of(word, known.iter().copied()), at)
    }

    /// A function of the language over checked arguments.
    pub(super) fn apply(&mut self, name: &str, arguments: Vec<Expression>, at: Range<usize>) -> Expression {
        let start = if at.is_empty() { arguments.first().map_or(0, |first| first.at.start) } else { at.start };
        let whole = start..arguments.last().map_or(at.end, |last| last.at.end).max(at.end);
        let Some(function) = function_named(match name {
            "ceiling" => "ceil",
            "pow" => "power",
            other => other,
        }) else {
            return self.unknown_function(name, &at);
        };
        let (fewest, most) = function.arguments;
        if !(fewest..=most).contains(&arguments.len()) {
            let count = match most {
                most if fewest == most => fewest.to_string(),
                MANY => format!("{fewest} or more"),
                _ => format!("{fewest} to {most}"),
            };
            let noun = if count == "1" { "argument" } else { "arguments" };
            let message = format!("`{name}` takes {count} {noun}, not {}", arguments.len());
            return self.problem(Code::TypeMismatch, &whole, message);
        }
        match function.signature {
            Signature::Field | Signature::Truncates => self.calendar(function, arguments, whole),
            _ => match self.result_kind(function, &arguments) {
                Some(kind) => Expression { node: Node::Call(function, arguments), kind, at: whole },
                None => Expression::refused(whole),
            },
        }
    }

    fn result_kind(&mut self, function: &Function, arguments: &[Expression]) -> Option<Kind> {
        let (wanted, kind) = match function.signature {
            Signature::Rounds => {
                let first = arguments.first().map_or(Kind::Number, |first| first.kind);
                (Kind::Number, first)
            }
            Signature::Reads(kind) => (Kind::Text, kind),
            Signature::Calculates | Signature::Truncates | Signature::Field => (Kind::Number, Kind::Number),
            Signature::Chooses => {
                let what = format!("the arguments of `{}`", function.name);
                let kind = self.one_kind(&what, &arguments.iter().collect::<Vec<_>>());
                return (kind != Kind::Anything).then_some(kind);
            }
        };
        for argument in arguments {
            if !argument.kind.fits(wanted) {
                let message = format!("`{}` takes {}, not {}", function.name, wanted.words(), argument.kind.words());
                self.problem(Code::TypeMismatch, &argument.at, message);
                return None;
            }
        }
        Some(kind)
    }

    fn calendar(
        &mut self,
        function: &'static Function,
        mut arguments: Vec<Expression>,
        at: Range<usize>,
    ) -> Expression {
        let (Some(operand), Some(word)) = (arguments.pop(), arguments.pop()) else { return Expression::refused(at) };
        let text = match word.constant() {
            Some(Literal::Text(text)) => text.to_ascii_lowercase(),
            _ => {
                return self.problem(
                    Code::TypeMismatch,
                    &word.at,
                    format!("`{}` takes a word in quotes first", function.name),
                );
            }
        };
        if function.signature == Signature::Field {
            return self.field(&text, operand, &at);
        }
        if !TRUNCATIONS.contains(&text.as_str()) {
            return self.no_part_of_a_date(&text, TRUNCATIONS, &word.at);
        }
        if !operand.kind.fits(Kind::Date) {
            return self.problem(
                Code::TypeMismatch,
                &operand.at,
                format!("a date is needed, not {}", operand.kind.words()),
            );
        }
        Expression { node: Node::Call(function, vec![word, operand]), kind: Kind::Date, at }
    }

    pub(super) fn typed(&mut self, typed: &TypedString) -> Expression {
        let at = self.range(typed.value.span);
        match (&typed.data_type, &typed.value.value) {
            (DataType::Date, Value::SingleQuotedString(text)) => {
                let text = Expression { node: Node::Literal(Literal::Text(text.clone())), kind: Kind::Text, at };
                self.as_date(text)
            }
            (other, _) => self.problem(Code::ConstructRefused, &at, format!("a constant of type `{other}`")),
        }
    }

    pub(super) fn interval(&mut self, interval: &Interval) -> Expression {
        const MOST: i32 = 10_000;
        let value = self.expression(&interval.value);
        let written = match value.constant() {
            Some(Literal::Text(text)) => text.clone(),
            Some(Literal::Whole(number)) => number.to_string(),
            _ => String::new(),
        };
        let unit = interval.leading_field.as_ref().map(ToString::to_string);
        let mut words = written.split_whitespace().map(ToOwned::to_owned).chain(unit);
        let count = words.next().and_then(|count| count.parse::<i32>().ok()).filter(|count| count.abs() <= MOST);
        let word = words.next().unwrap_or_default().to_ascii_lowercase();
        match (count, interval_unit(&word), words.next()) {
            (Some(count), Some(unit), None) => {
                Expression { node: Node::Interval(count, unit), kind: Kind::Interval, at: value.at }
            }
            _ => {
                let problem =
                    Diagnostic::at(Code::ConstructRefused, self.span(&value.at), "an interval that cannot be read");
                let problem = problem.help("write INTERVAL '3 months': days, weeks, months or years");
                self.report(problem.suggest(&word, ["days", "weeks", "months", "years"]), &value.at)
            }
        }
    }
}

fn interval_unit(word: &str) -> Option<&'static str> {
    ["day", "week", "month", "year"].into_iter().find(|unit| word.strip_suffix('s').unwrap_or(word) == *unit)
}
