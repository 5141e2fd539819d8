//! Runs the program in a folder of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder with a project in it.
pub(crate) struct Place {
    folder: tempfile::TempDir,
}

/// What a command came to.
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Place {
    pub(crate) fn empty() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// The demo's project and company, small, not yet run.
    pub(crate) fn demo() -> Self {
        let place = Self::empty();
        let made = place.headwater(&["demo", "--dir", ".", "--accounts", "60", "--days", "60", "--no-run"]);
        assert_eq!(made.code, 0, "{}", made.stderr);
        place
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    pub(crate) fn headwater(&self, arguments: &[&str]) -> Outcome {
        let output = Command::new(env!("CARGO_BIN_EXE_headwater"))
            .current_dir(self.folder.path())
            .args(arguments)
            .env_remove("RUST_LOG")
            .output()
            .unwrap();
        Outcome {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    pub(crate) fn run(&self) -> Outcome {
        self.headwater(&["run", "--as-of", "2026-05-31"])
    }

    /// Replaces a part of a file that must be there.
    pub(crate) fn edit(&self, file: &str, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.path(file)).unwrap();
        assert!(text.contains(from), "{file} does not hold {from}");
        std::fs::write(self.path(file), text.replace(from, to)).unwrap();
    }

    /// Whether anything is published or staged.
    pub(crate) fn is_untouched(&self) -> bool {
        let tables = |folder: &Path| {
            std::fs::read_dir(folder)
                .map_or(0, |entries| entries.filter(|entry| entry.as_ref().unwrap().file_name() != "_leases").count())
        };
        tables(&self.path("published")) == 0
    }
}

impl Outcome {
    /// Asserts the exit code, and that a text stands among the messages.
    #[track_caller]
    pub(crate) fn says(&self, code: i32, parts: &[&str]) {
        assert_eq!(self.code, code, "{}\n{}", self.stdout, self.stderr);
        for part in parts {
            assert!(
                self.stderr.contains(part) || self.stdout.contains(part),
                "`{part}` is missing in\n{}\n{}",
                self.stdout,
                self.stderr
            );
        }
    }
}
