//! Parameters: named, typed constants that many rules share.

use chrono::NaiveDate;
use headwater_diagnostics::yaml::{Fields, Holds, Node, Shape, Value, key, required};
use headwater_diagnostics::{Code, Diagnostic};

use crate::expression::Literal;
use crate::reading::{Reading, Word};

/// A parameter.
#[derive(Debug)]
pub(crate) struct RawParam {
    pub(crate) id: Word,
    /// Its value; none where it was refused.
    pub(crate) value: Option<Literal>,
}

/// A parameter as written.
pub(crate) const PARAMETER: Shape = Shape::new(
    "a parameter",
    &[&[
        required("id", Holds::Id, "its name: conditions call it `param.<id>`"),
        key("description", Holds::Text, "what it means"),
        required("type", Holds::Words(&TYPES), "what its value is"),
        required("value", Holds::Scalar, "its value, of that type"),
    ]],
);

const TYPES: [&str; 5] = ["integer", "decimal", "text", "date", "flag"];

impl RawParam {
    pub(crate) fn read(node: &Node, reading: &mut Reading<'_>) -> Option<Self> {
        let mut fields = Fields::shaped(node, &PARAMETER, reading.problems)?;
        let id = reading.id(&mut fields);
        fields.text("description", reading.problems);
        let kind = match fields.require("type", reading.problems) {
            Some(node) => choice(node, reading),
            None => None,
        };
        let written = fields.require("value", reading.problems);
        let value = kind.zip(written).and_then(|(kind, node)| value(kind, node, reading));
        fields.finish(reading.problems);
        Some(Self { id, value })
    }
}

fn choice(node: &Node, reading: &mut Reading<'_>) -> Option<&'static str> {
    let word = reading.word(node, "type")?;
    let found = TYPES.iter().find(|known| **known == word.text).copied();
    if found.is_none() {
        let problem =
            Diagnostic::at(Code::InvalidValue, node.span, format!("`{}` is no type of a parameter", word.text));
        reading.problems.push(problem.one_of(&word.text, TYPES));
    }
    found
}

fn value(kind: &str, node: &Node, reading: &mut Reading<'_>) -> Option<Literal> {
    let found = match (kind, &node.value) {
        ("integer" | "decimal", Value::Integer(number)) => Some(Literal::Whole(*number)),
        ("decimal", Value::Float(number, text)) if number.is_finite() => Some(Literal::Real(text.clone())),
        ("text", Value::Text(text)) => Some(Literal::Text(text.clone())),
        ("date", Value::Text(text)) => text.parse::<NaiveDate>().ok().map(Literal::Date),
        ("flag", Value::Bool(flag)) => Some(Literal::Flag(*flag)),
        _ => None,
    };
    if found.is_none() {
        let expected = match kind {
            "integer" => "a whole number",
            "decimal" => "a number",
            "date" => "a date, written YYYY-MM-DD",
            "flag" => "`true` or `false`",
            _ => "text",
        };
        reading.wrong_shape(node, "value", expected);
    }
    found
}
