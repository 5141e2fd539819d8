//! Plans that need more memory than there is, run again in ways that need less.

use datafusion::error::{DataFusionError, Result};
use datafusion::prelude::DataFrame;

/// Rows of a batch where memory is short.
const SMALL_BATCH: usize = 1024;

/// What a sort keeps back to merge its rows where memory is short, in bytes: a few small batches.
const MERGE_BYTES: usize = 2 << 20;

/// How the joins of a plan work. No rows depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joins {
    /// One side is held in memory; it cannot be spilled.
    Held,
    /// Both sides are sorted, which spills, and in small batches needs little to merge what was spilled; it is slower.
    Sorted,
}

/// Runs what can be had in several ways, the narrower ones needing less memory: the whole, and while there is too little
/// memory the next narrower way; the narrowest of all is run once more with joins that sort their sides.
///
/// # Errors
/// What the last run ended with.
pub async fn within_memory<W: Clone, T>(
    whole: W,
    narrower: impl IntoIterator<Item = W>,
    run: impl AsyncFn(W, Joins) -> Result<T>,
) -> Result<T> {
    let mut way = whole;
    for narrow in narrower {
        match run(way, Joins::Held).await {
            Err(error) if is_out_of_memory(&error) => {
                tracing::info!(event = "memory_short", "what needs more memory than there is runs again, in parts");
                way = narrow;
            }
            outcome => return outcome,
        }
    }
    match run(way.clone(), Joins::Held).await {
        Err(error) if is_out_of_memory(&error) => {
            tracing::info!(
                event = "memory_short",
                "what needs more memory than there is runs again, with joins that spill"
            );
            run(way, Joins::Sorted).await
        }
        outcome => outcome,
    }
}

/// Whether a plan failed because it was refused memory.
#[must_use]
pub fn is_out_of_memory(error: &DataFusionError) -> bool {
    match error.find_root() {
        DataFusionError::ResourcesExhausted(_) => true,
        DataFusionError::External(error) => error.is::<RefusedMemory>(),
        _ => false,
    }
}

/// A refusal of memory that the engine must not answer with a way of its own; what it said.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct RefusedMemory(pub String);

impl Joins {
    /// A plan whose joins work so.
    #[must_use]
    pub fn of(self, frame: DataFrame) -> DataFrame {
        if self == Self::Held {
            return frame;
        }
        let (mut state, plan) = frame.into_parts();
        let options = state.config_mut().options_mut();
        options.optimizer.prefer_hash_join = false;
        // The engine sorts for joins of several partitions only, and each of more would need memory of its own.
        options.execution.target_partitions = 2;
        options.execution.sort_spill_reservation_bytes = MERGE_BYTES;
        // What was spilled is merged a batch of each file at a time, and a batch of wide rows is large.
        let config = state.config_mut();
        *config = config.clone().with_batch_size(config.batch_size().min(SMALL_BATCH));
        DataFrame::new(state, plan)
    }
}
