//! One run: it takes the lease, runs one night under it (open → measure → judge → audit → publish), and clears up,
//! whatever the night came to.

use chrono::NaiveDate;
use headwater_diagnostics::{Diagnostics, FileId, Sources};
use headwater_rules::CheckedRules;

use crate::failure::{FailureKind, RunError};
use crate::night::{AtWork, Site};
use crate::project::Project;
use crate::publish::{Clock, InputRecord, PublishError};
use crate::report::RunReport;
use crate::rule_set::check_rules;
use crate::steps::Progress;
use crate::stop::Stop;
use crate::tenure::Operation;
use crate::watch::{self, Watch};
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
    /// Told about each moment, with what there is to know of it.
    pub watch: Watch,
    /// Whether a warning keeps the night from being published.
    pub deny_warnings: bool,
    /// The inputs as an earlier run found them: the night is refused where they have changed since. None asks for nothing.
    pub recorded_inputs: Option<Vec<InputRecord>>,
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
    watch::told(request, attempt(request)).await
}

/// The same, told by nobody as a run of its own.
pub(crate) async fn attempt(request: &RunRequest) -> Result<Published, RunError> {
    let project = &request.project;
    let (_, warnings) = sound(check_rules(project, &request.sources, &request.rule_files))?;
    let warnings = request.allowed(FailureKind::InvalidProject, warnings)?;
    let operation = Operation::from(request);
    let stores = operation.stores();
    let publication = operation.publication(&stores)?;
    let workshop = Workshop::open(&project.engine.spill_dir, &request.run_id)?;
    let published = operation.under_lease(&publication, async |lease| {
        let site = Site { stores: &stores, publication: &publication, lease, workshop: &workshop };
        // What a night keeps between its steps is large: on the heap, it leaves the stack to the planner.
        Box::pin(night(request, site)).await
    });
    let published = published.await;
    workshop.close().await;
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

/// The night itself.
async fn night(request: &RunRequest, site: Site<'_>) -> Result<Published, RunError> {
    let mut night = AtWork::begin(request, site).await?;
    let opened = night.open().await?;
    let measured = night.measure(&opened).await?;
    let judged = night.judge(&opened, &measured).await?;
    let audits = night.audit(&measured, &judged).await?;
    night.publish(opened, measured, judged, audits).await
}
