//! The kinds of rules, a folder each with the same three files: what is written (`syntax`), what it means
//! (`check`), what the engine runs (`compile`).

pub(crate) mod audit;
pub(crate) mod guardrail;
pub(crate) mod metric;
pub(crate) mod milestone;
pub(crate) mod mute;
pub(crate) mod owner;
pub(crate) mod param;
pub(crate) mod predicate;
pub(crate) mod segment;
pub(crate) mod stretch;
pub(crate) mod trigger;
