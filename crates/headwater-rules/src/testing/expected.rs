//! What a test expects of a rule.

use std::collections::BTreeSet;

use headwater_diagnostics::yaml::{Fields, Holds, Node, Shape, Value, key};
use headwater_diagnostics::{Code, Diagnostic, Span};

use super::{Cell, LAST_NIGHT, TestedKind};
use crate::checked::CheckedRules;
use crate::kinds::metric::DerivedMetric;
use crate::reading::{Reading, first_of};

/// An expectation as written; which of its keys it has is for the kind of rule to say.
pub(super) const EXPECTATION: Shape = Shape::new(
    "an expectation",
    &[&[
        key("night", Holds::Integer(1, LAST_NIGHT), "which night, from 1; the first where not said"),
        key("pending", NAMES, "of a trigger: exactly these accounts, whose flag is not old enough"),
        key("firing", NAMES, "of a trigger or an order of milestones: exactly these accounts are flagged"),
        key("recovering", NAMES, "of a trigger: exactly these accounts, flagged although its end is met"),
        key("held_back", NAMES, "exactly these accounts, flagged but for a missing milestone"),
        key("resolved", NAMES, "exactly these accounts, whose flag ended since the night before"),
        key("members", SETS, "of a segment scheme: exactly these accounts by segment"),
        key("at", SETS, "of a milestone ladder: exactly these accounts by milestone, or `none`"),
        key("stakes", Holds::MapOf(&Holds::Scalar), "of a trigger: the amount at stake of an account's flag"),
        key(
            "due",
            Holds::MapOf(&Holds::Scalar),
            "of a milestone ladder: the day by which an account's next one is due",
        ),
        key(
            "reached",
            Holds::MapOf(&Holds::Scalar),
            "of a milestone ladder: the day an account's last one was reached",
        ),
        key("values", Holds::MapOf(&Holds::Scalar), "of a metric: the value of an account"),
        key(
            "columns",
            Holds::MapOf(&Holds::MapOf(&Holds::Scalar)),
            "of a weighted score: the values of accounts in the columns beside it",
        ),
        key("tolerance", Holds::Number, "how far a number may be from what is expected"),
        key("verdicts", Holds::MapOf(&Holds::Words(&VERDICTS)), "of a guardrail: `total: pass`, `plan.pro: breach`"),
    ]],
);
const NAMES: Holds = Holds::List(&Holds::Text);
const SETS: Holds = Holds::MapOf(&NAMES);

/// The states of flags that a test can expect.
const STATES: [&str; 5] = ["pending", "firing", "recovering", "held_back", "resolved"];
/// Those of flags that take no time.
const STATES_OF_TONIGHT: [&str; 3] = ["firing", "held_back", "resolved"];
/// The verdicts of guardrails.
const VERDICTS: [&str; 6] = ["pass", "watch", "breach", "waiting", "insufficient_evidence", "unknown"];
/// How far a number may be from what is expected where a test does not say.
const TOLERANCE: f64 = 1e-9;

/// One thing that must hold on a night.
#[derive(Debug, Clone, PartialEq)]
pub struct Expectation {
    /// The night, from 1.
    pub night: usize,
    /// What must hold.
    pub what: Expected,
    /// Where it stands.
    pub place: Span,
}

/// What must hold.
#[derive(Debug, Clone, PartialEq)]
pub enum Expected {
    /// Exactly these accounts have a flag of this state.
    Flagged(&'static str, BTreeSet<String>),
    /// Exactly these accounts are in this segment.
    Members(String, BTreeSet<String>),
    /// Exactly these accounts are at this milestone.
    At(String, BTreeSet<String>),
    /// An account has this value, or none.
    Value {
        /// Which one.
        of: ValueOf,
        /// The account.
        account: String,
        /// The value.
        value: Cell,
        /// How far a number may be from it.
        tolerance: f64,
    },
    /// A group has this verdict.
    Verdict {
        /// How accounts are grouped.
        scope: String,
        /// The group.
        group: String,
        /// The verdict.
        verdict: String,
    },
}

/// A value that a rule gives to an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueOf {
    /// In this column of `account_metrics`.
    Metric(String),
    /// The amount at stake of its flag.
    Stake,
    /// The day by which its next milestone is due.
    Due,
    /// The day its last milestone was reached.
    Reached,
}

/// `expect:`, one or more things a night.
pub(super) fn expectations(
    fields: &mut Fields<'_>,
    kind: TestedKind,
    rule: &str,
    rules: &CheckedRules,
    reading: &mut Reading<'_>,
) -> Vec<Expectation> {
    let mut all = Vec::new();
    for node in fields.list("expect", reading.problems) {
        let Some(mut item) = Fields::shaped(node, &EXPECTATION, reading.problems) else { continue };
        let night = item.integer("night", 1, LAST_NIGHT, reading.problems).unwrap_or(1);
        let night = usize::try_from(night).unwrap_or(1);
        let found = match kind {
            TestedKind::Trigger => {
                let mut found = flagged(&STATES, &mut item, reading);
                found.extend(values(&mut item, "stakes", &ValueOf::Stake, TOLERANCE, reading));
                found
            }
            TestedKind::Milestone => flagged(&STATES_OF_TONIGHT, &mut item, reading),
            TestedKind::SegmentScheme => {
                let known = segments(rules, rule);
                sets(&mut item, "members", &known, reading).map_or_else(Vec::new, |sets| {
                    sets.into_iter().map(|(name, accounts)| Expected::Members(name, accounts)).collect()
                })
            }
            TestedKind::MilestoneLadder => {
                let known = milestones(rules, rule);
                let at = sets(&mut item, "at", &known, reading).unwrap_or_default();
                let mut days = values(&mut item, "due", &ValueOf::Due, TOLERANCE, reading);
                days.extend(values(&mut item, "reached", &ValueOf::Reached, TOLERANCE, reading));
                at.into_iter().map(|(name, accounts)| Expected::At(name, accounts)).chain(days).collect()
            }
            TestedKind::Metric => of_metric(rule, &mut item, rules, reading),
            TestedKind::Guardrail => verdicts(&mut item, reading),
        };
        let place = first_of(item.span());
        item.finish(reading.problems);
        if found.is_empty() {
            let problem = Diagnostic::at(Code::MissingKey, place, "an expectation that expects nothing");
            reading.problems.push(problem.label(format!("of a {}, say {}", kind.word().replace('_', " "), keys(kind))));
        }
        all.extend(found.into_iter().map(|what| Expectation { night, what, place }));
    }
    all
}

fn keys(kind: TestedKind) -> &'static str {
    match kind {
        TestedKind::Trigger => {
            "`pending`, `firing`, `recovering`, `held_back` or `resolved`, each a list of accounts, or `stakes: {account: amount}`"
        }
        TestedKind::Milestone => "`firing`, `held_back` or `resolved`, each a list of accounts",
        TestedKind::SegmentScheme => "`members: {segment: [accounts]}`",
        TestedKind::MilestoneLadder => {
            "`at: {milestone: [accounts]}`, `due: {account: day}` or `reached: {account: day}`"
        }
        TestedKind::Metric => "`values: {account: value}` or `columns: {column: {account: value}}`",
        TestedKind::Guardrail => "`verdicts: {total: pass, plan.pro: breach}`",
    }
}

fn segments(rules: &CheckedRules, scheme: &str) -> Vec<String> {
    let scheme = rules.schemes.iter().find(|known| known.header.id.text == scheme);
    scheme.map_or_else(Vec::new, |scheme| scheme.segments.iter().map(|segment| segment.id.clone()).collect())
}

/// The milestones of a ladder, and `none` for who is at none.
fn milestones(rules: &CheckedRules, ladder: &str) -> Vec<String> {
    let ladder = rules.ladders.iter().find(|known| known.header.id.text == ladder);
    let known = ladder.into_iter().flat_map(|ladder| &ladder.milestones).map(|milestone| milestone.id.clone());
    known.chain(["none".to_owned()]).collect()
}

fn accounts(node: &Node, name: &str, reading: &mut Reading<'_>) -> BTreeSet<String> {
    let Value::List(items) = &node.value else {
        reading.wrong_shape(node, name, "a list of accounts");
        return BTreeSet::new();
    };
    items.iter().filter_map(|item| reading.word(item, name)).map(|word| word.text).collect()
}

fn flagged(states: &[&'static str], item: &mut Fields<'_>, reading: &mut Reading<'_>) -> Vec<Expected> {
    let mut found = Vec::new();
    for state in states {
        // An empty list is an expectation too: nobody.
        if let Some((_, node)) = item.take_with_key(state) {
            found.push(Expected::Flagged(state, accounts(node, state, reading)));
        }
    }
    found
}

/// Names with the accounts of each.
fn sets(
    item: &mut Fields<'_>,
    key: &'static str,
    known: &[String],
    reading: &mut Reading<'_>,
) -> Option<Vec<(String, BTreeSet<String>)>> {
    let node = item.take(key)?;
    let mut fields = Fields::of(node, "a mapping of names to accounts", reading.problems)?;
    let mut sets = Vec::new();
    for (name, node) in fields.rest() {
        if known.contains(&name.name) {
            sets.push((name.name.clone(), accounts(node, &name.name, reading)));
        } else {
            let problem =
                Diagnostic::at(Code::InvalidValue, name.span, format!("`{}` is none of its names", name.name));
            reading.problems.push(problem.one_of(&name.name, known.iter().map(String::as_str)));
        }
    }
    Some(sets)
}

/// Accounts and one value of each, under a key.
fn values(
    item: &mut Fields<'_>,
    key: &'static str,
    of: &ValueOf,
    tolerance: f64,
    reading: &mut Reading<'_>,
) -> Vec<Expected> {
    item.take(key).map_or_else(Vec::new, |node| values_of(node, key, of, tolerance, reading))
}

fn values_of(node: &Node, key: &str, of: &ValueOf, tolerance: f64, reading: &mut Reading<'_>) -> Vec<Expected> {
    let Some(mut fields) = Fields::of(node, "a mapping of accounts to values", reading.problems) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (account, node) in fields.rest() {
        let value = match &node.value {
            Value::Null => None,
            Value::Bool(flag) => Some(flag.to_string()),
            Value::Integer(number) => Some(number.to_string()),
            Value::Float(_, text) | Value::Text(text) => Some(text.clone()),
            Value::List(_) | Value::Map(_) => {
                reading.wrong_shape(node, key, "one value for each account");
                continue;
            }
        };
        found.push(Expected::Value { of: of.clone(), account: account.name.clone(), value, tolerance });
    }
    found
}

/// What a metric gives: its own values, and those of the columns beside it.
fn of_metric(metric: &str, item: &mut Fields<'_>, rules: &CheckedRules, reading: &mut Reading<'_>) -> Vec<Expected> {
    let tolerance = item.number("tolerance", reading.problems).unwrap_or(TOLERANCE);
    let mut found = values(item, "values", &ValueOf::Metric(metric.to_owned()), tolerance, reading);
    let columns = item.take("columns").and_then(|node| Fields::of(node, "`columns`", reading.problems));
    let rule = rules.metrics.iter().find(|rule| rule.header.id.text == metric);
    let known = rule.map_or_else(Vec::new, DerivedMetric::further_columns);
    for (column, node) in columns.into_iter().flat_map(|mut columns| columns.rest()) {
        if known.contains(&column.name) {
            found.extend(values_of(node, &column.name, &ValueOf::Metric(column.name.clone()), tolerance, reading));
        } else {
            let message = format!("`{metric}` gives no column `{}`", column.name);
            let problem = Diagnostic::at(Code::InvalidValue, column.span, message);
            reading.problems.push(problem.one_of(&column.name, known.iter().map(String::as_str)));
        }
    }
    found
}

fn verdicts(item: &mut Fields<'_>, reading: &mut Reading<'_>) -> Vec<Expected> {
    let Some(mut fields) = item.take("verdicts").and_then(|node| Fields::of(node, "`verdicts`", reading.problems))
    else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (key, node) in fields.rest() {
        let Some(word) = reading.word(node, &key.name) else { continue };
        if !VERDICTS.contains(&word.text.as_str()) {
            let problem = Diagnostic::at(Code::InvalidValue, word.span, format!("`{}` is no verdict", word.text));
            reading.problems.push(problem.one_of(&word.text, VERDICTS));
            continue;
        }
        // `segment.lifecycle.champion` is the group `champion` of the scope `segment.lifecycle`.
        let (scope, group) = match key.name.rsplit_once('.') {
            Some((scope, group)) => (scope.to_owned(), group.to_owned()),
            None => (key.name.clone(), "all".to_owned()),
        };
        found.push(Expected::Verdict { scope, group, verdict: word.text });
    }
    found
}
