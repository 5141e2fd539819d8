//! What people see of the rules: the problems in their files, and the rows that rules give.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

mod audits;
mod broken;
mod execution;
mod heard;
mod keys;
mod long;
mod mangled;
mod mutants;
mod night;
mod pack;
mod problems;
mod random;
mod rfm;
mod scores;
mod stays;
mod suggestions;
mod support;
mod testing;
mod timelines;
