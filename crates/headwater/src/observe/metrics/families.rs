//! The metrics of a run. Their names are released: they keep their meaning.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use headwater_nightly::RunReport;
use headwater_nightly::publish::{InputRecord, Phase};

use super::text::{Family, Sample};
use crate::observe::record::{Outcome, RunRecord, VERDICTS, count};

/// Most pairs of rule and state that have a value of their own; what is above is added up as the rule `other`.
const MOST_FLAGS: usize = 500;

/// All metrics of a run; those of a published night are empty where nothing was published.
pub(super) fn of(run: &RunRecord) -> Vec<Family> {
    let mut families = of_run(run);
    families.extend(of_published(run));
    families
}

/// What every run says of itself.
fn of_run(run: &RunRecord) -> Vec<Family> {
    let outcomes = Outcome::ALL.iter().map(|outcome| {
        let value = if *outcome == run.outcome { 1.0 } else { 0.0 };
        Sample { labels: vec![("outcome", outcome.word().to_owned())], value }
    });
    let seconds = Phase::ALL.iter().filter_map(|phase| {
        let of_phase = run.steps.iter().filter(|step| step.phase == Some(*phase));
        let value = of_phase.map(|step| step.seconds).reduce(|sum, seconds| sum + seconds)?;
        Some(Sample { labels: vec![("step", phase.word().to_owned())], value })
    });
    let audits = [
        ("passed", count(run.audits.iter().filter(|audit| audit.passed))),
        ("warned", count(run.audits.iter().filter(|audit| !audit.passed && audit.only_warns))),
        ("failed", count(run.audits.iter().filter(|audit| !audit.passed && !audit.only_warns))),
    ];
    let audits = audits
        .into_iter()
        .filter(|_| !run.audits.is_empty())
        .map(|(result, audits)| labelled("result", result, audits));
    let family = |name, unit, help, samples| Family { name, unit, help, is_kept: false, samples };
    vec![
        family(
            "headwater_last_run_timestamp_seconds",
            SECONDS,
            "When the last run ended.",
            only(seconds_of(run.ended_at)),
        ),
        family("headwater_last_run_duration_seconds", SECONDS, "How long the last run took.", only(run.seconds())),
        family(
            "headwater_last_run_step_duration_seconds",
            SECONDS,
            "How long each part of the last run took, as far as it came.",
            seconds.collect(),
        ),
        family("headwater_last_run_exit_code", None, "Exit code of the last run.", only(f64::from(run.exit as u8))),
        family(
            "headwater_last_run_outcome",
            None,
            "What the last run came to: 1 for that, 0 for all else.",
            outcomes.collect(),
        ),
        family(
            "headwater_last_run_night_timestamp_seconds",
            SECONDS,
            "The night of the last run, as the beginning of its day in UTC.",
            only(seconds_of_day(run.begun.as_of())),
        ),
        family(
            "headwater_last_run_audits",
            None,
            "Audits of the last run by result, if it came so far.",
            audits.collect(),
        ),
        family(
            "headwater_last_run_input_rows",
            None,
            "Rows of each input of the last run by what became of them, if it came so far.",
            run.inputs.iter().flat_map(input_rows).collect(),
        ),
        family("headwater_last_run_warnings", None, "Warnings of the last run.", only(number(run.warnings))),
        family(
            "headwater_last_run_peak_memory_bytes",
            Some("bytes"),
            "Most memory that the process of the last run had at once.",
            run.peak_memory_bytes.into_iter().flat_map(|bytes| only(number(bytes))).collect(),
        ),
    ]
}

/// What is known of the last night that was published.
fn of_published(run: &RunRecord) -> Vec<Family> {
    let report = run.report.as_ref();
    let one = |value: Option<f64>| value.into_iter().flat_map(only).collect::<Vec<_>>();
    let family = |name, unit, help, samples| Family { name, unit, help, is_kept: true, samples };
    let tables = report.into_iter().flat_map(|report| &report.tables);
    let verdicts = VERDICTS.iter().filter_map(|word| Some(labelled("verdict", word, run.verdicts(word)?)));
    vec![
        family(
            "headwater_last_success_timestamp_seconds",
            SECONDS,
            "When the last run that published ended.",
            one(report.map(|_| seconds_of(run.ended_at))),
        ),
        family(
            "headwater_last_success_duration_seconds",
            SECONDS,
            "How long the last run that published took.",
            one(report.map(|_| run.seconds())),
        ),
        family(
            "headwater_newest_night_timestamp_seconds",
            SECONDS,
            "The newest night that is published, as the beginning of its day in UTC.",
            one(report.map(|report| seconds_of_day(report.newest_night))),
        ),
        family(
            "headwater_manifest_number",
            None,
            "Number of the manifest published last.",
            one(report.map(|report| number(report.manifest))),
        ),
        family(
            "headwater_table_rows",
            None,
            "Rows of each table of the night published last.",
            tables.map(|table| labelled("table", &table.name, table.rows)).collect(),
        ),
        family(
            "headwater_flagged_accounts",
            None,
            "Accounts that each rule speaks of, by state, in the night published last.",
            report.map(flags).unwrap_or_default(),
        ),
        family(
            "headwater_verdicts",
            None,
            "Verdicts of guardrails over groups, counted by word, in the night published last.",
            verdicts.collect(),
        ),
    ]
}

const SECONDS: Option<&str> = Some("seconds");

/// Flags by rule and state, as many as there may be.
fn flags(report: &RunReport) -> Vec<Sample> {
    let mut samples = Vec::new();
    let mut others: BTreeMap<&str, u64> = BTreeMap::new();
    for (at, flag) in report.flags.iter().enumerate() {
        if at < MOST_FLAGS {
            let labels = vec![("rule", flag.rule_id.clone()), ("state", flag.state.clone())];
            samples.push(Sample { labels, value: number(flag.accounts) });
        } else {
            *others.entry(&flag.state).or_default() += flag.accounts;
        }
    }
    let others = others.into_iter().map(|(state, accounts)| Sample {
        labels: vec![("rule", "other".to_owned()), ("state", state.to_owned())],
        value: number(accounts),
    });
    samples.extend(others);
    samples
}

fn input_rows(input: &InputRecord) -> Vec<Sample> {
    let rows = [
        ("read", input.rows_read),
        ("kept", input.rows_kept),
        ("after_as_of", Some(input.after_as_of)),
        ("left_out", Some(input.quarantined.values().sum())),
        ("unexpected", Some(input.unexpected.values().sum())),
    ];
    let sample = |what: &str, rows| Sample {
        labels: vec![("input", input.table.clone()), ("rows", what.to_owned())],
        value: number(rows),
    };
    rows.into_iter().filter_map(|(what, rows)| Some(sample(what, rows?))).collect()
}

fn only(value: f64) -> Vec<Sample> {
    vec![Sample { labels: Vec::new(), value }]
}

fn labelled(label: &'static str, name: &str, rows: u64) -> Sample {
    Sample { labels: vec![(label, name.to_owned())], value: number(rows) }
}

#[expect(clippy::cast_precision_loss, reason = "values of metrics are floats; counts above 2^53 do not occur")]
fn number(count: u64) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "microseconds of our times are below 2^53")]
fn seconds_of(at: DateTime<Utc>) -> f64 {
    at.timestamp_micros() as f64 / 1e6
}

fn seconds_of_day(day: NaiveDate) -> f64 {
    seconds_of(day.and_time(NaiveTime::MIN).and_utc())
}
