//! What is cleared and what stays, over many nights.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use chrono::{Days, NaiveDate, TimeDelta};
use object_store::ObjectStore;
use object_store::memory::InMemory;
use object_store::path::Path;

use super::{clock, night, objects_of, publish, published, put, waste_of};
use crate::publish::*;
use crate::stop::Stop;

const RETENTION: Retention = Retention { superseded_days: 3, held_days: 3 };
const DAY: i64 = 86_400;

/// What may be removed, as `reason path`.
async fn waste(publication: &Publication, clock: &Clock, is_alone: bool) -> Vec<String> {
    let waste = waste_of(publication, RETENTION, clock, is_alone).await.unwrap();
    waste.iter().map(|waste| format!("{:?} {}", waste.reason, waste.path)).collect()
}

#[tokio::test]
async fn superseded_objects_go_when_their_time_is_over_and_named_ones_never() {
    let (clock, seconds) = clock();
    let (publication, lease, first) = published(Arc::new(InMemory::new()), clock.clone()).await;
    let at = |manifest: Manifest| Manifest { published_at: clock(), ..manifest };
    let second = night("b", "2026-05-30", &[("t", "x"), ("t", "y")]);
    let second = publish(&publication, at(second), Some(&first), &lease).await;
    let third = publish(&publication, at(night("c", "2026-05-30", &[("t", "z")])), Some(&second), &lease).await;
    put(&publication, "_aside/t/as_of_date=2026-05-30/nobodys.parquet", "rows").await;
    put(&publication, "_staging/run_id=dead/t/part-00000.parquet", "rows").await;
    put(&publication, "t/as_of_date=2026-05-30/notes.txt", "not ours").await;
    assert_eq!(waste(&publication, &clock, false).await, Vec::<String>::new());
    let young =
        ["Unnamed _aside/t/as_of_date=2026-05-30/nobodys.parquet", "DeadRun _staging/run_id=dead/t/part-00000.parquet"];
    assert_eq!(waste(&publication, &clock, true).await, young);
    seconds.store(3 * DAY - 1, Ordering::SeqCst);
    lease.renew().await.unwrap();
    // The first is published again, so what it names stays, and the second is the one whose time comes.
    let fourth = publish(&publication, at(night("d", "2026-05-30", &[("t", "x")])), Some(&third), &lease).await;
    assert_eq!(waste(&publication, &clock, true).await, young);
    seconds.store(3 * DAY, Ordering::SeqCst);
    let old = [
        "Unnamed _aside/t/as_of_date=2026-05-30/nobodys.parquet",
        "Superseded _aside/t/as_of_date=2026-05-30/y.parquet",
        "DeadRun _staging/run_id=dead/t/part-00000.parquet",
        "Superseded manifests/00000001.json",
        "Superseded manifests/00000002.json",
    ];
    assert_eq!(waste(&publication, &clock, true).await, old);
    // As long as a late write may come, what the night had before is not forgotten.
    publication.note(first.as_of).await.unwrap();
    assert_eq!(waste(&publication, &clock, true).await, young);
    // A note whose time is over keeps nothing: what comes next forgets it.
    let noted_at = publication.noted().await.unwrap()[&first.as_of];
    let latest = publication.latest().await.unwrap();
    let later = publication.waste(latest.as_ref(), RETENTION, noted_at + TimeDelta::days(1), true).await.unwrap();
    assert!(later.iter().any(|waste| waste.path == "manifests/00000001.json"));
    publication.forget(first.as_of).await.unwrap();
    let found = waste_of(&publication, RETENTION, &clock, true).await.unwrap();
    let (handle, asked) = Stop::channel();
    handle.request();
    assert!(matches!(publication.clear(&found, &lease, &asked).await, Err(PublishError::Stopped(_))));
    assert_eq!(waste(&publication, &clock, true).await, old);
    publication.clear(&found, &lease, &Stop::never()).await.unwrap();
    assert_eq!(waste(&publication, &clock, true).await, Vec::<String>::new());
    for manifest in [&third, &fourth] {
        assert_eq!(publication.missing(manifest).await.unwrap(), Vec::<String>::new());
    }
    assert!(objects_of(&publication).await.contains(&"t/as_of_date=2026-05-30/notes.txt".to_owned()));
    // Nothing is cleared with a lease that has ended, nor past a manifest that cannot be read.
    seconds.store(9 * DAY, Ordering::SeqCst);
    let found = waste_of(&publication, RETENTION, &clock, true).await.unwrap();
    assert!(!found.is_empty());
    assert!(matches!(publication.clear(&found, &lease, &Stop::never()).await, Err(PublishError::LeaseLost)));
    put(&publication, "manifests/00000003.json", "{").await;
    assert!(matches!(waste_of(&publication, RETENTION, &clock, true).await, Err(PublishError::BadManifest { .. })));
    let kept = publication.all().await.unwrap();
    assert_eq!(kept.readable.iter().map(|manifest| manifest.number).collect::<Vec<_>>(), [4]);
    assert_eq!(
        kept.damaged.iter().map(|manifest| manifest.object.as_str()).collect::<Vec<_>>(),
        ["manifests/00000003.json"]
    );
}

#[tokio::test]
async fn what_held_nights_staged_goes_when_its_time_is_over() {
    let (clock, seconds) = clock();
    let publication = Publication::new(Arc::new(InMemory::new()), Path::from("out"));
    for (run, held_at) in [("old", clock()), ("young", clock() + TimeDelta::days(2))] {
        put(&publication, &format!("_staging/run_id={run}/t/part-00000.parquet"), "rows").await;
        let held = HeldNight {
            as_of: held_at.date_naive(),
            run_id: run.to_owned(),
            held_at,
            audits: Vec::new(),
            inputs: Vec::new(),
        };
        publication.hold(&held).await.unwrap();
    }
    seconds.store(3 * DAY, Ordering::SeqCst);
    let old = ["HeldLongAgo _staging/run_id=old/held.json", "HeldLongAgo _staging/run_id=old/t/part-00000.parquet"];
    assert_eq!(waste(&publication, &clock, true).await, old);
    assert_eq!(waste(&publication, &clock, false).await, old);
}

/// A hundred nights, each of the last three days published again with other content.
#[tokio::test]
async fn a_hundred_nights_leave_no_more_than_their_own_objects_and_the_last_days() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let publication = Publication::new(store, Path::from("out"));
    let (clock, seconds) = clock();
    let start: NaiveDate = "2026-01-01".parse().unwrap();
    let mut latest: Option<Manifest> = None;
    for day in 0..100_u32 {
        seconds.store(i64::from(day) * DAY, Ordering::SeqCst);
        let lease = publication.lease(&format!("run-{day}"), "here", clock.clone()).await.unwrap();
        for back in 0..3_u32.min(day + 1) {
            let as_of = (start + Days::new(u64::from(day - back))).to_string();
            let version = format!("{day}-{back}");
            let next = night(&format!("run-{day}-{back}"), &as_of, &[("t", "same"), ("t", &version), ("u", &version)]);
            let next = Manifest { published_at: clock(), ..next };
            latest = Some(publish(&publication, next, latest.as_ref(), &lease).await);
        }
        let found = waste_of(&publication, RETENTION, &clock, true).await.unwrap();
        publication.clear(&found, &lease, &Stop::never()).await.unwrap();
        lease.release().await.unwrap();
    }
    let latest = latest.unwrap();
    for number in latest.nights.values() {
        let manifest = publication.manifest(*number).await.unwrap();
        assert_eq!(publication.missing(&manifest).await.unwrap(), Vec::<String>::new());
    }
    let kept = publication.superseded(&latest).await.unwrap().readable;
    for old in &kept {
        assert_eq!(publication.missing(&old.manifest).await.unwrap(), Vec::<String>::new());
    }
    // Two a day were superseded on each of the last three days.
    assert_eq!(kept.len(), 6);
    let objects = objects_of(&publication).await;
    let count = |folder: &str| objects.iter().filter(|path| path.starts_with(folder)).count();
    assert_eq!((count("t/"), count("u/"), count("manifests/")), (300, 200, 106));
    assert_eq!((count("_aside/"), count("_staging/")), (12, 0));
    assert!(count("_leases/") <= 20, "{}", count("_leases/"));
}
