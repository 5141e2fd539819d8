//! From the types a lake holds to the types of the contract: the one table of what may be cast to what.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::ScalarValue;
use datafusion::functions::expr_fn::{character_length, coalesce};
use datafusion::logical_expr::{Expr, cast, lit, try_cast, when};
use headwater_metrics::{ColumnType, MONEY_PRECISION, MONEY_SCALE, TOO_LARGE_MONEY};

/// The type a contract column has in every table that was opened.
///
/// Text is a view: that is what Parquet is read as without a copy and what the engine groups by fastest. Published
/// tables cast it to plain text at the very end.
#[must_use]
pub fn data_type(kind: ColumnType) -> DataType {
    match kind {
        ColumnType::Id | ColumnType::Text => DataType::Utf8View,
        ColumnType::Date => DataType::Date32,
        ColumnType::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from("UTC"))),
        ColumnType::Integer => DataType::Int64,
        ColumnType::Number => DataType::Float64,
        ColumnType::Money => DataType::Decimal128(MONEY_PRECISION, MONEY_SCALE),
        ColumnType::Flag => DataType::Boolean,
    }
}

/// What a column type is called in messages.
pub(crate) fn word(kind: ColumnType) -> &'static str {
    match kind {
        ColumnType::Id => "an id",
        ColumnType::Text => "text",
        ColumnType::Date => "a date",
        ColumnType::Timestamp => "a point in time",
        ColumnType::Integer => "a whole number",
        ColumnType::Number => "a number",
        ColumnType::Money => "an amount",
        ColumnType::Flag => "true or false",
    }
}

/// A value brought to its contract type.
#[derive(Debug, Clone)]
pub(crate) struct Conversion {
    /// The typed value; null where the source's value has no equal in the type.
    pub typed: Expr,
    /// Whether a value can be lost that way.
    pub fallible: bool,
}

/// How values of `from` become values of `kind`; `None` where there is no safe way.
///
/// Timestamps with a zone are instants, seen in the project's `zone`; those without are read as that zone's clock.
/// Numbers that are not finite, fractions where a whole number is due and amounts that no row has
/// ([`TOO_LARGE_MONEY`]) become null.
pub(crate) fn convert(source: Expr, from: &DataType, kind: ColumnType, zone: &str) -> Option<Conversion> {
    let from = values(from);
    if *from == DataType::Null {
        return Some(sure(cast(source, data_type(kind))));
    }
    match kind {
        ColumnType::Id => id(source, from),
        ColumnType::Text => text(source, from),
        ColumnType::Date => date(source, from, zone),
        ColumnType::Timestamp => timestamp(source, from, zone),
        ColumnType::Integer => whole(source, from),
        ColumnType::Number => number(source, from),
        ColumnType::Money => money(source, from).and_then(|read| below_too_large(read.typed)),
        ColumnType::Flag => flag(source, from),
    }
}

/// The kind of an attribute, from the type of the column or expression it is.
pub(crate) fn kind_of(from: &DataType) -> Option<ColumnType> {
    let from = values(from);
    match from {
        _ if is_text(from) => Some(ColumnType::Text),
        DataType::Null => Some(ColumnType::Text),
        DataType::Boolean => Some(ColumnType::Flag),
        DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) => Some(ColumnType::Date),
        _ if from.is_integer() => Some(ColumnType::Integer),
        _ if from.is_floating() => Some(ColumnType::Number),
        DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale) => Some(match scale {
            ..=0 => ColumnType::Integer,
            1..=MONEY_SCALE => ColumnType::Money,
            _ => ColumnType::Number,
        }),
        _ => None,
    }
}

fn values(stored: &DataType) -> &DataType {
    match stored {
        DataType::Dictionary(_, value) => values(value),
        other => other,
    }
}

fn sure(typed: Expr) -> Conversion {
    Conversion { typed, fallible: false }
}

fn unsure(typed: Expr) -> Conversion {
    Conversion { typed, fallible: true }
}

fn is_text(from: &DataType) -> bool {
    use DataType as D;
    matches!(from, D::Utf8 | D::LargeUtf8 | D::Utf8View | D::Binary | D::LargeBinary | D::BinaryView)
}

fn is_decimal(from: &DataType) -> bool {
    matches!(
        from,
        DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) | DataType::Decimal256(..)
    )
}

/// Old writers store text as bytes without saying that it is text.
fn as_text(source: Expr, from: &DataType) -> Conversion {
    match from {
        DataType::Utf8View => sure(source),
        DataType::Utf8 | DataType::LargeUtf8 => sure(cast(source, DataType::Utf8View)),
        _ => unsure(try_cast(source, DataType::Utf8View)),
    }
}

fn id(source: Expr, from: &DataType) -> Option<Conversion> {
    match from {
        _ if is_text(from) => Some(as_text(source, from)),
        _ if from.is_integer() => Some(sure(cast(source, DataType::Utf8View))),
        // Some warehouses export every whole number as a decimal without fraction.
        DataType::Decimal128(_, 0) | DataType::Decimal256(_, 0) => Some(sure(cast(source, DataType::Utf8View))),
        _ => None,
    }
}

fn text(source: Expr, from: &DataType) -> Option<Conversion> {
    match from {
        _ if is_text(from) => Some(as_text(source, from)),
        DataType::Boolean => Some(sure(cast(source, DataType::Utf8View))),
        DataType::Duration(_) | DataType::Interval(_) => None,
        _ if from.is_primitive() => Some(sure(cast(source, DataType::Utf8View))),
        _ => None,
    }
}

fn date(source: Expr, from: &DataType, zone: &str) -> Option<Conversion> {
    match from {
        DataType::Date32 => Some(sure(source)),
        DataType::Date64 | DataType::Timestamp(_, None) => Some(sure(cast(source, DataType::Date32))),
        DataType::Timestamp(unit, Some(_)) => {
            let local = cast(source, DataType::Timestamp(*unit, Some(Arc::from(zone))));
            Some(sure(cast(local, DataType::Date32)))
        }
        _ if is_text(from) => {
            let text = as_text(source, from).typed;
            let day = try_cast(text.clone(), DataType::Date32);
            let local = DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from(zone)));
            // What is longer than a day has a time, and may have an offset: it is of the project's day then.
            let moment = cast(try_cast(text.clone(), local), DataType::Date32);
            let is_moment = character_length(text).gt(lit(LENGTH_OF_A_DAY));
            Some(unsure(when(is_moment, coalesce(vec![moment, day.clone()])).otherwise(day).ok()?))
        }
        _ => None,
    }
}

/// Characters of `2026-05-31`.
const LENGTH_OF_A_DAY: i32 = 10;

fn timestamp(source: Expr, from: &DataType, zone: &str) -> Option<Conversion> {
    let micros = |zone: &str| DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from(zone)));
    let instant = data_type(ColumnType::Timestamp);
    match from {
        DataType::Timestamp(_, Some(_)) => Some(unsure(try_cast(source, instant))),
        DataType::Timestamp(_, None) => Some(unsure(try_cast(try_cast(source, micros(zone)), instant))),
        DataType::Date32 | DataType::Date64 => {
            let midnight = try_cast(source, DataType::Timestamp(TimeUnit::Microsecond, None));
            Some(unsure(try_cast(try_cast(midnight, micros(zone)), instant)))
        }
        _ if is_text(from) => {
            let local = try_cast(as_text(source, from).typed, micros(zone));
            Some(unsure(try_cast(local, instant)))
        }
        _ => None,
    }
}

fn whole(source: Expr, from: &DataType) -> Option<Conversion> {
    match from {
        DataType::Int64 => Some(sure(source)),
        DataType::UInt64 => Some(unsure(try_cast(source, DataType::Int64))),
        _ if from.is_integer() => Some(sure(cast(source, DataType::Int64))),
        _ if from.is_floating() || is_decimal(from) => {
            let typed = try_cast(source.clone(), DataType::Int64);
            let back = cast(typed.clone(), from.clone());
            only_when(back.eq(source), typed)
        }
        _ if is_text(from) => Some(unsure(try_cast(as_text(source, from).typed, DataType::Int64))),
        _ => None,
    }
}

fn number(source: Expr, from: &DataType) -> Option<Conversion> {
    match from {
        _ if from.is_floating() => only_when(is_finite(&source), cast(source.clone(), DataType::Float64)),
        _ if from.is_integer() || is_decimal(from) => Some(sure(cast(source, DataType::Float64))),
        _ if is_text(from) => {
            let typed = try_cast(as_text(source, from).typed, DataType::Float64);
            only_when(is_finite(&typed), typed)
        }
        _ => None,
    }
}

fn money(source: Expr, from: &DataType) -> Option<Conversion> {
    let amount = data_type(ColumnType::Money);
    match from {
        _ if *from == amount => Some(sure(source)),
        _ if from.is_floating() => {
            let wide = cast(source, DataType::Float64);
            only_when(is_finite(&wide), try_cast(wide.clone(), amount))
        }
        _ if from.is_integer() || is_decimal(from) => Some(unsure(try_cast(source, amount))),
        _ if is_text(from) => Some(unsure(try_cast(as_text(source, from).typed, amount))),
        _ => None,
    }
}

fn below_too_large(amount: Expr) -> Option<Conversion> {
    let minor_units = |amount| lit(ScalarValue::Decimal128(Some(amount), MONEY_PRECISION, MONEY_SCALE));
    only_when(amount.clone().between(minor_units(1 - TOO_LARGE_MONEY), minor_units(TOO_LARGE_MONEY - 1)), amount)
}

fn flag(source: Expr, from: &DataType) -> Option<Conversion> {
    match from {
        DataType::Boolean => Some(sure(source)),
        _ if from.is_integer() => {
            let typed = cast(source.clone(), DataType::Boolean);
            let number = cast(source, DataType::Int64);
            only_when(number.clone().eq(lit(0_i64)).or(number.eq(lit(1_i64))), typed)
        }
        _ if is_text(from) => Some(unsure(try_cast(as_text(source, from).typed, DataType::Boolean))),
        _ => None,
    }
}

/// Comparisons of floats in the engine order NaN above infinity, so one range check excludes both.
fn is_finite(value: &Expr) -> Expr {
    let value = cast(value.clone(), DataType::Float64);
    value.clone().gt_eq(lit(f64::MIN)).and(value.lt_eq(lit(f64::MAX)))
}

fn only_when(condition: Expr, typed: Expr) -> Option<Conversion> {
    let typed = when(condition, typed).otherwise(lit(ScalarValue::Null)).ok()?;
    Some(unsure(typed))
}
