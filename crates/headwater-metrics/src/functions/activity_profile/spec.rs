//! What is asked of an activity profile, as text that fits into a plan.

use std::fmt;

/// What a slot of the profile holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SlotKind {
    /// Rows read, whatever they hold.
    Rows,
    /// Rows without a day that can be.
    Undated,
    /// Rows whose quantity is negative; they count for nothing else.
    NegativeQuantity,
    /// Rows whose seconds are negative, and their quantity is not; they count for nothing else.
    NegativeSeconds,
    /// Sum of quantities.
    Events,
    /// Sum of quantities of attempts that were refused; they count for nothing else.
    Blocked,
    /// Sum of quantities of rows that delivered value.
    ValueEvents,
    /// Sum of seconds.
    Seconds,
    /// Different days.
    ActiveDays,
    /// Different features; of those in the mask where there is one.
    Features,
    /// First day.
    FirstDay,
    /// Last day.
    LastDay,
    /// First day with value.
    FirstValueDay,
    /// Different months, counted back from the as-of day, with value.
    ValueMonths,
}

const WORDS: &[(SlotKind, &str)] = &[
    (SlotKind::Rows, "rows"),
    (SlotKind::Undated, "undated"),
    (SlotKind::NegativeQuantity, "negative_quantity"),
    (SlotKind::NegativeSeconds, "negative_seconds"),
    (SlotKind::Events, "events"),
    (SlotKind::Blocked, "blocked"),
    (SlotKind::ValueEvents, "value_events"),
    (SlotKind::Seconds, "seconds"),
    (SlotKind::ActiveDays, "active_days"),
    (SlotKind::Features, "features"),
    (SlotKind::FirstDay, "first_day"),
    (SlotKind::LastDay, "last_day"),
    (SlotKind::FirstValueDay, "first_value_day"),
    (SlotKind::ValueMonths, "value_months"),
];

/// One value of the profile: a kind over the ages `from..=to` in days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) kind: SlotKind,
    /// Youngest age seen, 0 being the as-of day.
    pub(crate) from: u32,
    /// Oldest age seen; none for everything.
    pub(crate) to: Option<u32>,
    /// For features: the only ones that count, by index.
    pub(crate) only: Option<Vec<u32>>,
}

/// The slots of a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spec {
    /// The as-of day in days since 1970.
    pub(crate) as_of: i32,
    /// How many features there are.
    pub(crate) features: u32,
    pub(crate) slots: Vec<Slot>,
}

impl fmt::Display for Spec {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.as_of, self.features)?;
        for slot in &self.slots {
            let word = WORDS.iter().find(|(kind, _)| *kind == slot.kind).map_or("", |(_, word)| word);
            let to = slot.to.map_or_else(|| "*".to_owned(), |to| to.to_string());
            write!(formatter, " {word}:{}:{to}", slot.from)?;
            if let Some(only) = &slot.only {
                let only: Vec<String> = only.iter().map(ToString::to_string).collect();
                write!(formatter, ":{}", only.join(","))?;
            }
        }
        Ok(())
    }
}

impl Spec {
    /// Reads what [`Spec`]'s `Display` wrote.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let as_of = words.next()?.parse().ok()?;
        let features = words.next()?.parse().ok()?;
        let slots = words.map(parse_slot).collect::<Option<_>>()?;
        Some(Self { as_of, features, slots })
    }
}

fn parse_slot(text: &str) -> Option<Slot> {
    let mut parts = text.split(':');
    let word = parts.next()?;
    let (kind, _) = WORDS.iter().find(|(_, known)| *known == word)?;
    let from = parts.next()?.parse().ok()?;
    let to = match parts.next()? {
        "*" => None,
        to => Some(to.parse().ok()?),
    };
    let only = match parts.next() {
        None => None,
        Some("") => Some(Vec::new()),
        Some(list) => Some(list.split(',').map(|index| index.parse().ok()).collect::<Option<_>>()?),
    };
    Some(Slot { kind: *kind, from, to, only })
}
