//! What readers of folders and of manifests find in a publication, and whether it is what they were promised.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use headwater_nightly::publish::{Manifest, PublishedFile};
use sha2::{Digest, Sha256};

use super::store::Objects;
use crate::Outcome;

/// A publication as it is found.
#[derive(Debug)]
pub(super) struct State {
    objects: Objects,
    manifests: BTreeMap<u64, Manifest>,
}

/// The tables of a night: each object's path and content.
pub(super) type Tables = BTreeMap<String, String>;

impl State {
    pub(super) fn of(objects: Objects) -> Outcome<Self> {
        let records = objects.iter().filter(|(path, _)| path.starts_with("manifests/") && path.ends_with(".json"));
        let mut manifests = BTreeMap::new();
        for (path, bytes) in records {
            let manifest: Manifest = serde_json::from_slice(bytes).map_err(|error| format!("{path}: {error}"))?;
            manifests.insert(manifest.number, manifest);
        }
        Ok(Self { objects, manifests })
    }

    /// The manifest with the highest number.
    pub(super) fn latest(&self) -> Option<&Manifest> {
        self.manifests.values().next_back()
    }

    /// What the last manifest lists.
    pub(super) fn tables(&self) -> Tables {
        self.latest().map(tables_of).unwrap_or_default()
    }

    /// The run of each manifest.
    pub(super) fn runs(&self) -> impl Iterator<Item = &str> {
        self.manifests.values().map(|manifest| manifest.run_id.as_str())
    }

    /// What the manifest that is current for each night lists.
    pub(super) fn nights(&self) -> BTreeMap<NaiveDate, Tables> {
        let current = self.latest().into_iter().flat_map(|latest| &latest.nights);
        let current = current.filter_map(|(night, number)| Some((*night, self.manifests.get(number)?)));
        current.map(|(night, manifest)| (night, tables_of(manifest))).collect()
    }

    /// What no reader may ever find, whatever happened to a run.
    pub(super) fn harm(&self) -> Vec<String> {
        let mut harm = Vec::new();
        for manifest in self.manifests.values() {
            let lost = manifest.files().filter(|file| !self.has(file));
            harm.extend(lost.map(|file| format!("manifest {}: {} is lost", manifest.number, file.path)));
        }
        let folders: BTreeSet<&str> = self.shown().filter_map(|path| Some(path.rsplit_once('/')?.0)).collect();
        for folder in folders {
            let shown: BTreeSet<&str> =
                self.shown().filter(|path| path.rsplit_once('/').is_some_and(|(of, _)| of == folder)).collect();
            let versions: Vec<BTreeSet<&str>> = self.versions(folder);
            if !versions.iter().any(|version| shown.is_subset(version)) {
                harm.push(format!("{folder} shows rows of two versions: {shown:?}"));
            }
            let is_marked = self.objects.contains_key(&format!("{folder}/_SUCCESS"));
            if is_marked && !versions.contains(&shown) {
                harm.push(format!("{folder} is marked as whole and is not"));
            }
        }
        harm
    }

    /// What is not as after an undisturbed night that gave these tables.
    pub(super) fn unlike(&self, tables: &Tables) -> Vec<String> {
        let mut unlike = self.harm();
        if self.tables() != *tables {
            unlike.push("the manifest lists other objects than that of an undisturbed night".to_owned());
        }
        let Some(latest) = self.latest() else { return unlike };
        let night = format!("as_of_date={}", latest.as_of);
        let shown: BTreeSet<&str> = self.shown().filter(|path| path.contains(&night)).collect();
        let listed: BTreeSet<&str> = tables.keys().map(String::as_str).collect();
        unlike.extend(shown.symmetric_difference(&listed).map(|path| format!("{path} is shown or listed alone")));
        let marks = latest.tables.iter().map(|table| format!("{}/{night}/_SUCCESS", table.name));
        unlike.extend(marks.filter(|mark| !self.objects.contains_key(mark)).map(|mark| format!("{mark} is missing")));
        let named: BTreeSet<&str> =
            self.manifests.values().flat_map(Manifest::files).map(|file| file.path.as_str()).collect();
        let waste = self.objects.keys().filter(|path| match path.strip_prefix("_aside/") {
            Some(below) => !named.contains(below),
            None => path.starts_with("_staging/") || path.contains('#'),
        });
        unlike.extend(waste.map(|path| format!("{path} is left behind")));
        unlike
    }

    /// Objects of tables that readers of folders see.
    fn shown(&self) -> impl Iterator<Item = &str> {
        self.objects.keys().map(String::as_str).filter(|path| !path.starts_with('_') && path.ends_with(".parquet"))
    }

    /// The objects of a folder by each manifest that is of its night.
    fn versions(&self, folder: &str) -> Vec<BTreeSet<&str>> {
        let of_night = self.manifests.values().filter(|manifest| folder.ends_with(&format!("={}", manifest.as_of)));
        of_night.map(|manifest| paths_below(manifest, folder)).collect()
    }

    /// Whether an object is at one of its two places, with its content.
    fn has(&self, file: &PublishedFile) -> bool {
        let places = [file.path.clone(), format!("_aside/{}", file.path)];
        places.iter().filter_map(|place| self.objects.get(place)).any(|bytes| sha256(bytes) == file.sha256)
    }
}

fn tables_of(manifest: &Manifest) -> Tables {
    manifest.files().map(|file| (file.path.clone(), file.sha256.clone())).collect()
}

fn paths_below<'a>(manifest: &'a Manifest, folder: &str) -> BTreeSet<&'a str> {
    manifest.files().map(|file| file.path.as_str()).filter(|path| path.starts_with(folder)).collect()
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
