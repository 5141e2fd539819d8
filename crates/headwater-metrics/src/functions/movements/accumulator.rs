//! Gathers the changes of all accounts, and sorts them once before it answers.

use std::cmp::Reverse;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, ListArray, StructArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::Field;
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};

use super::changes::{self, Change, Columns, Plans};
use super::history::{self, Movements};

/// Changes of many accounts while rows come in.
#[derive(Debug)]
pub(super) struct MovementsAccumulator {
    brief_customers_count: bool,
    changes: Vec<Change>,
    plans: Plans,
    /// Whether changes stand by account, oldest period first.
    is_sorted: bool,
    /// Accounts, and changes at the front, that were emitted already.
    emitted: (usize, usize),
    groups: usize,
}

impl MovementsAccumulator {
    pub(super) fn new(brief_customers_count: bool) -> Self {
        Self {
            brief_customers_count,
            changes: Vec::new(),
            plans: Plans::default(),
            is_sorted: true,
            emitted: (0, 0),
            groups: 0,
        }
    }

    fn add(&mut self, columns: &Columns<'_>, row: usize, group: usize) {
        let group = self.emitted.0 + group;
        self.changes.extend(columns.change(row, group, &mut self.plans));
        self.is_sorted = false;
    }

    fn seen(&mut self, groups: usize) {
        self.groups = self.groups.max(self.emitted.0 + groups);
    }

    /// The changes of the accounts that are emitted now, each account's as one part.
    fn take(&mut self, emit_to: EmitTo) -> Vec<std::ops::Range<usize>> {
        if !self.is_sorted {
            self.changes.drain(..self.emitted.1);
            self.emitted.1 = 0;
            // Changes of one period add up in any order.
            self.changes.sort_unstable_by_key(|change| (change.group, Reverse(change.age)));
            self.is_sorted = true;
        }
        let (from, mut next) = self.emitted;
        let until = match emit_to {
            EmitTo::All => self.groups,
            EmitTo::First(groups) => from + groups,
        };
        let mut parts = Vec::with_capacity(until - from);
        for group in from..until {
            let rest = self.changes.get(next..).unwrap_or_default();
            let own = rest.iter().take_while(|change| change.group == group).count();
            parts.push(next..next + own);
            next += own;
        }
        self.emitted = (until, next);
        parts
    }

    /// Gives memory back once everything was emitted.
    fn settle(&mut self) {
        if self.emitted.1 == self.changes.len() {
            self.changes = Vec::new();
            self.emitted.1 = 0;
        }
    }
}

fn listed(rows: StructArray, lengths: impl IntoIterator<Item = usize>) -> Result<ArrayRef> {
    let field = Field::new_list_field(rows.data_type().clone(), true);
    Ok(Arc::new(ListArray::try_new(Arc::new(field), OffsetBuffer::from_lengths(lengths), Arc::new(rows), None)?))
}

impl GroupsAccumulator for MovementsAccumulator {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.seen(total_num_groups);
        let columns = Columns::of(values)?;
        for (row, &group) in group_indices.iter().enumerate() {
            if filter.is_none_or(|filter| !filter.is_null(row) && filter.value(row)) {
                self.add(&columns, row, group);
            }
        }
        Ok(())
    }

    fn merge_batch(&mut self, values: &[ArrayRef], group_indices: &[usize], total_num_groups: usize) -> Result<()> {
        self.seen(total_num_groups);
        let Some(states) = values.first().and_then(|array| array.as_list_opt::<i32>()) else {
            return exec_err!("a state of movements_of has another type");
        };
        let Some(rows) = states.values().as_struct_opt() else {
            return exec_err!("a state of movements_of holds another type");
        };
        let columns = Columns::of(rows.columns())?;
        for ((at, &group), bounds) in group_indices.iter().enumerate().zip(states.offsets().windows(2)) {
            if let ([from, to], false) = (bounds, states.is_null(at)) {
                let rows = usize::try_from(*from).unwrap_or(0)..usize::try_from(*to).unwrap_or(0);
                rows.for_each(|row| self.add(&columns, row, group));
            }
        }
        Ok(())
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let parts = self.take(emit_to);
        let from = parts.first().map_or(0, |part| part.start);
        let taken = self.changes.get(from..self.emitted.1).unwrap_or_default();
        let state = listed(changes::written(taken, &self.plans)?, parts.iter().map(ExactSizeIterator::len))?;
        self.settle();
        Ok(vec![state])
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let parts = self.take(emit_to);
        let mut movements = Movements::with_capacity(parts.len() * 4);
        let mut lengths = Vec::with_capacity(parts.len());
        for part in parts {
            let before = movements.rows();
            let own = self.changes.get(part).unwrap_or_default();
            history::write(own, &self.plans, self.brief_customers_count, &mut movements);
            lengths.push(movements.rows() - before);
        }
        self.settle();
        listed(movements.finish()?, lengths)
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let rows = values.first().map_or(0, |array| array.len());
        let groups: Vec<usize> = (0..rows).collect();
        let mut single = Self::new(self.brief_customers_count);
        single.update_batch(values, &groups, filter, rows)?;
        single.state(EmitTo::All)
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.changes.capacity() * size_of::<Change>() + self.plans.size()
    }
}
