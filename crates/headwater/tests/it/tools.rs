//! Programs of others that tests use where they are installed. A test that goes without one says so.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The Python that continuous integration installed.
pub(crate) fn python() -> Option<PathBuf> {
    let installed = std::env::var_os("HEADWATER_TEST_PYTHON").map(PathBuf::from);
    let python = installed.unwrap_or_else(|| repository().join("target/test-venv/bin/python"));
    there(python, "no Python with the packages of tests/requirements.txt is installed; .ci/run installs one")
}

/// Prometheus' own checker of metrics and rules.
pub(crate) fn promtool() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join("promtool")).find(|file| file.is_file());
    there(found.unwrap_or_default(), "promtool is not installed; Debian has it in the package prometheus")
}

pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// What a program prints; it must end with 0.
#[track_caller]
pub(crate) fn told(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let (said, wrong) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}\n{said}\n{wrong}");
    said.into_owned()
}

#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
fn there(program: PathBuf, why_not: &str) -> Option<PathBuf> {
    if program.is_file() {
        return Some(program);
    }
    println!("SKIPPED: {why_not}");
    None
}
