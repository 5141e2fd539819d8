//! What a night is doing and how long each step took, by the clock it was given.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::publish::{Clock, StepRecord};

/// Told about each step when it begins.
pub type Progress = Arc<dyn Fn(&str) + Send + Sync>;

/// The steps of a night so far.
pub(crate) struct Steps {
    clock: Clock,
    progress: Progress,
    current: Option<(String, DateTime<Utc>)>,
    done: Vec<StepRecord>,
}

impl Steps {
    pub(crate) fn new(clock: Clock, progress: Progress) -> Self {
        Self { clock, progress, current: None, done: Vec::new() }
    }

    /// Begins a step.
    pub(crate) fn begin(&mut self, name: &str) {
        tracing::info!(step = name, "step begins");
        (self.progress)(name);
        self.current = Some((name.to_owned(), (self.clock)()));
    }

    /// Ends the step that was begun last.
    pub(crate) fn end(&mut self, rows: u64) {
        let Some((name, began)) = self.current.take() else { return };
        let seconds = ((self.clock)() - began).as_seconds_f64().max(0.0);
        tracing::info!(step = name, rows, seconds, "step ends");
        self.done.push(StepRecord { name, seconds, rows });
    }

    pub(crate) fn records(&self) -> Vec<StepRecord> {
        self.done.clone()
    }
}
