//! What a run came to: the one value that everything that is told outside is made of.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use headwater_diagnostics::{Diagnostics, Severity};
use headwater_nightly::publish::{InputRecord, Phase, StepRecord};
use headwater_nightly::{AuditResult, FailureKind, Moment, Published, RunError, RunReport, RunRequest};

use crate::exit::Exit;
use crate::secrets::Secrets;
use crate::surroundings;

/// What is told.
#[derive(Debug, Clone)]
pub(super) enum Told {
    /// A run begins.
    Began(Arc<RunBegun>),
    /// A run ended.
    Ended(Arc<RunRecord>),
}

/// A run that begins.
#[derive(Debug, Clone)]
pub(super) struct RunBegun {
    /// The command that runs it.
    pub(super) command: &'static str,
    pub(super) request: RunRequest,
    pub(super) at: DateTime<Utc>,
}

/// A run that ended.
#[derive(Debug)]
pub(super) struct RunRecord {
    pub(super) begun: RunBegun,
    pub(super) ended_at: DateTime<Utc>,
    pub(super) outcome: Outcome,
    pub(super) exit: Exit,
    /// The steps that are done.
    pub(super) steps: Vec<StepRecord>,
    /// The step in which it failed.
    pub(super) unfinished: Option<Unfinished>,
    /// What was read, as far as it came.
    pub(super) inputs: Vec<InputRecord>,
    /// What the audits found, as far as it came.
    pub(super) audits: Vec<AuditResult>,
    /// What was published; none where nothing was.
    pub(super) report: Option<RunReport>,
    /// Why nothing was published: code and message of each error.
    pub(super) errors: Vec<String>,
    /// Warnings, and audits that only warn and failed.
    pub(super) warnings: u64,
    pub(super) peak_memory_bytes: Option<u64>,
}

/// A step that was begun and did not end.
#[derive(Debug, Clone)]
pub(super) struct Unfinished {
    pub(super) name: String,
    pub(super) phase: Phase,
    pub(super) began_at: DateTime<Utc>,
}

/// What became of a night.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Published,
    Unchanged,
    Held,
    NotReady,
    BrokenContract,
    InvalidProject,
    LeaseHeld,
    Stopped,
    Failed,
    NotFound,
}

impl Outcome {
    /// All of them.
    pub(super) const ALL: &[Self] = &[
        Self::Published,
        Self::Unchanged,
        Self::Held,
        Self::NotReady,
        Self::BrokenContract,
        Self::InvalidProject,
        Self::LeaseHeld,
        Self::Stopped,
        Self::Failed,
        Self::NotFound,
    ];

    /// Its word.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Unchanged => "unchanged",
            Self::Held => "held",
            Self::NotReady => "not_ready",
            Self::BrokenContract => "broken_contract",
            Self::InvalidProject => "invalid_project",
            Self::LeaseHeld => "lease_held",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::NotFound => "not_found",
        }
    }

    fn of(kind: FailureKind) -> Self {
        match kind {
            FailureKind::InvalidProject => Self::InvalidProject,
            FailureKind::BrokenContract => Self::BrokenContract,
            FailureKind::NotReady => Self::NotReady,
            FailureKind::Held => Self::Held,
            FailureKind::Lease => Self::LeaseHeld,
            FailureKind::Failed => Self::Failed,
            FailureKind::Stopped => Self::Stopped,
            FailureKind::NotFound => Self::NotFound,
        }
    }
}

impl RunBegun {
    pub(super) fn project(&self) -> &str {
        &self.request.project.name
    }

    pub(super) fn as_of(&self) -> NaiveDate {
        self.request.as_of
    }

    pub(super) fn run_id(&self) -> &str {
        &self.request.run_id
    }
}

impl RunRecord {
    pub(super) fn seconds(&self) -> f64 {
        (self.ended_at - self.begun.at).as_seconds_f64().max(0.0)
    }

    /// Rows of all tables that were published; none where nothing was.
    pub(super) fn rows_published(&self) -> Option<u64> {
        let report = self.report.as_ref()?;
        Some(report.tables.iter().map(|table| table.rows).sum())
    }

    /// Accounts that rules speak of, counted once for each rule.
    pub(super) fn flags(&self) -> Option<u64> {
        let report = self.report.as_ref()?;
        Some(report.flags.iter().map(|flag| flag.accounts).sum())
    }

    /// How many groups have a verdict.
    pub(super) fn verdicts(&self, word: &str) -> Option<u64> {
        let report = self.report.as_ref()?;
        Some(count(report.verdicts.iter().filter(|verdict| verdict.verdict == word)))
    }

    pub(super) fn failed_audits(&self) -> u64 {
        count(self.audits.iter().filter(|audit| !audit.passed))
    }
}

/// The words of verdicts.
pub(super) const VERDICTS: &[&str] = &["pass", "watch", "breach", "waiting", "insufficient_evidence", "unknown"];

pub(super) fn count<T>(items: impl Iterator<Item = T>) -> u64 {
    items.map(|_| 1).sum()
}

/// Puts what nights tell together.
#[derive(Debug)]
pub(super) struct Recorder {
    command: &'static str,
    secrets: Secrets,
    runs: u64,
    at_work: Option<AtWork>,
}

#[derive(Debug)]
struct AtWork {
    begun: RunBegun,
    steps: Vec<StepRecord>,
    unfinished: Option<Unfinished>,
    inputs: Vec<InputRecord>,
    audits: Vec<AuditResult>,
}

impl Recorder {
    pub(super) fn new(command: &'static str, secrets: &Secrets) -> Self {
        Self { command, secrets: secrets.clone(), runs: 0, at_work: None }
    }

    /// How many runs there were.
    pub(super) fn runs(&self) -> u64 {
        self.runs
    }

    /// Takes a moment in, and gives what is to be told of it.
    pub(super) fn hear(&mut self, moment: &Moment<'_>) -> Option<Told> {
        match moment {
            Moment::RunBegan(request) => return Some(self.begin(request)),
            Moment::RunEnded(_, result) => return self.end(result),
            _ => {}
        }
        let run = self.at_work.as_mut()?;
        match moment {
            // The attempt counts for nothing: what is told is the run that goes through, or the last attempt.
            Moment::WaitsForInputs => {
                run.steps.clear();
                run.unfinished = None;
            }
            Moment::StepBegan { name, phase, at } => {
                run.unfinished = Some(Unfinished { name: (*name).to_owned(), phase: *phase, began_at: *at });
            }
            Moment::StepEnded(step) => {
                run.unfinished = None;
                run.steps.push((*step).clone());
            }
            Moment::InputsRead(inputs) => run.inputs = inputs.to_vec(),
            Moment::Audited(audits) => run.audits = audits.to_vec(),
            Moment::RunBegan(_) | Moment::RunEnded(..) => {}
        }
        None
    }

    /// A run that was left as it was has been stopped.
    pub(super) fn leave(&mut self) -> Option<Told> {
        let run = self.at_work.take()?;
        Some(run.ended(Outcome::Stopped, Exit::Failed, None, &Diagnostics::new(), &self.secrets))
    }

    fn begin(&mut self, request: &RunRequest) -> Told {
        self.runs += 1;
        let begun = RunBegun { command: self.command, request: request.clone(), at: (request.clock)() };
        self.at_work = Some(AtWork {
            begun: begun.clone(),
            steps: Vec::new(),
            unfinished: None,
            inputs: Vec::new(),
            audits: Vec::new(),
        });
        Told::Began(Arc::new(begun))
    }

    fn end(&mut self, result: &Result<Published, RunError>) -> Option<Told> {
        let (run, secrets) = (self.at_work.take()?, &self.secrets);
        Some(match result {
            Ok(Published { report, warnings }) => {
                let outcome = if report.unchanged { Outcome::Unchanged } else { Outcome::Published };
                run.ended(outcome, Exit::Done, Some(report), warnings, secrets)
            }
            Err(error) => run.ended(Outcome::of(error.kind), error.kind.into(), None, &error.diagnostics, secrets),
        })
    }
}

impl AtWork {
    fn ended(
        self,
        outcome: Outcome,
        exit: Exit,
        report: Option<&RunReport>,
        said: &Diagnostics,
        secrets: &Secrets,
    ) -> Told {
        let errors = said.sorted().into_iter().filter(|problem| exit != Exit::Done && !problem.message.is_empty());
        let errors =
            errors.map(|problem| secrets.hidden(&format!("{}: {}", problem.code.id(), problem.message))).collect();
        let warned = count(self.audits.iter().filter(|audit| audit.only_warns && !audit.passed));
        let of_audits = if report.is_some() { warned } else { 0 };
        let ended_at = (self.begun.request.clock)();
        Told::Ended(Arc::new(RunRecord {
            begun: self.begun,
            ended_at,
            outcome,
            exit,
            steps: self.steps,
            unfinished: self.unfinished,
            inputs: self.inputs,
            audits: self.audits,
            report: report.cloned(),
            errors,
            warnings: u64::try_from(said.count(Severity::Warning)).unwrap_or(u64::MAX) + of_audits,
            peak_memory_bytes: surroundings::peak_memory_bytes(),
        }))
    }
}
