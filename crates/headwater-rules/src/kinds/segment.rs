//! Segment schemes: every account has exactly one segment in each.

mod check;
mod compile;
mod hold;
mod membership;
mod population;
mod presets;
mod rfm;
mod syntax;

pub(crate) use check::{SegmentScheme, check};
pub(crate) use compile::{column, joins, scores};
pub(crate) use membership::memberships;
pub(crate) use population::{edges, population, quantiles};
pub(crate) use syntax::{RawScheme, SCHEME};
