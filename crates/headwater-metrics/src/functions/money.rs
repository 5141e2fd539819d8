//! Present values.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array};
use arrow::datatypes::{DataType, Float64Type};
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf};

pub(super) fn functions() -> Vec<ScalarUDF> {
    let number = DataType::Float64;
    vec![create_udf(
        "annuity",
        vec![number.clone(), number.clone(), number.clone()],
        number,
        Volatility::Immutable,
        Arc::new(annuities),
    )]
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
    use super::annuity;

    #[test]
    fn an_annuity_is_the_sum_of_its_payments() {
        for (retention, discount, months) in [(0.9, 0.01, 60), (1.0, 0.0, 24), (0.95, 0.0, 12), (1.0, 0.008, 36)] {
            let step: f64 = retention / (1.0 + discount);
            let sum: f64 = (0..months).map(|month| step.powi(month)).sum();
            assert!((annuity(retention, discount, f64::from(months)) - sum).abs() < 1e-9);
        }
    }
}
