//! A store in memory that does with each request what a test wants.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// What is asked of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Request {
    Get,
    List,
    Put,
    Copy,
    Delete,
}

impl Request {
    pub(super) fn is_write(self) -> bool {
        matches!(self, Self::Put | Self::Copy | Self::Delete)
    }
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is done.
    Done,
    /// Nothing is done, and the store fails.
    Undone,
    /// It is done, and the answer lost.
    Unheard,
}

/// Decides on a request, by its kind and the object or folder it is about; of deletions it is not known.
type Decides = dyn Fn(Request, &Path) -> BoxFuture<'static, Fate> + Send + Sync;

pub(super) struct UnreliableStore {
    within: Arc<InMemory>,
    decides: Arc<Decides>,
}

impl std::fmt::Debug for UnreliableStore {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("UnreliableStore").finish_non_exhaustive()
    }
}

impl std::fmt::Display for UnreliableStore {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a store that cannot be relied on")
    }
}

fn failed() -> Error {
    Error::Generic { store: "test", source: "the store failed".into() }
}

impl UnreliableStore {
    pub(super) fn new(
        within: &Arc<InMemory>,
        decides: impl Fn(Request, &Path) -> BoxFuture<'static, Fate> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self { within: Arc::clone(within), decides: Arc::new(decides) })
    }

    async fn answer<T>(&self, request: Request, path: &Path, done: impl Future<Output = Result<T>>) -> Result<T> {
        match (self.decides)(request, path).await {
            Fate::Done => done.await,
            Fate::Undone => Err(failed()),
            Fate::Unheard => done.await.and(Err(failed())),
        }
    }

    fn answers<T: Send + 'static>(
        &self,
        request: Request,
        path: Path,
        done: impl FnOnce(&InMemory, &Path) -> BoxStream<'static, Result<T>> + Send + 'static,
    ) -> BoxStream<'static, Result<T>> {
        let (within, decides) = (Arc::clone(&self.within), Arc::clone(&self.decides));
        let answers = async move {
            match decides(request, &path).await {
                Fate::Done => done(&within, &path),
                Fate::Undone => stream::iter([Err(failed())]).boxed(),
                Fate::Unheard => done(&within, &path).map(|answer| answer.and(Err(failed()))).boxed(),
            }
        };
        stream::once(answers).flatten().boxed()
    }
}

#[async_trait]
impl ObjectStore for UnreliableStore {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.answer(Request::Put, path, self.within.put_opts(path, payload, options)).await
    }

    async fn put_multipart_opts(&self, path: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.answer(Request::Put, path, self.within.put_multipart_opts(path, options)).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.answer(Request::Get, path, self.within.get_opts(path, options)).await
    }

    async fn get_ranges(&self, path: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.answer(Request::Get, path, self.within.get_ranges(path, ranges)).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.answers(Request::Delete, Path::default(), |within, _| within.delete_stream(paths))
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let folder = prefix.cloned().unwrap_or_default();
        self.answers(Request::List, folder, |within, folder| within.list(Some(folder)))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let folder = prefix.cloned().unwrap_or_default();
        self.answer(Request::List, &folder, self.within.list_with_delimiter(prefix)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.answer(Request::Copy, to, self.within.copy_opts(from, to, options)).await
    }
}
