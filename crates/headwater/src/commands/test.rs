//! `test`: the tests of the project's rules, without data or store.

use headwater_nightly::{RuleTestReport, run_rule_tests};

use super::project;
use crate::args::{Global, Test};
use crate::exit::Exit;
use crate::render::Output;

pub(crate) async fn run(global: &Global, asked: &Test, output: &Output) -> Exit {
    let (texts, project) = match project(global, output) {
        Ok(found) => found,
        Err(exit) => return exit,
    };
    let report = match run_rule_tests(&project, &texts.sources, &texts.rules, &texts.tests).await {
        Ok(report) => report,
        Err(error) => {
            output.diagnostics(&error.diagnostics, &texts.sources);
            return error.kind.into();
        }
    };
    output.diagnostics(&report.problems, &texts.sources);
    if output.is_data() {
        output.data(&report);
    } else {
        output.result(&text(&report, asked.coverage));
    }
    if report.failed.is_empty() { Exit::Done } else { Exit::TestsFailed }
}

fn text(report: &RuleTestReport, with_coverage: bool) -> String {
    let mut lines = vec![format!("{} tests passed, {} failed", report.passed.len(), report.failed.len())];
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
