//! What a night would read, without running it.

use chrono::NaiveDate;
use headwater_diagnostics::Diagnostics;
use headwater_ingest::InputForesight;
use headwater_metrics::AsOf;
use serde::Serialize;

use crate::engine::{Engine, EngineLimits};
use crate::failure::{FailureKind, RunError};
use crate::preconditions::rates_are_known;
use crate::rule_set::check_rules;
use crate::run::{RunRequest, sound};
use crate::tenure::Operation;

/// What a night would read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DryRun {
    /// The night.
    pub as_of: NaiveDate,
    /// Every input.
    pub inputs: Vec<InputForesight>,
}

/// Checks the rules and looks at listings and footers of the inputs. Nothing is written, and no lease is taken.
///
/// # Errors
/// What a night would fail with before it reads a row.
pub async fn dry_run(request: &RunRequest) -> Result<(DryRun, Diagnostics), RunError> {
    let project = &request.project;
    let (_, warnings) = sound(check_rules(project, &request.sources, &request.rule_files))?;
    let warnings = request.allowed(FailureKind::InvalidProject, warnings)?;
    rates_are_known(project, request.as_of)?;
    let limits = EngineLimits { memory_bytes: None, spill_dir: None, threads: request.threads };
    let engine = Engine::new(&limits)?;
    let (stores, as_of) = (Operation::from(request).stores(), AsOf::new(request.as_of, project.time_zone));
    let lake = project.lake_spec();
    let looking = headwater_ingest::foresee(engine.context(), &stores, &lake, &as_of);
    let inputs = request.stop.unless_asked(looking).await??;
    Ok((DryRun { as_of: request.as_of, inputs }, warnings))
}
