//! DuckDB over the same lake: in the words of an analyst, and in those of somebody who knows the engine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::child::Cost;
use super::{AS_OF, remove_folder};
use crate::{Outcome, target};

/// The folder, in that of the benchmark, for queries and results.
const FOLDER: &str = "duckdb";
/// The queries: name and text.
const QUERIES: &[(&str, &str)] =
    &[("natural SQL", include_str!("../../bench/natural.sql")), ("expert SQL", include_str!("../../bench/expert.sql"))];
const RUN_QUERY: &str = include_str!("../../bench/query.py");
const COMPARE: &str = include_str!("../../bench/compare.py");
const REQUIREMENTS: &str = include_str!("../../bench/requirements.txt");

/// A query that was run.
pub(super) struct Measured {
    /// Engine and query.
    pub(super) name: String,
    /// What it took.
    pub(super) cost: Cost,
}

/// How far our values and those of a query agree.
pub(super) struct Agreement {
    /// Accounts compared.
    pub(super) accounts: u64,
    /// Values compared for each.
    pub(super) columns: u64,
    /// Accounts for which a value differs.
    pub(super) differing: u64,
    /// Some of them.
    pub(super) examples: String,
}

/// A Python with DuckDB, made on the first use.
pub(super) fn python() -> Outcome<PathBuf> {
    let folder = target().join("bench-venv");
    let python = folder.join("bin/python");
    let stamp = folder.join("requirements.txt");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == REQUIREMENTS) {
        return Ok(python);
    }
    run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    let packages = REQUIREMENTS.split_whitespace();
    run(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(packages))?;
    fs::write(stamp, REQUIREMENTS)?;
    Ok(python)
}

/// Runs each query in a process of its own.
pub(super) fn measure(python: &Path, dir: &Path) -> Outcome<Vec<Measured>> {
    fs::create_dir_all(dir.join(FOLDER))?;
    QUERIES.iter().map(|(name, sql)| measure_one(python, dir, name, sql)).collect()
}

fn measure_one(python: &Path, dir: &Path, name: &str, sql: &str) -> Outcome<Measured> {
    let lake = dir.join("lake");
    let file = result_of(dir, name).with_extension("sql");
    fs::write(&file, sql.replace("{lake}", &lake.display().to_string()).replace("{as_of}", AS_OF))?;
    let said = script(Command::new(python).args(["-c", RUN_QUERY]).arg(&file).arg(result_of(dir, name)))?;
    let number = |key: &str| said.get(key).and_then(Value::as_f64).unwrap_or(f64::NAN);
    let version = said.get("version").and_then(Value::as_str).unwrap_or_default();
    Ok(Measured {
        name: format!("DuckDB {version}, {name}"),
        cost: Cost { wall: number("wall_seconds"), cpu: number("cpu_seconds"), peak_bytes: number("peak_bytes") },
    })
}

/// Compares our published values with those of each query.
pub(super) fn compare(python: &Path, dir: &Path) -> Outcome<Vec<Agreement>> {
    let ours = dir.join(format!("published/account_metrics/as_of_date={AS_OF}/*.parquet"));
    let compared = QUERIES.iter().map(|(name, _)| {
        let said = script(Command::new(python).args(["-c", COMPARE]).arg(&ours).arg(result_of(dir, name)))?;
        let count = |key: &str| said.get(key).and_then(Value::as_u64).ok_or("the comparison says no number");
        Ok(Agreement {
            accounts: count("accounts")?,
            columns: count("columns")?,
            differing: count("differing")?,
            examples: said.get("examples").map(ToString::to_string).unwrap_or_default(),
        })
    });
    compared.collect()
}

/// Removes queries and results.
pub(super) fn remove(dir: &Path) -> Outcome {
    remove_folder(&dir.join(FOLDER))
}

fn result_of(dir: &Path, name: &str) -> PathBuf {
    dir.join(FOLDER).join(name.replace(' ', "_")).with_extension("parquet")
}

/// Runs a script that prints JSON.
fn script(command: &mut Command) -> Outcome<Value> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("{command:?} failed").into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn run(command: &mut Command) -> Outcome {
    if command.stdin(Stdio::null()).status()?.success() { Ok(()) } else { Err(format!("{command:?} failed").into()) }
}
