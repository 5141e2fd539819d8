//! Segment schemes: every account has exactly one segment in each.

mod check;
mod compile;
mod presets;
mod syntax;

pub(crate) use check::{SegmentScheme, check};
pub(crate) use compile::{column, population, scores};
pub(crate) use syntax::RawScheme;
