//! The protocol on stores in memory and on disk.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use sha2::{Digest, Sha256};

use super::publication::Creation;
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

fn stores() -> Vec<(Arc<dyn ObjectStore>, tempfile::TempDir)> {
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

/// How a failure is told: code, place and what stands there.
fn told(error: &PublishError) -> String {
    let problems = RunError::publishing("out", error).diagnostics;
    let problem = problems.sorted()[0];
    assert!(problem.help.is_some(), "{problem:?}");
    let headwater_diagnostics::Place::Named(place) = &problem.place else { panic!("{problem:?}") };
    format!("{} {place}: {}", problem.code, problem.label.as_deref().unwrap_or_default())
}

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

/// A run that slept between its last look at the lease and its manifest, while another took over: what it had put aside is
/// cleared away before the manifest is there, or after.
#[tokio::test]
async fn a_manifest_created_after_another_run_took_over_counts_only_where_its_objects_are_there() {
    for (store, _folder) in stores() {
        let (clock, seconds) = clock();
        let (publication, sleeper, first) = published(store, clock.clone()).await;
        let late = publication.number(manifest("a", "2026-05-30", "y"), Some(&first)).unwrap();
        let aside = "_aside/t/as_of_date=2026-05-30/y.parquet";
        put(&publication, aside, "y").await;
        seconds.store(300, Ordering::SeqCst);
        let lease = publication.lease("gc", "there", clock.clone()).await.unwrap();
        let retention = Retention { superseded_days: 14, held_days: 14 };
        let waste = publication.waste(retention, clock(), true).await.unwrap();
        assert_eq!(waste.len(), 1);
        // Cleared before: the manifest is taken back by who comes with it.
        publication.clear(&waste, &lease).await.unwrap();
        let Creation::Done = publication.create(&late).await.unwrap() else { panic!("the number was free") };
        let later = publication.number(manifest("b", "2026-05-31", "x"), Some(&late)).unwrap();
        let Creation::Done = publication.create(&later).await.unwrap() else { panic!("the number was free") };
        // Not once another one builds on it.
        assert!(!publication.take_back_if_lost(&late).await.unwrap());
        publication.delete(&publication.manifests().path(later.number)).await.unwrap();
        assert!(publication.take_back_if_lost(&late).await.unwrap());
        assert_eq!(publication.latest().await.unwrap().unwrap().number, 1);
        // Seen before anything is cleared: what it names stays, and the next run shows it.
        put(&publication, aside, "y").await;
        let Creation::Done = publication.create(&late).await.unwrap() else { panic!("the number was free") };
        publication.clear(&waste, &lease).await.unwrap();
        assert_eq!(publication.missing(&late).await.unwrap(), Vec::<String>::new());
        assert!(matches!(publication.settle(&late, &sleeper).await, Err(PublishError::LeaseLost)));
        publication.finish(&lease).await.unwrap();
        assert!(is_there(&publication, &path_of("t", "2026-05-30", "y")).await);
        assert!(!is_there(&publication, &path_of("t", "2026-05-30", "x")).await);
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
        // Only the last one is gone: it came late.
        publication.delete(&publication.path(&objects[1])).await.unwrap();
        publication.finish(&lease).await.unwrap();
        assert_eq!(publication.latest().await.unwrap().unwrap().number, 1);
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
async fn a_folder_in_the_place_of_a_record_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(object_store::local::LocalFileSystem::new_with_prefix(folder.path()).unwrap());
    let (publication, lease, first) = published(store, clock().0).await;
    let told = |error: &PublishError| RunError::publishing("out", error).diagnostics.sorted()[0].label.clone().unwrap();
    std::fs::create_dir_all(folder.path().join("out/manifests/00000002.json")).unwrap();
    let second = publication.number(manifest("b", "2026-05-30", "y"), Some(&first)).unwrap();
    let staged = staged(&publication, &second).await;
    let error = publication.publish(&second, &staged, &lease, &Stop::never()).await.unwrap_err();
    assert!(told(&error).contains("manifests/00000002.json is taken by something that is no object"), "{error}");
    std::fs::create_dir_all(folder.path().join("out/_leases/00000002.json")).unwrap();
    let error = lease.renew().await.unwrap_err();
    assert!(told(&error).contains("_leases/00000002.json is taken by something that is no object"), "{error}");
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
