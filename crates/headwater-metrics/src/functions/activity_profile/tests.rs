//! The profile against a slow count over the same rows.
#![expect(clippy::cast_possible_truncation, reason = "the rows are made with small numbers")]

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Date32Array, Int32Array, Int64Array, StringArray};
use arrow::datatypes::Int64Type;
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};

use super::accumulator::ProfileAccumulator;
use super::spec::{Slot, SlotKind, Spec};

const AS_OF: i32 = 20_000;

#[derive(Clone, Copy)]
struct Row {
    account: usize,
    age: i32,
    quantity: i64,
    value: bool,
    seconds: i64,
    feature: i32,
    blocked: bool,
}

fn rows() -> Vec<Row> {
    let mut seed = 7_u64;
    let mut next = move |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    (0..5_000)
        .map(|_| Row {
            account: next(20) as usize,
            age: next(400) as i32,
            quantity: if next(30) == 0 { -2 } else { next(4) as i64 + 1 },
            value: next(3) == 0,
            seconds: if next(30) == 0 { -5 } else { next(1_000) as i64 },
            feature: next(70) as i32,
            blocked: next(20) == 0,
        })
        .collect()
}

fn slot(kind: SlotKind, from: u32, to: Option<u32>) -> Slot {
    Slot { kind, from, to, only: None }
}

fn spec() -> Spec {
    let windows = [(0, Some(6)), (0, Some(27)), (28, Some(55)), (0, Some(89)), (0, None)];
    let kinds = [
        SlotKind::Events,
        SlotKind::Blocked,
        SlotKind::ValueEvents,
        SlotKind::Seconds,
        SlotKind::ActiveDays,
        SlotKind::Features,
    ];
    let mut slots: Vec<Slot> =
        kinds.iter().flat_map(|kind| windows.iter().map(|(from, to)| slot(*kind, *from, *to))).collect();
    slots.push(Slot { only: Some(vec![1, 66, 69]), ..slot(SlotKind::Features, 0, Some(27)) });
    for kind in [
        SlotKind::Rows,
        SlotKind::Undated,
        SlotKind::NegativeQuantity,
        SlotKind::NegativeSeconds,
        SlotKind::FirstDay,
        SlotKind::LastDay,
        SlotKind::FirstValueDay,
        SlotKind::ValueMonths,
    ] {
        slots.push(slot(kind, 0, None));
    }
    Spec { as_of: AS_OF, features: 70, slots }
}

fn arrays(rows: &[Row]) -> Vec<ArrayRef> {
    vec![
        Arc::new(Date32Array::from_iter_values(rows.iter().map(|row| AS_OF - row.age))),
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.quantity))),
        Arc::new(BooleanArray::from_iter(rows.iter().map(|row| Some(row.value)))),
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.seconds))),
        Arc::new(Int32Array::from_iter_values(rows.iter().map(|row| row.feature))),
        Arc::new(BooleanArray::from_iter(rows.iter().map(|row| Some(row.blocked)))),
        Arc::new(StringArray::from_iter_values(rows.iter().map(|_| ""))),
    ]
}

fn slow(rows: &[Row], account: usize, slot: &Slot) -> Option<i64> {
    let read = || rows.iter().filter(|row| row.account == account);
    let sound = || read().filter(|row| row.quantity >= 0 && row.seconds >= 0);
    let mine = || sound().filter(|row| row.blocked == (slot.kind == SlotKind::Blocked));
    let inside = || mine().filter(|row| row.age >= slot.from as i32 && slot.to.is_none_or(|to| row.age <= to as i32));
    let distinct = |values: BTreeSet<i32>| Some(values.len() as i64);
    match slot.kind {
        SlotKind::Rows => Some(read().count() as i64),
        SlotKind::Undated => Some(0),
        SlotKind::NegativeQuantity => Some(read().filter(|row| row.quantity < 0).count() as i64),
        SlotKind::NegativeSeconds => Some(read().filter(|row| row.quantity >= 0 && row.seconds < 0).count() as i64),
        SlotKind::Events | SlotKind::Blocked => Some(inside().map(|row| row.quantity).sum()),
        SlotKind::ValueEvents => Some(inside().filter(|row| row.value).map(|row| row.quantity).sum()),
        SlotKind::Seconds => Some(inside().map(|row| row.seconds).sum()),
        SlotKind::ActiveDays => distinct(inside().map(|row| row.age).collect()),
        SlotKind::Features => distinct(
            inside()
                .map(|row| row.feature)
                .filter(|feature| slot.only.as_ref().is_none_or(|only| only.contains(&(*feature as u32))))
                .collect(),
        ),
        SlotKind::FirstDay => mine().map(|row| i64::from(AS_OF - row.age)).min(),
        SlotKind::LastDay => mine().map(|row| i64::from(AS_OF - row.age)).max(),
        SlotKind::FirstValueDay => mine().filter(|row| row.value).map(|row| i64::from(AS_OF - row.age)).min(),
        SlotKind::ValueMonths => {
            let today = crate::functions::calendar::day_of(AS_OF).unwrap();
            let period = |age: i32| {
                let day = crate::functions::calendar::day_of(AS_OF - age).unwrap();
                crate::functions::calendar::period_age(day, today) as i32
            };
            distinct(mine().filter(|row| row.value).map(|row| period(row.age)).collect())
        }
    }
}

#[test]
fn a_profile_equals_a_slow_count_whether_or_not_it_was_merged() {
    let rows = rows();
    let spec = Spec::parse(&spec().to_string()).unwrap();
    let (left, right) = rows.split_at(1_700);
    let mut halves: Vec<ProfileAccumulator> = Vec::new();
    for half in [left, right] {
        let groups: Vec<usize> = half.iter().map(|row| row.account).collect();
        let mut accumulator = ProfileAccumulator::new(&spec);
        accumulator.update_batch(&arrays(half), &groups, None, 20).unwrap();
        halves.push(accumulator);
    }
    let mut merged = ProfileAccumulator::new(&spec);
    let all: Vec<usize> = (0..20).collect();
    for half in &mut halves {
        let first = half.state(EmitTo::First(7)).unwrap();
        merged.merge_batch(&first, &all[..7], 20).unwrap();
        let rest = half.state(EmitTo::All).unwrap();
        merged.merge_batch(&rest, &all[7..], 20).unwrap();
    }
    let result = merged.evaluate(EmitTo::All).unwrap();
    let result = result.as_list::<i32>();
    for account in 0..20 {
        let values = result.value(account);
        let values: Vec<Option<i64>> = values.as_primitive::<Int64Type>().iter().collect();
        for (slot, value) in spec.slots.iter().zip(values) {
            assert_eq!(value, slow(&rows, account, slot), "account {account}, {slot:?}");
        }
    }
}
