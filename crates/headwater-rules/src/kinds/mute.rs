//! Mutes: rules that somebody does not want to hear of for a while. They are computed all the same, and marked.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use headwater_diagnostics::yaml::{Fields, Holds, Node, Shape, Value, key, required};
use headwater_diagnostics::{Code, Diagnostic, Diagnostics, Span};
use headwater_metrics::{identifier, literal};

use crate::check::Checking;
use crate::expression::{Dialect, Expression, Stage};
use crate::header::Header;
use crate::kinds::predicate::check_condition;
use crate::reading::{Reading, Word, Written};

/// A mute as written.
pub(crate) const MUTE: Shape = Shape::new(
    "a mute",
    &[&[
        required(
            "select",
            Holds::Either(&[Holds::Text, Holds::List(&Holds::Text)]),
            "which rules: `id:…`, `kind:…`, `tag:…`, `owner:…`, or a list of which one must fit",
        ),
        key("where", Holds::Text, "of which accounts, as a condition; of all where not said"),
        required("until", Holds::Day, "the last night of it"),
        required("reason", Holds::Text, "why"),
    ]],
);

/// What rules are selected by.
const SELECTORS: [&str; 4] = ["id", "kind", "tag", "owner"];
/// The kinds of rules that speak of somebody.
pub(crate) const KINDS: [&str; 3] = ["trigger", "milestone", "guardrail"];

/// A mute as written.
#[derive(Debug)]
pub(crate) struct RawMute {
    select: Vec<Word>,
    accounts: Option<Written>,
    until: Option<NaiveDate>,
    until_place: Span,
    reason: Option<String>,
}

/// A mute whose rules are known.
#[derive(Debug, Clone)]
pub(crate) struct Mute {
    /// Triggers and flags of ladders.
    flags: BTreeSet<String>,
    guardrails: BTreeSet<String>,
    /// Of which accounts; of all where there is nothing.
    pub(crate) accounts: Option<Expression>,
    until: NaiveDate,
    until_place: Span,
    reason: String,
}

impl RawMute {
    pub(crate) fn read(node: &Node, reading: &mut Reading<'_>) -> Option<Self> {
        let mut fields = Fields::shaped(node, &MUTE, reading.problems)?;
        let has_select = fields.require("select", reading.problems).cloned();
        if let Some(node) =
            has_select.as_ref().filter(|node| matches!(&node.value, Value::List(items) if items.is_empty()))
        {
            let problem = Diagnostic::at(Code::InvalidValue, node.span, "a mute of no rule mutes nobody");
            reading.problems.push(problem.help("name rules as `kind:id`"));
        }
        let select = has_select.map(|node| reading.words(&node, "select")).unwrap_or_default();
        let accounts = reading.written_at(&mut fields, "where");
        let until_place = fields.peek("until").map_or(node.span, |(_, node)| node.span);
        let until = match fields.require("until", reading.problems) {
            Some(node) => reading.day(node, "until"),
            None => None,
        };
        let reason = fields.require_text("reason", reading.problems);
        fields.finish(reading.problems);
        Some(Self { select, accounts, until, until_place, reason })
    }
}

/// Checks all mutes; `rules` are those that speak of somebody, each with its kind.
pub(crate) fn check<'a>(
    raw: &[RawMute],
    rules: impl IntoIterator<Item = (&'static str, &'a Header)>,
    checking: &mut Checking<'_>,
) -> Vec<Mute> {
    let rules: Vec<_> = rules.into_iter().collect();
    raw.iter().filter_map(|mute| check_mute(mute, &rules, checking)).collect()
}

fn check_mute(raw: &RawMute, rules: &[(&'static str, &Header)], checking: &mut Checking<'_>) -> Option<Mute> {
    let mut flags = BTreeSet::new();
    let mut guardrails = BTreeSet::new();
    for word in &raw.select {
        for (kind, header) in selected(word, rules, checking) {
            let of_kind = if kind == "guardrail" { &mut guardrails } else { &mut flags };
            of_kind.insert(header.id.text.clone());
        }
    }
    let accounts = raw.accounts.as_ref().map(|accounts| {
        let checked = check_condition(accounts, Stage::Flag, checking.names, &mut checking.used);
        checking.plan([&checked]);
        if let (Some(guardrail), Some(first)) = (guardrails.first(), raw.select.first()) {
            let message = format!("`{guardrail}` judges groups, so no account can be left out of it");
            let problem = Diagnostic::at(Code::Contradiction, first.span, message);
            checking.used.problems.push(problem.help("mute guardrails without `where`"));
        }
        checked.expression
    });
    let (until, reason) = (raw.until?, raw.reason.clone()?);
    Some(Mute { flags, guardrails, accounts, until, until_place: raw.until_place, reason })
}

/// The rules that `select` fits; a problem where it fits none.
fn selected<'a>(
    word: &Word,
    rules: &[(&'static str, &'a Header)],
    checking: &mut Checking<'_>,
) -> Vec<(&'static str, &'a Header)> {
    let Some((by, what)) = word.text.split_once(':').filter(|(by, _)| SELECTORS.contains(by)) else {
        let problem = Diagnostic::at(Code::InvalidValue, word.span, format!("`{}` selects nothing", word.text));
        checking.used.problems.push(problem.help("write `id:…`, `kind:…`, `tag:…` or `owner:…`"));
        return Vec::new();
    };
    let fits = |kind: &str, header: &Header| match by {
        "id" => header.id.text == what,
        "kind" => kind == what,
        "tag" => header.tags.iter().any(|tag| tag == what),
        _ => header.owner.as_deref() == Some(what),
    };
    let found: Vec<_> = rules.iter().copied().filter(|(kind, header)| fits(kind, header)).collect();
    if found.is_empty() && !checking.names.incomplete {
        let message = format!("no trigger, flag of a ladder or guardrail has the {by} `{what}`");
        let problem = Diagnostic::at(Code::UnknownRule, word.span, message);
        let known: BTreeSet<&str> = match by {
            "id" => rules.iter().map(|(_, header)| header.id.text.as_str()).collect(),
            "kind" => KINDS.into_iter().collect(),
            "tag" => rules.iter().flat_map(|(_, header)| &header.tags).map(String::as_str).collect(),
            _ => rules.iter().filter_map(|(_, header)| header.owner.as_deref()).collect(),
        };
        checking.used.problems.push(problem.one_of(what, known));
    }
    found
}

/// A warning for each mute that is over: it does nothing any more.
pub(crate) fn over(mutes: &[Mute], night: NaiveDate) -> Diagnostics {
    let mut problems = Diagnostics::new();
    for mute in mutes.iter().filter(|mute| mute.until < night) {
        let message = format!("a mute that ended on {}", mute.until);
        let problem = Diagnostic::at(Code::MuteOver, mute.until_place, message);
        problems.push(problem.help("remove it, or give it another last night"));
    }
    problems
}

/// The flags of `rows` with the mutes of the night beside them.
pub(crate) fn muted_flags(mutes: &[Mute], rows: &str, dialect: Dialect<'_>) -> String {
    let in_force = in_force(mutes, |mute| &mute.flags, dialect.as_of);
    let mut joins = String::new();
    let mut cases = Vec::new();
    for (at, mute) in in_force.into_iter().enumerate() {
        let rule = is_of("rule_id", &mute.flags);
        let holds = match &mute.accounts {
            Some(accounts) => {
                let account = identifier(&format!("mute.{at}.account_id"));
                joins += &format!(
                    " LEFT JOIN (SELECT account_id AS {account} FROM judged WHERE {}) AS \"mute.{at}\" \
                     ON {account} = account_id",
                    dialect.sql(accounts)
                );
                format!("{rule} AND {account} IS NOT NULL")
            }
            None => rule,
        };
        cases.push((holds, mute));
    }
    marked("rows.*", &format!("({rows}) AS rows{joins}"), &cases)
}

/// The verdicts of `rows` with the mutes of the night beside them.
pub(crate) fn muted_verdicts(mutes: &[Mute], rows: &str, dialect: Dialect<'_>) -> String {
    let in_force = in_force(mutes, |mute| &mute.guardrails, dialect.as_of);
    let cases: Vec<_> = in_force.into_iter().map(|mute| (is_of("guardrail_id", &mute.guardrails), mute)).collect();
    marked("rows.*", &format!("({rows}) AS rows"), &cases)
}

/// Mutes of some rules that are not over, the longest first.
fn in_force(mutes: &[Mute], of: impl Fn(&Mute) -> &BTreeSet<String>, night: NaiveDate) -> Vec<&Mute> {
    let mut in_force: Vec<_> = mutes.iter().filter(|mute| night <= mute.until && !of(mute).is_empty()).collect();
    in_force.sort_by(|a, b| b.until.cmp(&a.until).then_with(|| a.reason.cmp(&b.reason)));
    in_force
}

fn is_of(column: &str, rules: &BTreeSet<String>) -> String {
    format!("{column} IN ({})", rules.iter().map(|rule| literal(rule)).collect::<Vec<_>>().join(", "))
}

fn marked(columns: &str, from: &str, cases: &[(String, &Mute)]) -> String {
    let case = |says: &dyn Fn(&Mute) -> String| {
        let cases: String = cases.iter().map(|(holds, mute)| format!(" WHEN {holds} THEN {}", says(mute))).collect();
        if cases.is_empty() { "NULL".to_owned() } else { format!("CASE{cases} END") }
    };
    format!(
        "SELECT {columns}, {until} AS muted_until, {reason} AS mute_reason FROM {from}",
        until = case(&|mute| Dialect::date(mute.until)),
        reason = case(&|mute| literal(&mute.reason)),
    )
}
