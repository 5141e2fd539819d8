//! The protocol on a store that fails: full, out of reach, or answering so late that nobody hears it.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use futures::FutureExt;
use object_store::path::Path;

use super::unreliable::{Fate, Memory, Request, UnreliableStore};
use super::{clock, is_there, night, path_of, publish, published, staged};
use crate::publish::*;
use crate::stop::Stop;

/// Requests of one kind, for objects whose path has a word in it.
type Failure = (Request, &'static str, Fate);

/// A store, and how it fails from now on.
fn failing_store(clock: Clock) -> (Arc<UnreliableStore>, Arc<Mutex<Vec<Failure>>>) {
    let failures: Arc<Mutex<Vec<Failure>>> = Arc::default();
    let failing = Arc::clone(&failures);
    let store = UnreliableStore::new(&Memory::new(clock), move |request, path| {
        let failures = failing.lock().unwrap();
        let found = failures.iter().find(|(of, word, _)| *of == request && path.as_ref().contains(word));
        std::future::ready(found.map_or(Fate::Done, |(_, _, fate)| *fate)).boxed()
    });
    (store, failures)
}

/// Publishes a second night of two new objects while the store fails: what came of it, whether the new objects are
/// aside, and the number of the last manifest.
async fn night_with(failures: &[Failure]) -> (Result<(), PublishError>, [bool; 2], u64) {
    let (clock, _) = clock();
    let (store, failing) = failing_store(clock.clone());
    let (publication, lease, first) = published(store, clock).await;
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
        ("the second copy", &[(Request::Copy, "z.parquet", Fate::Undone)][..]),
        ("the answer to a copy", &[(Request::Copy, "z.parquet", Fate::Unheard)]),
        ("all that is written", &[(Request::Copy, "z.parquet", Fate::Undone), (Request::Put, "", Fate::Undone)]),
    ];
    for (what, failures) in taken_back {
        let (outcome, there, last) = night_with(failures).await;
        assert!(matches!(outcome, Err(PublishError::Store(_))), "{what}: {outcome:?}");
        assert_eq!((there, last), ([false, false], 1), "{what}");
    }
    // A manifest that was not created may yet come, and what it names stays until it is cleared away.
    let (outcome, there, last) = night_with(&[(Request::Put, "manifests", Fate::Undone)]).await;
    assert!(matches!(outcome, Err(PublishError::Store(_))), "{outcome:?}");
    assert_eq!((there, last), ([true, true], 1));
    // What was created is published, whatever the store said.
    let (outcome, there, last) = night_with(&[(Request::Put, "manifests", Fate::Unheard)]).await;
    assert!(outcome.is_ok(), "{outcome:?}");
    assert_eq!((there, last), ([false, false], 2));
    // Whether the manifest is there cannot be known: its objects may be needed.
    let (outcome, there, last) =
        night_with(&[(Request::Put, "manifests", Fate::Unheard), (Request::Get, "manifests", Fate::Undone)]).await;
    assert!(matches!(outcome, Err(PublishError::Store(_))), "{outcome:?}");
    assert_eq!((there, last), ([true, true], 2));
    // What fails after the manifest was created leaves the night published, and its objects where they can be found.
    let (outcome, there, last) = night_with(&[(Request::Put, "_SUCCESS", Fate::Undone)]).await;
    assert!(matches!(outcome, Err(PublishError::Unfinished { .. })), "{outcome:?}");
    assert_eq!((there, last), ([true, true], 2));
}

#[tokio::test]
async fn a_lease_that_cannot_be_renewed_is_kept_until_it_ends() {
    let (clock, seconds) = clock();
    let (store, failing) = failing_store(clock.clone());
    let publication = Publication::new(store, Path::from("out"));
    let lease = publication.lease("a", "here", clock.clone()).await.unwrap();
    *failing.lock().unwrap() = vec![(Request::Put, "_leases", Fate::Undone)];
    // Other clocks may be a minute ahead.
    for (at, is_kept) in [(20, true), (59, true), (60, false)] {
        seconds.store(at, Ordering::SeqCst);
        assert_eq!(lease.keep().await.is_ok(), is_kept, "after {at} seconds");
        assert_eq!(lease.confirm().await.is_ok(), is_kept, "after {at} seconds");
    }
    failing.lock().unwrap().clear();
    assert!(publication.lease("b", "there", clock.clone()).await.is_err());
    seconds.store(120, Ordering::SeqCst);
    let other = publication.lease("b", "there", clock).await.unwrap();
    assert!(matches!(lease.keep().await, Err(PublishError::LeaseLost)));
    other.keep().await.unwrap();
}

/// A run that sleeps in the middle of clearing up deletes what another one has put aside meanwhile.
#[tokio::test]
async fn what_a_late_deletion_takes_from_a_publication_is_put_aside_again() {
    let (clock, _) = clock();
    let memory = Memory::new(clock.clone());
    let late = Publication::new(UnreliableStore::whole(&memory), Path::from("out"));
    let store = UnreliableStore::new(&memory, move |request, path| {
        let is_due = request == Request::Put && path.as_ref().contains("manifests/00000002");
        let late = late.clone();
        let deletion = async move {
            if is_due {
                let place = format!("_aside/{}", path_of("t", "2026-05-30", "y"));
                late.delete(&late.path(&place)).await.unwrap();
            }
            Fate::Done
        };
        deletion.boxed()
    });
    let (publication, lease, first) = published(store, clock).await;
    let second = night("b", "2026-05-30", &[("t", "x"), ("t", "y")]);
    let second = publish(&publication, second, Some(&first), &lease).await;
    assert_eq!(publication.out_of_place(&second).await.unwrap(), None);
}

/// The same, and the run is killed before it sees that: what it had staged is there.
#[tokio::test]
async fn what_a_late_deletion_takes_from_a_run_that_is_killed_is_put_aside_again_by_the_next() {
    let (clock, seconds) = clock();
    let store = UnreliableStore::whole(&Memory::new(clock.clone()));
    let (publication, lease, first) = published(store, clock.clone()).await;
    let second = night("b", "2026-05-30", &[("t", "x"), ("t", "y"), ("t", "z")]);
    let second = publication.number(second, Some(&first)).unwrap();
    let files = staged(&publication, &second).await;
    publication.put_aside(&second, &files, &mut Vec::new(), &lease, &Stop::never()).await.unwrap();
    publication.create(&second).await.unwrap();
    publication.delete(&publication.path(&format!("_aside/{}", path_of("t", "2026-05-30", "y")))).await.unwrap();
    seconds.store(300, Ordering::SeqCst);
    let lease = publication.lease("c", "there", clock).await.unwrap();
    publication.finish(&lease).await.unwrap();
    publication.sweep("c", &lease).await.unwrap();
    assert_eq!(publication.out_of_place(&second).await.unwrap(), None);
    assert_eq!(publication.latest().await.unwrap().unwrap().number, 2);
}
