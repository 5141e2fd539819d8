//! DuckDB over the same lake: it runs scripts whose tables are compared with what a night published.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::child::Run;
use super::contest::Table;
use super::python::{self, Python, json_of};
use super::{AS_OF, lake, remove_folder};
use crate::Outcome;

/// The folder, in that of the benchmark, for scripts and results.
const FOLDER: &str = "duckdb";

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

/// A Python with DuckDB.
pub(super) fn python() -> Outcome<Python> {
    Python::with("bench-venv", include_str!("../../bench/requirements.txt"))
}

/// Runs a script for what it leaves in the lake.
pub(super) fn make(python: &Python, dir: &Path, sql: &str) -> Outcome {
    run_script(python, dir, ("lake", sql), &[]).map(|_| ())
}

/// Runs a script in a process of its own and keeps its tables.
pub(super) fn measure(python: &Python, dir: &Path, script: (&str, &str), tables: &[Table]) -> Outcome<Run> {
    let said = run_script(python, dir, script, tables)?;
    python::measured(&said, |version| format!("DuckDB {version}, {}", script.0))
}

fn run_script(python: &Python, dir: &Path, (name, sql): (&str, &str), tables: &[Table]) -> Outcome<Value> {
    let results = results_of(dir, name);
    fs::create_dir_all(&results)?;
    let file = results.join("script.sql");
    let lake = dir.join(lake::FOLDER);
    fs::write(&file, sql.replace("{lake}", &lake.display().to_string()).replace("{as_of}", AS_OF))?;
    let kept = tables.iter().map(|table| table.name);
    json_of(python.script("script.py").arg(&file).arg(&results).args(kept))
}

/// Compares our published tables with those of a script.
pub(super) fn compare(python: &Python, dir: &Path, name: &str, tables: &'static [Table]) -> Outcome<Vec<Agreement>> {
    let compared = tables.iter().map(|table| {
        let ours = dir.join(format!("published/{}/as_of_date={AS_OF}/*.parquet", table.name));
        let theirs = results_of(dir, name).join(table.name).with_extension("parquet");
        let absent = if table.absent_is_zero { "zero" } else { "differs" };
        let mut comparing = python.script("compare.py");
        let said = json_of(comparing.args([&ours, &theirs]).args([table.ours, table.key, absent]))?;
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
