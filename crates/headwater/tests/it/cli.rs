//! Runs the program in a folder of its own.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A folder with a project in it.
pub(crate) struct Place {
    folder: tempfile::TempDir,
}

/// How long a test waits for something a run does.
const PATIENCE: Duration = Duration::from_secs(120);

/// A run that is at work.
pub(crate) struct AtWork {
    process: Child,
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
        self.command(arguments).output().unwrap().into()
    }

    /// A command with variables of its environment.
    pub(crate) fn headwater_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Outcome {
        self.command(arguments).envs(variables.iter().copied()).output().unwrap().into()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_headwater"));
        command.current_dir(self.folder.path()).args(arguments).env_remove("RUST_LOG");
        let watching = ["OTEL_", "OPENLINEAGE_", "HEADWATER_METRICS_", "TRACEPARENT", "TRACESTATE"];
        for (name, _) in std::env::vars_os() {
            if watching.iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
                command.env_remove(name);
            }
        }
        command
    }

    /// Starts a night and waits until something that begins with a path is there.
    pub(crate) fn run_until(&self, path: &str) -> AtWork {
        self.begin(&["run", "--as-of", "2026-05-31"], &[], || !self.beginning_with(path).is_empty())
    }

    /// Starts a command with variables of its environment, and waits until it has come so far.
    #[track_caller]
    pub(crate) fn begin(
        &self,
        arguments: &[&str],
        variables: &[(&str, &str)],
        has_come_so_far: impl Fn() -> bool,
    ) -> AtWork {
        let mut command = self.command(arguments);
        command.envs(variables.iter().copied());
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let began = Instant::now();
        while !has_come_so_far() {
            assert!(process.try_wait().unwrap().is_none(), "the command ended before it had come so far");
            assert!(began.elapsed() < PATIENCE, "the command does not come so far");
            std::thread::sleep(Duration::from_millis(2));
        }
        AtWork { process }
    }

    /// What there is in a folder whose name begins with the path's last part.
    pub(crate) fn beginning_with(&self, path: &str) -> Vec<PathBuf> {
        let (folder, name) = path.rsplit_once('/').unwrap();
        let Ok(entries) = std::fs::read_dir(self.path(folder)) else { return Vec::new() };
        let named =
            entries.map(|entry| entry.unwrap()).filter(|entry| entry.file_name().to_string_lossy().starts_with(name));
        named.map(|entry| entry.path()).collect()
    }

    /// The last lease record.
    pub(crate) fn last_lease(&self) -> (PathBuf, String) {
        let last = self.beginning_with("published/_leases/").into_iter().max().unwrap();
        let text = std::fs::read_to_string(&last).unwrap();
        (last, text)
    }

    /// Writes a file, with the folders it lies in.
    pub(crate) fn write(&self, file: &str, text: &str) {
        std::fs::create_dir_all(self.path(file).parent().unwrap()).unwrap();
        std::fs::write(self.path(file), text).unwrap();
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

    /// Changes a byte of a file of the publication.
    pub(crate) fn damage(&self, object: &str) {
        let path = self.path(&format!("published/{object}"));
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[100] ^= 1;
        std::fs::write(&path, bytes).unwrap();
    }

    /// Every file in a folder of the publication, by its path, with a digest of its bytes.
    pub(crate) fn published(&self, folder: &str) -> BTreeMap<String, u64> {
        let root = self.path("published");
        let mut found = BTreeMap::new();
        let mut folders = vec![root.join(folder)];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
                    let mut digest = DefaultHasher::new();
                    std::fs::read(&path).unwrap().hash(&mut digest);
                    found.insert(name, digest.finish());
                }
            }
        }
        found
    }

    /// What a command says as JSON.
    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let outcome = self.headwater(&[arguments, &["--format", "json"]].concat());
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        serde_json::from_str(&outcome.stdout).unwrap()
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

impl AtWork {
    /// Sends a signal, by its name, and waits for the end.
    pub(crate) fn send(self, signal: &str) -> Outcome {
        let sent = Command::new("kill").args([&format!("-{signal}"), &self.process.id().to_string()]).status();
        assert!(sent.unwrap().success());
        self.process.wait_with_output().unwrap().into()
    }
}

impl From<std::process::Output> for Outcome {
    /// A process that a signal ended has no code; -1 stands for that.
    fn from(output: std::process::Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
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
