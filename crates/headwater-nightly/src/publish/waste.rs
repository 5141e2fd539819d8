//! What nothing references any more: which it is, why, and its removal.
//!
//! INVARIANT(what is named stays): an object that a kept manifest names is never removed, and nothing below the folder
//! of a table ever is. A manifest goes before the objects that it alone names.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use futures::{StreamExt, stream};
use object_store::path::Path;
use object_store::{Error, ObjectMeta};
use serde::Serialize;

use super::late::NOTED_DAYS;
use super::places::ASIDE;
use super::{Lease, Manifest, Publication, PublishError};
use crate::stop::Stop;

/// Manifests that are read at the same time.
const CONCURRENT_READS: usize = 16;
/// Objects that are removed between two looks at the lease.
const BATCH: usize = 100;

/// How long what is no longer current is kept, in days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Manifests that were superseded, with their objects.
    pub superseded_days: u32,
    /// What held nights staged.
    pub held_days: u32,
}

/// A manifest that is no longer current for its night.
#[derive(Debug, Clone, PartialEq)]
pub struct Superseded {
    /// The manifest.
    pub manifest: Manifest,
    /// When another one took its place.
    pub since: DateTime<Utc>,
    /// Whether it came late, and another one took it back: not all is there of what it names.
    pub is_taken_back: bool,
}

/// A manifest that cannot be read, or is not what was published under its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DamagedManifest {
    /// The manifest: its path below the outputs' location.
    pub object: String,
    /// What is wrong with it.
    pub fault: String,
}

impl DamagedManifest {
    /// What can be done.
    pub const REMEDY: &str = "restore it from a backup, or remove it";
}

/// Manifests that can be read, and those that cannot.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept<T> {
    /// What can be read.
    pub readable: Vec<T>,
    /// The others.
    pub damaged: Vec<DamagedManifest>,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self { readable: Vec::new(), damaged: Vec::new() }
    }
}

/// An object that may be removed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Waste {
    /// Its path below the outputs' location.
    pub path: String,
    /// Its size in bytes; unknown of manifests.
    pub bytes: Option<u64>,
    /// Why.
    pub reason: WasteReason,
}

/// Why an object may be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WasteReason {
    /// A manifest that was superseded longer ago than such are kept, or an object that only such name.
    Superseded,
    /// No manifest names it: a run put it aside and died.
    Unnamed,
    /// Staged by a run that is dead.
    DeadRun,
    /// Staged by a night that was held longer ago than such are kept.
    HeldLongAgo,
}

impl Publication {
    /// The manifests that are no longer current, by number. Where the one that is current for a night is gone or damaged,
    /// nobody knows since when the last one before it is superseded, and it is not among them.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn superseded(&self, latest: &Manifest) -> Result<Kept<Superseded>, PublishError> {
        let current: BTreeSet<u64> = latest.nights.values().copied().collect();
        let mut numbers = self.manifests().numbers().await?;
        numbers.retain(|number| !current.contains(number));
        let mut old = self.read_all(numbers).await?;
        let nights: BTreeSet<NaiveDate> = old.readable.iter().map(|manifest| manifest.as_of).collect();
        let current = latest.nights.iter().filter(|(night, _)| nights.contains(night)).map(|(_, number)| *number);
        let current = self.read_all(current.collect()).await?;
        old.damaged.extend(current.damaged);
        let mut all: Vec<&Manifest> = old.readable.iter().chain(&current.readable).collect();
        all.sort_by_key(|manifest| manifest.number);
        let taken_back: BTreeSet<u64> = all.iter().filter_map(|manifest| manifest.takes_back).collect();
        // The next one of its night, or the one that takes it back: what it had replaced is current once more.
        let since = |manifest: &Manifest| {
            let listed = all.iter().rposition(|other| other.lists(manifest)).map_or(0, |last| last + 1);
            let mut later = all.iter().skip(listed);
            later
                .find(|other| other.as_of == manifest.as_of || other.takes_back == Some(manifest.number))
                .map(|other| other.published_at)
        };
        let since: Vec<Option<DateTime<Utc>>> = old.readable.iter().map(since).collect();
        let superseded = old.readable.into_iter().zip(since);
        let superseded = superseded.filter_map(|(manifest, since)| {
            let is_taken_back = taken_back.contains(&manifest.number);
            Some(Superseded { since: since?, is_taken_back, manifest })
        });
        Ok(Kept { readable: superseded.collect(), damaged: old.damaged })
    }

    /// Every manifest that is kept, the last one first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn all(&self) -> Result<Kept<Manifest>, PublishError> {
        let mut numbers = self.manifests().numbers().await?;
        numbers.reverse();
        self.read_all(numbers).await
    }

    async fn read_all(&self, numbers: Vec<u64>) -> Result<Kept<Manifest>, PublishError> {
        let mut reads = stream::iter(numbers).map(|number| self.manifest(number)).buffered(CONCURRENT_READS);
        let mut kept = Kept::default();
        while let Some(read) = reads.next().await {
            match read {
                Ok(manifest) => kept.readable.push(manifest),
                Err(PublishError::BadManifest { object, fault }) => {
                    kept.damaged.push(DamagedManifest { object, fault });
                }
                // Another run has removed it since it was listed, or somebody has.
                Err(PublishError::LostManifest(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(kept)
    }

    /// What may be removed now beside the last manifest, by path. While another run may be at work, what it stages and puts aside is not told
    /// from what dead runs left, and neither is listed.
    ///
    /// # Errors
    /// When the store fails; [`PublishError::BadManifest`] where a manifest cannot be read: what it names is not known.
    pub async fn waste(
        &self,
        latest: Option<&Manifest>,
        retention: Retention,
        now: DateTime<Utc>,
        is_alone: bool,
    ) -> Result<Vec<Waste>, PublishError> {
        let mut waste = self.staged_waste(retention, now, is_alone).await?;
        if let Some(latest) = latest {
            waste.extend(self.superseded_waste(latest, retention, now, is_alone).await?);
        }
        waste.sort();
        Ok(waste)
    }

    /// Manifests past their time, and objects aside that no other manifest names.
    async fn superseded_waste(
        &self,
        latest: &Manifest,
        retention: Retention,
        now: DateTime<Utc>,
        is_alone: bool,
    ) -> Result<Vec<Waste>, PublishError> {
        let superseded = self.superseded(latest).await?;
        if let Some(DamagedManifest { object, fault }) = superseded.damaged.into_iter().next() {
            return Err(PublishError::BadManifest { object, fault });
        }
        // What a night had before tells where late writes may go.
        let noted = self.noted().await?;
        let is_noted =
            |night: &NaiveDate| noted.get(night).is_some_and(|noted_at| !is_past(*noted_at, NOTED_DAYS, now));
        let is_expired =
            |old: &Superseded| is_past(old.since, retention.superseded_days, now) && !is_noted(&old.manifest.as_of);
        let (expired, kept): (Vec<_>, Vec<_>) = superseded.readable.into_iter().partition(is_expired);
        let mut waste: Vec<Waste> = expired
            .iter()
            .map(|old| self.manifests().name(old.manifest.number))
            .map(|path| Waste { path, bytes: None, reason: WasteReason::Superseded })
            .collect();
        let folder = self.path(ASIDE);
        let aside = self.list(&folder).await?;
        let aside: Vec<(String, &ObjectMeta)> =
            aside.iter().filter_map(|object| Some((below(&folder, &object.location)?, object))).collect();
        let mut named = names(kept.iter().map(|old| &old.manifest));
        let nights: BTreeSet<NaiveDate> =
            aside.iter().filter(|(path, _)| !named.contains(path)).filter_map(|(path, _)| night_of(path)).collect();
        for night in nights {
            // Of a night whose manifest is gone nobody knows what it names, so that all of it counts as named.
            match self.current(latest, night).await? {
                Some(current) => named.extend(names(std::iter::once(&current))),
                None if latest.nights.contains_key(&night) => {
                    named.extend(
                        aside.iter().map(|(path, _)| path).filter(|path| night_of(path) == Some(night)).cloned(),
                    );
                }
                None => {}
            }
        }
        let was_named = names(expired.iter().map(|old| &old.manifest));
        for (path, object) in aside.into_iter().filter(|(path, _)| !named.contains(path)) {
            let reason = if was_named.contains(&path) { WasteReason::Superseded } else { WasteReason::Unnamed };
            if is_alone || reason == WasteReason::Superseded {
                waste.push(Waste { path: format!("{ASIDE}/{path}"), bytes: Some(object.size), reason });
            }
        }
        Ok(waste)
    }

    /// Removes waste. Whoever calls this holds the lease, and found the waste under it.
    ///
    /// # Errors
    /// When the store fails, the lease was lost, or the run is asked to stop: what is not removed yet is waste still.
    pub async fn clear(&self, waste: &[Waste], lease: &Lease, stop: &Stop) -> Result<(), PublishError> {
        let named = self.named_aside().await?;
        let waste = waste.iter().filter(|waste| !named.contains(&waste.path));
        // A manifest whose objects are gone would promise what is not there.
        let (manifests, objects): (Vec<&Waste>, Vec<&Waste>) = waste.partition(|waste| waste.bytes.is_none());
        let mut asked = Ok(());
        for batch in manifests.chunks(BATCH).chain(objects.chunks(BATCH)) {
            lease.check()?;
            asked = stop.check();
            if asked.is_err() {
                break;
            }
            let paths: Vec<_> = batch.iter().map(|waste| Ok(self.path(&waste.path))).collect();
            let mut removed = self.store().delete_stream(stream::iter(paths).boxed());
            while let Some(answer) = removed.next().await {
                match answer {
                    Ok(_) | Err(Error::NotFound { .. }) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        // A run that had lost its lease may have created its manifest meanwhile.
        let named = self.named_aside().await?;
        if objects.iter().any(|waste| named.contains(&waste.path)) {
            self.latest_under(lease).await?;
        }
        Ok(asked?)
    }

    /// Where objects of the last manifest are, or would be, while they are not shown.
    async fn named_aside(&self) -> Result<BTreeSet<String>, PublishError> {
        let latest = self.latest().await?;
        Ok(names(latest.iter()).into_iter().map(|path| format!("{ASIDE}/{path}")).collect())
    }
}

/// Whether something of a moment is older than a number of days.
pub(super) fn is_past(at: DateTime<Utc>, days: u32, now: DateTime<Utc>) -> bool {
    at.checked_add_signed(TimeDelta::days(days.into())).is_some_and(|end| end <= now)
}

/// A path below a folder, where it is there.
pub(super) fn below(folder: &Path, path: &Path) -> Option<String> {
    let parts = path.prefix_match(folder)?;
    Some(parts.map(|part| part.as_ref().to_owned()).collect::<Vec<_>>().join("/"))
}

fn names<'a>(manifests: impl Iterator<Item = &'a Manifest>) -> BTreeSet<String> {
    manifests.flat_map(Manifest::files).map(|file| file.path.clone()).collect()
}

/// The night of an object, from its path.
pub(crate) fn night_of(path: &str) -> Option<NaiveDate> {
    path.split('/').find_map(|part| part.strip_prefix("as_of_date=")?.parse().ok())
}
