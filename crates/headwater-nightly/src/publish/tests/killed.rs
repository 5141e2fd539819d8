//! The protocol killed after each of its writes: what readers of folders and of manifests find then, and after the next
//! run.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use futures::FutureExt;
use object_store::path::Path;

use super::unreliable::{Fate, Memory, UnreliableStore};
use super::{clock, night, objects_of, staged};
use crate::publish::*;
use crate::stop::Stop;

/// A store that a process writes to until it is killed: after a number of writes, nothing gets through.
fn mortal_store(within: &Arc<Memory>, writes: i64) -> Arc<UnreliableStore> {
    let writes_left = AtomicI64::new(writes);
    UnreliableStore::new(within, move |request, _| {
        let lives = if request.is_write() {
            writes_left.fetch_sub(1, Ordering::SeqCst) > 0
        } else {
            writes_left.load(Ordering::SeqCst) >= 0
        };
        std::future::ready(if lives { Fate::Done } else { Fate::Undone }).boxed()
    })
}

const NIGHT: &str = "2026-05-30";
/// Two versions of one night. The first object of `kept` is in both; `gone` is a table that the second no longer has.
const OLD: &[(&str, &str)] = &[("changed", "a"), ("changed", "b"), ("gone", "c"), ("kept", "d"), ("kept", "e")];
const NEW: &[(&str, &str)] = &[("changed", "f"), ("changed", "g"), ("kept", "d"), ("kept", "h"), ("new", "i")];

/// What is visible in the folders, but for marks: `table/name`.
fn visible(objects: &[String]) -> Vec<String> {
    let shown = objects.iter().filter(|path| !path.starts_with('_') && path.ends_with(".parquet"));
    shown
        .filter_map(|path| Some(path.replace(&format!("/as_of_date={NIGHT}"), "").strip_suffix(".parquet")?.to_owned()))
        .collect()
}

/// No table shows objects of both versions, but for those that are in both; what a table shows with its mark is whole.
fn no_row_is_seen_twice(objects: &[String], when: &str) {
    for table in ["changed", "gone", "kept", "new"] {
        let named = |version: &[(&str, &str)]| -> Vec<String> {
            version.iter().filter(|(of, _)| *of == table).map(|(of, name)| format!("{of}/{name}")).collect()
        };
        let (old, new) = (named(OLD), named(NEW));
        let seen: Vec<String> =
            visible(objects).into_iter().filter(|path| path.starts_with(&format!("{table}/"))).collect();
        let only = |version: &[String], other: &[String]| {
            seen.iter().any(|path| version.contains(path) && !other.contains(path))
        };
        assert!(!(only(&old, &new) && only(&new, &old)), "{when}: {seen:?}");
        let is_marked = objects.contains(&format!("{table}/as_of_date={NIGHT}/_SUCCESS"));
        assert!(!is_marked || seen == old || seen == new, "{when}: {seen:?} is marked as whole");
    }
}

async fn all_of(publication: &Publication, manifest: &Manifest, when: &str) {
    assert_eq!(publication.missing(manifest).await.unwrap(), Vec::<String>::new(), "{when}: {}", manifest.number);
}

/// Publishes the second version, or the first one again after it, with a number of writes left.
async fn with_writes_left(writes: i64, restores: bool) -> bool {
    let (clock, seconds) = clock();
    let within = Memory::new(clock.clone());
    let whole = Publication::new(UnreliableStore::whole(&within), Path::from("out"));
    let lease = whole.lease("first", "here", clock.clone()).await.unwrap();
    let first = whole.number(night("first", NIGHT, OLD), None).unwrap();
    whole.publish(&first, &staged(&whole, &first).await, &lease, &Stop::never()).await.unwrap();
    whole.clear_staging("first").await.unwrap();
    let mut before = first.clone();
    if restores {
        before = whole.number(night("second", NIGHT, NEW), Some(&first)).unwrap();
        whole.publish(&before, &staged(&whole, &before).await, &lease, &Stop::never()).await.unwrap();
        whole.clear_staging("second").await.unwrap();
    }
    let next = night("last", NIGHT, if restores { OLD } else { NEW });
    let next = whole.number(next, Some(&before)).unwrap();
    let files = staged(&whole, &next).await;

    let mortal = Publication::new(mortal_store(&within, writes), Path::from("out"));
    let done = mortal.publish(&next, &files, &lease, &Stop::never()).await.is_ok();
    let when = format!("after {writes} writes");
    no_row_is_seen_twice(&objects_of(&whole).await, &when);
    let latest = whole.latest().await.unwrap().unwrap();
    for manifest in [&first, &before, &latest] {
        all_of(&whole, manifest, &when).await;
    }

    seconds.store(1_000, Ordering::SeqCst);
    let lease = whole.lease("next", "there", clock).await.unwrap();
    whole.finish(&lease).await.unwrap();
    let objects = objects_of(&whole).await;
    no_row_is_seen_twice(&objects, &when);
    let expected: Vec<String> = latest.files().map(|file| file.path.clone()).collect();
    let shown: Vec<String> =
        objects.iter().filter(|path| !path.starts_with('_') && path.ends_with(".parquet")).cloned().collect();
    assert_eq!(shown, expected, "{when}");
    for table in &latest.tables {
        assert!(objects.contains(&format!("{}/as_of_date={NIGHT}/_SUCCESS", table.name)), "{when}");
    }
    for manifest in [&first, &before, &latest] {
        all_of(&whole, manifest, &when).await;
    }
    done
}

#[tokio::test]
async fn killed_after_any_write_no_row_is_seen_twice_and_no_named_object_is_lost() {
    for restores in [false, true] {
        let mut writes = 0;
        while !with_writes_left(writes, restores).await {
            writes += 1;
            assert!(writes < 100);
        }
        assert!(writes > 15, "{writes}");
    }
}
