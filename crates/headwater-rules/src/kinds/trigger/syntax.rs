//! Triggers as written.

use headwater_diagnostics::yaml::{Fields, Holds, Node, Shape, key, required};

use super::check::OnNull;
use super::timing::{RawTiming, TIMING};
use crate::header::{Defaults, EFFECTIVE, HEADER, Header, SEVERITY};
use crate::kinds::predicate::{PREDICATE, RawPredicate};
use crate::reading::{Reading, Word, Written};

/// A trigger as written.
pub(crate) const TRIGGER: Shape = Shape::new(
    "a trigger",
    &[
        HEADER,
        SEVERITY,
        EFFECTIVE,
        &[
            required("when", PREDICATE, "what must hold of an account"),
            key("scope", Holds::Text, "the accounts it is about, as a condition"),
            key("after", Holds::Text, "`<ladder>.<milestone>`, without which a flag is held back"),
            key(
                "on_null",
                Holds::Words(&ON_NULL),
                "what an unknown condition does: it does not match (the default), it matches, or it holds the night",
            ),
            key("value_at_stake", Holds::Text, "the amount at stake, as an expression"),
            key("play", Holds::Text, "what to do about it"),
            key("annotations", Holds::Map(&ANNOTATIONS), "words for people"),
        ],
        TIMING,
    ],
);
const ANNOTATIONS: Shape = Shape::new(
    "`annotations`",
    &[&[key("summary", Holds::Text, "the flag in a sentence, with the names of metrics in braces")]],
);
const ON_NULL: [&str; 3] = ["no_match", "match", "error"];

/// A trigger.
#[derive(Debug)]
pub(crate) struct RawTrigger {
    pub(crate) header: Header,
    pub(crate) when: Option<RawPredicate>,
    /// The accounts it is about.
    pub(crate) scope: Option<Written>,
    /// The milestone without which it is held back.
    pub(crate) after: Option<Word>,
    pub(crate) on_null: OnNull,
    pub(crate) timing: RawTiming,
    pub(crate) value_at_stake: Option<Written>,
    pub(crate) play: Option<String>,
    /// What the flag says, with the names of columns in braces.
    pub(crate) summary: Option<Written>,
}

impl RawTrigger {
    pub(crate) fn read(node: &Node, defaults: &Defaults, reading: &mut Reading<'_>) -> Option<Self> {
        let mut fields = Fields::shaped(node, &TRIGGER, reading.problems)?;
        let header = Header::read(node, &mut fields, defaults, reading).with_severity(&mut fields, reading);
        let header = header.with_effective(&mut fields, reading);
        let when =
            fields.require("when", reading.problems).and_then(|value| RawPredicate::read(value, "when", reading));
        let scope = reading.written_at(&mut fields, "scope");
        let after = reading.word_at(&mut fields, "after");
        let on_null = match fields.choice("on_null", &ON_NULL, reading.problems) {
            Some(1) => OnNull::Match,
            Some(2) => OnNull::Error,
            _ => OnNull::NoMatch,
        };
        let timing = RawTiming::read(&mut fields, reading);
        let value_at_stake = reading.written_at(&mut fields, "value_at_stake");
        let play = fields.text("play", reading.problems);
        let summary = fields.take("annotations").and_then(|node| {
            let mut annotations = Fields::shaped(node, &ANNOTATIONS, reading.problems)?;
            let summary = reading.written_at(&mut annotations, "summary");
            annotations.finish(reading.problems);
            summary
        });
        fields.finish(reading.problems);
        Some(Self { header, when, scope, after, on_null, timing, value_at_stake, play, summary })
    }
}
