//! Guardrails: verdicts on metrics of groups of accounts.

mod bands;
mod check;
mod compile;
mod profile;
mod promotion;
mod syntax;
#[cfg(test)]
mod tests;

pub(crate) use bands::{Bands, Range};
pub(crate) use check::{Guardrail, check, check_profiles};
pub(crate) use compile::verdicts;
pub(crate) use syntax::{GUARDRAIL, RawGuardrail, RawProfile, STAGE_PROFILE};
