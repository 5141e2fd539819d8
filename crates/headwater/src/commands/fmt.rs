//! `fmt`: the project file, its rules and their tests, laid out alike.

use headwater_diagnostics::yaml::laid_out;
use headwater_diagnostics::{Code, Diagnostic, Diagnostics};
use headwater_nightly::project::load;

use super::{folder, put_in_place};
use crate::args::{Fmt, Global};
use crate::exit::Exit;
use crate::render::Output;

pub(crate) fn run(global: &Global, asked: &Fmt, output: &Output) -> Exit {
    let folder = folder(&global.directory);
    let loaded = load(&folder, global.profile.as_deref());
    let (mut others, mut problems) = (Vec::new(), Diagnostics::new());
    for file in loaded.sources.ids() {
        let name = loaded.sources.name(file);
        match laid_out(loaded.sources.text(file)) {
            Some(text) if text != loaded.sources.text(file) => others.push((name.to_owned(), text)),
            Some(_) => {}
            None => problems.push(
                Diagnostic::of(Code::InvalidYaml, name, "the file is left as it is: it cannot be read")
                    .help("`headwater check` says what is wrong with it"),
            ),
        }
    }
    // What keeps the project from being read keeps its rules from being found, too.
    if let (true, Err(found)) = (problems.is_empty(), loaded.project) {
        problems.append(found);
    }
    if let Err(exit) = put_in_place(&folder, &others, asked.check, output) {
        return exit;
    }
    if output.diagnostics(&problems, &loaded.sources) || (asked.check && !others.is_empty()) {
        return Exit::InvalidProject;
    }
    Exit::Done
}
