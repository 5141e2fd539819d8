//! One night run as a child, measured step by step at the moments its log names.

use std::env;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Instant;

use serde_json::Value;

use super::child::{Cost, Meter, Run, Step};
use super::remove_folder;
use crate::{Outcome, root};

/// Folders that a night makes in the project.
const MADE: &[&str] = &["published", ".headwater"];

/// Builds the program as it is shipped; the path of the binary.
pub(super) fn build() -> Outcome<PathBuf> {
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--release", "--package", "headwater", "--message-format", "json-render-diagnostics"]);
    // What cargo says of this program is no matter of that one's, and makes the engine compile again where it differs.
    let of_this_program = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    for (name, _) in env::vars().filter(|(name, _)| of_this_program(name)) {
        cargo.env_remove(name);
    }
    let output = cargo.current_dir(root()).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err("the program does not build".into());
    }
    let messages = String::from_utf8(output.stdout)?;
    let built = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let binary = built.filter_map(|message| message.get("executable")?.as_str().map(PathBuf::from)).next_back();
    Ok(binary.ok_or("cargo names no binary")?)
}

/// Removes what nights published.
pub(super) fn remove(dir: &Path) -> Outcome {
    MADE.iter().try_for_each(|name| remove_folder(&dir.join(name)))
}

/// Runs the night of a day and measures it.
pub(super) fn run(binary: &Path, dir: &Path, as_of: &str) -> Outcome<Run> {
    let began = Instant::now();
    let mut child = Command::new(binary)
        .arg("-C")
        .arg(dir)
        .args(["--format", "json", "--log-format", "json", "-v", "run", "--as-of", as_of])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let report = child.stdout.take().ok_or("the child has no output")?;
    let report = thread::spawn(move || read_all(report));
    let watched = watch(&mut child, began);
    let status = child.wait()?;
    let report = report.join().map_err(|_| "the report could not be read")??;
    let (night, log) = watched?;
    if !status.success() || night.steps.is_empty() {
        return Err(format!("the night ended with {status}:\n{report}\n{log}").into());
    }
    Ok(night)
}

fn read_all(mut stream: impl Read) -> std::io::Result<String> {
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}

/// Follows the child's log to its end; the measured night and the log.
fn watch(child: &mut Child, began: Instant) -> Outcome<(Run, String)> {
    let log = child.stderr.take().ok_or("the child has no log")?;
    let mut meter = Meter::start(child.id())?;
    let mut night = Run { name: "Headwater".to_owned(), total: Cost::default(), steps: Vec::new() };
    let mut text = String::new();
    for line in BufReader::new(log).lines() {
        let line = line?;
        if let Some(event) = StepEvent::read(&line) {
            let cost = meter.lap()?;
            night.total.peak_bytes = night.total.peak_bytes.max(cost.peak_bytes);
            if let Some(rows) = event.ended {
                night.steps.push(Step { name: event.step, rows, cost });
            }
        }
        text.push_str(&line);
        text.push('\n');
    }
    night.total.wall = began.elapsed().as_secs_f64();
    night.total.cpu = meter.total_cpu()?;
    Ok((night, text))
}

/// A line of the log that says that a step begins or ends.
struct StepEvent {
    step: String,
    /// The rows produced, where the step ends.
    ended: Option<f64>,
}

impl StepEvent {
    fn read(line: &str) -> Option<Self> {
        let event: Value = serde_json::from_str(line).ok()?;
        let fields = event.get("fields").unwrap_or(&event);
        let step = fields.get("step")?.as_str()?.to_owned();
        Some(Self { step, ended: fields.get("rows").and_then(Value::as_f64) })
    }
}
