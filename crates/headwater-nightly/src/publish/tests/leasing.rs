//! Who holds the lease, for how long, and by which clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use object_store::ObjectStoreExt;
use object_store::memory::InMemory;
use object_store::path::Path;

use super::{clock, objects_of, put, stores, told};
use crate::failure::RunError;
use crate::publish::*;

#[tokio::test]
async fn one_run_holds_the_lease_until_it_releases_it_or_it_ends() {
    for (store, _folder) in stores() {
        let publication = Publication::new(store, Path::from("out"));
        let (clock, seconds) = clock();
        publication.probe("p").await.unwrap();
        let first = publication.lease("first", "here", clock.clone()).await.unwrap();
        let second = publication.lease("second", "there", clock.clone()).await;
        assert!(matches!(second, Err(PublishError::LeaseHeld(LeaseHolder::Run(record))) if record.run_id == "first"));
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
async fn a_lease_record_that_cannot_be_read_counts_as_long_as_a_lease_lasts() {
    for (number, after) in [("00000005", None), ("18446744073709551615", Some("E0706"))] {
        for (store, _folder) in stores() {
            let (clock, seconds) = clock();
            let publication = Publication::new(store, Path::from("out"));
            let object = format!("_leases/{number}.json");
            put(&publication, &object, "{\"run_id\": ").await;
            let written = publication.store().head(&publication.path(&object)).await.unwrap().last_modified;
            let since_start = (written - clock()).num_seconds();
            seconds.store(since_start + 100, Ordering::SeqCst);
            let error = publication.lease("b", "here", clock.clone()).await.unwrap_err();
            assert!(told(&error).starts_with(&format!("E0705 out/{object}: ")), "{}", told(&error));
            assert!(matches!(publication.holder(clock()).await.unwrap(), Some(LeaseHolder::Unknown(_))));
            seconds.store(since_start + 130, Ordering::SeqCst);
            assert_eq!(publication.holder(clock()).await.unwrap(), None);
            let taken = publication.lease("b", "here", clock.clone()).await;
            assert_eq!(taken.as_ref().err().map(|error| told(error)[..5].to_owned()).as_deref(), after);
        }
    }
}

/// A clock that is ahead gives a record an end far away, and a run must not be thought to be at work until then.
#[tokio::test]
async fn a_lease_counts_no_longer_than_a_lease_lasts_whatever_it_says() {
    for (store, _folder) in stores() {
        let publication = Publication::new(store, Path::from("out"));
        let ahead: Clock = Arc::new(|| Utc::now() + TimeDelta::days(365));
        publication.lease("a", "here", ahead).await.unwrap();
        let Some(LeaseHolder::Run(holder)) = publication.holder(Utc::now()).await.unwrap() else {
            panic!("it is held")
        };
        assert!(holder.expires_at < Utc::now() + TimeDelta::minutes(3));
        assert_eq!(publication.holder(holder.expires_at).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_machine_whose_clock_is_not_the_stores_takes_no_lease() {
    for (store, _folder) in stores() {
        let publication = Publication::new(store, Path::from("out"));
        for (seconds, seen) in
            [(0, None), (20, None), (-20, None), (600, Some("seconds ahead of")), (-600, Some("seconds behind"))]
        {
            let clock: Clock = Arc::new(move || Utc::now() + TimeDelta::seconds(seconds));
            let answer = publication.confirm_clock("a", &clock).await;
            match (answer, seen) {
                (Ok(()), None) => {}
                (Err(error), Some(seen)) => {
                    assert!(told(&error).starts_with("E0711 out: leases end by the clock"));
                    let problems = RunError::publishing("out", &error).diagnostics;
                    assert!(problems.sorted()[0].message.contains(seen), "{problems:?}");
                }
                (answer, _) => panic!("{seconds}: {answer:?}"),
            }
        }
        assert_eq!(objects_of(&publication).await, Vec::<String>::new());
    }
}

/// The clock is set while a run works: at once, or so that its records look as if they had been written long ago.
#[tokio::test]
async fn a_clock_that_is_set_while_a_run_works_costs_it_the_lease() {
    for (store, _folder) in stores() {
        for (moved, seen) in [(0, None), (600, Some("seconds ahead of")), (-600, Some("seconds behind"))] {
            let publication = Publication::new(Arc::clone(&store), Path::from("out"));
            let set = Arc::new(AtomicI64::new(0));
            let shown = Arc::clone(&set);
            let clock: Clock = Arc::new(move || Utc::now() + TimeDelta::seconds(shown.load(Ordering::SeqCst)));
            let lease = publication.lease(&format!("run {moved}"), "here", clock).await.unwrap();
            set.store(moved, Ordering::SeqCst);
            let work = tokio::time::sleep(Duration::from_millis(200));
            let answer = lease.renewed_every(Duration::from_millis(10), work).await;
            set.store(0, Ordering::SeqCst);
            match (&answer, seen) {
                (Ok(()), None) => lease.check().unwrap(),
                (Err(error), Some(seen)) => {
                    assert!(told(error).starts_with("E0711 out: leases end by the clock"));
                    let problems = RunError::publishing("out", error).diagnostics;
                    assert!(problems.sorted()[0].message.contains(seen), "{problems:?}");
                    assert!(matches!(lease.check(), Err(PublishError::LeaseLost)));
                }
                _ => panic!("{moved}: {answer:?}"),
            }
            lease.release().await.unwrap();
        }
    }
}

#[tokio::test]
async fn work_is_dropped_with_its_lease_unless_it_publishes() {
    for publishes in [false, true] {
        let (clock, seconds) = clock();
        let publication = Publication::new(Arc::new(InMemory::new()), Path::from("out"));
        let lease = publication.lease("a", "here", clock.clone()).await.unwrap();
        let work = async {
            if publishes {
                lease.begin_publishing();
            }
            seconds.store(300, Ordering::SeqCst);
            publication.lease("b", "there", clock).await.unwrap();
            tokio::time::sleep(Duration::from_millis(200)).await;
        };
        let answer = lease.renewed_every(Duration::from_millis(10), work).await;
        match publishes {
            false => assert!(matches!(answer, Err(PublishError::LeaseLost)), "{answer:?}"),
            true => assert!(answer.is_ok(), "{answer:?}"),
        }
    }
}

#[tokio::test]
async fn a_renewal_that_was_given_up_half_way_does_not_cost_the_lease() {
    for (store, _folder) in stores() {
        let (clock, _) = clock();
        let publication = Publication::new(store, Path::from("out"));
        let lease = publication.lease("a", "here", clock.clone()).await.unwrap();
        let record = match publication.holder(clock()).await.unwrap() {
            Some(LeaseHolder::Run(record)) => serde_json::to_string(&record).unwrap(),
            other => panic!("{other:?}"),
        };
        put(&publication, "_leases/00000002.json", &record).await;
        lease.confirm().await.unwrap();
        lease.release().await.unwrap();
        publication.lease("b", "here", clock).await.unwrap();
    }
}
