//! Where objects are: a store and a key in it, or a pattern of keys.

use std::fmt;
use std::path::Path as FilePath;

use object_store::path::Path;
use url::Url;

use crate::listing;

/// An object, a folder or a pattern of objects in a store.
///
/// `s3://`, `s3a://`, `gs://`, `az://`, `abfs://`, `abfss://`, `file://`, `memory://` (for tests) or a plain path.
/// In the last segments `*`, `?` and `[…]` match within a segment, `**` matches any number of folders.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    /// Scheme and bucket: `s3://bucket`, or `file://` for the local disk.
    root: String,
    /// The key up to the first segment with a wildcard.
    folder: Vec<String>,
    /// The segments from the first one with a wildcard.
    pattern: Vec<String>,
}

/// Why a text is no location.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLocation {
    /// A scheme that no store is known for.
    #[error("`{0}` is no scheme this program can open")]
    Scheme(String),
    /// No bucket or container.
    #[error("`{0}` names no bucket")]
    NoBucket(String),
    /// `..` beyond the root.
    #[error("`{0}` leads out of its store")]
    OutOfStore(String),
    /// A character that no store takes in a name, such as a tab.
    #[error("{0:?} has a character in it that no object may have in its name")]
    Character(String),
    /// A wildcard that cannot be read.
    #[error("`{0}` is no valid pattern: {1}")]
    Pattern(String, String),
    /// A path relative to nothing.
    #[error("`{0}` is not an absolute path")]
    Relative(String),
}

const BUCKETS: &[&str] = &["s3", "s3a", "gs", "az", "abfs", "abfss", "memory"];

impl Location {
    /// A folder of the local disk, by its absolute path. Wildcards in it are plain characters.
    ///
    /// # Errors
    /// Where the path is relative or not Unicode.
    pub fn local(folder: &FilePath) -> Result<Self, InvalidLocation> {
        let invalid = || InvalidLocation::Relative(folder.display().to_string());
        if !folder.is_absolute() {
            return Err(invalid());
        }
        let path = folder.to_str().ok_or_else(invalid)?;
        let mut location = Self { root: "file://".to_owned(), folder: Vec::new(), pattern: Vec::new() };
        location.append(path, false).map_err(|fault| fault(path.to_owned()))?;
        Ok(location)
    }

    /// Reads a URL, an absolute path, or a path relative to `base`.
    ///
    /// # Errors
    /// Where the scheme is unknown, the bucket is missing, `..` leads out of the store, or a wildcard is malformed.
    pub fn parse(text: &str, base: &Self) -> Result<Self, InvalidLocation> {
        let location = match text.split_once("://") {
            Some(("file", _)) => Self::from_file_url(text)?,
            Some((scheme, rest)) if BUCKETS.contains(&scheme) => {
                let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
                if bucket.is_empty() {
                    return Err(InvalidLocation::NoBucket(text.to_owned()));
                }
                let root = Self { root: format!("{scheme}://{bucket}"), folder: Vec::new(), pattern: Vec::new() };
                root.joined(key, text)?
            }
            Some((scheme, _)) => return Err(InvalidLocation::Scheme(format!("{scheme}://"))),
            None if text.starts_with('/') => {
                let root = Self { root: "file://".to_owned(), folder: Vec::new(), pattern: Vec::new() };
                root.joined(text, text)?
            }
            None => base.joined(text, text)?,
        };
        location.check_pattern(text)?;
        Ok(location)
    }

    /// What is at `key` below this folder; wildcards in `key` are plain characters.
    #[must_use]
    pub fn below(&self, key: &str) -> Self {
        let mut location = self.clone();
        location.folder.extend(key.split('/').filter(|segment| !segment.is_empty()).map(ToOwned::to_owned));
        location
    }

    /// Scheme and bucket, for example `s3://bucket`; `file://` for the local disk.
    #[must_use]
    pub fn root(&self) -> &str {
        &self.root
    }

    /// The key of the object or folder; of a pattern, the folder that everything it matches is in.
    #[must_use]
    pub fn path(&self) -> Path {
        Path::parse(self.folder.join("/")).unwrap_or_default()
    }

    /// The absolute path where the location is on the local disk.
    #[must_use]
    pub fn local_path(&self) -> Option<std::path::PathBuf> {
        (self.root == "file://").then(|| FilePath::new("/").join(self.folder.join("/")))
    }

    /// The wildcard part, relative to [`Self::path`].
    #[must_use]
    pub fn pattern(&self) -> Option<String> {
        (!self.pattern.is_empty()).then(|| self.pattern.join("/"))
    }

    /// Whether what this location stands for lies in `folder`, or is it.
    #[must_use]
    pub fn is_in(&self, folder: &Self) -> bool {
        self.root == folder.root && self.folder.starts_with(&folder.folder)
    }

    /// Whether this location, which is one object, a folder with all in it, or a pattern, stands for the object `name` below
    /// `folder` too.
    #[must_use]
    pub fn takes(&self, folder: &Self, name: &str) -> bool {
        if self.root != folder.root || !folder.folder.starts_with(&self.folder) {
            return false;
        }
        let inner = folder.folder.iter().skip(self.folder.len()).map(String::as_str).chain([name]);
        let inner = inner.collect::<Vec<_>>().join("/");
        self.pattern().is_none_or(|pattern| {
            glob::Pattern::new(&pattern).is_ok_and(|pattern| pattern.matches_with(&inner, listing::WITHIN_SEGMENTS))
        })
    }

    /// How an object of the same store is shown to people.
    #[must_use]
    pub fn show(&self, path: &Path) -> String {
        format!("{}/{path}", self.root)
    }

    fn from_file_url(text: &str) -> Result<Self, InvalidLocation> {
        let invalid = || InvalidLocation::Relative(text.to_owned());
        let url = Url::parse(text).map_err(|_error| invalid())?;
        let path = url.to_file_path().map_err(|()| invalid())?;
        let root = Self { root: "file://".to_owned(), folder: Vec::new(), pattern: Vec::new() };
        root.joined(path.to_str().ok_or_else(invalid)?, text)
    }

    fn joined(&self, key: &str, shown: &str) -> Result<Self, InvalidLocation> {
        let mut location = self.clone();
        location.append(key, true).map_err(|fault| fault(shown.to_owned()))?;
        Ok(location)
    }

    fn append(&mut self, key: &str, wildcards: bool) -> Result<(), fn(String) -> InvalidLocation> {
        for segment in key.split('/') {
            match segment {
                "" | "." => {}
                ".." => {
                    self.pattern
                        .pop()
                        .or_else(|| self.folder.pop())
                        .ok_or(InvalidLocation::OutOfStore as fn(String) -> _)?;
                }
                _ if Path::parse(segment).is_err() => return Err(InvalidLocation::Character),
                _ if !self.pattern.is_empty() || (wildcards && segment.contains(['*', '?', '['])) => {
                    self.pattern.push(segment.to_owned());
                }
                _ => self.folder.push(segment.to_owned()),
            }
        }
        Ok(())
    }

    fn check_pattern(&self, text: &str) -> Result<(), InvalidLocation> {
        match self.pattern() {
            None => Ok(()),
            Some(pattern) => match glob::Pattern::new(&pattern) {
                Ok(_) => Ok(()),
                Err(error) => Err(InvalidLocation::Pattern(text.to_owned(), error.msg.to_owned())),
            },
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.root)?;
        for segment in self.folder.iter().chain(&self.pattern) {
            write!(formatter, "/{segment}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<String, InvalidLocation> {
        let base = Location::local(FilePath::new("/projects/shop[1]")).unwrap();
        Location::parse(text, &base).map(|location| {
            format!("{} | {} | {}", location.root(), location.path(), location.pattern().unwrap_or_default())
        })
    }

    #[test]
    fn texts_become_store_folder_and_pattern() {
        let cases = [
            ("accounts.parquet", "file:// | projects/shop[1]/accounts.parquet | "),
            ("../lake/./a/*.parquet", "file:// | projects/lake/a | *.parquet"),
            ("/lake/x=*/y.parquet", "file:// | lake | x=*/y.parquet"),
            ("file:///lake/a%20b/c.parquet", "file:// | lake/a b/c.parquet | "),
            ("s3://bucket", "s3://bucket |  | "),
            ("s3://bucket/a/b/", "s3://bucket | a/b | "),
            (
                "abfss://lake@shop.dfs.core.windows.net/a/**/*.parquet",
                "abfss://lake@shop.dfs.core.windows.net | a | **/*.parquet",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn a_name_that_no_object_can_have_is_refused_wherever_it_stands() {
        for text in ["pub\tx", "s3://bucket/pre\nfix", "file:///lake/a%09b", "/lake/\u{7f}/*.parquet"] {
            assert!(matches!(parse(text), Err(InvalidLocation::Character(_))), "{text:?}");
        }
        assert!(Location::local(FilePath::new("/a\rb")).is_err());
        assert_eq!(parse("/größe/a b%#[1].parquet").unwrap(), "file:// | größe | a b%#[1].parquet");
    }

    #[test]
    fn a_local_folder_is_absolute_and_free_of_steps_back() {
        let local = |path: &str| Location::local(FilePath::new(path)).map(|location| location.to_string());
        assert_eq!(local("/a/../b/./c*/").unwrap(), "file:///b/c*");
        assert!(matches!(local("a"), Err(InvalidLocation::Relative(_))));
    }

    #[test]
    fn a_location_knows_what_it_takes() {
        let at = |text: &str| Location::parse(text, &Location::local(FilePath::new("/shop")).unwrap()).unwrap();
        let cases = [
            ("lake", "published", false),
            (".", "published", true),
            ("published", "published", true),
            ("published/accounts", "published", false),
            ("*.parquet", "published", false),
            ("**/*.parquet", "published", true),
            ("*/*/*/*.parquet", "published", true),
            ("*/orders/*.parquet", "published", false),
            ("s3://b/lake", "s3://b/lake/published", true),
            ("s3://b/lake", "s3://c/lake/published", false),
        ];
        for (input, outputs, expected) in cases {
            assert_eq!(
                at(input).takes(&at(outputs), "segments/as_of_date=2026-05-31/part.parquet"),
                expected,
                "{input}"
            );
        }
    }

    #[test]
    fn texts_that_are_no_location_say_why() {
        assert!(matches!(parse("hdfs://a/b"), Err(InvalidLocation::Scheme(_))));
        assert!(matches!(parse("s3:///b"), Err(InvalidLocation::NoBucket(_))));
        assert!(matches!(parse("s3://b/../c"), Err(InvalidLocation::OutOfStore(_))));
        assert!(matches!(parse("a/[b"), Err(InvalidLocation::Pattern(..))));
    }
}
