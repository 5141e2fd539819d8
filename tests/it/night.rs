//! Runs whole nights through the library, and reads what they published.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::util::display::{ArrayFormatter, FormatOptions};
use chrono::Utc;
use datafusion::prelude::{ParquetReadOptions, SessionContext};
use headwater_ingest::{Location, StoreOverride};
use headwater_nightly::project::load;
use headwater_nightly::{Published, RunError, RunRequest, Stop, Watch, run};

/// The repository's folder.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// Whether the data sets that nobody here wrote are at hand; says so where they are not.
#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
pub(crate) fn has_shared_data() -> bool {
    let there = repository().join("../shared/data").is_dir();
    if !there {
        println!("SKIPPED: the foreign data sets are not beside the repository");
    }
    there
}

/// A project with a place to publish to that goes away with it.
pub(crate) struct Company {
    pub(crate) request: RunRequest,
    pub(crate) published: tempfile::TempDir,
}

impl Company {
    /// A project of `fixtures/projects`.
    pub(crate) fn of_fixture(name: &str, as_of: &str) -> Self {
        Self::of_profile(name, None, as_of)
    }

    /// A project of `fixtures/projects` with one of its profiles.
    pub(crate) fn of_profile(name: &str, profile: Option<&str>, as_of: &str) -> Self {
        Self::with_profile(&repository().join("fixtures/projects").join(name), profile, as_of)
    }

    /// The project in a folder, publishing to a folder of its own.
    pub(crate) fn in_folder(folder: &Path, as_of: &str) -> Self {
        Self::with_profile(folder, None, as_of)
    }

    fn with_profile(folder: &Path, profile: Option<&str>, as_of: &str) -> Self {
        let loaded = load(folder, profile);
        let mut project = loaded.project.unwrap_or_else(|problems| panic!("{problems:?}"));
        let published = tempfile::tempdir().unwrap();
        project.outputs.location = Location::local(published.path()).unwrap();
        project.engine.spill_dir = published.path().join("spill");
        let request = RunRequest {
            project,
            sources: loaded.sources,
            rule_files: loaded.rules,
            threads: 2,
            as_of: as_of.parse().unwrap(),
            run_id: "first".to_owned(),
            host: "here".to_owned(),
            environment: Vec::new(),
            // A night is refused where its clock is not the store's.
            clock: Arc::new(Utc::now),
            progress: Arc::new(|_| {}),
            watch: Watch::nobody(),
            deny_warnings: false,
            recorded_inputs: None,
            stop: Stop::never(),
        };
        Self { request, published }
    }

    /// Publishes to and reads from another store.
    pub(crate) fn with_stores(mut self, stores: Vec<StoreOverride>, environment: Vec<(String, String)>) -> Self {
        self.request.project.stores = stores;
        self.request.environment = environment;
        self
    }

    pub(crate) async fn run(&self) -> Result<Published, RunError> {
        run(&self.request).await
    }

    /// Runs a night that must be published.
    pub(crate) async fn publish(&self) -> Published {
        self.run().await.unwrap_or_else(|error| panic!("{:?}", error.diagnostics))
    }

    /// Rows of a query over the published tables, a line a row, cells between blanks.
    pub(crate) async fn rows(&self, sql: &str) -> Vec<Vec<String>> {
        self.rows_with(&[], sql).await
    }

    /// The same with further Parquet files as tables.
    pub(crate) async fn rows_with(&self, tables: &[(&str, String)], sql: &str) -> Vec<Vec<String>> {
        let context = SessionContext::new();
        for (name, path) in tables {
            context.register_parquet(*name, path, ParquetReadOptions::default()).await.unwrap();
        }
        for entry in std::fs::read_dir(self.published.path()).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let is_table = !name.starts_with('_') && name != "manifests" && name != "spill";
            if is_table {
                let url = format!("{}/", path.display());
                context.register_parquet(&name, &url, ParquetReadOptions::default()).await.unwrap();
            }
        }
        let mut rows = Vec::new();
        for batch in context.sql(sql).await.unwrap().collect().await.unwrap() {
            let options = FormatOptions::default();
            let columns: Vec<_> =
                batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options).unwrap()).collect();
            for row in 0..batch.num_rows() {
                rows.push(columns.iter().map(|column| column.value(row).to_string()).collect());
            }
        }
        rows
    }

    /// The SHA-256 of every published object, by path.
    pub(crate) async fn digests(&self) -> BTreeMap<String, String> {
        let report = self.publish().await.report;
        report
            .tables
            .iter()
            .flat_map(|table| &table.files)
            .map(|file| (file.path.clone(), file.sha256.clone()))
            .collect()
    }
}

/// A reference table: the heading and the rows.
pub(crate) struct Reference {
    heading: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Reference {
    pub(crate) fn read(name: &str) -> Self {
        let text = std::fs::read_to_string(repository().join("../shared/data/reference").join(name)).unwrap();
        let mut lines = text.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>());
        Self { heading: lines.next().unwrap(), rows: lines.collect() }
    }

    /// The names of all columns.
    pub(crate) fn heading(&self) -> Vec<&str> {
        self.heading.iter().map(String::as_str).collect()
    }

    /// The rows with only the columns named.
    pub(crate) fn columns(&self, names: &[&str]) -> Vec<Vec<String>> {
        let at: Vec<usize> =
            names.iter().map(|name| self.heading.iter().position(|column| column == name).unwrap()).collect();
        self.rows.iter().map(|row| at.iter().map(|at| row[*at].clone()).collect()).collect()
    }
}

/// Compares tables cell by cell: numbers within a relative tolerance, everything else as text.
pub(crate) fn assert_equal(ours: &[Vec<String>], theirs: &[Vec<String>], tolerance: f64) {
    assert_eq!(ours.len(), theirs.len(), "rows");
    for (row, (our, their)) in ours.iter().zip(theirs).enumerate() {
        for (column, (our_cell, their_cell)) in our.iter().zip(their).enumerate() {
            let same = match (our_cell.parse::<f64>(), their_cell.parse::<f64>()) {
                (Ok(a), Ok(b)) => (a - b).abs() <= tolerance * b.abs().max(1.0),
                _ => our_cell == their_cell,
            };
            assert!(same, "row {row}, column {column}: {our_cell} is not {their_cell}\n{our:?}\n{their:?}");
        }
    }
}
