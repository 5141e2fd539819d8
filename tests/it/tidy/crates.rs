//! The crate graph and what each crate must not name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use cargo_metadata::{DependencyKind, MetadataCommand, Package};

use super::nothing_of;
use super::tree::{root, rust_files};

/// What a crate may know of the workspace, and what it must not name.
struct Crate {
    name: &'static str,
    /// Crates of the workspace it is built from, besides `headwater-diagnostics`, which is open to all.
    uses: &'static [&'static str],
    /// Outside crates it must not depend on.
    banned_crates: &'static [&'static str],
    /// Text its source must not hold.
    banned_text: &'static [&'static str],
}

/// What only the binary and the development tasks may do.
const AMBIENT: &[&str] = &[
    "println!",
    "eprintln!",
    "print!(",
    "eprint!(",
    "std::env",
    "env::var",
    "SystemTime",
    "Utc::now",
    "Local::now",
    "process::exit",
    "tokio::signal",
];

/// The graph. A new edge is the rarest kind of change; ARCHITECTURE.md says why each crate is one.
const CRATES: &[Crate] = &[
    Crate {
        name: "headwater-diagnostics",
        uses: &[],
        banned_crates: &["datafusion", "arrow", "object_store", "tokio", "clap"],
        banned_text: &["std::fs"],
    },
    Crate {
        name: "headwater-metrics",
        uses: &[],
        banned_crates: &["object_store", "tokio", "saphyr", "yaml_serde", "clap"],
        banned_text: &["object_store", "tokio::", "std::fs", "headwater_rules"],
    },
    Crate {
        name: "headwater-rules",
        uses: &["headwater-metrics"],
        banned_crates: &["object_store", "tokio", "clap"],
        banned_text: &["object_store", "tokio::", "clap::", "std::fs"],
    },
    Crate {
        name: "headwater-ingest",
        uses: &["headwater-metrics"],
        banned_crates: &["clap"],
        banned_text: &["headwater_rules"],
    },
    Crate {
        name: "headwater-nightly",
        uses: &["headwater-ingest", "headwater-metrics", "headwater-rules"],
        banned_crates: &["clap"],
        banned_text: &["clap::"],
    },
    Crate { name: "headwater-fixtures", uses: &[], banned_crates: &["datafusion"], banned_text: &[] },
    Crate {
        name: "headwater",
        uses: &["headwater-fixtures", "headwater-metrics", "headwater-nightly"],
        banned_crates: &[],
        banned_text: &[],
    },
    Crate { name: "xtask", uses: &["headwater-metrics", "headwater-nightly"], banned_crates: &[], banned_text: &[] },
    Crate { name: "headwater-tests", uses: &[], banned_crates: &[], banned_text: &[] },
];

/// Crates that talk to a person and to the machine around them.
const OUTERMOST: &[&str] = &["headwater", "xtask", "headwater-tests"];

#[test]
fn crates_use_only_what_the_graph_allows() {
    let packages = packages();
    let known: BTreeSet<&str> = CRATES.iter().map(|known| known.name).collect();
    let there: BTreeSet<&str> = packages.keys().map(String::as_str).collect();
    assert_eq!(there, known, "every crate stands in the graph");
    let mut found = Vec::new();
    for known in CRATES {
        let uses: BTreeSet<&str> = normal(&packages[known.name])
            .filter(|name| there.contains(name) && *name != "headwater-diagnostics")
            .collect();
        let allowed: BTreeSet<&str> = known.uses.iter().copied().collect();
        if uses != allowed {
            found.push(format!("{} uses {uses:?}, the graph says {allowed:?}", known.name));
        }
    }
    nothing_of("edges that the graph does not have, or no longer needs", &found);
}

#[test]
fn no_crate_depends_on_what_it_must_not_name() {
    let packages = packages();
    let mut found = Vec::new();
    for known in CRATES {
        for name in normal(&packages[known.name]).filter(|name| known.banned_crates.contains(name)) {
            found.push(format!("{} depends on {name}", known.name));
        }
    }
    nothing_of("dependencies that cross a border", &found);
}

#[test]
fn no_source_names_what_its_crate_must_not() {
    let mut found = Vec::new();
    let folders = folders();
    for file in rust_files().iter().filter(|file| !file.is_test()) {
        let Some(known) = CRATES.iter().find(|known| file.path.starts_with(&folders[known.name])) else { continue };
        let ambient: &[&str] = if OUTERMOST.contains(&known.name) { &[] } else { AMBIENT };
        for (number, line) in file.code() {
            for banned in known.banned_text.iter().chain(ambient).filter(|banned| line.contains(**banned)) {
                found.push(format!("{}:{number}: {banned}", file.path));
            }
        }
    }
    nothing_of("source that names what its crate must not", &found);
}

#[test]
fn there_is_one_copy_of_each_engine_crate() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let copies = |name: &str| lock.lines().filter(|line| *line == format!("name = \"{name}\"")).count();
    for name in ["arrow", "parquet", "object_store", "datafusion"] {
        assert_eq!(copies(name), 1, "copies of {name} in Cargo.lock");
    }
}

fn packages() -> BTreeMap<String, Package> {
    let metadata = MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .other_options(["--offline".to_owned()])
        .exec()
        .unwrap();
    metadata.packages.into_iter().map(|package| (package.name.to_string(), package)).collect()
}

/// What a package is built from; what only its tests use does not count.
fn normal(package: &Package) -> impl Iterator<Item = &str> {
    package
        .dependencies
        .iter()
        .filter(|dependency| dependency.kind == DependencyKind::Normal)
        .map(|dependency| dependency.name.as_str())
}

/// The folder of each crate's source, below the root. Examples are programs of their own, and print.
fn folders() -> BTreeMap<String, String> {
    packages()
        .into_values()
        .map(|package| {
            let folder = package.manifest_path.parent().unwrap().strip_prefix(root()).unwrap().to_string();
            (package.name.to_string(), format!("{folder}/src/"))
        })
        .collect()
}
