//! A night that waits until its inputs are as fresh as they must be.

use std::time::Duration;

use chrono::TimeDelta;

use crate::engine::{Engine, EngineLimits};
use crate::failure::{FailureKind, RunError};
use crate::run::{Published, RunRequest, attempt};
use crate::same_night::inputs_now;
use crate::tenure::Operation;
use crate::watch::{self, Moment};

/// How a night waits for its inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// How long at most, from the beginning of the first attempt.
    pub at_most: Duration,
    /// How often the lake is listed meanwhile.
    pub every: Duration,
}

/// Runs a night as soon as its inputs are as fresh as the project asks. While it waits it holds no lease, and reads no
/// more than listings and footers: the night is tried again when an object has come or was written again.
///
/// # Errors
/// As [`crate::run`]; that the inputs are not ready, where they are not when the time is over.
pub async fn run_when_ready(request: &RunRequest, waiting: Waiting) -> Result<Published, RunError> {
    watch::told(request, attempts(request, waiting)).await
}

/// One attempt after the other, all of the same run.
async fn attempts(request: &RunRequest, waiting: Waiting) -> Result<Published, RunError> {
    let limits = EngineLimits { memory_bytes: None, spill_dir: None, threads: request.threads };
    let engine = Engine::new(&limits)?;
    let stores = Operation::from(request).stores();
    let at_most = TimeDelta::from_std(waiting.at_most).unwrap_or(TimeDelta::MAX);
    let end = (request.clock)().checked_add_signed(at_most);
    loop {
        // Listed before the attempt: what comes during it is seen as new.
        let before = inputs_now(request, &stores, &engine).await?;
        let late = match attempt(request).await {
            Err(error) if error.kind == FailureKind::NotReady => error,
            other => return other,
        };
        loop {
            if end.is_some_and(|end| (request.clock)() >= end) {
                return Err(late);
            }
            tracing::info!(event = "inputs_awaited", "the inputs are not ready; the run waits");
            (request.progress)("wait for inputs");
            request.watch.tell(&Moment::WaitsForInputs);
            request.stop.unless_asked(tokio::time::sleep(waiting.every)).await?;
            if inputs_now(request, &stores, &engine).await? != before {
                break;
            }
        }
    }
}
