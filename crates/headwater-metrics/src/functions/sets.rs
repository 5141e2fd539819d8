//! Sets of days and of features as bits.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int32Array, Int64Array};
use arrow::datatypes::{DataType, Date32Type, Int64Type};
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf};
use datafusion::scalar::ScalarValue;

/// Stands between the names of features in the list that `feature_index` is given.
pub(crate) const FEATURE_SEPARATOR: char = '\u{1f}';

pub(super) fn functions() -> Vec<ScalarUDF> {
    let integer = DataType::Int64;
    vec![
        create_udf(
            "day_bits",
            vec![DataType::Date32, DataType::Int64, DataType::Int64],
            integer.clone(),
            Volatility::Immutable,
            Arc::new(day_bits),
        ),
        create_udf(
            "bits_set",
            vec![integer.clone(), integer.clone()],
            integer,
            Volatility::Immutable,
            Arc::new(bits_set),
        ),
        create_udf(
            "feature_index",
            vec![DataType::Utf8View, DataType::Utf8],
            DataType::Int32,
            Volatility::Immutable,
            Arc::new(feature_index),
        ),
    ]
}

/// `day_bits(day, as_of_days, word)`: the bit of a day, counted back from the as-of day, in one word of 64 days.
fn day_bits(args: &[ColumnarValue]) -> Result<ColumnarValue> {
    let arrays = ColumnarValue::values_to_arrays(args)?;
    let [days, as_of, word] = arrays.as_slice() else {
        return datafusion::common::exec_err!("a day, the as-of day and a word expected");
    };
    let days = days.as_primitive::<Date32Type>();
    let (as_of, word) = (as_of.as_primitive::<Int64Type>(), word.as_primitive::<Int64Type>());
    let bits: Int64Array = days
        .iter()
        .zip(as_of.iter().zip(word.iter()))
        .map(|(day, (as_of, word))| {
            let age = as_of? - i64::from(day?) - 64 * word?;
            Some(if (0..64).contains(&age) { (1_u64 << age).cast_signed() } else { 0 })
        })
        .collect();
    Ok(ColumnarValue::Array(Arc::new(bits) as ArrayRef))
}

/// `bits_set(bits, mask)`: how many of the bits in the mask are set.
fn bits_set(args: &[ColumnarValue]) -> Result<ColumnarValue> {
    let arrays = ColumnarValue::values_to_arrays(args)?;
    let [bits, mask] = arrays.as_slice() else {
        return datafusion::common::exec_err!("bits and a mask expected");
    };
    let (bits, mask) = (bits.as_primitive::<Int64Type>(), mask.as_primitive::<Int64Type>());
    let counts: Int64Array =
        bits.iter().zip(mask.iter()).map(|(bits, mask)| Some(i64::from((bits? & mask?).count_ones()))).collect();
    Ok(ColumnarValue::Array(Arc::new(counts) as ArrayRef))
}

/// `feature_index(feature, list)`: the place of a feature in a list, which is the same for all rows.
fn feature_index(args: &[ColumnarValue]) -> Result<ColumnarValue> {
    let [features, ColumnarValue::Scalar(ScalarValue::Utf8(Some(list)))] = args else {
        return datafusion::common::exec_err!("features and one list of features expected");
    };
    let places: HashMap<&str, i32> = list.split(FEATURE_SEPARATOR).zip(0..).collect();
    let features = features.to_array(1)?;
    let features = features.as_string_view();
    let mut last: (&str, Option<i32>) = ("", None);
    let indexes: Int32Array = (0..features.len())
        .map(|row| {
            if features.is_null(row) {
                return None;
            }
            let feature = features.value(row);
            if last.0 != feature || last.1.is_none() {
                last = (feature, places.get(feature).copied());
            }
            last.1
        })
        .collect();
    Ok(ColumnarValue::Array(Arc::new(indexes) as ArrayRef))
}
