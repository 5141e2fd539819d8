//! The published tables of one project: where they are, and how a night becomes one of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt};

use super::Clock;
use super::lease::{self, Lease, LeaseHolder};
use super::manifest::Manifest;
use super::numbered::{Create, Numbered};
use crate::stop::{Stop, Stopped};

/// Why a night was not published.
///
/// What an audit finds does not belong here: a night that is held never comes to publication.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// Another run is at work, or may be.
    #[error("{0}")]
    LeaseHeld(LeaseHolder),
    /// Another run took over.
    #[error("the lease was lost")]
    LeaseLost,
    /// This machine's clock is ahead of the store's by so much, or behind it where this is negative.
    #[error("this machine's clock is {} seconds from the store's", .0.num_seconds())]
    WrongClock(TimeDelta),
    /// The store lets a second create of the same object pass.
    #[error("the store ignores conditional creates")]
    UnsafeStore,
    /// A manifest that cannot be built on.
    #[error("manifest {object} cannot be used: {fault}")]
    BadManifest {
        /// The manifest: its path below the outputs' location.
        object: String,
        /// What is wrong with it.
        fault: String,
    },
    /// A manifest that is current for a night and is gone.
    #[error("manifest {0} is gone")]
    LostManifest(String),
    /// A record whose number is the highest there is.
    #[error("no record can follow {0}")]
    NoNumberLeft(String),
    /// Something that is no object, such as a folder, is where a record has to be written.
    #[error("{0} is taken by something that is no object, such as a folder")]
    Occupied(String),
    /// An object that a manifest lists is gone or has another size.
    #[error("published object {0} is not what its manifest says")]
    MissingObject(String),
    /// The night is published, and another run works before its folders are in line.
    #[error("the lease was lost after manifest {0} was created")]
    Unsettled(String),
    /// The night was published, and another run has published it again since: its manifest.
    #[error("manifest {0} was published since")]
    Replaced(String),
    /// The night was published, and another run has removed an object of it.
    #[error("object {0} of the night was removed")]
    Disturbed(String),
    /// The night is published, and its folders could not be brought in line.
    #[error("manifest {manifest} was created; then {error}")]
    Unfinished {
        /// The manifest: its path below the outputs' location.
        manifest: String,
        /// Why.
        error: Box<PublishError>,
    },
    /// The run was asked to stop.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] Error),
}

impl PublishError {
    /// Whether another run is the reason.
    fn is_of_lease(&self) -> bool {
        use PublishError::{Disturbed, LeaseHeld, LeaseLost, Replaced, Unsettled};
        matches!(self, LeaseHeld(_) | LeaseLost | Unsettled(_) | Replaced(_) | Disturbed(_))
    }
}

/// What became of a manifest.
pub(super) enum Creation {
    /// It is there.
    Done,
    /// Another one has its number.
    Taken,
    /// It is not there.
    Failed(PublishError),
}

/// The outputs' location in its store.
#[derive(Debug, Clone)]
pub struct Publication {
    store: Arc<dyn ObjectStore>,
    /// The same store, asked by a client that does not ask again by itself.
    once: Arc<dyn ObjectStore>,
    pub(super) root: Path,
    /// The same place as a folder, where it is on the local disk.
    pub(super) disk: Option<PathBuf>,
}

impl Publication {
    /// The publication below `root`.
    #[must_use]
    pub fn new(store: Arc<dyn ObjectStore>, root: Path) -> Self {
        Self { once: Arc::clone(&store), store, root, disk: None }
    }

    /// Says that the publication is this folder of the local disk, where killed runs leave files behind that a store
    /// does not list.
    #[must_use]
    pub fn on_disk(self, folder: Option<PathBuf>) -> Self {
        Self { disk: folder, ..self }
    }

    /// Gives it the same store by a client that does not ask again by itself: what may have been heard is known then.
    #[must_use]
    pub fn asking_once(self, once: Arc<dyn ObjectStore>) -> Self {
        Self { once, ..self }
    }

    /// The same, which asks its store no second time.
    pub(super) fn once(&self) -> Self {
        Self { store: Arc::clone(&self.once), ..self.clone() }
    }

    /// The store it is in.
    #[must_use]
    pub fn store(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.store)
    }

    /// The full path of a path below the outputs' location.
    #[must_use]
    pub fn path(&self, relative: &str) -> Path {
        relative.split('/').fold(self.root.clone(), |path, part| path.join(part))
    }

    pub(super) fn manifests(&self) -> Numbered {
        Numbered::new(self.store(), self.root.clone().join("manifests"))
    }

    /// Takes the lease for a run.
    ///
    /// # Errors
    /// [`PublishError::LeaseHeld`] while another run is at work.
    pub async fn lease(&self, run_id: &str, host: &str, clock: Clock) -> Result<Lease, PublishError> {
        Lease::take(self, run_id, host, clock).await
    }

    /// Who holds the lease, or may hold it; `None` where it is free.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn holder(&self, now: DateTime<Utc>) -> Result<Option<LeaseHolder>, PublishError> {
        lease::current(self.store(), &self.root, now).await
    }

    /// The manifest published last.
    ///
    /// # Errors
    /// [`PublishError::BadManifest`] and [`PublishError::NoNumberLeft`] when the next night cannot build on it.
    pub async fn latest(&self) -> Result<Option<Manifest>, PublishError> {
        let manifests = self.manifests();
        let last = manifests.last().await?;
        if last == 0 {
            return Ok(None);
        }
        let manifest = self.manifest(last).await?;
        manifests.after(last)?;
        Ok(Some(manifest))
    }

    /// A manifest by number.
    ///
    /// # Errors
    /// [`PublishError::LostManifest`] when it is not there, [`PublishError::BadManifest`] when it is not what was published
    /// under this number.
    pub async fn manifest(&self, number: u64) -> Result<Manifest, PublishError> {
        let found = self.found(number).await?;
        found.ok_or_else(|| PublishError::LostManifest(self.manifests().name(number)))
    }

    /// The manifest that is current for a night; none where the night is not published, or its manifest is gone, so that
    /// nobody can say what was: the night can be run again.
    ///
    /// # Errors
    /// [`PublishError::BadManifest`] when it is not what was published under its number.
    pub async fn current(&self, latest: &Manifest, as_of: NaiveDate) -> Result<Option<Manifest>, PublishError> {
        match latest.nights.get(&as_of) {
            Some(number) => self.found(*number).await,
            None => Ok(None),
        }
    }

    /// The nights whose current manifest is gone.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn lost(&self, latest: &Manifest) -> Result<Vec<NaiveDate>, PublishError> {
        let there: BTreeSet<u64> = self.manifests().numbers().await?.into_iter().collect();
        let lost = latest.nights.iter().filter(|(_, number)| !there.contains(number));
        Ok(lost.map(|(night, _)| *night).collect())
    }

    /// Makes sure that nothing lies in the place of the next manifest. On a disk, a folder or a broken link may.
    ///
    /// # Errors
    /// [`PublishError::Occupied`]; [`PublishError::NoNumberLeft`].
    pub fn confirm_next(&self, latest: Option<&Manifest>) -> Result<(), PublishError> {
        let name = self.manifests().name(self.manifests().after(latest.map_or(0, |latest| latest.number))?);
        let place = self.disk.as_ref().map(|disk| disk.join(&name));
        match place {
            Some(place) if place.symlink_metadata().is_ok() && !place.is_file() => Err(PublishError::Occupied(name)),
            _ => Ok(()),
        }
    }

    pub(super) async fn found(&self, number: u64) -> Result<Option<Manifest>, PublishError> {
        let manifests = self.manifests();
        let bad = |fault: &str| PublishError::BadManifest { object: manifests.name(number), fault: fault.to_owned() };
        let Some(record) = manifests.read::<Manifest>(number).await? else { return Ok(None) };
        let manifest = record.says.ok_or_else(|| bad("it does not have the form of a manifest"))?;
        manifest.fault(number).map_or(Ok(Some(manifest)), |fault| Err(bad(&fault)))
    }

    /// The manifest as the one that follows `before`: with the next number, and the nights published so far.
    ///
    /// # Errors
    /// [`PublishError::NoNumberLeft`] where no number follows.
    pub fn number(&self, manifest: Manifest, before: Option<&Manifest>) -> Result<Manifest, PublishError> {
        let number = self.manifests().after(before.map_or(0, |before| before.number))?;
        let mut nights = before.map(|before| before.nights.clone()).unwrap_or_default();
        let replaces = nights.insert(manifest.as_of, number);
        Ok(Manifest { number, nights, replaces, ..manifest })
    }

    /// Publishes a night: puts its staged objects aside, creates the manifest, then brings the night's folders in line
    /// with it.
    ///
    /// `manifest` has its number and names the objects by their final paths; `staged` says where those are staged that
    /// were not published before. A request to stop counts until the manifest is created, and not after.
    ///
    /// # Errors
    /// [`PublishError::LeaseLost`] when another run took over, or published first; [`PublishError::Stopped`];
    /// [`PublishError::MissingObject`] for an object that is neither there nor staged. Where the store fails
    /// after the manifest was created, or another run works by then ([`PublishError::Unsettled`]), the night is published,
    /// and [`Self::finish`] does what is left; another one may have published it again meanwhile
    /// ([`PublishError::Replaced`]), or taken an object away ([`PublishError::Disturbed`]).
    pub async fn publish(
        &self,
        manifest: &Manifest,
        staged: &BTreeMap<String, Path>,
        lease: &Lease,
        stop: &Stop,
    ) -> Result<(), PublishError> {
        lease.begin_publishing();
        let mut placed = Vec::new();
        let ready = self.put_aside(manifest, staged, &mut placed, lease, stop).await;
        let ready = match ready {
            Ok(()) => lease.confirm().await.and_then(|()| Ok(stop.check_for_good()?)),
            error => error,
        };
        if let Err(error) = ready {
            self.take_back(&placed, lease).await;
            return Err(lease.lost_or(error).await);
        }
        match self.create(manifest).await? {
            Creation::Done => {
                lease.count(manifest.number);
                match self.settle_published(manifest, staged, lease).await {
                    Ok(()) => Ok(()),
                    Err(error) if error.is_of_lease() => Err(error),
                    Err(error) => {
                        // What the store has not done yet it may do later. Where it takes no note, the next run sees that this
                        // one has not finished.
                        self.note(manifest.as_of).await.ok();
                        let name = self.manifests().name(manifest.number);
                        Err(PublishError::Unfinished { manifest: name, error: Box::new(error) })
                    }
                }
            }
            Creation::Taken => Err(PublishError::LeaseLost),
            Creation::Failed(error @ PublishError::Occupied(_)) => {
                self.take_back(&placed, lease).await;
                Err(error)
            }
            // It may come late, and name what was put aside.
            Creation::Failed(error) => Err(lease.lost_or(error).await),
        }
    }

    /// Brings the folders of a night in line whose manifest this run has created.
    async fn settle_published(
        &self,
        manifest: &Manifest,
        staged: &BTreeMap<String, Path>,
        lease: &Lease,
    ) -> Result<(), PublishError> {
        let settled = match lease.confirm().await {
            Ok(()) => self.settle(manifest, lease).await,
            lost => lost,
        };
        let settled = match settled {
            // The late deletion of a run that sleeps may have taken what was aside. What was staged is there.
            Err(PublishError::Store(Error::NotFound { .. })) if lease.confirm().await.is_ok() => {
                match self.put_aside(manifest, staged, &mut Vec::new(), lease, &Stop::never()).await {
                    Ok(()) => self.settle(manifest, lease).await,
                    failed => failed,
                }
            }
            settled => settled,
        };
        match settled {
            Ok(()) => Ok(()),
            Err(error) => match lease.lost_or(error).await {
                PublishError::LeaseLost => self.settle_anew(manifest, lease).await,
                error => Err(error),
            },
        }
    }

    /// Creates the manifest. Where the store fails, what lies under the number says whether it was created: an answer
    /// that was lost on its way does not unmake a night. Where that cannot be read either, nothing is known.
    pub(super) async fn create(&self, manifest: &Manifest) -> Result<Creation, PublishError> {
        let (manifests, number) = (self.manifests(), manifest.number);
        let created = manifests.create(number, manifest).await;
        if matches!(created, Ok(Create::Done)) {
            return Ok(Creation::Done);
        }
        let there = match manifests.read::<Manifest>(number).await {
            Ok(there) => there,
            Err(error) => return Err(created.err().unwrap_or_else(|| error.into())),
        };
        Ok(match (there, created) {
            (Some(record), _) if record.says.as_ref().is_some_and(|says| says.run_id == manifest.run_id) => {
                Creation::Done
            }
            (None, Err(error)) => Creation::Failed(error),
            _ => Creation::Taken,
        })
    }

    pub(super) async fn delete(&self, path: &Path) -> Result<(), Error> {
        match self.store.delete(path).await {
            Err(Error::NotFound { .. }) => Ok(()),
            answer => answer,
        }
    }
}
