//! `doctor`: what a night needs around it, a line each.

use headwater_nightly::{Examination, Finding, Health, examine};
use serde_json::json;

use super::{operation, project, stoppable};
use crate::args::Global;
use crate::exit::Exit;
use crate::render::Output;
use crate::surroundings;

pub(crate) async fn run(global: &Global, output: &Output) -> Exit {
    let (texts, project) = match project(global, output) {
        Ok(found) => found,
        Err(exit) => return exit,
    };
    let free_bytes = surroundings::free_bytes(&project.engine.spill_dir);
    let (operation, handle) = operation(project);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let examined = stoppable(handle, examine(&operation, threads, free_bytes), output).await;
    let Examination { findings, failure } = match examined {
        Ok(Ok(examination)) => examination,
        Ok(Err(error)) => {
            output.diagnostics(&error.diagnostics, &texts.sources);
            return error.kind.into();
        }
        Err(exit) => return exit,
    };
    if output.is_data() {
        output.data(&json!({ "findings": findings }));
    } else {
        output.result(&findings.iter().map(line).collect::<Vec<_>>().join("\n"));
    }
    failure.map_or(Exit::Done, Exit::from)
}

fn line(finding: &Finding) -> String {
    let Finding { subject, health, seen, remedy } = finding;
    let word = match health {
        Health::Fine => "fine",
        Health::Doubtful => "doubtful",
        Health::Broken => "broken",
        Health::Unknown => "unknown",
    };
    let remedy = remedy.as_ref().map(|remedy| format!("; {remedy}")).unwrap_or_default();
    format!("{word:<8}  {subject}: {seen}{remedy}")
}
