//! Whether a night was published from what it would be computed from now.

use chrono::NaiveDate;
use headwater_ingest::{OpenError, Stores, list_inputs};

use crate::engine::{Engine, EngineLimits};
use crate::failure::RunError;
use crate::publish::{Manifest, Publication};
use crate::records::{self, InputObjects};
use crate::run::RunRequest;

/// Compares published nights with what there is now.
pub(crate) struct Comparison<'a> {
    request: &'a RunRequest,
    stores: &'a Stores,
    publication: &'a Publication,
    /// Reads listings and footers, and nothing that could spill.
    engine: Engine,
}

impl<'a> Comparison<'a> {
    pub(crate) fn new(
        request: &'a RunRequest,
        stores: &'a Stores,
        publication: &'a Publication,
    ) -> Result<Self, RunError> {
        let limits = EngineLimits { memory_bytes: None, spill_dir: None, threads: request.threads };
        Ok(Self { request, stores, publication, engine: Engine::new(&limits)? })
    }

    /// The current manifest of a night, where program, project file, rules, inputs, and the state before it are those of
    /// now, and its folders are as it says: computed again, it would have the same bytes.
    ///
    /// # Errors
    /// When a store fails, or a manifest cannot be read.
    pub(crate) async fn published_the_same(&self, as_of: NaiveDate) -> Result<Option<Manifest>, RunError> {
        let failed = |error| self.request.publishing(&error);
        let Some(latest) = self.publication.latest().await.map_err(failed)? else { return Ok(None) };
        let Some(manifest) = self.publication.current(&latest, as_of).await.map_err(failed)? else { return Ok(None) };
        let before = match latest.night_before(as_of) {
            Some((_, number)) => Some(self.publication.manifest(number).await.map_err(failed)?),
            None => None,
        };
        let state = before.as_ref().map(|before| records::state_of(before).sha256);
        let is_same = manifest.tool_version == env!("CARGO_PKG_VERSION")
            && manifest.project_file == records::project_file(self.request)
            && manifest.rules == records::rule_files(self.request)
            && manifest.carries_on.as_ref().map(|carried| &carried.sha256) == state.as_ref();
        let is_same = is_same
            && self.publication.out_of_place(&manifest).await.map_err(failed)?.is_none()
            && inputs_now(&RunRequest { as_of, ..self.request.clone() }, self.stores, &self.engine)
                .await?
                .is_some_and(|now| now == records::recorded(&manifest.inputs));
        Ok(is_same.then_some(manifest))
    }
}

/// The objects of every input now; `None` where the lake is not as the project says, which a night will tell.
pub(crate) async fn inputs_now(
    request: &RunRequest,
    stores: &Stores,
    engine: &Engine,
) -> Result<Option<InputObjects>, RunError> {
    let project = &request.project;
    let lake = project.lake_spec();
    let listing = list_inputs(engine.context(), stores, &lake, Some(request.as_of));
    match request.stop.unless_asked(listing).await? {
        Ok(inputs) => Ok(Some(records::listed(&inputs, &project.lake))),
        Err(OpenError::Contract(_) | OpenError::NotReady(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
