//! The functions that plans need and DataFusion does not have. Stateless, registered by name.

use datafusion::error::Result;
use datafusion::execution::FunctionRegistry;
use datafusion::logical_expr::AggregateUDF;
use std::sync::Arc;

mod activity_profile;
mod calendar;
mod fits;
mod lists;
mod money;
mod movements;
mod parts;
mod scores;
mod sets;

pub(crate) use activity_profile::{Slot, SlotKind, Spec};
pub(crate) use calendar::days_of;
pub use money::exchanged;
pub(crate) use sets::FEATURE_SEPARATOR;

/// Adds every function of the catalogue to an engine.
///
/// # Errors
/// When the registry takes no functions.
pub fn register_functions(registry: &mut dyn FunctionRegistry) -> Result<()> {
    let scalars = calendar::functions().into_iter().chain(sets::functions()).chain(money::functions());
    let scalars = scalars.chain(scores::functions()).chain(lists::functions()).chain(parts::functions());
    for function in scalars {
        registry.register_udf(Arc::new(function))?;
    }
    for function in fits::functions() {
        registry.register_udaf(Arc::new(function))?;
    }
    registry.register_udaf(Arc::new(AggregateUDF::from(activity_profile::ActivityProfile::new())))?;
    registry.register_udaf(Arc::new(AggregateUDF::from(movements::MovementsOf::new())))?;
    Ok(())
}
