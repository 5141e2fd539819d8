//! One run: it takes the lease, runs one night under it (open → measure → judge → audit → publish), and clears up,
//! whatever the night came to.

use std::sync::Arc;

use chrono::NaiveDate;
use headwater_diagnostics::{Diagnostics, FileId, Sources};
use headwater_ingest::Stores;
use headwater_rules::CheckedRules;

use crate::failure::{FailureKind, RunError};
use crate::night::{AtWork, Site};
use crate::project::Project;
use crate::publish::{Clock, Lease, Publication, PublishError};
use crate::report::RunReport;
use crate::rule_set::check_rules;
use crate::steps::Progress;
use crate::stop::Stop;
use crate::workshop::Workshop;

/// Everything a night needs from outside.
#[derive(Clone)]
pub struct RunRequest {
    /// The project.
    pub project: Project,
    /// The texts of the project.
    pub sources: Sources,
    /// Which of them are rule files.
    pub rule_files: Vec<FileId>,
    /// Partitions worked on at once, where the project does not say.
    pub threads: usize,
    /// The night.
    pub as_of: NaiveDate,
    /// Names the run; unique.
    pub run_id: String,
    /// Names the machine, for others who find the lease taken.
    pub host: String,
    /// What the environment says about stores.
    pub environment: Vec<(String, String)>,
    /// The wall clock.
    pub clock: Clock,
    /// Told about each step.
    pub progress: Progress,
    /// Whether a warning keeps the night from being published.
    pub deny_warnings: bool,
    /// Whether the run is asked to stop. A request that comes after the night is published changes nothing.
    pub stop: Stop,
}

impl RunRequest {
    /// What is wrong with the place results go to.
    pub(crate) fn publishing(&self, error: &PublishError) -> RunError {
        RunError::publishing(&self.project.outputs.location.to_string(), error)
    }

    /// Warnings with which the night may go on.
    pub(crate) fn allowed(&self, kind: FailureKind, warnings: Diagnostics) -> Result<Diagnostics, RunError> {
        if self.deny_warnings && !warnings.is_empty() { Err(RunError::new(kind, warnings)) } else { Ok(warnings) }
    }
}

impl std::fmt::Debug for RunRequest {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("RunRequest")
            .field("run_id", &self.run_id)
            .field("as_of", &self.as_of)
            .finish_non_exhaustive()
    }
}

/// A published night and what is worth knowing although it did not stop it.
#[derive(Debug)]
pub struct Published {
    /// The report.
    pub report: RunReport,
    /// Warnings.
    pub warnings: Diagnostics,
}

/// Runs one night.
///
/// # Errors
/// When it is not published; what was published before is untouched then.
pub async fn run(request: &RunRequest) -> Result<Published, RunError> {
    let project = &request.project;
    let (_, warnings) = sound(check_rules(project, &request.sources, &request.rule_files))?;
    let warnings = request.allowed(FailureKind::InvalidProject, warnings)?;
    let stores = project.open_stores(request.environment.clone());
    let location = &project.outputs.location;
    let publication = Publication::new(stores.open(location)?, location.path()).on_disk(location.local_path());
    let lease = publication.lease(&request.run_id, &request.host, Arc::clone(&request.clock)).await;
    let lease = lease.map_err(|error| request.publishing(&error))?;
    let published = under_lease(request, &stores, &publication, &lease).await;
    if published.as_ref().is_err_and(|error| error.kind != FailureKind::Held) {
        // What a held night staged is evidence; what any other failure left behind is waste.
        if let Err(error) = publication.clear_staging(&request.run_id).await {
            tracing::warn!(%error, "what was staged could not be removed");
        }
    }
    if let Err(error) = lease.release().await {
        tracing::warn!(%error, "the lease could not be released and will end by itself");
    }
    published.map(|mut published| {
        published.warnings.append(warnings);
        published
    })
}

/// Rules that may be compiled, with the warnings about them.
pub(crate) fn sound(
    (rules, problems): (Option<CheckedRules>, Diagnostics),
) -> Result<(CheckedRules, Diagnostics), RunError> {
    match rules {
        Some(rules) => Ok((rules, problems)),
        None => Err(RunError::new(FailureKind::InvalidProject, problems)),
    }
}

/// Runs the night in a folder of its own, as long as the lease lives.
async fn under_lease(
    request: &RunRequest,
    stores: &Stores,
    publication: &Publication,
    lease: &Lease,
) -> Result<Published, RunError> {
    let workshop = Workshop::open(&request.project.engine.spill_dir, &request.run_id)?;
    let site = Site { stores, publication, lease, workshop: &workshop };
    let published = tokio::select! {
        // What a night keeps between its steps is large: on the heap, it leaves the stack to the planner.
        published = Box::pin(night(request, site)) => published,
        error = keep_alive(lease) => Err(request.publishing(&error)),
    };
    workshop.close().await;
    published
}

/// Renews the lease as long as it lives; ends only with the reason why it does no longer.
async fn keep_alive(lease: &Lease) -> PublishError {
    loop {
        tokio::time::sleep(Lease::heartbeat()).await;
        if let Err(error) = lease.keep().await {
            return error;
        }
    }
}

/// The night itself.
async fn night(request: &RunRequest, site: Site<'_>) -> Result<Published, RunError> {
    let mut night = AtWork::begin(request, site).await?;
    let opened = night.open().await?;
    let measured = night.measure(&opened).await?;
    let judged = night.judge(&opened, &measured).await?;
    let audits = night.audit(&judged).await?;
    night.publish(opened, measured, judged, audits).await
}
