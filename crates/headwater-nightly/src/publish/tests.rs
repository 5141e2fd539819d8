//! The protocol on stores in memory and on disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use super::*;

/// A clock that stands still until it is moved.
fn clock() -> (Clock, Arc<AtomicI64>) {
    let seconds = Arc::new(AtomicI64::new(0));
    let shared = Arc::clone(&seconds);
    let start: DateTime<Utc> = "2026-06-01T02:00:00Z".parse().unwrap();
    (Arc::new(move || start + TimeDelta::seconds(shared.load(Ordering::SeqCst))), seconds)
}

fn stores() -> Vec<(Arc<dyn ObjectStore>, tempfile::TempDir)> {
    let folder = tempfile::tempdir().unwrap();
    let disk = object_store::local::LocalFileSystem::new_with_prefix(folder.path()).unwrap();
    vec![(Arc::new(InMemory::new()), tempfile::tempdir().unwrap()), (Arc::new(disk), folder)]
}

fn manifest(run_id: &str, day: &str, path: &str) -> Manifest {
    Manifest {
        version: 1,
        number: 0,
        run_id: run_id.to_owned(),
        as_of: day.parse().unwrap(),
        published_at: DateTime::UNIX_EPOCH,
        tool_version: "test".to_owned(),
        project: "test".to_owned(),
        tables: vec![PublishedTable {
            name: "t".to_owned(),
            rows: 1,
            files: vec![PublishedFile { path: path.to_owned(), rows: 1, bytes: 1, sha256: "00".to_owned() }],
        }],
        inputs: Vec::new(),
        rules: Vec::new(),
        verdicts: Default::default(),
        steps: Vec::new(),
        nights: Default::default(),
    }
}

async fn stage(publication: &Publication, name: &str) -> Path {
    let path = publication.path(&format!("_staging/{name}"));
    publication.store().put(&path, name.to_owned().into()).await.unwrap();
    path
}

#[tokio::test]
async fn one_run_holds_the_lease_until_it_releases_it_or_it_ends() {
    for (store, _folder) in stores() {
        let publication = Publication::new(store, Path::from("out"));
        let (clock, seconds) = clock();
        publication.probe("p").await.unwrap();
        let first = publication.lease("first", "here", clock.clone()).await.unwrap();
        let second = publication.lease("second", "there", clock.clone()).await;
        assert!(matches!(second, Err(PublishError::LeaseHeld(record)) if record.run_id == "first"));
        seconds.store(100, Ordering::SeqCst);
        first.renew().await.unwrap();
        seconds.store(200, Ordering::SeqCst);
        assert!(publication.lease("second", "there", clock.clone()).await.is_err());
        seconds.store(300, Ordering::SeqCst);
        let third = publication.lease("third", "there", clock.clone()).await.unwrap();
        assert!(matches!(first.confirm().await, Err(PublishError::LeaseLost)));
        assert!(matches!(first.renew().await, Err(PublishError::LeaseLost)));
        third.release().await.unwrap();
        publication.lease("fourth", "there", clock).await.unwrap();
    }
}

#[tokio::test]
async fn a_night_published_again_replaces_the_objects_that_changed_and_keeps_the_others() {
    for (store, _folder) in stores() {
        let publication = Publication::new(store, Path::from("out"));
        let (clock, _) = clock();
        let lease = publication.lease("a", "here", clock).await.unwrap();
        let paths = [
            "t/as_of_date=2026-05-30/x.parquet",
            "t/as_of_date=2026-05-31/x.parquet",
            "t/as_of_date=2026-05-31/y.parquet",
        ];
        let mut before = None;
        for (path, day) in paths.iter().zip(["2026-05-30", "2026-05-31", "2026-05-31"]) {
            let staged = vec![((*path).to_owned(), stage(&publication, "file").await)];
            let next = publication.publish(manifest("a", day, path), &staged, &lease, before.as_ref()).await.unwrap();
            before = Some(next);
        }
        let latest = publication.latest().await.unwrap().unwrap();
        assert_eq!(latest.number, 3);
        let nights: Vec<_> = latest.nights.values().copied().collect();
        assert_eq!(nights, [1, 3]);
        let there = |path: &'static str| {
            let publication = publication.clone();
            async move { publication.store().head(&publication.path(path)).await.is_ok() }
        };
        assert!(there(paths[0]).await && !there(paths[1]).await && there(paths[2]).await);
        assert!(there("t/as_of_date=2026-05-31/_SUCCESS").await);
        // Who comes with an old manifest in hand has lost the number.
        let first = publication.manifest(1).await.unwrap();
        let staged = vec![(paths[1].to_owned(), stage(&publication, "file").await)];
        let late = publication.publish(manifest("b", "2026-05-31", paths[1]), &staged, &lease, Some(&first)).await;
        assert!(matches!(late, Err(PublishError::LeaseLost)));
    }
}
