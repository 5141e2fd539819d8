//! What triggers mean.

use headwater_diagnostics::{Code, Diagnostic};

use super::syntax::RawTrigger;
use crate::check::{Checking, Fate, Reads};
use crate::expression::{Checked, Column, ColumnSource, Expression, Kind, Stage, check_expression};
use crate::header::Header;
use crate::kinds::milestone::RawLadder;
use crate::kinds::predicate::{Predicate, check_condition};
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
    pub(crate) value_at_stake: Option<Expression>,
    pub(crate) play: Option<String>,
    pub(crate) summary: Vec<SummaryPart>,
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

impl Trigger {
    /// The columns that it names, the milestone it waits for among them.
    pub(crate) fn names(&self) -> Vec<String> {
        let scope = self.scope.iter().map(|scope| &scope.whole);
        let expressions =
            std::iter::once(&self.when.whole).chain(scope).chain(&self.value_at_stake).chain(self.values_shown());
        let columns = expressions.flat_map(Expression::columns).chain(self.after.iter().map(|(column, _)| column));
        columns.map(|column| column.name.clone()).collect()
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
    Some(Trigger {
        header: raw.header.clone(),
        when: when?,
        scope: scope
            .map(|scope| Predicate::new(&[(Some("scope".to_owned()), scope.expression.clone())], false, vec![scope])),
        after,
        on_null: raw.on_null,
        value_at_stake: value_at_stake.map(|value| value.expression),
        play: raw.play.clone(),
        summary: summary.unwrap_or_default(),
    })
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
            at += words.chars().count();
            parts.push(SummaryPart::Words(words));
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
