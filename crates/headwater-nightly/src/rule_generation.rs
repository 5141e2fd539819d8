//! A test of a rule written from what was published: an account as it was on some nights, and what the rule says of it.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use headwater_diagnostics::{Code, Diagnostic, FileId, Sources, Span};
use headwater_metrics::{Unit, identifier, literal};
use headwater_rules::{Cell, CheckedRules, Environment, RuleTest, TestedKind};
use serde_yaml::{Mapping, Value};

use crate::contract::{ColumnContract, TableContract};
use crate::engine::{Engine, EngineLimits};
use crate::failure::{FailureKind, RunError};
use crate::project::Project;
use crate::publish::{Manifest, Publication};
use crate::report::{Row, read};
use crate::rule_set::{check_rules, environment_of};
use crate::rule_tests::{ALWAYS, said_of};
use crate::tables;

/// The table that has the accounts.
const ACCOUNTS: &str = "account_metrics";

/// What a test is asked to be about.
#[derive(Debug, Clone)]
pub struct GeneratedTestRequest {
    /// The account.
    pub account: String,
    /// The rule, as `kind:id`.
    pub rule: String,
    /// The last night.
    pub as_of: NaiveDate,
    /// How many published nights the test goes back, the last one included.
    pub nights: usize,
}

/// Writes a test of a rule, as YAML, from an account as it was published. The test holds of the rules as they are: what
/// they say of the account is what it expects.
///
/// # Errors
/// When the rules have problems, or the rule, the night or the account is not there.
pub async fn generate_test(
    project: &Project,
    sources: &Sources,
    rule_files: &[FileId],
    environment: Vec<(String, String)>,
    asked: &GeneratedTestRequest,
) -> Result<String, RunError> {
    let (rules, problems) = check_rules(project, sources, rule_files);
    let Some(rules) = rules else { return Err(RunError::new(FailureKind::InvalidProject, problems)) };
    let (kind, id) = rule_of(&asked.rule, &rules)?;
    let columns = columns(&rules.only(kind.word(), &id), &environment_of(project));
    let history = History::open(project, environment, asked).await?;
    let nights = history.nights(&asked.account, &columns).await?;
    let first = nights.first().map_or(asked.as_of, |(night, _)| *night);
    let test = RuleTest {
        id: "generated".to_owned(),
        place: Span {
            file: sources.ids().next().ok_or_else(|| not_there("project", "it has no files"))?,
            start: 0,
            end: 0,
        },
        kind,
        rule: id,
        profile: None,
        as_of: first,
        days_between_nights: 1,
        columns,
        nights: consecutive(&nights),
        groups: Vec::new(),
        expected: Vec::new(),
    };
    let said = said_of(&rules, &test, &asked.account).await?;
    let text = serde_yaml::to_string(&document(&test, &asked.account, said));
    text.map_err(|error| not_there("this test", &error.to_string()))
}

fn not_there(place: &str, message: &str) -> RunError {
    RunError::new(FailureKind::NotFound, Diagnostic::of(Code::NotPublished, place, message))
}

fn rule_of(rule: &str, rules: &CheckedRules) -> Result<(TestedKind, String), RunError> {
    let known: Vec<_> = rules.testable().into_iter().filter(|(kind, _)| *kind != TestedKind::Guardrail).collect();
    let found = known.iter().find(|(kind, id)| format!("{}:{id}", kind.word()) == rule);
    found.cloned().ok_or_else(|| {
        let names: Vec<_> = known.iter().map(|(kind, id)| format!("{}:{id}", kind.word())).collect();
        let problem = Diagnostic::of(Code::UnknownRule, "--rule", format!("there is no rule of accounts `{rule}`"));
        let of_id = known.iter().zip(&names).find(|((_, id), _)| id == rule).map(|(_, name)| name);
        let problem = match of_id {
            Some(name) => problem.help(format!("say of which kind: `{name}`")),
            None => problem.suggest(rule, names.iter().map(String::as_str)),
        };
        RunError::new(FailureKind::NotFound, problem)
    })
}

/// What a rule reads of an account: its columns and metrics of the catalogue, `account_id` first.
fn columns(rules: &CheckedRules, environment: &Environment) -> Vec<(String, Unit)> {
    let unit = |name: &String| {
        let attribute = environment.attributes.iter().find(|(known, _)| known == name).map(|(_, unit)| *unit);
        attribute.or_else(|| environment.catalogue.metric(name).map(|metric| metric.unit))
    };
    let always = ALWAYS.iter().map(|name| (*name).to_owned());
    let read: BTreeSet<String> =
        rules.columns_read().into_iter().chain(always).filter(|name| name != "account_id").collect();
    let given = read.into_iter().filter_map(|name| unit(&name).map(|unit| (name, unit)));
    std::iter::once(("account_id".to_owned(), Unit::Text)).chain(given).collect()
}

/// The published nights that a test is written from.
struct History {
    engine: Engine,
    /// The nights in their order, each with its manifest.
    manifests: Vec<Manifest>,
    publication: Publication,
    outputs: datafusion::datasource::object_store::ObjectStoreUrl,
}

impl History {
    async fn open(
        project: &Project,
        environment: Vec<(String, String)>,
        asked: &GeneratedTestRequest,
    ) -> Result<Self, RunError> {
        let stores = project.open_stores(environment);
        let location = &project.outputs.location;
        let publication = Publication::new(stores.open(location)?, location.path());
        let failed = |error| RunError::publishing(&location.to_string(), &error);
        let latest = publication.latest().await.map_err(failed)?;
        let published = latest.map(|latest| latest.nights).unwrap_or_default();
        if !published.contains_key(&asked.as_of) {
            let nights: Vec<_> = published.keys().rev().take(3).map(ToString::to_string).collect();
            let problem =
                Diagnostic::of(Code::NotPublished, "--as-of", format!("no night of {} is published", asked.as_of));
            let last =
                if nights.is_empty() { "none is".to_owned() } else { format!("the last are {}", nights.join(", ")) };
            return Err(RunError::new(FailureKind::NotFound, problem.label(last).help("run it first")));
        }
        let mut manifests = Vec::new();
        for number in published.range(..=asked.as_of).rev().take(asked.nights).map(|(_, number)| *number) {
            manifests.push(publication.manifest(number).await.map_err(failed)?);
        }
        manifests.reverse();
        let engine = Engine::new(&EngineLimits { memory_bytes: None, spill_dir: None, threads: 1 })?;
        let outputs = stores.register(engine.context(), location)?;
        Ok(Self { engine, manifests, publication, outputs })
    }

    /// The account on each night; none on a night without it.
    async fn nights(
        &self,
        account: &str,
        columns: &[(String, Unit)],
    ) -> Result<Vec<(NaiveDate, Option<Vec<Cell>>)>, RunError> {
        let contract = |(name, unit): &(String, Unit)| ColumnContract {
            name: name.clone(),
            unit: *unit,
            required: name == "account_id",
            description: String::new(),
        };
        let contract = TableContract::new(ACCOUNTS, "", &["account_id"], columns.iter().map(contract).collect());
        let cells: Vec<_> = columns.iter().map(|(name, _)| format!("CAST({} AS VARCHAR)", identifier(name))).collect();
        let sql = format!("SELECT {} FROM {ACCOUNTS} WHERE account_id = {}", cells.join(", "), literal(account));
        let mut nights = Vec::new();
        for manifest in &self.manifests {
            let files = manifest.table(ACCOUNTS).into_iter().flat_map(|table| &table.files);
            let paths: Vec<_> = files.map(|file| self.publication.path(&file.path)).collect();
            tables::register(&self.engine, &self.outputs, ACCOUNTS, &paths, &contract)?;
            let row = |row: &Row<'_>| (0..columns.len()).map(|at| row.optional(at)).collect::<Vec<Cell>>();
            let found = read(&self.engine, ACCOUNTS, &sql, row).await?;
            nights.push((manifest.as_of, found.into_iter().next()));
        }
        if nights.iter().all(|(_, row)| row.is_none()) {
            return Err(not_there(account, "the account is on none of these nights"));
        }
        Ok(nights)
    }
}

/// The nights of a test, a day apart: one that was not published has no account.
fn consecutive(nights: &[(NaiveDate, Option<Vec<Cell>>)]) -> Vec<Vec<Vec<Cell>>> {
    let (Some((first, _)), Some((last, _))) = (nights.first(), nights.last()) else { return Vec::new() };
    let of = |night: NaiveDate| nights.iter().find(|(known, _)| *known == night).and_then(|(_, row)| row.clone());
    first.iter_days().take_while(|night| night <= last).map(|night| of(night).into_iter().collect()).collect()
}

fn document(test: &RuleTest, account: &str, said: Value) -> Value {
    let text = |text: &str| Value::String(text.to_owned());
    let mut row = Mapping::new();
    let mut timeline = Mapping::new();
    row.insert(text("account_id"), text(account));
    for (at, (name, unit)) in test.columns.iter().enumerate().skip(1) {
        let values: Vec<Option<Cell>> =
            test.nights.iter().map(|night| night.first().map(|row| row.get(at).cloned().flatten())).collect();
        match values.as_slice() {
            [Some(value), rest @ ..] if rest.iter().all(|other| other.as_ref() == Some(value)) => {
                row.insert(text(name), cell(value, *unit));
            }
            _ => {
                let values: Vec<_> = values.iter().map(token).collect();
                timeline.insert(text(name), Value::String(values.join(" ")));
            }
        }
    }
    let mapping = |entries: Vec<(&str, Value)>| {
        Value::Mapping(entries.into_iter().map(|(key, value)| (Value::String(key.to_owned()), value)).collect())
    };
    let accounts = mapping(vec![("rows", Value::Sequence(vec![Value::Mapping(row)]))]);
    let id = format!("{}_of_{}", test.rule, plain(account));
    let mut keys = vec![
        ("id", text(&id)),
        ("rule", text(&format!("{}:{}", test.kind.word(), test.rule))),
        ("as_of", text(&test.as_of.to_string())),
        ("given", mapping(vec![("account_metrics", accounts)])),
    ];
    if !timeline.is_empty() {
        keys.push(("timeline", mapping(vec![(account, Value::Mapping(timeline))])));
    }
    keys.push(("expect", Value::Sequence(vec![said])));
    let tests = Value::Sequence(vec![mapping(keys)]);
    mapping(vec![("version", Value::Number(1.into())), ("tests", tests)])
}

/// An account's id as a part of the id of a test.
fn plain(account: &str) -> String {
    let kept = account.to_lowercase();
    kept.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' }).collect()
}

fn cell(value: &Cell, unit: Unit) -> Value {
    let Some(value) = value else { return Value::Null };
    match unit {
        Unit::Flag => Value::Bool(value == "true"),
        // As it is written, so that an amount keeps its digits.
        _ if unit.is_numeric() => serde_yaml::from_str(value).unwrap_or_else(|_| Value::String(value.clone())),
        _ => Value::String(value.clone()),
    }
}

/// A value of a timeline.
fn token(value: &Option<Cell>) -> String {
    match value {
        None => "_".to_owned(),
        Some(None) => "null".to_owned(),
        Some(Some(value)) => value.clone(),
    }
}
