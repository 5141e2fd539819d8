//! Audits: what must hold for the staged tables before they are published.

mod check;
mod compile;
mod syntax;

pub(crate) use check::{CheckedAudit, check};
pub(crate) use compile::audits;
pub(crate) use syntax::{AUDIT, RawAudit};
