//! Independent pieces of work, side by side on all processors, their results in the order of the pieces.

use std::thread;

use futures::stream::{self, StreamExt, TryStreamExt};

/// Does pieces `0..pieces`, so many at a time as there are processors; the first failure ends it.
pub(crate) async fn side_by_side<T, E, W>(pieces: usize, work: impl Fn(usize) -> W) -> Result<Vec<T>, E>
where
    T: Send + 'static,
    E: Send + 'static,
    W: Future<Output = Result<T, E>> + Send + 'static,
{
    let at_a_time = thread::available_parallelism().map_or(1, usize::from);
    let spawned = stream::iter(0..pieces).map(|piece| tokio::spawn(work(piece)));
    let done = spawned.buffered(at_a_time).map(|done| match done {
        Ok(result) => result,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    });
    done.try_collect().await
}
