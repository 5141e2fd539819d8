//! The rows of words of all accounts, side by side in one vector.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, Int64Builder, ListArray, ListBuilder, PrimitiveArray,
    UInt64Array,
};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Date32Type, Field, Int32Type, Int64Type, UInt64Type};
use datafusion::common::{exec_datafusion_err, exec_err};
use datafusion::error::Result;
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};

use super::layout::{Layout, Merge, OLDEST_SEEN, OLDEST_VALUE, ROWS, UNDATED, YOUNGEST};
use super::spec::{Slot, SlotKind, Spec};

/// Profiles of many accounts while rows come in.
#[derive(Debug)]
pub(super) struct ProfileAccumulator {
    layout: Layout,
    merges: Vec<Merge>,
    words: Vec<u64>,
    /// Words at the front that were emitted already. They are dropped when they are most of the vector, so that
    /// emitting batch by batch does not move the rest each time.
    emitted: usize,
}

/// One row as the accumulator sees it.
#[derive(Clone, Copy)]
struct Event {
    age: u32,
    quantity: u64,
    value: bool,
    seconds: u64,
    feature: Option<u32>,
}

impl ProfileAccumulator {
    pub(super) fn new(spec: &Spec) -> Self {
        let layout = Layout::new(spec);
        Self { merges: layout.merges(), layout, words: Vec::new(), emitted: 0 }
    }

    fn grow(&mut self, groups: usize) {
        self.words.resize(self.emitted + groups * self.layout.stride, 0);
    }

    /// The words of all accounts that were not emitted yet.
    fn rows_mut(&mut self) -> &mut [u64] {
        self.words.get_mut(self.emitted..).unwrap_or_default()
    }

    fn take(&mut self, emit_to: EmitTo) -> Vec<u64> {
        let end = match emit_to {
            EmitTo::All => self.words.len(),
            EmitTo::First(groups) => (self.emitted + groups * self.layout.stride).min(self.words.len()),
        };
        if self.emitted == 0 && end == self.words.len() {
            return std::mem::take(&mut self.words);
        }
        let taken = self.words.get(self.emitted..end).unwrap_or_default().to_vec();
        self.emitted = end;
        if self.emitted > self.words.len() / 2 {
            self.words.drain(..self.emitted);
            self.words.shrink_to_fit();
            self.emitted = 0;
        }
        taken
    }
}

/// The words of one account.
fn row_mut(words: &mut [u64], stride: usize, group: usize) -> Option<&mut [u64]> {
    words.get_mut(group * stride..(group + 1) * stride)
}

fn add(row: &mut [u64], word: usize, amount: u64) {
    if let Some(slot) = row.get_mut(word) {
        *slot = slot.saturating_add(amount);
    }
}

fn set(row: &mut [u64], first: usize, bit: u32) {
    if let Some(slot) = row.get_mut(first + (bit / 64) as usize) {
        *slot |= 1 << (bit % 64);
    }
}

fn note(layout: &Layout, row: &mut [u64], event: Event) {
    let seen = u64::from(event.age) + 1;
    if let Some(youngest) = row.get_mut(YOUNGEST) {
        *youngest = if *youngest == 0 { seen } else { seen.min(*youngest) };
    }
    if let Some(oldest) = row.get_mut(OLDEST_SEEN) {
        *oldest = seen.max(*oldest);
    }
    if let Some(word) = layout.events.word(event.age) {
        add(row, word, event.quantity);
    }
    if layout.seconds.is_used()
        && let Some(word) = layout.seconds.word(event.age)
    {
        add(row, word, event.seconds);
    }
    if (event.age as usize) < layout.days.len() * 64 {
        set(row, layout.days.start, event.age);
    }
    if let (Some(feature), Some(word)) = (event.feature, layout.features.word(event.age)) {
        set(row, word, feature);
    }
    if event.value {
        note_value(layout, row, event, seen);
    }
}

fn note_value(layout: &Layout, row: &mut [u64], event: Event, seen: u64) {
    if let Some(oldest) = row.get_mut(OLDEST_VALUE) {
        *oldest = seen.max(*oldest);
    }
    if let Some(word) = layout.value_events.word(event.age) {
        add(row, word, event.quantity);
    }
    let last = layout.period_of_age.last();
    if let Some(&period) = layout.period_of_age.get(event.age as usize).or(last) {
        set(row, layout.value_periods.start, u32::from(period));
    }
}

fn column<T: ArrowPrimitiveType>(values: &[ArrayRef], at: usize) -> Result<&PrimitiveArray<T>> {
    values
        .get(at)
        .and_then(|array| array.as_primitive_opt::<T>())
        .ok_or_else(|| exec_datafusion_err!("argument {at} of activity_profile has another type"))
}

/// The amount of a row; none where it is negative.
fn amount(array: &PrimitiveArray<Int64Type>, row: usize, otherwise: u64) -> Option<u64> {
    if array.is_null(row) { Some(otherwise) } else { u64::try_from(array.value(row)).ok() }
}

/// A day in the range of ages that days can have; an export's slip has none.
const MOST_AGE: u32 = 366 * 200;

impl GroupsAccumulator for ProfileAccumulator {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.grow(total_num_groups);
        let days = column::<Date32Type>(values, 0)?;
        let quantities = column::<Int64Type>(values, 1)?;
        let Some(valuable) = values.get(2).and_then(|array| array.as_boolean_opt()) else {
            return exec_err!("argument 2 of activity_profile has another type");
        };
        let seconds = column::<Int64Type>(values, 3)?;
        let features = column::<Int32Type>(values, 4)?;
        let Some(blocked) = values.get(5).and_then(|array| array.as_boolean_opt()) else {
            return exec_err!("argument 5 of activity_profile has another type");
        };
        let (stride, layout) = (self.layout.stride, &self.layout);
        let rows = self.words.get_mut(self.emitted..).unwrap_or_default();
        for (at, &group) in group_indices.iter().enumerate() {
            if filter.is_some_and(|filter| filter.is_null(at) || !filter.value(at)) {
                continue;
            }
            let Some(row) = row_mut(rows, stride, group) else { continue };
            add(row, ROWS, 1);
            if days.is_null(at) {
                add(row, UNDATED, 1);
                continue;
            }
            // Days after the as-of day are cut before they come here.
            let Ok(age) = u32::try_from(i64::from(layout.as_of) - i64::from(days.value(at))) else { continue };
            if age > MOST_AGE {
                add(row, UNDATED, 1);
                continue;
            }
            let Some(quantity) = amount(quantities, at, 1) else {
                layout.negative_quantity.into_iter().for_each(|word| add(row, word, 1));
                continue;
            };
            let Some(seconds) = amount(seconds, at, 0) else {
                layout.negative_seconds.into_iter().for_each(|word| add(row, word, 1));
                continue;
            };
            if !blocked.is_null(at) && blocked.value(at) {
                layout.blocked.word(age).into_iter().for_each(|word| add(row, word, quantity));
                continue;
            }
            let event = Event {
                age,
                quantity,
                value: !valuable.is_null(at) && valuable.value(at),
                seconds,
                feature: if features.is_null(at) { None } else { u32::try_from(features.value(at)).ok() },
            };
            note(layout, row, event);
        }
        Ok(())
    }

    fn merge_batch(&mut self, values: &[ArrayRef], group_indices: &[usize], total_num_groups: usize) -> Result<()> {
        self.grow(total_num_groups);
        let Some(states) = values.first().and_then(|array| array.as_list_opt::<i32>()) else {
            return exec_err!("a state of activity_profile has another type");
        };
        let stride = self.layout.stride;
        let all = states.values().as_primitive::<UInt64Type>().values();
        let merges = self.merges.clone();
        let rows = self.rows_mut();
        for ((at, &group), first) in group_indices.iter().enumerate().zip(states.offsets().iter()) {
            let first = usize::try_from(*first).unwrap_or(0);
            let state = if states.is_null(at) { &[] } else { all.get(first..first + stride).unwrap_or_default() };
            let Some(row) = row_mut(rows, stride, group) else { continue };
            for ((word, other), merge) in row.iter_mut().zip(state).zip(&merges) {
                *word = match merge {
                    Merge::Add => word.saturating_add(*other),
                    Merge::Union => *word | *other,
                    Merge::Most => (*word).max(*other),
                    Merge::Least if *word == 0 => *other,
                    Merge::Least if *other == 0 => *word,
                    Merge::Least => (*word).min(*other),
                };
            }
        }
        Ok(())
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let words = self.take(emit_to);
        let stride = self.layout.stride;
        let groups = words.len() / stride.max(1);
        let field = Arc::new(Field::new_list_field(DataType::UInt64, true));
        let offsets = OffsetBuffer::from_repeated_length(stride, groups);
        let values = UInt64Array::new(ScalarBuffer::from(words), None);
        Ok(vec![Arc::new(ListArray::try_new(field, offsets, Arc::new(values), None)?)])
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let words = self.take(emit_to);
        let mut list = ListBuilder::new(Int64Builder::with_capacity(words.len()));
        for row in words.chunks(self.layout.stride.max(1)) {
            for slot in &self.layout.slots {
                list.values().append_option(value_of(&self.layout, row, slot));
            }
            list.append(true);
        }
        Ok(Arc::new(list.finish()))
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let rows = values.first().map_or(0, |array| array.len());
        let groups: Vec<usize> = (0..rows).collect();
        let mut single =
            Self { layout: self.layout.clone(), merges: self.merges.clone(), words: Vec::new(), emitted: 0 };
        single.update_batch(values, &groups, filter, rows)?;
        single.state(EmitTo::All)
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.words.capacity() * size_of::<u64>()
    }
}

/// The value of a slot in an account's words.
fn value_of(layout: &Layout, row: &[u64], slot: &Slot) -> Option<i64> {
    let word = |at: usize| row.get(at).copied().unwrap_or(0);
    let sum = |buckets: &super::layout::Buckets| buckets.covered(slot).flatten().map(word).fold(0, u64::saturating_add);
    let day =
        |seen: u64| i64::try_from(seen).ok().filter(|seen| *seen > 0).map(|seen| i64::from(layout.as_of) - (seen - 1));
    match slot.kind {
        SlotKind::Rows => i64::try_from(word(ROWS)).ok(),
        SlotKind::Undated => i64::try_from(word(UNDATED)).ok(),
        SlotKind::NegativeQuantity => layout.negative_quantity.and_then(|at| i64::try_from(word(at)).ok()),
        SlotKind::NegativeSeconds => layout.negative_seconds.and_then(|at| i64::try_from(word(at)).ok()),
        SlotKind::Events => i64::try_from(sum(&layout.events)).ok(),
        SlotKind::Blocked => i64::try_from(sum(&layout.blocked)).ok(),
        SlotKind::ValueEvents => i64::try_from(sum(&layout.value_events)).ok(),
        SlotKind::Seconds => i64::try_from(sum(&layout.seconds)).ok(),
        SlotKind::ActiveDays => Some(days_in(row.get(layout.days.clone()).unwrap_or(&[]), slot)),
        SlotKind::Features => Some(features_in(layout, row, slot)),
        SlotKind::FirstDay => day(word(OLDEST_SEEN)),
        SlotKind::LastDay => day(word(YOUNGEST)),
        SlotKind::FirstValueDay => day(word(OLDEST_VALUE)),
        SlotKind::ValueMonths => Some(layout.value_periods.clone().map(|at| i64::from(word(at).count_ones())).sum()),
    }
}

/// The days set from the slot's first to its last age.
fn days_in(words: &[u64], slot: &Slot) -> i64 {
    let to = slot.to.unwrap_or(u32::MAX);
    (0_u32..)
        .step_by(64)
        .zip(words)
        .map(|(first, word)| {
            let low = slot.from.saturating_sub(first).min(64);
            let high = to.saturating_sub(first).saturating_add(1).min(64);
            if to < first || low >= high {
                return 0;
            }
            let mask = (u64::MAX >> (64 - (high - low))) << low;
            i64::from((word & mask).count_ones())
        })
        .sum()
}

/// The different features in the slot's buckets.
fn features_in(layout: &Layout, row: &[u64], slot: &Slot) -> i64 {
    let mut union = vec![0_u64; layout.features.width];
    for bucket in layout.features.covered(slot) {
        for (all, word) in union.iter_mut().zip(row.get(bucket).unwrap_or(&[])) {
            *all |= word;
        }
    }
    let is_set = |index: &u32| union.get((index / 64) as usize).is_some_and(|word| word >> (index % 64) & 1 == 1);
    match &slot.only {
        None => union.iter().map(|word| i64::from(word.count_ones())).sum(),
        Some(only) => i64::try_from(only.iter().filter(|index| is_set(index)).count()).unwrap_or(0),
    }
}
