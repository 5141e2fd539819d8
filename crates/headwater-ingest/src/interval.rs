//! Bills of any interval as an amount per month.
//!
//! All of it is calculated in whole minor units and
//! rounded once, half away from nothing.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, cast, lit, when};
use headwater_metrics::{BILLING_INTERVALS, BillingInterval, ColumnType, MONEY_PRECISION, MONEY_SCALE};

use crate::contract;

/// Most intervals of one bill: a hundred years of months.
const MOST_INTERVALS: i64 = 1_200;

/// Whether a row says an interval that nobody knows.
pub(crate) fn is_unknown(interval: Expr) -> Expr {
    let words = BILLING_INTERVALS.iter().flat_map(|known| known.words).map(|word| lit(*word)).collect();
    interval.in_list(words, true)
}

/// The amount per month of bills of `amount` that come every `count` intervals, of an interval in the words that are
/// listed; unknown for an interval nobody knows,
/// and for a count that no bill has.
pub(crate) fn per_month(amount: Expr, interval: Expr, count: Expr) -> Result<Expr> {
    let minor_units = lit(ScalarValue::Decimal128(Some(10_i128.pow(MONEY_SCALE.unsigned_abs().into())), 4, 0));
    // No row's amount is so large that whole numbers would not hold what is calculated.
    let minor = cast(amount * minor_units, DataType::Int64);
    let unknown = || lit(ScalarValue::Int64(None));
    let by_interval = |pick: fn(&BillingInterval) -> i64| {
        BILLING_INTERVALS.iter().rev().try_fold(unknown(), |otherwise, known| {
            let words = known.words.iter().map(|name| lit(*name)).collect();
            when(interval.clone().in_list(words, false), lit(pick(known))).otherwise(otherwise)
        })
    };
    let count = when(count.clone().between(lit(1_i64), lit(MOST_INTERVALS)), count).otherwise(unknown())?;
    let whole = by_interval(|known| known.of)? * count;
    let twice = lit(2_i64) * minor.clone() * by_interval(|known| known.bills)?;
    let away = when(minor.lt(lit(0_i64)), lit(-1_i64)).otherwise(lit(1_i64))? * whole.clone();
    let rounded = (twice + away) / (lit(2_i64) * whole);
    let money = contract::data_type(ColumnType::Money);
    let one = lit(ScalarValue::Decimal128(Some(1), MONEY_PRECISION, MONEY_SCALE));
    Ok(cast(cast(rounded, DataType::Decimal128(MONEY_PRECISION, 0)) * one, money))
}
