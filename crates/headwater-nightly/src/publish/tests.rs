//! The protocol on stores in memory and on disk.

mod belated;
mod clearing;
mod failing;
mod killed;
mod leasing;
mod sleeping;
mod unreliable;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use sha2::{Digest, Sha256};

use super::*;
use crate::failure::RunError;
use crate::stop::{Stop, Stopped};

/// A clock that stands still until it is moved.
pub(super) fn clock() -> (Clock, Arc<AtomicI64>) {
    let seconds = Arc::new(AtomicI64::new(0));
    let shared = Arc::clone(&seconds);
    let start: DateTime<Utc> = "2026-06-01T02:00:00Z".parse().unwrap();
    (Arc::new(move || start + TimeDelta::seconds(shared.load(Ordering::SeqCst))), seconds)
}

pub(super) fn stores() -> Vec<(Arc<dyn ObjectStore>, tempfile::TempDir)> {
    let folder = tempfile::tempdir().unwrap();
    let disk = object_store::local::LocalFileSystem::new_with_prefix(folder.path()).unwrap();
    vec![(Arc::new(InMemory::new()), tempfile::tempdir().unwrap()), (Arc::new(disk), folder)]
}

/// A night of one object of the table `t`.
pub(super) fn manifest(run_id: &str, day: &str, name: &str) -> Manifest {
    night(run_id, day, &[("t", name)])
}

/// A night of objects, each a table and a name, which is its content too.
pub(super) fn night(run_id: &str, day: &str, objects: &[(&str, &str)]) -> Manifest {
    let mut tables: Vec<PublishedTable> = Vec::new();
    for (table, name) in objects {
        if tables.last().is_none_or(|last| last.name != *table) {
            tables.push(PublishedTable { name: (*table).to_owned(), rows: 0, files: Vec::new() });
        }
        let last = tables.last_mut().unwrap();
        last.rows += 1;
        last.files.push(PublishedFile {
            path: path_of(table, day, name),
            rows: 1,
            bytes: name.len() as u64,
            sha256: Sha256::digest(name.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect(),
        });
    }
    Manifest {
        version: 1,
        number: 0,
        run_id: run_id.to_owned(),
        as_of: day.parse().unwrap(),
        published_at: DateTime::UNIX_EPOCH,
        tool_version: "test".to_owned(),
        project: "test".to_owned(),
        tables,
        inputs: Vec::new(),
        project_file: None,
        rules: Vec::new(),
        verdicts: Default::default(),
        steps: Vec::new(),
        nights: Default::default(),
        replaces: None,
        restores: None,
        takes_back: None,
        carries_on: None,
    }
}

pub(super) fn path_of(table: &str, day: &str, name: &str) -> String {
    format!("{table}/as_of_date={day}/{name}.parquet")
}

/// Stages the objects of a night.
pub(super) async fn staged(publication: &Publication, manifest: &Manifest) -> BTreeMap<String, Path> {
    let mut staged = BTreeMap::new();
    for file in manifest.files() {
        let name = file.path.rsplit('/').next().unwrap().strip_suffix(".parquet").unwrap();
        let path = format!("_staging/run_id={}/{}", manifest.run_id, file.path);
        put(publication, &path, name).await;
        staged.insert(file.path.clone(), publication.path(&path));
    }
    staged
}

/// Publishes a night after another one, and clears what was staged for it.
pub(super) async fn publish(
    publication: &Publication,
    manifest: Manifest,
    before: Option<&Manifest>,
    lease: &Lease,
) -> Manifest {
    let manifest = publication.number(manifest, before).unwrap();
    publication.publish(&manifest, &staged(publication, &manifest).await, lease, &Stop::never()).await.unwrap();
    publication.clear_staging(&manifest.run_id).await.unwrap();
    manifest
}

/// Every object, by its path below the outputs' location.
pub(super) async fn objects_of(publication: &Publication) -> Vec<String> {
    let mut objects = publication.list(&publication.root).await.unwrap();
    objects.sort_by(|a, b| a.location.cmp(&b.location));
    objects.iter().map(|object| object.location.as_ref().strip_prefix("out/").unwrap().to_owned()).collect()
}

/// Puts an object, as something outside a run does.
pub(super) async fn put(publication: &Publication, path: &str, text: &str) {
    publication.store().put(&publication.path(path), text.to_owned().into()).await.unwrap();
}

pub(super) async fn is_there(publication: &Publication, path: &str) -> bool {
    publication.store().head(&publication.path(path)).await.is_ok()
}

/// A publication with one night in it, and the lease it was published under.
pub(super) async fn published(store: Arc<dyn ObjectStore>, clock: Clock) -> (Publication, Lease, Manifest) {
    let publication = Publication::new(store, Path::from("out"));
    let lease = publication.lease("a", "here", clock).await.unwrap();
    let first = publish(&publication, manifest("a", "2026-05-30", "x"), None, &lease).await;
    (publication, lease, first)
}

/// What may be removed now.
pub(super) async fn waste_of(
    publication: &Publication,
    retention: Retention,
    clock: &Clock,
    is_alone: bool,
) -> Result<Vec<Waste>, PublishError> {
    let latest = publication.latest().await?;
    publication.waste(latest.as_ref(), retention, clock(), is_alone).await
}

/// How a failure is told: code, place and what stands there.
pub(super) fn told(error: &PublishError) -> String {
    let problems = RunError::publishing("out", error).diagnostics;
    let problem = problems.sorted()[0];
    assert!(problem.help.is_some(), "{problem:?}");
    let headwater_diagnostics::Place::Named(place) = &problem.place else { panic!("{problem:?}") };
    format!("{} {place}: {}", problem.code, problem.label.as_deref().unwrap_or_default())
}

#[tokio::test]
async fn a_night_published_again_replaces_the_objects_that_changed_and_keeps_the_others() {
    for (store, _folder) in stores() {
        let publication = Publication::new(store, Path::from("out"));
        let (clock, _) = clock();
        let lease = publication.lease("a", "here", clock).await.unwrap();
        let first = publish(&publication, manifest("a", "2026-05-30", "x"), None, &lease).await;
        let second = publish(&publication, manifest("b", "2026-05-31", "x"), Some(&first), &lease).await;
        publish(&publication, manifest("c", "2026-05-31", "y"), Some(&second), &lease).await;
        let latest = publication.latest().await.unwrap().unwrap();
        assert_eq!((latest.number, latest.replaces), (3, Some(2)));
        let nights: Vec<_> = latest.nights.values().copied().collect();
        assert_eq!(nights, [1, 3]);
        let mut objects = objects_of(&publication).await;
        objects.retain(|path| !path.starts_with("manifests") && !path.starts_with("_leases"));
        let expected = [
            "_aside/t/as_of_date=2026-05-31/x.parquet",
            "t/as_of_date=2026-05-30/_SUCCESS",
            "t/as_of_date=2026-05-30/x.parquet",
            "t/as_of_date=2026-05-31/_SUCCESS",
            "t/as_of_date=2026-05-31/y.parquet",
        ];
        assert_eq!(objects, expected);
        assert_eq!(publication.missing(&second).await.unwrap(), Vec::<String>::new());
        // Who comes with an old manifest in hand has lost the number.
        let late = publication.number(manifest("d", "2026-05-31", "z"), Some(&first)).unwrap();
        let late = publication.publish(&late, &staged(&publication, &late).await, &lease, &Stop::never()).await;
        assert!(matches!(late, Err(PublishError::LeaseLost)));
    }
}

#[tokio::test]
async fn objects_that_are_gone_or_were_changed_are_missing() {
    for (store, _folder) in stores() {
        let (publication, lease, first) = published(store, clock().0).await;
        let second = publish(&publication, manifest("b", "2026-05-30", "y"), Some(&first), &lease).await;
        put(&publication, "_aside/t/as_of_date=2026-05-30/x.parquet", "z").await;
        assert_eq!(publication.missing(&first).await.unwrap(), [path_of("t", "2026-05-30", "x")]);
        assert_eq!(publication.missing(&second).await.unwrap(), Vec::<String>::new());
        publication.delete(&publication.path(&path_of("t", "2026-05-30", "y"))).await.unwrap();
        assert_eq!(publication.missing(&second).await.unwrap(), [path_of("t", "2026-05-30", "y")]);
        let again = publication.number(manifest("c", "2026-05-30", "y"), Some(&second)).unwrap();
        let again = publication.publish(&again, &BTreeMap::new(), &lease, &Stop::never()).await;
        assert!(matches!(again, Err(PublishError::MissingObject(_))), "{again:?}");
    }
}

#[tokio::test]
async fn a_night_that_cannot_be_finished_takes_back_what_it_put_aside() {
    for (store, _folder) in stores() {
        let (publication, lease, first) = published(store, clock().0).await;
        let before = objects_of(&publication).await;
        let next = night("b", "2026-05-30", &[("t", "x"), ("t", "y"), ("t", "z")]);
        let next = publication.number(next, Some(&first)).unwrap();
        let files = staged(&publication, &next).await;
        let (handle, stop) = Stop::channel();
        let mut broken = files.clone();
        broken.insert(path_of("t", "2026-05-30", "z"), publication.path("_staging/nothing"));
        let failed = publication.publish(&next, &broken, &lease, &stop).await;
        assert!(matches!(failed, Err(PublishError::Store(_))), "{failed:?}");
        handle.request();
        let stopped = publication.publish(&next, &files, &lease, &stop).await;
        assert!(matches!(stopped, Err(PublishError::Stopped(Stopped))), "{stopped:?}");
        publication.give_up("b").await.unwrap();
        assert_eq!(objects_of(&publication).await, before);
    }
}

#[tokio::test]
async fn a_damaged_object_of_the_right_size_gives_way_to_the_one_that_was_staged() {
    for (store, _folder) in stores() {
        let (publication, lease, first) = published(store, clock().0).await;
        let second = publish(&publication, manifest("b", "2026-05-30", "y"), Some(&first), &lease).await;
        put(&publication, &path_of("t", "2026-05-30", "y"), "0").await;
        put(&publication, "_aside/t/as_of_date=2026-05-30/x.parquet", "0").await;
        let third = publish(&publication, manifest("c", "2026-05-30", "y"), Some(&second), &lease).await;
        assert_eq!(publication.missing(&third).await.unwrap(), Vec::<String>::new());
        let fourth = publish(&publication, manifest("d", "2026-05-30", "x"), Some(&third), &lease).await;
        assert_eq!(publication.missing(&fourth).await.unwrap(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_manifest_that_is_none_is_never_built_on() {
    let (_, _, first) = published(Arc::new(InMemory::new()), clock().0).await;
    let text = |change: &dyn Fn(&mut Manifest)| {
        let mut changed = first.clone();
        change(&mut changed);
        serde_json::to_string(&changed).unwrap()
    };
    let numbered = |number: u64| {
        text(&move |manifest| {
            manifest.number = number;
            manifest.nights = [(manifest.as_of, number)].into();
        })
    };
    let cases = [
        ("99999999.json", "no manifest".to_owned(), "it does not have the form of a manifest"),
        ("99999999.json", "{}".to_owned(), "it does not have the form of a manifest"),
        ("00000002.json", text(&|_| {}), "it says of itself that it is number 1"),
        ("00000002.json", text(&|manifest| manifest.version = 9), "it is of version 9; this program reads version 1"),
        (
            "00000002.json",
            text(&|manifest| manifest.number = 2),
            "it does not list itself as what is published for 2026-05-30",
        ),
        ("18446744073709551615.json", "{".to_owned(), "it does not have the form of a manifest"),
    ];
    for (name, text, fault) in &cases {
        for (store, _folder) in stores() {
            let (publication, ..) = published(store, clock().0).await;
            put(&publication, &format!("manifests/{name}"), text).await;
            let error = publication.latest().await.unwrap_err();
            assert_eq!(told(&error), format!("E0703 out/manifests/{name}: {fault}"));
        }
    }
    for (store, _folder) in stores() {
        let (publication, ..) = published(store, clock().0).await;
        put(&publication, "manifests/18446744073709551615.json", &numbered(u64::MAX)).await;
        let error = publication.latest().await.unwrap_err();
        assert_eq!(told(&error), "E0706 out/manifests/18446744073709551615.json: ");
        let last = publication.manifest(u64::MAX).await.unwrap();
        assert!(publication.number(first.clone(), Some(&last)).is_err());
    }
}

#[tokio::test]
async fn objects_that_no_run_writes_are_passed_over() {
    for (store, _folder) in stores() {
        let (publication, lease, _) = published(store, clock().0).await;
        for folder in ["manifests", "_leases"] {
            for name in
                ["7.json", "00000000.json", "+0000007.json", "old/00000007.json", "00000007.json.bak", "notes.txt"]
            {
                put(&publication, &format!("{folder}/{name}"), "whatever").await;
            }
        }
        assert_eq!(publication.latest().await.unwrap().unwrap().number, 1);
        lease.renew().await.unwrap();
        lease.confirm().await.unwrap();
    }
}

#[tokio::test]
async fn a_folder_in_the_place_of_a_record_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(object_store::local::LocalFileSystem::new_with_prefix(folder.path()).unwrap());
    let (publication, lease, first) = published(store, clock().0).await;
    let is_occupied = |error: &PublishError, record: &str| matches!(error, PublishError::Occupied(is) if is == record);
    std::fs::create_dir_all(folder.path().join("out/manifests/00000002.json")).unwrap();
    let second = publication.number(manifest("b", "2026-05-30", "y"), Some(&first)).unwrap();
    let staged = staged(&publication, &second).await;
    let error = publication.publish(&second, &staged, &lease, &Stop::never()).await.unwrap_err();
    assert!(is_occupied(&error, "manifests/00000002.json"), "{error}");
    assert!(!objects_of(&publication).await.iter().any(|path| path.starts_with("_aside")));
    std::fs::create_dir_all(folder.path().join("out/_leases/00000002.json")).unwrap();
    let error = lease.renew().await.unwrap_err();
    assert!(is_occupied(&error, "_leases/00000002.json"), "{error}");
}

/// A table whose folder is on another file system than the rest, to which a file cannot be given a second name.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_table_may_be_on_another_file_system() {
    use std::os::unix::fs::MetadataExt;
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir_in("/dev/shm").unwrap());
    let device = |folder: &tempfile::TempDir| std::fs::metadata(folder.path()).unwrap().dev();
    assert_ne!(device(&folder), device(&other), "this test needs two file systems");
    std::fs::create_dir(folder.path().join("out")).unwrap();
    std::os::unix::fs::symlink(other.path(), folder.path().join("out/t")).unwrap();
    let store = Arc::new(object_store::local::LocalFileSystem::new_with_prefix(folder.path()).unwrap());
    let (publication, lease, first) = published(store, clock().0).await;
    let second = night("b", "2026-05-30", &[("t", "y"), ("u", "z")]);
    let second = publish(&publication, second, Some(&first), &lease).await;
    assert_eq!(publication.missing(&second).await.unwrap(), Vec::<String>::new());
    // What was superseded comes back from where it was put aside.
    assert_eq!(publication.missing(&first).await.unwrap(), Vec::<String>::new());
    assert_eq!(std::fs::read_to_string(other.path().join("as_of_date=2026-05-30/y.parquet")).unwrap(), "y");
}

fn held_night(day: &str, run_id: &str) -> HeldNight {
    let audit = FailedAudit {
        id: "enough".to_owned(),
        table: "t".to_owned(),
        observed: "1 row".to_owned(),
        expected: "2 rows".to_owned(),
    };
    HeldNight {
        as_of: day.parse().unwrap(),
        run_id: run_id.to_owned(),
        held_at: DateTime::UNIX_EPOCH,
        audits: vec![audit],
        inputs: Vec::new(),
    }
}

#[tokio::test]
async fn what_a_run_had_begun_to_write_when_it_was_killed_leaves_the_folders_of_tables() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(object_store::local::LocalFileSystem::new_with_prefix(folder.path()).unwrap());
    let publication = Publication::new(store, Path::from("out")).on_disk(Some(folder.path().join("out")));
    let lease = publication.lease("a", "here", clock().0).await.unwrap();
    let shown = folder.path().join("out/t/as_of_date=2026-05-30");
    std::fs::create_dir_all(&shown).unwrap();
    for draft in ["x.parquet#0", "_SUCCESS#1"] {
        std::fs::write(shown.join(draft), b"ro").unwrap();
    }
    publish(&publication, night("a", "2026-05-30", &[("t", "x")]), None, &lease).await;
    let mut left: Vec<_> = std::fs::read_dir(&shown).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["_SUCCESS", "x.parquet"]);
}

#[tokio::test]
async fn what_dead_runs_staged_goes_and_held_nights_stay() {
    for (store, folder) in stores() {
        let publication = Publication::new(store, Path::from("out"));
        let publication = publication.on_disk(Some(folder.path().join("out")));
        for run in ["dead", "mine", "held", "again", "other", "liar"] {
            put(&publication, &format!("_staging/run_id={run}/t/part-0.parquet"), "rows").await;
        }
        put(&publication, "_staging/probe-dead", "first").await;
        put(
            &publication,
            "_staging/run_id=liar/held.json",
            &serde_json::to_string(&held_night("2026-05-30", "held")).unwrap(),
        )
        .await;
        // A write that was cut short, as the local disk leaves it: the store does not list it.
        let cut = folder.path().join("out/_staging/run_id=cut/t");
        std::fs::create_dir_all(&cut).unwrap();
        std::fs::write(cut.join("part-0.parquet#1"), b"ro").unwrap();

        publication.hold(&held_night("2026-05-30", "held")).await.unwrap();
        publication.hold(&held_night("2026-05-31", "other")).await.unwrap();
        let lease = publication.lease("mine", "here", clock().0).await.unwrap();
        let drafts =
            ["_leases/00000001.json#1", "manifests/00000001.json#2", "_aside/t/as_of_date=2026-05-30/x.parquet#0"];
        // This run's own renewal may be under way.
        let own = "_leases/00000002.json#1";
        for draft in drafts.iter().chain([&own]) {
            let file = folder.path().join("out").join(draft);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, b"ro").unwrap();
        }
        publication.sweep("mine", &lease).await.unwrap();
        assert!(drafts.iter().all(|draft| !folder.path().join("out").join(draft).exists()));
        assert!(folder.path().join("out").join(own).exists());
        let runs = |nights: Vec<HeldNight>| nights.into_iter().map(|night| night.run_id).collect::<Vec<_>>();
        assert_eq!(runs(publication.held().await.unwrap()), ["held", "other"]);
        for (run, stays) in [("dead", false), ("mine", true), ("held", true), ("other", true), ("liar", false)] {
            let path = format!("_staging/run_id={run}/t/part-0.parquet");
            assert_eq!(is_there(&publication, &path).await, stays, "{run}");
        }
        assert!(!is_there(&publication, "_staging/probe-dead").await && !cut.exists());

        publication.hold(&held_night("2026-05-30", "mine")).await.unwrap();
        assert_eq!(runs(publication.held().await.unwrap()), ["mine", "other"]);
        publication.forget_held("2026-05-30".parse().unwrap(), None).await.unwrap();
        publication.forget_held("2026-05-31".parse().unwrap(), None).await.unwrap();
        assert_eq!(publication.held().await.unwrap(), []);
        assert!(!folder.path().join("out/_staging").exists());
    }
}
