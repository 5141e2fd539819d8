//! What triggers mean.

use std::collections::BTreeMap;

use headwater_diagnostics::{Code, Diagnostic};

use super::syntax::RawTrigger;
use super::timing::{Limit, RawTiming, Wait};
use crate::check::{Checking, Fate, Reads};
use crate::expression::{Checked, Column, ColumnSource, Expression, Kind, Leaf, Stage, check_expression, shape};
use crate::header::Header;
use crate::kinds::milestone::RawLadder;
use crate::kinds::predicate::{Predicate, check_condition, check_distance};
use crate::kinds::stretch::Stretch;
use crate::reading::{Word, Written};
use crate::testing::TestedKind;

/// A trigger that can be computed.
#[derive(Debug, Clone)]
pub(crate) struct Trigger {
    pub(crate) header: Header,
    pub(crate) when: Predicate,
    pub(crate) scope: Option<Predicate>,
    /// The column of the milestone without which it is held back, and the milestone as written.
    pub(crate) after: Option<(Column, String)>,
    pub(crate) on_null: OnNull,
    pub(crate) timing: Timing,
    pub(crate) value_at_stake: Option<Expression>,
    pub(crate) play: Option<String>,
    pub(crate) summary: Vec<SummaryPart>,
}

/// When a flag begins and ends in time.
#[derive(Debug, Clone)]
pub(crate) struct Timing {
    pub(crate) wait: Wait,
    /// What ends the flag; where there is nothing, that the condition no longer holds.
    pub(crate) exit_when: Option<Predicate>,
    pub(crate) keep_firing_for: Option<Stretch>,
    /// Whether a flag goes on while nothing is known of its account.
    pub(crate) holds: bool,
    pub(crate) limit: Option<Limit>,
    /// A longer time without a published night, or without anything known of an account, ends all counting.
    pub(crate) max_gap_days: i64,
}

/// What an unknown condition does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnNull {
    NoMatch,
    Match,
    /// The night is not published.
    Error,
}

/// A piece of the sentence a flag says.
#[derive(Debug, Clone)]
pub(crate) enum SummaryPart {
    Words(String),
    Value(Expression),
}

impl Timing {
    fn new(raw: &RawTiming, exit_when: Option<Predicate>) -> Self {
        let RawTiming { wait, keep_firing_for, holds, limit, max_gap_days, .. } = *raw;
        Self { wait: wait.unwrap_or_default(), exit_when, keep_firing_for, holds, limit, max_gap_days }
    }
}

impl Trigger {
    /// The columns that it names, the milestone it waits for among them.
    pub(crate) fn names(&self) -> Vec<String> {
        let columns = self.expressions().flat_map(Expression::columns);
        columns.chain(self.after.iter().map(|(column, _)| column)).map(|column| column.name.clone()).collect()
    }

    /// Everything that is evaluated for an account.
    pub(crate) fn expressions(&self) -> impl Iterator<Item = &Expression> {
        let conditions = [Some(&self.when), self.scope.as_ref(), self.timing.exit_when.as_ref()].into_iter().flatten();
        conditions.map(|condition| &condition.whole).chain(&self.value_at_stake).chain(self.values_shown())
    }

    /// The conditions that end its flag, under ids that no condition of its own has.
    pub(crate) fn exits(&self) -> impl Iterator<Item = (String, &Leaf)> {
        let leaves = self.timing.exit_when.iter().flat_map(|exit| &exit.leaves);
        leaves.map(|leaf| (exit_id(leaf), leaf))
    }

    /// What the state of its flags rests on: its conditions but for their constants, and how it counts. Where this is
    /// another than on the night before, the state of that night says nothing.
    pub(crate) fn shape(&self) -> String {
        let of =
            |condition: &Option<Predicate>| condition.as_ref().map_or_else(String::new, |given| shape(&given.whole));
        let counted = |stretch: &Stretch| stretch.counted().0;
        let wait = match &self.timing.wait {
            Wait::Row(stretch) => counted(stretch),
            Wait::Matches { .. } => "matches",
        };
        let kept = self.timing.keep_firing_for.as_ref().map_or("", counted);
        let conditions = [shape(&self.when.whole), of(&self.scope), of(&self.timing.exit_when)];
        format!("{}\n{wait}\n{kept}", conditions.join("\n"))
    }

    /// The values that the flag's sentence shows.
    pub(crate) fn values_shown(&self) -> impl Iterator<Item = &Expression> {
        self.summary.iter().filter_map(|part| match part {
            SummaryPart::Words(_) => None,
            SummaryPart::Value(value) => Some(value),
        })
    }
}

/// Checks all triggers; the answer is sorted by id.
pub(crate) fn check(raw: &[RawTrigger], ladders: &[RawLadder], checking: &mut Checking<'_>) -> Vec<Trigger> {
    let flags = ladders.iter().flat_map(|ladder| &ladder.out_of_order).map(|flag| &flag.header.id);
    checking.unique("trigger or out-of-order flag", flags.chain(raw.iter().map(|trigger| &trigger.header.id)));
    let mut triggers: Vec<_> = raw.iter().filter_map(|trigger| check_trigger(trigger, checking)).collect();
    triggers.sort_by(|a, b| a.header.id.text.cmp(&b.header.id.text));
    triggers
}

fn check_trigger(raw: &RawTrigger, checking: &mut Checking<'_>) -> Option<Trigger> {
    raw.header.warn_if_unexplained("the trigger", true, &mut checking.used.problems);
    let mut reads = Reads::default();
    let when = raw.when.as_ref().map(|when| when.check(Stage::Flag, checking.names, &mut checking.used));
    let mut written: Vec<Checked> = when.iter().flat_map(|when| when.written.clone()).collect();
    let scope = raw.scope.as_ref().map(|scope| check_condition(scope, Stage::Flag, checking.names, &mut checking.used));
    written.extend(scope.clone());
    let exit_when = check_exit(&raw.timing, when.as_ref(), checking);
    written.extend(exit_when.iter().flat_map(|exit| exit.written.clone()));
    let value_at_stake = raw.value_at_stake.as_ref().map(|value| check_amount(value, checking));
    written.extend(value_at_stake.clone());
    let summary = raw.summary.as_ref().map(|summary| check_summary(summary, &mut written, checking));
    reads.expressions(&written);
    let after = raw.after.as_ref().and_then(|after| check_after(after, &mut reads, checking));
    checking.plan(&written);
    let fate = checking.settle(TestedKind::Trigger, &raw.header, &reads, &[]);
    if fate != Fate::Kept {
        return None;
    }
    refuse_equal_ids(raw, when.as_ref(), checking);
    Some(Trigger {
        header: raw.header.clone(),
        when: when?,
        scope: scope
            .map(|scope| Predicate::new(&[(Some("scope".to_owned()), scope.expression.clone())], false, vec![scope])),
        after,
        on_null: raw.on_null,
        timing: Timing::new(&raw.timing, exit_when),
        value_at_stake: value_at_stake.map(|value| value.expression),
        play: raw.play.clone(),
        summary: summary.unwrap_or_default(),
    })
}

/// Refuses conditions whose ids are those of other rows of evidence: numbered parts of others, the scope, the milestone.
fn refuse_equal_ids(raw: &RawTrigger, when: Option<&Predicate>, checking: &mut Checking<'_>) {
    let others = [raw.scope.as_ref().map(|_| "scope"), raw.after.as_ref().map(|_| "after")];
    let mut taken: BTreeMap<&str, bool> = others.into_iter().flatten().map(|id| (id, false)).collect();
    for leaf in when.into_iter().flat_map(|when| &when.leaves) {
        // Two that the rule itself gives are told where they stand.
        let is_taken = taken.insert(&leaf.id, leaf.is_given).is_some_and(|was_given| !(was_given && leaf.is_given));
        if is_taken {
            let message = format!("`flag_evidence` would have two rows of the id `{}`", leaf.id);
            let problem = Diagnostic::at(Code::DuplicateId, raw.header.id.span, message);
            checking.used.problems.push(problem.help("give the conditions of this trigger other ids"));
        }
    }
}

/// What ends a flag. It must be another condition than the one that begins it, and should not hold beside it.
fn check_exit(raw: &RawTiming, when: Option<&Predicate>, checking: &mut Checking<'_>) -> Option<Predicate> {
    let (place, raw) = raw.exit_when.as_ref()?;
    let exit = raw.check(Stage::Flag, checking.names, &mut checking.used);
    let when = when?;
    let place = check_distance(when, &exit, *place, "flag", &mut checking.used.problems);
    let taken = |id: &str| when.leaves.iter().any(|leaf| leaf.id == id);
    if let Some(id) = exit.leaves.iter().map(exit_id).find(|id| taken(id)) {
        let message = format!("`flag_evidence` would have two rows of the id `{id}`");
        checking.problem(Code::DuplicateId, place, message);
    }
    Some(exit)
}

/// The id of a condition that ends a flag, beside those that begin it.
fn exit_id(leaf: &Leaf) -> String {
    format!("exit_{}", leaf.id)
}

fn check_amount(written: &Written, checking: &mut Checking<'_>) -> Checked {
    let checked = check_expression(written, Stage::Flag, checking.names, &mut checking.used);
    if !checked.expression.kind.fits(Kind::Money) {
        let message = format!("the expression gives {}, not an amount", checked.expression.kind.words());
        checking.problem(Code::TypeMismatch, written.whole(), message);
    }
    checked
}

fn check_after(word: &Word, reads: &mut Reads, checking: &mut Checking<'_>) -> Option<(Column, String)> {
    let parts: Vec<_> = word.text.split('.').collect();
    match checking.names.milestone(&parts, word.span) {
        Ok((ladder, milestone)) => {
            let column = Column { name: format!("milestone.{ladder}.{milestone}"), source: ColumnSource::Milestone };
            reads.column(column.clone(), word.span);
            Some((column, format!("{ladder}.{milestone}")))
        }
        Err(problem) => {
            checking.used.problems.extend(problem);
            None
        }
    }
}

/// Takes a sentence apart into words and the names in braces, each checked like an expression.
fn check_summary(summary: &Written, written: &mut Vec<Checked>, checking: &mut Checking<'_>) -> Vec<SummaryPart> {
    let mut parts = Vec::new();
    let characters: Vec<char> = summary.text.chars().collect();
    let mut at = 0;
    while at < characters.len() {
        let rest = characters.get(at..).unwrap_or_default();
        if rest.first() != Some(&'{') {
            let words: String = rest.iter().take_while(|c| **c != '{').collect();
            if let Some(brace) = words.chars().position(|c| c == '}') {
                let place = summary.span(at + brace..at + brace + 1);
                let problem = Diagnostic::at(Code::InvalidValue, place, "a brace that was not opened");
                checking.used.problems.push(problem.help("write `{column}`"));
            }
            at += words.chars().count();
            parts.push(SummaryPart::Words(words));
            continue;
        }
        if rest.get(1) == Some(&'{') {
            let length = rest.windows(2).position(|pair| pair == ['}', '}']).map_or(rest.len(), |end| end + 2);
            let message = "a name in a summary stands in one pair of braces";
            let problem = Diagnostic::at(Code::InvalidValue, summary.span(at..at + length), message);
            checking.used.problems.push(problem.help("write `{column}`"));
            at += length;
            continue;
        }
        let inner: String = rest.iter().skip(1).take_while(|c| **c != '}').collect();
        let length = inner.chars().count();
        if rest.get(length + 1) != Some(&'}') {
            let problem = Diagnostic::at(Code::InvalidValue, summary.span(at..at + 1), "a brace that is not closed");
            checking.used.problems.push(problem.help("write `{column}`"));
            break;
        }
        let part = summary.part(at + 1..at + 1 + length);
        let checked = check_expression(&part, Stage::Flag, checking.names, &mut checking.used);
        parts.push(SummaryPart::Value(checked.expression.clone()));
        written.push(checked);
        at += length + 2;
    }
    parts
}
