//! What development tasks and tests share: the pages that are generated from the code, and disturbed nights.

pub mod crashes;
pub mod dice;
pub mod pages;
pub mod released;

use std::env;
use std::path::{Path, PathBuf};

/// What a task comes to; its error is shown and ends it.
pub type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// The folder that holds the workspace's manifest.
#[must_use]
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// The folder for what is built.
#[must_use]
pub fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}
