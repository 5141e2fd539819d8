//! The published tables of one project: where they are, and how a night becomes one of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};

use super::Clock;
use super::lease::{self, Lease, LeaseRecord};
use super::manifest::{Manifest, PublishedTable, VERSION};
use super::numbered::{Create, Numbered};

/// Why a night was not published.
///
/// What an audit finds does not belong here: a night that is held never comes to publication.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// Another run is at work.
    #[error("run {} on {} holds the lease until {}", .0.run_id, .0.host, .0.expires_at)]
    LeaseHeld(LeaseRecord),
    /// Another run took over.
    #[error("the lease was lost")]
    LeaseLost,
    /// The store lets a second create of the same object pass.
    #[error("the store ignores conditional creates")]
    UnsafeStore,
    /// A manifest that is no manifest of a known version.
    #[error("manifest {0} cannot be read")]
    BadManifest(u64),
    /// An object that a manifest lists is gone or has another size.
    #[error("published object {0} is not what its manifest says")]
    MissingObject(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] Error),
}

/// The outputs' location in its store.
#[derive(Debug, Clone)]
pub struct Publication {
    store: Arc<dyn ObjectStore>,
    root: Path,
}

impl Publication {
    /// The publication below `root`.
    #[must_use]
    pub fn new(store: Arc<dyn ObjectStore>, root: Path) -> Self {
        Self { store, root }
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

    /// The folder that a run stages in, below the outputs' location.
    #[must_use]
    pub fn staging(run_id: &str) -> String {
        format!("_staging/run_id={run_id}")
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

    /// The latest lease record.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn latest_lease(&self) -> Result<Option<LeaseRecord>, PublishError> {
        lease::latest(self.store(), &self.root).await
    }

    /// The manifest published last.
    ///
    /// # Errors
    /// [`PublishError::BadManifest`] when it cannot be read.
    pub async fn latest(&self) -> Result<Option<Manifest>, PublishError> {
        let manifests = self.manifests();
        match manifests.last().await? {
            0 => Ok(None),
            last => self.manifest(last).await.map(Some),
        }
    }

    /// A manifest by number.
    ///
    /// # Errors
    /// [`PublishError::BadManifest`] when it cannot be read.
    pub async fn manifest(&self, number: u64) -> Result<Manifest, PublishError> {
        let manifest: Option<Manifest> = match self.manifests().read(number).await {
            Err(Error::NotFound { .. }) => None,
            read => read?,
        };
        manifest.filter(|manifest| manifest.version == VERSION).ok_or(PublishError::BadManifest(number))
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

    /// Makes staged objects visible as a night: copies them to their places, then creates the next manifest.
    ///
    /// `manifest` names the objects by their final paths; `staged` gives, for each of them, where it is staged.
    /// Its number, its nights and the time are filled in here.
    ///
    /// # Errors
    /// [`PublishError::LeaseLost`] when another run took over, or published first.
    pub async fn publish(
        &self,
        mut manifest: Manifest,
        staged: &[(String, Path)],
        lease: &Lease,
        before: Option<&Manifest>,
    ) -> Result<Manifest, PublishError> {
        for (target, source) in staged {
            self.place(source, &self.path(target)).await?;
        }
        lease.confirm().await?;
        manifest.number = before.map_or(0, |before| before.number) + 1;
        manifest.nights = before.map(|before| before.nights.clone()).unwrap_or_default();
        manifest.nights.insert(manifest.as_of, manifest.number);
        if self.manifests().create(manifest.number, &manifest).await? == Create::Taken {
            return Err(PublishError::LeaseLost);
        }
        self.tidy(&manifest).await?;
        Ok(manifest)
    }

    /// Copies a staged object to its place; an object that is there already has the same content, by its name.
    async fn place(&self, source: &Path, target: &Path) -> Result<(), PublishError> {
        match self.store.head(target).await {
            Ok(_) => Ok(()),
            Err(Error::NotFound { .. }) => Ok(self.store.copy(source, target).await?),
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

    /// Removes everything a run staged.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn clear_staging(&self, run_id: &str) -> Result<(), PublishError> {
        let folder = self.path(&Self::staging(run_id));
        let listed: Vec<_> = self.store.list(Some(&folder)).try_collect().await?;
        for object in listed {
            self.delete(&object.location).await?;
        }
        Ok(())
    }

    async fn delete(&self, path: &Path) -> Result<(), PublishError> {
        match self.store.delete(path).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
