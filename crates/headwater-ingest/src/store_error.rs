//! What a store answers when it does not do what it is asked.

use headwater_diagnostics::{Code, Diagnostic};

/// A store that could not be opened, or a request that failed.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {message}")]
pub struct StoreError {
    /// The location, as the user knows it.
    pub place: String,
    /// What happened, in words.
    pub message: String,
    /// What kind of failure it is.
    pub kind: StoreFailure,
    /// The store's own error.
    #[source]
    pub source: Option<Box<object_store::Error>>,
}

/// The kinds of failure a caller treats differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreFailure {
    /// The store cannot be configured from the URL, the project and the environment.
    Configuration,
    /// There is no such bucket or object.
    NotFound,
    /// The credentials are missing or do not allow it.
    Denied,
    /// An object was replaced or removed while it was read.
    Changed,
    /// Network, service or disk, after retries.
    Failed,
}

impl StoreError {
    /// Wraps a store's error.
    #[must_use]
    pub fn of(place: impl Into<String>, error: object_store::Error) -> Self {
        let seen = Self::seen(place, &error);
        Self { source: Some(Box::new(error)), ..seen }
    }

    /// Tells of a store's error that somebody else holds.
    pub(crate) fn seen(place: impl Into<String>, error: &object_store::Error) -> Self {
        Self { place: place.into(), message: message(error), kind: kind(error), source: None }
    }

    /// As [`Self::seen`], of an object that was there a moment ago.
    pub(crate) fn while_reading(place: impl Into<String>, error: &object_store::Error) -> Self {
        let seen = Self::seen(place, error);
        match seen.kind {
            StoreFailure::NotFound => Self { kind: StoreFailure::Changed, ..seen },
            _ => seen,
        }
    }

    /// Objects that were written again or removed while they were read: one of them, and how many others.
    pub(crate) fn changed(place: impl Into<String>, others: usize) -> Self {
        let more = if others == 0 { String::new() } else { format!(", and {others} others") };
        let message = format!("it was written again or removed after the night had begun{more}");
        Self { place: place.into(), message, kind: StoreFailure::Changed, source: None }
    }

    pub(crate) fn configuration(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { place: place.into(), message: message.into(), kind: StoreFailure::Configuration, source: None }
    }

    /// Whether the same night may succeed when tried again later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self.kind, StoreFailure::Failed | StoreFailure::Changed)
    }

    /// The failure as something to show.
    #[must_use]
    pub fn diagnostic(&self) -> Diagnostic {
        let (code, message) = match self.kind {
            StoreFailure::Configuration => (Code::UnsupportedStore, "the store cannot be opened"),
            StoreFailure::NotFound => (Code::StoreFailed, "there is no such bucket or object"),
            StoreFailure::Denied => (Code::StoreFailed, "the store refused access"),
            StoreFailure::Changed => (Code::StoreFailed, "an object changed while it was read"),
            StoreFailure::Failed => (Code::StoreFailed, "the store did not answer as it should"),
        };
        let problem = Diagnostic::of(code, self.place.clone(), message).note(self.message.clone());
        problem.help(match self.kind {
            StoreFailure::Configuration => "correct the location, or what the environment says of its store",
            StoreFailure::NotFound => "correct the location, or make the bucket",
            StoreFailure::Denied => "allow the user of the run to list and read there, or give its environment the credentials of one who may",
            StoreFailure::Changed => "run again when the export has ended",
            StoreFailure::Failed => "check network and credentials, then run again",
        })
    }
}

fn kind(error: &object_store::Error) -> StoreFailure {
    use object_store::Error as E;
    match error {
        E::NotFound { .. } => StoreFailure::NotFound,
        E::PermissionDenied { .. } | E::Unauthenticated { .. } => StoreFailure::Denied,
        E::Precondition { .. } => StoreFailure::Changed,
        E::InvalidPath { .. }
        | E::NotSupported { .. }
        | E::NotImplemented { .. }
        | E::UnknownConfigurationKey { .. } => StoreFailure::Configuration,
        _ if is_denied_by_disk(error) => StoreFailure::Denied,
        _ => kind_of_answer(&error.to_string()),
    }
}

/// Answers to listing requests come without a type of their own: only their text says the status.
fn kind_of_answer(text: &str) -> StoreFailure {
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if says(&["status code: 404"]) {
        StoreFailure::NotFound
    } else if says(&["status code: 401", "status code: 403", INSTANCE_METADATA]) {
        StoreFailure::Denied
    } else if says(&["incorrectly configured region"]) {
        StoreFailure::Configuration
    } else {
        StoreFailure::Failed
    }
}

/// Where a machine in a cloud gives out credentials: asked only when the environment has none.
const INSTANCE_METADATA: &str = "169.254.169.254";

fn message(error: &object_store::Error) -> String {
    let text = error.to_string();
    if text.contains(INSTANCE_METADATA) {
        return "the environment has no credentials for it, and this machine gives none".to_owned();
    }
    let line = text.lines().next().unwrap_or_default();
    let line = line.split(": <?xml").next().unwrap_or_default();
    innermost_cause(error).map_or_else(|| line.to_owned(), |cause| format!("{line}: {cause}"))
}

/// What a store's error comes from in the end, where its own text leaves that out: a host that nobody knows, a certificate that
/// nobody vouches for.
#[must_use]
pub fn innermost_cause(error: &object_store::Error) -> Option<String> {
    let mut deepest: &dyn std::error::Error = error;
    while let Some(deeper) = deepest.source() {
        deepest = deeper;
    }
    let cause = deepest.to_string();
    (!cause.is_empty() && !error.to_string().contains(&cause)).then_some(cause)
}

/// The local disk reports denied access inside its generic error.
fn is_denied_by_disk(error: &object_store::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(current) = cause {
        let io = current.downcast_ref::<std::io::Error>();
        if io.is_some_and(|io| io.kind() == std::io::ErrorKind::PermissionDenied) {
            return true;
        }
        cause = current.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generic(source: impl std::error::Error + Send + Sync + 'static) -> object_store::Error {
        object_store::Error::Generic { store: "S3", source: Box::new(source) }
    }

    #[test]
    fn answers_are_told_apart() {
        let answer = |text: &str| StoreError::of("s3://b", generic(std::io::Error::other(text.to_owned())));
        let missing = answer("Server returned non-2xx status code: 404 Not Found: <?xml version=\"1.0\"?>\n<Error>");
        assert_eq!(missing.kind, StoreFailure::NotFound);
        assert!(missing.message.ends_with("404 Not Found"), "{}", missing.message);
        assert_eq!(answer("status code: 403 Forbidden").kind, StoreFailure::Denied);
        assert_eq!(answer("PUT http://169.254.169.254/latest/api/token").kind, StoreFailure::Denied);
        assert_eq!(answer("connection refused").kind, StoreFailure::Failed);
        let denied = generic(std::io::Error::from(std::io::ErrorKind::PermissionDenied));
        assert!(!StoreError::of("file:///a", denied).is_retryable());
    }

    /// As the client of HTTP does: its text stops where the connection begins.
    #[test]
    fn what_an_error_comes_from_is_told_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("error sending request")]
        struct Request(#[source] std::io::Error);
        let untrusted = generic(Request(std::io::Error::other("invalid peer certificate: UnknownIssuer")));
        let told = StoreError::of("s3://b", untrusted).message;
        assert!(told.ends_with("error sending request: invalid peer certificate: UnknownIssuer"), "{told}");
        let plain = generic(std::io::Error::other("no route"));
        assert_eq!(innermost_cause(&plain), None);
    }

    #[test]
    fn what_vanished_while_it_was_read_is_a_reason_to_try_again() {
        let gone = object_store::Error::NotFound { path: "a".to_owned(), source: "gone".into() };
        assert!(!StoreError::seen("a", &gone).is_retryable());
        assert!(StoreError::while_reading("a", &gone).is_retryable());
    }
}
