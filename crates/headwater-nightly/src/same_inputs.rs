//! Whether the inputs of a night are those that an earlier run recorded.

use std::collections::{BTreeMap, BTreeSet};

use headwater_diagnostics::{Code, Diagnostic, Diagnostics};
use headwater_ingest::{Location, OpenedInputs, drifted};

use crate::failure::{FailureKind, RunError};
use crate::project::Project;
use crate::publish::{InputRecord, Manifest};
use crate::records::{InputObjects, recorded};

/// Size and tag of each object, by path.
type Versions<'a> = BTreeMap<&'a str, (u64, Option<&'a str>)>;

/// Refuses inputs that are not those that were recorded, and names every object that was written again, is gone or is
/// new.
pub(crate) fn unchanged_since(before: &[InputRecord], now: &InputObjects, lake: &Location) -> Result<(), RunError> {
    let before = recorded(before);
    let tables: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    let mut changed = BTreeMap::new();
    for table in tables {
        let (before, now) = (versions(&before, table), versions(now, table));
        for path in before.keys().chain(now.keys()).copied().collect::<BTreeSet<_>>() {
            let what = match (before.get(path), now.get(path)) {
                (Some(before), Some(now)) if before == now => continue,
                (Some(_), Some(_)) => "was written again",
                (Some(_), None) => "is gone",
                (None, _) => "is new",
            };
            // An object that several inputs read is named once.
            changed.entry(path.to_owned()).or_insert_with(|| (what, table.clone()));
        }
    }
    let problems = changed.into_iter().map(|(path, (what, table))| {
        let place = if path.contains("://") { path } else { format!("{lake}/{path}") };
        Diagnostic::of(
            Code::InputChanged,
            place,
            format!("this object of `{table}` {what} since the run that is tried again"),
        )
        .help(match what {
            "is new" => "take it away, or pass `--accept-changed-inputs` to run the night on what is there now",
            _ => "restore it, or pass `--accept-changed-inputs` to run the night on what is there now",
        })
    });
    let problems: Diagnostics = problems.collect();
    if problems.is_empty() { Ok(()) } else { Err(RunError::new(FailureKind::BrokenContract, problems)) }
}

/// What changed in the columns of inputs since the last night published before; refused where the project says so.
pub(crate) fn columns_since(
    before: Option<&Manifest>,
    project: &Project,
    now: &OpenedInputs,
) -> Result<Diagnostics, RunError> {
    let mut problems = Diagnostics::new();
    let Some(before) = before else { return Ok(problems) };
    let since = format!("the night of {}", before.as_of);
    for spec in &project.inputs {
        let recorded = before.inputs.iter().find(|input| input.table == spec.table.name());
        if let (Some(recorded), Some(opened)) = (recorded, now.get(spec.table)) {
            problems.append(drifted(spec, recorded.columns.as_deref(), &opened.source_columns, &since));
        }
    }
    if problems.has_errors() { Err(RunError::new(FailureKind::BrokenContract, problems)) } else { Ok(problems) }
}

fn versions<'a>(inputs: &'a InputObjects, table: &str) -> Versions<'a> {
    let objects = inputs.get(table).into_iter().flatten();
    objects.map(|object| (object.path.as_str(), (object.bytes, object.etag.as_deref()))).collect()
}
