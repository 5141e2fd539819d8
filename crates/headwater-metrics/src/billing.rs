//! How often subscriptions are billed.

/// A billing interval: its words, and how many of its bills a month is, as numerator and denominator.
///
/// A month has 52/12 weeks (dbt_stripe) and 365.25/12 days.
#[derive(Debug, Clone, Copy)]
pub struct BillingInterval {
    /// The words for it in inputs, in small letters.
    pub words: &'static [&'static str],
    /// Bills in as many months as `of` says.
    pub bills: i64,
    /// Months.
    pub of: i64,
}

/// Every billing interval.
pub const BILLING_INTERVALS: &[BillingInterval] = &[
    BillingInterval { words: &["day", "daily"], bills: 487, of: 16 },
    BillingInterval { words: &["week", "weekly"], bills: 13, of: 3 },
    BillingInterval { words: &["month", "monthly"], bills: 1, of: 1 },
    BillingInterval { words: &["quarter", "quarterly"], bills: 1, of: 3 },
    BillingInterval { words: &["half_year", "half-yearly", "semiannual"], bills: 1, of: 6 },
    BillingInterval { words: &["year", "yearly", "annual", "annually"], bills: 1, of: 12 },
];

/// The words of all billing intervals.
pub(crate) const BILLING_WORDS: &[&str] = &[
    "day",
    "daily",
    "week",
    "weekly",
    "month",
    "monthly",
    "quarter",
    "quarterly",
    "half_year",
    "half-yearly",
    "semiannual",
    "year",
    "yearly",
    "annual",
    "annually",
];

/// Whole months between two bills of the interval whose word a SQL text gives, as SQL; unknown for intervals below a
/// month, and for those nobody knows.
pub(crate) fn months_of(word: &str) -> String {
    let cases: String = BILLING_INTERVALS
        .iter()
        .filter(|interval| interval.bills == 1)
        .flat_map(|interval| interval.words.iter().map(|known| (known, interval.of)))
        .map(|(known, months)| format!(" WHEN {} THEN {months}", crate::literal(known)))
        .collect();
    format!("CASE {word}{cases} END")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_those_of_the_intervals() {
        let words: Vec<&str> = BILLING_INTERVALS.iter().flat_map(|interval| interval.words).copied().collect();
        assert_eq!(BILLING_WORDS, words);
    }
}
