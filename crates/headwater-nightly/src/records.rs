//! What is written down about a night: its manifest, and the table `run_manifest`.

use std::collections::BTreeMap;

use headwater_ingest::{ListedInput, Location, ObjectVersion, OpenedInput, OpenedInputs};
use headwater_metrics::{InputTable, Night, Query, RevenuePolicy, literal};
use headwater_rules::LeftOutRule;
use object_store::path::Path;
use sha2::{Digest, Sha256};

use crate::all_tables::carried_tables;
use crate::judge::Judged;
use crate::project::PROJECT_FILE;
use crate::publish::{InputObject, InputRecord, Manifest, PublishedFile, PublishedTable, RuleFileRecord, StateRecord};
use crate::report::Summary;
use crate::run::RunRequest;
use crate::stage::StagedTable;
use crate::steps::Steps;

/// The open inputs as they are written down; paths are given below the lake, so that they do not depend on where
/// the lake is.
pub(crate) fn inputs(opened: &OpenedInputs, unseen: &BTreeMap<String, u64>, lake: &Location) -> Vec<InputRecord> {
    opened.inputs.iter().map(|input| record(input, unseen, lake)).collect()
}

/// The objects of each logical table: path below the lake, bytes, and the store's tag of the content.
pub(crate) type InputObjects = BTreeMap<String, Vec<InputObject>>;

/// The objects that a published night was computed from.
pub(crate) fn recorded(inputs: &[InputRecord]) -> InputObjects {
    inputs.iter().map(|input| (input.table.clone(), input.objects.clone())).collect()
}

/// The objects that a night would be computed from now.
pub(crate) fn listed(inputs: &[ListedInput], lake: &Location) -> InputObjects {
    inputs.iter().map(|input| (input.table.name().to_owned(), objects(&input.objects, lake))).collect()
}

/// The objects that open inputs were read from.
pub(crate) fn opened(inputs: &OpenedInputs, lake: &Location) -> InputObjects {
    let inputs = inputs.inputs.iter();
    inputs.map(|input| (input.table.name().to_owned(), objects(&input.objects, lake))).collect()
}

fn objects(versions: &[ObjectVersion], lake: &Location) -> Vec<InputObject> {
    let base = format!("{lake}/");
    let below = |path: &str| path.strip_prefix(&base).unwrap_or(path).to_owned();
    let record = |object: &ObjectVersion| InputObject {
        path: below(&object.path),
        bytes: object.size,
        etag: object.etag.clone(),
    };
    versions.iter().map(record).collect()
}

fn record(input: &OpenedInput, unseen: &BTreeMap<String, u64>, lake: &Location) -> InputRecord {
    let mut quarantined = input.rows.quarantined.clone();
    if input.table == InputTable::UsageEvents && input.is_streamed() {
        quarantined.extend(unseen.clone());
    }
    InputRecord {
        table: input.table.name().to_owned(),
        objects: objects(&input.objects, lake),
        columns: Some(input.source_columns.clone()),
        rows_read: Some(input.rows.read),
        rows_kept: input.rows.kept,
        after_as_of: input.rows.after_as_of,
        merged: input.rows.merged,
        quarantined,
        unknown_values: input.rows.unknown.clone(),
        unexpected: input.rows.unexpected.clone(),
        newest: input.newest,
    }
}

/// The rule files and the digests of their texts.
pub(crate) fn rule_files(request: &RunRequest) -> Vec<RuleFileRecord> {
    let mut files: Vec<RuleFileRecord> = request
        .rule_files
        .iter()
        .map(|file| RuleFileRecord {
            file: request.sources.name(*file).to_owned(),
            sha256: hex(&Sha256::digest(request.sources.text(*file).as_bytes())),
        })
        .collect();
    files.sort_by(|a, b| a.file.cmp(&b.file));
    files
}

/// The project file and the profile that was applied, as one digest.
pub(crate) fn project_file(request: &RunRequest) -> Option<RuleFileRecord> {
    let file = request.sources.ids().find(|file| request.sources.name(*file) == PROJECT_FILE)?;
    let mut digest = Sha256::new_with_prefix(request.sources.text(file).as_bytes());
    if let Some(profile) = &request.project.profile {
        digest.update([0]);
        digest.update(profile.as_bytes());
    }
    Some(RuleFileRecord { file: PROJECT_FILE.to_owned(), sha256: hex(&digest.finalize()) })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The rows of `run_manifest`. It holds nothing that differs between two runs over the same data: no times, no run
/// id, no tags of the store.
pub(crate) fn run_manifest(
    request: &RunRequest,
    night: &Night,
    inputs: &[InputRecord],
    left_out: LeftOut<'_>,
    tables: &BTreeMap<String, StagedTable>,
) -> Query {
    let mut rows = Rows::default();
    rows.text("program", "headwater", "version", env!("CARGO_PKG_VERSION"));
    let project = &request.project;
    rows.text("project", &project.name, "time_zone", project.time_zone.name());
    rows.text("project", &project.name, "currency", &project.currency);
    let economics = &night.economics;
    // Observed, it may be unknown, and then nobody reads a number here.
    if let Some(share) = economics.gross_margin.share() {
        rows.text("project", &project.name, "gross_margin", &share.to_string());
    }
    rows.text("project", &project.name, "monthly_discount", &economics.monthly_discount.to_string());
    rows.text("project", &project.name, "horizon_months", &economics.horizon_months.to_string());
    rows.text("project", &project.name, "lookback_months", &economics.lookback_months.to_string());
    rows.text("project", &project.name, "clawback_days", &economics.clawback_days.to_string());
    let lifetimes = &project.lifetimes;
    rows.text("project", &project.name, "lifetimes_basis", lifetimes.basis.word());
    rows.text("project", &project.name, "lifetimes_fit_by", lifetimes.fit_by.as_deref().unwrap_or("all accounts"));
    rows.text("project", &project.name, "lifetimes_fewest_customers", &lifetimes.fewest_customers.to_string());
    rows.text("project", &project.name, "lifetimes_fewest_churns", &lifetimes.fewest_churns.to_string());
    rows.text("project", &project.name, "lifetimes_lapse_days", &lifetimes.lapse_days.to_string());
    if let Some(day) = lifetimes.observed_since {
        rows.text("project", &project.name, "lifetimes_observed_since", &day.to_string());
    }
    for switch in RevenuePolicy::SWITCHES {
        rows.text("policy", &project.name, switch.name, &switch.is_on(project.policy).to_string());
    }
    for input in inputs {
        rows.counts_of(input);
    }
    for metric in left_out.metrics {
        rows.text("unavailable_metric", metric, "reason", "a column it needs is not mapped");
    }
    for rule in left_out.rules {
        rows.text("skipped_rule", &request.project.name, &rule.to_string(), "an input it needs is not declared");
    }
    for file in rule_files(request) {
        rows.text("rule_file", &file.file, "sha256", &file.sha256);
    }
    for (name, table) in tables {
        rows.count("output", name, "rows", table.rows());
    }
    rows.query(&format!("DATE '{}'", request.as_of))
}

/// What the night could not compute or judge.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LeftOut<'a> {
    /// Metrics that are unknown for everyone.
    pub(crate) metrics: &'a [String],
    /// Rules that were left out as they asked.
    pub(crate) rules: &'a [LeftOutRule],
}

#[derive(Default)]
struct Rows(Vec<String>);

impl Rows {
    fn text(&mut self, section: &str, name: &str, item: &str, value: &str) {
        self.0.push(format!(
            "({}, {}, {}, CAST(NULL AS BIGINT), {})",
            literal(section),
            literal(name),
            literal(item),
            literal(value)
        ));
    }

    fn count(&mut self, section: &str, name: &str, item: &str, count: u64) {
        self.0.push(format!(
            "({}, {}, {}, CAST({count} AS BIGINT), CAST(NULL AS VARCHAR))",
            literal(section),
            literal(name),
            literal(item)
        ));
    }

    fn counts_of(&mut self, input: &InputRecord) {
        let name = &input.table;
        for (item, rows) in [
            ("rows_read", input.rows_read),
            ("rows_kept", input.rows_kept),
            ("rows_after_as_of", Some(input.after_as_of)),
            ("rows_merged", Some(input.merged).filter(|merged| *merged > 0)),
        ] {
            if let Some(rows) = rows {
                self.count("input", name, item, rows);
            }
        }
        if let Some(newest) = input.newest {
            self.text("input", name, "newest", &newest.to_string());
        }
        for (reason, rows) in &input.quarantined {
            self.count("quarantine", name, reason, *rows);
        }
        for (reason, rows) in &input.unknown_values {
            self.count("unknown_value", name, reason, *rows);
        }
        for (expectation, rows) in &input.unexpected {
            self.count("unexpected", name, expectation, *rows);
        }
        for InputObject { path, bytes, .. } in &input.objects {
            self.count("object", name, path, *bytes);
        }
    }

    fn query(self, as_of: &str) -> Query {
        Query::new(
            "run_manifest",
            format!(
                "SELECT {as_of} AS as_of, column1 AS section, column2 AS name, column3 AS item, column4 AS \"count\", column5 AS value
                FROM (VALUES {})",
                self.0.join(", ")
            ),
        )
    }
}

/// The manifest of a judged night, without what publication fills in, and where each of its objects is staged.
pub(crate) fn manifest(
    request: &RunRequest,
    judged: &Judged,
    inputs: Vec<InputRecord>,
    summary: &Summary,
    steps: &Steps,
) -> (Manifest, BTreeMap<String, Path>) {
    let mut staged = BTreeMap::new();
    let mut tables = Vec::new();
    for (name, table) in &judged.tables {
        let mut files = Vec::new();
        for (part, file) in table.files.iter().enumerate() {
            let content: String = file.sha256.chars().take(32).collect();
            let path = format!("{name}/as_of_date={}/{part:05}-{content}.parquet", request.as_of);
            staged.insert(path.clone(), file.path.clone());
            files.push(PublishedFile { path, rows: file.rows, bytes: file.bytes, sha256: file.sha256.clone() });
        }
        tables.push(PublishedTable { name: name.clone(), rows: table.rows(), files });
    }
    let manifest = Manifest {
        version: 1,
        number: 0,
        run_id: request.run_id.clone(),
        as_of: request.as_of,
        published_at: (request.clock)(),
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        project: request.project.name.clone(),
        tables,
        inputs,
        project_file: project_file(request),
        rules: rule_files(request),
        verdicts: summary.verdict_counts(),
        steps: steps.records(),
        nights: BTreeMap::new(),
        replaces: None,
        restores: None,
        takes_back: None,
        carries_on: None,
    };
    (manifest, staged)
}

/// The state that a published night left to the next.
pub(crate) fn state_of(manifest: &Manifest) -> StateRecord {
    let mut digest = Sha256::new();
    let carried = carried_tables();
    for table in manifest.tables.iter().filter(|table| carried.iter().any(|contract| contract.name == table.name)) {
        digest.update(table.name.as_bytes());
        for file in &table.files {
            digest.update(file.sha256.as_bytes());
        }
    }
    StateRecord { as_of: manifest.as_of, manifest: manifest.number, sha256: hex(&digest.finalize()) }
}
