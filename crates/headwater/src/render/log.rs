//! Problems as lines of the log, for whoever reads nothing but lines of JSON there.

use headwater_diagnostics::{Diagnostic, Severity, Sources};

/// Logs a problem.
pub(super) fn problem(problem: &Diagnostic, sources: &Sources) {
    let Diagnostic { code, message, label, help, .. } = problem;
    let (code, label, help) = (code.id(), label.as_deref(), help.as_deref());
    let place = sources.in_words(&problem.place);
    let notes = (!problem.notes.is_empty()).then(|| problem.notes.join("; "));
    match problem.severity() {
        Severity::Error => tracing::error!(event = "problem", code, place, label, help, notes, "{message}"),
        Severity::Warning => tracing::warn!(event = "problem", code, place, label, help, notes, "{message}"),
    }
}
