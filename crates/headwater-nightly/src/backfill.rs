//! Many nights, one after the other: each is a run of its own, and carries on the state of the one before.

use std::ops::RangeInclusive;
use std::sync::Arc;

use chrono::{Days, NaiveDate};
use headwater_diagnostics::Diagnostics;
use serde::Serialize;

use crate::failure::RunError;
use crate::publish::{Manifest, Publication};
use crate::run::{RunRequest, run};
use crate::same_night::Comparison;
use crate::state_chain::resting_on_older_state;
use crate::tenure::Operation;

/// Which nights are to be published.
#[derive(Debug, Clone)]
pub struct BackfillRequest {
    /// What every night has in common; each run has this one's id with its night behind it.
    pub night: RunRequest,
    /// The nights.
    pub nights: RangeInclusive<NaiveDate>,
    /// Whether nights are computed that were published from the same rules, inputs and state.
    pub again: bool,
    /// Whether later nights that rest on an older state are computed too.
    pub ripple: bool,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BackfillReport {
    /// Where the tables are.
    pub location: String,
    /// Nights that are published now, in the order they were taken.
    pub nights: Vec<BackfilledNight>,
    /// The night at which it stopped, where one failed.
    pub failed: Option<NaiveDate>,
    /// Later nights that carry on a state other than the one that is published before them now.
    pub resting_on_older_state: Vec<NaiveDate>,
}

/// One night of a range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BackfilledNight {
    /// The night.
    pub as_of: NaiveDate,
    /// What became of it.
    pub outcome: BackfillOutcome,
    /// The manifest that is current for it.
    pub manifest: u64,
    /// The run that published it.
    pub run_id: String,
}

/// What became of a night.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BackfillOutcome {
    /// It was computed and published.
    Published,
    /// It was computed, and every byte was as it had been published before.
    Unchanged,
    /// It had been published from the same rules, inputs and state, and was passed over.
    Skipped,
}

/// Nights that were published, and why there are no more of them.
#[derive(Debug)]
pub struct Backfilled {
    /// The report.
    pub report: BackfillReport,
    /// Warnings of all nights.
    pub warnings: Diagnostics,
    /// Why the last night failed, if it did. What was published before it stays.
    pub failure: Option<RunError>,
}

/// Publishes the nights of a range in their order, and stops at the first that fails.
///
/// # Errors
/// When the publication cannot be read. A night that fails is told in [`Backfilled::failure`].
pub async fn backfill(request: &BackfillRequest) -> Result<Backfilled, RunError> {
    let operation = Operation::from(&request.night);
    let stores = operation.stores();
    let publication = operation.publication(&stores)?;
    let mut series = Series {
        request,
        comparison: Comparison::new(&request.night, &stores, &publication)?,
        nights: Vec::new(),
        warnings: Diagnostics::new(),
    };
    let failed = series.range().await;
    let last = *request.nights.end();
    let mut older = older(&operation, &publication, last).await?;
    let failed = match failed {
        None if request.ripple => {
            let mut failed = None;
            while let (None, Some(night)) = (&failed, older.first().copied()) {
                failed = series.night(night).await.err().map(|error| (night, error));
                if failed.is_none() {
                    older = self::older(&operation, &publication, night).await?;
                }
            }
            failed
        }
        failed => failed,
    };
    let report = BackfillReport {
        location: operation.project.outputs.location.to_string(),
        nights: series.nights,
        failed: failed.as_ref().map(|(night, _)| *night),
        resting_on_older_state: older,
    };
    Ok(Backfilled { report, warnings: series.warnings, failure: failed.map(|(_, error)| error) })
}

/// What a night looks back on before it is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LookBack {
    /// Also the nights that are missing after the last one published before it.
    pub missing: bool,
    /// Also so many days before it, where what they were computed from has changed since: inputs come late.
    pub days: u32,
}

/// Publishes a night after those that it looks back on; none from before the first night that was ever published.
///
/// # Errors
/// As [`backfill`].
pub async fn look_back(night: &RunRequest, back: LookBack) -> Result<Backfilled, RunError> {
    let operation = Operation::from(night);
    let stores = operation.stores();
    let latest = operation.publication(&stores)?.latest().await.map_err(|error| operation.failed(&error))?;
    let nights = first_night(latest.as_ref(), night.as_of, back)..=night.as_of;
    backfill(&BackfillRequest { night: night.clone(), nights, again: false, ripple: false }).await
}

fn first_night(latest: Option<&Manifest>, as_of: NaiveDate, back: LookBack) -> NaiveDate {
    let before = latest.and_then(|latest| latest.night_before(as_of));
    let missing = before.filter(|_| back.missing).and_then(|(last, _)| last.succ_opt());
    let earliest = latest.and_then(|latest| latest.nights.keys().next().copied());
    let late = earliest.zip(as_of.checked_sub_days(Days::new(back.days.into())));
    let late = late.map(|(earliest, day)| day.max(earliest));
    [missing, late].into_iter().flatten().fold(as_of, NaiveDate::min)
}

async fn older(operation: &Operation, publication: &Publication, after: NaiveDate) -> Result<Vec<NaiveDate>, RunError> {
    let failed = |error| operation.failed(&error);
    match publication.latest().await.map_err(failed)? {
        Some(latest) => resting_on_older_state(publication, &latest, after).await.map_err(failed),
        None => Ok(Vec::new()),
    }
}

/// Nights that are being published.
struct Series<'a> {
    request: &'a BackfillRequest,
    comparison: Comparison<'a>,
    nights: Vec<BackfilledNight>,
    warnings: Diagnostics,
}

impl Series<'_> {
    /// The nights of the range; the one that failed, and why.
    async fn range(&mut self) -> Option<(NaiveDate, RunError)> {
        let (first, last) = (*self.request.nights.start(), *self.request.nights.end());
        for night in first.iter_days().take_while(|night| *night <= last) {
            if let Err(error) = self.night(night).await {
                return Some((night, error));
            }
        }
        None
    }

    async fn night(&mut self, as_of: NaiveDate) -> Result<(), RunError> {
        let stop = &self.request.night.stop;
        stop.begin();
        stop.check()?;
        if !self.request.again
            && let Some(manifest) = self.comparison.published_the_same(as_of).await?
        {
            let Manifest { number, run_id, .. } = manifest;
            let outcome = BackfillOutcome::Skipped;
            self.nights.push(BackfilledNight { as_of, outcome, manifest: number, run_id });
            return Ok(());
        }
        let progress = Arc::clone(&self.request.night.progress);
        let night = RunRequest {
            as_of,
            run_id: format!("{}-{}", self.request.night.run_id, as_of.format("%Y%m%d")),
            progress: Arc::new(move |step| progress(&format!("{as_of}: {step}"))),
            ..self.request.night.clone()
        };
        let published = run(&night).await?;
        let outcome = if published.report.unchanged { BackfillOutcome::Unchanged } else { BackfillOutcome::Published };
        let manifest = published.report.manifest;
        self.nights.push(BackfilledNight { as_of, outcome, manifest, run_id: night.run_id });
        self.warnings.append(published.warnings);
        Ok(())
    }
}
