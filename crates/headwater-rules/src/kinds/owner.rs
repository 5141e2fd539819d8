//! Owners: who answers for rules, and who else is told of what they say.

use headwater_diagnostics::yaml::{Fields, Holds, Node, Shape, key, required};
use headwater_diagnostics::{Code, Diagnostic, Diagnostics, Span};

use crate::reading::{Reading, Word};

/// An owner as written.
pub(crate) const OWNER: Shape = Shape::new(
    "an owner",
    &[&[
        required("id", Holds::Id, "the name in `owner` of rules"),
        key("name", Holds::Text, "the name for people"),
        key("contact", Holds::Text, "how to reach them: an address, a channel"),
        key("subscribers", Holds::List(&Holds::Text), "who else is told: addresses, channels"),
    ]],
);

/// Who answers for rules.
#[derive(Debug, Clone)]
pub(crate) struct Owner {
    pub(crate) id: Word,
    /// Who is told of what their rules say: how to reach them, and who else is.
    pub(crate) subscribers: Vec<String>,
}

impl Owner {
    pub(crate) fn read(node: &Node, reading: &mut Reading<'_>) -> Option<Self> {
        let mut fields = Fields::shaped(node, &OWNER, reading.problems)?;
        let id = reading.id(&mut fields);
        fields.text("name", reading.problems);
        let contact = fields.text("contact", reading.problems);
        let mut subscribers: Vec<String> = contact.into_iter().collect();
        for subscriber in fields.texts("subscribers", reading.problems) {
            if !subscribers.contains(&subscriber) {
                subscribers.push(subscriber);
            }
        }
        fields.finish(reading.problems);
        Some(Self { id, subscribers })
    }
}

/// Refuses owners that are not declared, where any is: `named` are the owners of rules with their places.
pub(crate) fn check<'a>(
    owners: &[Owner],
    named: impl IntoIterator<Item = (&'a str, Span)>,
    problems: &mut Diagnostics,
) {
    if owners.is_empty() {
        return;
    }
    let known = || owners.iter().map(|owner| owner.id.text.as_str());
    let mut told = Vec::new();
    for (name, place) in named {
        // What a file gives to its rules is written once.
        if known().any(|owner| owner == name) || told.contains(&place) {
            continue;
        }
        told.push(place);
        let problem = Diagnostic::at(Code::UnknownOwner, place, format!("unknown owner `{name}`"));
        problems.push(problem.one_of(name, known()));
    }
}
