//! A run put to sleep before each of its writes until its lease has ended: alone, or while another one publishes, rolls
//! back or clears up. When it wakes up, the write it was at goes through, because no store can tell that it is late.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use futures::FutureExt;
use futures::future::BoxFuture;
use object_store::ObjectStore;
use object_store::memory::InMemory;
use object_store::path::Path;

use super::tests::{clock, night, objects_of, staged};
use super::unreliable::{Fate, UnreliableStore};
use super::*;
use crate::stop::Stop;

const NIGHT: &str = "2026-05-30";
const OLD: &[(&str, &str)] = &[("changed", "a"), ("gone", "c"), ("kept", "d"), ("kept", "e")];
const NEW: &[(&str, &str)] = &[("changed", "f"), ("kept", "d"), ("kept", "h"), ("new", "i")];

/// A store whose process is put to sleep before one of its writes; the second tells how many writes there are until then,
/// and is negative afterwards.
fn drowsy_store(
    within: &Arc<InMemory>,
    write: i64,
    meanwhile: impl Fn() -> BoxFuture<'static, ()> + Send + Sync + 'static,
) -> (Arc<UnreliableStore>, Arc<AtomicI64>) {
    let writes_left = Arc::new(AtomicI64::new(write));
    let left = Arc::clone(&writes_left);
    let store = UnreliableStore::new(within, move |request, _| {
        let is_due = request.is_write() && left.fetch_sub(1, Ordering::SeqCst) == 0;
        let slept = if is_due { meanwhile() } else { std::future::ready(()).boxed() };
        slept.map(|()| Fate::Done).boxed()
    });
    (store, writes_left)
}

/// What another run does while the first one sleeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Other {
    /// There is none.
    Nobody,
    /// It publishes the first version of the night again, from what is there or from what it staged.
    First { stages: bool },
    /// It publishes another night.
    Another,
    /// It clears up.
    Clears,
}

/// A run, from its lease to its end.
async fn run(publication: &Publication, clock: &Clock, run_id: &str, other: Other) {
    let lease = publication.lease(run_id, "there", clock.clone()).await.unwrap();
    publication.finish(&lease).await.unwrap();
    publication.sweep(run_id, &lease).await.unwrap();
    let next = match other {
        Other::First { .. } => Some(night(run_id, NIGHT, OLD)),
        Other::Another => Some(night(run_id, "2026-05-31", OLD)),
        Other::Nobody | Other::Clears => None,
    };
    if let Some(next) = next.map(|next| Manifest { published_at: clock(), ..next }) {
        let next = publication.number(next, publication.latest().await.unwrap().as_ref()).unwrap();
        let files = if other == (Other::First { stages: false }) {
            Default::default()
        } else {
            staged(publication, &next).await
        };
        publication.publish(&next, &files, &lease, &Stop::never()).await.unwrap();
        publication.clear_staging(run_id).await.unwrap();
    }
    let retention = Retention { superseded_days: 14, held_days: 14 };
    let waste = publication.waste(retention, clock(), true).await.unwrap();
    publication.clear(&waste, &lease).await.unwrap();
    lease.release().await.unwrap();
}

/// Every night that is published shows the objects of its manifest, whole, with their mark, and no others.
async fn all_is_in_place(publication: &Publication, when: &str) {
    let Some(latest) = publication.latest().await.unwrap() else { return };
    let objects = objects_of(publication).await;
    let mut shown: Vec<&String> =
        objects.iter().filter(|path| !path.starts_with('_') && path.ends_with(".parquet")).collect();
    let mut expected = Vec::new();
    for number in latest.nights.values() {
        let manifest = publication.manifest(*number).await.unwrap();
        assert_eq!(publication.missing(&manifest).await.unwrap(), Vec::<String>::new(), "{when}");
        for table in &manifest.tables {
            let mark = format!("{}/as_of_date={}/_SUCCESS", table.name, manifest.as_of);
            assert!(objects.contains(&mark), "{when}: {mark}");
        }
        expected.extend(manifest.files().map(|file| file.path.clone()));
    }
    expected.sort();
    shown.sort();
    assert_eq!(shown, expected.iter().collect::<Vec<_>>(), "{when}");
}

/// Publishes the second version of a night, asleep before one of the writes: whether it came so far.
async fn asleep_before(write: i64, other: Other) -> bool {
    let within = Arc::new(InMemory::new());
    let store: Arc<dyn ObjectStore> = Arc::<InMemory>::clone(&within);
    let publication = Publication::new(store, Path::from("out"));
    let (clock, seconds) = clock();
    run(&publication, &clock, "first", Other::First { stages: true }).await;

    let (others, others_clock) = (publication.clone(), clock.clone());
    let meanwhile = move || {
        let (others, clock, seconds) = (others.clone(), others_clock.clone(), Arc::clone(&seconds));
        let meanwhile = async move {
            seconds.fetch_add(300, Ordering::SeqCst);
            if other != Other::Nobody {
                run(&others, &clock, "other", other).await;
            }
        };
        meanwhile.boxed()
    };
    let lease = publication.lease("sleeper", "here", clock.clone()).await.unwrap();
    let latest = publication.latest().await.unwrap();
    let next = Manifest { published_at: clock(), ..night("sleeper", NIGHT, NEW) };
    let next = publication.number(next, latest.as_ref()).unwrap();
    let files = staged(&publication, &next).await;
    let (drowsy, writes_left) = drowsy_store(&within, write, meanwhile);
    let sleeper = Publication::new(drowsy, Path::from("out"));
    let outcome = sleeper.publish(&next, &files, &lease, &Stop::never()).await;
    // A lease that was lost cannot be released.
    drop(lease.release().await);
    let has_slept = writes_left.load(Ordering::SeqCst) < 0;
    let when = format!("asleep before write {write}, {other:?}: {outcome:?}");

    let latest = publication.latest().await.unwrap().unwrap();
    match (&outcome, other) {
        // What ends well is published, and all there.
        (Ok(()), _) => {
            all_is_in_place(&publication, &when).await;
            let own = publication.manifest(next.number).await.map(|own| own.run_id);
            assert_eq!(own.ok().as_deref(), Some("sleeper"), "{when}");
        }
        (Err(_), Other::Nobody) => assert_eq!(latest.run_id, "first", "{when}"),
        (Err(_), _) => {}
    }
    // The next run, and the one after it, whatever they do.
    for again in ["next", "last"] {
        run(&publication, &clock, again, Other::Clears).await;
        all_is_in_place(&publication, &format!("{when}, then {again}")).await;
    }
    let aside: Vec<String> = objects_of(&publication).await;
    assert!(!aside.iter().any(|path| path.starts_with("_unsettled")), "{when}: {aside:?}");
    has_slept
}

#[tokio::test]
async fn asleep_before_any_write_no_night_is_lost_or_doubled() {
    for other in
        [Other::Nobody, Other::First { stages: true }, Other::First { stages: false }, Other::Another, Other::Clears]
    {
        let mut write = 0;
        while asleep_before(write, other).await {
            write += 1;
            assert!(write < 100);
        }
        assert!(write > 15, "{write}");
    }
}
