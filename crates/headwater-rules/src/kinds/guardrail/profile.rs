//! Stage profiles: which ratio of customer value to acquisition cost is good depends on the company's stage.

use chrono::NaiveDate;

use super::bands::{Bands, Range};

/// A company's stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Three for one is the aim; five for one may mean that too little is spent on growth.
    Default,
    /// Funded growth may break even for a while.
    LandGrab,
    /// Growth paid from margin needs four for one at least, and aims at five.
    Bootstrapped,
    /// Three for one is the aim; a higher ratio is not a sign of missed growth.
    Mature,
}

impl Profile {
    pub(crate) const WORDS: [&'static str; 4] = ["default", "land_grab", "bootstrapped", "mature"];

    /// The profile of that word.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        match word {
            "default" => Some(Self::Default),
            "land_grab" => Some(Self::LandGrab),
            "bootstrapped" => Some(Self::Bootstrapped),
            "mature" => Some(Self::Mature),
            _ => None,
        }
    }

    fn bands(self) -> Bands {
        let (pass, watch) = match self {
            Self::Default => (vec![Range::within(3.0, 5.0)], vec![Range::within(1.0, 3.0), Range::from(5.0)]),
            Self::LandGrab => (vec![Range::from(1.0)], Vec::new()),
            Self::Bootstrapped => (vec![Range::from(5.0)], vec![Range::within(4.0, 5.0)]),
            Self::Mature => (vec![Range::from(3.0)], vec![Range::within(1.0, 3.0)]),
        };
        Bands { pass, watch }
    }
}

/// The stage of the project, and until when it lasts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stage {
    pub(crate) profile: Profile,
    /// The last day it is in force; the default profile follows.
    pub(crate) expires_on: Option<NaiveDate>,
}

impl Stage {
    /// The bands of a night.
    pub(crate) fn bands(self, as_of: NaiveDate) -> Bands {
        let expired = self.expires_on.is_some_and(|last| as_of > last);
        if expired { Profile::Default.bands() } else { self.profile.bands() }
    }
}
