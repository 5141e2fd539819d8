//! The night of an earlier run, run again on the inputs it had.

use crate::failure::RunError;
use crate::publish::{InputRecord, Publication};
use crate::rollback::{named, unknown};
use crate::run::{Published, RunRequest, run};
use crate::tenure::Operation;

/// Runs the night of a held run, or of a published one or its manifest's number, again. The night is the recorded one; `night` says everything else.
///
/// # Errors
/// When no record of the run is kept; when its inputs have changed since, unless that is accepted; as [`run`].
pub async fn retry(night: &RunRequest, of: &str, accept_changed_inputs: bool) -> Result<Published, RunError> {
    let operation = Operation::from(night);
    let stores = operation.stores();
    let publication = operation.publication(&stores)?;
    let (as_of, inputs) = recorded(&operation, &publication, of).await?;
    let recorded_inputs = (!accept_changed_inputs).then_some(inputs);
    run(&RunRequest { as_of, recorded_inputs, ..night.clone() }).await
}

/// The night of a run, and the inputs it had.
async fn recorded(
    operation: &Operation,
    publication: &Publication,
    of: &str,
) -> Result<(chrono::NaiveDate, Vec<InputRecord>), RunError> {
    let failed = |error| operation.failed(&error);
    let held = operation.stop.unless_asked(publication.held()).await?.map_err(failed)?;
    if let Some(night) = held.iter().find(|night| night.run_id == of) {
        return Ok((night.as_of, night.inputs.clone()));
    }
    let published = operation.stop.unless_asked(publication.all()).await?.map_err(failed)?;
    if let Some(manifest) = named(&published.readable, of) {
        return Ok((manifest.as_of, manifest.inputs.clone()));
    }
    Err(unknown(operation, of, &published, held.iter().map(|night| night.run_id.as_str())))
}
