//! What a test gives: accounts, their values night by night, metrics of groups.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use headwater_diagnostics::yaml::{Fields, Holds, Node, Shape, Value, key, required};
use headwater_diagnostics::{Code, Diagnostic, Span};
use headwater_metrics::{Grain, InputTable, Unit};

use super::expected::{EXPECTATION, expectations};
use super::{Cell, GivenGroup, MOST_NIGHTS, RuleTest, RuleTests, TestedKind, rules_of};
use crate::checked::CheckedRules;
use crate::environment::Environment;
use crate::expression::suggest_metric;
use crate::raw::VERSIONED;
use crate::reading::{Reading, Word, first_of};

/// The most days from one night of a test to the next.
const MOST_DAYS_BETWEEN: i64 = 400;

/// A test file as written.
pub(crate) const TEST_FILE: Shape =
    Shape::new("a test file", &[VERSIONED, &[key("tests", Holds::List(&Holds::Map(&TEST)), "tests of rules")]]);
const TEST: Shape = Shape::new(
    "a test",
    &[&[
        required("id", Holds::Id, "its name"),
        required("rule", Holds::Text, "`<kind>:<id>` of the rule it is about"),
        key("description", Holds::Text, "what it shows"),
        key("profile", Holds::Text, "the profile of the project whose parameters count; otherwise that of the command"),
        required("as_of", Holds::Day, "the first night"),
        key(
            "days_between_nights",
            Holds::Integer(1, MOST_DAYS_BETWEEN),
            "days from one night to the next; 1 where not said",
        ),
        key("given", Holds::Map(&GIVEN), "what is known"),
        key(
            "timeline",
            Holds::MapOf(&Holds::MapOf(&Holds::Scalar)),
            "by account and column a value a night: `85*2 75 null _`, `_` being a night without the account",
        ),
        required("expect", Holds::Items(&Holds::Map(&EXPECTATION)), "what must come out"),
    ]],
);
const GIVEN: Shape = Shape::new(
    "`given`",
    &[&[
        key("account_metrics", Holds::Map(&ACCOUNTS), "columns of accounts and metrics of theirs"),
        key("group_metrics", Holds::List(&Holds::Map(&GROUP)), "metrics of groups"),
    ]],
);
const ACCOUNTS: Shape = Shape::new(
    "`account_metrics`",
    &[&[
        key("defaults", CELLS, "values of every account that does not say otherwise"),
        key("rows", Holds::List(&CELLS), "an account each, with its `account_id`"),
    ]],
);
const CELLS: Holds = Holds::MapOf(&Holds::Scalar);
const VALUES: Holds = Holds::Either(&[Holds::Number, Holds::Text]);
const GROUP: Shape = Shape::new(
    "a metric of a group",
    &[&[
        required("metric", Holds::Named("group metric"), "the metric"),
        key("scope", Holds::Text, "how accounts are grouped; `total` where not said"),
        key("group", Holds::Text, "the group; `all` where not said"),
        key("value", VALUES, "its value, or `0.9*2 1.1 _`, a value a night; unknown where not said"),
        key("accounts", Holds::Integer(0, i64::MAX), "the accounts it rests on; 1000 where not said"),
    ]],
);

/// What tests may speak of.
pub(super) struct Known<'a> {
    pub(super) rules: &'a CheckedRules,
    pub(super) environment: &'a Environment,
    /// The columns that rules read.
    pub(super) needed: BTreeMap<String, Unit>,
}

/// The ids of tests and where they stand.
type Ids = BTreeMap<String, Span>;

pub(super) fn file(node: &Node, known: &Known<'_>, ids: &mut Ids, tests: &mut RuleTests, reading: &mut Reading<'_>) {
    let Some(mut fields) = Fields::shaped(node, &TEST_FILE, reading.problems) else { return };
    fields.language_version(reading.problems);
    for node in fields.list("tests", reading.problems) {
        let Some(mut fields) = Fields::shaped(node, &TEST, reading.problems) else { continue };
        let id = reading.id(&mut fields);
        if ids.insert(id.text.clone(), id.span).is_some() && !id.text.is_empty() {
            let message = format!("two tests with the id `{}`", id.text);
            reading.problems.push(Diagnostic::at(Code::DuplicateId, id.span, message));
        }
        match rule(&mut fields, known, reading) {
            Some(Rule::There(kind, rule)) => match test(id, (kind, rule), fields, known, reading) {
                // What it expects was said of a score that is whole.
                Some(test) if gives_what_is_lost(&test, known.rules) => {
                    tests.left_out.push((test.id, format!("{}:{}", test.kind.word(), test.rule)));
                }
                test => tests.tests.extend(test),
            },
            Some(Rule::LeftOut(rule)) => tests.left_out.push((id.text, rule)),
            None => {}
        }
    }
    fields.finish(reading.problems);
}

/// Whether a test gives values to parts of a score that the project's inputs do not have.
fn gives_what_is_lost(test: &RuleTest, rules: &CheckedRules) -> bool {
    let lost = rules.lost_columns(test.kind, &test.rule);
    let is_given = |at: usize| test.nights.iter().flatten().any(|row| matches!(row.get(at), Some(Some(_))));
    test.columns.iter().enumerate().any(|(at, (name, _))| lost.contains(name) && is_given(at))
}

/// The rule a test is about.
enum Rule {
    There(TestedKind, String),
    LeftOut(String),
}

/// `rule: trigger:limit_pressure`.
fn rule(fields: &mut Fields<'_>, known: &Known<'_>, reading: &mut Reading<'_>) -> Option<Rule> {
    let word = reading.require_word(fields, "rule")?;
    let kinds = TestedKind::ALL.map(TestedKind::word);
    let Some((kind, id)) = word.text.split_once(':') else {
        let problem = Diagnostic::at(Code::InvalidValue, word.span, "a rule is named by its kind and its id");
        reading.problems.push(problem.label(format!("for example `trigger:{}`", word.text)));
        return None;
    };
    let Some(tested) = TestedKind::ALL.into_iter().find(|tested| tested.word() == kind) else {
        let problem = Diagnostic::at(Code::InvalidValue, word.span, format!("`{kind}` is no kind of rule to test"));
        reading.problems.push(problem.one_of(kind, kinds));
        return None;
    };
    let of_kind = rules_of(known.rules);
    if of_kind.contains(&(kind, id)) {
        return Some(Rule::There(tested, id.to_owned()));
    }
    if known.rules.skipped().iter().any(|rule| rule.is(tested, id)) {
        return Some(Rule::LeftOut(word.text));
    }
    let problem = Diagnostic::at(Code::UnknownRule, word.span, format!("there is no {} `{id}`", tested.words()));
    let ids = of_kind.into_iter().filter(|(of, _)| *of == kind).map(|(_, id)| id);
    reading.problems.push(problem.suggest(id, ids));
    None
}

fn test(
    id: Word,
    (kind, rule): (TestedKind, String),
    mut fields: Fields<'_>,
    known: &Known<'_>,
    reading: &mut Reading<'_>,
) -> Option<RuleTest> {
    let place = id.span;
    fields.take("description");
    let profile = profile(&mut fields, known, reading);
    let as_of = as_of(&mut fields, reading);
    let days_between_nights =
        fields.integer("days_between_nights", 1, MOST_DAYS_BETWEEN, reading.problems).unwrap_or(1);
    let mut accounts = Accounts::default();
    let mut groups = Vec::new();
    if let Some(mut given) = fields.take("given").and_then(|node| Fields::shaped(node, &GIVEN, reading.problems)) {
        if let Some(node) = given.take("account_metrics") {
            accounts.read(node, known, reading);
        }
        for node in given.list("group_metrics", reading.problems) {
            groups.extend(group(node, known, reading));
        }
        given.finish(reading.problems);
    }
    if let Some(node) = fields.take("timeline") {
        accounts.timeline(node, known, reading);
    }
    let expected = expectations(&mut fields, kind, &rule, known.rules, reading);
    let span = fields.span();
    fields.finish(reading.problems);
    if expected.is_empty() {
        let problem =
            Diagnostic::at(Code::MissingKey, first_of(span), format!("the test `{}` expects nothing", id.text));
        reading.problems.push(problem.help("add `expect:` with what must come out"));
    }
    let of_groups = groups.iter().map(|group| group.values.len()).max().unwrap_or(1);
    let expected_nights = expected.iter().map(|expectation| expectation.night).max().unwrap_or(1);
    let nights = expected_nights.max(accounts.nights()).max(of_groups).max(1);
    if nights > MOST_NIGHTS {
        let message = format!("a test has at most {MOST_NIGHTS} nights, not {nights}");
        reading.problems.push(Diagnostic::at(Code::InvalidValue, first_of(span), message));
        return None;
    }
    let columns = accounts.columns(known);
    let nights = (0..nights).map(|night| accounts.rows(night, &columns)).collect();
    let days_between_nights = days_between_nights.unsigned_abs();
    Some(RuleTest {
        id: id.text,
        place,
        kind,
        rule,
        profile,
        as_of: as_of?,
        days_between_nights,
        columns,
        nights,
        groups,
        expected,
    })
}

fn profile(fields: &mut Fields<'_>, known: &Known<'_>, reading: &mut Reading<'_>) -> Option<String> {
    let node = fields.take("profile")?;
    let word = reading.word(node, "profile")?;
    let profiles = &known.environment.profiles;
    if !profiles.contains(&word.text) {
        let message = format!("the project has no profile `{}`", word.text);
        let problem = Diagnostic::at(Code::InvalidValue, word.span, message);
        reading.problems.push(problem.one_of(&word.text, profiles.iter().map(String::as_str)));
    }
    Some(word.text)
}

fn as_of(fields: &mut Fields<'_>, reading: &mut Reading<'_>) -> Option<NaiveDate> {
    let word = reading.require_word(fields, "as_of")?;
    let day = word.text.parse().ok();
    if day.is_none() {
        let problem = Diagnostic::at(Code::InvalidAsOf, word.span, format!("`{}` is no calendar day", word.text));
        reading.problems.push(problem.label("written YYYY-MM-DD"));
    }
    day
}

/// The accounts of a test.
#[derive(Default)]
struct Accounts {
    defaults: BTreeMap<String, Cell>,
    rows: Vec<(String, BTreeMap<String, Cell>)>,
    /// What changes: by account and column, a value a night; none on nights without the account.
    timeline: BTreeMap<String, BTreeMap<String, Vec<Option<Cell>>>>,
    units: BTreeMap<String, Unit>,
}

impl Accounts {
    fn read(&mut self, node: &Node, known: &Known<'_>, reading: &mut Reading<'_>) {
        let Some(mut fields) = Fields::shaped(node, &ACCOUNTS, reading.problems) else { return };
        if let Some(node) = fields.take("defaults") {
            self.defaults = self.cells(node, known, reading);
        }
        for node in fields.list("rows", reading.problems) {
            let mut cells = self.cells(node, known, reading);
            match cells.remove("account_id").flatten() {
                Some(account) if self.rows.iter().any(|(other, _)| *other == account) => {
                    let message = format!("two rows of the account `{account}`");
                    reading.problems.push(Diagnostic::at(Code::DuplicateId, first_of(node.span), message));
                }
                Some(account) => self.rows.push((account, cells)),
                None => {
                    let message = "a row needs `account_id`";
                    reading.problems.push(Diagnostic::at(Code::MissingKey, first_of(node.span), message));
                }
            }
        }
        fields.finish(reading.problems);
    }

    /// Columns and their values.
    fn cells(&mut self, node: &Node, known: &Known<'_>, reading: &mut Reading<'_>) -> BTreeMap<String, Cell> {
        let Some(mut fields) = Fields::of(node, "an account", reading.problems) else { return BTreeMap::new() };
        let mut cells = BTreeMap::new();
        for (key, node) in fields.rest() {
            let Some(unit) = self.unit(&key.name, key.span, known, reading) else { continue };
            if let Some(cell) = cell(node, unit, &key.name, reading) {
                cells.insert(key.name.clone(), cell);
            }
        }
        cells
    }

    /// What a column measures; a problem where there is no such column.
    fn unit(&mut self, name: &str, span: Span, known: &Known<'_>, reading: &mut Reading<'_>) -> Option<Unit> {
        let of_catalogue = known.environment.catalogue.metric(name).filter(|metric| metric.grain == Grain::Account);
        let unit = if name == "account_id" {
            Some(Unit::Text)
        } else {
            let of_contract = || InputTable::Accounts.column(name).map(|column| column.kind.unit());
            of_catalogue.map(|metric| metric.unit).or_else(|| known.environment.attribute(name)).or_else(of_contract)
        };
        if let Some(unit) = unit {
            self.units.insert(name.to_owned(), unit);
            return Some(unit);
        }
        let problem = Diagnostic::at(Code::UnknownName, span, format!("unknown metric `{name}`"));
        let is_derived = rules_of(known.rules).contains(&("metric", name));
        reading.problems.push(if is_derived {
            problem.label("a rule computes it").help("give the metrics that it is computed from")
        } else {
            let problem = problem.label("no metric of accounts, and no column of theirs");
            suggest_metric(problem, name, known.needed.keys().map(String::as_str))
        });
        None
    }

    /// `timeline: {A1: {metric: "85*2 75 _"}}`.
    fn timeline(&mut self, node: &Node, known: &Known<'_>, reading: &mut Reading<'_>) {
        let Some(mut accounts) = Fields::of(node, "`timeline`", reading.problems) else { return };
        for (key, node) in accounts.rest() {
            if !self.rows.iter().any(|(account, _)| *account == key.name) {
                let problem =
                    Diagnostic::at(Code::InvalidValue, key.span, format!("no row of the account `{}`", key.name));
                reading
                    .problems
                    .push(problem.suggest(&key.name, self.rows.iter().map(|(account, _)| account.as_str())));
                continue;
            }
            let Some(mut columns) = Fields::of(node, "a timeline", reading.problems) else { continue };
            for (column, node) in columns.rest() {
                let Some(unit) = self.unit(&column.name, column.span, known, reading) else { continue };
                let Some(values) = values(node, unit, &column.name, reading) else { continue };
                self.timeline.entry(key.name.clone()).or_default().insert(column.name.clone(), values);
            }
        }
    }

    fn nights(&self) -> usize {
        self.timeline.values().flat_map(BTreeMap::values).map(Vec::len).max().unwrap_or(0)
    }

    /// What rules read and what the test gives.
    fn columns(&self, known: &Known<'_>) -> Vec<(String, Unit)> {
        let mut all = known.needed.clone();
        all.extend(self.units.iter().map(|(name, unit)| (name.clone(), *unit)));
        all.remove("account_id");
        std::iter::once(("account_id".to_owned(), Unit::Text)).chain(all).collect()
    }

    /// The accounts of a night. A timeline that is over goes on with its last value.
    fn rows(&self, night: usize, columns: &[(String, Unit)]) -> Vec<Vec<Cell>> {
        let row = |(account, cells): &(String, BTreeMap<String, Cell>)| -> Option<Vec<Cell>> {
            let timeline = self.timeline.get(account);
            let value = |name: &str| -> Option<Cell> {
                if name == "account_id" {
                    return Some(Some(account.clone()));
                }
                if let Some(values) = timeline.and_then(|timeline| timeline.get(name)) {
                    return values.get(night).or_else(|| values.last()).cloned().unwrap_or(Some(None));
                }
                Some(cells.get(name).or_else(|| self.defaults.get(name)).cloned().flatten())
            };
            columns.iter().map(|(name, _)| value(name)).collect()
        };
        self.rows.iter().filter_map(row).collect()
    }
}

/// A value under a key.
fn cell(node: &Node, unit: Unit, name: &str, reading: &mut Reading<'_>) -> Option<Cell> {
    let text = match &node.value {
        Value::Null => return Some(None),
        Value::Bool(flag) => flag.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Float(_, text) | Value::Text(text) => text.clone(),
        Value::List(_) | Value::Map(_) => {
            reading.wrong_shape(node, name, "one value");
            return None;
        }
    };
    checked(text, unit, name, node.span, reading)
}

/// A text as a value of a unit.
fn checked(text: String, unit: Unit, name: &str, span: Span, reading: &mut Reading<'_>) -> Option<Cell> {
    let fits = match unit {
        Unit::Text => true,
        Unit::Flag => text == "true" || text == "false",
        Unit::Date => text.parse::<NaiveDate>().is_ok(),
        Unit::Count | Unit::Days => text.parse::<i64>().is_ok(),
        _ => text.parse::<f64>().is_ok_and(f64::is_finite),
    };
    // Numbers may be written with an exponent; amounts have as many digits as tables hold.
    const MOST: f64 = 1e16;
    let is_held = !matches!(unit, Unit::Money) || text.parse::<f64>().is_ok_and(|number| number.abs() < MOST);
    if fits && is_held {
        let exponent = unit.is_numeric() && text.contains(['e', 'E']);
        let plain = exponent.then(|| text.parse::<f64>().ok()).flatten().map(|number| number.to_string());
        return Some(Some(plain.unwrap_or(text)));
    }
    let what = match unit {
        Unit::Flag => "true or false",
        Unit::Date => "a day, written YYYY-MM-DD",
        Unit::Count | Unit::Days => "a whole number",
        Unit::Money => "an amount of at most 16 digits before the point",
        _ => "a number",
    };
    let message = format!("`{text}` is no value of `{name}`, which is {what}");
    reading.problems.push(Diagnostic::at(Code::InvalidValue, span, message));
    None
}

/// `85*2 75 null _`: a value a night, `v*n` for n nights, `_` for a night without the account.
fn values(node: &Node, unit: Unit, name: &str, reading: &mut Reading<'_>) -> Option<Vec<Option<Cell>>> {
    let Value::Text(text) = &node.value else { return Some(vec![Some(cell(node, unit, name, reading)?)]) };
    let mut values = Vec::new();
    for token in text.split_whitespace() {
        let (value, nights) = match token.rsplit_once('*') {
            Some((value, nights)) => match nights.parse::<usize>() {
                Ok(nights) if (1..=MOST_NIGHTS).contains(&nights) => (value, nights),
                _ => {
                    let message = format!("`{token}` repeats a value for no number of nights from 1 to {MOST_NIGHTS}");
                    reading.problems.push(Diagnostic::at(Code::InvalidValue, node.span, message));
                    return None;
                }
            },
            None => (token, 1),
        };
        let value = match value {
            "_" => None,
            "null" => Some(None),
            value => Some(checked(value.to_owned(), unit, name, node.span, reading)?),
        };
        values.extend(std::iter::repeat_n(value, nights));
        if values.len() > MOST_NIGHTS {
            break;
        }
    }
    Some(values)
}

/// `{metric: nrr_12m, scope: plan, group: pro, value: 0.9, accounts: 40}`.
fn group(node: &Node, known: &Known<'_>, reading: &mut Reading<'_>) -> Option<GivenGroup> {
    let mut fields = Fields::shaped(node, &GROUP, reading.problems)?;
    let metric = reading.require_word(&mut fields, "metric");
    let scope = fields.text("scope", reading.problems).unwrap_or_else(|| "total".to_owned());
    let group = fields.text("group", reading.problems).unwrap_or_else(|| "all".to_owned());
    let values = fields.take("value").and_then(|node| values(node, Unit::Number, "value", reading));
    let accounts = fields.integer("accounts", 0, i64::MAX, reading.problems).unwrap_or(1_000);
    fields.finish(reading.problems);
    let metric = metric?;
    let is_known = known.environment.catalogue.metric(&metric.text).is_some_and(|found| found.grain == Grain::Group);
    if !is_known {
        let problem = Diagnostic::at(Code::UnknownName, metric.span, format!("unknown metric `{}`", metric.text));
        let needed = known.rules.group_metrics_needed();
        let names = needed.iter().map(|(_, name)| name.as_str());
        reading.problems.push(suggest_metric(problem.label("not a metric of groups"), &metric.text, names));
        return None;
    }
    let values = values.unwrap_or_else(|| vec![Some(None)]);
    Some(GivenGroup { scope, group, metric: metric.text, values, accounts })
}
