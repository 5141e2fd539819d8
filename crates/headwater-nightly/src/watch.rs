//! What a night tells whoever watches it, while it is at work and when it ends.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::audit::AuditResult;
use crate::failure::RunError;
use crate::publish::{InputRecord, Phase, StepRecord};
use crate::run::{Published, RunRequest};

/// Told about each moment of a night. The night waits for it, so it returns at once.
#[derive(Clone)]
pub struct Watch(Arc<dyn Fn(&Moment<'_>) + Send + Sync>);

/// A moment of a night.
#[derive(Debug, Clone, Copy)]
pub enum Moment<'a> {
    /// A run begins.
    RunBegan(&'a RunRequest),
    /// The inputs are not as fresh as they must be: what was done is dropped, and the run waits.
    WaitsForInputs,
    /// A step begins.
    StepBegan {
        /// The step.
        name: &'a str,
        /// The part of the night it belongs to.
        phase: Phase,
        /// When.
        at: DateTime<Utc>,
    },
    /// A step is done.
    StepEnded(&'a StepRecord),
    /// The inputs were read.
    InputsRead(&'a [InputRecord]),
    /// The staged tables were audited.
    Audited(&'a [AuditResult]),
    /// The run ended, and this is what it came to.
    RunEnded(&'a RunRequest, &'a Result<Published, RunError>),
}

impl Watch {
    /// Tells a function.
    pub fn new(told: impl Fn(&Moment<'_>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(told))
    }

    /// Tells nobody.
    #[must_use]
    pub fn nobody() -> Self {
        Self::new(|_| {})
    }

    pub(crate) fn tell(&self, moment: &Moment<'_>) {
        (self.0)(moment);
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Watch")
    }
}

/// Tells of a run as a whole: when it begins, and what its work came to.
pub(crate) async fn told(
    request: &RunRequest,
    work: impl Future<Output = Result<Published, RunError>>,
) -> Result<Published, RunError> {
    request.watch.tell(&Moment::RunBegan(request));
    let result = work.await;
    request.watch.tell(&Moment::RunEnded(request, &result));
    result
}
