//! `test`: the tests of the project's rules, without data or store.

use std::collections::BTreeMap;
use std::path::Path;

use headwater_diagnostics::Diagnostics;
use headwater_diagnostics::yaml::laid_out;
use headwater_nightly::project::Project;
use headwater_nightly::{
    GeneratedTestRequest, MutationReport, RuleTestReport, RunError, generate_test, mutate_rules, run_rule_tests,
};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use serde_json::json;

use super::run::day;
use super::{Texts, project};
use crate::args::{Global, Test};
use crate::exit::Exit;
use crate::render::{Output, counted, progress};
use crate::surroundings;

pub(crate) async fn run(global: &Global, asked: &Test, output: &Output) -> Exit {
    let (texts, project) = match project(global, output) {
        Ok(found) => found,
        Err(exit) => return exit,
    };
    if let Some(account) = &asked.generate {
        return generate(&texts, &project, account, asked, output).await;
    }
    let (report, changes) = match run_tests(&texts, &project, asked.mutate, output).await {
        Ok(done) => done,
        Err(error) => {
            output.diagnostics(&error.diagnostics, &texts.sources);
            return error.kind.into();
        }
    };
    let mut problems = report.problems.clone();
    problems.append(changes.as_ref().map_or_else(Diagnostics::new, |changes| changes.problems.clone()));
    output.diagnostics(&problems, &texts.sources);
    if output.is_data() {
        output.data(&json!({ "tests": report, "changes": changes }));
    } else {
        output.result(&text(&report, asked.coverage));
        if let Some(changes) = &changes {
            output.result(&text_of_changes(changes));
        }
    }
    if let Some(Err(error)) = asked.junit.as_deref().map(|file| write_junit(&report, file)) {
        output.error(&error);
        return Exit::Failed;
    }
    let unnoticed = changes.map_or(0, |changes| changes.unnoticed);
    if report.counts().1 + unnoticed == 0 { Exit::Done } else { Exit::TestsFailed }
}

/// Writes a test from what was published.
async fn generate(texts: &Texts, project: &Project, account: &str, asked: &Test, output: &Output) -> Exit {
    let Some(as_of) = day("--as-of", asked.as_of.as_deref().unwrap_or_default(), output) else { return Exit::Usage };
    let request = GeneratedTestRequest {
        account: account.to_owned(),
        rule: asked.rule.clone().unwrap_or_default(),
        as_of,
        nights: asked.nights.max(1),
    };
    let environment = surroundings::store_environment();
    match generate_test(project, &texts.sources, &texts.rules, environment, &request).await {
        Ok(test) => {
            output.result(laid_out(&test).as_deref().unwrap_or(&test).trim_end());
            Exit::Done
        }
        Err(error) => {
            output.diagnostics(&error.diagnostics, &texts.sources);
            error.kind.into()
        }
    }
}

/// Runs the tests; where they pass and it is asked for, also against changed rules.
async fn run_tests(
    texts: &Texts,
    project: &Project,
    mutate: bool,
    output: &Output,
) -> Result<(RuleTestReport, Option<MutationReport>), RunError> {
    let Texts { sources, rules, tests } = texts;
    let report = run_rule_tests(project, sources, rules, tests).await?;
    if !mutate || report.counts().1 > 0 {
        return Ok((report, None));
    }
    let (progress, bar) = progress::line(output.shows_progress());
    let changes = mutate_rules(project, sources, rules, tests, progress).await;
    bar.finish_and_clear();
    Ok((report, Some(changes?)))
}

fn text_of_changes(changes: &MutationReport) -> String {
    let MutationReport { noticed, refused, unnoticed, untested, .. } = changes;
    let mut lines = vec![format!(
        "{} small changes: {noticed} noticed by tests, {refused} refused by the check, {unnoticed} noticed by nobody",
        noticed + refused + unnoticed
    )];
    lines.extend(untested.iter().map(|rule| format!("  not changed, since no test is about it: {rule}")));
    lines.join("\n")
}

fn text(report: &RuleTestReport, with_coverage: bool) -> String {
    let (passed, failed) = report.counts();
    let mut lines = vec![format!("{} passed, {failed} failed", counted(passed, "test"))];
    for (test, rule) in &report.left_out {
        lines.push(format!("  left out: {test}, since {rule} needs an input that is not declared"));
    }
    if with_coverage {
        for rule in &report.untested {
            lines.push(format!("  no test: {rule}"));
        }
        for condition in &report.untried {
            let (rule, id, text) = (&condition.rule, &condition.condition, &condition.text);
            lines.push(format!("  never {}: {rule} `{id}` ({text})", condition.never));
        }
        if report.untested.is_empty() && report.untried.is_empty() {
            lines.push("  every rule has a test, and every condition is tried both ways".to_owned());
        }
    }
    lines.join("\n")
}

/// Writes a suite for each test file, and one for the tests that are left out.
fn write_junit(report: &RuleTestReport, file: &Path) -> Result<(), String> {
    let mut suites: BTreeMap<&str, TestSuite> = BTreeMap::new();
    for test in &report.tests {
        let mut status = TestCaseStatus::success();
        if let Some(first) = test.failures.first() {
            status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(first.lines().next().unwrap_or_default()).set_description(test.failures.join("\n\n"));
        }
        add(&mut suites, &test.file, case(&test.id, &test.rule, status));
    }
    for (test, rule) in &report.left_out {
        add(&mut suites, "left out", case(test, rule, TestCaseStatus::skipped()));
    }
    let mut document = Report::new("headwater test");
    document.add_test_suites(suites.into_values());
    let text = document.to_string().map_err(|error| error.to_string());
    let written = text.and_then(|text| std::fs::write(file, text).map_err(|error| error.to_string()));
    written.map_err(|error| format!("{} cannot be written: {error}", file.display()))
}

fn case(test: &str, rule: &str, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(test, status);
    case.set_classname(rule);
    case
}

fn add<'a>(suites: &mut BTreeMap<&'a str, TestSuite>, name: &'a str, case: TestCase) {
    suites.entry(name).or_insert_with(|| TestSuite::new(name)).add_test_case(case);
}
