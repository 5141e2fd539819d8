//! How the folders of a night come to show what its manifest names.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::NaiveDate;
use object_store::Error;
use object_store::path::Path;

use super::places::{ASIDE, MARK, is_of_other_file_system};
use super::waste::night_of;
use super::{Lease, Manifest, Publication, PublishError, PublishedFile, PublishedTable};

/// A night whose folders are being brought in line.
struct Settling<'a> {
    publication: &'a Publication,
    /// The same, which asks its store no second time.
    once: Publication,
    night: NaiveDate,
    lease: &'a Lease,
    /// What is aside.
    aside: BTreeSet<Path>,
    /// Whether a copy of what is shown stays there.
    keeps_spares: AtomicBool,
}

/// A change of a folder.
#[derive(Debug, Clone, Copy)]
enum Change<'a> {
    Delete(&'a Path),
    Copy(&'a Path, &'a Path),
    /// Marks it as whole.
    Mark(&'a Path),
}

impl Change<'_> {
    async fn made_in(self, publication: &Publication) -> Result<(), Error> {
        match self {
            Self::Delete(path) => publication.delete(path).await,
            Self::Copy(from, to) => publication.copy(from, to).await,
            Self::Mark(mark) => publication.mark(mark).await,
        }
    }
}

impl Publication {
    /// The objects that are aside.
    pub(super) async fn put_aside_now(&self) -> Result<BTreeSet<Path>, PublishError> {
        Ok(self.list(&self.path(ASIDE)).await?.into_iter().map(|object| object.location).collect())
    }

    /// Brings the folders of a night in line with its manifest, table by table. A run that took over from one that may yet
    /// wake up, and finish what it was at, notes the night first.
    ///
    /// # Errors
    /// When the store fails, or the lease was lost.
    pub async fn settle(&self, manifest: &Manifest, lease: &Lease) -> Result<(), PublishError> {
        self.settle_tables(manifest, lease, |_| true).await
    }

    /// The same for the tables that are due; the others lose their marks.
    pub(super) async fn settle_tables(
        &self,
        manifest: &Manifest,
        lease: &Lease,
        is_due: impl Fn(&PublishedTable) -> bool,
    ) -> Result<(), PublishError> {
        if lease.took_over() {
            self.note(manifest.as_of).await?;
        }
        let settling = Settling {
            publication: self,
            once: self.once(),
            night: manifest.as_of,
            lease,
            aside: self.put_aside_now().await?,
            keeps_spares: AtomicBool::new(self.keeps_spares(manifest.as_of, lease).await?),
        };
        let passed_over: BTreeSet<&str> =
            manifest.tables.iter().filter(|table| !is_due(table)).map(|table| table.name.as_str()).collect();
        for (name, files) in self.tables_of(manifest).await? {
            let folder = self.folder(&name, manifest);
            if passed_over.contains(name.as_str()) {
                settling.ask(Change::Delete(&folder.join(MARK))).await?;
            } else {
                settling.folder(&folder, &files).await?;
            }
        }
        // The last write may have come late too.
        lease.confirm().await
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
        Ok(self.delete(&self.path(&file.path)).await?)
    }
}

impl Settling<'_> {
    async fn folder(&self, folder: &Path, files: &[PublishedFile]) -> Result<(), PublishError> {
        let Self { publication, lease, aside, .. } = self;
        lease.confirm().await?;
        publication.remove_drafts(folder, &|_| true)?;
        let there: BTreeMap<Path, u64> =
            publication.list(folder).await?.into_iter().map(|object| (object.location, object.size)).collect();
        let named: BTreeSet<Path> = files.iter().map(|file| publication.path(&file.path)).collect();
        let leaving = there.keys().filter(|path| path.extension() == Some("parquet") && !named.contains(path));
        let leaving: Vec<&Path> = leaving.collect();
        let mut coming = Vec::new();
        for file in files {
            let place = publication.path(&file.path);
            // What is aside takes the place of one that is there and damaged.
            let is_whole = there.get(&place) == Some(&file.bytes)
                && (!aside.contains(&publication.aside(&file.path))
                    || publication.sha256(&place).await? == file.sha256);
            if !is_whole {
                coming.push(file);
            }
        }
        let mark = folder.clone().join(MARK);
        if there.contains_key(&mark) && (files.is_empty() || !leaving.is_empty() || !coming.is_empty()) {
            self.ask(Change::Delete(&mark)).await?;
        }
        for path in leaving {
            let place = publication.aside_of(path);
            if !aside.contains(&place) {
                self.ask(Change::Copy(path, &place)).await?;
            }
            self.ask(Change::Delete(path)).await?;
        }
        for file in coming {
            self.ask(Change::Copy(&publication.aside(&file.path), &publication.path(&file.path))).await?;
            if lease.check().is_err() {
                publication.withdraw(file).await?;
                return Err(PublishError::LeaseLost);
            }
        }
        if !files.is_empty() {
            self.ask(Change::Mark(&mark)).await?;
        }
        let spare = files.iter().map(|file| publication.aside(&file.path)).filter(|place| aside.contains(place));
        for place in spare {
            if !self.keeps_spares.load(Ordering::SeqCst) {
                self.ask(Change::Delete(&place)).await?;
            }
        }
        Ok(())
    }

    /// Asks the store for a change. Where it fails, it may have heard all the same, and do it later: the night is noted
    /// before it is asked once more.
    async fn ask(&self, change: Change<'_>) -> Result<(), PublishError> {
        self.lease.check()?;
        let Err(error) = change.made_in(&self.once).await else { return Ok(()) };
        let may_come_late = matches!(error, Error::Generic { .. }) && !is_of_other_file_system(&error);
        if !may_come_late || self.publication.note(self.night).await.is_err() {
            return Err(error.into());
        }
        self.keeps_spares.store(true, Ordering::SeqCst);
        Ok(change.made_in(self.publication).await?)
    }
}
