//! Present values, and amounts in another currency.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Decimal128Array, Float64Array};
use arrow::datatypes::{DataType, Decimal128Type, Float64Type};
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, Expr, ScalarUDF, Volatility, create_udf};

use crate::{MONEY_PRECISION, MONEY_SCALE, TOO_LARGE_MONEY, Unit};

pub(super) fn functions() -> Vec<ScalarUDF> {
    let (number, money) = (DataType::Float64, Unit::Money.data_type());
    vec![
        create_udf(
            "annuity",
            vec![number.clone(), number.clone(), number.clone()],
            number.clone(),
            Volatility::Immutable,
            Arc::new(annuities),
        ),
        exchange_function(&money, number),
    ]
}

/// `exchanged(amount, rate)`: an amount at so many units of the project's currency for one of its own, rounded to the
/// smallest unit, half away from nothing; unknown where either is, and where the rate is no rate.
fn exchange_function(money: &DataType, number: DataType) -> ScalarUDF {
    let function = |args: &[ColumnarValue]| {
        let arrays = ColumnarValue::values_to_arrays(args)?;
        let [amounts, rates] = arrays.as_slice() else {
            return datafusion::common::exec_err!("an amount and a rate expected");
        };
        let amounts = amounts.as_primitive::<Decimal128Type>().iter();
        let rates = rates.as_primitive::<Float64Type>().iter();
        let result: Decimal128Array = amounts.zip(rates).map(|(amount, rate)| exchange(amount?, rate?)).collect();
        let result = result.with_precision_and_scale(MONEY_PRECISION, MONEY_SCALE)?;
        Ok(ColumnarValue::Array(Arc::new(result) as ArrayRef))
    };
    create_udf("exchanged", vec![money.clone(), number], money.clone(), Volatility::Immutable, Arc::new(function))
}

/// An amount at a rate, see `exchanged` among the functions of plans.
#[must_use]
pub fn exchanged(amount: Expr, rate: Expr) -> Expr {
    exchange_function(&Unit::Money.data_type(), DataType::Float64).call(vec![amount, rate])
}

/// Minor units at a rate. The rate is taken as a decimal of twelve places, so that no amount is too large to be exact.
fn exchange(minor_units: i128, rate: f64) -> Option<i128> {
    const PLACES: f64 = 1e12;
    const MOST: f64 = 1e6;
    if !(rate > 0.0 && rate <= MOST) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "at most 1e18")]
    let rate = (rate * PLACES).round() as i128;
    let product = minor_units.checked_mul(rate)?;
    let half = if product < 0 { -500_000_000_000 } else { 500_000_000_000 };
    // Of what no row has there is no amount: the row is left out like one without a rate.
    Some((product + half) / 1_000_000_000_000).filter(|minor_units| minor_units.abs() < TOO_LARGE_MONEY)
}

/// The present value of 1 a month, paid at once and then while retained, over `months` months.
///
/// `retention` is the share that stays from month to month, `discount` the discount rate a month:
/// (1 - q^months) / (1 - q) with q = retention / (1 + discount).
pub(crate) fn annuity(retention: f64, discount: f64, months: f64) -> f64 {
    let step = retention / (1.0 + discount);
    if (1.0 - step).abs() < 1e-12 { months } else { (1.0 - step.powf(months)) / (1.0 - step) }
}

fn annuities(args: &[ColumnarValue]) -> Result<ColumnarValue> {
    let arrays = ColumnarValue::values_to_arrays(args)?;
    let [retention, discount, months] = arrays.as_slice() else {
        return datafusion::common::exec_err!("a retention, a discount and a horizon expected");
    };
    let discount = discount.as_primitive::<Float64Type>().iter();
    let months = months.as_primitive::<Float64Type>().iter();
    let result: Float64Array = retention
        .as_primitive::<Float64Type>()
        .iter()
        .zip(discount.zip(months))
        .map(|(retention, (discount, months))| Some(annuity(retention?, discount?, months?)))
        .collect();
    Ok(ColumnarValue::Array(Arc::new(result) as ArrayRef))
}

#[cfg(test)]
mod tests {
    use super::{annuity, exchange};

    #[test]
    fn an_exchanged_amount_is_rounded_once() {
        for (minor, rate, expected) in [(1_000, 1.085, 1_085), (1, 0.5, 1), (-1, 0.5, -1), (3, 0.1, 0)] {
            assert_eq!(exchange(minor, rate), Some(expected));
        }
        // As much as no row has, and just less.
        assert_eq!(exchange(184_467_440_737_096_000, 100.0), None);
        assert_eq!(exchange(999_999_999_999_999_999, 1_000_000.0), None);
        assert_eq!(exchange(-1_000_000_000, 1_000_000.0), None);
        assert_eq!(exchange(-999_999_999, 1_000_000.0), Some(-999_999_999_000_000));
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e7] {
            assert_eq!(exchange(1_000, rate), None);
        }
    }

    #[test]
    fn an_annuity_is_the_sum_of_its_payments() {
        for (retention, discount, months) in [(0.9, 0.01, 60), (1.0, 0.0, 24), (0.95, 0.0, 12), (1.0, 0.008, 36)] {
            let step: f64 = retention / (1.0 + discount);
            let sum: f64 = (0..months).map(|month| step.powi(month)).sum();
            assert!((annuity(retention, discount, f64::from(months)) - sum).abs() < 1e-9);
        }
    }
}
