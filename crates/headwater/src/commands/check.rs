//! `check`: the project file and its rules, without data or store.

use std::path::Path;

use headwater_diagnostics::{Diagnostics, Sources};
use headwater_nightly::check_rules;
use headwater_nightly::project::{Loaded, load};

use super::{folder, project, replace};
use crate::args::{Check, Global};
use crate::exit::Exit;
use crate::render::Output;

/// How often files are read again after something was mended in them: what was hidden by a mistake shows then.
const ROUNDS: usize = 8;

pub(crate) fn run(global: &Global, asked: &Check, output: &Output) -> Exit {
    if asked.fix
        && let Err(error) = mend(global, output)
    {
        output.error(&error);
        return Exit::Failed;
    }
    let (loaded, project) = match project(global, output) {
        Ok(found) => found,
        Err(exit) => return exit,
    };
    let (_, problems) = check_rules(&project, &loaded.sources, &loaded.rules);
    if output.diagnostics(&problems, &loaded.sources) {
        return Exit::InvalidProject;
    }
    if output.is_data() {
        output.data(&serde_json::json!({ "project": project.name, "rule_files": loaded.rules.len(), "valid": true }));
    } else {
        let rules = loaded.rules.len();
        output.say(&format!("{}: project file and rule files ({rules}) have no error; no data was read", project.name));
    }
    Exit::Done
}

/// Mends what has one answer, and says so, until nothing has.
fn mend(global: &Global, output: &Output) -> Result<(), String> {
    let folder = folder(&global.directory);
    for _ in 0..ROUNDS {
        let (sources, problems) = problems(&folder, global.profile.as_deref());
        let mended = problems.mended(&sources);
        if mended.is_empty() {
            break;
        }
        for file in &mended {
            let name = sources.name(file.file);
            replace(&folder.join(name), &file.text).map_err(|error| format!("{name} cannot be written: {error}"))?;
            for (line, fix) in &file.fixes {
                output.say(&format!("{name}:{line}: `{}` for `{}`", fix.to, fix.from));
            }
        }
    }
    Ok(())
}

fn problems(folder: &Path, profile: Option<&str>) -> (Sources, Diagnostics) {
    let Loaded { sources, project, rules, .. } = load(folder, profile);
    let problems = match project {
        Ok(project) => check_rules(&project, &sources, &rules).1,
        Err(problems) => problems,
    };
    (sources, problems)
}
