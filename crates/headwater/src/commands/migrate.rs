//! `migrate`: the project file, its rules and their tests, in the version of the language that this program reads.

use headwater_diagnostics::Diagnostics;
use headwater_diagnostics::yaml::migrated;
use headwater_nightly::project::load;

use super::{folder, put_in_place};
use crate::args::{Global, Migrate};
use crate::exit::Exit;
use crate::render::Output;

pub(crate) fn run(global: &Global, asked: &Migrate, output: &Output) -> Exit {
    let folder = folder(&global.directory);
    let mut has_others = false;
    loop {
        let loaded = load(&folder, global.profile.as_deref());
        let (mut others, mut problems) = (Vec::new(), Diagnostics::new());
        for file in loaded.sources.ids() {
            match migrated(file, &loaded.sources) {
                Ok(other) => others.extend(other.map(|text| (loaded.sources.name(file).to_owned(), text))),
                Err(found) => problems.append(found),
            }
        }
        if let Err(exit) = put_in_place(&folder, &others, asked.check, output) {
            return exit;
        }
        has_others |= !others.is_empty();
        // A project file that was of another version says only now which rules are its own.
        if !asked.check && !others.is_empty() && loaded.project.is_err() {
            continue;
        }
        // What else keeps the project from being read keeps its rules from being found, too.
        if let (true, true, Err(found)) = (problems.is_empty(), others.is_empty(), loaded.project) {
            problems.append(found);
        }
        let stops = output.diagnostics(&problems, &loaded.sources);
        return if stops || (asked.check && has_others) { Exit::InvalidProject } else { Exit::Done };
    }
}
