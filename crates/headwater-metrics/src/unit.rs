//! What a number measures, and the Arrow type that carries it.

use arrow::datatypes::DataType;
use serde::Serialize;

/// The unit of a metric: two metrics of different units are different types of fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// An amount in the project's currency, exact.
    Money,
    /// A mean or an estimate of money in the project's currency, with fractions of its smallest unit.
    Amount,
    /// A number of things, whole.
    Count,
    /// One quantity over another; 1.0 is parity.
    Ratio,
    /// Hundredths.
    Percent,
    /// Points from 0 to 100.
    Score,
    /// Whole days.
    Days,
    /// Months, with fractions.
    Months,
    /// Hours, with fractions.
    Hours,
    /// A plain number without unit, such as a rating.
    Number,
    /// A calendar day.
    Date,
    /// Text.
    Text,
    /// True or false.
    Flag,
}

/// Digits after the decimal point of every amount that is computed or published.
pub const MONEY_SCALE: i8 = 2;
/// Digits of every amount that is computed or published.
pub const MONEY_PRECISION: u8 = 18;
/// The first amount that no single row has, in minor units: ten trillion of its currency. What is larger is a slip, such as
/// a moment in microseconds, and would not leave room for sums: with this bound a thousand rows do not fill an amount.
pub const TOO_LARGE_MONEY: i128 = 10_000_000_000_000 * 10_i128.pow(MONEY_SCALE as u32);

impl Unit {
    /// The Arrow type that carries values of this unit.
    #[must_use]
    pub fn data_type(self) -> DataType {
        match self {
            Self::Money => DataType::Decimal128(MONEY_PRECISION, MONEY_SCALE),
            Self::Count | Self::Days => DataType::Int64,
            Self::Amount | Self::Ratio | Self::Percent | Self::Score | Self::Months | Self::Hours | Self::Number => {
                DataType::Float64
            }
            Self::Date => DataType::Date32,
            Self::Text => DataType::Utf8,
            Self::Flag => DataType::Boolean,
        }
    }

    /// The SQL type of the same values.
    #[must_use]
    pub fn sql_type(self) -> &'static str {
        match self {
            Self::Money => "DECIMAL(18, 2)",
            Self::Count | Self::Days => "BIGINT",
            Self::Amount | Self::Ratio | Self::Percent | Self::Score | Self::Months | Self::Hours | Self::Number => {
                "DOUBLE"
            }
            Self::Date => "DATE",
            Self::Text => "VARCHAR",
            Self::Flag => "BOOLEAN",
        }
    }

    /// Whether values can be added, compared by size and averaged.
    #[must_use]
    pub fn is_numeric(self) -> bool {
        !matches!(self, Self::Date | Self::Text | Self::Flag)
    }

    /// The word used in YAML and in pages.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Money => "money",
            Self::Amount => "amount",
            Self::Count => "count",
            Self::Ratio => "ratio",
            Self::Percent => "percent",
            Self::Score => "score",
            Self::Days => "days",
            Self::Months => "months",
            Self::Hours => "hours",
            Self::Number => "number",
            Self::Date => "date",
            Self::Text => "text",
            Self::Flag => "flag",
        }
    }

    /// Every unit.
    pub const ALL: &'static [Self] = &[
        Self::Money,
        Self::Amount,
        Self::Count,
        Self::Ratio,
        Self::Percent,
        Self::Score,
        Self::Days,
        Self::Months,
        Self::Hours,
        Self::Number,
        Self::Date,
        Self::Text,
        Self::Flag,
    ];

    /// Their words, in the same order.
    #[expect(clippy::indexing_slicing, reason = "the compiler computes it, and would not get beyond an end")]
    pub const WORDS: [&'static str; Self::ALL.len()] = {
        let mut words = [""; Self::ALL.len()];
        let mut at = 0;
        while at < words.len() {
            words[at] = Self::ALL[at].word();
            at += 1;
        }
        words
    };

    /// The unit a YAML word names.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|unit| unit.word() == word)
    }
}
