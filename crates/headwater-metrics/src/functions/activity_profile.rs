//! `activity_profile`: everything the catalogue asks of an account's events, in one look at each row.
//!
//! Arguments: day, quantity, whether it delivered value, seconds, feature index, whether it was
//! refused, and a [`Spec`] as a literal.
//! The result is a list with one integer per slot of the spec; unknown where the slot has no value.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{Accumulator, AggregateUDFImpl, GroupsAccumulator, Signature, Volatility};
use datafusion::physical_plan::expressions::Literal;
use datafusion::scalar::ScalarValue;

mod accumulator;
mod layout;
mod spec;
#[cfg(test)]
mod tests;

use accumulator::ProfileAccumulator;
pub(crate) use spec::{Slot, SlotKind, Spec};

/// The aggregate function.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct ActivityProfile {
    signature: Signature,
}

impl ActivityProfile {
    pub(super) fn new() -> Self {
        let arguments = vec![
            DataType::Date32,
            DataType::Int64,
            DataType::Boolean,
            DataType::Int64,
            DataType::Int32,
            DataType::Boolean,
            DataType::Utf8,
        ];
        Self { signature: Signature::exact(arguments, Volatility::Immutable) }
    }
}

fn list_of(item: DataType) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(item, true)))
}

/// The spec among the arguments; it must be the same for all rows.
fn spec_of(args: &AccumulatorArgs<'_>) -> Result<Spec> {
    let literal = args.exprs.last().and_then(|expr| expr.downcast_ref::<Literal>());
    match literal.map(Literal::value) {
        Some(ScalarValue::Utf8(Some(text))) => match Spec::parse(text) {
            Some(spec) => Ok(spec),
            None => exec_err!("not a specification of an activity profile: {text}"),
        },
        _ => exec_err!("the specification of an activity profile must be a literal"),
    }
}

impl AggregateUDFImpl for ActivityProfile {
    fn name(&self) -> &'static str {
        "activity_profile"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(list_of(DataType::Int64))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let name = format_state_name(args.name, "words");
        Ok(vec![Arc::new(Field::new(name, list_of(DataType::UInt64), true))])
    }

    fn accumulator(&self, _args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        exec_err!("activity_profile needs a GROUP BY")
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs<'_>) -> bool {
        true
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(ProfileAccumulator::new(&spec_of(&args)?)))
    }

    fn order_sensitivity(&self) -> datafusion::logical_expr::utils::AggregateOrderSensitivity {
        datafusion::logical_expr::utils::AggregateOrderSensitivity::Insensitive
    }
}
