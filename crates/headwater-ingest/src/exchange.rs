//! Amounts in other currencies, at the rates that the project says.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{JoinType, ScalarValue};
use datafusion::error::Result;
use datafusion::functions::expr_fn::{btrim, upper};
use datafusion::logical_expr::{Expr, cast, is_null, lit, try_cast, when};
use datafusion::prelude::{DataFrame, SessionContext};
use headwater_metrics::{AsOf, ColumnType, Exchange, InputTable, exchanged, literal};

use crate::WorkArea;
use crate::checks::{column, day};
use crate::contract;
use crate::mapping::Mapping;
use crate::spec::LakeSpec;

/// The reason of rows in a currency of which no rate is known on their day.
pub(crate) const NO_RATE: &str = "no_exchange_rate";
/// The reason of rows that do not say their currency.
pub(crate) const NO_CURRENCY: &str = "missing_currency";

/// The part of a subscription's price that is given off.
const DISCOUNT: &str = "discount";
/// The column of the joined rate.
const RATE: &str = "exchange:rate";
/// The column of the largest rate that its currency had until the night.
const LARGEST_RATE: &str = "exchange:largest_rate";
/// The largest rate that is one.
const MOST: f64 = 1e6;

/// How amounts of a night are exchanged.
#[derive(Debug, Clone)]
pub(crate) struct Rates {
    own: String,
    exchange: Exchange,
    /// `rate_of`, `rate_on` where rates move, `rate`, and `largest_rate`; none where the project has no rates.
    known: Option<DataFrame>,
}

/// A rate that cannot be one.
pub(crate) fn is_no_rate() -> Expr {
    let rate = || column("rate");
    !(rate().gt(lit(0.0)).and(rate().lt_eq(lit(MOST))))
}

/// Makes clean rates those of one spelling of each currency, with one rate a day: of several the smallest, and the
/// others are rows less. The answer is the number of rows left.
pub(crate) async fn settle(context: &SessionContext, work: &WorkArea) -> Result<u64> {
    let name = InputTable::ExchangeRates.name();
    let stated =
        format!("SELECT upper(btrim(currency)) AS currency, valid_on, min(rate) AS rate FROM {name} GROUP BY 1, 2");
    work.materialise(context, name, context.sql(&stated).await?).await
}

impl Rates {
    /// The rates of the clean input, once it is open.
    pub(crate) async fn of(context: &SessionContext, lake: &LakeSpec<'_>, as_of: &AsOf) -> Result<Self> {
        let mut rates = Self { own: lake.currency.to_owned(), exchange: lake.exchange, known: None };
        if !context.table_exist(InputTable::ExchangeRates.name())? {
            return Ok(rates);
        }
        let date = |day: chrono::NaiveDate| format!("DATE {}", literal(&day.to_string()));
        let sql = match lake.exchange {
            Exchange::Constant(day) => format!(
                "SELECT *, rate AS largest_rate FROM (
                    SELECT currency AS rate_of, first_value(rate ORDER BY valid_on DESC) AS rate FROM exchange_rates
                    WHERE valid_on <= {} GROUP BY currency)",
                date(day)
            ),
            Exchange::Moving => format!(
                "SELECT rate_of, CAST(unnest(range(valid_on, until, INTERVAL '1 day')) AS DATE) AS rate_on, rate, largest_rate FROM (
                    SELECT currency AS rate_of, valid_on, rate, max(rate) OVER (PARTITION BY currency) AS largest_rate,
                        lead(valid_on, 1, {} + INTERVAL '1 day') OVER (PARTITION BY currency ORDER BY valid_on) AS until
                    FROM exchange_rates)",
                date(as_of.day())
            ),
        };
        rates.known = Some(context.sql(&sql).await?);
        Ok(rates)
    }

    /// Whether the amounts of a table have a currency of their own.
    pub(crate) fn concern(table: InputTable, mapping: &Mapping) -> bool {
        table != InputTable::ExchangeRates && mapping.column("currency").is_some()
    }

    /// The rows with their rate beside them, and their currency in capital letters. Rates, which are few, are what the
    /// engine keeps at hand while rows pass by.
    pub(crate) fn join(&self, frame: DataFrame, table: InputTable, as_of: &AsOf) -> Result<DataFrame> {
        let frame = frame.with_column("currency", cast(upper(btrim(vec![column("currency")])), text()))?;
        let Some(known) = self.known.clone() else {
            let no_rate = || lit(ScalarValue::Float64(None));
            return frame.with_column(RATE, no_rate())?.with_column(LARGEST_RATE, no_rate());
        };
        let known = known.with_column_renamed("rate", RATE)?.with_column_renamed("largest_rate", LARGEST_RATE)?;
        match (self.exchange, table.happened()) {
            (Exchange::Moving, Some(happened)) => {
                // What is booked and has not begun counts at the last rate there is.
                let last = || day(as_of.day());
                let on = when(column(happened).gt(last()), last()).otherwise(column(happened))?;
                let frame = frame.with_column("exchange:on", on)?;
                known.join(frame, JoinType::Right, &["rate_of", "rate_on"], &["currency", "exchange:on"], None)
            }
            _ => known.join(frame, JoinType::Right, &["rate_of"], &["currency"], None),
        }
    }

    /// Whether a row in another currency has no rate.
    pub(crate) fn is_unknown(&self) -> Expr {
        column("currency").not_eq(lit(self.own.as_str())).and(is_null(column(RATE)))
    }

    /// The reasons of rows with an amount that is more, exchanged, than an amount can be: at the rate of their day, or at
    /// any rate up to the night where rates move what a subscription is worth.
    pub(crate) fn too_large(&self, table: InputTable, mapping: &Mapping) -> Result<Vec<(String, Expr)>> {
        let amounts = mapping.columns.iter().filter(|filled| filled.kind == ColumnType::Money);
        let rate = if self.move_worth_of(table) { LARGEST_RATE } else { RATE };
        let reason = |name: &str| {
            let amount = if is_discount(table, name) { list_price() } else { column(name) };
            let is_lost = is_null(self.worth_at(amount, rate)?).and(column(name).is_not_null());
            Ok((format!("too_large_{name}"), is_lost))
        };
        amounts.map(|filled| reason(&filled.name)).collect()
    }

    /// The rows with their amounts in the project's currency. Subscriptions stay as they are agreed where rates move:
    /// what a rate does to them is a movement of its own.
    pub(crate) fn exchanged(&self, mut frame: DataFrame, table: InputTable, mapping: &Mapping) -> Result<DataFrame> {
        if self.move_worth_of(table) {
            return Ok(frame);
        }
        if mapping.columns.iter().any(|filled| is_discount(table, &filled.name)) {
            let discount = self.worth(list_price())? - self.worth(column("mrr"))?;
            let amount = contract::data_type(ColumnType::Money);
            frame = frame.with_column(DISCOUNT, try_cast(discount, amount))?;
        }
        let amounts = mapping.columns.iter().filter(|filled| filled.kind == ColumnType::Money);
        for amount in amounts.filter(|filled| !is_discount(table, &filled.name)) {
            frame = frame.with_column(&amount.name, self.worth(column(&amount.name))?)?;
        }
        Ok(frame)
    }

    /// Whether the amounts of a table are worth another sum at each rate to come.
    fn move_worth_of(&self, table: InputTable) -> bool {
        table == InputTable::Subscriptions && self.exchange == Exchange::Moving
    }

    /// An amount of a row in the project's currency.
    fn worth(&self, amount: Expr) -> Result<Expr> {
        self.worth_at(amount, RATE)
    }

    fn worth_at(&self, amount: Expr, rate: &str) -> Result<Expr> {
        let is_own = column("currency").eq(lit(self.own.as_str()));
        when(is_own, amount.clone()).otherwise(exchanged(amount, column(rate)))
    }
}

/// Whether a column is the discount of a subscription.
fn is_discount(table: InputTable, name: &str) -> bool {
    table == InputTable::Subscriptions && name == DISCOUNT
}

/// What a subscription costs once its discount ends: what is paid then is exchanged as one amount, and rounded once, and a
/// discount is what lies between two such amounts.
fn list_price() -> Expr {
    try_cast(column("mrr") + column(DISCOUNT), contract::data_type(ColumnType::Money))
}

fn text() -> DataType {
    contract::data_type(ColumnType::Text)
}
