//! A run put to sleep before each of its writes until its lease has ended: alone, or while others publish, roll back or
//! clear up. When it wakes up, the write it was at goes through, because no store can tell that it is late; then the run goes
//! on, or is killed. Or the run does not sleep and gives the write up, or all of them from there on, and the store does them much
//! later.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use futures::FutureExt;
use futures::future::BoxFuture;
use object_store::path::Path;

use super::unreliable::{Fate, Memory, UnreliableStore};
use super::{clock, night, objects_of, staged, waste_of};
use crate::publish::*;
use crate::stop::Stop;

const NIGHT: &str = "2026-05-30";
/// What was published first: some of it comes back.
const OLDEST: &[(&str, &str)] = &[("changed", "f"), ("kept", "d"), ("new", "j")];
const OLD: &[(&str, &str)] = &[("changed", "a"), ("gone", "c"), ("kept", "d"), ("kept", "e")];
const NEW: &[(&str, &str)] = &[("changed", "f"), ("kept", "d"), ("kept", "h"), ("new", "i")];

/// What becomes of the write before which a run falls asleep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Write {
    /// It is done when the run wakes up, and the run goes on.
    Wakes,
    /// It is done when the run wakes up with its machine, whose clock has slept too.
    WakesInThePast,
    /// It is done, and the run is killed.
    Kills,
    /// It is given up by the run, which does not sleep, and the store does it when others have run.
    Lingers,
    /// The same of every write from then on: in their order, or the last one first.
    AllLinger { backwards: bool },
}

impl Write {
    fn is_left_for_later(self) -> bool {
        matches!(self, Self::Lingers | Self::AllLinger { .. })
    }
}

/// A store whose process is put to sleep before one of its writes; the second tells how many writes there are until then,
/// and is negative afterwards.
fn drowsy_store(
    within: &Arc<Memory>,
    (number, write): (i64, Write),
    meanwhile: impl Fn() -> BoxFuture<'static, ()> + Send + Sync + 'static,
) -> (Arc<UnreliableStore>, Arc<AtomicI64>) {
    let writes_left = Arc::new(AtomicI64::new(number));
    let left = Arc::clone(&writes_left);
    let store = UnreliableStore::new(within, move |request, _| {
        let left = if request.is_write() { left.fetch_sub(1, Ordering::SeqCst) } else { left.load(Ordering::SeqCst) };
        let is_due = request.is_write() && left == 0;
        match write {
            Write::Lingers => std::future::ready(if is_due { Fate::Late } else { Fate::Done }).boxed(),
            Write::AllLinger { .. } => {
                let is_late = request.is_write() && left <= 0;
                std::future::ready(if is_late { Fate::Late } else { Fate::Done }).boxed()
            }
            _ if is_due => meanwhile().map(|()| Fate::Done).boxed(),
            Write::Kills if left < 0 => std::future::ready(Fate::Undone).boxed(),
            _ => std::future::ready(Fate::Done).boxed(),
        }
    });
    (store, writes_left)
}

/// What another run does while the first one sleeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Other {
    /// It publishes what was published before the first version.
    Oldest,
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
        Other::Oldest => Some(night(run_id, NIGHT, OLDEST)),
        Other::First { .. } => Some(night(run_id, NIGHT, OLD)),
        Other::Another => Some(night(run_id, "2026-05-31", OLD)),
        Other::Clears => None,
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
    let waste = waste_of(publication, retention, clock, true).await.unwrap();
    publication.clear(&waste, &lease, &Stop::never()).await.unwrap();
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

/// Publishes the second version of a night, and comes to a write while others run: whether it came so far.
async fn disturbed_at(number: i64, write: Write, others: &'static [Other]) -> bool {
    let (clock, seconds) = clock();
    let within = Memory::new(clock.clone());
    let publication = Publication::new(UnreliableStore::whole(&within), Path::from("out"));
    run(&publication, &clock, "oldest", Other::Oldest).await;
    run(&publication, &clock, "first", Other::First { stages: true }).await;

    let (beside, clock_beside, later) = (publication.clone(), clock.clone(), Arc::clone(&seconds));
    let meanwhile = move || {
        let (publication, clock, seconds) = (beside.clone(), clock_beside.clone(), Arc::clone(&later));
        let meanwhile = async move {
            seconds.fetch_add(300, Ordering::SeqCst);
            for (at, other) in others.iter().enumerate() {
                run(&publication, &clock, &format!("other-{at}"), *other).await;
            }
        };
        meanwhile.boxed()
    };
    let began = clock();
    let own_clock = match write {
        Write::WakesInThePast => Arc::new(move || began),
        _ => clock.clone(),
    };
    let lease = publication.lease("sleeper", "here", own_clock).await.unwrap();
    let latest = publication.latest().await.unwrap();
    let next = Manifest { published_at: clock(), ..night("sleeper", NIGHT, NEW) };
    let next = publication.number(next, latest.as_ref()).unwrap();
    let files = staged(&publication, &next).await;
    let (drowsy, writes_left) = drowsy_store(&within, (number, write), meanwhile.clone());
    let sleeper = Publication::new(Arc::<UnreliableStore>::clone(&drowsy), Path::from("out"));
    let outcome = sleeper.publish(&next, &files, &lease, &Stop::never()).await;
    let has_come_so_far = writes_left.load(Ordering::SeqCst) < 0;
    let when = format!("{write:?} write {number} beside {others:?}: {outcome:?}");
    if write != Write::Kills {
        if outcome.is_err() {
            let is_given_up = sleeper.give_up("sleeper").await.is_ok();
            assert!(is_given_up || write.is_left_for_later(), "{when}");
        }
        lease.leave().await;
    }
    if outcome.is_ok() {
        // What ends well is published, and all there.
        all_is_in_place(&publication, &when).await;
        let own = publication.manifest(next.number).await.map(|own| own.run_id);
        assert_eq!(own.ok().as_deref(), Some("sleeper"), "{when}");
    }
    // Who sleeps alone loses nothing, and who wakes up beside others says so.
    let says_so = match &outcome {
        Ok(()) => true,
        Err(PublishError::Unfinished { error, .. }) => {
            write == Write::WakesInThePast && matches!(**error, PublishError::WrongClock(_))
        }
        Err(
            PublishError::LeaseLost
            | PublishError::Unsettled(_)
            | PublishError::Replaced(_)
            | PublishError::Disturbed(_),
        ) => !others.is_empty(),
        Err(_) => false,
    };
    assert!(says_so || write == Write::Kills || write.is_left_for_later(), "{when}");
    if write.is_left_for_later() {
        meanwhile().await;
        drowsy.catch_up(write == Write::AllLinger { backwards: true }).await;
    }
    // The next run, and the one after it, whatever they do.
    seconds.fetch_add(300, Ordering::SeqCst);
    for again in ["next", "last"] {
        run(&publication, &clock, again, Other::Clears).await;
        all_is_in_place(&publication, &format!("{when}, then {again}")).await;
    }
    // Nobody is waited for, for ever.
    seconds.fetch_add(365 * 24 * 60 * 60, Ordering::SeqCst);
    run(&publication, &clock, "much later", Other::Clears).await;
    all_is_in_place(&publication, &when).await;
    let left = objects_of(&publication).await;
    assert!(!left.iter().any(|path| path.starts_with("_unsettled") || path.starts_with("_aside")), "{when}: {left:?}");
    has_come_so_far
}

#[tokio::test]
async fn whatever_comes_late_no_night_is_lost_or_doubled() {
    const FIRST: Other = Other::First { stages: true };
    const AGAIN: Other = Other::First { stages: false };
    let others: [&[Other]; 9] = [
        &[],
        &[FIRST],
        &[AGAIN],
        &[Other::Another],
        &[Other::Clears],
        &[AGAIN, Other::Clears],
        &[FIRST, Other::Another],
        &[Other::Another, Other::Clears],
        &[Other::Oldest],
    ];
    let all_linger = [false, true].map(|backwards| Write::AllLinger { backwards });
    for write in [Write::Wakes, Write::WakesInThePast, Write::Kills, Write::Lingers].into_iter().chain(all_linger) {
        for others in others {
            let mut number = 0;
            while disturbed_at(number, write, others).await {
                number += 1;
                assert!(number < 100);
            }
            assert!(number > 15, "{number}");
        }
    }
}
