//! The company that a night is measured over: made by the program's own demo, which keeps one of the same size.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::Command;

use super::{Options, remove_folder};
use crate::Outcome;

/// What the demo writes.
const FOLDERS: &[&str] = &["lake", "rules"];

/// Makes sure that the project is there; whether it had to be made.
pub(super) fn ensure(binary: &Path, dir: &Path, options: &Options) -> Outcome<bool> {
    let made = !dir.join("lake").exists();
    let status = Command::new(binary)
        .arg("demo")
        .arg("--dir")
        .arg(dir)
        .args(["--accounts", &options.accounts.to_string()])
        .args(["--events", &options.events.to_string()])
        .args(["--days", &options.days.to_string()])
        .arg("--no-run")
        .status()?;
    if status.success() { Ok(made) } else { Err("the demo company could not be made".into()) }
}

/// Reads every file once, so that both engines find the lake in the page cache.
pub(super) fn warm(dir: &Path) -> Outcome {
    fn read(path: &Path) -> io::Result<()> {
        if path.is_dir() {
            return fs::read_dir(path)?.try_for_each(|entry| read(&entry?.path()));
        }
        io::copy(&mut File::open(path)?, &mut io::sink()).map(|_| ())
    }
    Ok(read(&dir.join("lake"))?)
}

/// Removes the project.
pub(super) fn remove(dir: &Path) -> Outcome {
    FOLDERS.iter().try_for_each(|name| remove_folder(&dir.join(name)))?;
    Ok(fs::remove_file(dir.join("headwater.yaml"))?)
}
