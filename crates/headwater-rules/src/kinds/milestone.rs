//! Milestone ladders: how far each account has come, and what it did out of order.

mod check;
mod compile;
mod syntax;

pub(crate) use check::{Ladder, check};
pub(crate) use compile::{columns, evidence, flags, states};
pub(crate) use syntax::{LADDER, RawLadder};
