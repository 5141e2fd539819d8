//! What milestone ladders mean.

use headwater_diagnostics::{Code, Diagnostic};

use super::syntax::{RawLadder, RawMilestone, RawOutOfOrder};
use crate::check::{Checking, Fate, Reads};
use crate::expression::{Expression, Kind, Stage, check_expression};
use crate::header::Header;
use crate::kinds::predicate::Predicate;
use crate::reading::Word;
use crate::testing::TestedKind;

/// A ladder that can be computed.
#[derive(Debug, Clone)]
pub(crate) struct Ladder {
    pub(crate) header: Header,
    pub(crate) milestones: Vec<Milestone>,
    pub(crate) out_of_order: Vec<OutOfOrder>,
}

/// One milestone.
#[derive(Debug, Clone)]
pub(crate) struct Milestone {
    pub(crate) id: String,
    pub(crate) reached_when: Predicate,
    pub(crate) reached_on: Option<Expression>,
    pub(crate) due_within_days: Option<i64>,
}

/// A milestone that must not be reached before another.
#[derive(Debug, Clone)]
pub(crate) struct OutOfOrder {
    pub(crate) header: Header,
    pub(crate) milestone: String,
    pub(crate) before: String,
}

/// Checks all ladders; the answer is sorted by id.
pub(crate) fn check(raw: &[RawLadder], checking: &mut Checking<'_>) -> Vec<Ladder> {
    let mut ladders: Vec<_> = raw.iter().filter_map(|ladder| check_ladder(ladder, checking)).collect();
    ladders.sort_by(|a, b| a.header.id.text.cmp(&b.header.id.text));
    ladders
}

fn check_ladder(raw: &RawLadder, checking: &mut Checking<'_>) -> Option<Ladder> {
    raw.header.warn_if_unexplained("the milestone ladder", false, &mut checking.used.problems);
    checking.unique("milestone", raw.milestones.iter().map(|milestone| &milestone.id));
    let mut reads = Reads::default();
    let checked: Vec<_> =
        raw.milestones.iter().filter_map(|milestone| check_milestone(milestone, &mut reads, checking)).collect();
    let flags: Vec<_> = raw.out_of_order.iter().filter_map(|flag| check_out_of_order(flag, raw, checking)).collect();
    let id = &raw.header.id.text;
    let gives: Vec<_> = raw.milestone_ids().iter().map(|milestone| format!("milestone.{id}.{milestone}")).collect();
    let fate = checking.settle(TestedKind::MilestoneLadder, &raw.header, &reads, &gives);
    if fate == Fate::Skipped {
        for flag in &flags {
            checking.skip(TestedKind::Milestone, &flag.header, format!("its ladder `{id}` was left out"));
        }
    }
    (fate == Fate::Kept).then(|| Ladder { header: raw.header.clone(), milestones: checked, out_of_order: flags })
}

fn check_milestone(raw: &RawMilestone, reads: &mut Reads, checking: &mut Checking<'_>) -> Option<Milestone> {
    let reached_on = raw.reached_on.as_ref().map(|written| {
        let checked = check_expression(written, Stage::Judgement, checking.names, &mut checking.used);
        if !checked.expression.kind.fits(Kind::Date) {
            let message = format!("the expression gives {}, not a date", checked.expression.kind.words());
            checking.problem(Code::TypeMismatch, written.whole(), message);
        }
        reads.expression(&checked);
        checking.plan([&checked]);
        checked.expression
    });
    let reached_when = raw.reached_when.as_ref()?.check(Stage::Judgement, checking.names, &mut checking.used);
    reads.expressions(&reached_when.written);
    checking.plan(&reached_when.written);
    Some(Milestone { id: raw.id.text.clone(), reached_when, reached_on, due_within_days: raw.due_within_days })
}

fn check_out_of_order(raw: &RawOutOfOrder, ladder: &RawLadder, checking: &mut Checking<'_>) -> Option<OutOfOrder> {
    let milestone = position(raw.milestone.as_ref()?, ladder, checking);
    let before = position(raw.before.as_ref()?, ladder, checking);
    let ((at, milestone), (before_at, before)) = (milestone?, before?);
    if at <= before_at {
        let place = raw.before.as_ref().map_or(raw.header.id.span, |word| word.span);
        let message = format!("`{before}` does not stand before `{milestone}` in the ladder");
        checking.problem(Code::Contradiction, place, message);
    }
    Some(OutOfOrder { header: raw.header.clone(), milestone, before })
}

fn position(word: &Word, ladder: &RawLadder, checking: &mut Checking<'_>) -> Option<(usize, String)> {
    let found = ladder.milestones.iter().position(|milestone| milestone.id.text == word.text);
    if found.is_none() {
        let message = format!("the ladder `{}` has no milestone `{}`", ladder.header.id.text, word.text);
        let known = ladder.milestone_ids();
        let problem = Diagnostic::at(Code::UnknownMilestone, word.span, message);
        checking.used.problems.push(problem.one_of(&word.text, known.iter().map(String::as_str)));
    }
    found.map(|at| (at, word.text.clone()))
}
