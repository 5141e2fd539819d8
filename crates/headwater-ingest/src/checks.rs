//! The plan that makes a raw table clean: typed, cut at the night, with the reason beside each row that breaks
//! its contract.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Column, JoinType, ScalarValue};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, cast, is_null, lit, when};
use datafusion::prelude::DataFrame;
use headwater_metrics::{AsOf, ColumnType, InputTable};

use crate::contract::{self, Conversion};
use crate::corrections::KNOWN_ORDER;
use crate::exchange::{self, Rates};
use crate::interval;
use crate::mapping::{FilledColumn, Mapping};
use crate::prepare::{Expected, Prepared};
use crate::sieve::Sieve;
use crate::spec::SubscriptionForm;
use crate::successors::Successors;

/// The reason of rows that happened after the night: they are cut, not wrong.
pub(crate) const AFTER_AS_OF: &str = "after_as_of";
/// The reason of rows of accounts that are not among the clean accounts.
pub(crate) const ORPHAN: &str = "orphan";

/// Rows that gave notice before there was anything to end: counted, and the notice is not read.
const CANCELLED_AFTER_START: &str = "cancelled_after_start";

/// What the program itself counts beside the expectations of a project: no expectation can have such a name.
#[must_use]
pub fn built_in_counts(table: InputTable) -> &'static [&'static str] {
    match table {
        InputTable::Subscriptions => &[CANCELLED_AFTER_START],
        InputTable::Orders => &[KNOWN_ORDER],
        _ => &[],
    }
}

/// A checked input, not yet run.
#[derive(Debug)]
pub(crate) struct Checked {
    /// The clean columns, then the number of the reason, then one flag for each of `unknown` and of `unexpected`.
    pub frame: DataFrame,
    /// The names of the reasons, by number.
    pub reasons: Vec<String>,
    /// The names of the counts of values that became unknown.
    pub unknown: Vec<String>,
    /// The names of expectations that only count.
    pub unexpected: Vec<String>,
    /// How many columns are the clean row.
    pub width: usize,
}

impl Checked {
    pub(crate) fn sieve(&self) -> Sieve {
        Sieve::new(self.width, self.reasons.len(), self.unknown.len() + self.unexpected.len())
    }
}

/// A column of the plan by its exact name.
pub(crate) fn column(name: &str) -> Expr {
    Expr::Column(Column::from_name(name))
}

fn raw(name: &str) -> String {
    format!("raw:{name}")
}

/// The typed rows of a mapping, without checks.
pub(crate) fn typed(mapping: &Mapping, zone: &str) -> Vec<Expr> {
    let columns = mapping.columns.iter();
    columns.filter_map(|filled| Some(filled.typed(filled.source.clone(), zone)?.typed.alias(&filled.name))).collect()
}

/// Whether a row of a streamed input is visible on the night; `None` where no column says when it happened.
///
/// Rows without a day are: their reader counts them. Written so that the engine can judge whole objects by it.
pub(crate) fn is_visible(table: InputTable, mapping: &Mapping, as_of: &AsOf) -> Option<Expr> {
    let happened = mapping.column(table.happened()?)?;
    let value = column(&happened.name);
    let in_time = match happened.kind {
        ColumnType::Timestamp => value.clone().lt(instant(as_of.cutoff())),
        _ => value.clone().lt_eq(day(as_of.day())),
    };
    let in_time = match calendar_of(happened.kind) {
        Some((first, _)) => value.clone().gt_eq(first).and(in_time),
        None => in_time,
    };
    Some(in_time.or(is_null(value)))
}

/// Whether a row of a streamed input happened on no day of the calendar, with the name of that reason.
pub(crate) fn is_outside_calendar(table: InputTable, mapping: &Mapping) -> Option<(String, Expr)> {
    let happened = mapping.column(table.happened()?)?;
    let (first, last) = calendar_of(happened.kind)?;
    let value = || column(&happened.name);
    Some((format!("invalid_{}", happened.name), value().lt(first).or(value().gt(last))))
}

fn later(filled: &FilledColumn, as_of: &AsOf) -> Expr {
    later_than(column(&filled.name), filled.kind, as_of)
}

/// Whether a value of a day or moment is after the night.
pub(crate) fn later_than(value: Expr, kind: ColumnType, as_of: &AsOf) -> Expr {
    match kind {
        ColumnType::Timestamp => value.gt_eq(instant(as_of.cutoff())),
        _ => value.gt(day(as_of.day())),
    }
}

/// A day as a literal.
pub(crate) fn day(day: NaiveDate) -> Expr {
    let days = day.signed_duration_since(DateTime::UNIX_EPOCH.date_naive()).num_days();
    lit(ScalarValue::Date32(i32::try_from(days).ok()))
}

fn instant(at: DateTime<Utc>) -> Expr {
    lit(ScalarValue::TimestampMicrosecond(Some(at.timestamp_micros()), Some("UTC".into())))
}

/// Plans the checks of one input. `accounts` are the clean accounts, for inputs whose rows belong to one.
pub(crate) fn checked(input: &Prepared<'_>, as_of: &AsOf, known: &Known) -> Result<Checked> {
    let (table, mapping) = (input.spec.table, &input.mapping);
    let zone = as_of.zone().name();
    let sources = mapping.columns.iter().map(|filled| filled.source.clone().alias(raw(&filled.name)));
    let expected = input.expectations.iter().map(|expected| expected.broken.clone().alias(flag(expected)));
    let mut frame = input.source.clone().select(sources.chain(expected).collect::<Vec<_>>())?;
    let mut steps = Steps::default();
    for filled in &mapping.columns {
        steps.add(filled, zone);
    }
    steps.columns.extend(input.expectations.iter().map(|expected| column(&flag(expected))));
    frame = frame.select(steps.columns.clone())?;
    if table != InputTable::Accounts && mapping.column("account_id").is_some() {
        frame = known.successors.apply(frame)?;
    }
    let mut reasons = Reasons::default();
    if let Some(happened) = table.happened().and_then(|name| mapping.column(name)) {
        reasons.add(AFTER_AS_OF, later(happened, as_of).and(is_not_booked(input, as_of)));
    }
    if mapping.is_of_bills {
        reasons.add("unknown_billing_interval", interval::is_unknown(column("billing_interval")));
    }
    for (name, flag) in steps.reasons {
        reasons.add(&name, flag);
    }
    contradictions(input, &mut reasons);
    let rates = known.rates.as_ref().filter(|_| Rates::concern(table, mapping));
    if let Some(rates) = rates {
        frame = rates.join(frame, table, as_of)?;
        let currency = column("currency");
        reasons.add(exchange::NO_CURRENCY, is_null(currency.clone()).or(currency.eq(lit(""))));
        reasons.add(exchange::NO_RATE, rates.is_unknown());
        for (name, is_too_large) in rates.too_large(table, mapping)? {
            reasons.add(&name, is_too_large);
        }
    }
    let (leave_out, count): (Vec<_>, Vec<_>) = input.expectations.iter().partition(|expected| expected.leaves_out);
    for expected in leave_out {
        reasons.add(&unexpected_reason(&expected.name), column(&flag(expected)));
    }
    if let Some(accounts) = known.accounts.clone().filter(|_| table.belongs_to_account()) {
        frame = accounts.join(frame, JoinType::Right, &[KNOWN_ACCOUNT], &["account_id"], None)?;
        reasons.add(ORPHAN, is_null(column(KNOWN_ACCOUNT)));
    }
    let number = reasons.number()?.alias(REASON);
    if let Some(rates) = rates {
        // What is wrong with a row is said of it as it is.
        frame = rates.exchanged(frame.with_column(REASON, number)?, table, mapping)?;
    } else {
        frame = frame.with_column(REASON, number)?;
    }
    let width = mapping.columns.len();
    let mut last: Vec<Expr> = mapping.columns.iter().map(|filled| as_known(table, filled, as_of)).collect();
    last.push(column(REASON));
    last.extend(steps.unknown.iter().map(|name| column(name)));
    last.extend(count.iter().map(|expected| column(&flag(expected))));
    let mut unexpected: Vec<String> = count.into_iter().map(|expected| expected.name.clone()).collect();
    if gives_notice(table, mapping) {
        last.push(column("cancelled_on").lt(column("started_on")));
        unexpected.push(CANCELLED_AFTER_START.to_owned());
    }
    Ok(Checked { frame: frame.select(last)?, reasons: reasons.names, unknown: steps.unknown, unexpected, width })
}

/// The column that says whether a row breaks an expectation.
pub(crate) fn flag(expected: &Expected) -> String {
    format!("expect:{}", expected.name)
}

/// What is known before an input is read.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// The ids of the clean accounts.
    pub accounts: Option<DataFrame>,
    pub successors: Successors,
    pub rates: Option<Rates>,
}

/// Whether a row that has not begun on the night is not known to come either.
fn is_not_booked(input: &Prepared<'_>, as_of: &AsOf) -> Expr {
    let is_told = input.spec.table == InputTable::Subscriptions && input.spec.form == SubscriptionForm::Periods;
    match input.mapping.column("booked_on").filter(|_| is_told) {
        Some(booked) => is_null(column(&booked.name)).or(later(booked, as_of)),
        None => lit(true),
    }
}

/// The reason of rows that are left out because they do not meet an expectation.
pub(crate) fn unexpected_reason(name: &str) -> String {
    format!("unexpected_{name}")
}

/// Why a row is left out, by number. No mapped column has such a name.
const REASON: &str = "left_out:reason";
/// The account of a row, as the clean accounts know it.
pub(crate) const KNOWN_ACCOUNT: &str = "known:account_id";

/// The typed columns and what is noticed while they are made.
#[derive(Default)]
struct Steps {
    columns: Vec<Expr>,
    reasons: Vec<(String, Expr)>,
    unknown: Vec<String>,
}

impl Steps {
    fn add(&mut self, filled: &FilledColumn, zone: &str) {
        let name = &filled.name;
        let value = column(&raw(name));
        let Some(conversion) = filled.typed(value.clone(), zone).map(|read| within_calendar(read, filled.kind)) else {
            return;
        };
        let lost = value.is_not_null().and(is_null(conversion.typed.clone()));
        self.columns.push(conversion.typed.alias(name));
        if filled.required {
            let mut missing = is_null(column(name));
            if conversion.fallible {
                let invalid = format!("invalid_{name}");
                self.columns.push(lost.alias(&invalid));
                self.reasons.push((invalid.clone(), column(&invalid)));
            }
            if filled.kind == ColumnType::Id {
                missing = missing.or(column(name).eq(cast(lit(""), contract::data_type(ColumnType::Id))));
            }
            self.reasons.push((format!("missing_{name}"), missing));
        } else if conversion.fallible {
            let unknown = format!("unknown_{name}");
            self.columns.push(lost.alias(&unknown));
            self.unknown.push(unknown);
        }
    }
}

/// The reasons in the order they are asked: the first that holds is counted.
#[derive(Default)]
struct Reasons {
    names: Vec<String>,
    conditions: Vec<Expr>,
}

impl Reasons {
    fn add(&mut self, name: &str, condition: Expr) {
        self.names.push(name.to_owned());
        self.conditions.push(condition);
    }

    fn number(&self) -> Result<Expr> {
        let none = || lit(ScalarValue::Int32(None));
        let mut cases = self.conditions.iter().zip(0_i32..).map(|(condition, number)| (condition.clone(), lit(number)));
        let Some((condition, number)) = cases.next() else {
            return Ok(none());
        };
        let mut case = when(condition, number);
        for (condition, number) in cases {
            case = case.when(condition, number);
        }
        Ok(cast(case.otherwise(none())?, DataType::Int32))
    }
}

/// The first and the last day that data can be of: what lies outside is a slip of an export, and arithmetic with it
/// leaves the range of dates.
pub(crate) fn calendar() -> Option<(NaiveDate, NaiveDate)> {
    Some((NaiveDate::from_ymd_opt(1900, 1, 1)?, NaiveDate::from_ymd_opt(2199, 12, 31)?))
}

/// The first and the last value of the calendar, for columns that hold days or instants.
fn calendar_of(kind: ColumnType) -> Option<(Expr, Expr)> {
    let (first, last) = calendar()?;
    let midnight = |day: NaiveDate| instant(day.and_time(NaiveTime::MIN).and_utc());
    match kind {
        ColumnType::Date => Some((day(first), day(last))),
        ColumnType::Timestamp => Some((midnight(first), midnight(last))),
        _ => None,
    }
}

/// Days and instants outside the calendar cannot be read.
fn within_calendar(read: Conversion, kind: ColumnType) -> Conversion {
    let Some((from, to)) = calendar_of(kind) else { return read };
    let known = when(read.typed.clone().between(from, to), read.typed.clone()).otherwise(lit(ScalarValue::Null));
    known.map_or(read, |typed| Conversion { typed, fallible: true })
}

/// Columns that count or measure something, where less than nothing is a slip.
const NEVER_NEGATIVE: &[(InputTable, &str)] = &[
    (InputTable::Subscriptions, "mrr"),
    (InputTable::Subscriptions, "discount"),
    (InputTable::Orders, "discount_amount"),
    (InputTable::Orders, "refunded_amount"),
    (InputTable::UsageEvents, "quantity"),
    (InputTable::UsageEvents, "duration_seconds"),
];

/// Rows that contradict themselves.
fn contradictions(input: &Prepared<'_>, reasons: &mut Reasons) {
    let (table, mapping) = (input.spec.table, &input.mapping);
    // Where rows are events or snapshots, an end that they carry is not read.
    let reads_end = input.spec.form == SubscriptionForm::Periods && mapping.column("ended_on").is_some();
    if table == InputTable::Subscriptions && reads_end {
        reasons.add("reversed_period", column("ended_on").lt(column("started_on")));
    }
    if table == InputTable::ExchangeRates {
        reasons.add("impossible_rate", exchange::is_no_rate());
    }
    for (_, name) in NEVER_NEGATIVE.iter().filter(|(of, name)| *of == table && mapping.column(name).is_some()) {
        reasons.add(&format!("negative_{name}"), column(name).lt(lit(0_i64)));
    }
}

/// Whether rows say when notice was given, which is no notice before there was anything to end.
fn gives_notice(table: InputTable, mapping: &Mapping) -> bool {
    table == InputTable::Subscriptions && mapping.column("cancelled_on").is_some()
}

/// A column as it was known on the night: an outcome that came later is not known yet.
fn as_known(table: InputTable, filled: &FilledColumn, as_of: &AsOf) -> Expr {
    let value = column(&filled.name);
    let decided = match (table, filled.name.as_str()) {
        (InputTable::SupportTickets, "closed_at")
        | (InputTable::Opportunities, "closed_on")
        | (InputTable::Feedback, "resolved_on" | "told_on")
        | (InputTable::Plans, "retired_on") => later(filled, as_of),
        (InputTable::Subscriptions, "cancelled_on") => later(filled, as_of).or(value.clone().lt(column("started_on"))),
        _ => return value,
    };
    let unknown = when(decided, lit(ScalarValue::Null)).otherwise(value.clone());
    unknown.unwrap_or(value).alias(&filled.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_counted_from_the_epoch() {
        let literal = day("2024-02-29".parse().unwrap());
        assert_eq!(literal, lit(ScalarValue::Date32(Some(19782))));
    }
}
