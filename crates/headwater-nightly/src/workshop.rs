//! The run's folder on the local disk, and the folders that dead runs left beside it.
//!
//! INVARIANT(a locked folder is alive): a run holds a lock of the operating system on a file in its folder as long as
//! it lives, and the lock ends with the process, however it ends. So a folder whose lock can be had belongs to nobody.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use datafusion::error::DataFusionError;
use headwater_ingest::WorkArea;

use crate::engine::{EngineError, failed};

/// The file that is locked. A folder without one was not made by a run, whatever its name, and is left alone.
const LOCK: &str = "headwater.lock";
/// How the name of a run's folder begins.
const PREFIX: &str = "run-";
/// How often a folder is made or removed again when something else gets in between.
const ATTEMPTS: u32 = 20;
/// How long is waited in between.
const PAUSE: Duration = Duration::from_millis(50);

/// The folder of a run that is at work.
#[derive(Debug)]
pub(crate) struct Workshop {
    folder: PathBuf,
    area: WorkArea,
    /// Held, not read.
    _lock: File,
}

impl Workshop {
    /// Makes the folder of a run below `spill_dir`, and removes those of runs whose process is gone. Runs of other
    /// projects may work in the same place.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub(crate) fn open(spill_dir: &Path, run_id: &str) -> Result<Self, EngineError> {
        let folder = spill_dir.join(format!("{PREFIX}{run_id}"));
        let lock = locked_folder(&folder).map_err(|error| {
            failed(&format!("create the folder {}", folder.display()), DataFusionError::IoError(error))
        })?;
        remove_dead(spill_dir);
        Ok(Self { area: WorkArea::new(folder.join("tables")), folder, _lock: lock })
    }

    /// Where the engine spills.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where tables of the run are kept.
    pub(crate) fn area(&self) -> &WorkArea {
        &self.area
    }

    /// Removes the folder. Tasks of a night that was given up may still write for a moment.
    pub(crate) async fn close(self) {
        let mut attempts = 1;
        while let Err(error) = removed(&self.folder) {
            if attempts == ATTEMPTS {
                tracing::warn!(event = "work_folder_not_removed", %error, folder = %self.folder.display(), "a work folder could not be removed");
                return;
            }
            attempts += 1;
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Makes a folder with a file in it that is locked.
fn locked_folder(folder: &Path) -> io::Result<File> {
    for _ in 0..ATTEMPTS {
        fs::create_dir_all(folder)?;
        let file = File::create(folder.join(LOCK))?;
        if let Err(error) = file.lock() {
            // Where locks do not work, a folder without the file is never taken for a dead run's.
            tracing::warn!(event = "work_folder_not_locked", %error, folder = %folder.display(), "if this run is killed, its work folder will stay");
            fs::remove_file(folder.join(LOCK))?;
            return Ok(file);
        }
        // Another run may have taken the file for a dead run's between the two steps above.
        if folder.join(LOCK).exists() {
            return Ok(file);
        }
    }
    Err(io::Error::other("another run keeps removing it"))
}

/// The folders of runs whose process is gone, by name.
pub(crate) fn dead_folders(spill_dir: &Path) -> Vec<PathBuf> {
    let mut folders = run_folders(spill_dir);
    folders.retain(|folder| lock_of_dead(folder).is_some());
    folders
}

/// Removes the folders of runs whose process is gone; those that it removed, by name. Nothing depends on it.
pub(crate) fn remove_dead(spill_dir: &Path) -> Vec<PathBuf> {
    let mut gone = Vec::new();
    for folder in run_folders(spill_dir) {
        let Some(lock) = lock_of_dead(&folder) else { continue };
        match removed(&folder) {
            Ok(()) => {
                tracing::info!(event = "dead_folder_removed", folder = %folder.display(), "removed the work folder of a dead run");
                gone.push(folder);
            }
            Err(error) => {
                tracing::warn!(event = "dead_folder_not_removed", %error, folder = %folder.display(), "the work folder of a dead run could not be removed");
            }
        }
        // Until here: whoever makes this folder at the same time waits for the lock, and makes it again.
        drop(lock);
    }
    gone
}

/// What is named as folders of runs are, by name.
fn run_folders(spill_dir: &Path) -> Vec<PathBuf> {
    let listed = fs::read_dir(spill_dir).and_then(|entries| entries.collect::<io::Result<Vec<_>>>());
    let mut folders: Vec<PathBuf> = match listed {
        Ok(entries) => {
            // What a link leads to is somebody else's.
            let is_folder = |entry: &&fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
            let folders = entries.iter().filter(is_folder);
            let of_runs = folders.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX));
            of_runs.map(fs::DirEntry::path).collect()
        }
        Err(error) => {
            if error.kind() != io::ErrorKind::NotFound {
                tracing::warn!(event = "dead_folders_not_listed", %error, folder = %spill_dir.display(), "folders of dead runs could not be looked for");
            }
            Vec::new()
        }
    };
    folders.sort();
    folders
}

/// The lock on a folder that no run holds; nothing where one does, where locks do not work, or where it is no run's.
fn lock_of_dead(folder: &Path) -> Option<File> {
    let lock = folder.join(LOCK);
    // To open a pipe may take for ever.
    if !lock.symlink_metadata().is_ok_and(|found| found.is_file()) {
        return None;
    }
    let file = File::options().write(true).open(lock).ok()?;
    match file.try_lock() {
        Ok(()) => Some(file),
        Err(TryLockError::WouldBlock) => None,
        Err(TryLockError::Error(error)) => {
            tracing::debug!(event = "dead_folder_unknown", %error, folder = %folder.display(), "it cannot be told whether a run is at work here");
            None
        }
    }
}

/// Removes a folder that may be gone already. The lock goes last, so that a removal cut short is taken up again.
fn removed(folder: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_name() == LOCK {
            continue;
        }
        if entry.file_type()?.is_dir() { fs::remove_dir_all(entry.path())? } else { fs::remove_file(entry.path())? }
    }
    fs::remove_dir_all(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with a table in it, as a killed run leaves it.
    fn left_behind(spill: &Path, run_id: &str) -> PathBuf {
        let folder = spill.join(format!("run-{run_id}"));
        fs::create_dir_all(folder.join("tables/accounts-0")).unwrap();
        fs::write(folder.join("tables/accounts-0/00000.parquet"), b"rows").unwrap();
        folder
    }

    #[tokio::test]
    async fn folders_of_dead_runs_go_and_others_stay() {
        let place = tempfile::tempdir().unwrap();
        let spill = place.path();
        let alive = Workshop::open(spill, "alive").unwrap();
        let dead = left_behind(spill, "dead");
        fs::write(dead.join(LOCK), b"").unwrap();
        let foreign = left_behind(spill, "of-somebody-else");
        let elsewhere = tempfile::tempdir().unwrap();
        let linked = left_behind(elsewhere.path(), "linked");
        fs::write(linked.join(LOCK), b"").unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(&linked, spill.join("run-linked")).unwrap();
        assert_eq!(dead_folders(spill), std::slice::from_ref(&dead));
        let workshop = Workshop::open(spill, "mine").unwrap();
        assert!(dead_folders(spill).is_empty());
        assert!(workshop.folder().is_dir());
        assert!(!dead.exists());
        assert!(linked.join(LOCK).exists());
        assert!(foreign.join("tables/accounts-0/00000.parquet").exists());
        assert!(alive.folder().join(LOCK).exists());
        let (alive_folder, mine) = (alive.folder().to_owned(), workshop.folder().to_owned());
        workshop.close().await;
        alive.close().await;
        assert!(!alive_folder.exists() && !mine.exists());
    }
}
