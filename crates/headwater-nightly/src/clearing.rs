//! Removing what nothing references any more, or listing it.

use std::path::PathBuf;

use serde::Serialize;

use crate::failure::RunError;
use crate::publish::{Manifest, Publication, PublishError, Waste};
use crate::tenure::Operation;
use crate::workshop::{dead_folders, remove_dead};

/// What was cleared, or would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClearReport {
    /// Where.
    pub location: String,
    /// Whether it was removed.
    pub is_removed: bool,
    /// Whether another run may be at work: then what it stages is not told from what dead runs left.
    pub another_run_at_work: bool,
    /// The objects, by path.
    pub objects: Vec<Waste>,
    /// The work folders of dead runs on this machine, by path.
    pub work_folders: Vec<String>,
}

/// Removes what nothing references any more: superseded manifests and objects past their time, what dead runs staged or
/// put aside, what nights staged that were held long ago, and their work folders on this machine. What a kept manifest
/// names stays.
///
/// # Errors
/// When another run is at work, the store fails, or a manifest cannot be read.
pub async fn clear(operation: &Operation) -> Result<ClearReport, RunError> {
    let stores = operation.stores();
    let publication = operation.publication(&stores)?;
    let objects = operation.under_lease(&publication, async |lease| {
        let latest = publication.latest_under(lease).await.map_err(|error| operation.failed(&error))?;
        let objects = waste(operation, &publication, latest.as_ref(), true).await?;
        // A removal may be cut short: what is left is found by the next.
        let cleared = publication.clear(&objects, lease, &operation.stop).await;
        cleared.map_err(|error| operation.failed(&error))?;
        // What writes that were cut short left on a local disk is no object.
        publication.sweep(&operation.run_id, lease).await.map_err(|error| operation.failed(&error))?;
        Ok(objects)
    });
    let objects = objects.await?;
    let work_folders = remove_dead(&operation.project.engine.spill_dir);
    Ok(ClearReport { is_removed: true, ..report(operation, objects, &work_folders) })
}

/// What [`clear`] would remove. Nothing is written.
///
/// # Errors
/// When the store fails, or a manifest cannot be read.
pub async fn clearable(operation: &Operation) -> Result<ClearReport, RunError> {
    let stores = operation.stores();
    let publication = operation.publication(&stores)?;
    let holder = operation.stop.unless_asked(publication.holder((operation.clock)())).await?;
    let holder = holder.map_err(|error| operation.failed(&error))?;
    let latest = operation.stop.unless_asked(publication.latest()).await?.map_err(|error| operation.failed(&error))?;
    let objects = waste(operation, &publication, latest.as_ref(), holder.is_none()).await?;
    let work_folders = dead_folders(&operation.project.engine.spill_dir);
    Ok(ClearReport { another_run_at_work: holder.is_some(), ..report(operation, objects, &work_folders) })
}

async fn waste(
    operation: &Operation,
    publication: &Publication,
    latest: Option<&Manifest>,
    is_alone: bool,
) -> Result<Vec<Waste>, RunError> {
    let retention = operation.project.outputs.retention;
    let found = publication.waste(latest, retention, (operation.clock)(), is_alone);
    let found = operation.stop.unless_asked(found).await?;
    found.map_err(|error: PublishError| operation.failed(&error))
}

/// What was found, before anything is removed.
fn report(operation: &Operation, objects: Vec<Waste>, work_folders: &[PathBuf]) -> ClearReport {
    ClearReport {
        location: operation.project.outputs.location.to_string(),
        is_removed: false,
        another_run_at_work: false,
        objects,
        work_folders: work_folders.iter().map(|folder| folder.display().to_string()).collect(),
    }
}
