//! What everything that changes a publication does around its work: it takes the lease, keeps it alive, finishes what a
//! run that was cut short left, clears up after itself, and releases the lease.

use std::sync::Arc;

use headwater_ingest::Stores;

use crate::failure::{FailureKind, RunError};
use crate::project::Project;
use crate::publish::{Clock, Lease, Publication, PublishError};
use crate::run::RunRequest;
use crate::stop::Stop;

/// Everything that work on a publication needs from outside.
#[derive(Clone)]
pub struct Operation {
    /// The project.
    pub project: Project,
    /// Names the run; unique.
    pub run_id: String,
    /// Names the machine, for others who find the lease taken.
    pub host: String,
    /// What the environment says about stores.
    pub environment: Vec<(String, String)>,
    /// The wall clock.
    pub clock: Clock,
    /// Whether the run is asked to stop.
    pub stop: Stop,
}

impl std::fmt::Debug for Operation {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Operation").field("run_id", &self.run_id).finish_non_exhaustive()
    }
}

impl From<&RunRequest> for Operation {
    fn from(request: &RunRequest) -> Self {
        Self {
            project: request.project.clone(),
            run_id: request.run_id.clone(),
            host: request.host.clone(),
            environment: request.environment.clone(),
            clock: Arc::clone(&request.clock),
            stop: request.stop.clone(),
        }
    }
}

impl Operation {
    /// The stores of the project.
    pub(crate) fn stores(&self) -> Stores {
        self.project.open_stores(self.environment.clone())
    }

    /// The publication of the project. Nothing is sent yet.
    pub(crate) fn publication(&self, stores: &Stores) -> Result<Publication, RunError> {
        let location = &self.project.outputs.location;
        let publication = Publication::new(stores.open(location)?, location.path());
        Ok(publication.asking_once(stores.open_to_ask_once(location)?).on_disk(location.local_path()))
    }

    /// What is wrong with the place results go to.
    pub(crate) fn failed(&self, error: &PublishError) -> RunError {
        RunError::publishing(&self.project.outputs.location.to_string(), error)
    }

    /// Does work under the lease. Before it, the folders of the last published night are brought in line with its
    /// manifest; what the run staged is removed where the work fails, but for the evidence of a held night.
    ///
    /// # Errors
    /// What the work fails with; when the clock of this machine is not the store's, the lease cannot be had, or is lost, in
    /// which case the work is dropped unless it publishes.
    pub(crate) async fn under_lease<T>(
        &self,
        publication: &Publication,
        work: impl AsyncFnOnce(&Lease) -> Result<T, RunError>,
    ) -> Result<T, RunError> {
        let failed = |error: PublishError| self.failed(&error);
        // Whoever finds another run at work writes nothing.
        let free = self.stop.unless_asked(publication.holder((self.clock)())).await?.map_err(failed)?.is_none();
        if free {
            publication.confirm_clock(&self.run_id, &self.clock).await.map_err(failed)?;
        }
        let lease = publication.lease(&self.run_id, &self.host, Arc::clone(&self.clock)).await.map_err(failed)?;
        let done = lease.hold_during(async {
            let done = match publication.finish(&lease).await {
                Ok(()) => work(&lease).await,
                Err(error) => Err(failed(error)),
            };
            match done {
                // Whoever took over has removed what this run staged, which looks like a store that fails.
                Err(error) if error.kind == FailureKind::Failed && lease.is_lost_early().await => {
                    Err(failed(PublishError::LeaseLost))
                }
                done => done,
            }
        });
        let done = done.await.unwrap_or_else(|lost| Err(failed(lost)));
        if done.as_ref().is_err_and(|error| error.kind != FailureKind::Held) {
            // What a held night staged is evidence; what any other failure left behind is waste.
            if let Err(error) = publication.give_up(&self.run_id).await {
                tracing::warn!(event = "staging_not_removed", %error, "what was staged could not be removed");
            }
        }
        lease.leave().await;
        done
    }
}
