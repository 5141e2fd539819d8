//! Scalar expressions over one account: read as SQL, checked against an explicit list of what is allowed, and
//! written back as SQL that the engine gives one meaning to.

mod calls;
mod conditions;
mod display;
mod functions;
mod kind;
mod names;
mod node;
mod overlap;
mod parse;
mod plan;
mod refusals;
mod shape;
mod slips;
mod sql;
#[cfg(test)]
mod tests;
mod typing;
mod units;
mod walk;

pub(crate) use conditions::{Leaf, Reason, comparison, leaves, reasons};
pub(crate) use kind::Kind;
pub use names::suggest_metric;
pub(crate) use names::{Names, Scheme, Stage};
pub(crate) use node::{Column, ColumnSource, Expression, Literal, Operator};
pub(crate) use overlap::{both_hold, implies, never_holds};
pub(crate) use parse::tokens;
pub use plan::PLAN_NESTING;
pub(crate) use plan::Planner;
pub(crate) use shape::{hashed, shape};
pub(crate) use sql::{Dialect, chained, finite};
pub(crate) use units::out_of_scale;
pub(crate) use walk::{Checked, Use, check_expression, resolve_name};
