//! Records that are never changed, only followed by the next number.

use std::sync::Arc;

use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use serde::Serialize;
use serde::de::DeserializeOwned;

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
        let mut numbers: Vec<u64> = listed
            .iter()
            .filter_map(|object| object.location.filename()?.strip_suffix(".json")?.parse().ok())
            .collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// The record of a number; `None` where it is not JSON of this shape.
    pub(super) async fn read<T: DeserializeOwned>(&self, number: u64) -> Result<Option<T>, Error> {
        let bytes = self.store.get(&self.path(number)).await?.bytes().await?;
        Ok(serde_json::from_slice(&bytes).ok())
    }

    /// Writes a record under a number that must be free.
    pub(super) async fn create<T: Serialize>(&self, number: u64, record: &T) -> Result<Create, Error> {
        let mut text = serde_json::to_vec_pretty(record).unwrap_or_default();
        text.push(b'\n');
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.store.put_opts(&self.path(number), PutPayload::from(text), options).await {
            Ok(_) => Ok(Create::Done),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(Create::Taken),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn delete(&self, number: u64) -> Result<(), Error> {
        match self.store.delete(&self.path(number)).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
