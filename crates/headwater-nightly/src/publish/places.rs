//! Where the objects of nights are: in their folders, which every reader sees, or aside.
//!
//! INVARIANT(one of two places): from the creation of a manifest until it is cleared, an object that it names is at its
//! path, or at the same path below `_aside/`.
//! INVARIANT(no row twice): what a night's manifest does not name leaves the night's folders before what it names comes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path as FilePath;

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{Error, ObjectMeta, ObjectStoreExt, PutPayload};
use sha2::{Digest, Sha256};

use super::{Lease, Manifest, Publication, PublishError, PublishedFile, PublishedTable};
use crate::stop::Stop;

/// The folder of objects that are named and not shown, below the outputs' location.
pub(super) const ASIDE: &str = "_aside";
/// The mark of a folder that is whole.
const MARK: &str = "_SUCCESS";

impl Publication {
    /// Makes sure that the objects of a published table are in its folder.
    ///
    /// # Errors
    /// [`PublishError::MissingObject`] where one is not, or has another size.
    pub async fn confirm_table(&self, table: &PublishedTable) -> Result<(), PublishError> {
        for file in &table.files {
            if !self.is_at(&self.path(&file.path), file.bytes).await? {
                return Err(PublishError::MissingObject(file.path.clone()));
            }
        }
        Ok(())
    }

    /// The objects of a manifest that are gone or no longer have the content it says, by their paths. All of them are
    /// read.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn missing(&self, manifest: &Manifest) -> Result<Vec<String>, PublishError> {
        let mut missing = Vec::new();
        for file in manifest.files() {
            if !self.is_whole(file).await? {
                missing.push(file.path.clone());
            }
        }
        Ok(missing)
    }

    /// Copies staged objects aside, but for those that are at one of their places; `placed` tells which were not there
    /// before, the one whose copy failed too: the store may have made it all the same.
    pub(super) async fn put_aside(
        &self,
        manifest: &Manifest,
        staged: &BTreeMap<String, Path>,
        placed: &mut Vec<Path>,
        stop: &Stop,
    ) -> Result<(), PublishError> {
        for file in manifest.files() {
            stop.check()?;
            // An object of the same name and size may be damaged all the same, and the staged one is whole.
            if self.is_whole(file).await? {
                continue;
            }
            let source = staged.get(&file.path).ok_or_else(|| PublishError::MissingObject(file.path.clone()))?;
            let place = self.aside(&file.path);
            placed.push(place.clone());
            self.store().copy(source, &place).await?;
        }
        Ok(())
    }

    /// Removes what was put aside for a manifest that will not be.
    pub(super) async fn take_back(&self, placed: &[Path], lease: &Lease) {
        // Whoever took over may count on objects of the same content being there.
        if lease.confirm().await.is_err() {
            return;
        }
        for path in placed {
            if let Err(error) = self.delete(path).await {
                tracing::warn!(event = "object_left_aside", %error, object = %path, "an object of a night that is not published stays aside");
            }
        }
    }

    /// Finishes what a run that was cut short left to do after it had created the last manifest. Whoever calls this holds
    /// the lease.
    ///
    /// # Errors
    /// When the store fails, or the lease was lost.
    pub async fn finish(&self, lease: &Lease) -> Result<(), PublishError> {
        match self.latest().await? {
            // A run clears its staging folder after everything else.
            Some(latest) if self.has_staged(&latest.run_id).await? || self.has_aside(&latest).await? => {
                self.settle(&latest, lease).await
            }
            _ => Ok(()),
        }
    }

    /// Whether an object of a manifest is aside, as until it is shown.
    async fn has_aside(&self, manifest: &Manifest) -> Result<bool, PublishError> {
        let named: BTreeSet<Path> = manifest.files().map(|file| self.aside(&file.path)).collect();
        Ok(self.list(&self.path(ASIDE)).await?.iter().any(|object| named.contains(&object.location)))
    }

    /// Brings the folders of a night in line with its manifest, table by table.
    pub(super) async fn settle(&self, manifest: &Manifest, lease: &Lease) -> Result<(), PublishError> {
        let aside: BTreeSet<Path> =
            self.list(&self.path(ASIDE)).await?.into_iter().map(|object| object.location).collect();
        let replaced = match manifest.replaces {
            Some(number) => self.manifests().read::<Manifest>(number).await?.and_then(|record| record.says),
            None => None,
        };
        let mut tables: BTreeMap<&str, &[PublishedFile]> = BTreeMap::new();
        // A table that the night has no longer leaves too.
        tables
            .extend(replaced.iter().flat_map(|manifest| &manifest.tables).map(|table| (table.name.as_str(), &[][..])));
        tables.extend(manifest.tables.iter().map(|table| (table.name.as_str(), table.files.as_slice())));
        for (name, files) in tables {
            let folder = self.path(&format!("{name}/as_of_date={}", manifest.as_of));
            self.settle_folder(&folder, files, &aside, lease).await?;
        }
        Ok(())
    }

    async fn settle_folder(
        &self,
        folder: &Path,
        files: &[PublishedFile],
        aside: &BTreeSet<Path>,
        lease: &Lease,
    ) -> Result<(), PublishError> {
        let store = self.store();
        lease.confirm().await?;
        self.remove_drafts(folder, &|_| true)?;
        let there: BTreeMap<Path, u64> =
            self.list(folder).await?.into_iter().map(|object| (object.location, object.size)).collect();
        let named: BTreeSet<Path> = files.iter().map(|file| self.path(&file.path)).collect();
        let leaving = there.keys().filter(|path| path.extension() == Some("parquet") && !named.contains(path));
        let leaving: Vec<&Path> = leaving.collect();
        // What is aside takes the place of one that is there: that one may be damaged.
        let is_coming = |file: &&PublishedFile| {
            there.get(&self.path(&file.path)) != Some(&file.bytes) || aside.contains(&self.aside(&file.path))
        };
        let coming: Vec<&PublishedFile> = files.iter().filter(is_coming).collect();
        let mark = folder.clone().join(MARK);
        if there.contains_key(&mark) && (files.is_empty() || !leaving.is_empty() || !coming.is_empty()) {
            lease.check()?;
            self.delete(&mark).await?;
        }
        for path in leaving {
            let place = self.aside_of(path);
            if !aside.contains(&place) {
                store.copy(path, &place).await?;
            }
            lease.check()?;
            self.delete(path).await?;
        }
        for file in coming {
            lease.check()?;
            store.copy(&self.aside(&file.path), &self.path(&file.path)).await?;
            if lease.check().is_err() {
                self.withdraw(file).await?;
                return Err(PublishError::LeaseLost);
            }
        }
        if !files.is_empty() {
            store.put(&mark, PutPayload::from_bytes(Bytes::new())).await?;
        }
        for place in files.iter().map(|file| self.aside(&file.path)).filter(|place| aside.contains(place)) {
            lease.check()?;
            self.delete(&place).await?;
        }
        Ok(())
    }

    /// Takes an object out of its folder again, unless what is published now names it: it was put there by a run that had
    /// lost its lease.
    async fn withdraw(&self, file: &PublishedFile) -> Result<(), PublishError> {
        let Some(latest) = self.latest().await? else { return Ok(()) };
        for number in latest.nights.values() {
            if self.manifest(*number).await?.files().any(|named| named.path == file.path) {
                return Ok(());
            }
        }
        self.delete(&self.path(&file.path)).await
    }

    /// Where an object is when it is not shown.
    fn aside(&self, path: &str) -> Path {
        self.path(&format!("{ASIDE}/{path}"))
    }

    fn aside_of(&self, path: &Path) -> Path {
        let below = path.prefix_match(&self.root).into_iter().flatten();
        below.fold(self.root.clone().join(ASIDE), |folder, part| folder.join(part))
    }

    /// Whether an object of a manifest is at one of its places and has the content it says. It is read.
    async fn is_whole(&self, file: &PublishedFile) -> Result<bool, PublishError> {
        match self.find(file).await? {
            Some(place) => Ok(self.sha256(&place).await? == file.sha256),
            None => Ok(false),
        }
    }

    /// Where an object of a manifest is; `None` where it is at neither place.
    pub(super) async fn find(&self, file: &PublishedFile) -> Result<Option<Path>, PublishError> {
        for place in [self.path(&file.path), self.aside(&file.path)] {
            if self.is_at(&place, file.bytes).await? {
                return Ok(Some(place));
            }
        }
        Ok(None)
    }

    async fn is_at(&self, place: &Path, bytes: u64) -> Result<bool, PublishError> {
        match self.store().head(place).await {
            Ok(found) => Ok(found.size == bytes),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    async fn sha256(&self, place: &Path) -> Result<String, PublishError> {
        let mut digest = Sha256::new();
        let mut bytes = self.store().get(place).await?.into_stream();
        while let Some(chunk) = bytes.try_next().await? {
            digest.update(&chunk);
        }
        Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The objects below a folder. On the local disk, what lies behind a link in it is somebody else's, and no object.
    pub(super) async fn list(&self, folder: &Path) -> Result<Vec<ObjectMeta>, PublishError> {
        let mut objects: Vec<ObjectMeta> = self.store().list(Some(folder)).try_collect().await?;
        if let Some(disk) = &self.disk {
            objects.retain(|object| !self.is_behind_link(disk, folder, &object.location));
        }
        Ok(objects)
    }

    fn is_behind_link(&self, disk: &FilePath, folder: &Path, object: &Path) -> bool {
        let below = |path: &Path| path.prefix_match(&self.root).into_iter().flatten().count();
        let parts: Vec<String> =
            object.prefix_match(&self.root).into_iter().flatten().map(|part| part.as_ref().to_owned()).collect();
        let place = |depth: usize| parts.iter().take(depth).fold(disk.to_owned(), |place, part| place.join(part));
        (below(folder) + 1..=parts.len()).any(|depth| place(depth).is_symlink())
    }
}
