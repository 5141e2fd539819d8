//! What is done to a run.

/// What is done at a request, or at a step on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The program is killed, and the request does not reach the store.
    KilledBefore,
    /// The store, or the disk, does what is asked; the program is killed before it hears of it.
    KilledAfter,
    /// The store does not do it, and answers 503.
    Unavailable,
    /// The store answers 503 to this request and to all others for two seconds.
    Outage,
    /// The connection is reset, and the request does not reach the store.
    Reset,
    /// The store does what is asked; the connection is reset before its answer.
    AnswerLost,
    /// The disk does not do it, and gives an error of input or output.
    Failed,
    /// From there on nothing more fits on the disk.
    Full,
}

impl Fault {
    /// Those of requests.
    pub const OF_REQUESTS: &[Self] =
        &[Self::KilledBefore, Self::KilledAfter, Self::Unavailable, Self::Outage, Self::Reset, Self::AnswerLost];

    /// In words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::KilledBefore => "killed before",
            Self::KilledAfter => "killed after",
            Self::Unavailable => "503 once",
            Self::Outage => "503 for 2 s",
            Self::Reset => "reset before",
            Self::AnswerLost => "answer lost",
            Self::Failed => "EIO",
            Self::Full => "full",
        }
    }

    /// Whether it ends the program.
    #[must_use]
    pub fn kills(self) -> bool {
        matches!(self, Self::KilledBefore | Self::KilledAfter)
    }

    /// Whether the night may fail of it. A store that is away for a moment is asked again; where a connection breaks,
    /// nobody knows what the store did, and a request is not sent again where that could do harm.
    #[must_use]
    pub fn may_fail(self) -> bool {
        matches!(self, Self::Reset | Self::AnswerLost | Self::Failed | Self::Full)
    }
}
