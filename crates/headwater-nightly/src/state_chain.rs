//! Which nights carry on a state that is no longer the one published before them.

use std::ops::Bound;

use chrono::NaiveDate;

use crate::publish::{Manifest, Publication, PublishError};
use crate::records::state_of;

/// The nights after one that rest on an older state: from the first that does on, all of them, since each carries on
/// what the one before it left.
///
/// # Errors
/// When a manifest cannot be read.
pub(crate) async fn resting_on_older_state(
    publication: &Publication,
    latest: &Manifest,
    after: NaiveDate,
) -> Result<Vec<NaiveDate>, PublishError> {
    let last = latest.nights.range(..=after).next_back();
    let mut state = match last {
        Some((_, number)) => Some(state_of(&publication.manifest(*number).await?)),
        None => None,
    };
    let later = (Bound::Excluded(after), Bound::Unbounded);
    for (night, number) in latest.nights.range(later) {
        let manifest = publication.manifest(*number).await?;
        let found = manifest.carries_on.as_ref().map(|carried| &carried.sha256);
        if found != state.as_ref().map(|state| &state.sha256) {
            return Ok(latest.nights.range(*night..).map(|(night, _)| *night).collect());
        }
        state = Some(state_of(&manifest));
    }
    Ok(Vec::new())
}
