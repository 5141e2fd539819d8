//! `retry`: the night of an earlier run, on the inputs it had.

use chrono::NaiveDate;
use headwater_nightly::{RunRequest, Stop, Watch, retry};

use super::run::{request, told};
use super::{project, stoppable};
use crate::args::{Global, Retry};
use crate::exit::Exit;
use crate::render::{Output, progress};

pub(crate) async fn run(global: &Global, asked: &Retry, watch: &Watch, output: &Output) -> Exit {
    let (texts, project) = match project(global, output) {
        Ok(found) => found,
        Err(exit) => return exit,
    };
    let (handle, stop) = Stop::channel();
    let (progress, bar) = progress::line(output.shows_progress());
    // The night is the one that the record says.
    let request = request(project, texts, NaiveDate::default(), watch);
    let request = RunRequest { progress, deny_warnings: output.denies_warnings(), stop, ..request };
    let published = stoppable(handle, retry(&request, &asked.run, asked.accept_changed_inputs), output).await;
    bar.finish_and_clear();
    published.map_or_else(|exit| exit, |published| told(published, &request, output))
}
