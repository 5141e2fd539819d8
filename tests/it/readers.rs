//! The published tables as a program sees them that shares no code with ours.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use headwater_nightly::{check_rules, published_tables};

use crate::night::repository;
use crate::small_company::small_company;

/// Prints a line for each table below a folder: name, rows, then column and type of every column.
const DESCRIBE: &str = r#"
import duckdb, os, sys
for table in sorted(os.listdir(sys.argv[1])):
    files = f"{sys.argv[1]}/{table}/*/*.parquet"
    if table.startswith("_") or table in ("manifests", "spill"):
        continue
    rows = duckdb.execute("SELECT count(*) FROM read_parquet(?, hive_partitioning = false)", [files]).fetchone()[0]
    columns = duckdb.execute("DESCRIBE FROM read_parquet(?, hive_partitioning = false)", [files]).fetchall()
    print(table, rows, *(f"{name}:{kind}" for name, kind, *_ in columns), sep="\t")
"#;

#[tokio::test]
async fn duckdb_reads_the_types_and_rows_that_the_contract_promises() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let company = small_company(folder.path());
    let report = company.publish().await.report;

    let output = Command::new(python).args(["-c", DESCRIBE]).arg(company.published.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read = String::from_utf8(output.stdout).unwrap();

    let rows: BTreeMap<&str, u64> = report.tables.iter().map(|table| (table.name.as_str(), table.rows)).collect();
    let request = &company.request;
    let (rules, _) = check_rules(&request.project, &request.sources, &request.rule_files);
    let promised = published_tables(&request.project, &rules.unwrap()).into_iter().map(|table| {
        let columns = table.columns.iter().map(|column| {
            let kind = column.unit.sql_type().replace(", ", ",");
            format!("\t{}:{kind}", column.name)
        });
        format!("{}\t{}{}\n", table.name, rows[table.name.as_str()], columns.collect::<String>())
    });
    assert_eq!(read, promised.collect::<String>());
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
