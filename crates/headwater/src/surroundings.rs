//! The only place that asks the machine: environment, clock, host name, signals, and where logs go.

use std::io::IsTerminal;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, NaiveDate, TimeZone};
use headwater_nightly::StopHandle;
use headwater_nightly::publish::Clock;
#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::args::{Global, LogFormat};
use crate::secrets::Secrets;

/// Prefixes of the variables that stores are configured by.
const STORE_VARIABLES: &[&str] = &["AWS_", "GOOGLE_", "AZURE_"];

/// What the environment says about stores.
pub(crate) fn store_environment() -> Vec<(String, String)> {
    variables().filter(|(name, _)| STORE_VARIABLES.iter().any(|prefix| name.starts_with(prefix))).collect()
}

/// What the environment holds that nobody may read.
pub(crate) fn secrets() -> Secrets {
    Secrets::of(variables())
}

/// All variables that are text.
fn variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// A variable of the environment, where it is set and not empty.
pub(crate) fn variable(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "the binary is where the environment is read")]
    std::env::var(name).ok().map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

/// The most memory that this process has had so far, in bytes; unknown where the system does not tell.
pub(crate) fn peak_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// The wall clock.
pub(crate) fn clock() -> Clock {
    #[expect(clippy::disallowed_methods, reason = "the binary is where the clock is asked")]
    Arc::new(|| DateTime::from(SystemTime::now()))
}

/// The day it is in this zone.
pub(crate) fn today(zone: impl TimeZone) -> NaiveDate {
    clock()().with_timezone(&zone).date_naive()
}

/// The last day that has ended where days begin and end in this zone.
pub(crate) fn yesterday(zone: impl TimeZone) -> NaiveDate {
    let today = today(zone);
    today.pred_opt().unwrap_or(today)
}

/// A name for this run: the moment and the process.
pub(crate) fn run_id() -> String {
    let now = clock()();
    format!("{}-{:05}", now.format("%Y%m%dT%H%M%S%6f"), std::process::id())
}

/// This machine's name, for others who find the lease taken.
pub(crate) fn host() -> String {
    let from_file = std::fs::read_to_string("/etc/hostname").ok().map(|name| name.trim().to_owned());
    from_file.filter(|name| !name.is_empty()).unwrap_or_else(|| "unknown host".to_owned())
}

/// Free space where a folder is or will be, in bytes; unknown where the system does not tell.
#[cfg(unix)]
pub(crate) fn free_bytes(folder: &Path) -> Option<u64> {
    let there = folder.ancestors().find(|folder| folder.exists())?;
    let system = rustix::fs::statvfs(there).ok()?;
    system.f_bavail.checked_mul(system.f_frsize)
}

/// Free space where a folder is or will be: unknown.
#[cfg(not(unix))]
pub(crate) fn free_bytes(_folder: &Path) -> Option<u64> {
    None
}

/// How long a run that is told to end may take to clear up, where it has not published: a store may not answer.
const TIME_TO_CLEAR_UP: Duration = Duration::from_secs(20);

/// Asks a run to stop when the process is told to end, and returns when it is told a second time, or has had the time to.
pub(crate) async fn told_twice(handle: StopHandle) {
    match Signals::listen() {
        Ok(mut signals) => {
            signals.next().await;
            tracing::info!(event = "stop_requested", "told to end; the run stops and clears up");
            handle.request();
            tokio::select! {
                () = signals.next() => {}
                () = has_had_the_time(&handle) => {}
            }
        }
        Err(error) => {
            tracing::warn!(event = "signals_not_heard", %error, "signals to end cannot be heard; the lease will end by itself after one");
            std::future::pending().await
        }
    }
}

async fn has_had_the_time(handle: &StopHandle) {
    tokio::time::sleep(TIME_TO_CLEAR_UP).await;
    // What is published is completed, however long that takes.
    if handle.is_too_late() {
        std::future::pending().await
    }
}

/// The signals that tell a process to end.
#[cfg(unix)]
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// The signal that tells a process to end.
#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    #[expect(clippy::unnecessary_wraps, reason = "where there are more signals, listening can fail")]
    fn listen() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}

/// A folder as seen from the current one where that holds it: empty, or ended by a slash.
pub(crate) fn folder_from_here(folder: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    let names = folder.strip_prefix(&here).unwrap_or(folder).components().filter(|part| *part != Component::CurDir);
    let path: PathBuf = names.collect();
    let path = path.to_string_lossy().replace('\\', "/");
    if path.is_empty() || path.ends_with('/') { path } else { format!("{path}/") }
}

/// Whether a person looks at standard error.
pub(crate) fn is_watched() -> bool {
    std::io::stderr().is_terminal()
}

/// Sends logs to standard error; `RUST_LOG` has the last word.
pub(crate) fn start_logging(global: &Global, secrets: &Secrets) {
    let level = match (global.quiet, global.verbose, global.log_format) {
        (true, ..) => "error",
        (false, 0, LogFormat::Human) => "warn",
        // Programs want to know what a run came to, not only what is odd about it.
        (false, 0 | 1, _) => "warn,headwater=info,headwater_nightly=info,headwater_ingest=info",
        (false, ..) => "warn,headwater=debug,headwater_nightly=debug,headwater_ingest=debug",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(secrets.clone())
        .log_internal_errors(false)
        .with_ansi(is_watched());
    match global.log_format {
        LogFormat::Human => logs.init(),
        LogFormat::Json => logs.json().init(),
    }
}
