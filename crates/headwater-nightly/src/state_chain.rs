//! Which nights carry on a state that is no longer the one published before them.

use std::ops::Bound;

use chrono::NaiveDate;

use crate::publish::{Manifest, Publication, PublishError};
use crate::records::state_of;

/// The nights after one that rest on an older state: from the first that does on, all of them, since each carries on
/// what the one before it left. A night whose manifest is gone is one of them, as nobody can say what it rests on.
///
/// # Errors
/// When a manifest cannot be read.
pub(crate) async fn resting_on_older_state(
    publication: &Publication,
    latest: &Manifest,
    after: NaiveDate,
) -> Result<Vec<NaiveDate>, PublishError> {
    let mut state = match latest.nights.range(..=after).next_back() {
        Some((night, _)) => publication.current(latest, *night).await?.as_ref().map(state_of),
        None => None,
    };
    let later = (Bound::Excluded(after), Bound::Unbounded);
    for night in latest.nights.range(later).map(|(night, _)| *night) {
        let manifest = publication.current(latest, night).await?;
        let found = manifest.as_ref().and_then(|manifest| manifest.carries_on.as_ref()).map(|carried| &carried.sha256);
        if manifest.is_none() || found != state.as_ref().map(|state| &state.sha256) {
            return Ok(latest.nights.range(night..).map(|(night, _)| *night).collect());
        }
        state = manifest.as_ref().map(state_of);
    }
    Ok(Vec::new())
}
