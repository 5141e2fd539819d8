//! Records that are never changed, only followed by the next number.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::PublishError;

/// A folder of numbered JSON records.
#[derive(Debug, Clone)]
pub(super) struct Numbered {
    store: Arc<dyn ObjectStore>,
    folder: Path,
}

/// What became of an attempt to write the next record.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Create {
    /// It is there, and it is ours.
    Done,
    /// Somebody else's is there.
    Taken,
}

/// What lies under a number.
#[derive(Debug)]
pub(super) struct Record<T> {
    /// What it says; nothing where it is not JSON of this shape.
    pub(super) says: Option<T>,
    /// When it was written, by the store's clock.
    pub(super) written_at: DateTime<Utc>,
}

impl Numbered {
    pub(super) fn new(store: Arc<dyn ObjectStore>, folder: Path) -> Self {
        Self { store, folder }
    }

    pub(super) fn path(&self, number: u64) -> Path {
        self.folder.clone().join(format!("{number:08}.json"))
    }

    /// The highest number there is; 0 where there is none.
    pub(super) async fn last(&self) -> Result<u64, Error> {
        Ok(self.numbers().await?.into_iter().max().unwrap_or(0))
    }

    /// Every number there is, ascending.
    pub(super) async fn numbers(&self) -> Result<Vec<u64>, Error> {
        let listed: Vec<_> = self.store.list(Some(&self.folder)).try_collect().await?;
        let mut numbers: Vec<u64> = listed.iter().filter_map(|object| self.number(&object.location)).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// The number of a record. Objects in folders below, and numbers written in another way, are passed over: no run
    /// has made them, and none will come upon their names.
    fn number(&self, path: &Path) -> Option<u64> {
        let number = path.filename()?.strip_suffix(".json")?.parse().ok()?;
        (number > 0 && *path == self.path(number)).then_some(number)
    }

    /// The number after another one.
    ///
    /// # Errors
    /// [`PublishError::NoNumberLeft`] where there is none.
    pub(super) fn after(&self, number: u64) -> Result<u64, PublishError> {
        number.checked_add(1).ok_or_else(|| PublishError::NoNumberLeft(self.name(number)))
    }

    /// A record as people know it: its path below the outputs' location.
    pub(super) fn name(&self, number: u64) -> String {
        format!("{}/{number:08}.json", self.folder.filename().unwrap_or_default())
    }

    /// What lies under a number; `None` where nothing does.
    pub(super) async fn read<T: DeserializeOwned>(&self, number: u64) -> Result<Option<Record<T>>, Error> {
        let found = match self.store.get(&self.path(number)).await {
            Err(Error::NotFound { .. }) => return Ok(None),
            found => found?,
        };
        let written_at = found.meta.last_modified;
        Ok(Some(Record { says: serde_json::from_slice(&found.bytes().await?).ok(), written_at }))
    }

    /// Writes a record under a number that must be free.
    ///
    /// # Errors
    /// When the store fails; [`PublishError::Occupied`] where something is in the record's place that is no object.
    pub(super) async fn create<T: Serialize>(&self, number: u64, record: &T) -> Result<Create, PublishError> {
        let mut text = serde_json::to_vec_pretty(record).unwrap_or_default();
        text.push(b'\n');
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.store.put_opts(&self.path(number), PutPayload::from(text), options).await {
            Ok(_) => Ok(Create::Done),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => self.taken(number).await,
            Err(error) => Err(error.into()),
        }
    }

    /// Makes sure that a record has the number. On a disk, a folder of its name would look like one, for ever.
    async fn taken(&self, number: u64) -> Result<Create, PublishError> {
        match self.store.head(&self.path(number)).await {
            Err(Error::NotFound { .. }) => Err(PublishError::Occupied(self.name(number))),
            Err(error) => Err(error.into()),
            Ok(_) => Ok(Create::Taken),
        }
    }

    pub(super) async fn delete(&self, number: u64) -> Result<(), Error> {
        match self.store.delete(&self.path(number)).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
