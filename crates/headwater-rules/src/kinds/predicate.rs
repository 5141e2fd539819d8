//! Predicates in their three forms: one expression, all of several, any of several.

use headwater_diagnostics::yaml::{Fields, Holds, Node, Shape, Value, key, required};
use headwater_diagnostics::{Code, Diagnostic, Diagnostics, Span};

use crate::expression::{
    Checked, Expression, Kind, Leaf, Names, Stage, Use, both_hold, check_expression, leaves, never_holds,
};
use crate::reading::{Reading, Word, Written, first_of};

/// A predicate: one expression, or several of which all or any must hold.
pub(crate) const PREDICATE: Holds = Holds::Either(&[Holds::Text, Holds::Map(&SEVERAL)]);

const SEVERAL: Shape = Shape {
    what: "a predicate",
    keys: &[&[
        key("all", CONDITIONS, "conditions that must all hold"),
        key("any", CONDITIONS, "conditions of which one must hold"),
    ]],
    one_of: &[&["all", "any"]],
};
const CONDITIONS: Holds = Holds::Items(&Holds::Either(&[Holds::Text, Holds::Map(&CONDITION)]));
const CONDITION: Shape = Shape::new(
    "a condition",
    &[&[
        key("id", Holds::Id, "its name in evidence and tests; its number where not given"),
        required("expr", Holds::Text, "an SQL expression that is true or false"),
    ]],
);

/// A predicate as written.
#[derive(Debug)]
pub(crate) struct RawPredicate {
    any: bool,
    items: Vec<RawItem>,
}

#[derive(Debug)]
struct RawItem {
    id: Option<Word>,
    expression: Written,
}

/// A predicate whose conditions are known.
#[derive(Debug, Clone)]
pub(crate) struct Predicate {
    /// The predicate as one expression.
    pub(crate) whole: Expression,
    /// Its leaf conditions, in the order written.
    pub(crate) leaves: Vec<Leaf>,
    /// The expressions it was written as.
    pub(crate) written: Vec<Checked>,
}

impl RawPredicate {
    /// Reads a predicate under the key `name`; a problem where it has none of the three forms.
    pub(crate) fn read(node: &Node, name: &'static str, reading: &mut Reading<'_>) -> Option<Self> {
        match &node.value {
            Value::Text(_) => {
                let expression = reading.written(node, name)?;
                Some(Self { any: false, items: vec![RawItem { id: None, expression }] })
            }
            Value::Map(_) => Self::read_list(node, reading),
            _ => {
                reading.wrong_shape(node, name, "an expression in quotes, `all: [..]` or `any: [..]`");
                None
            }
        }
    }

    fn read_list(node: &Node, reading: &mut Reading<'_>) -> Option<Self> {
        let mut fields = Fields::shaped(node, &SEVERAL, reading.problems)?;
        let all = fields.take_with_key("all");
        let any = fields.take_with_key("any");
        let (list, is_any) = match (all, any) {
            (Some((key, _)), Some(_)) => {
                let problem =
                    Diagnostic::at(Code::ConflictingKeys, key.span, "a predicate has `all` or `any`, not both");
                reading.problems.push(problem.help("put AND and OR into one expression instead"));
                None
            }
            (Some((_, list)), None) => Some((list, false)),
            (None, Some((_, list))) => Some((list, true)),
            (None, None) => {
                let problem = Diagnostic::at(Code::MissingKey, first_of(node.span), "a predicate needs `all` or `any`");
                reading.problems.push(problem);
                None
            }
        }?;
        fields.finish(reading.problems);
        let Value::List(nodes) = &list.value else {
            reading.wrong_shape(list, if is_any { "any" } else { "all" }, "a list");
            return None;
        };
        if nodes.is_empty() {
            let message = "a predicate without conditions";
            reading.problems.push(Diagnostic::at(Code::InvalidValue, list.span, message));
            return None;
        }
        let items = nodes.iter().filter_map(|item| RawItem::read(item, reading)).collect();
        Some(Self { any: is_any, items })
    }

    /// Checks every condition at `stage`.
    pub(crate) fn check(&self, stage: Stage, names: &Names<'_>, used: &mut Use) -> Predicate {
        let mut seen: Vec<&str> = Vec::new();
        let mut written = Vec::new();
        for item in &self.items {
            if let Some(id) = &item.id {
                if seen.contains(&id.text.as_str()) {
                    let message = format!("two conditions with the id `{}`", id.text);
                    used.problems.push(Diagnostic::at(Code::DuplicateId, id.span, message));
                }
                seen.push(&id.text);
            }
            written.push(check_condition(&item.expression, stage, names, used));
        }
        let conditions: Vec<_> = self
            .items
            .iter()
            .zip(&written)
            .map(|(item, checked)| (item.id.as_ref().map(|id| id.text.clone()), checked.expression.clone()))
            .collect();
        let predicate = Predicate::new(&conditions, self.any, written);
        if let (Some(value), Some(first)) = (never_holds(&predicate.whole), self.items.first()) {
            let message = format!("the condition never holds: there is no such `{value}`");
            used.problems.push(Diagnostic::at(Code::NeverHolds, first.expression.whole(), message));
        }
        predicate
    }
}

impl RawItem {
    fn read(node: &Node, reading: &mut Reading<'_>) -> Option<Self> {
        match &node.value {
            Value::Map(_) => {
                let mut fields = Fields::shaped(node, &CONDITION, reading.problems)?;
                let id = reading.word_at(&mut fields, "id");
                if let Some(id) = &id {
                    reading.check_id(id);
                }
                let expression = reading.require_written(&mut fields, "expr");
                fields.finish(reading.problems);
                Some(Self { id, expression: expression? })
            }
            _ => Some(Self { id: None, expression: reading.written(node, "a condition")? }),
        }
    }
}

impl Predicate {
    /// A predicate over checked conditions.
    pub(crate) fn new(conditions: &[(Option<String>, Expression)], any: bool, written: Vec<Checked>) -> Self {
        let parts: Vec<_> = conditions.iter().map(|(_, expression)| expression.clone()).collect();
        let whole = Expression::joined(parts, any);
        Self { whole, leaves: leaves(conditions), written }
    }
}

/// What ends something must be another condition than the one that begins it, and should not hold beside it. The answer
/// is the place to speak of: where the condition is written, its text where it is one, else where its list begins.
pub(crate) fn check_distance(
    when: &Predicate,
    exit: &Predicate,
    place: Span,
    what: &str,
    problems: &mut Diagnostics,
) -> Span {
    let place = match exit.written.as_slice() {
        [only] => only.written.whole(),
        _ => first_of(place),
    };
    if when.whole.to_string() == exit.whole.to_string() {
        let problem = Diagnostic::at(Code::Contradiction, place, format!("the {what} would end where it begins"))
            .label("the same condition as `when`")
            .help(format!("leave `exit_when` out: then the {what} ends where `when` no longer holds"));
        problems.push(problem);
    } else if let Some(example) = both_hold(&when.whole, &exit.whole) {
        let problem =
            Diagnostic::at(Code::ConditionsOverlap, place, "`when` and `exit_when` can hold at the same time")
                .label(format!("both do for {example}"))
                .help(format!("the {what} goes on there; leave a distance between the two"));
        problems.push(problem);
    }
    place
}

/// An expression that must be true, false or unknown.
pub(crate) fn check_condition(written: &Written, stage: Stage, names: &Names<'_>, used: &mut Use) -> Checked {
    let checked = check_expression(written, stage, names, used);
    if !checked.expression.kind.fits(Kind::Flag) {
        let message = format!("the expression gives {}, not true or false", checked.expression.kind.words());
        let problem = Diagnostic::at(Code::NotACondition, written.whole(), message);
        used.problems.push(problem.help("compare it with something"));
    }
    checked
}
