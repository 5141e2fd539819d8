//! What a fitted model expects of a customer: each a function of the model's name, its parameters, and a history.
//!
//! Unknown where a number is unknown, where the model has no such name, and where the expectation is not finite.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf};

use crate::models::{Buyer, BuyingModel, ContractModel, Leaving, OrderValueModel};
use crate::window::{DAYS_OF_MONTH, DAYS_OF_WEEK};

pub(super) fn functions() -> Vec<ScalarUDF> {
    vec![
        // Four parameters, repeats, days from the first purchase to the last, days from the first.
        of_model("orders_alive", |model, [r, alpha, a, b, repeats, span, age]| {
            Some(buying(model, [r, alpha, a, b])?.alive(&buyer([repeats, span, age])))
        }),
        // The same, and the days ahead.
        of_model("orders_expected", |model, [r, alpha, a, b, repeats, span, age, days]| {
            Some(buying(model, [r, alpha, a, b])?.expected(&buyer([repeats, span, age]), days / DAYS_OF_WEEK))
        }),
        // The same, and the days ahead.
        of_model("orders_none", |model, [r, alpha, a, b, repeats, span, age, days]| {
            Some(buying(model, [r, alpha, a, b])?.expects_none(&buyer([repeats, span, age]), days / DAYS_OF_WEEK))
        }),
        // The same, with the months ahead and the discount of a month.
        of_model("orders_discounted", |model, [r, alpha, a, b, repeats, span, age, months, discount]| {
            let buyer = buyer([repeats, span, age]);
            Some(buying(model, [r, alpha, a, b])?.discounted(
                &buyer,
                whole(months)?,
                DAYS_OF_MONTH / DAYS_OF_WEEK,
                discount,
            ))
        }),
        // Three parameters, repeats, their mean value.
        of_model("order_value_expected", |model, [p, q, v, repeats, mean]| {
            if model == "gamma_gamma" { OrderValueModel { p, q, v }.expected(repeats, mean) } else { None }
        }),
        // Two parameters, renewals made, renewals to come.
        of_model("contract_stays", |model, [first, second, renewals, further]| {
            Some(contract(model, [first, second])?.stays(renewals, whole(further)?))
        }),
        // Two parameters, renewals made, months to the next, months of a term, the discount of a month, months ahead.
        of_model("contract_discounted", |model, [first, second, renewals, first_in, term, discount, horizon]| {
            if term <= 0.0 {
                return None;
            }
            let of_term = (discount.ln_1p() * term).exp_m1();
            Some(contract(model, [first, second])?.discounted_renewals(
                renewals,
                first_in / term,
                of_term,
                horizon / term,
            ))
        }),
        // Two parameters, renewals made, a share, the most renewals that count.
        of_model("contract_renewals_of_share", |model, [first, second, renewals, share, most]| {
            Some(f64::from(contract(model, [first, second])?.renewals_of_share(renewals, share, whole(most)?)))
        }),
    ]
}

fn buying(model: &str, [r, alpha, a, b]: [f64; 4]) -> Option<BuyingModel> {
    Some(BuyingModel { leaving: Leaving::from_name(model)?, r, alpha, a, b })
}

fn buyer([repeats, span, age]: [f64; 3]) -> Buyer {
    Buyer { repeats, span: span / DAYS_OF_WEEK, age: age / DAYS_OF_WEEK, customers: 1.0 }
}

fn contract(model: &str, [first, second]: [f64; 2]) -> Option<ContractModel> {
    match model {
        "geometric" => Some(ContractModel::Geometric { churn: first }),
        "sbg" => Some(ContractModel::ShiftedBetaGeometric { a: first, b: second }),
        _ => None,
    }
}

fn whole(number: f64) -> Option<u32> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 100,000")]
    (0.0..=100_000.0).contains(&number).then_some(number as u32)
}

fn of_model<const N: usize>(name: &'static str, score: fn(&str, [f64; N]) -> Option<f64>) -> ScalarUDF {
    let arguments = std::iter::once(DataType::Utf8).chain(std::iter::repeat_n(DataType::Float64, N)).collect();
    let function = move |args: &[ColumnarValue]| scored(args, score);
    create_udf(name, arguments, DataType::Float64, Volatility::Immutable, Arc::new(function))
}

fn scored<const N: usize>(args: &[ColumnarValue], score: fn(&str, [f64; N]) -> Option<f64>) -> Result<ColumnarValue> {
    let arrays = ColumnarValue::values_to_arrays(args)?;
    let Some((models, numbers)) = arrays.split_first() else {
        return exec_err!("a model and its numbers expected");
    };
    let models = cast(models, &DataType::Utf8)?;
    let models: &StringArray = models.as_string::<i32>();
    let numbers: Vec<&Float64Array> = numbers.iter().map(|column| column.as_primitive::<Float64Type>()).collect();
    let Ok(numbers) = <[&Float64Array; N]>::try_from(numbers) else {
        return exec_err!("{N} numbers expected");
    };
    let of_row = |row: usize| {
        let is_known = models.is_valid(row) && numbers.iter().all(|column| column.is_valid(row));
        let score = is_known.then(|| score(models.value(row), numbers.map(|column| column.value(row)))).flatten();
        score.filter(|score| score.is_finite())
    };
    let result: Float64Array = (0..models.len()).map(of_row).collect();
    Ok(ColumnarValue::Array(Arc::new(result) as ArrayRef))
}
