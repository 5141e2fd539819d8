//! What is published, who is at work, and which nights are held.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

use crate::failure::RunError;
use crate::project::Project;
use crate::publish::{
    Clock, DamagedManifest, HeldNight, Kept, LeaseHolder, LeaseRecord, Manifest, Publication, PublishError, Superseded,
    UnreadableLease,
};
use crate::state_chain::resting_on_older_state;

/// The state of a publication.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// Where it is.
    pub location: String,
    /// The run that holds the lease, if one does.
    pub at_work: Option<LeaseRecord>,
    /// The record of who holds the lease, where it cannot be read and may be of a run at work.
    pub unreadable_lease: Option<UnreadableLease>,
    /// The manifest published last, if one is.
    pub latest: Option<Manifest>,
    /// Nights whose manifest is gone: their objects are there, and nothing says which they are.
    pub lost: Vec<NaiveDate>,
    /// Manifests that cannot be read, of those that were superseded or superseded them.
    pub damaged: Vec<DamagedManifest>,
    /// Nights that their audits held, by night; what they staged is still there.
    pub held: Vec<HeldNight>,
    /// Nights that carry on a state other than the one that is published before them now.
    pub resting_on_older_state: Vec<NaiveDate>,
    /// Runs that were superseded and can be published again, by manifest.
    pub superseded: Vec<KeptRun>,
}

/// A run whose night another one published later, and whose objects are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeptRun {
    /// The run.
    pub run_id: String,
    /// The night.
    pub as_of: NaiveDate,
    /// Its manifest.
    pub manifest: u64,
    /// When it was published.
    pub published_at: DateTime<Utc>,
    /// When another one took its place.
    pub superseded_at: DateTime<Utc>,
}

impl From<Superseded> for KeptRun {
    fn from(old: Superseded) -> Self {
        let Manifest { run_id, as_of, number, published_at, .. } = old.manifest;
        Self { run_id, as_of, manifest: number, published_at, superseded_at: old.since }
    }
}

/// Nights that one would expect and that are not published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gaps {
    /// Where.
    pub location: String,
    /// The first night that is published, if one is.
    pub first: Option<NaiveDate>,
    /// The last one.
    pub last: Option<NaiveDate>,
    /// The nights between them that are not published.
    pub missing: Vec<NaiveDate>,
    /// Nights that are published and whose manifest is gone.
    pub lost: Vec<NaiveDate>,
    /// Nights that carry on a state other than the one that is published before them now.
    pub resting_on_older_state: Vec<NaiveDate>,
    /// Nights that their audits held, those among them that are published from another run too.
    pub held: Vec<HeldNight>,
}

impl Status {
    /// What is missing between the first and the last night, and what is held.
    #[must_use]
    pub fn gaps(&self) -> Gaps {
        let nights = self.latest.iter().flat_map(|latest| latest.nights.keys().copied());
        let nights: BTreeSet<NaiveDate> = nights.collect();
        let (first, last) = (nights.first().copied(), nights.last().copied());
        let between = first.into_iter().flat_map(|first| first.iter_days()).take_while(|night| Some(*night) < last);
        let missing = between.filter(|night| !nights.contains(night)).collect();
        let (lost, held) = (self.lost.clone(), self.held.clone());
        let resting_on_older_state = self.resting_on_older_state.clone();
        Gaps { location: self.location.clone(), first, last, missing, lost, resting_on_older_state, held }
    }
}

/// Looks at the publication of a project.
///
/// # Errors
/// When its store fails or its last manifest is damaged.
pub async fn status(project: &Project, environment: Vec<(String, String)>, clock: &Clock) -> Result<Status, RunError> {
    let stores = project.open_stores(environment);
    let location = project.outputs.location.to_string();
    let publication = Publication::new(stores.open(&project.outputs.location)?, project.outputs.location.path());
    let failed = |error: PublishError| RunError::publishing(&location, &error);
    let (at_work, unreadable_lease) = match publication.holder(clock()).await.map_err(failed)? {
        Some(LeaseHolder::Run(record)) => (Some(record), None),
        Some(LeaseHolder::Unknown(lease)) => (None, Some(lease)),
        None => (None, None),
    };
    let latest = publication.latest().await.map_err(failed)?;
    let held = publication.held().await.map_err(failed)?;
    let (superseded, lost) = match &latest {
        Some(latest) => {
            (publication.superseded(latest).await.map_err(failed)?, publication.lost(latest).await.map_err(failed)?)
        }
        None => (Kept::default(), Vec::new()),
    };
    let resting_on_older_state =
        match latest.as_ref().and_then(|latest| latest.nights.keys().next().map(|first| (latest, *first))) {
            Some((latest, first)) => resting_on_older_state(&publication, latest, first).await.map_err(failed)?,
            None => Vec::new(),
        };
    let Kept { readable, damaged } = superseded;
    let superseded = readable.into_iter().filter(|old| !old.is_taken_back).map(KeptRun::from).collect();
    Ok(Status { location, at_work, unreadable_lease, latest, lost, damaged, held, resting_on_older_state, superseded })
}
