//! A night and another engine over one lake: both are measured, their values compared, and both are reported.

use std::path::Path;

use super::{AS_OF, duckdb, lake, night, report};
use crate::Outcome;

/// What both engines compute, and what of it is set side by side.
pub(super) struct Contest {
    /// The scripts of the other engine: name and text.
    pub(super) scripts: &'static [(&'static str, &'static str)],
    /// The tables that both compute.
    pub(super) tables: &'static [Table],
    /// The parts whose costs are set side by side.
    pub(super) parts: &'static [Part],
}

/// A table that the night publishes and each script makes.
pub(super) struct Table {
    /// Its name on both sides.
    pub(super) name: &'static str,
    /// The columns that identify a row.
    pub(super) key: &'static str,
    /// The published rows to compare, as a query over `{ours}` that may look at `{theirs}`.
    pub(super) ours: &'static str,
    /// Whether a row that the other engine has not counts as zeros there.
    pub(super) absent_is_zero: bool,
}

/// Steps of both sides that compute the same.
pub(super) struct Part {
    /// What they compute.
    pub(super) name: &'static str,
    /// Steps of the night; the whole night where none is named.
    pub(super) ours: &'static [&'static str],
    /// Tables of the other engine; the whole script where none is named.
    pub(super) theirs: &'static [&'static str],
}

impl Contest {
    /// Holds it over the project in `dir`.
    pub(super) fn hold(&self, binary: &Path, dir: &Path) -> Outcome {
        lake::warm(dir)?;
        let ours = night::run(binary, dir, AS_OF)?;
        report::steps(&ours);
        let python = duckdb::python()?;
        let mut all_agree = true;
        for (name, sql) in self.scripts {
            let theirs = duckdb::measure(&python, dir, (name, sql), self.tables)?;
            let agreements = duckdb::compare(&python, dir, name, self.tables)?;
            if theirs.steps.len() > 1 {
                report::steps(&theirs);
            }
            report::comparison(self.parts, &ours, &theirs);
            report::agreement(&agreements);
            all_agree &= agreements.iter().all(|agreement| agreement.differing == 0);
        }
        if all_agree { Ok(()) } else { Err("the engines computed different values, so their times say nothing".into()) }
    }
}
