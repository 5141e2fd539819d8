//! What began and ended, of all accounts in one vector, and as columns between two stages of an aggregation.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, Date32Builder, Int64Builder, PrimitiveArray,
    StringArray, StringBuilder, StructArray,
};
use arrow::array::{BooleanBuilder, Decimal128Builder};
use arrow::datatypes::{DataType, Date32Type, Decimal128Type, Field, Fields, Int64Type};
use datafusion::common::exec_datafusion_err;
use datafusion::error::Result;

use super::MONEY;

/// One stretch of revenue that began or ended in a period, or was worth another amount at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Change {
    /// The account, by its number in the aggregation.
    pub(super) group: usize,
    /// Periods before the one that ends on the as-of day.
    pub(super) age: i64,
    /// In hundredths; where nothing began or ended, what exchange rates changed.
    pub(super) amount: i64,
    /// 1 where it began, -1 where it ended.
    pub(super) step: i8,
    pub(super) is_add_on: bool,
    pub(super) follows_discount: bool,
    pub(super) first_day: i32,
    pub(super) seats: Option<i64>,
    /// By its number in [`Plans`].
    pub(super) plan: Option<u32>,
}

/// The names of plans, each kept once.
#[derive(Debug, Default)]
pub(super) struct Plans {
    numbers: HashMap<Arc<str>, u32>,
    names: Vec<Arc<str>>,
    bytes: usize,
}

impl Plans {
    fn number(&mut self, name: &str) -> Option<u32> {
        if let Some(number) = self.numbers.get(name) {
            return Some(*number);
        }
        let (name, number) = (Arc::<str>::from(name), u32::try_from(self.names.len()).ok()?);
        self.bytes += name.len() + 2 * size_of::<Arc<str>>() + size_of::<u32>();
        self.names.push(Arc::clone(&name));
        self.numbers.insert(name, number);
        Some(number)
    }

    pub(super) fn name(&self, number: u32) -> Option<&str> {
        self.names.get(usize::try_from(number).ok()?).map(AsRef::as_ref)
    }

    pub(super) fn size(&self) -> usize {
        self.bytes
    }
}

/// The columns of changes.
pub(super) fn fields() -> Fields {
    Fields::from(vec![
        Field::new("age", DataType::Int64, true),
        Field::new("amount", MONEY, true),
        Field::new("step", DataType::Int64, true),
        Field::new("plan", DataType::Utf8, true),
        Field::new("seats", DataType::Int64, true),
        Field::new("is_add_on", DataType::Boolean, true),
        Field::new("follows_discount", DataType::Boolean, true),
        Field::new("first_day", DataType::Date32, true),
    ])
}

/// Changes as columns, in the order of [`fields`].
pub(super) struct Columns<'a> {
    age: &'a PrimitiveArray<Int64Type>,
    amount: &'a PrimitiveArray<Decimal128Type>,
    step: &'a PrimitiveArray<Int64Type>,
    plan: &'a StringArray,
    seats: &'a PrimitiveArray<Int64Type>,
    is_add_on: &'a BooleanArray,
    follows_discount: &'a BooleanArray,
    first_day: &'a PrimitiveArray<Date32Type>,
}

impl<'a> Columns<'a> {
    pub(super) fn of(columns: &'a [ArrayRef]) -> Result<Self> {
        Ok(Self {
            age: numbers(columns, 0)?,
            amount: numbers(columns, 1)?,
            step: numbers(columns, 2)?,
            plan: columns.get(3).and_then(|array| array.as_string_opt::<i32>()).ok_or_else(|| wrong(3))?,
            seats: numbers(columns, 4)?,
            is_add_on: columns.get(5).and_then(|array| array.as_boolean_opt()).ok_or_else(|| wrong(5))?,
            follows_discount: columns.get(6).and_then(|array| array.as_boolean_opt()).ok_or_else(|| wrong(6))?,
            first_day: numbers(columns, 7)?,
        })
    }

    /// The change of a row; none where it does not say when or how much, or says more than the money of a project holds.
    pub(super) fn change(&self, row: usize, group: usize, plans: &mut Plans) -> Option<Change> {
        let is = |array: &BooleanArray| !array.is_null(row) && array.value(row);
        if self.age.is_null(row) || self.amount.is_null(row) || self.step.is_null(row) {
            return None;
        }
        Some(Change {
            group,
            age: self.age.value(row),
            amount: i64::try_from(self.amount.value(row)).ok()?,
            step: i8::try_from(self.step.value(row)).ok()?,
            is_add_on: is(self.is_add_on),
            follows_discount: is(self.follows_discount),
            first_day: if self.first_day.is_null(row) { i32::MAX } else { self.first_day.value(row) },
            seats: (!self.seats.is_null(row)).then(|| self.seats.value(row)),
            plan: if self.plan.is_null(row) { None } else { plans.number(self.plan.value(row)) },
        })
    }
}

fn wrong(at: usize) -> datafusion::error::DataFusionError {
    exec_datafusion_err!("argument {at} of movements_of has another type")
}

fn numbers<T: ArrowPrimitiveType>(columns: &[ArrayRef], at: usize) -> Result<&PrimitiveArray<T>> {
    columns.get(at).and_then(|array| array.as_primitive_opt::<T>()).ok_or_else(|| wrong(at))
}

/// Changes as the rows of one array.
pub(super) fn written(changes: &[Change], plans: &Plans) -> Result<StructArray> {
    let rows = changes.len();
    let (mut age, mut step) = (Int64Builder::with_capacity(rows), Int64Builder::with_capacity(rows));
    let mut amount = Decimal128Builder::with_capacity(rows).with_data_type(MONEY);
    let mut plan = StringBuilder::with_capacity(rows, rows * 8);
    let mut seats = Int64Builder::with_capacity(rows);
    let (mut is_add_on, mut follows_discount) =
        (BooleanBuilder::with_capacity(rows), BooleanBuilder::with_capacity(rows));
    let mut first_day = Date32Builder::with_capacity(rows);
    for change in changes {
        age.append_value(change.age);
        amount.append_value(change.amount.into());
        step.append_value(change.step.into());
        plan.append_option(change.plan.and_then(|number| plans.name(number)));
        seats.append_option(change.seats);
        is_add_on.append_value(change.is_add_on);
        follows_discount.append_value(change.follows_discount);
        first_day.append_value(change.first_day);
    }
    let columns: Vec<ArrayRef> = vec![
        Arc::new(age.finish()),
        Arc::new(amount.finish()),
        Arc::new(step.finish()),
        Arc::new(plan.finish()),
        Arc::new(seats.finish()),
        Arc::new(is_add_on.finish()),
        Arc::new(follows_discount.finish()),
        Arc::new(first_day.finish()),
    ];
    Ok(StructArray::try_new(fields(), columns, None)?)
}
