//! The shape of the workspace: what the compiler does not check and a reader relies on.
//!
//! Each rule collects everything that breaks it, so that one run shows all there is to mend.

mod budgets;
mod crates;
mod documents;
mod metrics;
mod pages;
mod released;
mod rules;
mod tree;
mod words;

/// Fails with everything that was found, a line each.
#[track_caller]
fn nothing_of(problem: &str, found: &[String]) {
    assert!(found.is_empty(), "{problem}:\n  {}", found.join("\n  "));
}
