//! The types of the language: few, and about meaning rather than storage.

use headwater_metrics::Unit;

/// What a value is, as far as operators care.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Of a part that was refused: goes with everything, so that one mistake is reported once.
    Anything,
    /// NULL.
    Null,
    /// A whole number.
    Whole,
    /// A number.
    Number,
    /// An amount.
    Money,
    /// Text.
    Text,
    /// A day.
    Date,
    /// A stretch of time.
    Interval,
    /// True or false.
    Flag,
}

impl Kind {
    /// The kind that carries a unit.
    pub(crate) fn of(unit: Unit) -> Self {
        match unit {
            Unit::Money => Self::Money,
            Unit::Count | Unit::Days => Self::Whole,
            Unit::Amount | Unit::Ratio | Unit::Percent | Unit::Score | Unit::Months | Unit::Hours | Unit::Number => {
                Self::Number
            }
            Unit::Date => Self::Date,
            Unit::Text => Self::Text,
            Unit::Flag => Self::Flag,
        }
    }

    /// The kind in words for a message.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Anything => "a value",
            Self::Null => "NULL",
            Self::Whole => "a whole number",
            Self::Number => "a number",
            Self::Money => "an amount of money",
            Self::Text => "text",
            Self::Date => "a date",
            Self::Interval => "an interval",
            Self::Flag => "true or false",
        }
    }

    /// Whether it can be calculated with; a refused part and NULL can.
    pub(crate) fn is_numeric(self) -> bool {
        matches!(self, Self::Anything | Self::Null | Self::Whole | Self::Number | Self::Money)
    }

    /// Whether a value of this kind can stand where `wanted` is asked for.
    pub(crate) fn fits(self, wanted: Self) -> bool {
        self == wanted || self.is_vague() || wanted == Self::Anything || (self.is_numeric() && wanted.is_numeric())
    }

    /// The kind that carries values of both, if there is one.
    pub(crate) fn joined(self, other: Self) -> Option<Self> {
        match (self, other) {
            (same, also) if same == also => Some(same),
            (Self::Anything, _) | (_, Self::Anything) => Some(Self::Anything),
            (Self::Null, known) | (known, Self::Null) => Some(known),
            (Self::Money, Self::Whole) | (Self::Whole, Self::Money) => Some(Self::Money),
            (a, b) if a.is_numeric() && b.is_numeric() => Some(Self::Number),
            _ => None,
        }
    }

    /// Whether nothing is known about it.
    pub(crate) fn is_vague(self) -> bool {
        matches!(self, Self::Anything | Self::Null)
    }
}
