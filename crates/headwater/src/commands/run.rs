//! `run`: one night.

use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDate;
use headwater_diagnostics::{Code, Diagnostic, Diagnostics, Sources};
use headwater_nightly::project::Project;
use headwater_nightly::{
    DryRun, LookBack, Published, RunError, RunRequest, Stop, Waiting, Watch, dry_run, look_back, run as run_night,
    run_when_ready,
};

use super::{Texts, backfill, project, stoppable};
use crate::args::{Global, Night};
use crate::exit::Exit;
use crate::render::Output;
use crate::render::{progress, summary};
use crate::surroundings;

/// The word for the last day that has ended in the project's time zone, for schedulers that know no days.
const YESTERDAY: &str = "yesterday";

/// How often a night looks for the inputs it waits for.
const LOOKS: Duration = Duration::from_secs(30);

pub(crate) async fn run(global: &Global, night: &Night, watch: &Watch, output: &Output) -> Exit {
    let is_yesterday = night.as_of == YESTERDAY;
    let named = if is_yesterday { None } else { day("--as-of", &night.as_of, output) };
    if named.is_none() && !is_yesterday {
        return Exit::Usage;
    }
    let (texts, project) = match project(global, output) {
        Ok(found) => found,
        Err(exit) => return exit,
    };
    let as_of = named.unwrap_or_else(|| surroundings::yesterday(project.time_zone));
    if is_to_come("--as-of", as_of, &project, output) {
        return Exit::Usage;
    }
    let (handle, stop) = Stop::channel();
    let (progress, bar) = progress::line(output.shows_progress());
    let request =
        RunRequest { progress, deny_warnings: output.denies_warnings(), stop, ..request(project, texts, as_of, watch) };
    if night.dry_run {
        let looked = stoppable(handle, dry_run(&request), output).await;
        bar.finish_and_clear();
        return looked.map_or_else(|exit| exit, |looked| told_of_dry_run(looked, &request, output));
    }
    let back = LookBack { missing: night.catch_up, days: night.lookback.unwrap_or_default() };
    if back != LookBack::default() {
        let caught_up = stoppable(handle, look_back(&request, back), output).await;
        bar.finish_and_clear();
        return caught_up.map_or_else(|exit| exit, |done| backfill::told(done, &request, output));
    }
    let night = async {
        match night.wait_for_inputs {
            Some(at_most) => run_when_ready(&request, Waiting { at_most, every: LOOKS.min(at_most / 10) }).await,
            None => run_night(&request).await,
        }
    };
    let published = stoppable(handle, night, output).await;
    bar.finish_and_clear();
    match published {
        Ok(published) => told(published, &request, output),
        Err(exit) => exit,
    }
}

/// Tells what a night would read.
fn told_of_dry_run(looked: Result<(DryRun, Diagnostics), RunError>, request: &RunRequest, output: &Output) -> Exit {
    match looked {
        Ok((dry_run, warnings)) => {
            output.diagnostics(&warnings, &request.sources);
            if output.is_data() {
                output.data(&dry_run);
            } else {
                output.result(&summary::dry_run(&dry_run));
            }
            Exit::Done
        }
        Err(error) => {
            output.diagnostics(&error.diagnostics, &request.sources);
            error.kind.into()
        }
    }
}

/// A day that exists and can be meant, written YYYY-MM-DD; what is wrong with it is told.
pub(super) fn day(option: &str, text: &str, output: &Output) -> Option<NaiveDate> {
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
    let day = day.filter(|day| (1900..2200).contains(&chrono::Datelike::year(day)) && text.len() == 10);
    if day.is_none() {
        let problem = Diagnostic::of(Code::InvalidAsOf, option, format!("`{text}` is not a calendar day"))
            .help("write it as YYYY-MM-DD, for example 2026-05-31");
        output.diagnostics(&problem.into(), &Sources::default());
    }
    day
}

/// Whether a night has not begun in the project's time zone, which is told: what is not there yet would be judged.
pub(super) fn is_to_come(option: &str, as_of: NaiveDate, project: &Project, output: &Output) -> bool {
    let today = surroundings::today(project.time_zone);
    if as_of > today {
        let message = format!("{as_of} has not come: it is {today} in {}", project.time_zone.name());
        let problem = Diagnostic::of(Code::InvalidAsOf, option, message).help("give a day that has ended");
        output.diagnostics(&problem.into(), &Sources::default());
    }
    as_of > today
}

/// What project and machine say about a run.
pub(super) fn request(project: Project, texts: Texts, as_of: NaiveDate, watch: &Watch) -> RunRequest {
    RunRequest {
        project,
        sources: texts.sources,
        rule_files: texts.rules,
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        as_of,
        run_id: surroundings::run_id(),
        host: surroundings::host(),
        environment: surroundings::store_environment(),
        clock: surroundings::clock(),
        progress: Arc::new(|_| {}),
        watch: watch.clone(),
        deny_warnings: false,
        recorded_inputs: None,
        stop: Stop::never(),
    }
}

/// Tells what the run came to.
pub(super) fn told(published: Result<Published, RunError>, request: &RunRequest, output: &Output) -> Exit {
    match published {
        Ok(published) => {
            output.diagnostics(&published.warnings, &request.sources);
            if output.is_data() {
                output.data(&published.report);
            } else {
                output.say(&summary::summary(&published.report, &request.project.currency));
            }
            Exit::Done
        }
        Err(error) => {
            output.diagnostics(&error.diagnostics, &request.sources);
            error.kind.into()
        }
    }
}
