//! The stretch of time a metric looks at, as written at the end of its name.

use std::fmt;

use chrono::NaiveDate;

use crate::AsOf;

/// Longest window in days that a name may ask for: ten years.
pub const MAX_WINDOW_DAYS: u32 = 3_660;
/// Longest window in months that a name may ask for: ten years.
pub const MAX_WINDOW_MONTHS: u32 = 120;

/// Days of a week, in which models of buying count time.
pub(crate) const DAYS_OF_WEEK: f64 = 7.0;
/// Days of a mean year.
pub(crate) const DAYS_OF_YEAR: f64 = 365.25;
/// Days of a mean month; in the SQL of metrics it is written `{month_days}`.
pub(crate) const DAYS_OF_MONTH: f64 = DAYS_OF_YEAR / 12.0;

/// A stretch of days that ends at the as-of day, or directly before another of the same length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Window {
    /// The last `n` days, the as-of day included: `_28d`.
    Days(u32),
    /// The `n` days before the last `n` days: `_prev_28d`.
    PreviousDays(u32),
    /// The last `n` months: `_12m`.
    Months(u32),
    /// Everything up to the as-of day: `_total`.
    Total,
}

impl Window {
    /// The window written in `text`: `28d`, `prev_28d`, `12m`, `total`. Leading zeros and zero lengths are no windows.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text == "total" {
            return Some(Self::Total);
        }
        if let Some(rest) = text.strip_prefix("prev_") {
            return length(rest.strip_suffix('d')?, MAX_WINDOW_DAYS / 2).map(Self::PreviousDays);
        }
        if let Some(days) = text.strip_suffix('d') {
            return length(days, MAX_WINDOW_DAYS).map(Self::Days);
        }
        length(text.strip_suffix('m')?, MAX_WINDOW_MONTHS).map(Self::Months)
    }

    /// Its length in its own unit; zero for everything, which has none.
    #[must_use]
    pub fn length(self) -> u32 {
        match self {
            Self::Days(n) | Self::PreviousDays(n) | Self::Months(n) => n,
            Self::Total => 0,
        }
    }

    /// First and last day seen; no first day where the window is everything.
    #[must_use]
    pub fn days(self, as_of: &AsOf) -> (Option<NaiveDate>, NaiveDate) {
        let next = |day: NaiveDate| day.succ_opt().unwrap_or(day);
        match self {
            Self::Days(n) => (Some(as_of.days_before(n.saturating_sub(1))), as_of.day()),
            Self::PreviousDays(n) => (Some(as_of.days_before(2 * n - 1)), as_of.days_before(n)),
            Self::Months(n) => (Some(next(as_of.months_before(n))), as_of.day()),
            Self::Total => (None, as_of.day()),
        }
    }
}

fn length(digits: &str, most: u32) -> Option<u32> {
    if digits.starts_with('0') || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok().filter(|&n| (1..=most).contains(&n))
}

impl fmt::Display for Window {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Days(n) => write!(formatter, "{n}d"),
            Self::PreviousDays(n) => write!(formatter, "prev_{n}d"),
            Self::Months(n) => write!(formatter, "{n}m"),
            Self::Total => formatter.write_str("total"),
        }
    }
}
