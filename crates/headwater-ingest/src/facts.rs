//! What an opened table covers: its first and last day, and how many accounts.

use chrono::{Days, NaiveDate};
use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Date32Type, Field, Schema, TimeUnit};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::Result;
use datafusion::functions_aggregate::expr_fn::{max, min};
use datafusion::logical_expr::{Expr, cast};
use datafusion::prelude::{DataFrame, SessionContext};
use headwater_metrics::{AsOf, ColumnType, InputTable};
use std::sync::Arc;

use crate::checks::{self, KNOWN_ACCOUNT, column};
use crate::mapping::FilledColumn;
use crate::prepare::Prepared;

/// The days at the end of a streamed input in which its last row is looked for before everything is read.
const RECENT_DAYS: u32 = 35;

/// What a table covers.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub oldest: Option<NaiveDate>,
    pub newest: Option<NaiveDate>,
    pub accounts: Option<u64>,
}

/// The ids of the clean accounts, once those are open.
pub(crate) async fn known_accounts(context: &SessionContext) -> Result<Option<DataFrame>> {
    let name = InputTable::Accounts.name();
    if !context.table_exist(name)? {
        return Ok(None);
    }
    let ids = context.table(name).await?.select(vec![column("account_id").alias(KNOWN_ACCOUNT)])?;
    Ok(Some(ids))
}

/// Looks at an opened table; a streamed one is read as little as possible.
pub(crate) async fn of(context: &SessionContext, input: &Prepared<'_>, streamed: bool, as_of: &AsOf) -> Result<Facts> {
    let table = input.spec.table;
    let frame = context.table(table.name()).await?;
    let happened = table.happened().and_then(|name| input.mapping.column(name));
    let (mut oldest, mut newest) = (None, None);
    match happened {
        Some(filled) if streamed => {
            newest = last_day(&frame, filled, as_of).await?;
            oldest = match first_day(context, input, filled, as_of)? {
                Some(day) => Some(day),
                None => days(frame.clone(), day_of(filled, as_of)).await?.0,
            };
        }
        Some(filled) => {
            // What is booked and has not begun says nothing of how fresh the input is.
            let seen = frame.clone().filter(day_of(filled, as_of).lt_eq(checks::day(as_of.day())))?;
            (oldest, newest) = days(seen, day_of(filled, as_of)).await?;
        }
        None => {}
    }
    let accounts = match table.belongs_to_account() && !streamed {
        true => Some(accounts_of(frame).await?),
        false => None,
    };
    Ok(Facts { oldest, newest, accounts })
}

async fn accounts_of(frame: DataFrame) -> Result<u64> {
    let accounts = frame.select(vec![column("account_id")])?.distinct()?.count().await?;
    Ok(u64::try_from(accounts).unwrap_or(u64::MAX))
}

/// The day of a row in the project's zone.
fn day_of(filled: &FilledColumn, as_of: &AsOf) -> Expr {
    let value = column(&filled.name);
    match filled.kind {
        ColumnType::Timestamp => {
            let local = cast(value, DataType::Timestamp(TimeUnit::Microsecond, Some(as_of.zone().name().into())));
            cast(local, DataType::Date32)
        }
        _ => value,
    }
}

async fn days(frame: DataFrame, day: Expr) -> Result<(Option<NaiveDate>, Option<NaiveDate>)> {
    let answer =
        frame.aggregate(vec![], vec![min(day.clone()).alias("oldest"), max(day).alias("newest")])?.collect().await?;
    let value = |at: usize| {
        let column = answer.first()?.columns().get(at)?.as_primitive_opt::<Date32Type>()?;
        (!column.is_empty() && column.is_valid(0)).then(|| Date32Type::to_naive_date_opt(column.value(0)))?
    };
    Ok((value(0), value(1)))
}

/// The last day of a streamed input, from its end, where the engine can pass over all other objects.
async fn last_day(frame: &DataFrame, filled: &FilledColumn, as_of: &AsOf) -> Result<Option<NaiveDate>> {
    let from = as_of.day().checked_sub_days(Days::new(RECENT_DAYS.into())).unwrap_or(NaiveDate::MIN);
    let recent = frame.clone().filter(column(&filled.name).gt_eq(checks::day(from)))?;
    match days(recent, column(&filled.name)).await?.1 {
        Some(day) => Ok(Some(day)),
        None => Ok(days(frame.clone(), column(&filled.name)).await?.1),
    }
}

/// The first day of a streamed input from what footers and paths say, where its day is one column of the source and
/// every object says its least value.
fn first_day(
    context: &SessionContext,
    input: &Prepared<'_>,
    filled: &FilledColumn,
    as_of: &AsOf,
) -> Result<Option<NaiveDate>> {
    let (Expr::Column(source), Some(objects), None) = (&filled.source, &input.objects, &input.filter) else {
        return Ok(None);
    };
    if input.expectations.iter().any(|expected| expected.leaves_out) {
        return Ok(None);
    }
    let least: Option<Vec<ScalarValue>> = objects
        .objects()
        .iter()
        .filter(|object| object.version.rows > 0)
        .map(|object| objects.least(object, &source.name))
        .collect();
    let Some(least) = least.filter(|least| !least.is_empty()) else { return Ok(None) };
    if least.iter().any(|value| value.data_type() != filled.from) {
        return Ok(None);
    }
    let values = ScalarValue::iter_to_array(least)?;
    let field = Field::new(&source.name, filled.from.clone(), true);
    let schema = Arc::new(Schema::new(vec![field]));
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![values])?;
    let Some(conversion) = filled.typed(column(&source.name), as_of.zone().name()) else { return Ok(None) };
    let state = context.state();
    let days = state.create_physical_expr(conversion.typed, &DFSchema::try_from(schema)?)?.evaluate(&batch)?;
    let days = days.into_array(batch.num_rows())?;
    let days = days.as_primitive::<Date32Type>();
    let least: Option<Vec<NaiveDate>> = days.iter().flatten().map(Date32Type::to_naive_date_opt).collect();
    // Of an object that begins before the calendar, the first day inside is not known.
    let first_of_all = checks::calendar().map(|(first, _)| first);
    let least = least.filter(|least| least.iter().all(|day| Some(*day) >= first_of_all));
    Ok(least.and_then(|least| least.into_iter().filter(|day| *day <= as_of.day()).min()))
}
