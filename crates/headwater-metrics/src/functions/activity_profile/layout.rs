//! Where each fact of a profile lies in an account's row of words.
//!
//! Windows overlap, rows fall into one bucket: the ages are cut at every window's edge, a row adds to the one
//! bucket of its age, and a window is the sum (or union) of its buckets.

use std::ops::Range;

use super::spec::{Slot, SlotKind, Spec};
use crate::functions::calendar::{day_of, period_age};

/// Ages up to this many days have their bucket looked up; all older ones share the last.
const OLDEST: u32 = crate::MAX_WINDOW_DAYS;
/// Periods that can be told apart; older ones share the last.
const MOST_PERIODS: u32 = 127;
/// Marks an age that no window covers.
const NOWHERE: u8 = u8::MAX;

/// How two rows of words become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Merge {
    Add,
    Union,
    /// Smaller, 0 meaning none.
    Least,
    Most,
}

/// The buckets of one kind of fact.
#[derive(Debug, Clone, Default)]
pub(super) struct Buckets {
    /// First age of each bucket, ascending.
    starts: Vec<u32>,
    /// The bucket of each age, [`NOWHERE`] where no window looks.
    of_age: Vec<u8>,
    /// First word.
    pub(super) offset: usize,
    /// Words a bucket takes.
    pub(super) width: usize,
}

impl Buckets {
    fn new(slots: &[&Slot], offset: usize, width: usize) -> Self {
        let mut starts: Vec<u32> = Vec::new();
        for slot in slots {
            starts.push(slot.from);
            starts.extend(slot.to.map(|to| to.saturating_add(1)));
        }
        starts.sort_unstable();
        starts.dedup();
        let covered = |age: u32| slots.iter().any(|slot| covers(slot, age));
        let of_age = (0..=OLDEST)
            .map(|age| match starts.iter().rposition(|start| *start <= age) {
                Some(bucket) if covered(age) => u8::try_from(bucket).unwrap_or(NOWHERE),
                _ => NOWHERE,
            })
            .collect();
        Self { starts, of_age, offset, width }
    }

    fn words(&self) -> usize {
        self.starts.len() * self.width
    }

    /// Whether any slot asks for this kind.
    pub(super) fn is_used(&self) -> bool {
        !self.starts.is_empty()
    }

    /// The first word of the bucket of an age.
    #[inline]
    pub(super) fn word(&self, age: u32) -> Option<usize> {
        match self.of_age.get(age.min(OLDEST) as usize) {
            Some(&bucket) if bucket != NOWHERE => Some(self.offset + usize::from(bucket) * self.width),
            _ => None,
        }
    }

    /// The words of every bucket that a slot covers.
    pub(super) fn covered<'a>(&'a self, slot: &'a Slot) -> impl Iterator<Item = Range<usize>> + 'a {
        self.starts.iter().enumerate().filter(|(_, start)| covers(slot, **start)).map(|(bucket, _)| {
            let first = self.offset + bucket * self.width;
            first..first + self.width
        })
    }
}

fn covers(slot: &Slot, age: u32) -> bool {
    age >= slot.from && slot.to.is_none_or(|to| age <= to)
}

/// The words of one account.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub(super) slots: Vec<Slot>,
    pub(super) as_of: i32,
    /// The words that count rows left out for a negative quantity and for negative seconds, where they are asked for.
    pub(super) negative_quantity: Option<usize>,
    pub(super) negative_seconds: Option<usize>,
    pub(super) events: Buckets,
    pub(super) blocked: Buckets,
    pub(super) value_events: Buckets,
    pub(super) seconds: Buckets,
    pub(super) features: Buckets,
    /// One bit a day, the as-of day first.
    pub(super) days: Range<usize>,
    /// One bit a period.
    pub(super) value_periods: Range<usize>,
    /// The period of each age.
    pub(super) period_of_age: Vec<u8>,
    pub(super) stride: usize,
}

/// Words that every profile has: rows, undated rows, youngest and oldest age plus one, oldest age with value plus one.
pub(super) const ROWS: usize = 0;
pub(super) const UNDATED: usize = 1;
pub(super) const YOUNGEST: usize = 2;
pub(super) const OLDEST_SEEN: usize = 3;
pub(super) const OLDEST_VALUE: usize = 4;
const FIXED: usize = 5;

impl Layout {
    pub(super) fn new(spec: &Spec) -> Self {
        let of = |kind: SlotKind| spec.slots.iter().filter(|slot| slot.kind == kind).collect::<Vec<_>>();
        let mut fixed = FIXED..;
        let mut counter = |kind: SlotKind| if of(kind).is_empty() { None } else { fixed.next() };
        let (negative_quantity, negative_seconds) =
            (counter(SlotKind::NegativeQuantity), counter(SlotKind::NegativeSeconds));
        let events = Buckets::new(&of(SlotKind::Events), fixed.start, 1);
        let blocked = Buckets::new(&of(SlotKind::Blocked), events.offset + events.words(), 1);
        let value_events = Buckets::new(&of(SlotKind::ValueEvents), blocked.offset + blocked.words(), 1);
        let seconds = Buckets::new(&of(SlotKind::Seconds), value_events.offset + value_events.words(), 1);
        let width = (spec.features as usize).div_ceil(64);
        let features = Buckets::new(&of(SlotKind::Features), seconds.offset + seconds.words(), width);
        let days_from = features.offset + features.words();
        let longest =
            of(SlotKind::ActiveDays).iter().map(|slot| slot.to.unwrap_or(OLDEST) as usize + 1).max().unwrap_or(0);
        let days = days_from..days_from + longest.div_ceil(64);
        let asks_periods = !of(SlotKind::ValueMonths).is_empty();
        let value_periods = days.end..days.end + if asks_periods { 2 } else { 0 };
        let stride = value_periods.end;
        let period_of_age = if asks_periods { periods(spec.as_of) } else { Vec::new() };
        Self {
            slots: spec.slots.clone(),
            as_of: spec.as_of,
            negative_quantity,
            negative_seconds,
            events,
            blocked,
            value_events,
            seconds,
            features,
            days,
            value_periods,
            period_of_age,
            stride,
        }
    }

    /// How each word of two rows is merged.
    pub(super) fn merges(&self) -> Vec<Merge> {
        let mut merges = vec![Merge::Add; self.stride];
        let feature_words = self.features.offset..self.days.start;
        for word in feature_words.chain(self.days.clone()).chain(self.value_periods.clone()) {
            if let Some(merge) = merges.get_mut(word) {
                *merge = Merge::Union;
            }
        }
        for (word, merge) in [(YOUNGEST, Merge::Least), (OLDEST_SEEN, Merge::Most), (OLDEST_VALUE, Merge::Most)] {
            if let Some(slot) = merges.get_mut(word) {
                *slot = merge;
            }
        }
        merges
    }
}

fn periods(as_of: i32) -> Vec<u8> {
    let Some(today) = day_of(as_of) else { return Vec::new() };
    (0..=OLDEST)
        .map(|age| {
            let day = i32::try_from(age).ok().and_then(|age| day_of(as_of - age));
            let period = day.map_or(0, |day| period_age(day, today));
            u8::try_from(period.clamp(0, i64::from(MOST_PERIODS))).unwrap_or(0)
        })
        .collect()
}
