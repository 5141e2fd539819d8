//! The reference pages, rendered from the declarations they describe.
//!
//! `cargo xtask generate` writes them, a test compares them; neither knows how they are made.

mod diagnostics;
mod metrics;

/// The sentence that keeps people from editing a page by hand.
const GENERATED: &str = "<!-- Written by `cargo xtask generate`. Edit the declarations in the code instead. -->";

/// A page of the documentation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Its path below the root of the workspace.
    pub path: &'static str,
    /// Its text.
    pub text: String,
}

/// Every generated page.
#[must_use]
pub fn all() -> Vec<Page> {
    vec![
        Page { path: "docs/diagnostics.md", text: diagnostics::text() },
        Page { path: "docs/metrics.md", text: metrics::text() },
    ]
}

/// A page's head: its title, the note on its origin, and what it is about.
fn head(title: &str, about: &str) -> String {
    format!("# {title}\n\n{GENERATED}\n\n{about}\n")
}
