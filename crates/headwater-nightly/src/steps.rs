//! What a night is doing and how long each step took, by the clock it was given.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::publish::{Clock, Phase, StepRecord};
use crate::watch::{Moment, Watch};

/// Told about each step when it begins.
pub type Progress = Arc<dyn Fn(&str) + Send + Sync>;

/// The steps of a night so far.
pub(crate) struct Steps {
    clock: Clock,
    progress: Progress,
    watch: Watch,
    phase: Phase,
    current: Option<(String, DateTime<Utc>)>,
    done: Vec<StepRecord>,
}

impl Steps {
    pub(crate) fn new(clock: Clock, progress: Progress, watch: Watch) -> Self {
        Self { clock, progress, watch, phase: Phase::Open, current: None, done: Vec::new() }
    }

    /// Says which part of the night the steps that follow belong to.
    pub(crate) fn enter(&mut self, phase: Phase) {
        self.phase = phase;
    }

    /// Begins a step.
    pub(crate) fn begin(&mut self, name: &str) {
        let (phase, at) = (self.phase, (self.clock)());
        tracing::info!(event = "step_began", step = name, phase = phase.word(), "step begins");
        (self.progress)(name);
        self.watch.tell(&Moment::StepBegan { name, phase, at });
        self.current = Some((name.to_owned(), at));
    }

    /// Ends the step that was begun last.
    pub(crate) fn end(&mut self, rows: u64) {
        let Some((name, began)) = self.current.take() else { return };
        let seconds = ((self.clock)() - began).as_seconds_f64().max(0.0);
        let phase = self.phase;
        tracing::info!(event = "step_ended", step = name, phase = phase.word(), rows, seconds, "step ends");
        let step = StepRecord { name, seconds, rows, phase: Some(phase), began_at: Some(began) };
        self.watch.tell(&Moment::StepEnded(&step));
        self.done.push(step);
    }

    pub(crate) fn records(&self) -> Vec<StepRecord> {
        self.done.clone()
    }
}
