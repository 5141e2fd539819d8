//! Drafts: files that writes to the local disk begin with, named like the object with `#` and a number behind it. The store
//! does not list them, and a run that is killed leaves the one it was at.

use std::io;
use std::path::Path as FilePath;

use object_store::path::Path;

use super::places::ASIDE;
use super::{Lease, Publication, PublishError, staging};

impl Publication {
    /// Removes the drafts that dead runs left among the records and among what is aside. Whoever calls this holds the
    /// lease, so every other run is dead; a renewal that is under way drafts a record of a later number.
    ///
    /// # Errors
    /// When the disk fails.
    pub(super) fn sweep_drafts(&self, lease: &Lease) -> Result<(), PublishError> {
        let is_past = |record: &str| {
            let number = record.strip_suffix(".json").and_then(|number| number.parse::<u64>().ok());
            number.is_some_and(|number| number <= lease.number())
        };
        self.remove_drafts(&Lease::folder(&self.root), &is_past)?;
        self.remove_drafts(&self.path("manifests"), &|_| true)?;
        self.remove_drafts(&self.path(ASIDE), &|_| true)
    }

    /// Removes the drafts in a folder, and in those below, of objects whose names are given up.
    pub(super) fn remove_drafts(&self, folder: &Path, is_given_up: &dyn Fn(&str) -> bool) -> Result<(), PublishError> {
        let Some(disk) = &self.disk else { return Ok(()) };
        let below = folder.prefix_match(&self.root).into_iter().flatten();
        let folder = below.fold(disk.clone(), |folder, part| folder.join(part.as_ref()));
        Ok(remove_drafts(&folder, is_given_up).map_err(staging::on_disk)?)
    }
}

fn remove_drafts(folder: &FilePath, is_given_up: &dyn Fn(&str) -> bool) -> io::Result<()> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_drafts(&entry.path(), is_given_up)?;
        } else if of_draft(&entry.file_name().to_string_lossy()).is_some_and(is_given_up) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// The name of the object that a file is a draft of; none where it is no draft.
fn of_draft(file: &str) -> Option<&str> {
    let (object, number) = file.rsplit_once('#')?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some(object)
}
