//! The published tables as programs see them that share no code with ours: read where they are, and loaded by what
//! `ddl` writes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use headwater_nightly::contract::TableContract;
use headwater_nightly::{DdlRequest, Dialect, check_rules, published_tables};

use crate::editors::{complaints, files};
use crate::night::{Company, repository};
use crate::small_company::small_company;

/// What reads the tables where they are; what loads them by the statements of `ddl`.
const READERS: &[&str] = &["pyarrow", "duckdb", "polars", "datafusion", "clickhouse", "delta", "iceberg"];
const LOADERS: &[&str] = &["duckdb", "clickhouse", "snowflake"];

/// One night for both, because publishing it takes longer than all the reading.
#[tokio::test]
async fn a_published_night_is_read_and_loaded_by_every_program_at_hand() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let company = small_company(folder.path());
    let report = company.publish().await.report;
    let rows: BTreeMap<&str, u64> = report.tables.iter().map(|table| (table.name.as_str(), table.rows)).collect();
    manifests_are_as_their_schema_says(company.published.path());
    let tables = contracts(&company);
    std::fs::write(company.published.path().join("_scripts.json"), scripts(&company, &tables)).unwrap();

    let read = told(&python, "readers.py", &company);
    assert_eq!(read, promised(&tables, &rows));
    let loaded = told(&python, "warehouses.py", &company);
    let dialects: BTreeSet<&str> = Dialect::ALL.iter().map(|dialect| dialect.name).collect();
    let parsed = dialects.iter().map(|dialect| format!("{dialect}: {} tables parsed\n", tables.len()));
    let twice = LOADERS.iter().map(|loader| format!("{loader}: {} tables loaded twice, as published\n", tables.len()));
    assert_eq!(loaded, parsed.chain(twice).collect::<String>());
}

/// Those of the night, and none that misses something or says it in another way.
fn manifests_are_as_their_schema_says(published: &Path) {
    let schema = "docs/schema/manifest.v1.schema.json";
    let manifests = files(&published.join("manifests"), "json");
    assert_eq!(manifests.len(), 1);
    assert_eq!(complaints(schema, &manifests).unwrap(), "");
    let text = std::fs::read_to_string(&manifests[0]).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
    let wrong = [("/as_of", "31.5.2026"), ("/version", "2"), ("/tables/0/files/0/bytes", "-1"), ("/nights", "1")];
    for (place, value) in wrong {
        let mut changed = manifest.clone();
        *changed.pointer_mut(place).unwrap() = serde_json::from_str(value).unwrap_or_else(|_| value.into());
        let file = published.join("_changed.json");
        std::fs::write(&file, changed.to_string()).unwrap();
        assert!(complaints(schema, &[file]).unwrap().contains(&place[1..]), "{place}");
    }
}

fn contracts(company: &Company) -> Vec<TableContract> {
    let request = &company.request;
    let (rules, _) = check_rules(&request.project, &request.sources, &request.rule_files);
    published_tables(&request.project, &rules.unwrap())
}

/// The statements that make the tables and load the night, by dialect, as JSON.
fn scripts(company: &Company, tables: &[TableContract]) -> String {
    let request = &company.request;
    let scripts = Dialect::ALL.iter().map(|dialect| {
        let outputs = &request.project.outputs.location;
        let asked = DdlRequest { dialect, tables, currency: "USD", outputs, found_at: None };
        (dialect.name.to_owned(), serde_json::json!([asked.create().statements, asked.load(request.as_of).statements]))
    });
    serde_json::Value::Object(scripts.collect()).to_string()
}

/// What the readers print where the files are as the contracts say.
fn promised(tables: &[TableContract], rows: &BTreeMap<&str, u64>) -> String {
    let mut promised = String::new();
    for table in tables {
        write!(promised, "{}\t{}", table.name, rows[table.name.as_str()]).unwrap();
        for column in &table.columns {
            write!(promised, "\t{}:{}", column.name, column.unit.sql_type().replace(", ", ",")).unwrap();
        }
        promised.push('\n');
    }
    let readers = READERS.iter().chain(spark()).map(|reader| format!("{reader}: {} tables\n", tables.len()));
    promised + &readers.collect::<String>()
}

/// Spark, which needs Java.
#[expect(clippy::print_stdout, reason = "a reader that is skipped says so")]
fn spark() -> Option<&'static &'static str> {
    let java = Command::new("java").arg("-version").output();
    if java.is_ok_and(|java| java.status.success()) {
        return Some(&"spark");
    }
    println!("SKIPPED: Spark reads no table, for there is no Java");
    None
}

/// What a program of `readers/` prints about the published night.
fn told(python: &Path, program: &str, company: &Company) -> String {
    let program = repository().join("tests/it/readers").join(program);
    let night = company.request.as_of.to_string();
    let output = Command::new(python).arg(program).arg(company.published.path()).arg(night).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The Python that continuous integration installed; says so where there is none.
#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
pub(crate) fn python() -> Option<PathBuf> {
    let installed = std::env::var_os("HEADWATER_TEST_PYTHON").map(PathBuf::from);
    let python = installed.unwrap_or_else(|| repository().join("target/test-venv/bin/python"));
    if python.is_file() {
        return Some(python);
    }
    println!("SKIPPED: no Python with DuckDB is installed; .ci/run installs one");
    None
}
