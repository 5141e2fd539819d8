//! A store in memory that does with each request what a test wants, by a clock that a test moves.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use crate::publish::Clock;

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
    /// The store fails, and does it all the same once it is told to.
    Late,
}

/// Decides on a request, by its kind and the object or folder it is about; of deletions it is not known.
type Decides = dyn Fn(Request, &Path) -> BoxFuture<'static, Fate> + Send + Sync;

/// Objects in memory, which say that they were written when a clock says so.
pub(super) struct Memory {
    within: InMemory,
    written: Mutex<BTreeMap<Path, DateTime<Utc>>>,
    clock: Clock,
}

impl Memory {
    pub(super) fn new(clock: Clock) -> Arc<Self> {
        Arc::new(Self { within: InMemory::new(), written: Mutex::default(), clock })
    }

    fn stamp<T>(&self, path: Path, written: Result<T>) -> Result<T> {
        if written.is_ok() {
            self.written.lock().unwrap().insert(path, (self.clock)());
        }
        written
    }

    fn stamped(&self, object: ObjectMeta) -> ObjectMeta {
        let written = self.written.lock().unwrap().get(&object.location).copied();
        ObjectMeta { last_modified: written.unwrap_or(object.last_modified), ..object }
    }
}

pub(super) struct UnreliableStore {
    within: Arc<Memory>,
    decides: Arc<Decides>,
    late: Arc<Mutex<Vec<BoxFuture<'static, ()>>>>,
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
        within: &Arc<Memory>,
        decides: impl Fn(Request, &Path) -> BoxFuture<'static, Fate> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self { within: Arc::clone(within), decides: Arc::new(decides), late: Arc::default() })
    }

    /// A store that can be relied on.
    pub(super) fn whole(within: &Arc<Memory>) -> Arc<Self> {
        Self::new(within, |_, _| std::future::ready(Fate::Done).boxed())
    }

    /// Does what was left for later, in its order or the last one first.
    pub(super) async fn catch_up(&self, backwards: bool) {
        let mut late = std::mem::take(&mut *self.late.lock().unwrap());
        if backwards {
            late.reverse();
        }
        for request in late {
            request.await;
        }
    }

    async fn answer<T: Send + 'static>(
        &self,
        request: Request,
        path: &Path,
        done: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        match (self.decides)(request, path).await {
            Fate::Done => done.await,
            Fate::Undone => Err(failed()),
            Fate::Unheard => done.await.and(Err(failed())),
            Fate::Late => {
                self.late.lock().unwrap().push(done.map(drop).boxed());
                Err(failed())
            }
        }
    }

    fn answers<T: Send + 'static>(
        &self,
        request: Request,
        path: Path,
        done: impl FnOnce(&Arc<Memory>, &Path) -> BoxStream<'static, Result<T>> + Send + 'static,
    ) -> BoxStream<'static, Result<T>> {
        let (within, decides, late) = (Arc::clone(&self.within), Arc::clone(&self.decides), Arc::clone(&self.late));
        let answers = async move {
            match decides(request, &path).await {
                Fate::Done => done(&within, &path),
                Fate::Undone => stream::iter([Err(failed())]).boxed(),
                Fate::Unheard => done(&within, &path).map(|answer| answer.and(Err(failed()))).boxed(),
                Fate::Late => {
                    let later = done(&within, &path).for_each(|_| std::future::ready(()));
                    late.lock().unwrap().push(later.boxed());
                    stream::iter([Err(failed())]).boxed()
                }
            }
        };
        stream::once(answers).flatten().boxed()
    }
}

#[async_trait]
impl ObjectStore for UnreliableStore {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let (within, place) = (Arc::clone(&self.within), path.clone());
        self.answer(Request::Put, path, async move {
            let written = within.within.put_opts(&place, payload, options).await;
            within.stamp(place, written)
        })
        .await
    }

    async fn put_multipart_opts(&self, path: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        let (within, place) = (Arc::clone(&self.within), path.clone());
        self.answer(Request::Put, path, async move { within.within.put_multipart_opts(&place, options).await }).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        let (within, place) = (Arc::clone(&self.within), path.clone());
        self.answer(Request::Get, path, async move {
            let found = within.within.get_opts(&place, options).await?;
            Ok(GetResult { meta: within.stamped(found.meta.clone()), ..found })
        })
        .await
    }

    async fn get_ranges(&self, path: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let (within, place, ranges) = (Arc::clone(&self.within), path.clone(), ranges.to_vec());
        self.answer(Request::Get, path, async move { within.within.get_ranges(&place, &ranges).await }).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.answers(Request::Delete, Path::default(), |within, _| within.within.delete_stream(paths))
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let folder = prefix.cloned().unwrap_or_default();
        self.answers(Request::List, folder, |within, folder| {
            let stamps = Arc::clone(within);
            within.within.list(Some(folder)).map_ok(move |object| stamps.stamped(object)).boxed()
        })
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let (within, folder) = (Arc::clone(&self.within), prefix.cloned().unwrap_or_default());
        let place = folder.clone();
        self.answer(Request::List, &folder, async move { within.within.list_with_delimiter(Some(&place)).await }).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let (within, from, place) = (Arc::clone(&self.within), from.clone(), to.clone());
        self.answer(Request::Copy, to, async move {
            let written = within.within.copy_opts(&from, &place, options).await;
            within.stamp(place, written)
        })
        .await
    }
}
