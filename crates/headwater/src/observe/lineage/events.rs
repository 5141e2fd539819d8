//! The events of a run.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use headwater_nightly::contract::TableContract;
use headwater_nightly::publish::InputRecord;
use headwater_nightly::{RunReport, VerdictLine, check_rules, published_tables};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::facets;
use crate::exit::Exit;
use crate::observe::datasets::{self, Source};
use crate::observe::record::{Outcome, RunBegun, RunRecord};

/// What the environment says of all events.
pub(super) struct Surrounding {
    pub(super) namespace: String,
    pub(super) parent: Option<Value>,
}

/// A run of a job as its events name it.
struct Named {
    /// What is behind the project in the job's name.
    job: &'static str,
    kind: &'static str,
    description: &'static str,
}

/// The night itself.
const NIGHT: Named = Named {
    job: "night",
    kind: "NIGHT",
    description: "Reads the lake, measures and judges accounts and groups, audits, and publishes the tables of a night.",
};
/// The tests of its tables: whoever reads tests expects them of what a job reads.
const AUDIT: Named = Named {
    job: "audit",
    kind: "AUDIT",
    description: "Audits the tables of a night, and holds guardrails against them.",
};

/// The night begins.
pub(super) fn start(run: &RunBegun, surrounding: &Surrounding) -> Value {
    let inputs = datasets::read(&run.request).iter().map(|source| dataset(source, &[])).collect();
    event(&NIGHT, "START", run, run.at, surrounding, Parts { inputs, ..Parts::default() })
}

/// What the night came to and, where it came so far, its audits.
pub(super) fn end(run: &RunRecord, surrounding: &Surrounding) -> Vec<Value> {
    let begun = &run.begun;
    let mut parts = Parts {
        inputs: datasets::read(&begun.request).iter().map(|source| dataset(source, &run.inputs)).collect(),
        outputs: run.report.iter().flat_map(|report| outputs(begun, report)).collect(),
        run_facets: Map::new(),
    };
    if run.exit != Exit::Done {
        let said = if run.errors.is_empty() { run.outcome.word().to_owned() } else { run.errors.join("\n") };
        parts.run_facets.insert("errorMessage".to_owned(), facets::error_message(&said));
    }
    let mut events = vec![event(&NIGHT, ending(run.outcome), begun, run.ended_at, surrounding, parts)];
    if !run.audits.is_empty() {
        let began = run.steps.iter().rev().find(|step| step.name == AUDIT.job).and_then(|step| step.began_at);
        let began = began.or_else(|| run.unfinished.as_ref().map(|step| step.began_at)).unwrap_or(run.ended_at);
        let ending = if run.outcome == Outcome::Held { "FAIL" } else { "COMPLETE" };
        let parts = || Parts { inputs: audited(run), ..Parts::default() };
        events.push(event(&AUDIT, "START", begun, began, surrounding, Parts::default()));
        events.push(event(&AUDIT, ending, begun, run.ended_at, surrounding, parts()));
    }
    events
}

/// A run that another one keeps from working, that is told to stop, or comes too early, has not failed.
fn ending(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Published | Outcome::Unchanged => "COMPLETE",
        Outcome::Stopped | Outcome::LeaseHeld | Outcome::NotReady => "ABORT",
        _ => "FAIL",
    }
}

/// What an event has beside its run and job.
#[derive(Default)]
struct Parts {
    inputs: Vec<Value>,
    outputs: Vec<Value>,
    run_facets: Map<String, Value>,
}

fn event(
    named: &Named,
    kind: &str,
    run: &RunBegun,
    at: DateTime<Utc>,
    surrounding: &Surrounding,
    parts: Parts,
) -> Value {
    let mut run_facets = parts.run_facets;
    run_facets.insert("nominalTime".to_owned(), facets::nominal_time(&run.request));
    run_facets.insert("processing_engine".to_owned(), facets::engine());
    let job = |named: &Named| format!("{}.{}", run.project(), named.job);
    let parent = if named.job == NIGHT.job {
        surrounding.parent.clone()
    } else {
        Some(facets::parent_run(&run_uuid(run, &NIGHT), &surrounding.namespace, &job(&NIGHT)))
    };
    run_facets.extend(parent.map(|parent| ("parent".to_owned(), parent)));
    json!({
        "eventType": kind,
        "eventTime": facets::time(at),
        "producer": facets::producer(),
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": { "runId": run_uuid(run, named), "facets": run_facets },
        "job": {
            "namespace": surrounding.namespace,
            "name": job(named),
            "facets": {
                "jobType": facets::job_type(named.kind),
                "documentation": facets::documentation(named.description),
            },
        },
        "inputs": parts.inputs,
        "outputs": parts.outputs,
    })
}

/// The UUID of a run: of version 8, made of what names the run, so that it can be found from the run id.
fn run_uuid(run: &RunBegun, named: &Named) -> String {
    let name = [run.project(), run.run_id(), named.job].join("\0");
    let mut bytes = Sha256::digest(name.as_bytes());
    if let Some(byte) = bytes.get_mut(6) {
        *byte = (*byte & 0x0f) | 0x80;
    }
    if let Some(byte) = bytes.get_mut(8) {
        *byte = (*byte & 0x3f) | 0x80;
    }
    let digits: String = bytes.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}

/// A dataset that is read, with what was counted of it.
fn dataset(source: &Source, inputs: &[InputRecord]) -> Value {
    let mut of_input = Map::new();
    let records: Vec<&InputRecord> =
        inputs.iter().filter(|input| source.inputs.contains(&input.table.as_str())).collect();
    if let ([record], true) = (records.as_slice(), source.is_whole) {
        let size = record.objects.iter().map(|object| object.bytes).sum();
        let statistics = facets::input_statistics(record.rows_read, size, record.objects.len());
        of_input.insert("inputStatistics".to_owned(), statistics);
    }
    let expectations: Vec<Value> = records
        .iter()
        .flat_map(|record| &record.unexpected)
        .map(|(name, rows)| {
            json!({"assertion": "expectation", "name": name, "success": *rows == 0, "severity": "warn",
                   "expected": "0 rows", "actual": format!("{rows} rows")})
        })
        .collect();
    if !expectations.is_empty() {
        of_input.insert("dataQualityAssertions".to_owned(), facets::assertions(&expectations));
    }
    json!({"namespace": source.dataset.namespace, "name": source.dataset.name, "facets": {}, "inputFacets": of_input})
}

/// The tables that were published.
fn outputs(run: &RunBegun, report: &RunReport) -> Vec<Value> {
    let schemas = schemas(run);
    let outputs = report.tables.iter().map(|table| {
        let dataset = datasets::written(&run.request, &table.name);
        let mut facets = Map::new();
        facets.insert("version".to_owned(), facets::version(report.manifest));
        if let Some(contract) = schemas.get(&table.name) {
            facets.insert("schema".to_owned(), facets::schema(contract));
        }
        json!({
            "namespace": dataset.namespace,
            "name": dataset.name,
            "facets": facets,
            "outputFacets": { "outputStatistics": facets::output_statistics(table) },
        })
    });
    outputs.collect()
}

/// The columns of each table, as `headwater schema` says them.
fn schemas(run: &RunBegun) -> BTreeMap<String, TableContract> {
    let request = &run.request;
    let (rules, _) = check_rules(&request.project, &request.sources, &request.rule_files);
    let tables = rules.map(|rules| published_tables(&request.project, &rules)).unwrap_or_default();
    tables.into_iter().map(|table| (table.name.clone(), table)).collect()
}

/// The tables with the tests they went through: audits of all of them, guardrails of their verdicts.
fn audited(run: &RunRecord) -> Vec<Value> {
    let mut tests: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for audit in &run.audits {
        let severity = if audit.only_warns { "warn" } else { "error" };
        tests.entry(&audit.table).or_default().push(json!({
            "assertion": if audit.rule_id.is_some() { "rule" } else { "standing" },
            "name": audit.id,
            "success": audit.passed,
            "severity": severity,
            "expected": audit.expected,
            "actual": audit.observed,
        }));
    }
    // A guardrail that cannot tell has neither passed nor failed.
    let is_decided = |verdict: &&VerdictLine| ["pass", "watch", "breach"].contains(&verdict.verdict.as_str());
    for verdict in run.report.iter().flat_map(|report| &report.verdicts).filter(is_decided) {
        let value = verdict.value.map(|value| value.to_string());
        tests.entry("guardrail_verdicts").or_default().push(json!({
            "assertion": "guardrail",
            "name": verdict.guardrail_id,
            "success": verdict.verdict != "breach",
            "severity": "warn",
            "expected": "no breach",
            "actual": verdict.verdict,
            "description": verdict.reason,
            "params": {"scope": verdict.scope, "group": verdict.group, "metric": verdict.metric, "value": value},
        }));
    }
    let tested = tests.into_iter().map(|(table, tests)| {
        let dataset = datasets::written(&run.begun.request, table);
        let of_input = json!({ "dataQualityAssertions": facets::assertions(&tests) });
        json!({"namespace": dataset.namespace, "name": dataset.name, "facets": {}, "inputFacets": of_input})
    });
    tested.collect()
}
