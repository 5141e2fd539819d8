//! The spans of a run: the run, below it the parts of the night, below them their steps.

use chrono::{DateTime, TimeDelta, Utc};
use headwater_nightly::publish::Phase;

use super::context::Parent;
use super::id;
use super::otlp::{KeyValue, Span, Status};
use crate::exit::Exit;
use crate::observe::record::RunRecord;

/// `SPAN_KIND_INTERNAL`
const INTERNAL: i32 = 1;
/// `STATUS_CODE_OK` and `STATUS_CODE_ERROR`
const OK: i32 = 1;
const ERROR: i32 = 2;
/// Flags of a span: it is sampled; whether its parent is in another process is known; it is.
const SAMPLED: u32 = 1;
const REMOTE_IS_KNOWN: u32 = 0x100;
const REMOTE: u32 = 0x200;

/// A part of the run, before it is a span.
struct Part {
    name: String,
    phase: Phase,
    began: DateTime<Utc>,
    ended: DateTime<Utc>,
    /// Rows it produced; none where it failed.
    rows: Option<u64>,
}

/// All spans of a run.
pub(super) fn of(run: &RunRecord, trace: &[u8], parent: Option<&Parent>) -> Vec<Span> {
    let state = parent.map(|parent| parent.state.clone()).unwrap_or_default();
    let span = |name: &str, key: &str, above: &[u8], (began, ended): (DateTime<Utc>, DateTime<Utc>)| Span {
        trace_id: trace.to_vec(),
        span_id: span_id(run, key),
        trace_state: state.clone(),
        parent_span_id: above.to_vec(),
        name: name.to_owned(),
        kind: INTERNAL,
        start_time_unix_nano: nanoseconds(began),
        end_time_unix_nano: nanoseconds(ended.max(began)),
        attributes: common(run),
        status: None,
        flags: SAMPLED | REMOTE_IS_KNOWN,
    };
    let above = parent.map(|parent| parent.span_id.to_vec()).unwrap_or_default();
    let mut root = span("run", "run", &above, (run.begun.at, run.ended_at));
    root.attributes.extend(of_run(run));
    root.flags |= if parent.is_some() { REMOTE } else { 0 };
    root.status = Some(status(run));
    let root_id = root.span_id.clone();
    let mut spans = vec![root];
    let parts = parts(run);
    for phase in Phase::ALL {
        let of_phase: Vec<(usize, &Part)> = parts.iter().enumerate().filter(|(_, part)| part.phase == *phase).collect();
        let began = of_phase.iter().map(|(_, part)| part.began).min();
        let ended = of_phase.iter().map(|(_, part)| part.ended).max();
        let (Some(began), Some(ended)) = (began, ended) else { continue };
        let word = phase.word();
        let mut whole = span(word, word, &root_id, (began, ended));
        let rows: Option<u64> = of_phase.iter().map(|(_, part)| part.rows).sum();
        whole.attributes.extend(rows.map(|rows| KeyValue::count("headwater.rows", rows)));
        whole.status = rows.is_none().then(|| status(run));
        let whole_id = whole.span_id.clone();
        spans.push(whole);
        // Opening, auditing and publishing are one step each.
        for (at, part) in of_phase.into_iter().filter(|(_, part)| part.name != word) {
            let mut step = span(&part.name, &format!("{at}"), &whole_id, (part.began, part.ended));
            step.attributes.extend(part.rows.map(|rows| KeyValue::count("headwater.rows", rows)));
            step.status = part.rows.is_none().then(|| status(run));
            spans.push(step);
        }
    }
    spans
}

/// The steps that are done, and the one in which the run ended.
fn parts(run: &RunRecord) -> Vec<Part> {
    let done = run.steps.iter().filter_map(|step| {
        let (phase, began) = (step.phase?, step.began_at?);
        Some(Part {
            name: step.name.clone(),
            phase,
            began,
            ended: began + TimeDelta::microseconds(microseconds(step.seconds)),
            rows: Some(step.rows),
        })
    });
    let unfinished = run.unfinished.iter().map(|step| Part {
        name: step.name.clone(),
        phase: step.phase,
        began: step.began_at,
        ended: run.ended_at,
        rows: None,
    });
    done.chain(unfinished).collect()
}

/// What every span says.
fn common(run: &RunRecord) -> Vec<KeyValue> {
    vec![
        KeyValue::text("headwater.project", run.begun.project().to_owned()),
        KeyValue::text("headwater.as_of", run.begun.as_of().to_string()),
        KeyValue::text("headwater.run_id", run.begun.run_id().to_owned()),
    ]
}

/// What the run as a whole says. What was published is absent where nothing was.
fn of_run(run: &RunRecord) -> impl Iterator<Item = KeyValue> {
    let text = [("headwater.command", run.begun.command), ("headwater.outcome", run.outcome.word())];
    let text = text.into_iter().map(|(key, value)| KeyValue::text(key, value.to_owned()));
    let report = run.report.as_ref();
    let counts = [
        ("headwater.exit_code", Some(u64::from(run.exit as u8))),
        ("headwater.manifest", report.map(|report| report.manifest)),
        ("headwater.accounts", report.map(|report| report.accounts)),
        ("headwater.rows", run.rows_published()),
        ("headwater.flags", run.flags()),
        ("headwater.breaches", run.verdicts("breach")),
        ("headwater.audits_failed", Some(run.failed_audits())),
        ("headwater.warnings", Some(run.warnings)),
    ];
    text.chain(counts.into_iter().filter_map(|(key, value)| Some(KeyValue::count(key, value?))))
}

fn status(run: &RunRecord) -> Status {
    if run.exit == Exit::Done {
        return Status { message: String::new(), code: OK };
    }
    let why = run.errors.first().map_or_else(|| run.outcome.word().to_owned(), Clone::clone);
    Status { message: why, code: ERROR }
}

fn span_id(run: &RunRecord, key: &str) -> Vec<u8> {
    id(&run.begun, &format!("span {key}")).into_iter().take(8).collect()
}

fn nanoseconds(at: DateTime<Utc>) -> u64 {
    at.timestamp_nanos_opt().and_then(|nanoseconds| u64::try_from(nanoseconds).ok()).unwrap_or(0)
}

#[expect(clippy::cast_possible_truncation, reason = "a cast of a float saturates, and no step lasts that long")]
fn microseconds(seconds: f64) -> i64 {
    (seconds * 1_000_000.0) as i64
}
