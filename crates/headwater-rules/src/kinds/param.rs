//! Parameters: named, typed constants that many rules share.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use headwater_diagnostics::yaml::{self, Fields, Holds, Key, Node, Shape, Value, key, required};
use headwater_diagnostics::{Code, Diagnostic, Diagnostics};

use crate::expression::Literal;
use crate::reading::{Reading, Word};

/// A parameter.
#[derive(Debug)]
pub(crate) struct RawParam {
    pub(crate) id: Word,
    /// The type of its value; none where it was refused.
    kind: Option<&'static str>,
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
        let value = kind.zip(written).and_then(|(kind, node)| {
            let found = value(kind, node);
            if found.is_none() {
                match kind {
                    "integer" | "decimal" => reading.problems.push(yaml::no_number(node, "value", expected(kind))),
                    _ => reading.wrong_shape(node, "value", expected(kind)),
                }
            }
            found
        });
        fields.finish(reading.problems);
        Some(Self { id, kind, value })
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

fn value(kind: &str, node: &Node) -> Option<Literal> {
    match (kind, &node.value) {
        ("integer" | "decimal", Value::Integer(number)) => Some(Literal::Whole(*number)),
        ("decimal", Value::Float(number, text)) if number.is_finite() => Some(Literal::Real(text.clone())),
        ("text", Value::Text(text)) => Some(Literal::Text(text.clone())),
        ("date", Value::Text(text)) => text.parse::<NaiveDate>().ok().map(Literal::Date),
        ("flag", Value::Bool(flag)) => Some(Literal::Flag(*flag)),
        _ => None,
    }
}

/// What a value of a type is, in words.
fn expected(kind: &str) -> &'static str {
    match kind {
        "integer" => "a whole number",
        "decimal" => "a number",
        "date" => "a date, written YYYY-MM-DD",
        "flag" => "`true` or `false`",
        _ => "text",
    }
}

/// The values of all parameters: those that the project gives, else those of the rule files.
pub(crate) fn values(
    params: &[RawParam],
    given: &[(Key, Node)],
    problems: &mut Diagnostics,
) -> BTreeMap<String, Option<Literal>> {
    let mut values: BTreeMap<_, _> = params.iter().map(|param| (param.id.text.clone(), param.value.clone())).collect();
    for (key, node) in given {
        let Some(param) = params.iter().find(|param| param.id.text == key.name) else {
            let problem = Diagnostic::at(Code::UnknownParameter, key.span, format!("unknown parameter `{}`", key.name));
            let known = params.iter().map(|param| param.id.text.as_str());
            problems.push(problem.label("no rule file declares it").suggest(&key.name, known));
            continue;
        };
        let Some(kind) = param.kind else { continue };
        let found = value(kind, node);
        if found.is_none() {
            let message = format!("`{}` must be {}, not {}", key.name, expected(kind), node.words());
            problems.push(Diagnostic::at(Code::WrongShape, node.span, message));
        }
        values.insert(key.name.clone(), found);
    }
    values
}
