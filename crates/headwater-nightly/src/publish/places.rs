//! Where the objects of nights are: in their folders, which every reader sees, or aside.
//!
//! INVARIANT(one of two places): from the creation of a manifest until it is cleared, an object that it names is at its
//! path, or at the same path below `_aside/`.
//! INVARIANT(no row twice): what a night's manifest does not name leaves the night's folders before what it names comes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path as FilePath;

use bytes::Bytes;
use chrono::NaiveDate;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{Error, ObjectMeta, ObjectStoreExt, PutPayload, WriteMultipart};
use sha2::{Digest, Sha256};

use super::waste::night_of;
use super::{Lease, Manifest, Publication, PublishError, PublishedFile, PublishedTable};
use crate::stop::Stop;

/// The folder of objects that are named and not shown, below the outputs' location.
pub(super) const ASIDE: &str = "_aside";
/// The folder of notes, below the outputs' location: each has the name of a night whose folders are to be looked at again.
const NOTES: &str = "_unsettled";
/// Objects that are looked for at the same time.
const CONCURRENT_LOOKS: usize = 16;
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
        lease: &Lease,
        stop: &Stop,
    ) -> Result<(), PublishError> {
        for file in manifest.files() {
            stop.check()?;
            let (shown, place) = (self.path(&file.path), self.aside(&file.path));
            // An object of the same name and size may be damaged all the same, and the staged one is whole.
            let is_whole = self.is_whole(file).await?;
            // A run that is asleep may be about to delete what is shown: of that, a second one stays aside.
            let is_safe = is_whole && (!lease.took_over() || self.is_at(&place, file.bytes).await?);
            if is_safe {
                continue;
            }
            let there = is_whole.then_some(&shown);
            let source = staged.get(&file.path).or(there);
            let source = source.ok_or_else(|| PublishError::MissingObject(file.path.clone()))?;
            placed.push(place.clone());
            self.copy(source, &place).await?;
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

    /// Finishes what a run that was cut short left to do after it had created the last manifest, and looks at the nights
    /// again that are noted. Whoever calls this holds the lease.
    ///
    /// # Errors
    /// When the store fails, or the lease was lost.
    pub async fn finish(&self, lease: &Lease) -> Result<(), PublishError> {
        let Some(latest) = self.latest().await? else { return Ok(()) };
        let noted = self.list(&self.path(NOTES)).await?;
        let noted: Vec<(NaiveDate, Path)> = noted
            .into_iter()
            .filter_map(|note| Some((note.location.filename()?.parse().ok()?, note.location)))
            .collect();
        let aside = self.put_aside_now().await?;
        // An object is aside until it is shown, and a run clears its staging folder after everything else.
        let is_unfinished = latest.files().any(|file| aside.contains(&self.aside(&file.path)))
            || self.has_staged(&latest.run_id).await?;
        let mut nights: BTreeSet<NaiveDate> = noted.iter().map(|(night, _)| *night).collect();
        let is_due = is_unfinished || lease.took_over() || self.lost_object(&latest).await?.is_some();
        nights.extend(is_due.then_some(latest.as_of));
        for night in nights {
            if let Some(manifest) = self.current(&latest, night).await? {
                if let Some(lost) = self.lost_object(&manifest).await? {
                    // Nothing brings it back but the night itself, which must not be kept from running.
                    tracing::warn!(event = "published_object_lost", as_of = %night, object = lost, "an object of a published night is gone: run the night again");
                    continue;
                }
                self.settle(&manifest, lease).await?;
            }
            for (_, note) in noted.iter().filter(|(of, _)| *of == night && !lease.took_over()) {
                self.delete(note).await?;
            }
        }
        Ok(())
    }

    /// The first object of a manifest that is at neither of its places in its size, by its path.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn lost_object(&self, manifest: &Manifest) -> Result<Option<String>, PublishError> {
        let looks: Vec<_> = manifest.files().map(|file| self.find(file)).collect();
        let places: Vec<Option<Path>> = stream::iter(looks).buffered(CONCURRENT_LOOKS).try_collect().await?;
        let lost = manifest.files().zip(places).find(|(_, place)| place.is_none());
        Ok(lost.map(|(file, _)| file.path.clone()))
    }

    /// Brings the folders of a night in line whose run lost its lease after it had created the manifest: under a new lease,
    /// or by a note to whoever has it next.
    pub(super) async fn settle_anew(&self, manifest: &Manifest, lost: &Lease) -> Result<(), PublishError> {
        // Whoever took over may have cleared away what the manifest names, before it was there to be seen.
        if self.take_back_if_lost(manifest).await? {
            return Err(PublishError::LeaseLost);
        }
        self.note(manifest.as_of).await?;
        let name = self.manifests().name(manifest.number);
        let lease = match lost.again(self.store(), &self.root).await {
            Err(PublishError::LeaseHeld(_) | PublishError::LeaseLost) => return Err(PublishError::Unsettled(name)),
            lease => lease?,
        };
        lease.begin_publishing();
        let finished = lease.hold_during(self.finish(&lease)).await.and_then(|finished| finished);
        lease.leave().await;
        let there = self.manifests().read::<Manifest>(manifest.number).await?.and_then(|record| record.says);
        let is_own = there.is_some_and(|there| there.run_id == manifest.run_id);
        match (finished, is_own && self.lost_object(manifest).await?.is_none()) {
            (_, false) => Err(PublishError::LeaseLost),
            (Err(PublishError::LeaseLost), true) => Err(PublishError::Unsettled(name)),
            (finished, true) => finished,
        }
    }

    /// Notes that the folders of a night are to be looked at again.
    async fn note(&self, night: NaiveDate) -> Result<(), PublishError> {
        let place = self.path(&format!("{NOTES}/{night}"));
        self.store().put(&place, PutPayload::from_bytes(Bytes::new())).await?;
        Ok(())
    }

    /// The objects that are aside.
    async fn put_aside_now(&self) -> Result<BTreeSet<Path>, PublishError> {
        Ok(self.list(&self.path(ASIDE)).await?.into_iter().map(|object| object.location).collect())
    }

    /// Brings the folders of a night in line with its manifest, table by table. A run that took over from one that may yet
    /// wake up, and finish what it was at, leaves a note to look at the night again.
    pub(super) async fn settle(&self, manifest: &Manifest, lease: &Lease) -> Result<(), PublishError> {
        if lease.took_over() {
            self.note(manifest.as_of).await?;
        }
        let aside = self.put_aside_now().await?;
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
        // The last write may have come late too.
        lease.check()
    }

    async fn settle_folder(
        &self,
        folder: &Path,
        files: &[PublishedFile],
        aside: &BTreeSet<Path>,
        lease: &Lease,
    ) -> Result<(), PublishError> {
        lease.confirm().await?;
        self.remove_drafts(folder, &|_| true)?;
        let there: BTreeMap<Path, u64> =
            self.list(folder).await?.into_iter().map(|object| (object.location, object.size)).collect();
        let named: BTreeSet<Path> = files.iter().map(|file| self.path(&file.path)).collect();
        let leaving = there.keys().filter(|path| path.extension() == Some("parquet") && !named.contains(path));
        let leaving: Vec<&Path> = leaving.collect();
        let mut coming = Vec::new();
        for file in files {
            let place = self.path(&file.path);
            // What is aside takes the place of one that is there and damaged.
            let is_whole = there.get(&place) == Some(&file.bytes)
                && (!aside.contains(&self.aside(&file.path)) || self.sha256(&place).await? == file.sha256);
            if !is_whole {
                coming.push(file);
            }
        }
        let mark = folder.clone().join(MARK);
        if there.contains_key(&mark) && (files.is_empty() || !leaving.is_empty() || !coming.is_empty()) {
            lease.check()?;
            self.delete(&mark).await?;
        }
        for path in leaving {
            let place = self.aside_of(path);
            if !aside.contains(&place) {
                self.copy(path, &place).await?;
            }
            lease.check()?;
            self.delete(path).await?;
        }
        for file in coming {
            lease.check()?;
            self.copy(&self.aside(&file.path), &self.path(&file.path)).await?;
            if lease.check().is_err() {
                self.withdraw(file).await?;
                return Err(PublishError::LeaseLost);
            }
        }
        if !files.is_empty() {
            self.store().put(&mark, PutPayload::from_bytes(Bytes::new())).await?;
        }
        let spare = files.iter().map(|file| self.aside(&file.path)).filter(|place| aside.contains(place));
        for place in spare.filter(|_| !lease.took_over()) {
            lease.check()?;
            self.delete(&place).await?;
        }
        Ok(())
    }

    /// Takes an object out of its folder again, unless what is published now names it: it was put there by a run that had
    /// lost its lease.
    async fn withdraw(&self, file: &PublishedFile) -> Result<(), PublishError> {
        let Some(latest) = self.latest().await? else { return Ok(()) };
        let current = match night_of(&file.path) {
            Some(night) => self.current(&latest, night).await?,
            None => None,
        };
        if current.is_some_and(|current| current.files().any(|named| named.path == file.path)) {
            return Ok(());
        }
        self.delete(&self.path(&file.path)).await
    }

    /// Copies an object. A disk copies by a second name for the same file, which another file system, mounted where a
    /// table's folder is, cannot have: there the content is copied.
    async fn copy(&self, from: &Path, to: &Path) -> Result<(), PublishError> {
        match self.store().copy(from, to).await {
            Err(error) if is_of_other_file_system(&error) => {
                let mut content = self.store().get(from).await?.into_stream();
                let mut copy = WriteMultipart::new(self.store().put_multipart(to).await?);
                while let Some(chunk) = content.try_next().await? {
                    copy.put(chunk);
                }
                copy.finish().await?;
                Ok(())
            }
            copied => Ok(copied?),
        }
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

fn is_of_other_file_system(error: &Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            return error.kind() == std::io::ErrorKind::CrossesDevices;
        }
        cause = error.source();
    }
    false
}
