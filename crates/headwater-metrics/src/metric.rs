//! A metric as the rest of the program sees it: what it means, not how it is computed.

use serde::Serialize;

use crate::{InputTable, Unit, Window};

/// What one value of a metric describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Grain {
    /// One account.
    Account,
    /// A group of accounts: all of them, a segment, a channel.
    Group,
}

/// A metric of the catalogue with its window filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metric {
    /// The name used in rules and as the column name, for example `usage_events_28d`.
    pub id: String,
    /// What one value describes.
    pub grain: Grain,
    /// What the value measures.
    pub unit: Unit,
    /// The stretch of time it looks at, where its name has one.
    pub window: Option<Window>,
    /// The inputs without which it is unavailable.
    pub inputs: Vec<InputTable>,
    /// What it says, in one sentence.
    pub meaning: &'static str,
    /// When it is unknown, and what an account without rows gets.
    pub null_rule: &'static str,
    /// Where the definition comes from.
    pub source: &'static str,
}
