//! What is published and who is at work.

use headwater_ingest::{StoreOptions, Stores};
use serde::Serialize;

use crate::failure::RunError;
use crate::project::Project;
use crate::publish::{Clock, LeaseRecord, LeaseState, Manifest, Publication, PublishError};

/// The state of a publication.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// Where it is.
    pub location: String,
    /// The run that holds the lease, if one does.
    pub at_work: Option<LeaseRecord>,
    /// The manifest published last, if one is.
    pub latest: Option<Manifest>,
}

/// Looks at the publication of a project.
///
/// # Errors
/// When its store fails or its record is damaged.
pub async fn status(project: &Project, environment: Vec<(String, String)>, clock: &Clock) -> Result<Status, RunError> {
    let stores = Stores::new(StoreOptions { environment, overrides: project.stores.clone(), retry_for: None });
    let location = project.outputs.location.to_string();
    let publication = Publication::new(stores.open(&project.outputs.location)?, project.outputs.location.path());
    let failed = |error: PublishError| RunError::publishing(&location, &error);
    let lease = publication.latest_lease().await.map_err(failed)?;
    let at_work = lease.filter(|record| record.state == LeaseState::Held && record.expires_at > clock());
    let latest = publication.latest().await.map_err(failed)?;
    Ok(Status { location, at_work, latest })
}
