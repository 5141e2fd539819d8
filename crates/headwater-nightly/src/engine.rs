//! The engine that runs every plan: embedded DataFusion under a memory limit, spilling to disk.

mod join_inputs;
mod memory_pool;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use datafusion::error::DataFusionError;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::TrackConsumersPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::prelude::{DataFrame, SessionConfig, SessionContext};
use headwater_ingest::{Joins, WorkArea, within_memory};
use headwater_metrics::Query;

use self::join_inputs::JoinInputs;
use self::memory_pool::PlanMemory;
use crate::project::Project;

/// What the engine may take of the machine.
#[derive(Debug, Clone)]
pub struct EngineLimits {
    /// Memory for the data of plans; unlimited where there is none.
    pub memory_bytes: Option<usize>,
    /// Where data goes that does not fit; nowhere where there is none.
    pub spill_dir: Option<PathBuf>,
    /// Partitions worked on at once.
    pub threads: usize,
}

impl EngineLimits {
    /// What a project allows; `threads` where it does not say how many.
    pub(crate) fn of(project: &Project, spill_dir: &Path, threads: usize) -> Self {
        let engine = &project.engine;
        Self {
            memory_bytes: engine.memory_mb.and_then(|megabytes| usize::try_from(megabytes << 20).ok()),
            spill_dir: Some(spill_dir.to_owned()),
            threads: engine.threads.unwrap_or(threads).min(threads_within(engine.memory_mb)),
        }
    }
}

/// How many threads have enough memory to work at once; two in any case, as one needs hardly less.
fn threads_within(memory_mb: Option<u64>) -> usize {
    let enough = memory_mb.and_then(|megabytes| usize::try_from(megabytes / THREAD_MB).ok());
    enough.map_or(usize::MAX, |threads| threads.max(2))
}

/// A plan that could not be made or run.
///
/// Rules and mappings are checked before they come here, so this is a limit reached, a store that failed, or a fault
/// of this program. Problems in the user's files do not belong here.
#[derive(Debug, thiserror::Error)]
#[error("{step}: {source}")]
pub struct EngineError {
    /// What was being computed.
    pub step: String,
    /// What the engine says.
    #[source]
    pub source: Box<DataFusionError>,
}

/// An engine for one night.
#[derive(Clone)]
pub struct Engine {
    context: SessionContext,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Engine").finish_non_exhaustive()
    }
}

/// The memory without which one more thread makes a plan slower, in MB: each sorts and exchanges rows of its own.
const THREAD_MB: u64 = 64;

/// Groups for each row of a first batch above which a query of many groups adds up once, and not by parts first.
const MANY_GROUPS: f64 = 0.5;

/// How many consumers of memory an error about memory names.
const CONSUMERS_NAMED: usize = 5;

impl Engine {
    /// An engine within limits, with the catalogue's functions.
    ///
    /// # Errors
    /// When the spill folder cannot be used.
    pub fn new(limits: &EngineLimits) -> Result<Self, EngineError> {
        let started = || -> Result<SessionContext, DataFusionError> {
            let spill = match &limits.spill_dir {
                Some(folder) => DiskManagerMode::Directories(vec![folder.clone()]),
                None => DiskManagerMode::Disabled,
            };
            let mut runtime =
                RuntimeEnvBuilder::new().with_disk_manager_builder(DiskManagerBuilder::default().with_mode(spill));
            if let (Some(bytes), Some(named)) = (limits.memory_bytes, NonZeroUsize::new(CONSUMERS_NAMED)) {
                runtime = runtime.with_memory_pool(Arc::new(TrackConsumersPool::new(PlanMemory::new(bytes), named)));
            }
            let config = SessionConfig::new()
                .with_target_partitions(limits.threads.max(1))
                .with_information_schema(false)
                .set_bool("datafusion.execution.collect_statistics", true)
                // A state of many words for each row costs more than any table of groups saves.
                .set_str("datafusion.execution.skip_partial_aggregation_probe_ratio_threshold", "1.0")
                // The check compares nullability before and after optimisation and stops on harmless differences.
                .set_bool("datafusion.execution.skip_physical_aggregate_schema_check", true)
                .set_usize("datafusion.sql_parser.recursion_limit", headwater_rules::PLAN_NESTING)
                // Text that plans make is plain text; only text that is read is a view.
                .set_bool("datafusion.sql_parser.map_string_types_to_utf8view", false);
            let state = SessionStateBuilder::new_with_default_features()
                .with_config(config)
                .with_runtime_env(runtime.build_arc()?)
                .with_physical_optimizer_rule(Arc::new(JoinInputs));
            let mut context = SessionContext::new_with_state(state.build());
            headwater_metrics::register_functions(&mut context)?;
            Ok(context)
        };
        let context = started().map_err(|source| failed("start the engine", source))?;
        Ok(Self { context })
    }

    /// How many threads it works on.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.context.state().config().target_partitions()
    }

    /// The session in which tables are registered.
    #[must_use]
    pub fn context(&self) -> &SessionContext {
        &self.context
    }

    /// Plans a query over the tables registered so far.
    ///
    /// # Errors
    /// When the query names something that is not there.
    pub async fn plan(&self, query: &Query) -> Result<DataFrame, EngineError> {
        let mut state = self.context.state();
        let options = state.config_mut().options_mut();
        options.optimizer.join_reordering = !query.keeps_join_order;
        if query.has_many_groups {
            options.execution.skip_partial_aggregation_probe_ratio_threshold = MANY_GROUPS;
        }
        let planned = SessionContext::new_with_state(state).sql(&query.sql).await;
        planned.map_err(|source| failed(&query.name, source))
    }

    /// Runs a query whose result is small.
    ///
    /// # Errors
    /// When it cannot be planned or run.
    pub async fn rows(&self, query: &Query) -> Result<Vec<RecordBatch>, EngineError> {
        let frame = self.plan(query).await?;
        let rows = within_memory(frame, [], async |frame, joins| joins.of(frame).collect().await).await;
        rows.map_err(|source| failed(&query.name, source))
    }

    /// Runs queries one after the other, and keeps the rows of all of them as a table: how many those are.
    ///
    /// # Errors
    /// When one cannot be planned or run, or the local disk fails.
    pub(crate) async fn keep(
        &self,
        work: &WorkArea,
        table: &str,
        queries: &[Query],
        joins: Joins,
    ) -> Result<u64, DataFusionError> {
        let plan = async |query: &Query| Ok(joins.of(self.plan(query).await.map_err(|error| *error.source)?));
        work.materialise_parts(&self.context, table, queries, plan).await
    }

    /// Registers the result of a query under its name without running it.
    ///
    /// # Errors
    /// When it cannot be planned.
    pub async fn view(&self, query: &Query) -> Result<(), EngineError> {
        let view = self.plan(query).await?.into_view();
        self.replace(&query.name, view)
    }

    /// Registers a table under a second name too.
    ///
    /// # Errors
    /// When there is no such table.
    pub(crate) async fn also(&self, name: &str, second: &str) -> Result<(), EngineError> {
        let table = self.context.table_provider(name).await.map_err(|source| failed(name, source))?;
        self.replace(second, table)
    }

    /// Registers a table, in place of one of the same name.
    ///
    /// # Errors
    /// When the session does not take it.
    pub fn replace(&self, name: &str, table: Arc<dyn datafusion::catalog::TableProvider>) -> Result<(), EngineError> {
        let replaced = self.context.deregister_table(name).and_then(|_| self.context.register_table(name, table));
        replaced.map(|_| ()).map_err(|source| failed(name, source))
    }
}

/// An engine error of a step.
pub(crate) fn failed(step: &str, source: DataFusionError) -> EngineError {
    EngineError { step: step.to_owned(), source: Box::new(source) }
}
