//! The facets that events carry, each with the schema it is of.

use chrono::{DateTime, SecondsFormat, TimeZone, Utc};
use headwater_nightly::RunRequest;
use headwater_nightly::contract::TableContract;
use headwater_nightly::publish::PublishedTable;
use serde_json::{Map, Value, json};

/// Where the schemas of facets are.
const FACETS: &str = "https://openlineage.io/spec/facets";

/// Who makes these events.
pub(super) fn producer() -> String {
    format!("{}/tree/v{}", env!("CARGO_PKG_REPOSITORY"), env!("CARGO_PKG_VERSION"))
}

/// A facet with what it says.
fn facet(version: &str, schema: &str, says: Value) -> Value {
    let mut facet = Map::new();
    facet.insert("_producer".to_owned(), producer().into());
    facet.insert("_schemaURL".to_owned(), format!("{FACETS}/{version}/{schema}.json#/$defs/{schema}").into());
    if let Value::Object(says) = says {
        facet.extend(says);
    }
    Value::Object(facet)
}

/// The run that started this one: `namespace/job/run`, where the namespace may hold slashes itself.
pub(super) fn parent(text: &str) -> Option<Value> {
    let (job, run) = text.rsplit_once('/')?;
    let (namespace, name) = job.rsplit_once('/')?;
    if namespace.is_empty() || name.is_empty() || !is_uuid(run) {
        return None;
    }
    Some(parent_run(run, namespace, name))
}

pub(super) fn parent_run(run: &str, namespace: &str, name: &str) -> Value {
    facet("1-2-0", "ParentRunFacet", json!({"run": {"runId": run}, "job": {"namespace": namespace, "name": name}}))
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.char_indices().all(|(at, letter)| match at {
            8 | 13 | 18 | 23 => letter == '-',
            _ => letter.is_ascii_hexdigit(),
        })
}

/// The day that the run is about, in the project's time zone.
pub(super) fn nominal_time(request: &RunRequest) -> Value {
    let zone = request.project.time_zone;
    let midnight = |day: chrono::NaiveDate| {
        let local = zone.from_local_datetime(&day.and_time(chrono::NaiveTime::MIN));
        // Where clocks go forward at midnight, the day begins an hour later.
        let later = || zone.from_utc_datetime(&day.and_time(chrono::NaiveTime::MIN));
        local.earliest().unwrap_or_else(later).with_timezone(&Utc)
    };
    let end = request.as_of.succ_opt().unwrap_or(request.as_of);
    let says = json!({"nominalStartTime": time(midnight(request.as_of)), "nominalEndTime": time(midnight(end))});
    facet("1-0-1", "NominalTimeRunFacet", says)
}

pub(super) fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

pub(super) fn error_message(message: &str) -> Value {
    facet("1-0-1", "ErrorMessageRunFacet", json!({"message": message, "programmingLanguage": "Rust"}))
}

pub(super) fn engine() -> Value {
    let version = env!("CARGO_PKG_VERSION");
    let says = json!({"name": "headwater", "version": version, "openlineageAdapterVersion": version});
    facet("1-1-1", "ProcessingEngineRunFacet", says)
}

pub(super) fn job_type(kind: &str) -> Value {
    facet("2-0-4", "JobTypeJobFacet", json!({"processingType": "BATCH", "integration": "HEADWATER", "jobType": kind}))
}

pub(super) fn documentation(description: &str) -> Value {
    facet("1-1-0", "DocumentationJobFacet", json!({"description": description, "contentType": "text/plain"}))
}

pub(super) fn schema(table: &TableContract) -> Value {
    let fields: Vec<Value> = table
        .columns
        .iter()
        .enumerate()
        .map(|(at, column)| {
            json!({
                "name": column.name,
                "type": column.unit.sql_type(),
                "description": column.description,
                "ordinal_position": at + 1,
            })
        })
        .collect();
    facet("1-2-0", "SchemaDatasetFacet", json!({ "fields": fields }))
}

/// The manifest that a table's rows are of.
pub(super) fn version(manifest: u64) -> Value {
    facet("1-0-1", "DatasetVersionDatasetFacet", json!({"datasetVersion": manifest.to_string()}))
}

pub(super) fn output_statistics(table: &PublishedTable) -> Value {
    let size: u64 = table.files.iter().map(|file| file.bytes).sum();
    let says = json!({"rowCount": table.rows, "size": size, "fileCount": table.files.len()});
    facet("1-0-2", "OutputStatisticsOutputDatasetFacet", says)
}

/// What is not known is left out.
pub(super) fn input_statistics(rows: Option<u64>, size: u64, files: usize) -> Value {
    let mut says = json!({"size": size, "fileCount": files});
    if let (Some(rows), Some(says)) = (rows, says.as_object_mut()) {
        says.insert("rowCount".to_owned(), rows.into());
    }
    facet("1-0-0", "InputStatisticsInputDatasetFacet", says)
}

pub(super) fn assertions(assertions: &[Value]) -> Value {
    facet("1-1-0", "DataQualityAssertionsDatasetFacet", json!({ "assertions": assertions }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parent_has_a_namespace_a_job_and_a_run() {
        let run = "0176a8c2-fe01-7439-87e6-56a1a1b4029f";
        let read = parent(&format!("airflow/prod/clv.night/{run}")).unwrap();
        assert_eq!(read["job"], json!({"namespace": "airflow/prod", "name": "clv.night"}));
        assert_eq!(read["run"], json!({ "runId": run }));
        for wrong in [run, "a/b/c", &format!("b/{run}"), &format!("/b/{run}"), &format!("a/b/{run}0")] {
            assert_eq!(parent(wrong), None, "{wrong}");
        }
    }
}
