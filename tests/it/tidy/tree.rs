//! The files of the workspace, read once, with what else there is to know about each.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders that hold no source: build products, the demo, other tools' own files.
const SKIPPED: &[&str] = &["target", "demo", "node_modules"];

/// A text file of the workspace.
pub(super) struct File {
    /// Its path below the root, with `/` between the parts.
    pub(super) path: String,
    /// Its text.
    pub(super) text: String,
}

impl File {
    /// Whether it only runs in tests, so that budgets and bans on panics do not hold.
    pub(super) fn is_test(&self) -> bool {
        self.path.ends_with("tests.rs") || self.path.split('/').any(|part| part == "tests" || part == "benches")
    }

    /// Its lines with their numbers, up to the unit tests that stand at its end.
    pub(super) fn production(&self) -> impl Iterator<Item = (usize, &str)> {
        let text = self.text.split("\n#[cfg(test)]\nmod tests {").next();
        text.unwrap_or_default().lines().enumerate().map(|(at, line)| (at + 1, line))
    }

    /// Its production lines that are neither blank nor comment.
    pub(super) fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.production().filter(|(_, line)| {
            let line = line.trim_start();
            !line.is_empty() && !line.starts_with("//")
        })
    }
}

/// The folder that holds the workspace's manifest.
pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every text file, sorted by path. Hidden folders count only where they hold the project's own scripts.
pub(super) fn files() -> Vec<File> {
    let mut found = Vec::new();
    collect(&root(), &root(), &mut found);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(found.len() > 100, "the workspace was not found at {}", root().display());
    found
}

/// Every Rust file.
pub(super) fn rust_files() -> Vec<File> {
    files().into_iter().filter(|file| file.path.ends_with(".rs")).collect()
}

fn collect(root: &Path, folder: &Path, found: &mut Vec<File>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            let hidden = name.starts_with('.') && ![".ci", ".cargo"].contains(&name.as_str());
            if !hidden && !SKIPPED.contains(&name.as_str()) {
                collect(root, &path, found);
            }
        } else if let Ok(text) = fs::read_to_string(&path) {
            let path = path.strip_prefix(root).unwrap();
            found.push(File { path: path.to_string_lossy().replace('\\', "/"), text });
        }
    }
}
