//! `check`: the project file and its rules, without data or store.

use headwater_nightly::check_rules;

use super::project;
use crate::args::Global;
use crate::exit::Exit;
use crate::render::Output;

pub(crate) fn run(global: &Global, output: &Output) -> Exit {
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
