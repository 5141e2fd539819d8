//! What the exit code tells a scheduler.

use headwater_nightly::FailureKind;

/// Why the program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Done = 0,
    /// A store or the engine failed, the run was told to stop, or something unexpected happened: try again.
    Failed = 1,
    /// The arguments make no sense.
    Usage = 2,
    /// The project or its rules are invalid.
    InvalidProject = 3,
    /// An audit held the night.
    Held = 4,
    /// An input breaks its contract.
    BrokenContract = 5,
    /// Tests of rules failed.
    TestsFailed = 6,
    /// Another run holds the lease: try again later.
    Lease = 7,
    /// Inputs are not ready: try again later.
    NotReady = 8,
    /// What was asked for does not exist.
    NotFound = 9,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl From<FailureKind> for Exit {
    fn from(kind: FailureKind) -> Self {
        match kind {
            FailureKind::InvalidProject => Self::InvalidProject,
            FailureKind::BrokenContract => Self::BrokenContract,
            FailureKind::NotReady => Self::NotReady,
            FailureKind::Held => Self::Held,
            FailureKind::Lease => Self::Lease,
            FailureKind::Failed | FailureKind::Stopped => Self::Failed,
            FailureKind::NotFound => Self::NotFound,
        }
    }
}
