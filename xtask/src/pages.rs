//! The reference pages and the schemas, rendered from the declarations they describe.
//!
//! `cargo xtask generate` writes them, a test compares them; neither knows how they are made.

use std::error::Error;
use std::path::Path;

mod diagnostics;
mod inputs;
mod metrics;
mod released;
mod tables;

/// Why a page could not be rendered.
pub type Failure = Box<dyn Error + Send + Sync>;

/// The sentence that keeps people from editing a page by hand.
const GENERATED: &str = "<!-- Written by `cargo xtask generate`. Edit the declarations in the code instead. -->";

/// A page of the documentation, or a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Its path below the root of the workspace.
    pub path: &'static str,
    /// Its text.
    pub text: String,
}

/// Every generated page.
///
/// # Errors
/// Where the project or the rules under `root` that a page describes cannot be read, and where the code takes back what was
/// released of a published table.
pub fn all(root: &Path) -> Result<Vec<Page>, Failure> {
    Ok(vec![
        Page { path: "docs/diagnostics.md", text: diagnostics::text() },
        Page { path: "docs/inputs.md", text: inputs::text() },
        Page { path: "docs/metrics.md", text: metrics::text() },
        Page { path: "docs/tables.md", text: tables::text(root)? },
        Page {
            path: "docs/schema/manifest.v1.schema.json",
            text: json(&headwater_nightly::publish::manifest_schema()),
        },
        Page { path: released::PATH, text: released::text(root)? },
        Page { path: "rules/schema/rules.v1.schema.json", text: json(&headwater_nightly::rule_file_schema()) },
        Page { path: "rules/schema/tests.v1.schema.json", text: json(&headwater_nightly::test_file_schema()) },
    ])
}

fn json(schema: &serde_json::Value) -> String {
    format!("{schema:#}\n")
}

/// A page's head: its title, the note on its origin, and what it is about.
fn head(title: &str, about: &str) -> String {
    format!("# {title}\n\n{GENERATED}\n\n{about}\n")
}
