//! Names of datasets as OpenLineage defines them, so that other programs that read or write them give them the same.

use headwater_nightly::RunRequest;
use headwater_nightly::project::{Location, Project};

/// A dataset: a table of files.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Dataset {
    pub(super) namespace: String,
    pub(super) name: String,
}

/// An input dataset with the logical inputs that are read from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) dataset: Dataset,
    pub(super) inputs: Vec<&'static str>,
    /// Whether what is counted of its one input is counted of it alone.
    pub(super) is_whole: bool,
}

/// What a night reads.
pub(super) fn read(request: &RunRequest) -> Vec<Source> {
    let places = request.project.places_read();
    let mut sources: Vec<Source> = Vec::new();
    for (input, place) in &places {
        // A folder stands for the pattern in it, unless another input reads the same folder by another pattern.
        let folder = place_below(place, false);
        let by_pattern = places.iter().any(|(_, other)| other != place && place_below(other, false) == folder);
        let name = place_below(place, by_pattern);
        let dataset = dataset(request, place.root(), &name);
        match sources.iter_mut().find(|source| source.dataset == dataset) {
            Some(source) => {
                source.inputs.push(input.name());
                source.is_whole = false;
            }
            None => {
                let is_whole = places.iter().filter(|(other, _)| other == input).count() == 1;
                sources.push(Source { dataset, inputs: vec![input.name()], is_whole });
            }
        }
    }
    sources
}

/// A table that a night publishes.
pub(super) fn written(request: &RunRequest, table: &str) -> Dataset {
    let location = &request.project.outputs.location;
    dataset(request, location.root(), &place_below(&location.below(table), false))
}

/// The path of a place below the root of its store.
fn place_below(place: &Location, with_pattern: bool) -> String {
    match place.pattern().filter(|_| with_pattern) {
        Some(pattern) => format!("{}/{pattern}", place.path()),
        None => place.path().to_string(),
    }
}

fn dataset(request: &RunRequest, root: &str, path: &str) -> Dataset {
    let (scheme, bucket) = root.split_once("://").unwrap_or((root, ""));
    let (namespace, name) = match scheme {
        "file" => ("file".to_owned(), format!("/{path}")),
        "s3" | "s3a" => (format!("s3://{bucket}"), path.to_owned()),
        "az" | "abfs" | "abfss" => (azure(request, root, bucket), path.to_owned()),
        _ => (root.to_owned(), path.to_owned()),
    };
    // A dataset has a name, the root of a bucket too.
    let name = if name.is_empty() { "/".to_owned() } else { name };
    Dataset { namespace, name }
}

/// `abfss://container@account.dfs.core.windows.net`, as far as the account is known.
fn azure(request: &RunRequest, root: &str, bucket: &str) -> String {
    if bucket.contains('@') {
        return format!("abfss://{bucket}");
    }
    let said = account(&request.project, root);
    let environment = || {
        let names = ["AZURE_STORAGE_ACCOUNT_NAME", "AZURE_ACCOUNT_NAME"];
        let found = request.environment.iter().find(|(name, _)| names.contains(&name.as_str()));
        found.map(|(_, account)| account.clone())
    };
    match said.or_else(environment) {
        Some(account) => format!("abfss://{bucket}@{account}.dfs.core.windows.net"),
        None => root.to_owned(),
    }
}

/// The storage account that the project names for a store.
fn account(project: &Project, root: &str) -> Option<String> {
    let fitting = project.stores.iter().filter(|store| root.starts_with(store.prefix.trim_end_matches('/')));
    fitting.max_by_key(|store| store.prefix.len())?.account.clone()
}
