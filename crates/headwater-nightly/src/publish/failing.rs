//! The protocol on a store that fails: full, out of reach, or answering so late that nobody hears it.

use std::ops::Range;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use super::tests::{clock, is_there, night, path_of, published, staged};
use super::*;
use crate::stop::Stop;

/// How a request fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fails {
    /// Nothing is done.
    Undone,
    /// It is done, and the answer lost.
    Unheard,
}

/// Requests of one kind, for objects whose path has a word in it.
type Failure = (&'static str, &'static str, Fails);

#[derive(Debug)]
struct FailingStore {
    within: InMemory,
    failures: Arc<Mutex<Vec<Failure>>>,
}

impl std::fmt::Display for FailingStore {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a store that fails")
    }
}

impl FailingStore {
    fn new() -> (Arc<Self>, Arc<Mutex<Vec<Failure>>>) {
        let failures = Arc::new(Mutex::new(Vec::new()));
        (Arc::new(Self { within: InMemory::new(), failures: Arc::clone(&failures) }), failures)
    }

    /// Does what is asked, unless it is to fail.
    async fn answer<T>(&self, request: &str, path: &Path, done: impl Future<Output = Result<T>>) -> Result<T> {
        let failures = self.failures.lock().unwrap().clone();
        let found = failures.into_iter().find(|(of, word, _)| *of == request && path.as_ref().contains(word));
        let full = Error::Generic { store: "test", source: "no space is left".into() };
        match found {
            None => done.await,
            Some((_, _, Fails::Undone)) => Err(full),
            Some((_, _, Fails::Unheard)) => done.await.and(Err(full)),
        }
    }
}

#[async_trait]
impl ObjectStore for FailingStore {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.answer("put", path, self.within.put_opts(path, payload, options)).await
    }

    async fn put_multipart_opts(&self, path: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.within.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.answer("get", path, self.within.get_opts(path, options)).await
    }

    async fn get_ranges(&self, path: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.within.get_ranges(path, ranges).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.within.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.within.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.within.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.answer("copy", to, self.within.copy_opts(from, to, options)).await
    }
}

/// Publishes a second night of two new objects while the store fails: what came of it, whether the new objects are
/// aside, and the number of the last manifest.
async fn night_with(failures: &[Failure]) -> (std::result::Result<(), PublishError>, [bool; 2], u64) {
    let (store, failing) = FailingStore::new();
    let (publication, lease, first) = published(store, clock().0).await;
    let next = night("b", "2026-05-30", &[("t", "x"), ("t", "y"), ("t", "z")]);
    let next = publication.number(next, Some(&first)).unwrap();
    let files = staged(&publication, &next).await;
    *failing.lock().unwrap() = failures.to_vec();
    let outcome = publication.publish(&next, &files, &lease, &Stop::never()).await;
    failing.lock().unwrap().clear();
    let mut there = [false; 2];
    for (there, name) in there.iter_mut().zip(["y", "z"]) {
        *there = is_there(&publication, &format!("_aside/{}", path_of("t", "2026-05-30", name))).await;
    }
    (outcome, there, publication.latest().await.unwrap().unwrap().number)
}

#[tokio::test]
async fn objects_without_a_manifest_are_taken_back_whatever_fails() {
    let taken_back = [
        ("the second copy", &[("copy", "z.parquet", Fails::Undone)][..]),
        ("the answer to a copy", &[("copy", "z.parquet", Fails::Unheard)]),
        ("all that is written", &[("copy", "z.parquet", Fails::Undone), ("put", "", Fails::Undone)]),
        ("the manifest", &[("put", "manifests", Fails::Undone)]),
    ];
    for (what, failures) in taken_back {
        let (outcome, there, last) = night_with(failures).await;
        assert!(matches!(outcome, Err(PublishError::Store(_))), "{what}: {outcome:?}");
        assert_eq!((there, last), ([false, false], 1), "{what}");
    }
    // What was created is published, whatever the store said.
    let (outcome, there, last) = night_with(&[("put", "manifests", Fails::Unheard)]).await;
    assert!(outcome.is_ok(), "{outcome:?}");
    assert_eq!((there, last), ([false, false], 2));
    // Whether the manifest is there cannot be known: its objects may be needed.
    let (outcome, there, last) =
        night_with(&[("put", "manifests", Fails::Unheard), ("get", "manifests", Fails::Undone)]).await;
    assert!(matches!(outcome, Err(PublishError::Store(_))), "{outcome:?}");
    assert_eq!((there, last), ([true, true], 2));
    // What fails after the manifest was created leaves the night published, and its objects where they can be found.
    let (outcome, there, last) = night_with(&[("put", "_SUCCESS", Fails::Undone)]).await;
    assert!(matches!(outcome, Err(PublishError::Store(_))), "{outcome:?}");
    assert_eq!((there, last), ([true, true], 2));
}

#[tokio::test]
async fn a_lease_that_cannot_be_renewed_is_kept_until_it_ends() {
    let (store, failing) = FailingStore::new();
    let (clock, seconds) = clock();
    let publication = Publication::new(store, Path::from("out"));
    let lease = publication.lease("a", "here", clock.clone()).await.unwrap();
    *failing.lock().unwrap() = vec![("put", "_leases", Fails::Undone)];
    for (at, is_kept) in [(40, true), (80, true), (120, false)] {
        seconds.store(at, Ordering::SeqCst);
        assert_eq!(lease.keep().await.is_ok(), is_kept, "after {at} seconds");
        assert_eq!(lease.confirm().await.is_ok(), is_kept, "after {at} seconds");
    }
    failing.lock().unwrap().clear();
    let other = publication.lease("b", "there", clock).await.unwrap();
    assert!(matches!(lease.keep().await, Err(PublishError::LeaseLost)));
    other.keep().await.unwrap();
}
