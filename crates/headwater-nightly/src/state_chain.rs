//! Which nights carry on a state that is no longer the one published before them.

use std::ops::Bound;

use chrono::NaiveDate;
use futures::{StreamExt, stream};

use crate::publish::{Manifest, Publication, PublishError};
use crate::records::state_of;

/// Manifests that are read at the same time.
const CONCURRENT_READS: usize = 16;

/// The nights after one that rest on an older state: from the first that does on, all of them, since each carries on
/// what the one before it left. A night whose manifest is gone or damaged is one of them, as nobody can say what it rests on.
///
/// # Errors
/// When the store fails.
pub(crate) async fn resting_on_older_state(
    publication: &Publication,
    latest: &Manifest,
    after: NaiveDate,
) -> Result<Vec<NaiveDate>, PublishError> {
    let mut state = match latest.nights.range(..=after).next_back() {
        Some((night, _)) => readable(publication, latest, *night).await?.as_ref().map(state_of),
        None => None,
    };
    let later: Vec<NaiveDate> =
        latest.nights.range((Bound::Excluded(after), Bound::Unbounded)).map(|(night, _)| *night).collect();
    let reads = stream::iter(&later).map(async |night| (*night, readable(publication, latest, *night).await));
    let mut reads = reads.buffered(CONCURRENT_READS);
    while let Some((night, manifest)) = reads.next().await {
        let manifest = manifest?;
        let found = manifest.as_ref().and_then(|manifest| manifest.carries_on.as_ref()).map(|carried| &carried.sha256);
        if manifest.is_none() || found != state.as_ref().map(|state| &state.sha256) {
            return Ok(latest.nights.range(night..).map(|(night, _)| *night).collect());
        }
        state = manifest.as_ref().map(state_of);
    }
    Ok(Vec::new())
}

/// The manifest that is current for a night, where it is there and not damaged.
async fn readable(
    publication: &Publication,
    latest: &Manifest,
    night: NaiveDate,
) -> Result<Option<Manifest>, PublishError> {
    match publication.current(latest, night).await {
        Err(PublishError::BadManifest { .. }) => Ok(None),
        manifest => manifest,
    }
}
