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

use crate::models::{Buyer, BuyingModel, ContractModel, Leaving, OrderValueModel, standard_error};
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
        // Four parameters, the lower triangle of their covariance, a history, the months ahead and the discount of a month.
        of_model(
            "orders_relative_error",
            |model, [r, alpha, a, b, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, repeats, span, age, months, discount]| {
                let covariance = [c1, c2, c3, c4, c5, c6, c7, c8, c9, c10];
                let buyer = buyer([repeats, span, age]);
                orders_relative_error(model, [r, alpha, a, b], covariance, &buyer, (months, discount))
            },
        ),
        // Three parameters, the lower triangle of their covariance, repeats, their mean value.
        of_model("order_value_relative_error", |model, [p, q, v, c1, c2, c3, c4, c5, c6, repeats, mean]| {
            if model != "gamma_gamma" {
                return None;
            }
            let value = |[p, q, v]: [f64; 3]| OrderValueModel { p, q, v }.expected(repeats, mean);
            let covariance = square(&[c1, c2, c3, c4, c5, c6]);
            Some(relative(value([p, q, v])?, standard_error([p, q, v], &covariance, value)?))
        }),
        // Two parameters, the lower triangle of their covariance, and what `contract_discounted` takes.
        of_model(
            "contract_discounted_error",
            |model, [first, second, c1, c2, c3, renewals, first_in, term, discount, horizon]| {
                let discounted = |[first, second]: [f64; 2]| {
                    discounted_renewals(model, [first, second], renewals, [first_in, term, discount, horizon])
                };
                standard_error([first, second], &square(&[c1, c2, c3]), discounted)
            },
        ),
        // Two parameters, renewals made, renewals to come.
        of_model("contract_stays", |model, [first, second, renewals, further]| {
            Some(contract(model, [first, second])?.stays(renewals, whole(further)?))
        }),
        // Two parameters, renewals made, months to the next, months of a term, the discount of a month, months ahead.
        of_model("contract_discounted", |model, [first, second, renewals, first_in, term, discount, horizon]| {
            discounted_renewals(model, [first, second], renewals, [first_in, term, discount, horizon])
        }),
        // Two parameters, renewals made, a share, the most renewals that count.
        of_model("contract_renewals_of_share", |model, [first, second, renewals, share, most]| {
            Some(f64::from(contract(model, [first, second])?.renewals_of_share(renewals, share, whole(most)?)))
        }),
    ]
}

/// The standard error of the discounted orders, over them: by years, which costs a twelfth and moves it little.
fn orders_relative_error(
    model: &str,
    parameters: [f64; 4],
    covariance: [f64; 10],
    buyer: &Buyer,
    (months, discount): (f64, f64),
) -> Option<f64> {
    let years = whole(months)?.div_ceil(12);
    let (weeks, discount) = (12.0 * DAYS_OF_MONTH / DAYS_OF_WEEK, (12.0 * discount.ln_1p()).exp_m1());
    let orders = |parameters| Some(buying(model, parameters)?.discounted(buyer, years, weeks, discount));
    Some(relative(orders(parameters)?, standard_error(parameters, &square(&covariance), orders)?))
}

/// An error over its value; nothing of nothing.
fn relative(value: f64, error: f64) -> f64 {
    if value > 0.0 { error / value } else { 0.0 }
}

/// The matrix of a lower triangle.
fn square<const N: usize>(lower: &[f64]) -> [[f64; N]; N] {
    std::array::from_fn(|row| {
        std::array::from_fn(|column| {
            let (high, low) = (row.max(column), row.min(column));
            lower.get(high * (high + 1) / 2 + low).copied().unwrap_or_default()
        })
    })
}

fn buying(model: &str, [r, alpha, a, b]: [f64; 4]) -> Option<BuyingModel> {
    Some(BuyingModel { leaving: Leaving::from_name(model)?, r, alpha, a, b })
}

fn buyer([repeats, span, age]: [f64; 3]) -> Buyer {
    Buyer { repeats, span: span / DAYS_OF_WEEK, age: age / DAYS_OF_WEEK, customers: 1.0 }
}

fn discounted_renewals(
    model: &str,
    parameters: [f64; 2],
    renewals: f64,
    [first_in, term, discount, horizon]: [f64; 4],
) -> Option<f64> {
    if term <= 0.0 {
        return None;
    }
    let of_term = (discount.ln_1p() * term).exp_m1();
    Some(contract(model, parameters)?.discounted_renewals(renewals, first_in / term, of_term, horizon / term))
}

fn contract(model: &str, [first, second]: [f64; 2]) -> Option<ContractModel> {
    match model {
        "geometric" => Some(ContractModel::Geometric { churn: first.min(1.0) }),
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
