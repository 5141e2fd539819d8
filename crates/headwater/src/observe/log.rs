//! What is logged of each run as a whole: that it begins, and what it came to.

use super::record::{RunRecord, Told};

/// Logs it.
pub(super) fn tell(told: &Told) {
    match told {
        Told::Began(run) => tracing::info!(
            event = "run_began",
            command = run.command,
            project = run.project(),
            as_of = %run.as_of(),
            run_id = run.run_id(),
            trace_id = super::trace::trace_id_of(run),
            "the run begins"
        ),
        Told::Ended(run) => ended(run),
    }
}

/// The closing line of a run. Fields of what was published are absent where nothing was.
fn ended(run: &RunRecord) {
    let begun = &run.begun;
    tracing::info!(
        event = "run_ended",
        command = begun.command,
        project = begun.project(),
        as_of = %begun.as_of(),
        run_id = begun.run_id(),
        outcome = run.outcome.word(),
        exit_code = run.exit as u8,
        seconds = run.seconds(),
        manifest = run.report.as_ref().map(|report| report.manifest),
        accounts = run.report.as_ref().map(|report| report.accounts),
        rows = run.rows_published(),
        flags = run.flags(),
        verdicts.pass = run.verdicts("pass"),
        verdicts.watch = run.verdicts("watch"),
        verdicts.breach = run.verdicts("breach"),
        verdicts.waiting = run.verdicts("waiting"),
        verdicts.insufficient_evidence = run.verdicts("insufficient_evidence"),
        verdicts.unknown = run.verdicts("unknown"),
        audits = u64::try_from(run.audits.len()).unwrap_or(u64::MAX),
        audits_failed = run.failed_audits(),
        warnings = run.warnings,
        errors = (!run.errors.is_empty()).then(|| run.errors.join("; ")),
        "the run ended"
    );
}
