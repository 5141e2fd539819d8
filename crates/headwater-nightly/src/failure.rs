//! Why a night was not published, and what its scheduler should do about it.

use arrow::error::ArrowError;
use chrono::TimeDelta;
use datafusion::error::DataFusionError;
use headwater_diagnostics::{Code, Diagnostic, Diagnostics};
use headwater_ingest::{OpenError, StoreError, innermost_cause, is_out_of_memory};

use crate::engine::EngineError;
use crate::publish::{DamagedManifest, LeaseHolder, PublishError, PublishedFile, night_of};
use crate::stop::Stopped;

/// The kind of a failure; each has its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// The project or its rules are invalid.
    InvalidProject,
    /// An input breaks its contract.
    BrokenContract,
    /// An input is not as fresh as it must be; try again later.
    NotReady,
    /// An audit held the night.
    Held,
    /// Another run is at work or took over; try again later.
    Lease,
    /// A store or the engine failed; try again.
    Failed,
    /// The run was asked to stop; try again.
    Stopped,
    /// What was asked for does not exist.
    NotFound,
}

/// A night that was not published. What was published before is untouched.
#[derive(Debug, thiserror::Error)]
#[error("the night was not published")]
pub struct RunError {
    /// The kind.
    pub kind: FailureKind,
    /// Everything there is to say about it.
    pub diagnostics: Diagnostics,
}

impl RunError {
    /// A failure with what is to be said about it.
    #[must_use]
    pub fn new(kind: FailureKind, diagnostics: impl Into<Diagnostics>) -> Self {
        Self { kind, diagnostics: diagnostics.into() }
    }

    /// Whether the same run may succeed later without anybody changing anything.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self.kind, FailureKind::NotReady | FailureKind::Lease | FailureKind::Failed | FailureKind::Stopped)
    }

    /// A failure of the store that results go to.
    #[must_use]
    pub fn publishing(place: &str, error: &PublishError) -> Self {
        let (kind, diagnostic) = match error {
            PublishError::LeaseHeld(holder) => (FailureKind::Lease, held_lease(place, holder)),
            PublishError::LeaseLost => {
                (FailureKind::Lease, lost_lease(place, "another run took over, and this one published nothing"))
            }
            PublishError::Unsettled(manifest) => {
                let so_far = format!("{manifest} is there; the next run brings the folders of its night in line");
                (FailureKind::Lease, lost_lease(place, TAKEN_OVER).label(so_far))
            }
            PublishError::Unfinished { manifest, error } => {
                let Self { kind, diagnostics } = Self::publishing(place, error);
                let published =
                    format!("the night is published as {manifest}; the next run brings its folders in line");
                let told: Diagnostics =
                    diagnostics.sorted().into_iter().map(|problem| problem.clone().note(&published)).collect();
                return Self::new(kind, told);
            }
            PublishError::Replaced(manifest) => {
                let problem = lost_lease(place, "another run published this night again after this one had");
                let problem = problem.label(format!("{manifest} is what is published now"));
                (FailureKind::Lease, problem.help("run again if it should be what this run computed"))
            }
            PublishError::Disturbed(object) => {
                (FailureKind::Lease, lost_lease(place, TAKEN_OVER).label(format!("it removed {object}")))
            }
            PublishError::UnsafeStore => (
                FailureKind::Failed,
                Diagnostic::of(Code::UnsafeStore, place, "the store let a second create of the same object pass")
                    .help("publish to a store that honours conditional creates"),
            ),
            PublishError::BadManifest { object, fault } => (
                FailureKind::Failed,
                Diagnostic::of(Code::BadManifest, format!("{place}/{object}"), "this manifest cannot be built on")
                    .label(fault)
                    .help(format!(
                        "{}; a night whose manifest is removed has to be run again, and until then its folders stay as they are",
                        DamagedManifest::REMEDY
                    )),
            ),
            PublishError::LostManifest(object) => (
                FailureKind::Failed,
                Diagnostic::of(
                    Code::BadManifest,
                    format!("{place}/{object}"),
                    "this manifest of a published night is gone",
                )
                .help("restore it from a backup, or run its night again: `headwater status --gaps` names the night"),
            ),
            PublishError::WrongClock(ahead) => (FailureKind::Failed, wrong_clock(place, *ahead)),
            PublishError::NoNumberLeft(object) => (
                FailureKind::Failed,
                Diagnostic::of(Code::NoNumberLeft, format!("{place}/{object}"), "no number is left after this record")
                    .help("no run counts this far: remove the object"),
            ),
            PublishError::Occupied(object) => (
                FailureKind::Failed,
                Diagnostic::of(Code::StoreFailed, format!("{place}/{object}"), "this record cannot be written")
                    .label("something that is no object, such as a folder, is in its place")
                    .help("remove what is in the place of the record, then run again"),
            ),
            PublishError::MissingObject(path) => (
                FailureKind::Failed,
                Diagnostic::of(
                    Code::BadManifest,
                    format!("{place}/{path}"),
                    "an object of an earlier night is gone or was changed",
                )
                .help(match night_of(path) {
                    Some(night) => format!(
                        "{}: `headwater run --as-of {night}`; the next night carries its state on",
                        PublishedFile::REMEDY
                    ),
                    None => PublishedFile::REMEDY.to_owned(),
                }),
            ),
            PublishError::Stopped(_) => return Self::from(Stopped),
            PublishError::Store(error) => (FailureKind::Failed, store_diagnostic(place, error)),
        };
        Self::new(kind, diagnostic)
    }
}

/// That another run took over too late to keep this one from publishing.
const TAKEN_OVER: &str = "another run took over after this one had published";

fn lost_lease(place: &str, message: &str) -> Diagnostic {
    Diagnostic::of(Code::LeaseLost, place, message).help("run again")
}

fn wrong_clock(place: &str, ahead: TimeDelta) -> Diagnostic {
    let direction = if ahead < TimeDelta::zero() { "behind" } else { "ahead of" };
    let message = format!("this machine's clock is {} seconds {direction} the store's", ahead.num_seconds().abs());
    Diagnostic::of(Code::WrongClock, place, message)
        .label("leases end by the clock: two runs whose clocks differ could work at the same time")
        .help("set the clock by a time server, then run again")
}

fn held_lease(place: &str, holder: &LeaseHolder) -> Diagnostic {
    match holder {
        LeaseHolder::Run(record) => {
            let message = format!("run `{}` on `{}` is at work", record.run_id, record.host);
            Diagnostic::of(Code::LeaseHeld, place, message)
                .help(format!("try again when it has ended; its lease ends by itself at {}", record.expires_at))
        }
        LeaseHolder::Unknown(lease) => {
            let place = format!("{place}/{}", lease.object);
            Diagnostic::of(Code::UnreadableLease, place, "the record of who is at work cannot be read")
                .label(format!("the run that wrote it may be at work until {}", lease.until))
                .help("try again after that time, or remove the record once no run is at work")
        }
    }
}

fn store_diagnostic(place: &str, error: &object_store::Error) -> Diagnostic {
    let cause = innermost_cause(error).map_or_else(String::new, |cause| format!(": {cause}"));
    Diagnostic::of(Code::StoreFailed, place, "the store failed")
        .label(format!("{error}{cause}"))
        .help("check network, credentials, permissions and free space, then run again")
}

impl From<Stopped> for RunError {
    fn from(_: Stopped) -> Self {
        let problem = Diagnostic::of(
            Code::RunStopped,
            "this run",
            "it was told to end, and ended; what was published last is untouched",
        )
        .help("run it again: what it had staged is removed, and its lease is released");
        Self::new(FailureKind::Stopped, problem)
    }
}

impl From<StoreError> for RunError {
    fn from(error: StoreError) -> Self {
        let kind = if error.is_retryable() { FailureKind::Failed } else { FailureKind::InvalidProject };
        Self::new(kind, error.diagnostic())
    }
}

impl From<OpenError> for RunError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Contract(diagnostics) => Self::new(FailureKind::BrokenContract, diagnostics),
            OpenError::NotReady(diagnostics) => Self::new(FailureKind::NotReady, diagnostics),
            OpenError::Store(error) => Self::new(FailureKind::Failed, error.diagnostic()),
            OpenError::Engine { input, source } => engine_failure(&format!("open `{input}`"), &source),
        }
    }
}

impl From<EngineError> for RunError {
    fn from(error: EngineError) -> Self {
        engine_failure(&error.step, &error.source)
    }
}

/// Whether a number did not fit its type. Some casts say so in words only.
fn is_overflow(error: &DataFusionError) -> bool {
    let DataFusionError::ArrowError(error, _) = error else { return false };
    matches!(**error, ArrowError::ArithmeticOverflow(_))
        || error.to_string().contains("too large to store in a Decimal")
}

fn engine_failure(step: &str, error: &DataFusionError) -> RunError {
    let root = error.find_root();
    if is_overflow(root) {
        let message = format!("an amount of the step `{step}` has more than 16 digits before the point");
        let diagnostic = Diagnostic::of(Code::AmountTooLarge, format!("step {step}"), message)
            .label(root.strip_backtrace())
            .help("look for amounts in the wrong unit or currency in the inputs that the step reads");
        return RunError::new(FailureKind::BrokenContract, diagnostic);
    }
    let help = match root {
        _ if is_out_of_memory(root) => "raise `engine.memory_mb`, or free space under `engine.spill_dir`",
        DataFusionError::ObjectStore(_) | DataFusionError::IoError(_) => {
            "check network, credentials, permissions and free space, then run again"
        }
        _ => "run again; if it fails the same way, report it with this message",
    };
    let diagnostic = Diagnostic::of(Code::StepFailed, format!("step {step}"), format!("the step `{step}` failed"))
        .label(root.strip_backtrace())
        .help(help);
    RunError::new(FailureKind::Failed, diagnostic)
}
