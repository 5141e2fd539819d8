//! What is said of all values of a group at once: how unevenly they are spread, and which of them recur.
//!
//! Each takes the list that `array_agg` gathers, in any order; nulls in it count for nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

/// Fewest values of which the largest tenth is at least one value and not most of them.
const TENTHS: usize = 10;
/// Fewest values that have quartiles to speak of, and a kurtosis.
const QUARTERS: usize = 4;
/// How often a text stands in a list before it recurs.
const RECURS: i64 = 2;

/// What a function says of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Said {
    Gini,
    TopTenthShare,
    ShareAtLeastMean,
    Bimodality,
    RecurringText,
    RecurringTextCount,
    RecurringTexts,
}

impl Said {
    const ALL: &'static [Self] = &[
        Self::Gini,
        Self::TopTenthShare,
        Self::ShareAtLeastMean,
        Self::Bimodality,
        Self::RecurringText,
        Self::RecurringTextCount,
        Self::RecurringTexts,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Gini => "gini",
            Self::TopTenthShare => "top_tenth_share",
            Self::ShareAtLeastMean => "share_at_least_mean",
            Self::Bimodality => "bimodality",
            Self::RecurringText => "recurring_text",
            Self::RecurringTextCount => "recurring_text_count",
            Self::RecurringTexts => "recurring_texts",
        }
    }

    fn result(self) -> DataType {
        match self {
            Self::Gini | Self::TopTenthShare | Self::ShareAtLeastMean | Self::Bimodality => DataType::Float64,
            Self::RecurringText => DataType::Utf8,
            Self::RecurringTextCount | Self::RecurringTexts => DataType::Int64,
        }
    }

    fn of(self, lists: &ArrayRef) -> Result<ArrayRef> {
        Ok(match self {
            Self::Gini => numbers(lists, gini)?,
            Self::TopTenthShare => numbers(lists, top_tenth_share)?,
            Self::ShareAtLeastMean => numbers(lists, share_at_least_mean)?,
            Self::Bimodality => numbers(lists, bimodality)?,
            Self::RecurringText => {
                let texts = counted(lists)?.into_iter().map(|counts| most_recurring(counts?).map(|(text, _)| text));
                Arc::new(texts.collect::<StringArray>())
            }
            Self::RecurringTextCount => {
                let counts = counted(lists)?.into_iter().map(|counts| most_recurring(counts?).map(|(_, count)| count));
                Arc::new(counts.collect::<Int64Array>())
            }
            Self::RecurringTexts => {
                let recurring = |counts: BTreeMap<String, i64>| {
                    i64::try_from(counts.values().filter(|count| **count >= RECURS).count()).ok()
                };
                Arc::new(counted(lists)?.into_iter().map(|counts| recurring(counts?)).collect::<Int64Array>())
            }
        })
    }
}

pub(super) fn functions() -> Vec<ScalarUDF> {
    Said::ALL
        .iter()
        .map(|said| ScalarUDF::from(OfList { said: *said, signature: Signature::any(1, Volatility::Immutable) }))
        .collect()
}

/// A function of one list.
#[derive(Debug, PartialEq, Eq, Hash)]
struct OfList {
    said: Said,
    signature: Signature,
}

impl ScalarUDFImpl for OfList {
    fn name(&self) -> &str {
        self.said.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(self.said.result())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        match arrays.as_slice() {
            [lists] => Ok(ColumnarValue::Array(self.said.of(lists)?)),
            _ => exec_err!("{} takes one list", self.name()),
        }
    }
}

/// A number of each list, over its values from the least to the greatest.
fn numbers(lists: &ArrayRef, of: impl Fn(&[f64]) -> Option<f64>) -> Result<ArrayRef> {
    let Some(lists) = lists.as_list_opt::<i32>() else { return exec_err!("a list of numbers expected") };
    let mut found = Vec::with_capacity(lists.len());
    for list in lists.iter() {
        let Some(list) = list else {
            found.push(None);
            continue;
        };
        let list = cast(&list, &DataType::Float64)?;
        let mut values: Vec<f64> = list.as_primitive::<Float64Type>().iter().flatten().collect();
        values.sort_unstable_by(f64::total_cmp);
        found.push(of(&values).filter(|value| value.is_finite()));
    }
    Ok(Arc::new(Float64Array::from(found)))
}

/// How often each text stands in each list.
fn counted(lists: &ArrayRef) -> Result<Vec<Option<BTreeMap<String, i64>>>> {
    let Some(lists) = lists.as_list_opt::<i32>() else { return exec_err!("a list of texts expected") };
    let counts_of = |list: Option<ArrayRef>| {
        let Some(list) = list else { return Ok(None) };
        let list = cast(&list, &DataType::Utf8)?;
        let mut counts: BTreeMap<String, i64> = BTreeMap::new();
        for text in list.as_string::<i32>().iter().flatten() {
            *counts.entry(text.to_owned()).or_insert(0) += 1;
        }
        Ok(Some(counts))
    };
    lists.iter().map(counts_of).collect()
}

/// The text that stands there most often, the first of several in their order, where it recurs.
fn most_recurring(counts: BTreeMap<String, i64>) -> Option<(String, i64)> {
    let most = counts.values().copied().max().filter(|most| *most >= RECURS)?;
    counts.into_iter().find(|(_, count)| *count == most)
}

#[expect(clippy::cast_precision_loss, reason = "fewer values than a double counts exactly")]
fn number(count: usize) -> f64 {
    count as f64
}

/// The Gini coefficient: 0 where all have the same, near 1 where one has everything. Unknown of fewer than two values
/// and where there is nothing to share.
fn gini(values: &[f64]) -> Option<f64> {
    let total: f64 = values.iter().sum();
    let least = values.first()?;
    if values.len() < 2 || total <= 0.0 || *least < 0.0 {
        return None;
    }
    let n = number(values.len());
    let weighted: f64 = values.iter().enumerate().map(|(at, value)| (2.0 * number(at + 1) - n - 1.0) * value).sum();
    Some((weighted / (n * total)).max(0.0))
}

/// The share of the total that the largest tenth of the values has, a part of a value counting as one. Unknown of fewer
/// than ten values and where there is nothing to share.
fn top_tenth_share(values: &[f64]) -> Option<f64> {
    let total: f64 = values.iter().sum();
    if values.len() < TENTHS || total <= 0.0 {
        return None;
    }
    let top: f64 = values.iter().rev().take(values.len().div_ceil(TENTHS)).sum();
    Some(top / total)
}

/// The share of the values that are at least their mean. Unknown of fewer than four values and where all are the same.
fn share_at_least_mean(values: &[f64]) -> Option<f64> {
    let (least, greatest) = (values.first()?, values.last()?);
    if values.len() < QUARTERS || least >= greatest {
        return None;
    }
    let mean = values.iter().sum::<f64>() / number(values.len());
    Some(number(values.iter().filter(|value| **value >= mean).count()) / number(values.len()))
}

/// Sarle's bimodality coefficient with the corrections for small samples, as SAS has it:
/// (skewness² + 1) / (excess kurtosis + 3 (n - 1)² / ((n - 2) (n - 3))). Unknown of fewer than four values and where all
/// are the same.
fn bimodality(values: &[f64]) -> Option<f64> {
    let (least, greatest) = (values.first()?, values.last()?);
    if values.len() < QUARTERS || least >= greatest {
        return None;
    }
    let n = number(values.len());
    let mean = values.iter().sum::<f64>() / n;
    let moment = |power: i32| values.iter().map(|value| (value - mean).powi(power)).sum::<f64>() / n;
    let (second, third, fourth) = (moment(2), moment(3), moment(4));
    let skewness = third / second.powf(1.5) * (n * (n - 1.0)).sqrt() / (n - 2.0);
    let excess = fourth / (second * second) - 3.0;
    let kurtosis = (n - 1.0) / ((n - 2.0) * (n - 3.0)) * ((n + 1.0) * excess + 6.0);
    let spread = 3.0 * (n - 1.0) * (n - 1.0) / ((n - 2.0) * (n - 3.0));
    Some((skewness * skewness + 1.0) / (kurtosis + spread))
}

#[cfg(test)]
mod tests {
    use super::{bimodality, gini, share_at_least_mean, top_tenth_share};

    #[test]
    fn values_that_are_the_same_or_few_say_nothing_of_their_shape() {
        for values in [&[][..], &[5.0], &[5.0, 5.0, 5.0, 5.0], &[0.0, 0.0, 0.0, 0.0]] {
            assert_eq!(bimodality(values), None);
            assert_eq!(share_at_least_mean(values), None);
            assert_eq!(top_tenth_share(values), None);
        }
        assert_eq!((gini(&[]), gini(&[5.0]), gini(&[0.0, 0.0])), (None, None, None));
        assert_eq!(gini(&[5.0, 5.0, 5.0]), Some(0.0));
        // Three identical values whose mean is not one of them.
        assert_eq!(share_at_least_mean(&[0.1, 0.1, 0.1, 0.1]), None);
    }
}
