//! The lake that a night is measured over, and the company of the program's own demo, which keeps one of the same size.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::Command;

use super::{remove_folder, usage};
use crate::Outcome;

/// The folder of the lake, in that of the benchmark.
pub(super) const FOLDER: &str = "lake";
/// What the demo writes.
const DEMO: &[&str] = &[FOLDER, "rules"];

/// Makes sure that the demo's project is there; whether it had to be made.
pub(super) fn ensure_demo(binary: &Path, dir: &Path, company: &usage::Company) -> Outcome<bool> {
    let made = !dir.join(FOLDER).exists();
    let status = Command::new(binary)
        .arg("demo")
        .arg("--dir")
        .arg(dir)
        .args(["--accounts", &company.accounts.to_string()])
        .args(["--events", &company.events.to_string()])
        .args(["--days", &company.days.to_string()])
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
    Ok(read(&dir.join(FOLDER))?)
}

/// Removes the demo's project.
pub(super) fn remove_demo(dir: &Path) -> Outcome {
    DEMO.iter().try_for_each(|name| remove_folder(&dir.join(name)))?;
    Ok(fs::remove_file(dir.join("headwater.yaml"))?)
}
