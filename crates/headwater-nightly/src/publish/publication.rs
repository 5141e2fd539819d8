//! The published tables of one project: where they are, and how a night becomes one of them.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};

use super::Clock;
use super::lease::{self, Lease, LeaseHolder};
use super::manifest::{Manifest, PublishedTable};
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
    /// A record whose number is the highest there is.
    #[error("no record can follow {0}")]
    NoNumberLeft(String),
    /// An object that a manifest lists is gone or has another size.
    #[error("published object {0} is not what its manifest says")]
    MissingObject(String),
    /// The run was asked to stop.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] Error),
}

/// What became of a manifest.
enum Creation {
    /// It is there.
    Done,
    /// Another one has its number.
    Taken,
    /// It is not there.
    Failed(Error),
}

/// The outputs' location in its store.
#[derive(Debug, Clone)]
pub struct Publication {
    store: Arc<dyn ObjectStore>,
    root: Path,
    /// The same place as a folder, where it is on the local disk.
    pub(super) disk: Option<PathBuf>,
}

impl Publication {
    /// The publication below `root`.
    #[must_use]
    pub fn new(store: Arc<dyn ObjectStore>, root: Path) -> Self {
        Self { store, root, disk: None }
    }

    /// Says that the publication is this folder of the local disk, where killed runs leave files behind that a store
    /// does not list.
    #[must_use]
    pub fn on_disk(self, folder: Option<PathBuf>) -> Self {
        Self { disk: folder, ..self }
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

    fn manifests(&self) -> Numbered {
        Numbered::new(self.store(), self.root.clone().join("manifests"))
    }

    /// Makes sure that the store refuses a second create of the same object.
    ///
    /// # Errors
    /// [`PublishError::UnsafeStore`] where it does not.
    pub async fn probe(&self, run_id: &str) -> Result<(), PublishError> {
        let path = self.path(&format!("_staging/probe-{run_id}"));
        let create = || PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        self.store.put_opts(&path, PutPayload::from_static(b"first"), create()).await?;
        let second = self.store.put_opts(&path, PutPayload::from_static(b"second"), create()).await;
        self.store.delete(&path).await?;
        match second {
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(()),
            Err(error) => Err(error.into()),
            Ok(_) => Err(PublishError::UnsafeStore),
        }
    }

    /// Takes the lease for a run.
    ///
    /// # Errors
    /// [`PublishError::LeaseHeld`] while another run is at work.
    pub async fn lease(&self, run_id: &str, host: &str, clock: Clock) -> Result<Lease, PublishError> {
        Lease::take(self.store(), &self.root, run_id, host, clock).await
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
    /// [`PublishError::BadManifest`] when it is not there, or not what was published under this number.
    pub async fn manifest(&self, number: u64) -> Result<Manifest, PublishError> {
        let manifests = self.manifests();
        let bad = |fault: &str| PublishError::BadManifest { object: manifests.name(number), fault: fault.to_owned() };
        let record = manifests.read::<Manifest>(number).await?.ok_or_else(|| bad("it is not there"))?;
        let manifest = record.says.ok_or_else(|| bad("it does not have the form of a manifest"))?;
        manifest.fault(number).map_or(Ok(manifest), |fault| Err(bad(&fault)))
    }

    /// Makes sure that the objects of a published table are there.
    ///
    /// # Errors
    /// [`PublishError::MissingObject`] where one is not, or has another size.
    pub async fn confirm_table(&self, table: &PublishedTable) -> Result<(), PublishError> {
        for file in &table.files {
            match self.store.head(&self.path(&file.path)).await {
                Ok(found) if found.size == file.bytes => {}
                Ok(_) | Err(Error::NotFound { .. }) => return Err(PublishError::MissingObject(file.path.clone())),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// The manifest as the one that follows `before`: with the next number, and the nights published so far.
    ///
    /// # Errors
    /// [`PublishError::NoNumberLeft`] where no number follows.
    pub fn number(&self, manifest: Manifest, before: Option<&Manifest>) -> Result<Manifest, PublishError> {
        let number = self.manifests().after(before.map_or(0, |before| before.number))?;
        let mut nights = before.map(|before| before.nights.clone()).unwrap_or_default();
        nights.insert(manifest.as_of, number);
        Ok(Manifest { number, nights, ..manifest })
    }

    /// Makes staged objects visible as a night: copies them to their places, then creates the manifest.
    ///
    /// `manifest` has its number and names the objects by their final paths; `staged` gives, for each of them, where
    /// it is staged. A request to stop counts until the manifest is created, and not after.
    ///
    /// # Errors
    /// [`PublishError::LeaseLost`] when another run took over, or published first; [`PublishError::Stopped`].
    pub async fn publish(
        &self,
        manifest: &Manifest,
        staged: &[(String, Path)],
        lease: &Lease,
        stop: &Stop,
    ) -> Result<(), PublishError> {
        let mut placed = Vec::new();
        let ready = self.place_all(staged, &mut placed, stop).await;
        let ready = match ready {
            Ok(()) => lease.confirm().await.and_then(|()| Ok(stop.check()?)),
            error => error,
        };
        if let Err(error) = ready {
            self.take_back(&placed, lease).await;
            return Err(error);
        }
        match self.create(manifest).await? {
            Creation::Done => self.tidy(manifest).await,
            Creation::Taken => Err(PublishError::LeaseLost),
            Creation::Failed(error) => {
                self.take_back(&placed, lease).await;
                Err(error.into())
            }
        }
    }

    /// Creates the manifest. Where the store fails, what lies under the number says whether it was created: an answer
    /// that was lost on its way does not unmake a night. Where that cannot be read either, nothing is known.
    async fn create(&self, manifest: &Manifest) -> Result<Creation, PublishError> {
        let (manifests, number) = (self.manifests(), manifest.number);
        let created = manifests.create(number, manifest).await;
        if matches!(created, Ok(Create::Done)) {
            return Ok(Creation::Done);
        }
        let there = match manifests.read::<Manifest>(number).await {
            Ok(there) => there,
            Err(error) => return Err(created.err().unwrap_or(error).into()),
        };
        Ok(match (there, created) {
            (Some(record), _) if record.says.as_ref().is_some_and(|says| says.run_id == manifest.run_id) => {
                Creation::Done
            }
            (None, Err(error)) => Creation::Failed(error),
            _ => Creation::Taken,
        })
    }

    /// Copies staged objects to their places; `placed` tells which were not there before, the one whose copy failed too:
    /// the store may have made it all the same.
    async fn place_all(
        &self,
        staged: &[(String, Path)],
        placed: &mut Vec<Path>,
        stop: &Stop,
    ) -> Result<(), PublishError> {
        for (target, source) in staged {
            stop.check()?;
            let target = self.path(target);
            if !self.is_placed(&target).await? {
                placed.push(target.clone());
                self.store.copy(source, &target).await?;
            }
        }
        Ok(())
    }

    /// Removes objects that no manifest will name, so that readers of the folders do not meet them.
    async fn take_back(&self, placed: &[Path], lease: &Lease) {
        // Whoever took over may count on objects of the same content being there.
        if lease.confirm().await.is_err() {
            return;
        }
        for path in placed {
            if let Err(error) = self.delete(path).await {
                tracing::warn!(%error, object = %path, "an object of a night that is not published stays behind");
            }
        }
    }

    /// Whether an object is at its place already; by its name, it has the same content.
    async fn is_placed(&self, target: &Path) -> Result<bool, PublishError> {
        match self.store.head(target).await {
            Ok(_) => Ok(true),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Marks the night's folders as whole and removes what an earlier run of the same night left in them.
    async fn tidy(&self, manifest: &Manifest) -> Result<(), PublishError> {
        let kept: BTreeSet<Path> =
            manifest.tables.iter().flat_map(|table| &table.files).map(|file| self.path(&file.path)).collect();
        for table in &manifest.tables {
            let folder = self.path(&format!("{}/as_of_date={}", table.name, manifest.as_of));
            let listed: Vec<_> = self.store.list(Some(&folder)).try_collect().await?;
            for object in listed {
                let is_data = object.location.extension() == Some("parquet");
                if is_data && !kept.contains(&object.location) {
                    self.delete(&object.location).await?;
                }
            }
            self.store.put(&folder.join("_SUCCESS"), PutPayload::from_bytes(Bytes::new())).await?;
        }
        Ok(())
    }

    pub(super) async fn delete(&self, path: &Path) -> Result<(), PublishError> {
        match self.store.delete(path).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
