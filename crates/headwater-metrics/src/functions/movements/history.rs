//! From the changes of one account to its movements.
//!
//! INVARIANT(movement identity): amounts add up to the closing MRR, and opening + amount = closing.

use std::sync::Arc;

use arrow::array::{ArrayRef, Decimal128Builder, Int64Builder, StringBuilder, StructArray};
use arrow::datatypes::{DataType, Field, Fields};
use datafusion::error::Result;

use super::changes::{Change, Plans};

/// The type of sums of money, which the reader of the list makes money again.
const SUM: DataType = DataType::Decimal128(38, 2);
/// Where exchange rates changed what was there, before anything else of a period.
const BEFORE_ALL: i64 = 1;
/// The movement of a period.
const IN_PERIOD: i64 = 2;
/// What follows it in the same period.
const AFTERWARDS: i64 = 3;

/// The columns of a movement.
pub(super) fn fields() -> Fields {
    Fields::from(vec![
        Field::new("period_age", DataType::Int64, true),
        Field::new("movement", DataType::Utf8, true),
        Field::new("reason", DataType::Utf8, true),
        Field::new("opening", SUM, true),
        Field::new("amount", SUM, true),
        Field::new("sequence", DataType::Int64, true),
    ])
}

/// Movements of many accounts, written one after the other.
pub(super) struct Movements {
    period_age: Int64Builder,
    movement: StringBuilder,
    reason: StringBuilder,
    opening: Decimal128Builder,
    amount: Decimal128Builder,
    sequence: Int64Builder,
    rows: usize,
}

impl Movements {
    pub(super) fn with_capacity(rows: usize) -> Self {
        Self {
            period_age: Int64Builder::with_capacity(rows),
            movement: StringBuilder::with_capacity(rows, rows * 8),
            reason: StringBuilder::with_capacity(rows, rows * 4),
            opening: Decimal128Builder::with_capacity(rows).with_data_type(SUM),
            amount: Decimal128Builder::with_capacity(rows).with_data_type(SUM),
            sequence: Int64Builder::with_capacity(rows),
            rows: 0,
        }
    }

    /// Movements written so far.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    fn say(&mut self, age: i64, movement: &str, reason: Option<&str>, money: (i128, i128), sequence: i64) {
        let (opening, amount) = money;
        self.period_age.append_value(age);
        self.movement.append_value(movement);
        self.reason.append_option(reason);
        self.opening.append_value(opening);
        self.amount.append_value(amount);
        self.sequence.append_value(sequence);
        self.rows += 1;
    }

    pub(super) fn finish(mut self) -> Result<StructArray> {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.period_age.finish()),
            Arc::new(self.movement.finish()),
            Arc::new(self.reason.finish()),
            Arc::new(self.opening.finish()),
            Arc::new(self.amount.finish()),
            Arc::new(self.sequence.finish()),
        ];
        Ok(StructArray::try_new(fields(), columns, None)?)
    }
}

/// What began, or what ended, in one period of an account.
#[derive(Default)]
struct Side<'a> {
    subscriptions: i64,
    /// The plan that stands for all of them, of those that say theirs.
    plan: Option<&'a str>,
    /// Seats of those that say theirs.
    seats: i128,
    /// Whether one of them does not say its plan, or its seats.
    hides_plan: bool,
    hides_seats: bool,
}

impl<'a> Side<'a> {
    fn add(&mut self, change: &Change, plans: &'a Plans) {
        self.subscriptions += 1;
        self.plan = self.plan.max(change.plan.and_then(|number| plans.name(number)));
        self.seats += i128::from(change.seats.unwrap_or(0));
        self.hides_plan |= change.plan.is_none();
        self.hides_seats |= change.seats.is_none();
    }

    /// Whether the plan differs from that of the other side; unknown where only one of them hides a plan.
    fn has_other_plan(&self, other: &Self) -> Option<bool> {
        (self.hides_plan == other.hides_plan).then(|| self.plan != other.plan)
    }

    /// The same of seats.
    fn has_other_seats(&self, other: &Self) -> Option<bool> {
        (self.hides_seats == other.hides_seats).then_some(self.seats != other.seats)
    }
}

/// What came together in one period of an account.
#[derive(Default)]
struct Period<'a> {
    amount: i128,
    exchange: i128,
    step: i64,
    begun: Side<'a>,
    ended: Side<'a>,
    /// Whether all that began or ended are add-ons.
    only_add_ons: bool,
    discount_ended: bool,
    /// The first day on which anything began, and the amounts that began on it.
    first: Option<(i32, i128)>,
}

impl<'a> Period<'a> {
    fn of(changes: &[Change], plans: &'a Plans) -> Self {
        let mut period = Self { only_add_ons: true, ..Self::default() };
        for change in changes {
            period.add(change, plans);
        }
        period
    }

    fn add(&mut self, change: &Change, plans: &'a Plans) {
        let (amount, step) = (i128::from(change.amount), i64::from(change.step));
        if step == 0 {
            self.exchange += amount;
            return;
        }
        self.amount += amount;
        self.step += step;
        self.only_add_ons &= change.is_add_on;
        if step < 0 {
            self.ended.add(change, plans);
            return;
        }
        self.begun.add(change, plans);
        self.discount_ended |= change.follows_discount;
        self.first = match self.first {
            Some((day, _)) if change.first_day < day => Some((change.first_day, amount)),
            Some((day, paid)) if change.first_day == day => Some((day, paid + amount)),
            None => Some((change.first_day, amount)),
            later => later,
        };
    }

    fn changes_nothing(&self) -> bool {
        self.amount == 0 && self.step == 0 && self.exchange == 0
    }

    /// Why a customer expanded or contracted: `add_on` or `cross_sell` where subscriptions only came, `part_cancelled`
    /// where they only went; else what is known to differ between what ended and what began: `plan`, `seats`, or a
    /// `discount` that ended; the `price` where nothing differs that both sides say, and `unknown` where one side does
    /// not say what the other does.
    fn reason(&self) -> &'static str {
        let Self { begun, ended, .. } = self;
        match (begun.subscriptions, ended.subscriptions) {
            (_, 0) if self.only_add_ons => return "add_on",
            (_, 0) => return "cross_sell",
            (0, _) => return "part_cancelled",
            _ => {}
        }
        match (begun.has_other_plan(ended), begun.has_other_seats(ended)) {
            (Some(true), _) => "plan",
            (_, Some(true)) => "seats",
            _ if self.discount_ended => "discount",
            (Some(false), Some(false)) => "price",
            _ => "unknown",
        }
    }
}

/// What an account is at the end of a period.
#[derive(Default)]
struct Standing {
    closing: i128,
    /// Stretches of revenue in force.
    holding: i64,
    /// Stretches that ever began.
    begun: i64,
}

/// Writes the movements of one account, whose changes stand from the oldest period to the youngest.
///
/// Where who comes and goes within one period leaves no trace, periods that change nothing do not exist: an account's
/// first one then is that of `new`.
pub(super) fn write(changes: &[Change], plans: &Plans, brief_customers_count: bool, into: &mut Movements) {
    let mut standing = Standing::default();
    for in_period in changes.chunk_by(|one, next| one.age == next.age) {
        let Some(age) = in_period.first().map(|change| change.age) else { continue };
        let period = Period::of(in_period, plans);
        if brief_customers_count || !period.changes_nothing() {
            write_period(age, &period, &mut standing, brief_customers_count, into);
        }
    }
}

fn write_period(age: i64, period: &Period<'_>, standing: &mut Standing, brief: bool, into: &mut Movements) {
    let was_known = standing.begun > 0;
    standing.closing += period.amount + period.exchange;
    standing.holding += period.step;
    standing.begun += period.begun.subscriptions;
    let (leaves, comes) = (standing.holding == 0, standing.holding == period.step);
    let opening = standing.closing - period.amount;
    if period.exchange != 0 {
        into.say(age, "fx", None, (opening - period.exchange, period.exchange), BEFORE_ALL);
    }
    let coming = if was_known { "reactivation" } else { "new" };
    if period.amount != 0 || leaves != comes {
        let (movement, reason) = match () {
            () if leaves => ("churn", None),
            () if comes => (coming, None),
            () if period.amount > 0 => ("expansion", Some(period.reason())),
            () => ("contraction", Some(period.reason())),
        };
        into.say(age, movement, reason, (opening, period.amount), IN_PERIOD);
    }
    // Who came and went pays what it paid on its first day. That it paid another price before it left is no movement.
    if let (true, true, true, 0, Some((_, paid))) = (brief, leaves, comes, period.amount, period.first) {
        let reason = Some("within_period");
        into.say(age, coming, reason, (standing.closing, paid), IN_PERIOD);
        into.say(age, "churn", reason, (standing.closing + paid, -paid), AFTERWARDS);
    }
}
