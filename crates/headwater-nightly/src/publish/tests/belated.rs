//! Manifests that are created after another run took over.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use object_store::memory::InMemory;

use super::unreliable::{Memory, UnreliableStore};
use super::{clock, is_there, manifest, path_of, publish, published, put, stores};
use crate::publish::publication::Creation;
use crate::publish::*;

const RETENTION: Retention = Retention { superseded_days: 14, held_days: 14 };
const DAY: i64 = 86_400;

/// Creates a manifest of the night of May 30th, or another one, as a run does that slept before it.
async fn created_late(publication: &Publication, day: &str) -> Manifest {
    let latest = publication.latest().await.unwrap();
    let late = publication.number(manifest("late", day, "y"), latest.as_ref()).unwrap();
    let late = Manifest { published_at: latest.unwrap().published_at, ..late };
    let Creation::Done = publication.create(&late).await.unwrap() else { panic!("the number was free") };
    late
}

/// A run that slept between its last look at the lease and its manifest, while another took over: what it had put aside is
/// cleared away before the manifest is there, or after.
#[tokio::test]
async fn a_manifest_created_after_another_run_took_over_counts_only_where_its_objects_are_there() {
    let (clock, seconds) = clock();
    let store = UnreliableStore::whole(&Memory::new(clock.clone()));
    let (publication, sleeper, first) = published(store, clock.clone()).await;
    let aside = "_aside/t/as_of_date=2026-05-30/y.parquet";
    put(&publication, aside, "y").await;
    seconds.store(300, Ordering::SeqCst);
    let lease = publication.lease("gc", "there", clock.clone()).await.unwrap();
    let waste = publication.waste(RETENTION, clock(), true).await.unwrap();
    assert_eq!(waste.len(), 1);
    // Cleared before: what was published before it is published again.
    publication.clear(&waste, &lease).await.unwrap();
    let late = created_late(&publication, "2026-05-30").await;
    assert!(matches!(publication.settle_anew(&late, &sleeper).await, Err(PublishError::LeaseLost)));
    publication.finish(&lease).await.unwrap();
    let latest = publication.latest().await.unwrap().unwrap();
    assert_eq!((latest.number, latest.restores, latest.tables), (3, Some(1), first.tables));
    assert!(matches!(publication.settle_anew(&late, &sleeper).await, Err(PublishError::Replaced(_))));
    // Seen before anything is cleared: what it names stays, and the next run shows it.
    put(&publication, aside, "y").await;
    let late = created_late(&publication, "2026-05-30").await;
    publication.clear(&waste, &lease).await.unwrap();
    assert_eq!(publication.missing(&late).await.unwrap(), Vec::<String>::new());
    assert!(matches!(publication.settle(&late, &sleeper).await, Err(PublishError::LeaseLost)));
    publication.finish(&lease).await.unwrap();
    assert_eq!(publication.latest().await.unwrap().unwrap().number, 4);
    assert!(is_there(&publication, &path_of("t", "2026-05-30", "y")).await);
    assert!(!is_there(&publication, &path_of("t", "2026-05-30", "x")).await);
}

/// A manifest that was taken back is kept like one that was superseded, and what it had replaced is not thought to have been.
#[tokio::test]
async fn a_manifest_that_was_taken_back_goes_when_its_time_is_over() {
    for day in ["2026-05-30", "2026-05-31"] {
        let (clock, seconds) = clock();
        let (publication, lease, _) = published(Arc::new(InMemory::new()), clock.clone()).await;
        let at = |manifest: Manifest| Manifest { published_at: clock(), ..manifest };
        let second = at(manifest("b", "2026-05-29", "x"));
        publish(&publication, second, publication.latest().await.unwrap().as_ref(), &lease).await;
        created_late(&publication, day).await;
        publication.finish(&lease).await.unwrap();
        let superseded = async || {
            let latest = publication.latest().await.unwrap().unwrap();
            let old = publication.superseded(&latest).await.unwrap().readable;
            old.iter().map(|old| (old.manifest.number, (old.since - clock()).num_days())).collect::<Vec<_>>()
        };
        assert_eq!(superseded().await, [(2, 0), (3, 0)]);
        // The night is published again, ten days later.
        seconds.store(10 * DAY, Ordering::SeqCst);
        lease.renew().await.unwrap();
        let next = at(manifest("c", "2026-05-30", "z"));
        publish(&publication, next, publication.latest().await.unwrap().as_ref(), &lease).await;
        assert_eq!(superseded().await, [(1, 0), (2, -10), (3, -10)]);
        seconds.store(14 * DAY, Ordering::SeqCst);
        lease.renew().await.unwrap();
        let waste = publication.waste(RETENTION, clock(), true).await.unwrap();
        publication.clear(&waste, &lease).await.unwrap();
        assert_eq!(superseded().await, [(1, -4)]);
        assert!(!is_there(&publication, "manifests/00000003.json").await);
    }
}

/// The folders of tables are out of reach for a while: what was published is still recorded.
#[tokio::test]
async fn manifests_stay_where_no_night_is_there() {
    for (store, _folder) in stores() {
        let (publication, lease, first) = published(store, clock().0).await;
        publish(&publication, manifest("b", "2026-05-31", "y"), Some(&first), &lease).await;
        let objects = [path_of("t", "2026-05-30", "x"), path_of("t", "2026-05-31", "y")];
        for object in &objects {
            publication.delete(&publication.path(object)).await.unwrap();
        }
        publication.finish(&lease).await.unwrap();
        assert_eq!(publication.latest().await.unwrap().unwrap().number, 2);
        for (object, name) in objects.iter().zip(["x", "y"]) {
            put(&publication, object, name).await;
        }
        publication.finish(&lease).await.unwrap();
        assert_eq!(publication.out_of_place(&publication.manifest(2).await.unwrap()).await.unwrap(), None);
        // Only the last one is gone: it came late, and its night is not published.
        publication.delete(&publication.path(&objects[1])).await.unwrap();
        publication.finish(&lease).await.unwrap();
        let latest = publication.latest().await.unwrap().unwrap();
        assert_eq!(publication.out_of_place(&latest).await.unwrap(), None);
        assert_eq!((latest.number, latest.nights), (3, [(first.as_of, 3)].into()));
    }
}
