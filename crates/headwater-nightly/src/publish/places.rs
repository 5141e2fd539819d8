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

use super::late::NOTED_DAYS;
use super::waste::{below, is_past};
use super::{Lease, Manifest, Publication, PublishError, PublishedFile, PublishedTable};
use crate::stop::Stop;

/// The folder of objects that are named and not shown, below the outputs' location.
pub(super) const ASIDE: &str = "_aside";
/// So many of the last manifests are looked at by every run.
const RECENT: u64 = 8;
/// Objects and folders that are looked at at the same time.
const CONCURRENT_LOOKS: usize = 16;
/// The mark of a folder that is whole.
pub(super) const MARK: &str = "_SUCCESS";

impl Publication {
    /// Makes sure that the objects of a published table are in its folder, with the content that they had. They are read.
    ///
    /// # Errors
    /// [`PublishError::MissingObject`] where one is not.
    pub async fn confirm_table(&self, table: &PublishedTable) -> Result<(), PublishError> {
        for file in &table.files {
            let place = self.path(&file.path);
            if !self.is_at(&place, file.bytes).await? || self.sha256(&place).await? != file.sha256 {
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
            if self.find_whole(file).await?.is_none() {
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
        let keeps_spares = self.keeps_spares(manifest.as_of, lease).await?;
        for file in manifest.files() {
            stop.check()?;
            let place = self.aside(&file.path);
            // An object of the same name and size may be damaged all the same, and the staged one is whole.
            let whole = self.find_whole(file).await?;
            // A run that is asleep may be about to delete it where it is: of that, a second one is kept.
            if whole.is_some() && (!keeps_spares || self.has_spare(file, staged).await?) {
                continue;
            }
            let source = match (staged.get(&file.path), &whole) {
                (Some(staged), _) => staged,
                (None, Some(whole)) if *whole == place => continue,
                (None, Some(whole)) => whole,
                (None, None) => return Err(PublishError::MissingObject(file.path.clone())),
            };
            // What lay there before belongs to another version of the night too.
            if !self.is_at(&place, file.bytes).await? {
                placed.push(place.clone());
            }
            self.copy(source, &place).await?;
        }
        Ok(())
    }

    /// Copies what a manifest names and lies only aside to where its run stages, in case a run is asleep that may delete it:
    /// what is staged can be put aside again. Where the copies are, by the final paths.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn stage_again(
        &self,
        manifest: &Manifest,
        lease: &Lease,
    ) -> Result<BTreeMap<String, Path>, PublishError> {
        let mut staged = BTreeMap::new();
        if !self.keeps_spares(manifest.as_of, lease).await? {
            return Ok(staged);
        }
        for (nth, file) in manifest.files().enumerate() {
            let aside = self.aside(&file.path);
            if self.find(file).await?.as_ref() == Some(&aside) {
                let copy = self.path(&format!("{}/again-{nth:05}.parquet", Self::staging(&manifest.run_id)));
                self.copy(&aside, &copy).await?;
                staged.insert(file.path.clone(), copy);
            }
        }
        Ok(staged)
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

    /// Looks at the nights that were published last, and at those that are noted, and brings their folders in line where they
    /// are not: a run may have been cut short after it had created its manifest, and what was asked of the store long ago may
    /// have been done since. Whoever calls this holds the lease.
    ///
    /// # Errors
    /// When the store fails, or the lease was lost.
    pub async fn finish(&self, lease: &Lease) -> Result<(), PublishError> {
        let Some(latest) = self.latest_under(lease).await? else { return Ok(()) };
        let is_unfinished = lease.took_over() || self.has_staged(&latest.run_id).await?;
        if is_unfinished {
            // What the last run asked for may come late, its own note too.
            self.note(latest.as_of).await?;
        }
        let notes = self.notes(lease).await?;
        let aside = self.put_aside_now().await?;
        let recent = latest.nights.iter().filter(|(_, number)| number.saturating_add(RECENT) > latest.number);
        let nights: BTreeSet<NaiveDate> = recent.map(|(night, _)| *night).chain(notes.keys().copied()).collect();
        for night in nights {
            // A manifest that is gone or damaged is told by whoever needs it.
            let manifest = match self.current(&latest, night).await {
                Err(PublishError::BadManifest { .. }) => continue,
                manifest => manifest?,
            };
            let is_over = notes.get(&night).copied().unwrap_or_default();
            let is_due = is_over || is_unfinished && night == latest.as_of;
            if let Some(manifest) = manifest
                && (is_due || !self.is_in_place(&manifest, &aside, lease).await?)
            {
                self.settle_what_is_there(&manifest, lease).await?;
            }
            if is_over && !lease.took_over() {
                self.forget(night).await?;
            }
        }
        Ok(())
    }

    /// Puts aside again what is gone of a night whose run was cut short and is still staged: the late deletion of another
    /// run may have taken it. `lost` keeps what is gone for good.
    async fn put_aside_what_is_staged(
        &self,
        manifest: &Manifest,
        lost: &mut BTreeSet<String>,
    ) -> Result<(), PublishError> {
        if lost.is_empty() {
            return Ok(());
        }
        let staged = self.list(&self.path(&Self::staging(&manifest.run_id))).await?;
        for file in manifest.files() {
            if !lost.contains(&file.path) {
                continue;
            }
            // Staged objects have other names: they are told by their content.
            for object in staged.iter().filter(|object| object.size == file.bytes) {
                if self.sha256(&object.location).await? == file.sha256 {
                    self.copy(&object.location, &self.aside(&file.path)).await?;
                    lost.remove(&file.path);
                    break;
                }
            }
        }
        Ok(())
    }

    /// Brings those folders of a night in line whose objects are there, and takes the mark from the others. Nothing brings
    /// back what is gone but the night itself, which must not be kept from running.
    async fn settle_what_is_there(&self, manifest: &Manifest, lease: &Lease) -> Result<(), PublishError> {
        let mut lost: BTreeSet<String> = self.lost_objects(manifest).await?.into_iter().collect();
        self.put_aside_what_is_staged(manifest, &mut lost).await?;
        for object in &lost {
            tracing::warn!(event = "published_object_lost", as_of = %manifest.as_of, object, "an object of a published night is gone, or has another size: run the night again");
        }
        let is_whole = |table: &PublishedTable| !table.files.iter().any(|file| lost.contains(&file.path));
        self.settle_tables(manifest, lease, is_whole).await
    }

    /// Whether the folders of a night have what its manifest names, with their marks, and nothing else, and nothing of it is
    /// aside that need not be.
    async fn is_in_place(
        &self,
        manifest: &Manifest,
        aside: &BTreeSet<Path>,
        lease: &Lease,
    ) -> Result<bool, PublishError> {
        if self.out_of_place(manifest).await?.is_some() {
            return Ok(false);
        }
        let has_spares = manifest.files().any(|file| aside.contains(&self.aside(&file.path)));
        Ok(!has_spares || self.keeps_spares(manifest.as_of, lease).await?)
    }

    /// Something that a night's folders show and its manifest does not name, or the other way round, by its path.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn out_of_place(&self, manifest: &Manifest) -> Result<Option<String>, PublishError> {
        let tables = self.tables_of(manifest).await?;
        let looks: Vec<_> =
            tables.iter().map(|(name, files)| self.out_of_folder(self.folder(name, manifest), files)).collect();
        let found: Vec<Option<Path>> = stream::iter(looks).buffered(CONCURRENT_LOOKS).try_collect().await?;
        Ok(found.into_iter().flatten().find_map(|path| below(&self.root, &path)))
    }

    /// What a night had before a manifest, the last first: the version that it replaced, and those of a day before it, whose
    /// runs may yet do what they were at. One that is gone or damaged ends the line.
    async fn earlier(&self, manifest: &Manifest) -> Result<Vec<Manifest>, PublishError> {
        let mut earlier = Vec::new();
        let mut next = manifest.replaces;
        while let Some(number) = next {
            let record = self.manifests().read::<Manifest>(number).await?;
            let Some(version) = record.and_then(|record| record.says) else { break };
            let may_come_late = !is_past(version.published_at, NOTED_DAYS, manifest.published_at);
            next = version.replaces.filter(|before| *before < number && may_come_late);
            earlier.push(version);
        }
        Ok(earlier)
    }

    async fn out_of_folder(&self, folder: Path, files: &[PublishedFile]) -> Result<Option<Path>, PublishError> {
        let mut there: BTreeMap<Path, u64> =
            self.list(&folder).await?.into_iter().map(|object| (object.location, object.size)).collect();
        for file in files {
            let place = self.path(&file.path);
            if there.remove(&place) != Some(file.bytes) {
                return Ok(Some(place));
            }
        }
        let mark = folder.join(MARK);
        if there.remove(&mark).is_some() == files.is_empty() {
            return Ok(Some(mark));
        }
        Ok(there.into_keys().find(|path| path.extension() == Some("parquet")))
    }

    /// The folder of a table of a night.
    pub(super) fn folder(&self, table: &str, manifest: &Manifest) -> Path {
        self.path(&format!("{table}/as_of_date={}", manifest.as_of))
    }

    /// The tables of a night, and without objects those that it had before and has no longer.
    pub(super) async fn tables_of(
        &self,
        manifest: &Manifest,
    ) -> Result<BTreeMap<String, Vec<PublishedFile>>, PublishError> {
        let earlier = self.earlier(manifest).await?;
        let mut tables: BTreeMap<String, Vec<PublishedFile>> = BTreeMap::new();
        tables.extend(earlier.into_iter().flat_map(|manifest| manifest.tables).map(|table| (table.name, Vec::new())));
        tables.extend(manifest.tables.iter().map(|table| (table.name.clone(), table.files.clone())));
        Ok(tables)
    }

    /// The first object of a manifest that is at neither of its places in its size, by its path.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn lost_object(&self, manifest: &Manifest) -> Result<Option<String>, PublishError> {
        Ok(self.lost_objects(manifest).await?.into_iter().next())
    }

    /// The objects of a manifest that are at neither of their places in their size, by their paths.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn lost_objects(&self, manifest: &Manifest) -> Result<Vec<String>, PublishError> {
        let looks: Vec<_> = manifest.files().map(|file| self.find(file)).collect();
        let places: Vec<Option<Path>> = stream::iter(looks).buffered(CONCURRENT_LOOKS).try_collect().await?;
        let lost = manifest.files().zip(places).filter(|(_, place)| place.is_none());
        Ok(lost.map(|(file, _)| file.path.clone()).collect())
    }

    /// Copies an object. A disk copies by a second name for the same file, which another file system, mounted where a
    /// table's folder is, cannot have: there the content is copied.
    pub(super) async fn copy(&self, from: &Path, to: &Path) -> Result<(), Error> {
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
            copied => copied,
        }
    }

    /// Marks a folder as whole.
    pub(super) async fn mark(&self, mark: &Path) -> Result<(), Error> {
        self.store().put(mark, PutPayload::from_bytes(Bytes::new())).await.map(drop)
    }

    /// Where an object is when it is not shown.
    pub(super) fn aside(&self, path: &str) -> Path {
        self.path(&format!("{ASIDE}/{path}"))
    }

    pub(super) fn aside_of(&self, path: &Path) -> Path {
        let below = path.prefix_match(&self.root).into_iter().flatten();
        below.fold(self.root.clone().join(ASIDE), |folder, part| folder.join(part))
    }

    /// Where an object of a manifest is with the content that the manifest says. It is read.
    async fn find_whole(&self, file: &PublishedFile) -> Result<Option<Path>, PublishError> {
        for place in self.places(file) {
            if self.is_at(&place, file.bytes).await? && self.sha256(&place).await? == file.sha256 {
                return Ok(Some(place));
            }
        }
        Ok(None)
    }

    /// Whether an object is aside, and at another place besides: shown, or staged.
    async fn has_spare(&self, file: &PublishedFile, staged: &BTreeMap<String, Path>) -> Result<bool, PublishError> {
        let is_aside = self.is_at(&self.aside(&file.path), file.bytes).await?;
        Ok(is_aside && (staged.contains_key(&file.path) || self.is_at(&self.path(&file.path), file.bytes).await?))
    }

    /// Where an object of a manifest is; `None` where it is at neither place.
    pub(super) async fn find(&self, file: &PublishedFile) -> Result<Option<Path>, PublishError> {
        for place in self.places(file) {
            if self.is_at(&place, file.bytes).await? {
                return Ok(Some(place));
            }
        }
        Ok(None)
    }

    /// Where an object of a manifest may be: in its folder, and aside.
    fn places(&self, file: &PublishedFile) -> [Path; 2] {
        [self.path(&file.path), self.aside(&file.path)]
    }

    async fn is_at(&self, place: &Path, bytes: u64) -> Result<bool, PublishError> {
        match self.store().head(place).await {
            Ok(found) => Ok(found.size == bytes && !self.is_link(place)),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether a link on the local disk is in the place of an object: what it leads to is somebody else's.
    fn is_link(&self, object: &Path) -> bool {
        let folder = Path::from_iter(object.parts().take(object.parts_count().saturating_sub(1)));
        self.disk.as_ref().is_some_and(|disk| self.is_behind_link(disk, &folder, object))
    }

    pub(super) async fn sha256(&self, place: &Path) -> Result<String, PublishError> {
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

/// Whether a copy failed because a file can have no second name on another file system.
pub(super) fn is_of_other_file_system(error: &Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            return error.kind() == std::io::ErrorKind::CrossesDevices;
        }
        cause = error.source();
    }
    false
}
