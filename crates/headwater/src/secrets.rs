//! What nobody may read in what the program says: secrets of the environment, and users and queries of URLs.

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;

use tracing_subscriber::fmt::MakeWriter;

/// What stands for a secret.
const HIDDEN: &str = "…";
/// Shorter values are words like any other, and stand in texts that have nothing to do with them.
const SHORTEST: usize = 8;
/// Whose variables hold secrets, and what their names say then.
const OWNERS: &[&str] = &["AWS_", "GOOGLE_", "AZURE_", "OPENLINEAGE_"];
const SECRET_WORDS: &[&str] = &["SECRET", "TOKEN", "KEY", "PASSWORD", "SAS"];
/// How names of variables end that say where a secret is, or whose it is.
const PLAIN_ENDS: &[&str] = &["_ID", "_FILE", "_PATH", "_URI", "_ENDPOINT"];
/// Variables that hold URLs, and with them a user and a password.
const URLS: &[&str] =
    &["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "HEADWATER_METRICS_PUSH", "OPENLINEAGE_URL"];

/// The secrets that this process knows.
#[derive(Clone, Default)]
pub(crate) struct Secrets(Arc<[String]>);

impl fmt::Debug for Secrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} secrets", self.0.len())
    }
}

impl Secrets {
    /// Those of an environment.
    pub(crate) fn of(environment: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut secrets: Vec<String> =
            environment.into_iter().flat_map(|(name, value)| secret_parts(&name, &value)).collect();
        secrets.retain(|secret| secret.len() >= SHORTEST);
        // Of two of which one holds the other, the longer one is hidden first.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets.dedup();
        Self(secrets.into())
    }

    /// A text in which no secret stands, and no URL has a user with a password, nor a query.
    pub(crate) fn hidden(&self, text: &str) -> String {
        let text = self.0.iter().fold(text.to_owned(), |text, secret| {
            if text.contains(secret.as_str()) { text.replace(secret.as_str(), HIDDEN) } else { text }
        });
        if text.contains("://") { without_users_and_queries(&text) } else { text }
    }
}

/// The secrets in a variable.
fn secret_parts(name: &str, value: &str) -> Vec<String> {
    if URLS.contains(&name) {
        let user = value.split_once("://").and_then(|(_, rest)| rest.split(['/', '?']).next()?.rsplit_once('@'));
        return user.and_then(|(user, _)| user.split_once(':')).map(|(_, word)| word.to_owned()).into_iter().collect();
    }
    let value = value.trim();
    if name.starts_with("OTEL_") && name.ends_with("_HEADERS") {
        let values = value.split(',').filter_map(|pair| pair.split_once('='));
        return values.flat_map(|(_, value)| [value.trim().to_owned(), percent_decoded(value.trim())]).collect();
    }
    let is_secret = OWNERS.iter().any(|owner| name.starts_with(owner))
        && SECRET_WORDS.iter().any(|word| name.contains(word))
        && !PLAIN_ENDS.iter().any(|end| name.ends_with(end));
    if !is_secret {
        return Vec::new();
    }
    // A signature is secret wherever its URL puts it.
    let signature = value.split('&').filter_map(|part| part.split_once("sig=")).map(|(_, signature)| signature);
    let parts = signature.flat_map(|signature| [signature.to_owned(), percent_decoded(signature)]);
    parts.chain([value.to_owned()]).collect()
}

/// A text with its `%20` and the like decoded; what is no such sequence stays as it is.
pub(crate) fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, following)) = rest.split_first() {
        let encoded = (*first == b'%').then(|| following.get(..2)).flatten();
        let encoded = encoded.and_then(|digits| std::str::from_utf8(digits).ok());
        match encoded.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = following.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = following;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A text in which no URL has a user with a password, and none of HTTP a user or a query: both are where secrets stand.
/// (`abfss://container@account` names a container, and `s3://bucket/a?.parquet` a pattern.)
fn without_users_and_queries(text: &str) -> String {
    let mut told = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        let is_http = before.ends_with("http://") || before.ends_with("https://");
        told.push_str(before);
        let ends = |letter: char| letter.is_whitespace() || "\"'`<>)|".contains(letter);
        let (url, following) = after.split_at(after.find(ends).unwrap_or(after.len()));
        let (authority, path) = url.split_at(url.find(['/', '?', '#']).unwrap_or(url.len()));
        let user = authority.rsplit_once('@').filter(|(user, _)| is_http || user.contains(':'));
        told.push_str(user.map_or(authority, |(_, host)| host));
        match path.split_once('?').filter(|_| is_http) {
            Some((path, _)) => {
                told.push_str(path);
                told.push('?');
                told.push_str(HIDDEN);
            }
            None => told.push_str(path),
        }
        rest = following;
    }
    told.push_str(rest);
    told
}

/// Writes logs to standard error, an event at a time.
pub(crate) struct HidingWriter(Secrets);

impl<'a> MakeWriter<'a> for Secrets {
    type Writer = HidingWriter;

    fn make_writer(&'a self) -> Self::Writer {
        HidingWriter(self.clone())
    }
}

impl Write for HidingWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = self.0.hidden(&String::from_utf8_lossy(bytes));
        io::stderr().write_all(text.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_the_environment_are_hidden_and_what_only_names_them_is_told() {
        let secrets = Secrets::of(
            [
                ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI"),
                ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7"),
                ("AWS_WEB_IDENTITY_TOKEN_FILE", "a/folder/token"),
                ("AZURE_STORAGE_SAS_KEY", "sv=2024-01-01&sig=ab%2Fcdefghij%3D"),
                ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20plantedtoken,x-team=data"),
                ("OPENLINEAGE_URL", "https://me:plantedword@lineage"),
                ("HOME", "where/people/live"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        for (text, told) in [
            (
                "key AKIAIOSFODNN7 with wJalrXUtnFEMI in where/people/live",
                "key AKIAIOSFODNN7 with … in where/people/live",
            ),
            ("a/folder/token is gone", "a/folder/token is gone"),
            ("GET https://a.blob/x?sig=ab%2Fcdefghij%3D signed ab/cdefghij=", "GET https://a.blob/x?… signed …"),
            ("authorization: Bearer plantedtoken for data", "authorization: … for data"),
            ("plantedword", "…"),
        ] {
            assert_eq!(secrets.hidden(text), told);
        }
    }

    #[test]
    fn urls_are_told_without_users_and_queries() {
        for (text, told) in [
            ("no URL: a@b", "no URL: a@b"),
            ("http://gateway:9091/metrics", "http://gateway:9091/metrics"),
            ("at (http://u:p@ss@gateway/a?sig=x#y) it", "at (http://gateway/a?…) it"),
            ("https://user:word@a and https://b?token=1", "https://a and https://b?…"),
            ("ends with http://", "ends with http://"),
            ("s3://u:word@bucket/a?.parquet", "s3://bucket/a?.parquet"),
            ("abfss://lake@shop.dfs.core.windows.net/a", "abfss://lake@shop.dfs.core.windows.net/a"),
        ] {
            assert_eq!(Secrets::default().hidden(text), told);
        }
    }
}
