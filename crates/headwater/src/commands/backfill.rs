//! `backfill`: the nights of a range, and what a range of nights came to.

use headwater_diagnostics::{Code, Diagnostic};
use headwater_nightly::{
    BackfillOutcome, BackfillReport, BackfillRequest, Backfilled, RunError, RunRequest, Stop, Watch, backfill,
};

use super::run::{day, is_to_come, request};
use super::{project_with_rules_at, stoppable};
use crate::args::{Backfill, Global};
use crate::exit::Exit;
use crate::render::table::table;
use crate::render::{Output, progress, summary};

pub(crate) async fn run(global: &Global, asked: &Backfill, watch: &Watch, output: &Output) -> Exit {
    let (Some(from), Some(to)) = (day("--from", &asked.from, output), day("--to", &asked.to, output)) else {
        return Exit::Usage;
    };
    let (texts, project) = match project_with_rules_at(global, asked.rules_at.as_deref(), output) {
        Ok(found) => found,
        Err(exit) => return exit,
    };
    if to < from {
        let problem = Diagnostic::of(Code::InvalidAsOf, "--to", format!("{to} comes before {from}"))
            .help("give the first night as --from and the last one as --to");
        output.diagnostics(&problem.into(), &texts.sources);
        return Exit::Usage;
    }
    if is_to_come("--to", to, &project, output) {
        return Exit::Usage;
    }
    let (handle, stop) = Stop::channel();
    let (progress, bar) = progress::line(output.shows_progress());
    let night = request(project, texts, from, watch);
    let night = RunRequest { progress, deny_warnings: output.denies_warnings(), stop, ..night };
    let series = BackfillRequest { night, nights: from..=to, again: asked.again, ripple: asked.ripple };
    let done = stoppable(handle, backfill(&series), output).await;
    bar.finish_and_clear();
    done.map_or_else(|exit| exit, |done| told(done, &series.night, output))
}

/// Tells what a range of nights came to.
pub(super) fn told(done: Result<Backfilled, RunError>, request: &RunRequest, output: &Output) -> Exit {
    let Backfilled { report, warnings, failure } = match done {
        Ok(done) => done,
        Err(error) => {
            output.diagnostics(&error.diagnostics, &request.sources);
            return error.kind.into();
        }
    };
    output.diagnostics(&warnings, &request.sources);
    if output.is_data() {
        output.data(&report);
    } else {
        output.say(&text(&report));
    }
    match failure {
        None => Exit::Done,
        Some(error) => {
            output.diagnostics(&error.diagnostics, &request.sources);
            error.kind.into()
        }
    }
}

fn text(report: &BackfillReport) -> String {
    let mut lines = Vec::new();
    if !report.nights.is_empty() {
        let rows: Vec<Vec<String>> = report
            .nights
            .iter()
            .map(|night| vec![night.as_of.to_string(), words(night.outcome).to_owned(), night.manifest.to_string()])
            .collect();
        lines.push(table(&["night", "came to", "manifest"], &rows));
    }
    if let Some(night) = report.failed {
        lines.push(format!("Stopped at the night of {night}; run it again to go on from there"));
    }
    lines.extend(summary::resting_on_older_state(&report.resting_on_older_state));
    lines.push(format!("Tables in {}", report.location));
    lines.join("\n")
}

fn words(outcome: BackfillOutcome) -> &'static str {
    match outcome {
        BackfillOutcome::Published => "published",
        BackfillOutcome::Unchanged => "published, every byte as before",
        BackfillOutcome::Skipped => "published before, passed over",
    }
}
