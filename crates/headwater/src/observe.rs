//! What nights come to, told to whoever watches from outside: a trace, metrics, lineage, and a closing line in the log.
//!
//! One value, [`RunRecord`], says what a run came to; each way out is a task of its own that makes something of it. None of
//! them can fail a night or hold it up: what goes wrong is a warning, and what takes too long is left.

mod datasets;
mod http;
mod lineage;
mod log;
mod metrics;
mod record;
mod trace;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use headwater_nightly::Watch;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

use self::lineage::Lineage;
use self::metrics::{MetricsFile, MetricsPush};
use self::record::{Recorder, Told};
use self::trace::Tracing;
use crate::args::Watching;
use crate::exit::Exit;
use crate::secrets::Secrets;

/// How long one thing that is told may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long the end of a command waits for all that is still to be told.
const LAST_PATIENCE: Duration = Duration::from_secs(5);

/// Everybody who watches the nights of a command.
pub(crate) struct Observers {
    command: &'static str,
    heard: Arc<Mutex<Heard>>,
    tasks: Vec<(&'static str, JoinHandle<()>)>,
}

/// What was heard of the nights so far, and to whom it is passed on.
struct Heard {
    recorder: Recorder,
    listeners: Vec<UnboundedSender<Told>>,
}

/// A way out of the program.
enum WayOut {
    Trace(Tracing),
    MetricsFile(MetricsFile),
    MetricsPush(MetricsPush),
    Lineage(Lineage),
}

impl Observers {
    /// Those that arguments and environment name. Nothing is sent yet.
    pub(crate) fn new(command: &'static str, watching: &Watching, secrets: &Secrets) -> Self {
        let mut ways = Vec::new();
        let mut add = |name: &'static str, way: Result<Option<WayOut>, String>| match way {
            Ok(way) => ways.extend(way.map(|way| (name, way))),
            Err(error) => {
                tracing::warn!(event = "observer_left_out", observer = name, error, "this observer is not told")
            }
        };
        add("trace", Tracing::from_environment().map(|way| way.map(WayOut::Trace)));
        add("metrics_file", Ok(MetricsFile::of(watching).map(WayOut::MetricsFile)));
        add("metrics_push", MetricsPush::of(watching).map(|way| way.map(WayOut::MetricsPush)));
        add("lineage", Lineage::of(watching, secrets).map(|way| way.map(WayOut::Lineage)));
        let (mut listeners, mut tasks) = (Vec::new(), Vec::new());
        for (name, way) in ways {
            let (sender, receiver) = unbounded_channel();
            listeners.push(sender);
            tasks.push((name, tokio::spawn(way.serve(name, receiver))));
        }
        let heard = Heard { recorder: Recorder::new(command, secrets), listeners };
        Self { command, heard: Arc::new(Mutex::new(heard)), tasks }
    }

    /// What nights tell.
    pub(crate) fn watch(&self) -> Watch {
        let heard = Arc::clone(&self.heard);
        Watch::new(move |moment| {
            let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(told) = heard.recorder.hear(moment) {
                heard.pass_on(&told);
            }
        })
    }

    /// Waits a moment for what is still to be told, and says what the command came to.
    pub(crate) async fn close(self, exit: Exit) {
        let runs = {
            let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(told) = heard.recorder.leave() {
                heard.pass_on(&told);
            }
            heard.listeners.clear();
            heard.recorder.runs()
        };
        let end = Instant::now() + LAST_PATIENCE;
        for (name, task) in self.tasks {
            if timeout_at(end, task).await.is_err() {
                tracing::warn!(event = "observer_timed_out", observer = name, "not everything could be told in time");
            }
        }
        tracing::info!(
            event = "command_ended",
            command = self.command,
            exit_code = exit as u8,
            runs,
            "the command ended"
        );
    }
}

impl Heard {
    fn pass_on(&self, told: &Told) {
        log::tell(told);
        for listener in &self.listeners {
            // A listener lives until the sender is dropped; one that does not has nothing to be told.
            listener.send(told.clone()).ok();
        }
    }
}

impl WayOut {
    async fn serve(self, name: &'static str, mut told: UnboundedReceiver<Told>) {
        while let Some(told) = told.recv().await {
            match timeout(PATIENCE, self.tell(&told)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    tracing::warn!(
                        event = "observer_failed",
                        observer = name,
                        error,
                        "this observer could not be told"
                    );
                }
                Err(_) => {
                    tracing::warn!(
                        event = "observer_timed_out",
                        observer = name,
                        "this observer did not answer in time"
                    );
                }
            }
        }
    }

    async fn tell(&self, told: &Told) -> Result<(), String> {
        match self {
            Self::Trace(way) => way.tell(told).await,
            Self::MetricsFile(way) => way.tell(told).await,
            Self::MetricsPush(way) => way.tell(told).await,
            Self::Lineage(way) => way.tell(told).await,
        }
    }
}
