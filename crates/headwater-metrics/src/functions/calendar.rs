//! Days and the month-long periods that end on the as-of day's day of the month.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Date32Array, Int64Array};
use arrow::datatypes::{DataType, Date32Type, Int64Type};
use chrono::{Datelike, Days, Months, NaiveDate};
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf};

use crate::as_of::{is_month_end, month_end};

pub(super) fn functions() -> Vec<ScalarUDF> {
    let date = DataType::Date32;
    let integer = DataType::Int64;
    vec![
        create_udf(
            "days_between",
            vec![date.clone(), date.clone()],
            integer.clone(),
            Volatility::Immutable,
            Arc::new(|args| pairs(args, |from, to| Some(i64::from(to) - i64::from(from)))),
        ),
        create_udf(
            "period_age",
            vec![date.clone(), date.clone()],
            integer.clone(),
            Volatility::Immutable,
            Arc::new(|args| pairs(args, |day, as_of| Some(period_age(day_of(day)?, day_of(as_of)?)))),
        ),
        create_udf(
            "whole_months",
            vec![date.clone(), date.clone()],
            integer.clone(),
            Volatility::Immutable,
            Arc::new(|args| pairs(args, |from, to| Some(whole_months(day_of(from)?, day_of(to)?)))),
        ),
        create_udf("period_end", vec![integer, date.clone()], date, Volatility::Immutable, Arc::new(period_ends)),
    ]
}

/// How many months before `as_of` the first period end at or after `day` lies; negative for days to come.
///
/// Period ends are the as-of day and the same day of the months before; month ends stay month ends.
pub(crate) fn period_age(day: NaiveDate, as_of: NaiveDate) -> i64 {
    let months = |date: NaiveDate| i64::from(date.year()) * 12 + i64::from(date.month0());
    let apart = months(as_of) - months(day);
    let in_next_period = !is_month_end(as_of) && day.day() > as_of.day();
    if in_next_period { apart - 1 } else { apart }
}

/// How many whole months lie between two days: a month is whole on the same day of a later one, or on its last day
/// where it has no such day. Negative where `to` comes first.
pub(crate) fn whole_months(from: NaiveDate, to: NaiveDate) -> i64 {
    if to < from {
        return -whole_months(to, from);
    }
    let months = |date: NaiveDate| i64::from(date.year()) * 12 + i64::from(date.month0());
    let apart = months(to) - months(from);
    if to.day() < from.day() && !is_month_end(to) { apart - 1 } else { apart }
}

/// The end of the period `age` months before `as_of`.
pub(crate) fn period_end(age: i64, as_of: NaiveDate) -> Option<NaiveDate> {
    let months = Months::new(u32::try_from(age.unsigned_abs()).ok()?);
    let end = if age < 0 { as_of.checked_add_months(months) } else { as_of.checked_sub_months(months) }?;
    Some(if is_month_end(as_of) { month_end(end) } else { end })
}

/// The day an Arrow date stands for.
pub(crate) fn day_of(days: i32) -> Option<NaiveDate> {
    let shift = Days::new(u64::from(days.unsigned_abs()));
    if days < 0 { NaiveDate::default().checked_sub_days(shift) } else { NaiveDate::default().checked_add_days(shift) }
}

/// The Arrow date of a day.
pub(crate) fn days_of(day: NaiveDate) -> i32 {
    i32::try_from((day - NaiveDate::default()).num_days()).unwrap_or(i32::MAX)
}

fn pairs(args: &[ColumnarValue], each: impl Fn(i32, i32) -> Option<i64>) -> Result<ColumnarValue> {
    let arrays = ColumnarValue::values_to_arrays(args)?;
    let [first, second] = arrays.as_slice() else {
        return datafusion::common::exec_err!("two dates expected");
    };
    let (first, second) = (first.as_primitive::<Date32Type>(), second.as_primitive::<Date32Type>());
    let result: Int64Array = first.iter().zip(second.iter()).map(|(a, b)| each(a?, b?)).collect();
    Ok(ColumnarValue::Array(Arc::new(result) as ArrayRef))
}

fn period_ends(args: &[ColumnarValue]) -> Result<ColumnarValue> {
    let arrays = ColumnarValue::values_to_arrays(args)?;
    let [ages, as_of] = arrays.as_slice() else {
        return datafusion::common::exec_err!("an age and a date expected");
    };
    let (ages, as_of) = (ages.as_primitive::<Int64Type>(), as_of.as_primitive::<Date32Type>());
    let result: Date32Array =
        ages.iter().zip(as_of.iter()).map(|(age, day)| Some(days_of(period_end(age?, day_of(day?)?)?))).collect();
    Ok(ColumnarValue::Array(Arc::new(result) as ArrayRef))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_period_ends_on_the_as_of_day_of_the_month() {
        for (date, as_of, age) in [
            ("2024-12-31", "2024-12-31", 0),
            ("2024-12-01", "2024-12-31", 0),
            ("2024-11-30", "2024-12-31", 1),
            ("2023-02-28", "2024-02-29", 12),
            ("2024-03-15", "2024-03-15", 0),
            ("2024-02-16", "2024-03-15", 0),
            ("2024-02-15", "2024-03-15", 1),
            ("2024-03-20", "2024-03-15", -1),
            ("2024-02-29", "2024-03-30", 1),
        ] {
            assert_eq!(period_age(day(date), day(as_of)), age, "{date} before {as_of}");
        }
    }

    #[test]
    fn a_month_is_whole_on_the_same_day_or_the_last() {
        for (from, to, months) in [
            ("2024-01-15", "2024-02-14", 0),
            ("2024-01-15", "2024-02-15", 1),
            ("2024-01-31", "2024-02-28", 0),
            ("2024-01-31", "2024-02-29", 1),
            ("2024-01-01", "2025-01-01", 12),
            ("2025-01-01", "2024-01-01", -12),
            ("2024-03-31", "2024-03-31", 0),
        ] {
            assert_eq!(whole_months(day(from), day(to)), months, "{from} to {to}");
        }
    }

    #[test]
    fn every_day_lies_in_the_period_that_its_age_names() {
        for as_of in ["2024-02-29", "2024-03-30", "2024-04-30", "2023-01-31", "2024-07-01"].map(day) {
            for back in 0..1_200 {
                let date = as_of.checked_sub_days(Days::new(back)).unwrap();
                let age = period_age(date, as_of);
                assert!(date <= period_end(age, as_of).unwrap());
                assert!(date > period_end(age + 1, as_of).unwrap(), "{date} before {as_of}");
            }
        }
    }
}
