//! Triggers: flags on accounts, held back until a milestone is reached where the rule says so.

mod check;
mod compile;
mod evidence;
mod states;
mod syntax;
mod timing;

pub(crate) use check::{OnNull, Trigger, check};
pub(crate) use compile::{flagged, flags};
pub(crate) use evidence::{Evidence, EvidenceRow, evidence, evidence_rows, leaf_evidence};
pub(crate) use states::{over_limit, states};
pub(crate) use syntax::{RawTrigger, TRIGGER};
