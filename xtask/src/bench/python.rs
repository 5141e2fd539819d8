//! Python with the packages of a benchmark, and what its scripts say.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::child::{Cost, Run, Step};
use crate::{Outcome, root, target};

/// A Python of its own, so that packages of the machine do not show.
pub(super) struct Python {
    binary: PathBuf,
}

impl Python {
    /// One that has the packages of `requirements`, in a folder of that name among what is built; made on the first use.
    pub(super) fn with(folder: &str, requirements: &str) -> Outcome<Self> {
        let folder = target().join(folder);
        let binary = folder.join("bin/python");
        let stamp = folder.join("requirements.txt");
        if !fs::read_to_string(&stamp).is_ok_and(|installed| installed == requirements) {
            run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
            let packages = requirements.split_whitespace();
            run(Command::new(&binary).args(["-m", "pip", "install", "--quiet"]).args(packages))?;
            fs::write(stamp, requirements)?;
        }
        Ok(Self { binary })
    }

    /// A script of the benchmarks, by its path below their folder.
    pub(super) fn script(&self, path: &str) -> Command {
        let scripts = root().join("xtask/bench");
        let mut command = Command::new(&self.binary);
        // What it compiles is not kept beside the scripts.
        command.arg("-B").arg(scripts.join(path)).env("PYTHONPATH", scripts);
        command
    }
}

/// What a script prints as JSON.
pub(super) fn json_of(command: &mut Command) -> Outcome<Value> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("{command:?} failed").into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Runs a script that prints nothing.
pub(super) fn run(command: &mut Command) -> Outcome {
    if command.stdin(Stdio::null()).status()?.success() { Ok(()) } else { Err(format!("{command:?} failed").into()) }
}

/// The version and the steps that a script says: the run is named after them by `name`.
pub(super) fn measured(said: &Value, name: impl FnOnce(&str) -> String) -> Outcome<Run> {
    let version = said.get("version").and_then(Value::as_str).unwrap_or_default();
    let steps = said.get("steps").and_then(Value::as_array).ok_or("the script says no steps")?;
    let steps: Vec<Step> = steps.iter().map(step).collect();
    let total = steps.iter().map(|step| step.cost).fold(Cost::default(), Cost::then);
    Ok(Run { name: name(version), total, steps })
}

fn step(said: &Value) -> Step {
    let number = |key: &str| said.get(key).and_then(Value::as_f64).unwrap_or(f64::NAN);
    let cost = Cost { wall: number("wall_seconds"), cpu: number("cpu_seconds"), peak_bytes: number("peak_bytes") };
    let name = said.get("name").and_then(Value::as_str).unwrap_or_default();
    Step { name: name.to_owned(), rows: number("rows"), cost }
}
