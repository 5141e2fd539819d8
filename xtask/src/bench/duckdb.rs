//! DuckDB over the same lake: it runs scripts whose tables are compared with what a night published.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::child::{Cost, Run, Step};
use super::contest::Table;
use super::{AS_OF, lake, remove_folder};
use crate::{Outcome, target};

/// The folder, in that of the benchmark, for scripts and results.
const FOLDER: &str = "duckdb";
const RUN_SCRIPT: &str = include_str!("../../bench/script.py");
const COMPARE: &str = include_str!("../../bench/compare.py");
const REQUIREMENTS: &str = include_str!("../../bench/requirements.txt");

/// How far our rows of a table and those of a script agree.
pub(super) struct Agreement {
    /// The table.
    pub(super) table: &'static str,
    /// Rows that one side or both have.
    pub(super) rows: u64,
    /// Values compared for each.
    pub(super) columns: u64,
    /// Rows that one side lacks, or of which a value differs.
    pub(super) differing: u64,
    /// The keys of some of them.
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

/// Runs a script for what it leaves in the lake.
pub(super) fn make(python: &Path, dir: &Path, sql: &str) -> Outcome {
    run_script(python, dir, ("lake", sql), &[]).map(|_| ())
}

/// Runs a script in a process of its own and keeps its tables.
pub(super) fn measure(python: &Path, dir: &Path, script: (&str, &str), tables: &[Table]) -> Outcome<Run> {
    let said = run_script(python, dir, script, tables)?;
    let version = said.get("version").and_then(Value::as_str).unwrap_or_default();
    let steps = said.get("steps").and_then(Value::as_array).ok_or("the script says no steps")?;
    let steps: Vec<Step> = steps.iter().map(step).collect();
    let total = steps.iter().map(|step| step.cost).fold(Cost::default(), Cost::then);
    Ok(Run { name: format!("DuckDB {version}, {}", script.0), total, steps })
}

fn step(said: &Value) -> Step {
    let number = |key: &str| said.get(key).and_then(Value::as_f64).unwrap_or(f64::NAN);
    let cost = Cost { wall: number("wall_seconds"), cpu: number("cpu_seconds"), peak_bytes: number("peak_bytes") };
    let name = said.get("name").and_then(Value::as_str).unwrap_or_default();
    Step { name: name.to_owned(), rows: number("rows"), cost }
}

fn run_script(python: &Path, dir: &Path, (name, sql): (&str, &str), tables: &[Table]) -> Outcome<Value> {
    let results = results_of(dir, name);
    fs::create_dir_all(&results)?;
    let file = results.join("script.sql");
    let lake = dir.join(lake::FOLDER);
    fs::write(&file, sql.replace("{lake}", &lake.display().to_string()).replace("{as_of}", AS_OF))?;
    let kept = tables.iter().map(|table| table.name);
    json_of(Command::new(python).args(["-c", RUN_SCRIPT]).arg(&file).arg(&results).args(kept))
}

/// Compares our published tables with those of a script.
pub(super) fn compare(python: &Path, dir: &Path, name: &str, tables: &'static [Table]) -> Outcome<Vec<Agreement>> {
    let compared = tables.iter().map(|table| {
        let ours = dir.join(format!("published/{}/as_of_date={AS_OF}/*.parquet", table.name));
        let theirs = results_of(dir, name).join(table.name).with_extension("parquet");
        let absent = if table.absent_is_zero { "zero" } else { "differs" };
        let said = json_of(
            Command::new(python).args(["-c", COMPARE]).args([&ours, &theirs]).args([table.ours, table.key, absent]),
        )?;
        let count = |key: &str| said.get(key).and_then(Value::as_u64).ok_or("the comparison says no number");
        Ok(Agreement {
            table: table.name,
            rows: count("rows")?,
            columns: count("columns")?,
            differing: count("differing")?,
            examples: said.get("examples").map(ToString::to_string).unwrap_or_default(),
        })
    });
    compared.collect()
}

/// Removes scripts and results.
pub(super) fn remove(dir: &Path) -> Outcome {
    remove_folder(&dir.join(FOLDER))
}

fn results_of(dir: &Path, name: &str) -> PathBuf {
    dir.join(FOLDER).join(name.replace(' ', "_"))
}

/// What a script of Python prints as JSON.
fn json_of(command: &mut Command) -> Outcome<Value> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("{command:?} failed").into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn run(command: &mut Command) -> Outcome {
    if command.stdin(Stdio::null()).status()?.success() { Ok(()) } else { Err(format!("{command:?} failed").into()) }
}
