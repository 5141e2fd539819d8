//! The texts people write, read with their positions, and what is said back: code, place, cause and remedy.
//!
//! A diagnostic is about the user's files or data and is collected with all others before anything is said.
//! Failures of the program itself are error types in the crates they belong to.

mod code;
mod diagnostic;
mod fix;
mod render;
mod source;
mod suggest;
#[cfg(test)]
mod tests;
pub mod yaml;

pub use code::{Code, Severity};
pub use diagnostic::{Diagnostic, Diagnostics, Place};
pub use fix::{Fix, Mended};
pub use render::{Rendering, render};
pub use source::{FileId, Sources, Span};
pub use suggest::closest;
