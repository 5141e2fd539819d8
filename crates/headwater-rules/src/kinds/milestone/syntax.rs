//! Milestone ladders as written.

use headwater_diagnostics::yaml::{Fields, Holds, Node, Shape, key, required};

use headwater_diagnostics::{Code, Diagnostic};

use crate::header::{Defaults, HEADER, Header, SEVERITY};
use crate::kinds::predicate::{PREDICATE, RawPredicate};
use crate::reading::{Reading, Word, Written};

/// A milestone ladder as written.
pub(crate) const LADDER: Shape = Shape::new(
    "a milestone ladder",
    &[
        HEADER,
        &[
            required(
                "milestones",
                Holds::Items(&Holds::Map(&MILESTONE)),
                "in order; an account is at the last one reached without a gap",
            ),
            key("out_of_order", Holds::List(&Holds::Map(&OUT_OF_ORDER)), "which skips are flagged"),
        ],
    ],
);
const MILESTONE: Shape = Shape::new(
    "a milestone",
    &[&[
        required("id", Holds::Id, "its name"),
        key("description", Holds::Text, "what it means"),
        required("reached_when", PREDICATE, "what tells that an account has reached it"),
        key("reached_on", Holds::Text, "the day, where a metric knows it; else the first night that sees it"),
        key("due_within_days", Holds::Integer(1, MOST_DAYS), "days from sign-up within which it should be reached"),
    ]],
);
const OUT_OF_ORDER: Shape = Shape::new(
    "an out-of-order flag",
    &[
        HEADER,
        SEVERITY,
        &[
            required("milestone", Holds::Text, "the milestone reached too early"),
            required("before", Holds::Text, "the one that should have come first"),
        ],
    ],
);

/// A milestone ladder.
#[derive(Debug)]
pub(crate) struct RawLadder {
    pub(crate) header: Header,
    /// In order: each one is meant to be reached after those before it.
    pub(crate) milestones: Vec<RawMilestone>,
    pub(crate) out_of_order: Vec<RawOutOfOrder>,
}

/// One milestone.
#[derive(Debug)]
pub(crate) struct RawMilestone {
    pub(crate) id: Word,
    pub(crate) reached_when: Option<RawPredicate>,
    /// The day it was reached, where the metrics know it.
    pub(crate) reached_on: Option<Written>,
    /// Days from sign-up within which it should be reached.
    pub(crate) due_within_days: Option<i64>,
}

/// A milestone that must not be reached before another.
#[derive(Debug)]
pub(crate) struct RawOutOfOrder {
    pub(crate) header: Header,
    pub(crate) milestone: Option<Word>,
    pub(crate) before: Option<Word>,
}

/// Longest time to a milestone that makes sense: ten years.
const MOST_DAYS: i64 = 3_660;

impl RawLadder {
    pub(crate) fn read(node: &Node, defaults: &Defaults, reading: &mut Reading<'_>) -> Option<Self> {
        let mut fields = Fields::shaped(node, &LADDER, reading.problems)?;
        let header = Header::read(node, &mut fields, defaults, reading);
        let nodes = reading.require_list(&mut fields, "milestones");
        let milestones = nodes.iter().filter_map(|node| RawMilestone::read(node, reading)).collect();
        let nodes = fields.list("out_of_order", reading.problems);
        let out_of_order =
            nodes.iter().filter_map(|node| RawOutOfOrder::read(node, &header, defaults, reading)).collect();
        fields.finish(reading.problems);
        Some(Self { header, milestones, out_of_order })
    }

    /// The milestones' ids in order.
    pub(crate) fn milestone_ids(&self) -> Vec<String> {
        self.milestones.iter().map(|milestone| milestone.id.text.clone()).collect()
    }
}

impl RawMilestone {
    fn read(node: &Node, reading: &mut Reading<'_>) -> Option<Self> {
        let mut fields = Fields::shaped(node, &MILESTONE, reading.problems)?;
        let id = reading.id(&mut fields);
        if id.text == "none" {
            let problem = Diagnostic::at(Code::InvalidValue, id.span, "`none` is who has reached no milestone");
            reading.problems.push(problem.help("choose another id"));
        }
        fields.text("description", reading.problems);
        let reached_when = fields
            .require("reached_when", reading.problems)
            .and_then(|value| RawPredicate::read(value, "reached_when", reading));
        let reached_on = reading.written_at(&mut fields, "reached_on");
        let due_within_days = fields.integer("due_within_days", 1, MOST_DAYS, reading.problems);
        fields.finish(reading.problems);
        Some(Self { id, reached_when, reached_on, due_within_days })
    }
}

impl RawOutOfOrder {
    fn read(node: &Node, ladder: &Header, defaults: &Defaults, reading: &mut Reading<'_>) -> Option<Self> {
        let mut fields = Fields::shaped(node, &OUT_OF_ORDER, reading.problems)?;
        let own = Header::read(node, &mut fields, defaults, reading).with_severity(&mut fields, reading);
        let header = Header {
            description: own.description.clone().or_else(|| ladder.description.clone()),
            owner: own.owner.clone().or_else(|| ladder.owner.clone()),
            owner_place: own.owner_place.or(ladder.owner_place),
            ..own
        };
        let milestone = reading.require_word(&mut fields, "milestone");
        let before = reading.require_word(&mut fields, "before");
        fields.finish(reading.problems);
        Some(Self { header, milestone, before })
    }
}
