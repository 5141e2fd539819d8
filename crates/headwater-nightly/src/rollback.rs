//! Publishing what an earlier run published of its night again, as the next manifest.

use chrono::NaiveDate;
use headwater_diagnostics::{Code, Diagnostic, Diagnostics};
use object_store::{ObjectStoreExt, PutPayload};
use serde::Serialize;

use crate::failure::{FailureKind, RunError};
use crate::publish::{HeldNight, Kept, Lease, Manifest, Publication, PublishedFile, PublishedTable};
use crate::state_chain::resting_on_older_state;
use crate::tenure::Operation;

/// What a rollback came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RollbackReport {
    /// The run that did it.
    pub run_id: String,
    /// The night.
    pub as_of: NaiveDate,
    /// Where the tables are.
    pub location: String,
    /// The manifest that is current for the night now.
    pub manifest: u64,
    /// The manifest that was asked for.
    pub restores: u64,
    /// The run that had published it.
    pub restored_run: String,
    /// The manifest that was current before; none where nothing had to be done.
    pub replaced: Option<u64>,
    /// The tables of the night.
    pub tables: Vec<PublishedTable>,
    /// Nights, from this one on, that carry on a state other than the one that is published before them now.
    pub resting_on_older_state: Vec<NaiveDate>,
}

/// Publishes what a run, or a manifest by its number, published of its night again. Other nights stay as they are.
///
/// # Errors
/// When no manifest of it is kept, an object of it is gone or was changed, or another run is at work.
pub async fn rollback(operation: &Operation, to: &str) -> Result<RollbackReport, RunError> {
    let stores = operation.stores();
    let publication = operation.publication(&stores)?;
    // A name that does not exist is told without a trace in the store.
    let number = found(operation, &publication, to).await?.number;
    operation.under_lease(&publication, async |lease| again(operation, &publication, lease, (to, number)).await).await
}

async fn again(
    operation: &Operation,
    publication: &Publication,
    lease: &Lease,
    (to, number): (&str, u64),
) -> Result<RollbackReport, RunError> {
    let failed = |error| operation.failed(&error);
    let target = found(operation, publication, to).await?;
    let latest = publication.latest_under(lease).await.map_err(failed)?;
    let Some(latest) = latest.filter(|_| target.number == number) else {
        return Err(unknown(operation, to, &Kept::default(), std::iter::empty()));
    };
    whole(operation, publication, &target).await?;
    let current = latest.nights.get(&target.as_of).copied().unwrap_or(target.number);
    let there = publication.current(&latest, target.as_of).await.map_err(failed)?;
    let (now, replaced) = match there.filter(|there| there.tables == target.tables) {
        Some(there) => {
            publication.settle(&there, lease).await.map_err(failed)?;
            (latest, None)
        }
        None => (publish(operation, publication, lease, (&latest, &target)).await?, Some(current)),
    };
    Ok(RollbackReport {
        run_id: operation.run_id.clone(),
        as_of: target.as_of,
        location: operation.project.outputs.location.to_string(),
        manifest: if replaced.is_some() { now.number } else { current },
        restores: target.number,
        restored_run: target.run_id,
        replaced,
        tables: target.tables,
        resting_on_older_state: resting_on_older_state(publication, &now, day_before(target.as_of))
            .await
            .map_err(failed)?,
    })
}

/// The day after which nights are looked at: what is published again may itself carry on a state that is not published.
fn day_before(as_of: NaiveDate) -> NaiveDate {
    as_of.pred_opt().unwrap_or(as_of)
}

/// Publishes the manifest as the next one.
async fn publish(
    operation: &Operation,
    publication: &Publication,
    lease: &Lease,
    (latest, target): (&Manifest, &Manifest),
) -> Result<Manifest, RunError> {
    let failed = |error| operation.failed(&error);
    let again = Manifest {
        run_id: operation.run_id.clone(),
        published_at: (operation.clock)(),
        restores: Some(target.number),
        takes_back: None,
        ..target.clone()
    };
    let again = publication.number(again, Some(latest)).map_err(failed)?;
    // As long as a run has something staged, the next one finishes what it had begun.
    let begun = publication.path(&format!("{}/rollback.json", Publication::staging(&operation.run_id)));
    let record = serde_json::json!({ "restores": target.number }).to_string();
    publication.store().put(&begun, PutPayload::from(record)).await.map_err(|error| failed(error.into()))?;
    let staged = publication.stage_again(&again, lease).await.map_err(failed)?;
    publication.publish(&again, &staged, lease, &operation.stop).await.map_err(failed)?;
    let (as_of, manifest) = (again.as_of, again.number);
    tracing::info!(event = "night_rolled_back", %as_of, run_id = again.run_id, manifest, restores = target.number, "published again");
    if let Err(error) = publication.clear_staging(&operation.run_id).await {
        tracing::warn!(event = "rollback_record_not_removed", %error, "the record of the rollback could not be removed");
    }
    Ok(again)
}

/// The manifest that a run published, or that has a number.
pub(crate) fn named<'a>(manifests: &'a [Manifest], name: &str) -> Option<&'a Manifest> {
    let by_run = manifests.iter().find(|manifest| manifest.run_id == name);
    by_run.or_else(|| manifests.iter().find(|manifest| Some(manifest.number) == number(name)))
}

/// The number of a manifest, where a name is one.
fn number(name: &str) -> Option<u64> {
    name.parse().ok()
}

async fn found(operation: &Operation, publication: &Publication, to: &str) -> Result<Manifest, RunError> {
    let failed = |error| operation.failed(&error);
    let runs = operation.stop.unless_asked(publication.all()).await?.map_err(failed)?;
    match named(&runs.readable, to) {
        Some(manifest) => Ok(manifest.clone()),
        None => {
            let held = operation.stop.unless_asked(publication.held()).await?.map_err(failed)?;
            match held.iter().find(|night| night.run_id == to) {
                Some(night) => Err(never_published(operation, night)),
                None => Err(unknown(operation, to, &runs, std::iter::empty())),
            }
        }
    }
}

/// That a run's night was held, so that there is nothing to go back to.
fn never_published(operation: &Operation, night: &HeldNight) -> RunError {
    let HeldNight { as_of, run_id, .. } = night;
    let location = operation.project.outputs.location.to_string();
    let message = format!("the run `{run_id}` published nothing: its audits held the night of {as_of}");
    let problem = Diagnostic::of(Code::UnknownRun, location, message).help(format!(
        "`headwater retry {run_id}` runs the night again; `headwater status` lists the runs that were published"
    ));
    RunError::new(FailureKind::NotFound, problem)
}

/// Makes sure that every object of a manifest is there, with the content it had.
async fn whole(operation: &Operation, publication: &Publication, target: &Manifest) -> Result<(), RunError> {
    let missing = operation.stop.unless_asked(publication.missing(target)).await?;
    let missing = missing.map_err(|error| operation.failed(&error))?;
    if missing.is_empty() {
        return Ok(());
    }
    let location = &operation.project.outputs.location;
    let problems = missing.into_iter().map(|path| {
        let message = format!("this object of manifest {} is gone or was changed", target.number);
        Diagnostic::of(Code::IncompleteRun, format!("{location}/{path}"), message).help(PublishedFile::REMEDY)
    });
    Err(RunError::new(FailureKind::NotFound, problems.collect::<Diagnostics>()))
}

/// That no record of a run is kept, as far as records can be read; `held` are runs that nothing else tells of.
pub(crate) fn unknown<'a>(
    operation: &Operation,
    run: &str,
    kept: &'a Kept<Manifest>,
    held: impl Iterator<Item = &'a str>,
) -> RunError {
    let location = operation.project.outputs.location.to_string();
    let days = operation.project.outputs.retention.superseded_days;
    let damaged: Vec<&str> = kept.damaged.iter().map(|manifest| manifest.object.as_str()).collect();
    let label = match damaged.as_slice() {
        [] => format!("a run that was superseded is kept for {days} days"),
        damaged => format!("it may be in a manifest that cannot be read: {}", damaged.join(", ")),
    };
    let known = kept.readable.iter().map(|manifest| manifest.run_id.as_str()).chain(held);
    let named = if number(run).is_some() { "manifest" } else { "run" };
    let problem = Diagnostic::of(Code::UnknownRun, location, format!("no record of the {named} `{run}` is kept"))
        .label(label)
        .help("`headwater status` lists the runs that are kept");
    RunError::new(FailureKind::NotFound, problem.suggest(run, known))
}
