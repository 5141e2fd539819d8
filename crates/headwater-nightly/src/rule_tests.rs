//! Tests of rules, run: their accounts night by night, by the plans of a night, in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::StringArray;
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::Schema;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use chrono::{Days, NaiveDate};
use datafusion::datasource::MemTable;
use datafusion::error::DataFusionError;
use headwater_diagnostics::{Code, Diagnostic, Diagnostics, FileId, Sources};
use headwater_metrics::{Query, identifier, literal};
use headwater_rules::{
    Cell, CheckedRules, Condition, Expectation, Expected, OutputTable, PlanContext, RuleTest, RuleTests, TestedKind,
    ValueOf, compile, read_tests,
};
use serde::Serialize;
use serde_yaml::Value;

use crate::all_tables::{CARRIED, published};
use crate::engine::{Engine, EngineError, EngineLimits, failed};
use crate::failure::RunError;
use crate::project::Project;
use crate::report::{Row, read};
use crate::rule_set::{check_rules, environment_of};
use crate::tables;
use crate::tested_rules::TestedRules;
use crate::workers::side_by_side;

/// What tests of rules came to.
#[derive(Debug, Default, Serialize)]
pub struct RuleTestReport {
    /// What each test came to, in the order of the files.
    pub tests: Vec<RuleTestOutcome>,
    /// Tests of rules that are left out because an input is not declared: id and rule.
    pub left_out: Vec<(String, String)>,
    /// Rules without a test, as `kind:id`.
    pub untested: Vec<String>,
    /// Conditions of tested rules that no test makes true, or none makes false.
    pub untried: Vec<UntriedCondition>,
    /// Everything that does not hold, at its place.
    #[serde(skip)]
    pub problems: Diagnostics,
}

/// What one test came to.
#[derive(Debug, Serialize)]
pub struct RuleTestOutcome {
    /// Its id.
    pub id: String,
    /// The rule it is about, as `kind:id`.
    pub rule: String,
    /// The file it stands in.
    pub file: String,
    /// What does not hold, a text each; none where everything does.
    pub failures: Vec<String>,
}

/// A condition that tests do not try both ways.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct UntriedCondition {
    /// The rule, as `kind:id`.
    pub rule: String,
    /// The condition's id.
    pub condition: String,
    /// The condition as it is written.
    pub text: String,
    /// What no test makes of it: `true` or `false`.
    pub never: bool,
}

/// Whether a condition was true, and whether it was false, in any test.
type Tried = BTreeMap<(TestedKind, String, String), (bool, bool)>;

/// Runs test files against the project's rules. No data is read, and nothing is written.
///
/// # Errors
/// When the project's rules or the test files have problems, or the engine fails.
pub async fn run_rule_tests(
    project: &Project,
    sources: &Sources,
    rule_files: &[FileId],
    test_files: &[FileId],
) -> Result<RuleTestReport, RunError> {
    let invalid = |problems: Diagnostics| RunError::new(crate::FailureKind::InvalidProject, problems);
    let (rules, problems) = check_rules(project, sources, rule_files);
    let Some(rules) = rules else { return Err(invalid(problems)) };
    let (RuleTests { tests, left_out }, problems) = read_tests(sources, test_files, &rules, &environment_of(project));
    if problems.has_errors() {
        return Err(invalid(problems));
    }
    let rules =
        TestedRules::new(rules, &tests.iter().collect::<Vec<_>>(), project, sources, rule_files).map_err(invalid)?;
    let mut report = RuleTestReport { left_out, ..RuleTestReport::default() };
    let mut tried = Tried::new();
    let given = Arc::new((rules, tests));
    let found = side_by_side(given.1.len(), |at| {
        let given = Arc::clone(&given);
        async move { outcome(&given.0, &given.1, at).await }
    });
    let found = found.await?;
    let (rules, tests) = &*given;
    for (test, (found, tried_by_it)) in tests.iter().zip(found) {
        for (condition, (was_true, was_false)) in tried_by_it {
            let so_far = tried.entry(condition).or_default();
            *so_far = (so_far.0 || was_true, so_far.1 || was_false);
        }
        report.tests.push(RuleTestOutcome {
            id: test.id.clone(),
            rule: format!("{}:{}", test.kind.word(), test.rule),
            file: sources.name(test.place.file).to_owned(),
            failures: found.sorted().into_iter().map(in_words).collect(),
        });
        report.problems.append(found);
    }
    report.cover(rules.as_read(), tests, &tried);
    Ok(report)
}

/// What one of some tests comes to, and which conditions it tries.
async fn outcome(rules: &TestedRules, tests: &[RuleTest], at: usize) -> Result<(Diagnostics, Tried), RunError> {
    let mut tried = Tried::new();
    let found = match tests.get(at) {
        Some(test) => Case::new(rules.of(test), test)?.run(Some(&mut tried)).await?,
        None => Diagnostics::new(),
    };
    Ok((found, tried))
}

/// Whether everything that a test expects of rules holds.
pub(crate) async fn passes(rules: &CheckedRules, test: &RuleTest) -> Result<bool, EngineError> {
    Ok(Case::new(rules, test)?.run(None).await?.is_empty())
}

/// What rules say of an account on the last night of a test, as an expectation.
pub(crate) async fn said_of(rules: &CheckedRules, test: &RuleTest, account_id: &str) -> Result<Value, EngineError> {
    let case = Case::new(rules, test)?;
    case.run(None).await?;
    let (rule, of_account) = (literal(&test.rule), format!("account_id = {}", literal(account_id)));
    let of_rule = format!("rule_id = {rule} AND {of_account}");
    let sql = match test.kind {
        TestedKind::Trigger => format!(
            "SELECT state FROM flagged_accounts WHERE {of_rule} \
             UNION ALL SELECT state FROM flag_states WHERE {of_rule} AND state = 'pending'"
        ),
        TestedKind::Milestone => format!("SELECT state FROM flagged_accounts WHERE {of_rule}"),
        TestedKind::SegmentScheme => {
            format!("SELECT segment FROM segment_scores WHERE scheme = {rule} AND {of_account}")
        }
        TestedKind::MilestoneLadder => {
            format!("SELECT coalesce(milestone, 'none') FROM milestone_states WHERE ladder = {rule} AND {of_account}")
        }
        TestedKind::Metric => {
            format!("SELECT CAST({} AS VARCHAR) FROM account_metrics WHERE {of_account}", identifier(&test.rule))
        }
        TestedKind::Guardrail => return Ok(Value::Null),
    };
    let found = read(&case.engine, "what came out", &sql, |row| row.optional(0)).await?.into_iter().next();
    let text = |text: &str| Value::String(text.to_owned());
    let account = || Value::Sequence(vec![text(account_id)]);
    let one = |key: &str, value: Value| Value::Mapping([(text(key), value)].into_iter().collect());
    let (key, value) = match (test.kind, found.flatten()) {
        (TestedKind::Trigger | TestedKind::Milestone, Some(state)) => (state, account()),
        (TestedKind::Trigger | TestedKind::Milestone, None) => ("firing".to_owned(), Value::Sequence(Vec::new())),
        (TestedKind::SegmentScheme, Some(segment)) => ("members".to_owned(), one(&segment, account())),
        (TestedKind::MilestoneLadder, Some(milestone)) => ("at".to_owned(), one(&milestone, account())),
        (_, value) => {
            let number = value.map(|value| serde_yaml::from_str(&value).unwrap_or(Value::String(value)));
            ("values".to_owned(), one(account_id, number.unwrap_or(Value::Null)))
        }
    };
    let night = (text("night"), Value::Number(test.nights.len().into()));
    Ok(Value::Mapping([night, (text(&key), value)].into_iter().collect()))
}

/// A failure with its reasons, as lines.
fn in_words(problem: &Diagnostic) -> String {
    let night = problem.label.iter().map(|night| format!(" ({night})"));
    let notes = problem.notes.iter().map(|note| format!("\n{note}"));
    std::iter::once(problem.message.clone()).chain(night).chain(notes).collect()
}

impl RuleTestReport {
    /// How many tests passed, and how many failed.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        let passed = self.tests.iter().filter(|test| test.failures.is_empty()).count();
        (passed, self.tests.len() - passed)
    }

    fn cover(&mut self, rules: &CheckedRules, tests: &[RuleTest], tried: &Tried) {
        let tested: BTreeSet<(TestedKind, &str)> = tests.iter().map(|test| (test.kind, test.rule.as_str())).collect();
        let name = |kind: TestedKind, rule: &str| format!("{}:{rule}", kind.word());
        let untested = rules.testable().into_iter().filter(|(kind, rule)| !tested.contains(&(*kind, rule.as_str())));
        self.untested = untested.map(|(kind, rule)| name(kind, &rule)).collect();
        for condition in rules.conditions(NaiveDate::default()) {
            if !tested.contains(&(condition.kind, condition.rule.as_str())) {
                continue;
            }
            let key = (condition.kind, condition.rule.clone(), condition.id.clone());
            let (was_true, was_false) = tried.get(&key).copied().unwrap_or_default();
            for never in [true, false].into_iter().filter(|never| !if *never { was_true } else { was_false }) {
                self.untried.push(UntriedCondition {
                    rule: name(condition.kind, &condition.rule),
                    condition: condition.id.clone(),
                    text: condition.text.clone(),
                    never,
                });
            }
        }
    }
}

/// One test at work.
struct Case<'a> {
    engine: Engine,
    /// The rule and what it rests on.
    rules: CheckedRules,
    test: &'a RuleTest,
    /// Which columns of the test its rule reads: those of all other rules would only make plans wider.
    columns: Vec<usize>,
}

/// Columns that plans name whatever a rule reads.
pub(crate) const ALWAYS: [&str; 2] = ["account_id", "signed_up_on"];

impl<'a> Case<'a> {
    fn new(rules: &CheckedRules, test: &'a RuleTest) -> Result<Self, EngineError> {
        let limits = EngineLimits { memory_bytes: None, spill_dir: None, threads: 1 };
        let rules = rules.only(test.kind.word(), &test.rule);
        let read = rules.columns_read();
        let named = test.columns.iter().enumerate();
        let columns = named.filter(|(_, (name, _))| read.contains(name) || ALWAYS.contains(&name.as_str()));
        let columns = columns.map(|(at, _)| at).collect();
        Ok(Self { engine: Engine::new(&limits)?, rules, test, columns })
    }

    /// Everything that does not hold.
    async fn run(&self, mut tried: Option<&mut Tried>) -> Result<Diagnostics, EngineError> {
        let mut problems = Diagnostics::new();
        let carried: Vec<_> = self.tables().into_iter().filter(|name| CARRIED.contains(name)).collect();
        for table in carried.iter().filter_map(|name| OutputTable::named(name)) {
            tables::register_empty(&self.engine, &previous(table.name), &published(table))?;
        }
        let last_night = self.test.nights.len();
        for (night, rows) in (1..).zip(&self.test.nights) {
            let days = Days::new((night as u64 - 1) * self.test.days_between_nights);
            let as_of = self.test.as_of.checked_add_days(days).unwrap_or(self.test.as_of);
            self.night(night - 1, as_of, rows).await?;
            if let Some(tried) = tried.as_deref_mut() {
                self.try_conditions(as_of, tried).await?;
            }
            for expectation in self.test.expected.iter().filter(|expectation| expectation.night == night) {
                if let Some(problem) = self.compare(expectation, as_of).await? {
                    problems.push(problem);
                }
            }
            for name in carried.iter().filter(|_| night < last_night) {
                self.engine.also(name, &previous(name)).await?;
            }
        }
        Ok(problems)
    }

    /// Judges the accounts of a night.
    async fn night(&self, night: usize, as_of: NaiveDate, rows: &[Vec<Cell>]) -> Result<(), EngineError> {
        let measured = self.columns.iter().filter_map(|at| self.test.columns.get(*at).cloned()).collect();
        let compiled = compile(&self.rules, &PlanContext { as_of, measured, unavailable: BTreeSet::new() });
        if self.test.kind == TestedKind::Guardrail {
            self.hold(&group_metrics(self.test, night, as_of)).await?;
        }
        let measured = self.measured(rows).map_err(|error| failed("measured", error))?;
        self.engine.replace("measured", Arc::new(measured))?;
        if let Some(quantiles) = compiled.score_quantiles() {
            self.hold(quantiles).await?;
        }
        self.hold(compiled.account_metrics()).await?;
        if let Some(memberships) = compiled.memberships() {
            self.hold(memberships).await?;
        }
        self.hold(compiled.judged()).await?;
        for query in self.tables().into_iter().filter_map(|name| compiled.table(name)) {
            self.hold(query).await?;
        }
        Ok(())
    }

    /// The table `measured` of a night.
    fn measured(&self, rows: &[Vec<Cell>]) -> Result<MemTable, DataFusionError> {
        let exact = CastOptions { safe: false, ..CastOptions::default() };
        let columns = self.columns.iter().filter_map(|at| Some((*at, self.test.columns.get(*at)?)));
        let columns = columns.map(|(at, (name, unit))| {
            let cells: StringArray = rows.iter().map(|row| row.get(at).and_then(Option::as_deref)).collect();
            Ok((name.as_str(), cast_with_options(&cells, &unit.data_type(), &exact)?, true))
        });
        let batch = RecordBatch::try_from_iter_with_nullable(columns.collect::<Result<Vec<_>, ArrowError>>()?)?;
        MemTable::try_new(batch.schema(), vec![vec![batch]])
    }

    /// The published tables that the test looks at, or a night after it does, in the order of computation; none where it
    /// looks at a metric.
    fn tables(&self) -> Vec<&'static str> {
        let looked_at: &[&str] = match self.test.kind {
            TestedKind::Metric => &[],
            TestedKind::SegmentScheme => &["segment_scores"],
            TestedKind::MilestoneLadder => &["milestone_states"],
            TestedKind::Milestone | TestedKind::Trigger => &["flag_states", "flagged_accounts"],
            TestedKind::Guardrail => &["guardrail_verdicts"],
        };
        let holds = self.rules.hold_members() && self.test.kind != TestedKind::SegmentScheme;
        holds.then_some("segment_scores").into_iter().chain(looked_at.iter().copied()).collect()
    }

    /// Computes a query and registers its rows under its name.
    async fn hold(&self, query: &Query) -> Result<(), EngineError> {
        let step = |error| failed(&query.name, error);
        let frame = self.engine.plan(query).await?;
        let schema = Arc::clone(frame.schema().inner());
        let batches = frame.collect().await.map_err(step)?;
        let schema = batches.first().map_or(schema, |batch| batch.schema());
        // As in a night, whose tables come from files: no column is known to be without unknown values.
        let fields = schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let batches = batches
            .into_iter()
            .map(|batch| RecordBatch::try_new(Arc::clone(&schema), batch.columns().to_vec()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| step(error.into()))?;
        let table = MemTable::try_new(schema, vec![batches]).map_err(step)?;
        self.engine.replace(&query.name, Arc::new(table))
    }

    /// Notes which conditions of the rule held, and which did not.
    async fn try_conditions(&self, as_of: NaiveDate, tried: &mut Tried) -> Result<(), EngineError> {
        let conditions = self.conditions(as_of);
        let both = |Condition { met, .. }: &Condition| [format!("bool_or({met})"), format!("bool_or(NOT {met})")];
        let found = self.pairs(&conditions, "judged", both).await?;
        let is = |text: &Cell| text.as_deref() == Some("true");
        for (condition, (was_true, was_false)) in conditions.into_iter().zip(found.iter().flatten()) {
            let (was_true, was_false) = (is(was_true), is(was_false));
            let so_far = tried.entry((condition.kind, condition.rule, condition.id)).or_default();
            *so_far = (so_far.0 || was_true, so_far.1 || was_false);
        }
        Ok(())
    }

    /// Two values a condition, a row each of `from`.
    async fn pairs(
        &self,
        conditions: &[Condition],
        from: &str,
        pair: impl Fn(&Condition) -> [String; 2],
    ) -> Result<Vec<Vec<(Cell, Cell)>>, EngineError> {
        if conditions.is_empty() {
            return Ok(Vec::new());
        }
        // By their places: conditions that are written alike are still two.
        let values = conditions.iter().flat_map(pair).enumerate().map(|(at, value)| format!("{value} AS value_{at}"));
        let sql = format!("SELECT {} FROM {from}", values.collect::<Vec<_>>().join(", "));
        let line =
            |row: &Row<'_>| (0..conditions.len()).map(|at| (row.optional(2 * at), row.optional(2 * at + 1))).collect();
        read(&self.engine, "conditions", &sql, line).await
    }

    fn conditions(&self, as_of: NaiveDate) -> Vec<Condition> {
        let of_rule = |condition: &Condition| condition.kind == self.test.kind && condition.rule == self.test.rule;
        self.rules.conditions(as_of).into_iter().filter(of_rule).collect()
    }

    async fn compare(&self, expected: &Expectation, as_of: NaiveDate) -> Result<Option<Diagnostic>, EngineError> {
        let rule = literal(&self.test.rule);
        let (what, accounts, sql) = match &expected.what {
            Expected::Flagged(state, accounts) => {
                let what = state.replace('_', " ");
                // Nobody is flagged while a condition has not held long enough.
                let table = if *state == "pending" { "flag_states" } else { "flagged_accounts" };
                let of_rule = format!("{table} WHERE rule_id = {rule} AND state = {}", literal(state));
                (what, accounts, of_rule)
            }
            Expected::Members(segment, accounts) => {
                let of_rule = format!("segment_scores WHERE scheme = {rule} AND segment = {}", literal(segment));
                (format!("in `{segment}`"), accounts, of_rule)
            }
            Expected::At(milestone, accounts) => {
                let at = literal(milestone);
                let of_rule = format!("milestone_states WHERE ladder = {rule} AND coalesce(milestone, 'none') = {at}");
                (format!("at `{milestone}`"), accounts, of_rule)
            }
            Expected::Value { of, account, value, tolerance } => {
                return self.compare_value(expected, as_of, (of, account, value, *tolerance)).await;
            }
            Expected::Verdict { scope, group, verdict } => {
                return self.compare_verdict(expected, as_of, (scope, group, verdict)).await;
            }
        };
        let sql = format!("SELECT account_id FROM {sql}");
        let found: BTreeSet<String> =
            read(&self.engine, "what came out", &sql, |row| row.text(0)).await?.into_iter().collect();
        if found == *accounts {
            return Ok(None);
        }
        let message = format!("{what} should be {}, and is {}", named(accounts), named(&found));
        let mut problem = self.problem(expected, as_of, &message);
        for account in accounts.symmetric_difference(&found).take(3) {
            for note in self.why(account, as_of).await? {
                problem = problem.note(note);
            }
        }
        Ok(Some(problem))
    }

    async fn compare_value(
        &self,
        expected: &Expectation,
        as_of: NaiveDate,
        (of, account, value, tolerance): (&ValueOf, &str, &Cell, f64),
    ) -> Result<Option<Diagnostic>, EngineError> {
        let rule = literal(&self.test.rule);
        let (what, column, table, nothing) = match of {
            ValueOf::Metric(name) => {
                let what = if *name == self.test.rule { "value".to_owned() } else { format!("`{name}`") };
                (what, identifier(name), "account_metrics WHERE true".to_owned(), "there is no account")
            }
            ValueOf::Stake => {
                let of_rule = format!("flagged_accounts WHERE rule_id = {rule} AND state <> 'resolved'");
                ("amount at stake".to_owned(), "value_at_stake".to_owned(), of_rule, "nothing is flagged of")
            }
            ValueOf::Due | ValueOf::Reached => {
                let (what, column) =
                    if *of == ValueOf::Due { ("day due", "due_on") } else { ("day reached", "reached_on") };
                let of_rule = format!("milestone_states WHERE ladder = {rule}");
                (what.to_owned(), column.to_owned(), of_rule, "there is no account")
            }
        };
        let sql = format!("SELECT CAST({column} AS VARCHAR) FROM {table} AND account_id = {}", literal(account));
        let found = read(&self.engine, "what came out", &sql, |row| row.optional(0)).await?;
        let Some(found) = found.into_iter().next() else {
            return Ok(Some(self.problem(expected, as_of, &format!("{nothing} `{account}` that night"))));
        };
        let number = |cell: &Cell| cell.as_ref().and_then(|text| text.parse::<f64>().ok());
        let is_same = match (number(value), number(&found)) {
            (Some(value), Some(found)) => (value - found).abs() <= tolerance,
            _ => *value == found,
        };
        let shown = |cell: &Cell| cell.clone().unwrap_or_else(|| "unknown".to_owned());
        let message = || format!("the {what} of {account} should be {}, and is {}", shown(value), shown(&found));
        Ok((!is_same).then(|| self.problem(expected, as_of, &message())))
    }

    async fn compare_verdict(
        &self,
        expected: &Expectation,
        as_of: NaiveDate,
        (scope, group, verdict): (&str, &str, &str),
    ) -> Result<Option<Diagnostic>, EngineError> {
        let sql = format!(
            "SELECT verdict, reason FROM guardrail_verdicts WHERE guardrail_id = {} AND scope = {} AND group_name = {}",
            literal(&self.test.rule),
            literal(scope),
            literal(group),
        );
        let found = read(&self.engine, "what came out", &sql, |row| (row.text(0), row.optional(1))).await?;
        let (found, reason) = found.into_iter().next().unwrap_or_else(|| ("no verdict".to_owned(), None));
        if found == verdict {
            return Ok(None);
        }
        let message = format!("the verdict on {scope} {group} should be {verdict}, and is {found}");
        let problem = self.problem(expected, as_of, &message);
        Ok(Some(reason.into_iter().fold(problem, Diagnostic::note)))
    }

    fn problem(&self, expected: &Expectation, as_of: NaiveDate, message: &str) -> Diagnostic {
        Diagnostic::at(Code::TestFailed, expected.place, format!("test `{}`: {message}", self.test.id))
            .label(format!("night {}, {as_of}", expected.night))
    }

    /// The conditions of the rule with what they found of an account.
    async fn why(&self, account: &str, as_of: NaiveDate) -> Result<Vec<String>, EngineError> {
        let conditions = self.conditions(as_of);
        let of_account = format!("judged WHERE account_id = {}", literal(account));
        let found =
            self.pairs(&conditions, &of_account, |Condition { met, value, .. }| [met.clone(), value.clone()]).await?;
        let shown = |cell: &Cell| cell.clone().unwrap_or_else(|| "unknown".to_owned());
        let note = |(Condition { id, text, metric, .. }, (met, value)): (&Condition, &(Cell, Cell))| {
            format!("{account}: `{id}` ({text}) is {}; {metric} is {}", shown(met), shown(value))
        };
        let mut notes: Vec<_> = conditions.iter().zip(found.iter().flatten()).map(note).collect();
        if self.test.kind == TestedKind::Trigger {
            let counted = format!(
                "SELECT state, since, nights FROM flag_states WHERE account_id = {} AND rule_id = {}",
                literal(account),
                literal(&self.test.rule)
            );
            let line = |row: &Row<'_>| {
                format!("{account}: {} since {}, nights counted: {}", row.text(0), row.text(1), row.text(2))
            };
            notes.extend(read(&self.engine, "states", &counted, line).await?);
        }
        Ok(notes)
    }
}

fn previous(name: &str) -> String {
    format!("previous_{name}")
}

fn named(accounts: &BTreeSet<String>) -> String {
    if accounts.is_empty() {
        return "nobody".to_owned();
    }
    accounts.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// The table `group_metrics` as the test gives it.
fn group_metrics(test: &RuleTest, night: usize, as_of: NaiveDate) -> Query {
    let row = |scope: &str, group: &str, metric: &str, value: &str, accounts: i64| {
        format!(
            "SELECT DATE '{as_of}' AS as_of, {} AS scope, {} AS group_name, {} AS metric, 'number' AS unit,
                CAST({value} AS DOUBLE) AS value, CAST({accounts} AS BIGINT) AS accounts, CAST(NULL AS VARCHAR) AS reason,
                CAST(NULL AS VARCHAR) AS basis, 'given by a test' AS method",
            literal(scope),
            literal(group),
            literal(metric),
        )
    };
    let given: Vec<String> = test
        .groups
        .iter()
        .filter_map(|group| {
            let value = group.on(night)?.as_deref().map_or_else(|| "NULL".to_owned(), literal);
            Some(row(&group.scope, &group.group, &group.metric, &value, group.accounts))
        })
        .collect();
    let sql = if given.is_empty() {
        format!("{} WHERE false", row("", "", "", "NULL", 0))
    } else {
        given.join(" UNION ALL ")
    };
    Query::new("group_metrics", sql)
}
