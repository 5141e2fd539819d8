//! From open inputs to the table `measured`: the plans of the catalogue, run one after the other.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::AsArray;
use arrow::datatypes::{Date32Type, Float64Type, Int64Type};
use arrow::record_batch::RecordBatch;
use headwater_ingest::{OpenedInputs, WorkArea, within_memory};
use headwater_metrics::{
    AsOf, FeatureSeen, GrossMargin, GroupScope, InputTable, MeasurePlan, Night, Query, observed_margin,
};

use crate::engine::{Engine, EngineError, failed};
use crate::project::Project;
use crate::steps::Steps;

/// What a night depends on, taken from its open inputs.
pub(crate) fn night(opened: &OpenedInputs, as_of: AsOf, project: &Project) -> Night {
    let inputs: BTreeMap<InputTable, BTreeSet<String>> = opened
        .inputs
        .iter()
        .map(|input| (input.table, input.columns.iter().map(|column| column.name.clone()).collect()))
        .collect();
    let attributes = opened.get(InputTable::Accounts).map(|accounts| &accounts.attributes[..]).unwrap_or_default();
    let attributes = attributes.iter().map(|column| (column.name.clone(), column.kind.unit())).collect();
    Night { inputs, attributes, ..project.night(as_of) }
}

/// Runs the plans for the metrics asked for; afterwards `measured` is a table of the engine.
pub(crate) async fn measure(
    engine: &Engine,
    work: &WorkArea,
    asked: &BTreeSet<String>,
    groups: &BTreeSet<(GroupScope, String)>,
    night: &mut Night,
    steps: &mut Steps,
) -> Result<MeasurePlan, EngineError> {
    let asks_features = MeasurePlan::new(asked, groups, night).asks_features;
    if let Some(query) = headwater_metrics::features_query(night).filter(|_| asks_features) {
        steps.begin("features");
        night.features = engine.rows(&query).await?.iter().flat_map(features).collect();
        steps.end(night.features.len() as u64);
    }
    let kept = observe_margin(engine, work, night, steps).await?;
    let plan = MeasurePlan::new(asked, groups, night);
    for query in plan.queries.iter().filter(|query| !kept.contains(&query.name)) {
        keep(engine, work, query, steps).await?;
    }
    Ok(plan)
}

/// Looks what the gross margin is, where the project does not declare it. The answer names the tables kept for it, which
/// plans made afterwards need not keep again.
pub(crate) async fn observe_margin(
    engine: &Engine,
    work: &WorkArea,
    night: &mut Night,
    steps: &mut Steps,
) -> Result<BTreeSet<String>, EngineError> {
    let queries = observed_margin(night);
    for query in &queries {
        keep(engine, work, query, steps).await?;
    }
    if let Some(last) = queries.last() {
        let rows = engine.rows(&Query::new(&last.name, format!("SELECT gross_margin FROM {}", last.name))).await?;
        let share =
            rows.iter().find_map(|batch| batch.columns().first()?.as_primitive_opt::<Float64Type>()?.iter().next());
        night.economics.gross_margin = GrossMargin::Observed(share.flatten());
    }
    Ok(queries.into_iter().map(|query| query.name).collect())
}

/// Runs a query and keeps its rows in the work area as a table of its name.
pub(crate) async fn keep(
    engine: &Engine,
    work: &WorkArea,
    query: &Query,
    steps: &mut Steps,
) -> Result<(), EngineError> {
    steps.begin(&query.name);
    let kept = within_memory(vec![query.clone()], query.narrower(), async |queries, joins| {
        engine.keep(work, &query.name, &queries, joins).await
    });
    steps.end(kept.await.map_err(|error| failed(&query.name, error))?);
    Ok(())
}

fn features(batch: &RecordBatch) -> Vec<FeatureSeen> {
    let names =
        batch.columns().first().and_then(|column| arrow::compute::cast(column, &arrow::datatypes::DataType::Utf8).ok());
    let days = batch.columns().get(1).and_then(|column| column.as_primitive_opt::<Date32Type>().cloned());
    let (Some(names), Some(days)) = (names, days) else { return Vec::new() };
    names
        .as_string::<i32>()
        .iter()
        .zip(days.iter())
        .filter_map(|(name, day)| {
            let first_seen =
                chrono::NaiveDate::default().checked_add_signed(chrono::TimeDelta::days(i64::from(day?)))?;
            Some(FeatureSeen { name: name?.to_owned(), first_seen })
        })
        .collect()
}

/// Rows of streamed usage that count for no account, by reason. They were read once, with the metrics.
pub(crate) async fn streamed_quarantine(
    engine: &Engine,
    plan: &MeasurePlan,
) -> Result<BTreeMap<String, u64>, EngineError> {
    let Some(query) = &plan.usage_left_out else { return Ok(BTreeMap::new()) };
    let mut reasons = BTreeMap::new();
    for batch in engine.rows(query).await? {
        let names = batch
            .columns()
            .first()
            .and_then(|column| arrow::compute::cast(column, &arrow::datatypes::DataType::Utf8).ok());
        let counts = batch.columns().get(1).and_then(|column| column.as_primitive_opt::<Int64Type>());
        let (Some(names), Some(counts)) = (names, counts) else { continue };
        for (reason, rows) in names.as_string::<i32>().iter().zip(counts.iter()) {
            if let (Some(reason), Some(rows)) = (reason, rows.and_then(|rows| u64::try_from(rows).ok())) {
                reasons.insert(reason.to_owned(), rows);
            }
        }
    }
    Ok(reasons)
}
