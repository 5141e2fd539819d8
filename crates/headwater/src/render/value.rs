//! A metric's value as a person reads it, with what it measures.

use headwater_metrics::Unit;

use super::table::amount;

/// A value with its unit. Thousands are set apart; amounts carry the currency.
pub(crate) fn value(number: f64, unit: Unit, currency: &str) -> String {
    let digits = |places: usize| amount(&format!("{number:.places$}"));
    match unit {
        Unit::Money | Unit::Amount => format!("{} {currency}", digits(2)),
        Unit::Count => digits(0),
        Unit::Percent => format!("{} %", digits(1)),
        Unit::Score => format!("{} points", digits(1)),
        Unit::Days => format!("{} days", digits(0)),
        Unit::Months => format!("{} months", digits(1)),
        Unit::Hours => format!("{} hours", digits(1)),
        // Two digits of a small share are not enough to tell it from the edge of its band.
        Unit::Ratio if (0.0005..0.1).contains(&number.abs()) => digits(3),
        Unit::Ratio | Unit::Number | Unit::Date | Unit::Text | Unit::Flag => digits(2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_told() {
        for (number, unit, shown) in [
            (1_234_567.5, Unit::Money, "1,234,567.50 EUR"),
            (-1_234.0, Unit::Money, "-1,234.00 EUR"),
            (41.666, Unit::Amount, "41.67 EUR"),
            (12_345.0, Unit::Count, "12,345"),
            (0.789, Unit::Ratio, "0.79"),
            (0.0284, Unit::Ratio, "0.028"),
            (0.0, Unit::Ratio, "0.00"),
            (12.34, Unit::Percent, "12.3 %"),
            (63.24, Unit::Score, "63.2 points"),
            (12.0, Unit::Days, "12 days"),
            (7.62, Unit::Months, "7.6 months"),
            (4.05, Unit::Hours, "4.0 hours"),
            (1_500.5, Unit::Number, "1,500.50"),
        ] {
            assert_eq!(value(number, unit, "EUR"), shown);
        }
    }
}
