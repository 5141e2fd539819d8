//! The day a night is for, and the calendar around it.

use chrono::{DateTime, Days, LocalResult, Months, NaiveDate, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;

/// The last day whose data a night may see, in the project's time zone.
///
/// It is a value handed in: nothing below the command line asks a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AsOf {
    day: NaiveDate,
    zone: Tz,
}

impl AsOf {
    /// The night of `day` in `zone`.
    #[must_use]
    pub fn new(day: NaiveDate, zone: Tz) -> Self {
        Self { day, zone }
    }

    /// The day itself.
    #[must_use]
    pub fn day(&self) -> NaiveDate {
        self.day
    }

    /// The reporting zone.
    #[must_use]
    pub fn zone(&self) -> Tz {
        self.zone
    }

    /// The first instant that is no longer seen: the next day's 00:00 in the zone.
    ///
    /// Where the clocks skip midnight, the first instant after the gap.
    #[must_use]
    pub fn cutoff(&self) -> DateTime<Utc> {
        let midnight = self.day.checked_add_days(Days::new(1)).unwrap_or(self.day).and_time(NaiveTime::MIN);
        match self.zone.from_local_datetime(&midnight) {
            LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => at.with_timezone(&Utc),
            LocalResult::None => (1..=24)
                .filter_map(|quarter| midnight.checked_add_signed(chrono::TimeDelta::minutes(15 * quarter)))
                .find_map(|later| self.zone.from_local_datetime(&later).earliest())
                .map_or_else(|| midnight.and_utc(), |at| at.with_timezone(&Utc)),
        }
    }

    /// The day `days` before this one; the calendar's first day where that is out of range.
    #[must_use]
    pub fn days_before(&self, days: u32) -> NaiveDate {
        self.day.checked_sub_days(Days::new(u64::from(days))).unwrap_or(NaiveDate::MIN)
    }

    /// The same day of the month `months` earlier; a month's last day stays a month's last day.
    #[must_use]
    pub fn months_before(&self, months: u32) -> NaiveDate {
        let earlier = self.day.checked_sub_months(Months::new(months)).unwrap_or(NaiveDate::MIN);
        if is_month_end(self.day) { month_end(earlier) } else { earlier }
    }
}

/// Whether the next day is in another month.
#[must_use]
pub fn is_month_end(day: NaiveDate) -> bool {
    month_end(day) == day
}

/// The last day of the month of `day`.
#[must_use]
pub fn month_end(day: NaiveDate) -> NaiveDate {
    use chrono::Datelike;
    day.with_day(1)
        .and_then(|first| first.checked_add_months(Months::new(1)))
        .and_then(|next| next.pred_opt())
        .unwrap_or(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn night(day: &str, zone: &str) -> AsOf {
        AsOf::new(day.parse().unwrap(), zone.parse().unwrap())
    }

    #[test]
    fn the_night_ends_at_midnight_in_its_zone() {
        assert_eq!(night("2026-05-31", "UTC").cutoff().to_rfc3339(), "2026-06-01T00:00:00+00:00");
        assert_eq!(night("2026-05-31", "Europe/Rome").cutoff().to_rfc3339(), "2026-05-31T22:00:00+00:00");
        // Clocks in Beirut jump from 00:00 to 01:00 on 2024-03-31.
        assert_eq!(night("2024-03-30", "Asia/Beirut").cutoff().to_rfc3339(), "2024-03-30T22:00:00+00:00");
    }

    #[test]
    fn month_ends_go_to_month_ends() {
        assert_eq!(night("2024-04-30", "UTC").months_before(1).to_string(), "2024-03-31");
        assert_eq!(night("2024-02-29", "UTC").months_before(12).to_string(), "2023-02-28");
        assert_eq!(night("2024-03-30", "UTC").months_before(1).to_string(), "2024-02-29");
        assert_eq!(night("2024-03-15", "UTC").months_before(2).to_string(), "2024-01-15");
    }
}
