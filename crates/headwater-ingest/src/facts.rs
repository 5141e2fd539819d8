//! What is known of opened tables: the ids of accounts, and how far each input reaches.

use chrono::{Days, NaiveDate};
use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::{DataType, Date32Type, TimeUnit};
use datafusion::error::Result;
use datafusion::functions_aggregate::expr_fn::max;
use datafusion::logical_expr::{Expr, cast};
use datafusion::prelude::{DataFrame, SessionContext};
use headwater_metrics::{AsOf, ColumnType, InputTable};

use crate::checks::{self, KNOWN_ACCOUNT, column};
use crate::mapping::FilledColumn;
use crate::prepare::Prepared;

/// The days at the end of a streamed input in which its last row is looked for before everything is read.
const RECENT_DAYS: u32 = 35;

/// The ids of the clean accounts, once those are open.
pub(crate) async fn known_accounts(context: &SessionContext) -> Result<Option<DataFrame>> {
    let name = InputTable::Accounts.name();
    if !context.table_exist(name)? {
        return Ok(None);
    }
    let ids = context.table(name).await?.select(vec![column("account_id").alias(KNOWN_ACCOUNT)])?;
    Ok(Some(ids))
}

/// The last day of an opened table up to the night; a streamed one is read as little as possible.
pub(crate) async fn newest(
    context: &SessionContext,
    input: &Prepared<'_>,
    streamed: bool,
    as_of: &AsOf,
) -> Result<Option<NaiveDate>> {
    let table = input.spec.table;
    let Some(filled) = table.happened().and_then(|name| input.mapping.column(name)) else { return Ok(None) };
    let frame = context.table(table.name()).await?;
    if streamed {
        return last_day(&frame, filled, as_of).await;
    }
    let day = day_of(filled, as_of);
    // What is booked and has not begun says nothing of how fresh the input is. Where nothing can be, the engine reads the
    // last day from statistics.
    let frame = match input.mapping.column("booked_on") {
        Some(_) => frame.filter(day.clone().lt_eq(checks::day(as_of.day())))?,
        None => frame,
    };
    last(frame, day).await
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

async fn last(frame: DataFrame, day: Expr) -> Result<Option<NaiveDate>> {
    let answer = frame.aggregate(vec![], vec![max(day)])?.collect().await?;
    let last =
        answer.first().and_then(|batch| batch.columns().first()?.as_primitive_opt::<Date32Type>()?.iter().next());
    Ok(last.flatten().and_then(Date32Type::to_naive_date_opt))
}

/// The last day of a streamed input, from its end, where the engine can pass over all other objects.
async fn last_day(frame: &DataFrame, filled: &FilledColumn, as_of: &AsOf) -> Result<Option<NaiveDate>> {
    let from = as_of.day().checked_sub_days(Days::new(RECENT_DAYS.into())).unwrap_or(NaiveDate::MIN);
    let recent = frame.clone().filter(column(&filled.name).gt_eq(checks::day(from)))?;
    match last(recent, column(&filled.name)).await? {
        Some(day) => Ok(Some(day)),
        None => last(frame.clone(), column(&filled.name)).await,
    }
}
