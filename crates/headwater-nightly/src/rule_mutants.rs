//! Tests of rules, tested: each rule is changed a little, place by place, and a change that no test notices is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use headwater_diagnostics::{Code, Diagnostic, Diagnostics, FileId, Sources};
use headwater_rules::{CheckedRules, Mutant, RuleTest, mutants, read_tests};
use serde::Serialize;

use crate::failure::RunError;
use crate::project::Project;
use crate::rule_set::{check_rules, environment_of};
use crate::rule_tests::passes;
use crate::tested_rules::TestedRules;
use crate::workers::side_by_side;
use crate::{FailureKind, Progress};

/// What changing rules came to.
#[derive(Debug, Default, Serialize)]
pub struct MutationReport {
    /// Changes that a test noticed.
    pub noticed: usize,
    /// Changes that the check of the rules refuses.
    pub refused: usize,
    /// Changes that no test noticed.
    pub unnoticed: usize,
    /// Rules that no test is about, as `kind:id`: nothing of them was changed.
    pub untested: Vec<String>,
    /// Every change that no test noticed, at its place.
    #[serde(skip)]
    pub problems: Diagnostics,
}

/// What became of one change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Noticed,
    Refused,
    Unnoticed,
    /// No test is about its rule.
    Untested,
}

/// What every change is tried with.
struct Trial {
    progress: Progress,
    /// How many were tried.
    tried: AtomicUsize,
    project: Project,
    sources: Sources,
    rule_files: Vec<FileId>,
    /// Each test with the rules that it rests on: a change may take something from them, and adds nothing.
    tests: Vec<(RuleTest, CheckedRules)>,
    mutants: Vec<Mutant>,
}

/// Changes each tested rule place by place, and runs the tests that rest on it. Tests are taken to pass as it stands.
///
/// # Errors
/// When the project's rules or the test files have problems, or the engine fails.
pub async fn mutate_rules(
    project: &Project,
    sources: &Sources,
    rule_files: &[FileId],
    test_files: &[FileId],
    progress: Progress,
) -> Result<MutationReport, RunError> {
    let invalid = |problems: Diagnostics| RunError::new(FailureKind::InvalidProject, problems);
    let (rules, problems) = check_rules(project, sources, rule_files);
    let Some(rules) = rules else { return Err(invalid(problems)) };
    let (tests, problems) = read_tests(sources, test_files, &rules, &environment_of(project));
    if problems.has_errors() {
        return Err(invalid(problems));
    }
    let rules = TestedRules::new(rules, &tests.tests.iter().collect::<Vec<_>>(), project, sources, rule_files)
        .map_err(invalid)?;
    let with_rules = |test: RuleTest| {
        let rested_on = rules.of(&test).only(test.kind.word(), &test.rule);
        (test, rested_on)
    };
    let trial = Arc::new(Trial {
        progress,
        tried: AtomicUsize::new(0),
        mutants: mutants(sources, rule_files),
        project: project.clone(),
        sources: sources.clone(),
        rule_files: rule_files.to_vec(),
        tests: tests.tests.into_iter().map(with_rules).collect(),
    });
    let fates = side_by_side(trial.mutants.len(), |at| {
        let trial = Arc::clone(&trial);
        async move {
            let fate = trial.fate(at).await;
            trial.tell_progress();
            fate
        }
    });
    Ok(trial.report(&fates.await?))
}

impl Trial {
    async fn fate(&self, at: usize) -> Result<Fate, RunError> {
        let Some(mutant) = self.mutants.get(at) else { return Ok(Fate::Untested) };
        let sources = self.sources.with(mutant.place, &mutant.instead);
        let (rules, _) = check_rules(&self.project, &sources, &self.rule_files);
        let Some(rules) = rules else { return Ok(Fate::Refused) };
        let rest_on_it = self.tests.iter().filter(|(_, rules)| rules.mention(mutant.kind, &mutant.rule));
        let mut tests: Vec<&RuleTest> = rest_on_it.map(|(test, _)| test).collect();
        if tests.is_empty() {
            return Ok(Fate::Untested);
        }
        // A rule's own tests are the likeliest to notice.
        tests.sort_by_key(|test| !(test.kind.word() == mutant.kind && test.rule == mutant.rule));
        let Ok(rules) = TestedRules::new(rules, &tests, &self.project, &sources, &self.rule_files) else {
            return Ok(Fate::Refused);
        };
        for test in tests {
            if !passes(rules.of(test), test).await? {
                return Ok(Fate::Noticed);
            }
        }
        Ok(Fate::Unnoticed)
    }

    fn tell_progress(&self) {
        let tried = self.tried.fetch_add(1, Ordering::Relaxed) + 1;
        (self.progress)(&format!("{tried} of {} small changes tried", self.mutants.len()));
    }

    fn report(&self, fates: &[Fate]) -> MutationReport {
        let count = |fate: Fate| fates.iter().filter(|found| **found == fate).count();
        let mut report = MutationReport {
            noticed: count(Fate::Noticed),
            refused: count(Fate::Refused),
            unnoticed: count(Fate::Unnoticed),
            ..MutationReport::default()
        };
        for (mutant, fate) in self.mutants.iter().zip(fates) {
            let rule = format!("{}:{}", mutant.kind, mutant.rule);
            match fate {
                Fate::Unnoticed => report.problems.push(self.unnoticed(mutant, &rule)),
                Fate::Untested if !report.untested.contains(&rule) => report.untested.push(rule),
                _ => {}
            }
        }
        report
    }

    fn unnoticed(&self, mutant: &Mutant, rule: &str) -> Diagnostic {
        let mut written = self.sources.slice(mutant.place).trim_start_matches([',', ' ', '\n']);
        // A comment behind what stands before.
        while let Some((_, rest)) = written.strip_prefix('#').and_then(|comment| comment.split_once('\n')) {
            written = rest.trim_start();
        }
        let change = if mutant.instead.is_empty() {
            format!("that `{written}` is gone")
        } else {
            format!("`{}` for `{written}`", mutant.instead)
        };
        let message = format!("no test of `{rule}` notices {change}");
        let skipped = self.sources.slice(mutant.place).len() - written.len();
        let place = mutant.place.part(skipped, written.len());
        let problem = Diagnostic::at(Code::UnnoticedChange, place, message);
        match &mutant.told_by {
            Some(told_by) => problem.help(told_by.as_str()),
            None => problem,
        }
    }
}
