//! Plans that need more memory than there is, run again in a way that needs less.

use datafusion::error::{DataFusionError, Result};
use datafusion::prelude::DataFrame;

/// Rows of a batch where memory is short.
const SMALL_BATCH: usize = 1024;

/// Runs a plan; where it runs out of memory, once more with joins that sort their sides.
///
/// A hash join holds one side and cannot spill it. Sorting spills, and in small batches needs little to merge what it
/// spilled; it is slower, and no rows depend on which it is.
///
/// # Errors
/// What the last run ended with.
pub async fn within_memory<T>(frame: DataFrame, run: impl AsyncFn(DataFrame) -> Result<T>) -> Result<T> {
    match run(frame.clone()).await {
        Err(error) if is_out_of_memory(&error) => run(with_sorted_joins(frame)).await,
        outcome => outcome,
    }
}

/// Whether the engine's limit of memory is why a plan failed.
#[must_use]
pub fn is_out_of_memory(error: &DataFusionError) -> bool {
    matches!(error.find_root(), DataFusionError::ResourcesExhausted(_))
}

/// The same plan with joins that sort their sides.
#[must_use]
pub fn with_sorted_joins(frame: DataFrame) -> DataFrame {
    tracing::info!(event = "memory_short", "what needs more memory than there is runs again, with joins that spill");
    let (mut state, plan) = frame.into_parts();
    let options = state.config_mut().options_mut();
    options.optimizer.prefer_hash_join = false;
    // The engine sorts for joins of several partitions only.
    options.execution.target_partitions = options.execution.target_partitions.max(2);
    // What was spilled is merged a batch of each file at a time, and a batch of wide rows is large.
    let config = state.config_mut();
    *config = config.clone().with_batch_size(config.batch_size().min(SMALL_BATCH));
    DataFrame::new(state, plan)
}
