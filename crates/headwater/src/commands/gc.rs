//! `gc`: what nothing references any more, removed or listed.

use std::collections::BTreeMap;

use headwater_nightly::publish::WasteReason;
use headwater_nightly::{ClearReport, clear, clearable};

use super::{operation, project, stoppable};
use crate::args::{Gc, Global};
use crate::exit::Exit;
use crate::render::Output;
use crate::render::table::{table, thousands};

pub(crate) async fn run(global: &Global, asked: &Gc, output: &Output) -> Exit {
    let (texts, project) = match project(global, output) {
        Ok(found) => found,
        Err(exit) => return exit,
    };
    let (operation, handle) = operation(project);
    let work = async { if asked.dry_run { clearable(&operation).await } else { clear(&operation).await } };
    match stoppable(handle, work, output).await {
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

/// What was removed is counted; what would be is listed.
fn text(report: &ClearReport) -> String {
    let mut lines = Vec::new();
    if report.another_run_at_work {
        lines.push("Another run may be at work; what it stages or puts aside is not listed".to_owned());
    }
    let done = if report.is_removed { "Removed" } else { "Would be removed" };
    lines.extend(report.work_folders.iter().map(|folder| format!("{done}: the work folder of a dead run {folder}")));
    if report.objects.is_empty() {
        lines.push(format!("No object to remove in {}", report.location));
        return lines.join("\n");
    }
    lines.push(format!("{done} from {}", report.location));
    let mut reasons: BTreeMap<WasteReason, (u64, u64)> = BTreeMap::new();
    for waste in &report.objects {
        let (objects, bytes) = reasons.entry(waste.reason).or_default();
        *objects += 1;
        *bytes += waste.bytes.unwrap_or_default();
    }
    let rows: Vec<Vec<String>> = reasons
        .into_iter()
        .map(|(reason, (objects, bytes))| vec![words(reason).to_owned(), thousands(objects), thousands(bytes)])
        .collect();
    lines.push(table(&["why", "objects", "bytes"], &rows));
    if !report.is_removed {
        lines.extend(report.objects.iter().map(|waste| format!("  {}", waste.path)));
    }
    lines.join("\n")
}

fn words(reason: WasteReason) -> &'static str {
    match reason {
        WasteReason::Superseded => "superseded, and past its time",
        WasteReason::Unnamed => "put aside by a run that published nothing",
        WasteReason::DeadRun => "staged by a run that is over",
        WasteReason::HeldLongAgo => "of a night held long ago",
    }
}
