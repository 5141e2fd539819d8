//! The commands, a file each.

use std::path::{Path, PathBuf};

use headwater_diagnostics::{FileId, Sources};
use headwater_nightly::project::{Loaded, Project, load};

use crate::args::Global;
use crate::exit::Exit;
use crate::render::Output;

pub(crate) mod check;
pub(crate) mod demo;
pub(crate) mod explain;
pub(crate) mod init;
pub(crate) mod metrics;
pub(crate) mod reconcile;
pub(crate) mod run;
pub(crate) mod schema;
pub(crate) mod status;
pub(crate) mod test;

/// The project folder as an absolute path.
fn folder(directory: &Path) -> PathBuf {
    std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned())
}

/// A project and its texts.
pub(super) struct Texts {
    pub(super) sources: Sources,
    pub(super) rules: Vec<FileId>,
    pub(super) tests: Vec<FileId>,
}

/// The project of a folder with its texts; its problems are told where it has any.
fn project(global: &Global, output: &Output) -> Result<(Texts, Project), Exit> {
    let Loaded { sources, project, rules, tests } = load(&folder(&global.directory), global.profile.as_deref());
    match project {
        Ok(project) => Ok((Texts { sources, rules, tests }, project)),
        Err(problems) => {
            output.diagnostics(&problems, &sources);
            Err(Exit::InvalidProject)
        }
    }
}
