//! `movements_of`: the movements of an account's recurring revenue, from what began and ended in each period.
//!
//! Arguments: the age of the period (0 ends on the as-of day), the amount that began (above nothing) or ended, 1 or -1 for
//! which it was and 0 where only an exchange rate changed its worth, its plan, its seats, whether it is an add-on, whether it
//! follows a discount that ended, its first day; and, as a literal, whether who comes and goes within one period counts.
//! One look at each change replaces an aggregation with windows, which sorts millions of groups of three or four rows.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{Accumulator, AggregateUDFImpl, GroupsAccumulator, Signature, Volatility};
use datafusion::physical_plan::expressions::Literal;
use datafusion::scalar::ScalarValue;

mod accumulator;
mod changes;
mod history;

use accumulator::MovementsAccumulator;

/// The type of an amount of money: what inputs hold, and what is published.
const MONEY: DataType = DataType::Decimal128(18, 2);

/// The aggregate function.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct MovementsOf {
    signature: Signature,
}

impl MovementsOf {
    pub(super) fn new() -> Self {
        let arguments = vec![
            DataType::Int64,
            MONEY,
            DataType::Int64,
            DataType::Utf8,
            DataType::Int64,
            DataType::Boolean,
            DataType::Boolean,
            DataType::Date32,
            DataType::Boolean,
        ];
        Self { signature: Signature::exact(arguments, Volatility::Immutable) }
    }
}

fn list_of(fields: Fields) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(DataType::Struct(fields), true)))
}

/// Whether brief customers count, among the arguments.
fn brief_customers_count(args: &AccumulatorArgs<'_>) -> Result<bool> {
    match args.exprs.last().and_then(|expr| expr.downcast_ref::<Literal>()).map(Literal::value) {
        Some(ScalarValue::Boolean(Some(count))) => Ok(*count),
        _ => exec_err!("whether brief customers count must be a literal"),
    }
}

impl AggregateUDFImpl for MovementsOf {
    fn name(&self) -> &'static str {
        "movements_of"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(list_of(history::fields()))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let name = format_state_name(args.name, "changes");
        Ok(vec![Arc::new(Field::new(name, list_of(changes::fields()), true))])
    }

    fn accumulator(&self, _args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        exec_err!("movements_of needs a GROUP BY")
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs<'_>) -> bool {
        true
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(MovementsAccumulator::new(brief_customers_count(&args)?)))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}
