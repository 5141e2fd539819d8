//! Aggregates that gather the rows of a group and hand them to a model.
//!
//! Rows are numbers; the last says how many customers a row stands for. A row with an unknown number is passed over.
//! Rows are sorted and equal ones are one before a model sees them, so that neither the order of rows nor the number of
//! threads shows in a result.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, ListArray, StringArray, StructArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Float64Type};
use datafusion::common::{exec_err, internal_err};
use datafusion::error::Result;
use datafusion::logical_expr::{Accumulator, AggregateUDF, Volatility, create_udaf};
use datafusion::scalar::ScalarValue;

mod of_models;

use of_models::{buying, contracts, fit_fields, order_values};
mod of_survival;

use of_survival::{curve, curve_fields, summary, summary_fields};

/// What a model makes of the rows of a group.
type Finish<const N: usize> = fn(&[[f64; N]]) -> Result<ScalarValue>;

pub(super) fn functions() -> Vec<AggregateUDF> {
    vec![
        // The fewest customers to fit, repeat purchases, days from the first to the last, days from the first, customers.
        gathering::<5>("fit_buying", list_of(fit_fields()), buying),
        // The fewest customers to fit, repeat orders, their mean value, customers.
        gathering::<4>("fit_order_values", list_of(fit_fields()), order_values),
        // The fewest customers to fit, renewals when first seen, renewals, 1 where it left, customers.
        gathering::<5>("fit_contracts", list_of(fit_fields()), contracts),
        // Age when first seen, age at the end, 1 where it left, customers.
        gathering::<4>("survival_curve", list_of(curve_fields()), curve),
        // The age up to which is counted, age when first seen, age at the end, 1 where it left, customers.
        gathering::<5>("survival_summary", DataType::Struct(summary_fields()), summary),
    ]
}

fn list_of(fields: Fields) -> DataType {
    DataType::List(Arc::new(item(fields)))
}

fn item(fields: Fields) -> Field {
    Field::new_list_field(DataType::Struct(fields), true)
}

fn numbers() -> DataType {
    DataType::List(Arc::new(Field::new_list_field(DataType::Float64, true)))
}

fn gathering<const N: usize>(name: &str, returns: DataType, finish: Finish<N>) -> AggregateUDF {
    create_udaf(
        name,
        vec![DataType::Float64; N],
        Arc::new(returns),
        Volatility::Immutable,
        Arc::new(move |_| Ok(Box::new(Gathered::<N> { rows: Vec::new(), finish }))),
        Arc::new(vec![numbers(); N]),
    )
}

/// The rows of one group.
struct Gathered<const N: usize> {
    rows: Vec<[f64; N]>,
    finish: Finish<N>,
}

impl<const N: usize> std::fmt::Debug for Gathered<N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gathered").field("rows", &self.rows.len()).finish_non_exhaustive()
    }
}

impl<const N: usize> Gathered<N> {
    fn add(&mut self, columns: &[ArrayRef]) -> Result<()> {
        let columns = columns.iter().map(|column| cast(column, &DataType::Float64)).collect::<Result<Vec<_>, _>>()?;
        let columns: Vec<&Float64Array> = columns.iter().map(|column| column.as_primitive::<Float64Type>()).collect();
        let Ok(columns) = <[&Float64Array; N]>::try_from(columns) else {
            return internal_err!("{N} columns expected");
        };
        for row in 0..columns.first().map_or(0, |column| column.len()) {
            if columns.iter().all(|column| column.is_valid(row)) {
                self.rows.push(columns.map(|column| column.value(row)));
            }
        }
        Ok(())
    }

    /// The rows in order, equal ones as one that stands for the customers of all.
    fn settle(&mut self) {
        let by_all_but_customers = |x: &[f64; N], y: &[f64; N]| {
            let pairs = x.iter().zip(y).take(N.saturating_sub(1));
            pairs.map(|(x, y)| x.total_cmp(y)).find(|order| order.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
        };
        self.rows.sort_unstable_by(by_all_but_customers);
        self.rows.dedup_by(|row, kept| {
            let is_same = by_all_but_customers(row, kept).is_eq();
            if let (true, Some(more), Some(customers)) = (is_same, row.last(), kept.last_mut()) {
                *customers += more;
            }
            is_same
        });
    }
}

impl<const N: usize> Accumulator for Gathered<N> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.add(values)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.settle();
        (self.finish)(&self.rows)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.rows.capacity() * size_of::<[f64; N]>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let column = |at: usize| {
            let values: Float64Array = self.rows.iter().map(|row| row.get(at).copied()).collect();
            let length = OffsetBuffer::from_lengths([values.len()]);
            let field = Arc::new(Field::new_list_field(DataType::Float64, true));
            ScalarValue::List(Arc::new(ListArray::new(field, length, Arc::new(values), None)))
        };
        Ok((0..N).map(column).collect())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let lists: Vec<&ListArray> = states.iter().map(|state| state.as_list::<i32>()).collect();
        for row in 0..lists.first().map_or(0, |list| list.len()) {
            let columns: Vec<ArrayRef> = lists.iter().map(|list| list.value(row)).collect();
            self.add(&columns)?;
        }
        Ok(())
    }
}

/// Columns of structs under construction.
struct Columns {
    fields: Fields,
    arrays: Vec<ArrayRef>,
}

impl Columns {
    fn of(fields: Fields) -> Self {
        Self { fields, arrays: Vec::new() }
    }

    fn text<'a>(mut self, values: impl Iterator<Item = &'a str>) -> Self {
        self.arrays.push(Arc::new(values.map(Some).collect::<StringArray>()));
        self
    }

    fn flag(mut self, values: impl Iterator<Item = bool>) -> Self {
        self.arrays.push(Arc::new(values.map(Some).collect::<BooleanArray>()));
        self
    }

    fn count(mut self, values: impl Iterator<Item = usize>) -> Self {
        self.arrays.push(Arc::new(values.map(|count| i64::try_from(count).ok()).collect::<Int64Array>()));
        self
    }

    /// What is no number, or an infinite one, is unknown.
    fn number(mut self, values: impl Iterator<Item = Option<f64>>) -> Self {
        self.arrays.push(Arc::new(values.map(|value| value.filter(|it| it.is_finite())).collect::<Float64Array>()));
        self
    }

    fn structs(self) -> Result<StructArray> {
        if self.fields.len() != self.arrays.len() {
            return exec_err!("{} columns for {} fields", self.arrays.len(), self.fields.len());
        }
        Ok(StructArray::try_new(self.fields, self.arrays, None)?)
    }

    fn list(self) -> Result<ScalarValue> {
        let structs = self.structs()?;
        let field: FieldRef = Arc::new(item(structs.fields().clone()));
        let length = OffsetBuffer::from_lengths([structs.len()]);
        Ok(ScalarValue::List(Arc::new(ListArray::try_new(field, length, Arc::new(structs), None)?)))
    }
}

#[cfg(test)]
mod tests;
