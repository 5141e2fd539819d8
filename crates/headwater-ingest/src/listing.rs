//! Which objects a location stands for, and what their paths say.

use chrono::{DateTime, SecondsFormat, Utc};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::common::runtime::SpawnedTask;
use futures::TryStreamExt;
use glob::{MatchOptions, Pattern};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use serde::{Serialize, Serializer};

use crate::{Location, StoreError};

/// One object as it was when the night began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ObjectVersion {
    /// The object's URL.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// The store's tag of this content, where it gives one.
    pub etag: Option<String>,
    /// When it was written, by the store's clock.
    #[serde(serialize_with = "as_text")]
    pub last_modified: DateTime<Utc>,
    /// Rows in it, from its footer.
    pub rows: u64,
}

fn as_text<S: Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&at.to_rfc3339_opts(SecondsFormat::AutoSi, true))
}

/// `*` and `?` stay within a segment of a path.
pub(crate) const WITHIN_SEGMENTS: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: false };

/// What a location stands for.
#[derive(Debug)]
pub(crate) struct Listing {
    /// The objects, by path.
    pub objects: Vec<ObjectMeta>,
    /// The folder of a table format that would have to be read through its log, if there is one.
    pub table_format: Option<&'static str>,
    /// Links on the local disk, below the location, to what is not there: a listing passes over them without a word.
    pub links_to_nothing: Vec<Path>,
}

/// Lists the objects of a location. Names that begin with `_` or `.` are no data, as everywhere in lakes.
pub(crate) async fn list(store: &dyn ObjectStore, location: &Location) -> Result<Listing, StoreError> {
    let failed = |error| StoreError::of(location.to_string(), error);
    let folder = location.path();
    if location.pattern().is_none() && !folder.is_root() {
        match store.head(&folder).await {
            Ok(object) => {
                return Ok(Listing { objects: vec![object], table_format: None, links_to_nothing: Vec::new() });
            }
            Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(failed(error)),
        }
    }
    let found: Result<Vec<ObjectMeta>, _> = store.list(Some(&folder)).try_collect().await;
    let pattern = location.pattern().and_then(|text| Pattern::new(&text).ok());
    let mut listing = choose(found.map_err(failed)?, &folder, pattern.as_ref());
    if let Some(on_disk) = location.local_path() {
        let links = SpawnedTask::spawn_blocking(move || links_to_nothing(&on_disk)).join().await.unwrap_or_default();
        let taken = links.into_iter().filter(|link| takes(pattern.as_ref(), link));
        listing.links_to_nothing =
            taken.map(|link| Path::from_iter(folder.parts().chain(Path::from(link).parts()))).collect();
    }
    Ok(listing)
}

/// Whether a name below a folder is data that a pattern matches; without one, all are.
fn takes(pattern: Option<&Pattern>, name: &str) -> bool {
    !is_hidden(name) && pattern.is_none_or(|pattern| pattern.matches_with(name, WITHIN_SEGMENTS))
}

/// The names of links below a folder that lead nowhere, sorted.
fn links_to_nothing(folder: &std::path::Path) -> Vec<String> {
    let (mut links, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(below) = folders.pop() {
        for entry in std::fs::read_dir(below).into_iter().flatten().flatten() {
            let (path, kind) = (entry.path(), entry.file_type().ok());
            if kind.is_some_and(|kind| kind.is_dir()) {
                folders.push(path);
            } else if kind.is_some_and(|kind| kind.is_symlink()) && !path.exists() {
                let name = path.strip_prefix(folder).ok().and_then(std::path::Path::to_str);
                links.extend(name.map(ToOwned::to_owned));
            }
        }
    }
    links.sort();
    links
}

fn choose(found: Vec<ObjectMeta>, folder: &Path, pattern: Option<&Pattern>) -> Listing {
    let table_format = table_format(&found, folder, pattern.is_some());
    let folders: Vec<String> = found.iter().map(|object| format!("{}/", object.location)).collect();
    let is_folder_marker = |object: &ObjectMeta| {
        let prefix = format!("{}/", object.location);
        object.size == 0 && folders.iter().any(|other| other.len() > prefix.len() && other.starts_with(&prefix))
    };
    let mut objects: Vec<ObjectMeta> = found
        .iter()
        .filter(|object| below(&object.location, folder).is_some_and(|name| takes(pattern, &name)))
        .filter(|object| object.size > 0 || !is_folder_marker(object))
        .cloned()
        .collect();
    objects.sort_by(|a, b| a.location.cmp(&b.location));
    Listing { objects, table_format, links_to_nothing: Vec::new() }
}

fn below(path: &Path, folder: &Path) -> Option<String> {
    let parts = path.prefix_match(folder)?;
    let name = parts.map(|part| part.as_ref().to_owned()).collect::<Vec<_>>().join("/");
    (!name.is_empty()).then_some(name)
}

fn is_hidden(name: &str) -> bool {
    name.split('/').any(|segment| {
        // `_year=2024` is a partition, `_SUCCESS` and `_delta_log` are not data.
        segment.starts_with('.')
            || (segment.starts_with('_') && !segment.contains('='))
            || segment.ends_with("_$folder$")
    })
}

/// Delta and Iceberg keep removed files in the folder: read as plain Parquet, deleted rows would come back.
fn table_format(found: &[ObjectMeta], folder: &Path, has_pattern: bool) -> Option<&'static str> {
    if has_pattern {
        return None;
    }
    found.iter().find_map(|object| {
        let name = below(&object.location, folder)?;
        if name.starts_with("_delta_log/") {
            return Some("Delta");
        }
        (name.starts_with("metadata/") && name.ends_with(".metadata.json")).then_some("Iceberg")
    })
}

/// The values of partition columns in an object's path.
///
/// # Errors
/// The name of the first column that has no `name=value` folder in the path, or whose value is of another type.
pub(crate) fn partition_values(path: &Path, columns: &[(String, DataType)]) -> Result<Vec<ScalarValue>, String> {
    let folders = path.as_ref().rsplit_once('/').map_or("", |(folders, _)| folders);
    columns
        .iter()
        .map(|(name, kind)| {
            let mut values =
                folders.rsplit('/').filter_map(|folder| folder.strip_prefix(name.as_str())?.strip_prefix('='));
            let value = values.next().ok_or_else(|| format!("has no folder `{name}=…` in its path"))?;
            scalar(value, kind).ok_or_else(|| format!("has `{name}={value}` in its path, which is no {}", word(kind)))
        })
        .collect()
}

/// The names of the `name=value` folders in an object's path.
pub(crate) fn names_in_path(path: &Path) -> impl Iterator<Item = &str> {
    let folders = path.as_ref().rsplit_once('/').map_or("", |(folders, _)| folders);
    folders.split('/').filter_map(|folder| folder.split_once('=')).map(|(name, _)| name)
}

fn scalar(value: &str, kind: &DataType) -> Option<ScalarValue> {
    if value == "__HIVE_DEFAULT_PARTITION__" {
        return ScalarValue::try_from(kind).ok();
    }
    // Writers percent-encode what a folder's name cannot hold.
    let text = Path::from_url_path(value).ok()?;
    ScalarValue::try_from_string(text.as_ref().to_owned(), kind).ok()
}

fn word(kind: &DataType) -> &'static str {
    match kind {
        DataType::Date32 => "date",
        DataType::Int64 => "whole number",
        _ => "text",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(names: &[(&str, u64)], folder: &str, pattern: Option<&str>) -> Vec<String> {
        let found = names.iter().map(|(name, size)| ObjectMeta {
            location: Path::parse(name).unwrap(),
            last_modified: DateTime::UNIX_EPOCH,
            size: *size,
            e_tag: None,
            version: None,
        });
        let pattern = pattern.map(|text| Pattern::new(text).unwrap());
        let listing = choose(found.collect(), &Path::parse(folder).unwrap(), pattern.as_ref());
        listing.objects.iter().map(|object| object.location.to_string()).collect()
    }

    #[test]
    fn a_folder_is_everything_in_it_but_markers_and_hidden_names() {
        let names = [
            ("a/x=1/b", 9),
            ("a/x=1", 0),
            ("a/_SUCCESS", 0),
            ("a/.b.crc", 4),
            ("a/_temporary/0/c", 4),
            ("ab/c", 9),
            ("a/z", 0),
        ];
        assert_eq!(chosen(&names, "a", None), ["a/x=1/b", "a/z"]);
    }

    #[test]
    fn a_star_stays_within_its_segment() {
        let names = [("a/x=1/b.parquet", 9), ("a/x=2/y=3/b.parquet", 9), ("a/b.parquet", 9), ("a/x=1/b.csv", 9)];
        assert_eq!(chosen(&names, "a", Some("*.parquet")), ["a/b.parquet"]);
        assert_eq!(chosen(&names, "a", Some("x=*/*.parquet")), ["a/x=1/b.parquet"]);
        assert_eq!(chosen(&names, "a", Some("**/*.parquet")).len(), 3);
    }

    #[test]
    fn partition_values_are_found_wherever_they_stand_in_the_path() {
        let columns = [("day".to_owned(), DataType::Date32), ("region".to_owned(), DataType::Utf8)];
        let read = |path: &str| {
            partition_values(&Path::parse(path).unwrap(), &columns)
                .map(|values| values.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(read("lake/region=north%20east/day=2024-02-29/a").unwrap(), ["2024-02-29", "north east"]);
        assert_eq!(read("lake/region=__HIVE_DEFAULT_PARTITION__/day=2024-02-29/a").unwrap(), ["2024-02-29", "NULL"]);
        assert_eq!(read("lake/day=2024-02-29/a").unwrap_err(), "has no folder `region=…` in its path");
        assert_eq!(read("lake/day=feb/region=a/a").unwrap_err(), "has `day=feb` in its path, which is no date");
    }
}
