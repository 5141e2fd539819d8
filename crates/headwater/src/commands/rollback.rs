//! `rollback`: what an earlier run published of its night, published again.

use headwater_nightly::{RollbackReport, rollback};

use super::{operation, project, stoppable};
use crate::args::{Global, Rollback};
use crate::exit::Exit;
use crate::render::{Output, summary};

pub(crate) async fn run(global: &Global, asked: &Rollback, output: &Output) -> Exit {
    let (texts, project) = match project(global, output) {
        Ok(found) => found,
        Err(exit) => return exit,
    };
    let (operation, handle) = operation(project);
    match stoppable(handle, rollback(&operation, &asked.to), output).await {
        Err(exit) => return exit,
        Ok(Ok(report)) if output.is_data() => output.data(&report),
        Ok(Ok(report)) => output.say(&text(&report)),
        Ok(Err(error)) => {
            output.diagnostics(&error.diagnostics, &texts.sources);
            return error.kind.into();
        }
    }
    Exit::Done
}

fn text(report: &RollbackReport) -> String {
    let RollbackReport { as_of, manifest, restores, restored_run, replaced, .. } = report;
    let head = match replaced {
        Some(replaced) => format!(
            "Night of {as_of}: manifest {restores} of run {restored_run} is published again as manifest {manifest}, \
             in place of manifest {replaced}"
        ),
        None => {
            format!("Night of {as_of}: what run {restored_run} published is published already, as manifest {manifest}")
        }
    };
    let older = summary::resting_on_older_state(&report.resting_on_older_state);
    std::iter::once(head).chain(older).collect::<Vec<_>>().join("\n")
}
