//! Which part of all accounts an account belongs to, for plans that take a part at a time.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array};
use arrow::datatypes::{DataType, Int64Type};
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf};

pub(super) fn functions() -> Vec<ScalarUDF> {
    let arguments = vec![DataType::Utf8, DataType::Int64];
    vec![create_udf("part_of", arguments, DataType::Int64, Volatility::Immutable, Arc::new(parts))]
}

/// `part_of(id, parts)`: a number from 0 to below `parts`, the same for equal ids of one run; unknown where either is.
fn parts(args: &[ColumnarValue]) -> Result<ColumnarValue> {
    let arrays = ColumnarValue::values_to_arrays(args)?;
    let [ids, of] = arrays.as_slice() else {
        return datafusion::common::exec_err!("an id and a number of parts expected");
    };
    let pairs = ids.as_string::<i32>().iter().zip(of.as_primitive::<Int64Type>());
    let parts: Int64Array = pairs.map(|(id, of)| part(id?, of?)).collect();
    Ok(ColumnarValue::Array(Arc::new(parts) as ArrayRef))
}

fn part(id: &str, of: i64) -> Option<i64> {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    let part = hasher.finish().checked_rem(u64::try_from(of).ok()?)?;
    i64::try_from(part).ok()
}

#[cfg(test)]
mod tests {
    use super::part;

    #[test]
    fn parts_are_about_equal_and_leave_nobody_out() {
        let mut counts = [0; 8];
        for account in 0..8_000 {
            let part = part(&format!("account-{account}"), 8).unwrap();
            counts[usize::try_from(part).unwrap()] += 1;
        }
        assert!(counts.iter().all(|count| (900..1_100).contains(count)), "{counts:?}");
        assert_eq!((part("a", 0), part("a", -1), part("a", 1)), (None, None, Some(0)));
    }
}
