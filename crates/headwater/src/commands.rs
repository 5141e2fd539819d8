//! The commands, a file each.

use std::path::{Path, PathBuf};
use std::pin::pin;
use std::{fs, io};

use headwater_diagnostics::{Code, Diagnostic, FileId, Sources};
use headwater_nightly::project::{Loaded, Project, load_with_rules_of};
use headwater_nightly::{Operation, Stop, StopHandle};

use crate::args::Global;
use crate::exit::Exit;
use crate::render::Output;
use crate::surroundings;

pub(crate) mod backfill;
pub(crate) mod check;
pub(crate) mod ddl;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod explain;
pub(crate) mod fmt;
pub(crate) mod gc;
pub(crate) mod init;
pub(crate) mod metrics;
pub(crate) mod migrate;
pub(crate) mod reconcile;
pub(crate) mod retry;
pub(crate) mod rollback;
pub(crate) mod run;
pub(crate) mod schema;
pub(crate) mod status;
pub(crate) mod test;

/// The project folder as an absolute path.
fn folder(directory: &Path) -> PathBuf {
    std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned())
}

/// Puts another text in a file's place as a whole: whoever is stopped half-way has the old one.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let path = &fs::canonicalize(path)?;
    let beside = path.with_extension("yaml.mended");
    fs::write(&beside, text)?;
    fs::set_permissions(&beside, fs::metadata(path)?.permissions())?;
    fs::rename(&beside, path)
}

/// Names files of a project that have another text now, and puts it in their place unless they are only to be named.
fn put_in_place(folder: &Path, others: &[(String, String)], only_named: bool, output: &Output) -> Result<(), Exit> {
    for (name, text) in others {
        if !only_named && let Err(error) = replace(&folder.join(name), text) {
            output.error(&format!("{name} cannot be written: {error}"));
            return Err(Exit::Failed);
        }
        output.result(name);
    }
    Ok(())
}

/// A project and its texts.
pub(super) struct Texts {
    pub(super) sources: Sources,
    pub(super) rules: Vec<FileId>,
    pub(super) tests: Vec<FileId>,
}

/// The project of a folder with its texts; its problems are told where it has any.
fn project(global: &Global, output: &Output) -> Result<(Texts, Project), Exit> {
    project_with_rules_at(global, None, output)
}

/// The same with the rules of the project in another folder.
fn project_with_rules_at(global: &Global, other: Option<&Path>, output: &Output) -> Result<(Texts, Project), Exit> {
    if let Some(missing) = other.filter(|other| !other.is_dir()) {
        let problem = Diagnostic::of(Code::MissingFile, missing.display().to_string(), "the folder is not there")
            .help("give a folder with the project as it was, for example of `git worktree add`");
        output.diagnostics(&problem.into(), &Sources::default());
        return Err(Exit::InvalidProject);
    }
    let folder = folder(&global.directory);
    let of_rules = other.map_or_else(|| folder.clone(), self::folder);
    let loaded = load_with_rules_of(&folder, &of_rules, global.profile.as_deref());
    let Loaded { sources, project, rules, tests } = loaded;
    match project {
        Ok(project) => Ok((Texts { sources, rules, tests }, project)),
        Err(problems) => {
            output.diagnostics(&problems, &sources);
            Err(Exit::InvalidProject)
        }
    }
}

/// What project and machine say about work on a publication, and the handle that asks it to stop.
fn operation(project: Project) -> (Operation, StopHandle) {
    let (handle, stop) = Stop::channel();
    let operation = Operation {
        project,
        run_id: surroundings::run_id(),
        host: surroundings::host(),
        environment: surroundings::store_environment(),
        clock: surroundings::clock(),
        stop,
    };
    (operation, handle)
}

/// What work comes to. A signal asks it to stop; after a second one, or where it does not come to an end, it is left as it
/// is, which is told.
async fn stoppable<T>(handle: StopHandle, work: impl Future<Output = T>, output: &Output) -> Result<T, Exit> {
    let mut work = pin!(work);
    tokio::select! {
        // Signals are heard before the work begins.
        biased;
        () = surroundings::told_twice(handle) => {
            // It may have come to its end in the same moment.
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                () = std::future::ready(()) => {}
            }
            let problem = Diagnostic::of(Code::RunStopped, "this run", "the run was stopped before it had cleared up")
                .help("`headwater status` says whether its night is published; if its lease was not released, it ends by itself within two minutes");
            output.diagnostics(&problem.into(), &Sources::default());
            Err(Exit::Failed)
        }
        done = &mut work => Ok(done),
    }
}
