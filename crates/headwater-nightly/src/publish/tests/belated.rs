//! Manifests that are created after another run took over.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use object_store::memory::InMemory;

use super::unreliable::{Memory, UnreliableStore};
use super::{clock, is_there, manifest, night, path_of, publish, published, put, staged, stores, waste_of};
use crate::publish::publication::Creation;
use crate::publish::*;
use crate::stop::Stop;

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
    let waste = waste_of(&publication, RETENTION, &clock, true).await.unwrap();
    assert_eq!(waste.len(), 1);
    // Cleared before: what was published before it is published again.
    publication.clear(&waste, &lease, &Stop::never()).await.unwrap();
    let late = created_late(&publication, "2026-05-30").await;
    assert!(matches!(publication.settle_anew(&late, &sleeper).await, Err(PublishError::LeaseLost)));
    publication.finish(&lease).await.unwrap();
    let latest = publication.latest().await.unwrap().unwrap();
    assert_eq!((latest.number, latest.restores, latest.tables), (3, Some(1), first.tables));
    assert!(matches!(publication.settle_anew(&late, &sleeper).await, Err(PublishError::LeaseLost)));
    // Seen before anything is cleared: what it names stays, and the next run shows it.
    put(&publication, aside, "y").await;
    let late = created_late(&publication, "2026-05-30").await;
    publication.clear(&waste, &lease, &Stop::never()).await.unwrap();
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
            assert!(old.iter().all(|old| old.is_taken_back == (old.manifest.number == 3)));
            old.iter().map(|old| (old.manifest.number, (old.since - clock()).num_days())).collect::<Vec<_>>()
        };
        assert_eq!(superseded().await, [(2, 0), (3, 0)]);
        // The night is published again, ten days later; its note was forgotten by then.
        seconds.store(10 * DAY, Ordering::SeqCst);
        for night in publication.noted().await.unwrap().into_keys() {
            publication.forget(night).await.unwrap();
        }
        lease.renew().await.unwrap();
        let next = at(manifest("c", "2026-05-30", "z"));
        publish(&publication, next, publication.latest().await.unwrap().as_ref(), &lease).await;
        assert_eq!(superseded().await, [(1, 0), (2, -10), (3, -10)]);
        seconds.store(14 * DAY, Ordering::SeqCst);
        lease.renew().await.unwrap();
        let waste = waste_of(&publication, RETENTION, &clock, true).await.unwrap();
        publication.clear(&waste, &lease, &Stop::never()).await.unwrap();
        assert_eq!(superseded().await, [(1, -4)]);
        assert!(!is_there(&publication, "manifests/00000003.json").await);
    }
}

/// The folders of tables are out of reach for a while, or somebody has removed some: what was published is still recorded.
#[tokio::test]
async fn manifests_stay_where_a_night_is_not_there() {
    for (store, _folder) in stores() {
        let (publication, lease, first) = published(store, clock().0).await;
        publish(&publication, manifest("b", "2026-05-31", "y"), Some(&first), &lease).await;
        lease.release().await.unwrap();
        let objects = [path_of("t", "2026-05-30", "x"), path_of("t", "2026-05-31", "y")];
        for gone in [&objects[..], &objects[1..]] {
            for object in gone {
                publication.delete(&publication.path(object)).await.unwrap();
            }
            let lease = publication.lease("c", "there", clock().0).await.unwrap();
            publication.finish(&lease).await.unwrap();
            lease.release().await.unwrap();
            assert_eq!(publication.latest().await.unwrap().unwrap().number, 2);
            for (object, name) in objects.iter().zip(["x", "y"]) {
                put(&publication, object, name).await;
            }
            let lease = publication.lease("d", "there", clock().0).await.unwrap();
            publication.finish(&lease).await.unwrap();
            lease.release().await.unwrap();
            assert_eq!(publication.out_of_place(&publication.manifest(2).await.unwrap()).await.unwrap(), None);
        }
    }
}

/// Some of what a late manifest names is there, for it is of another version too, and some was cleared away.
#[tokio::test]
async fn a_late_manifest_is_taken_back_by_whoever_sees_it_first_where_anything_is_gone() {
    for comes in ["before the next run", "after it has looked", "after a record that is damaged"] {
        let (clock, seconds) = clock();
        let store = UnreliableStore::whole(&Memory::new(clock.clone()));
        let (publication, lease, first) = published(store, clock.clone()).await;
        let older = night("b", "2026-05-30", &[("t", "y")]);
        let older = publish(&publication, older, Some(&first), &lease).await;
        let last = publish(&publication, night("c", "2026-05-30", &[("t", "z")]), Some(&older), &lease).await;
        lease.release().await.unwrap();
        let late = async || {
            let late = night("late", "2026-05-30", &[("t", "v"), ("t", "y")]);
            let late = publication.number(late, Some(&last)).unwrap();
            let Creation::Done = publication.create(&late).await.unwrap() else { panic!("the number was free") };
        };
        if comes != "after it has looked" {
            late().await;
        }
        if comes == "after a record that is damaged" {
            put(&publication, "_leases/00000003.json", "{").await;
        }
        seconds.store(300, Ordering::SeqCst);
        let lease = publication.lease("d", "there", clock).await.unwrap();
        publication.finish(&lease).await.unwrap();
        if comes == "after it has looked" {
            late().await;
        }
        let latest = publication.latest_under(&lease).await.unwrap().unwrap();
        assert_eq!((latest.number, latest.restores, &latest.tables), (5, Some(3), &last.tables), "{comes}");
        // What counts once counts whatever becomes of it.
        publication.delete(&publication.path(&path_of("t", "2026-05-30", "z"))).await.unwrap();
        let latest = publication.latest_under(&lease).await.unwrap().unwrap();
        assert_eq!(latest.number, 5);
    }
}

/// A late manifest that counts is no less published than others when the next one comes late, and its objects are gone.
#[tokio::test]
async fn a_late_manifest_that_has_counted_stays() {
    let (clock, seconds) = clock();
    let store = UnreliableStore::whole(&Memory::new(clock.clone()));
    let (publication, lease, first) = published(store, clock.clone()).await;
    lease.release().await.unwrap();
    let second = publication.number(manifest("late", "2026-05-31", "y"), Some(&first)).unwrap();
    put(&publication, "_aside/t/as_of_date=2026-05-31/y.parquet", "y").await;
    let third = publication.number(manifest("later", "2026-06-01", "z"), Some(&second)).unwrap();
    for (late, run) in [(&second, "killed"), (&third, "last")] {
        let Creation::Done = publication.create(late).await.unwrap() else { panic!("the number was free") };
        seconds.fetch_add(300, Ordering::SeqCst);
        let lease = publication.lease(run, "there", clock.clone()).await.unwrap();
        publication.finish(&lease).await.unwrap();
    }
    let latest = publication.latest().await.unwrap().unwrap();
    assert_eq!((latest.number, latest.restores, latest.takes_back), (4, Some(2), Some(3)));
    assert_eq!(publication.out_of_place(&latest).await.unwrap(), None);
}

/// What lay aside already is of another version too, which can be published again.
#[tokio::test]
async fn what_lay_aside_before_stays_where_a_night_is_not_published() {
    let (publication, lease, first) = published(Arc::new(InMemory::new()), clock().0).await;
    let second = publish(&publication, manifest("b", "2026-05-30", "y"), Some(&first), &lease).await;
    publication.note(first.as_of).await.unwrap();
    let third = publication.number(night("c", "2026-05-30", &[("t", "x"), ("t", "z")]), Some(&second)).unwrap();
    let files = staged(&publication, &third).await;
    let mut broken = files.clone();
    broken.insert(path_of("t", "2026-05-30", "z"), publication.path("_staging/nothing"));
    assert!(publication.publish(&third, &broken, &lease, &Stop::never()).await.is_err());
    assert_eq!(publication.missing(&first).await.unwrap(), Vec::<String>::new());
}

/// A table that the night no longer has, and had two versions ago.
#[tokio::test]
async fn a_table_of_an_earlier_version_that_comes_late_is_taken_out() {
    let (publication, lease, first) = published(Arc::new(InMemory::new()), clock().0).await;
    let mut last =
        publish(&publication, night("b", "2026-05-30", &[("t", "x"), ("u", "y")]), Some(&first), &lease).await;
    for (run, name) in [("c", "z"), ("d", "v")] {
        last = publish(&publication, manifest(run, "2026-05-30", name), Some(&last), &lease).await;
    }
    let late = [path_of("u", "2026-05-30", "y"), "u/as_of_date=2026-05-30/_SUCCESS".to_owned()];
    for object in &late {
        put(&publication, object, "y").await;
    }
    put(&publication, &path_of("others", "2026-05-30", "w"), "w").await;
    publication.finish(&lease).await.unwrap();
    assert!(!is_there(&publication, &late[0]).await && !is_there(&publication, &late[1]).await);
    assert_eq!(publication.out_of_place(&last).await.unwrap(), None);
    // What no version of the night had is somebody else's.
    assert!(is_there(&publication, &path_of("others", "2026-05-30", "w")).await);
}

/// A folder that cannot be brought in line is not said to be whole.
#[tokio::test]
async fn a_folder_whose_object_is_lost_loses_its_mark() {
    let (publication, lease, first) = published(Arc::new(InMemory::new()), clock().0).await;
    let next = publication.number(night("b", "2026-05-30", &[("t", "y"), ("u", "z")]), Some(&first)).unwrap();
    put(&publication, "_aside/u/as_of_date=2026-05-30/z.parquet", "z").await;
    let Creation::Done = publication.create(&next).await.unwrap() else { panic!("the number was free") };
    lease.count(next.number);
    publication.finish(&lease).await.unwrap();
    assert!(!is_there(&publication, "t/as_of_date=2026-05-30/_SUCCESS").await);
    assert!(is_there(&publication, "u/as_of_date=2026-05-30/_SUCCESS").await);
    assert!(is_there(&publication, &path_of("u", "2026-05-30", "z")).await);
}

/// A superseded version is published again, and what a run asked for before deletes its only object, before the manifest is
/// there or after.
#[tokio::test]
async fn what_is_published_again_and_deleted_late_is_staged() {
    for is_killed in [false, true] {
        let (publication, lease, first) = published(Arc::new(InMemory::new()), clock().0).await;
        let second = publish(&publication, manifest("b", "2026-05-30", "y"), Some(&first), &lease).await;
        publication.note(first.as_of).await.unwrap();
        let again = publication.number(Manifest { run_id: "c".to_owned(), ..first.clone() }, Some(&second)).unwrap();
        let staged = publication.stage_again(&again, &lease).await.unwrap();
        assert_eq!(staged.len(), 1);
        publication.put_aside(&again, &staged, &mut Vec::new(), &lease, &Stop::never()).await.unwrap();
        publication.delete(&publication.path("_aside/t/as_of_date=2026-05-30/x.parquet")).await.unwrap();
        if is_killed {
            let Creation::Done = publication.create(&again).await.unwrap() else { panic!("the number was free") };
            lease.count(again.number);
            publication.finish(&lease).await.unwrap();
        } else {
            publication.publish(&again, &staged, &lease, &Stop::never()).await.unwrap();
        }
        assert_eq!(publication.out_of_place(&again).await.unwrap(), None);
    }
}
