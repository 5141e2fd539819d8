//! The file of what was released of the published tables, with what has come since.

use std::fs;
use std::path::Path;

use headwater_nightly::every_table;

use super::Failure;
use crate::released::Released;

/// Where it is, below the root of the workspace.
pub(super) const PATH: &str = "docs/schema/tables.v1.json";

/// The file's text.
pub(super) fn text(root: &Path) -> Result<String, Failure> {
    let released: Released = serde_json::from_str(&fs::read_to_string(root.join(PATH))?)?;
    Ok(released.grown(&every_table(), env!("CARGO_PKG_VERSION"))?.text()?)
}
