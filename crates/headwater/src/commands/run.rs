//! `run`: one night.

use chrono::NaiveDate;
use headwater_diagnostics::{Code, Diagnostic, Sources};
use headwater_nightly::{RunRequest, run as run_night};

use super::project;
use crate::args::{Global, Night};
use crate::exit::Exit;
use crate::render::Output;
use crate::render::{progress, summary};
use crate::surroundings;

pub(crate) async fn run(global: &Global, night: &Night, output: &Output) -> Exit {
    let as_of = match NaiveDate::parse_from_str(&night.as_of, "%Y-%m-%d") {
        Ok(day) if (1900..2200).contains(&chrono::Datelike::year(&day)) && night.as_of.len() == 10 => day,
        _ => {
            let problem =
                Diagnostic::of(Code::InvalidAsOf, "--as-of", format!("`{}` is not a calendar day", night.as_of))
                    .help("write it as YYYY-MM-DD, for example 2026-05-31");
            output.diagnostics(&problem.into(), &Sources::default());
            return Exit::Usage;
        }
    };
    let (loaded, project) = match project(global, output) {
        Ok(found) => found,
        Err(exit) => return exit,
    };
    let currency = project.currency.clone();
    let (progress, bar) = progress::line(output.shows_progress());
    let request = RunRequest {
        project,
        sources: loaded.sources,
        rule_files: loaded.rules,
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        as_of,
        run_id: surroundings::run_id(),
        host: surroundings::host(),
        environment: surroundings::store_environment(),
        clock: surroundings::clock(),
        progress,
    };
    let published = run_night(&request).await;
    bar.finish_and_clear();
    match published {
        Ok(published) => {
            output.diagnostics(&published.warnings, &request.sources);
            if output.is_data() {
                output.data(&published.report);
            } else {
                output.say(&summary::summary(&published.report, &currency));
            }
            Exit::Done
        }
        Err(error) => {
            output.diagnostics(&error.diagnostics, &request.sources);
            error.kind.into()
        }
    }
}
