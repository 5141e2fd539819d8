//! What comes late: a manifest, a copy or a deletion of a run that had lost its lease, asleep or given up for dead.
//!
//! INVARIANT(a number is given once): no manifest is removed because it came late. What was published before it is published
//! again as the next one, so that whatever else is late meets the manifest it was meant for.

use std::collections::BTreeMap;

use bytes::Bytes;
use chrono::{DateTime, NaiveDate, Utc};
use object_store::path::Path;
use object_store::{Error, ObjectStoreExt, PutPayload};

use super::publication::Creation;
use super::waste::is_past;
use super::{Lease, LeaseRecord, Manifest, Publication, PublishError};

/// The folder of notes, below the outputs' location: each has the name of a night whose folders are to be looked at again.
const NOTES: &str = "_unsettled";
/// How long a night is looked at that is noted, in days: who has slept for longer is not waited for.
pub(super) const NOTED_DAYS: u32 = 1;

impl Publication {
    /// The last manifest that counts, as whoever holds the lease sees it. One that came since from a run that no longer held
    /// it is late. Where something is gone of what that one names, cleared away as a dead run's, what was published before it
    /// is published again first, and its night is noted.
    ///
    /// # Errors
    /// When the store fails, or the lease was lost.
    pub async fn latest_under(&self, lease: &Lease) -> Result<Option<Manifest>, PublishError> {
        let Some(latest) = self.latest().await? else { return Ok(None) };
        if latest.number <= lease.counts() {
            return Ok(Some(latest));
        }
        let counts = match self.before_late(&latest, lease.counts()).await? {
            Some(before) => self.publish_instead(&latest, before, lease).await?,
            None => latest,
        };
        lease.count(counts.number);
        // Whoever comes next must know, before anything is built on it.
        lease.renew().await?;
        Ok(Some(counts))
    }

    /// Publishes a manifest again, in place of one that was created after it and came late.
    async fn publish_instead(
        &self,
        late: &Manifest,
        before: Manifest,
        lease: &Lease,
    ) -> Result<Manifest, PublishError> {
        self.note(late.as_of).await?;
        let number = self.manifests().after(late.number)?;
        let mut nights = before.nights.clone();
        nights.insert(before.as_of, number);
        let (replaces, restores, takes_back) = (Some(before.number), Some(before.number), Some(late.number));
        // It stays what its run had published.
        let again = Manifest { number, nights, replaces, restores, takes_back, published_at: lease.now(), ..before };
        lease.confirm().await?;
        match self.create(&again).await? {
            Creation::Done => {}
            Creation::Taken => return Err(PublishError::LeaseLost),
            Creation::Failed(error) => return Err(error),
        }
        let (manifest, instead) = (self.manifests().name(late.number), self.manifests().name(number));
        tracing::warn!(event = "manifest_taken_back", as_of = %late.as_of, manifest, instead, "this manifest came late, and what it names had been cleared away: what was published before it is published again");
        Ok(again)
    }

    /// The last manifest that counts beside one that came late, where something is gone of what that one names, and the
    /// other can be read.
    async fn before_late(&self, late: &Manifest, counts: u64) -> Result<Option<Manifest>, PublishError> {
        if self.lost_object(late).await?.is_none() {
            return Ok(None);
        }
        match self.found(counts).await {
            Err(PublishError::BadManifest { .. }) => Ok(None),
            before => before,
        }
    }

    /// The last manifest that counts, by a record of whoever held the lease before and the manifest it knew of: that one, or
    /// the one that it has created itself since. Without any such record, all of them do.
    pub(super) async fn last_that_counted(&self, known: Option<(LeaseRecord, u64)>) -> Result<u64, PublishError> {
        let last = self.manifests().last().await?;
        let Some((holder, known)) = known else { return Ok(last) };
        if known >= last {
            return Ok(last);
        }
        let record = self.manifests().read::<Manifest>(last).await?;
        let is_own = record.and_then(|record| record.says).is_some_and(|manifest| manifest.run_id == holder.run_id);
        Ok(if is_own { last } else { known })
    }

    /// Brings the folders of a night in line whose run lost its lease after it had created the manifest: under the lease once
    /// more, or by a note to whoever has it next.
    pub(super) async fn settle_anew(&self, manifest: &Manifest, lost: &Lease) -> Result<(), PublishError> {
        self.note(manifest.as_of).await?;
        let name = self.manifests().name(manifest.number);
        let lease = match lost.again(self).await {
            // Whoever took over may have cleared away what the manifest names, before it was there to be seen.
            Err(PublishError::LeaseHeld(_) | PublishError::LeaseLost) => {
                self.what_became_of(manifest).await?;
                return Err(PublishError::Unsettled(name));
            }
            lease => lease?,
        };
        lease.begin_publishing();
        let finished = lease.hold_during(self.finish(&lease)).await.and_then(|finished| finished);
        let came_to = self.what_became_of(manifest).await;
        lease.leave().await;
        match finished {
            Err(PublishError::LeaseLost) => came_to.and(Err(PublishError::Unsettled(name))),
            finished => came_to.and(finished),
        }
    }

    /// Whether the next manifest takes one back.
    async fn is_taken_back(&self, manifest: &Manifest) -> Result<bool, PublishError> {
        let next = self.manifests().read::<Manifest>(self.manifests().after(manifest.number)?).await?;
        Ok(next.and_then(|record| record.says).is_some_and(|next| next.takes_back == Some(manifest.number)))
    }

    /// Whether what a run published is what is published.
    async fn what_became_of(&self, manifest: &Manifest) -> Result<(), PublishError> {
        let there = self.manifests().read::<Manifest>(manifest.number).await?.and_then(|record| record.says);
        if there.is_none_or(|there| there.run_id != manifest.run_id) {
            return Err(PublishError::LeaseLost);
        }
        let Some(latest) = self.latest().await? else { return Err(PublishError::LeaseLost) };
        let is_taken_back = if latest.number == manifest.number {
            self.before_late(&latest, manifest.number.saturating_sub(1)).await?.is_some()
        } else {
            self.is_taken_back(manifest).await?
        };
        if is_taken_back {
            return Err(PublishError::LeaseLost);
        }
        let current = self.current(&latest, manifest.as_of).await?;
        if let Some(current) = current.filter(|current| current.tables != manifest.tables) {
            return Err(PublishError::Replaced(self.manifests().name(current.number)));
        }
        self.lost_object(manifest).await?.map_or(Ok(()), |object| Err(PublishError::Disturbed(object)))
    }

    /// Notes that the folders of a night are to be looked at for some time, and what it shows kept twice: a run that is asleep
    /// may yet do what it was at.
    pub(super) async fn note(&self, night: NaiveDate) -> Result<(), PublishError> {
        self.store().put(&self.note_of(night), PutPayload::from_bytes(Bytes::new())).await?;
        Ok(())
    }

    /// Forgets a note.
    pub(super) async fn forget(&self, night: NaiveDate) -> Result<(), PublishError> {
        Ok(self.delete(&self.note_of(night)).await?)
    }

    fn note_of(&self, night: NaiveDate) -> Path {
        self.path(&format!("{NOTES}/{night}"))
    }

    /// The nights that are noted, and whether their time is over.
    pub(super) async fn notes(&self, lease: &Lease) -> Result<BTreeMap<NaiveDate, bool>, PublishError> {
        let noted = self.noted().await?.into_iter();
        Ok(noted.map(|(night, noted_at)| (night, is_over(noted_at, lease))).collect())
    }

    /// The nights that are noted, and when they were.
    pub(super) async fn noted(&self) -> Result<BTreeMap<NaiveDate, DateTime<Utc>>, PublishError> {
        let notes = self.list(&self.path(NOTES)).await?.into_iter();
        Ok(notes.filter_map(|note| Some((note.location.filename()?.parse().ok()?, note.last_modified))).collect())
    }

    /// Whether a second copy of what a night shows stays aside: where a run may be asleep that could delete the first.
    pub(super) async fn keeps_spares(&self, night: NaiveDate, lease: &Lease) -> Result<bool, PublishError> {
        if lease.took_over() {
            return Ok(true);
        }
        match self.store().head(&self.note_of(night)).await {
            Ok(note) => Ok(!is_over(note.last_modified, lease)),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether the time of a note is over that the store wrote at a moment.
fn is_over(noted_at: DateTime<Utc>, lease: &Lease) -> bool {
    is_past(noted_at, NOTED_DAYS, lease.now())
}
