//! What lies in the staging folder: the tables of the run at work, what dead runs left, and held nights.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path as FilePath;

use chrono::{DateTime, NaiveDate, Utc};
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{Error, ObjectMeta, ObjectStoreExt, PutPayload};
use serde::{Deserialize, Serialize};

use super::waste::{below, is_past};
use super::{InputRecord, Lease, Publication, PublishError, Retention, Waste, WasteReason};

/// The folder of everything that is staged, below the outputs' location.
const FOLDER: &str = "_staging";
/// What the names of objects begin with that a run tries its store with.
pub(super) const PROBE: &str = "probe-";
/// The record in the folder of a held night.
const HELD: &str = "held.json";

/// A night that its audits held. What it staged lies beside this record, as evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldNight {
    /// The night.
    pub as_of: NaiveDate,
    /// The run.
    pub run_id: String,
    /// When it was held.
    pub held_at: DateTime<Utc>,
    /// The audits that held it.
    pub audits: Vec<FailedAudit>,
    /// The inputs it was computed from.
    #[serde(default)]
    pub inputs: Vec<InputRecord>,
}

/// An audit that held a night.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedAudit {
    /// The audit.
    pub id: String,
    /// The table it looked at.
    pub table: String,
    /// What it saw.
    pub observed: String,
    /// What it demands; empty where it could not be evaluated.
    pub expected: String,
}

impl HeldNight {
    /// Where its tables are, below the outputs' location.
    #[must_use]
    pub fn folder(&self) -> String {
        Publication::staging(&self.run_id)
    }
}

impl Publication {
    /// The folder that a run stages in, below the outputs' location.
    #[must_use]
    pub fn staging(run_id: &str) -> String {
        format!("{FOLDER}/{}", entry_of(run_id))
    }

    /// Whether a run's staging folder has anything in it.
    pub(super) async fn has_staged(&self, run_id: &str) -> Result<bool, PublishError> {
        Ok(self.store().list(Some(&self.path(&Self::staging(run_id)))).try_next().await?.is_some())
    }

    /// Removes what a run staged that has failed. Where its manifest was created all the same, its folder stays: it says
    /// that something is left to do.
    ///
    /// # Errors
    /// When the store fails, or the last manifest cannot be read.
    pub async fn give_up(&self, run_id: &str) -> Result<(), PublishError> {
        let latest = match self.latest().await {
            Err(PublishError::BadManifest { .. }) if !self.has_staged(run_id).await? => return Ok(()),
            latest => latest?,
        };
        match latest {
            Some(latest) if latest.run_id == run_id => Ok(()),
            _ => self.clear_staging(run_id).await,
        }
    }

    /// Removes everything a run staged.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn clear_staging(&self, run_id: &str) -> Result<(), PublishError> {
        self.remove_entries(|entry| entry == entry_of(run_id)).await
    }

    /// Removes what dead runs left: what they staged, and on the local disk what they had begun to write. Whoever calls
    /// this holds the lease, so every other run is dead; held nights stay.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn sweep(&self, run_id: &str, lease: &Lease) -> Result<(), PublishError> {
        self.sweep_drafts(lease)?;
        let mut kept: BTreeSet<String> = self.held().await?.iter().map(|night| entry_of(&night.run_id)).collect();
        kept.insert(entry_of(run_id));
        self.remove_entries(|entry| !kept.contains(entry)).await
    }

    /// Every night that is held, by night.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn held(&self) -> Result<Vec<HeldNight>, PublishError> {
        let mut held = Vec::new();
        for (entry, objects) in self.staged().await? {
            for object in objects.iter().filter(|object| object.location.filename() == Some(HELD)) {
                // A record that is not of its folder says nothing about what lies there.
                let record = self.held_record(&object.location).await?;
                held.extend(record.filter(|night| entry_of(&night.run_id) == entry));
            }
        }
        held.sort_by(|a, b| (a.as_of, &a.run_id).cmp(&(b.as_of, &b.run_id)));
        Ok(held)
    }

    /// Keeps what a run staged as evidence, in place of what was kept of the same night before.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn hold(&self, night: &HeldNight) -> Result<(), PublishError> {
        let mut text = serde_json::to_vec_pretty(night).unwrap_or_default();
        text.push(b'\n');
        let path = self.path(&format!("{}/{HELD}", night.folder()));
        self.store().put(&path, PutPayload::from(text)).await?;
        self.forget_held(night.as_of, Some(&night.run_id)).await
    }

    /// Removes what is kept of a night, but for one run.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn forget_held(&self, as_of: NaiveDate, except: Option<&str>) -> Result<(), PublishError> {
        let held = self.held().await?.into_iter();
        let settled = held.filter(|night| night.as_of == as_of && Some(night.run_id.as_str()) != except);
        let settled: BTreeSet<String> = settled.map(|night| entry_of(&night.run_id)).collect();
        self.remove_entries(|entry| settled.contains(entry)).await
    }

    async fn held_record(&self, path: &Path) -> Result<Option<HeldNight>, PublishError> {
        match self.store().get(path).await {
            Ok(found) => Ok(serde_json::from_slice(&found.bytes().await?).ok()),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// What may be removed of the staging folder. While another run may be at work, only held nights are told apart.
    pub(super) async fn staged_waste(
        &self,
        retention: Retention,
        now: DateTime<Utc>,
        is_alone: bool,
    ) -> Result<Vec<Waste>, PublishError> {
        let held = self.held().await?;
        let held: BTreeMap<String, DateTime<Utc>> =
            held.iter().map(|night| (entry_of(&night.run_id), night.held_at)).collect();
        let mut waste = Vec::new();
        for (entry, objects) in self.staged().await? {
            let reason = match held.get(&entry) {
                Some(held_at) if is_past(*held_at, retention.held_days, now) => WasteReason::HeldLongAgo,
                None if is_alone => WasteReason::DeadRun,
                _ => continue,
            };
            waste.extend(objects.iter().filter_map(|object| {
                let path = below(&self.root, &object.location)?;
                Some(Waste { path, bytes: Some(object.size), reason })
            }));
        }
        Ok(waste)
    }

    /// The objects of each entry of the staging folder: the folder of a run, or an object of its own.
    async fn staged(&self) -> Result<BTreeMap<String, Vec<ObjectMeta>>, PublishError> {
        let folder = self.path(FOLDER);
        let mut entries: BTreeMap<String, Vec<ObjectMeta>> = BTreeMap::new();
        for object in self.list(&folder).await? {
            let entry = object.location.prefix_match(&folder).and_then(|mut parts| parts.next());
            if let Some(entry) = entry.map(|entry| entry.as_ref().to_owned()).filter(|entry| is_of_run(entry)) {
                entries.entry(entry).or_default().push(object);
            }
        }
        Ok(entries)
    }

    async fn remove_entries(&self, goes: impl Fn(&str) -> bool) -> Result<(), PublishError> {
        for (_, objects) in self.staged().await?.into_iter().filter(|(entry, _)| goes(entry)) {
            for object in objects {
                self.delete(&object.location).await?;
            }
        }
        if let Some(disk) = &self.disk {
            let removed = remove_files(&disk.join(FOLDER), &goes);
            removed.map_err(on_disk)?;
        }
        Ok(())
    }
}

/// What the disk said, as a store says it.
pub(super) fn on_disk(error: io::Error) -> Error {
    Error::Generic { store: "local disk", source: Box::new(error) }
}

/// The name of a run's folder.
fn entry_of(run_id: &str) -> String {
    format!("run_id={run_id}")
}

/// Whether an entry of the staging folder is a run's. Nothing else is ever removed.
fn is_of_run(entry: &str) -> bool {
    entry.starts_with("run_id=") || entry.starts_with(PROBE)
}

/// Removes what is left of entries on the local disk: files of writes that were cut short, and empty folders.
fn remove_files(folder: &FilePath, goes: &impl Fn(&str) -> bool) -> io::Result<()> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        if !is_of_run(&name.to_string_lossy()) || !goes(&name.to_string_lossy()) {
            continue;
        }
        let removed = if entry.file_type()?.is_dir() {
            std::fs::remove_dir_all(entry.path())
        } else {
            std::fs::remove_file(entry.path())
        };
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    match std::fs::remove_dir(folder) {
        Err(error) if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::DirectoryNotEmpty) => Err(error),
        _ => Ok(()),
    }
}
