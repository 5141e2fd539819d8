//! The bridge between two policies: one metric over the same rows, switch by switch. Nothing is published.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::AsArray;
use arrow::datatypes::Float64Type;
use arrow::record_batch::RecordBatch;
use chrono::NaiveDate;
use headwater_diagnostics::{Code, Diagnostic};
use headwater_ingest::WorkArea;
use headwater_metrics::{
    AsOf, Catalogue, Grain, GroupPlan, GroupScope, InputTable, MeasurePlan, Metric, Night, Query, RevenuePolicy, Unit,
};
use serde::Serialize;

use crate::engine::{Engine, EngineError, EngineLimits};
use crate::failure::{FailureKind, RunError};
use crate::measure::{self, keep};
use crate::preconditions::{rates_are_known, some_accounts};
use crate::project::Project;
use crate::publish::Phase;
use crate::run::RunRequest;
use crate::steps::Steps;
use crate::workshop::Workshop;

/// What is to be reconciled.
#[derive(Debug, Clone)]
pub struct BridgeRequest {
    /// A group metric; of one that takes a window, the name without it means the project's lookback.
    pub metric: String,
    /// `total`, or a text column of accounts.
    pub by: String,
    /// Where the bridge begins.
    pub from: RevenuePolicy,
    /// Where it ends.
    pub to: RevenuePolicy,
}

/// A metric from one policy to another.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bridge {
    /// The night.
    pub as_of: NaiveDate,
    /// The metric.
    pub metric: String,
    /// What it measures.
    pub unit: Unit,
    /// How accounts are grouped.
    pub scope: String,
    /// One for each group, sorted by name.
    pub groups: Vec<BridgeOfGroup>,
}

/// The bridge of one group. The steps add up: each begins with the value before it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BridgeOfGroup {
    /// The group.
    pub group: String,
    /// The value by the first policy; unknown as the metric says.
    pub from: Option<f64>,
    /// One for each switch on which the policies differ, in the order of the switches.
    pub steps: Vec<BridgeStep>,
    /// The value by the last policy.
    pub to: Option<f64>,
    /// Why a value is unknown, where one is.
    pub reason: Option<String>,
}

/// What one switch does.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BridgeStep {
    /// The switch.
    pub switch: String,
    /// Whether it is on from here.
    pub on: bool,
    /// The value with it.
    pub value: Option<f64>,
    /// The value with it less the value before; unknown where either is.
    pub change: Option<f64>,
}

/// Computes the bridge over the project's inputs. The lease is not taken, and nothing is written but the work folder.
///
/// # Errors
/// When the metric or the grouping does not exist, or the inputs cannot be opened.
pub async fn reconcile(request: &RunRequest, asked: &BridgeRequest) -> Result<Bridge, RunError> {
    let project = &request.project;
    let metric = metric_of(asked, project)?;
    let scope = scope_of(asked, project)?;
    let workshop = Workshop::open(&project.engine.spill_dir, &request.run_id)?;
    let bridge = bridge(request, asked, (metric, scope), &workshop).await;
    workshop.close().await;
    bridge
}

fn metric_of(asked: &BridgeRequest, project: &Project) -> Result<Metric, RunError> {
    let with_window = format!("{}_{}m", asked.metric, project.economics.lookback_months);
    let found = [asked.metric.as_str(), &with_window].into_iter().find_map(|name| Catalogue.metric(name));
    found.filter(|metric| metric.grain == Grain::Group).ok_or_else(|| {
        let groups = |name: &String| Catalogue.metric(name).is_some_and(|metric| metric.grain == Grain::Group);
        let names: Vec<String> = Catalogue.names().into_iter().filter(groups).collect();
        let message = format!("`{}` is no metric of groups", asked.metric);
        let problem = Diagnostic::of(Code::UnknownName, "--metric", message);
        let of_all = format!("total_{}", asked.metric);
        let help = match Catalogue.metric(&asked.metric) {
            Some(_) if names.contains(&of_all) => format!("it is of an account; of all of them it is `{of_all}`"),
            _ => "`headwater metrics` lists them".to_owned(),
        };
        let problem = problem.help(help);
        RunError::new(FailureKind::NotFound, problem.suggest(&asked.metric, names.iter().map(String::as_str)))
    })
}

fn scope_of(asked: &BridgeRequest, project: &Project) -> Result<GroupScope, RunError> {
    let scope = GroupScope::parse(&asked.by);
    let columns = project.text_columns();
    match &scope {
        GroupScope::Column(column) if !columns.contains(column) => {
            let message = format!("`{column}` is no text column or attribute of accounts");
            let problem = Diagnostic::of(Code::UnknownDimension, "--by", message);
            let problem = problem.help(format!("one of {}", columns.join(", ")));
            let problem = problem.suggest(column, columns.iter().map(String::as_str).chain(["total"]));
            Err(RunError::new(FailureKind::NotFound, problem))
        }
        _ => Ok(scope),
    }
}

async fn bridge(
    request: &RunRequest,
    asked: &BridgeRequest,
    (metric, scope): (Metric, GroupScope),
    workshop: &Workshop,
) -> Result<Bridge, RunError> {
    let project = &request.project;
    rates_are_known(project, request.as_of)?;
    let engine = Engine::new(&EngineLimits::of(project, workshop.folder(), request.threads))?;
    let stores = project.open_stores(request.environment.clone());
    let as_of = AsOf::new(request.as_of, project.time_zone);
    let lake = project.lake_spec();
    let opening = headwater_ingest::open(engine.context(), &stores, &lake, &as_of, workshop.area());
    let opened = request.stop.unless_asked(opening).await??;
    some_accounts(&opened)?;
    let mut night = measure::night(&opened, as_of, project);
    let missing = metric.inputs.iter().find(|input| !night.inputs.contains_key(input));
    if let Some(input) = missing {
        return Err(unavailable(&metric, *input));
    }
    let wanted = BTreeSet::from([(scope.clone(), metric.id.clone())]);
    let mut values = Vec::new();
    for policy in path(asked) {
        night.policy = policy;
        let mut steps = Steps::new(request.clock.clone(), request.progress.clone(), request.watch.clone());
        steps.enter(Phase::Measure);
        let computing = group_values(&engine, workshop.area(), &wanted, &night, steps);
        values.push((policy, request.stop.unless_asked(computing).await??));
    }
    let groups = groups(&values);
    Ok(Bridge { as_of: request.as_of, metric: metric.id, unit: metric.unit, scope: scope.name().to_owned(), groups })
}

fn unavailable(metric: &Metric, input: InputTable) -> RunError {
    let message = format!("`{}` needs `{}`, which the project does not declare", metric.id, input.name());
    RunError::new(FailureKind::InvalidProject, Diagnostic::of(Code::MetricUnavailable, "--metric", message))
}

/// The policies from the first to the last, one switch at a time.
fn path(asked: &BridgeRequest) -> Vec<RevenuePolicy> {
    let mut path = vec![asked.from];
    let mut policy = asked.from;
    for switch in asked.from.differences(asked.to) {
        policy = switch.set(policy, switch.is_on(asked.to));
        path.push(policy);
    }
    path
}

/// Values of groups, each with the reason why there is none.
type Values = BTreeMap<String, (Option<f64>, Option<String>)>;

/// The metric's value of each group by the night's policy.
async fn group_values(
    engine: &Engine,
    work: &WorkArea,
    wanted: &BTreeSet<(GroupScope, String)>,
    night: &Night,
    mut steps: Steps,
) -> Result<Values, EngineError> {
    let mut night = night.clone();
    let kept = measure::observe_margin(engine, work, &mut night, &mut steps).await?;
    let measured = MeasurePlan::new(&BTreeSet::new(), wanted, &night);
    for query in measured.queries.iter().filter(|query| !kept.contains(&query.name)) {
        keep(engine, work, query, &mut steps).await?;
    }
    engine.view(&Query::new("judged", "SELECT * FROM measured")).await?;
    let plan = GroupPlan::new(wanted, &night);
    keep(engine, work, &plan.facts, &mut steps).await?;
    let rows = engine.rows(&plan.metrics).await?;
    Ok(rows.iter().flat_map(|batch| values_of(batch).unwrap_or_default()).collect())
}

fn values_of(batch: &RecordBatch) -> Option<Values> {
    let text = |name: &str| arrow::compute::cast(batch.column_by_name(name)?, &arrow::datatypes::DataType::Utf8).ok();
    let (names, reasons) = (text("group_name")?, text("reason")?);
    let values = batch.column_by_name("value")?.as_primitive_opt::<Float64Type>()?;
    let (names, reasons) = (names.as_string_opt::<i32>()?, reasons.as_string_opt::<i32>()?);
    let rows = names.iter().zip(values.iter().zip(reasons.iter()));
    Some(
        rows.filter_map(|(name, (value, reason))| Some((name?.to_owned(), (value, reason.map(str::to_owned)))))
            .collect(),
    )
}

fn groups(values: &[(RevenuePolicy, Values)]) -> Vec<BridgeOfGroup> {
    let names: BTreeSet<&String> = values.iter().flat_map(|(_, values)| values.keys()).collect();
    let of_group = |name: &String| {
        let of: Vec<Option<f64>> =
            values.iter().map(|(_, values)| values.get(name).and_then(|(value, _)| *value)).collect();
        let pairs = values.iter().zip(&of).zip(values.iter().zip(&of).skip(1));
        let steps = pairs.flat_map(|(((before, _), was), ((policy, _), is))| {
            before.differences(*policy).map(|switch| BridgeStep {
                switch: switch.name.to_owned(),
                on: switch.is_on(*policy),
                value: *is,
                change: is.zip(*was).map(|(is, was)| is - was),
            })
        });
        BridgeOfGroup {
            group: name.clone(),
            from: of.first().copied().flatten(),
            steps: steps.collect(),
            to: of.last().copied().flatten(),
            reason: values.iter().find_map(|(_, values)| values.get(name)?.1.clone()),
        }
    };
    names.into_iter().map(of_group).collect()
}
