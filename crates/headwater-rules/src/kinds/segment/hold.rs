//! What keeps an account where it is: how long it must belong elsewhere before it goes there, and what ends its stay.

use headwater_diagnostics::yaml::{Fields, Holds, Node, Shape, key};
use headwater_diagnostics::{Code, Diagnostic, Span};

use super::syntax::RawSegment;
use crate::check::{Checking, Reads};
use crate::expression::{Stage, shape};
use crate::kinds::predicate::{PREDICATE, Predicate, RawPredicate, check_distance};
use crate::kinds::stretch::{COUNTED, MOST_COUNTED, STRETCH, Stretch, USUAL_GAP_DAYS};
use crate::reading::{Reading, first_of};

/// `hold` of a segment.
pub(super) const HOLD: Shape = Shape::new(
    "`hold`",
    &[&[
        key("enter_for", Holds::Map(&STRETCH), "how long an account must belong here before it comes here"),
        key("exit_when", PREDICATE, "what ends its stay; without it, that `when` no longer holds"),
        key("exit_for", Holds::Map(&STRETCH), "how long that must hold"),
        key("max_gap_days", COUNTED, "days without a published night after which counting starts again"),
    ]],
);

/// What holds members of a segment, as written.
#[derive(Debug)]
pub(crate) struct RawHold {
    span: Span,
    enter_for: Option<Stretch>,
    exit_when: Option<(Span, RawPredicate)>,
    exit_for: Option<Stretch>,
    max_gap_days: Option<i64>,
}

/// What holds members of a segment.
#[derive(Debug, Clone)]
pub(crate) struct Hold {
    pub(super) enter_for: Stretch,
    /// What ends a stay; where there is nothing, that the segment's own condition does not hold.
    pub(crate) exit_when: Option<Predicate>,
    pub(super) exit_for: Stretch,
    pub(super) max_gap_days: i64,
}

impl Default for Hold {
    /// Accounts come and go at once.
    fn default() -> Self {
        let (enter_for, exit_for) = (Stretch::ONE_NIGHT, Stretch::ONE_NIGHT);
        Self { enter_for, exit_when: None, exit_for, max_gap_days: USUAL_GAP_DAYS }
    }
}

impl RawHold {
    pub(super) fn read(node: &Node, reading: &mut Reading<'_>) -> Option<Self> {
        let mut fields = Fields::shaped(node, &HOLD, reading.problems)?;
        let enter_for = fields.take("enter_for");
        let exit_when = fields.take("exit_when");
        let exit_for = fields.take("exit_for");
        let is_empty = enter_for.is_none() && exit_when.is_none() && exit_for.is_none();
        if is_empty && !fields.has_unknown() {
            let problem = Diagnostic::at(Code::MissingKey, first_of(node.span), "a hold that holds nobody");
            reading.problems.push(problem.help("give `enter_for`, `exit_when` or `exit_for`"));
        }
        let exit_when = exit_when.and_then(|node| Some((node.span, RawPredicate::read(node, "exit_when", reading)?)));
        let max_gap_days = fields.integer("max_gap_days", 1, MOST_COUNTED, reading.problems);
        fields.finish(reading.problems);
        Some(Self {
            span: node.span,
            enter_for: enter_for.and_then(|node| Stretch::read(node, reading)),
            exit_when,
            exit_for: exit_for.and_then(|node| Stretch::read(node, reading)),
            max_gap_days,
        })
    }

    /// Checks what holds members of `segment`, whose condition is `when`.
    pub(super) fn check(
        &self,
        segment: &RawSegment,
        when: Option<&Predicate>,
        reads: &mut Reads,
        checking: &mut Checking<'_>,
    ) -> Hold {
        if segment.otherwise && (self.exit_when.is_some() || self.exit_for.is_some()) {
            let place = self.exit_when.as_ref().map_or(self.span, |(place, _)| *place);
            let message = format!("`{}` takes the rest, so nothing of its own ends a stay in it", segment.id.text);
            let problem = Diagnostic::at(Code::Contradiction, first_of(place), message);
            checking.used.problems.push(problem.help("`hold` of the last segment has `enter_for` alone"));
        }
        let exit_when = self.exit_when.as_ref().map(|(place, raw)| {
            let exit = raw.check(Stage::Judgement, checking.names, &mut checking.used);
            reads.expressions(&exit.written);
            checking.plan(&exit.written);
            if let Some(when) = when {
                check_distance(when, &exit, *place, "stay in the segment", &mut checking.used.problems);
            }
            exit
        });
        Hold {
            enter_for: self.enter_for.unwrap_or(Stretch::ONE_NIGHT),
            exit_when,
            exit_for: self.exit_for.unwrap_or(Stretch::ONE_NIGHT),
            max_gap_days: self.max_gap_days.unwrap_or(USUAL_GAP_DAYS),
        }
    }
}

impl Hold {
    /// What must be the same for what was counted to count further: constants may move.
    pub(super) fn shape(&self) -> String {
        let exit = self.exit_when.as_ref().map_or_else(String::new, |exit| shape(&exit.whole));
        format!("{}\n{exit}\n{}", self.enter_for.counted().0, self.exit_for.counted().0)
    }
}
