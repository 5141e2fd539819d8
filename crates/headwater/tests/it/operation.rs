//! What operators do with nights that are published: taking them back, clearing up.

use crate::cli::Place;

/// A table that is another one whenever a rule is.
const TABLE: &str = "run_manifest";

/// A demo whose night was published twice, the second time with another threshold.
fn published_twice() -> Place {
    let place = Place::demo();
    place.run().says(0, &["published as manifest 1"]);
    change_rules(&place);
    place.run().says(0, &["published as manifest 2"]);
    place
}

/// Publishes other rows from the same inputs.
pub(crate) fn change_rules(place: &Place) {
    let (from, to) = ("id: quiet_days, type: integer, value: 21", "id: quiet_days, type: integer, value: 40");
    place.edit("rules/engagement.yaml", from, to);
}

/// The run that published a manifest.
pub(crate) fn run_of(place: &Place, manifest: &str) -> String {
    let text = std::fs::read_to_string(place.path(&format!("published/manifests/{manifest}.json"))).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
    manifest["run_id"].as_str().unwrap().to_owned()
}

#[test]
fn a_rollback_publishes_the_bytes_of_an_earlier_run_and_can_be_taken_back() {
    let place = Place::demo();
    place.run().says(0, &[]);
    let first = place.published(TABLE);
    change_rules(&place);
    place.run().says(0, &["published as manifest 2"]);
    let second = place.published(TABLE);
    assert_ne!(first, second);
    let run = run_of(&place, "00000001");
    place.headwater(&["status"]).says(0, &["1 superseded, kept for `headwater rollback --to RUN`", &run]);
    let asked = ["rollback", "--to", &run];
    let said = "manifest 1 of run";
    place.headwater(&asked).says(0, &["Night of 2026-05-31", said, "again as manifest 3, in place of manifest 2"]);
    assert_eq!(place.published(TABLE), first);
    place.headwater(&asked).says(0, &["is published already, as manifest 3"]);
    assert!(place.beginning_with("published/_staging/").is_empty());
    // By number, back to what was superseded by the rollback.
    place.headwater(&["rollback", "--to", "2"]).says(0, &["again as manifest 4, in place of manifest 3"]);
    assert_eq!(place.published(TABLE), second);
    let status = place.json(&["status"]);
    assert_eq!(status["latest"]["restores"], 2);
    assert_eq!(status["superseded"].as_array().unwrap().len(), 3);
}

#[test]
fn what_cannot_be_published_again_is_refused() {
    let place = published_twice();
    let before = (place.published(TABLE), place.published("_leases"));
    place.headwater(&["rollback", "--to", "nobody"]).says(9, &["E0707", "`nobody`", "headwater status"]);
    place.headwater(&["rollback", "--to", "7"]).says(9, &["E0707"]);
    // Who asks for what does not exist takes no lease.
    assert_eq!((place.published(TABLE), place.published("_leases")), before);
    let aside = place.published("_aside");
    let object = aside.keys().find(|path| path.contains(TABLE)).unwrap();
    place.damage(object);
    let named = object.strip_prefix("_aside/").unwrap();
    place.headwater(&["rollback", "--to", "1"]).says(9, &["E0708", named, "gone or was changed"]);
    assert_eq!(place.published(TABLE), before.0);
    assert!(place.beginning_with("published/manifests/00000003").is_empty());
}

#[test]
fn of_a_published_object_and_its_copy_the_whole_one_stays() {
    let place = Place::demo();
    place.run().says(0, &[]);
    let shown = place.published(TABLE);
    let object = shown.keys().find(|path| path.ends_with(".parquet")).unwrap();
    let copy = format!("_aside/{object}");
    let [object_at, copy_at] = [object, &copy].map(|object| place.path(&format!("published/{object}")));
    for damaged in [object, &copy] {
        std::fs::create_dir_all(copy_at.parent().unwrap()).unwrap();
        std::fs::copy(&object_at, &copy_at).unwrap();
        place.damage(damaged);
        place.headwater(&["rollback", "--to", "1"]).says(0, &["is published already, as manifest 1"]);
        assert_eq!((place.published(TABLE), place.published("_aside")), (shown.clone(), [].into()), "{damaged}");
    }
}

#[cfg(unix)]
#[test]
fn a_link_in_the_place_of_an_object_is_no_object() {
    let place = Place::demo();
    place.run().says(0, &[]);
    let shown = place.published(TABLE);
    let object = shown.keys().find(|path| path.ends_with(".parquet")).unwrap();
    let (path, moved) = (place.path(&format!("published/{object}")), place.path("moved.parquet"));
    std::fs::rename(&path, &moved).unwrap();
    std::os::unix::fs::symlink(&moved, &path).unwrap();
    place.headwater(&["doctor"]).says(0, &[&format!("{object}, of the night of 2026-05-31, is gone")]);
    place.run().says(0, &["every byte as it was published before"]);
    assert!(!path.is_symlink());
    assert_eq!(place.published(TABLE), shown);
}

#[test]
fn nights_that_carry_on_a_state_that_is_taken_back_are_named() {
    let place = Place::demo();
    place.headwater(&["run", "--as-of", "2026-05-30"]).says(0, &[]);
    change_rules(&place);
    place.headwater(&["run", "--as-of", "2026-05-30"]).says(0, &[]);
    place.run().says(0, &["published as manifest 3"]);
    place
        .headwater(&["rollback", "--to", "1"])
        .says(0, &["Night of 2026-05-30", "The night of 2026-05-31 carries on a state that is no longer published"]);
    place.headwater(&["status", "--gaps"]).says(0, &["The night of 2026-05-31 carries on a state"]);
    let again = place.headwater(&["rollback", "--to", "2"]);
    again.says(0, &["again as manifest 5"]);
    assert!(!again.stdout.contains("carries on"), "{}", again.stdout);
    assert_eq!(place.json(&["status"])["resting_on_older_state"], serde_json::json!([]));
    place.edit(
        "rules/engagement.yaml",
        "id: quiet_days, type: integer, value: 40",
        "id: quiet_days, type: integer, value: 21",
    );
    place.headwater(&["run", "--as-of", "2026-05-30"]).says(
        0,
        &["manifest 6", "The night of 2026-05-31 carries on", "headwater backfill --from 2026-05-31 --to 2026-05-31"],
    );
    assert_eq!(place.json(&["status", "--gaps"])["resting_on_older_state"], serde_json::json!(["2026-05-31"]));
    // What is published again may itself carry on a state that is not published.
    place.run().says(0, &["published as manifest 7"]);
    assert_eq!(place.json(&["status"])["resting_on_older_state"], serde_json::json!([]));
    place.headwater(&["rollback", "--to", "3"]).says(0, &["The night of 2026-05-31 carries on a state"]);
}

#[test]
fn a_night_whose_manifest_is_gone_is_named_and_can_be_run_again() {
    let place = Place::demo();
    place.headwater(&["backfill", "--again", "--from", "2026-05-30", "--to", "2026-05-30"]).says(0, &[]);
    place.headwater(&["backfill", "--again", "--from", "2026-05-30", "--to", "2026-05-31"]).says(0, &[]);
    let whole = place.published(TABLE);
    // The night has a superseded manifest beside the one that is gone.
    std::fs::remove_file(place.path("published/manifests/00000002.json")).unwrap();
    place.headwater(&["status", "--gaps"]).says(0, &["Lost: the manifest of the night of 2026-05-30 is gone"]);
    assert_eq!(place.json(&["status"])["lost"], serde_json::json!(["2026-05-30"]));
    place.headwater(&["doctor"]).says(0, &["doubtful  outputs: the manifest of the night of 2026-05-30 is gone"]);
    place.headwater(&["gc"]).says(0, &[]);
    // What comes after it carries on its state.
    place.run().says(
        1,
        &["E0703", "manifests/00000002.json", "this manifest of a published night is gone", "run its night again"],
    );
    place.headwater(&["run", "--as-of", "2026-05-30"]).says(0, &["published as manifest 4"]);
    assert_eq!(place.published(TABLE), whole);
    assert_eq!(place.json(&["status", "--gaps"])["lost"], serde_json::json!([]));
    place.run().says(0, &["manifest 5, every byte as it was published before"]);
    // The newest night's keeps the next one from running, though it is not the last manifest.
    place.headwater(&["run", "--as-of", "2026-05-30"]).says(0, &["manifest 6"]);
    std::fs::remove_file(place.path("published/manifests/00000005.json")).unwrap();
    let gone = ["E0703", "manifests/00000005.json", "this manifest of a published night is gone"];
    place.headwater(&["doctor"]).says(1, &gone);
    place.headwater(&["run", "--as-of", "2026-06-01"]).says(1, &gone);
}

#[test]
fn a_superseded_manifest_that_is_damaged_stands_in_the_way_of_nothing_else() {
    let place = published_twice();
    place.write("published/manifests/00000001.json", "{");
    place.headwater(&["status"]).says(0, &["Damaged: manifests/00000001.json cannot be used"]);
    assert_eq!(place.json(&["status"])["damaged"][0]["object"], "manifests/00000001.json");
    place.headwater(&["rollback", "--to", "1"]).says(9, &["E0707", "it may be in a manifest that cannot be read"]);
    place.headwater(&["rollback", "--to", "2"]).says(0, &["is published already"]);
    place.headwater(&["doctor"]).says(0, &["doubtful  outputs: manifests/00000001.json cannot be used"]);
    // What it names is not known, so nothing is removed.
    place.headwater(&["gc"]).says(1, &["E0703", "manifests/00000001.json"]);
    std::fs::remove_file(place.path("published/manifests/00000001.json")).unwrap();
    place.headwater(&["gc"]).says(0, &[]);
    // The last one is built on.
    place.write("published/manifests/00000002.json", "{");
    let broken = ["broken    outputs: E0703", "manifests/00000002.json", "restore it from a backup, or remove it"];
    place.headwater(&["doctor"]).says(1, &broken);
    place.run().says(1, &broken[1..]);
}

#[test]
fn a_night_one_of_whose_objects_is_gone_is_named_and_not_passed_over() {
    let place = Place::demo();
    let range = ["backfill", "--from", "2026-05-30", "--to", "2026-05-30"];
    place.headwater(&range).says(0, &[]);
    let whole = place.published(TABLE);
    let object = whole.keys().find(|path| path.ends_with(".parquet")).unwrap();
    std::fs::remove_file(place.path(&format!("published/{object}"))).unwrap();
    let gone = format!("doubtful  outputs: {object}, of the night of 2026-05-30, is gone");
    place.headwater(&["doctor"]).says(0, &[&gone]);
    place.run().says(0, &["published as manifest 2", "an object of a published night is gone, or has another size"]);
    assert_eq!(place.json(&range)["nights"][0]["outcome"], "unchanged");
    assert_eq!(place.published(TABLE)[object], whole[object]);
    assert!(!place.headwater(&["doctor"]).stdout.contains("is gone"));
    assert_eq!(place.json(&range)["nights"][0]["outcome"], "skipped");
}

#[test]
fn what_nothing_references_is_listed_and_removed() {
    let place = published_twice();
    place.write("published/_staging/run_id=dead/t/part-00000.parquet", "rows");
    place.write(".headwater/spill/run-dead/headwater.lock", "");
    let told = ["staged by a run that is over", "run_id=dead/t/part-00000.parquet", "the work folder of a dead run"];
    place.headwater(&["gc", "--dry-run"]).says(0, &told);
    let before = place.published("");
    let listed = place.json(&["gc", "--dry-run"]);
    assert_eq!(listed["objects"].as_array().unwrap().len(), 1, "{listed}");
    assert_eq!(place.published(""), before);
    assert!(place.path(".headwater/spill/run-dead").exists());
    place.edit("headwater.yaml", "location: published", "location: published, keep_superseded_days: 0");
    let listed = place.json(&["gc", "--dry-run"]);
    let removed = place.json(&["gc"]);
    assert_eq!(listed["objects"], removed["objects"]);
    assert_eq!(listed["work_folders"], removed["work_folders"]);
    assert_eq!(removed["work_folders"].as_array().unwrap().len(), 1, "{removed}");
    assert!(!place.path(".headwater/spill/run-dead").exists());
    let mut left = place.published("");
    left.retain(|path, _| !path.starts_with("_leases"));
    let gone: Vec<&String> =
        before.keys().filter(|path| !path.starts_with("_leases") && !left.contains_key(*path)).collect();
    let listed = listed["objects"].as_array().unwrap().iter().map(|object| object["path"].as_str().unwrap());
    assert_eq!(gone, listed.collect::<Vec<_>>());
    assert!(gone.iter().any(|path| *path == "manifests/00000001.json"));
    assert!(left.keys().all(|path| !path.starts_with("_aside") && !path.starts_with("_staging")));
    place.headwater(&["gc"]).says(0, &["No object to remove"]);
    place.headwater(&["rollback", "--to", "1"]).says(9, &["E0707", "kept for 0 days"]);
    place.run().says(0, &["manifest 3, every byte as it was published before"]);
}

#[test]
fn nothing_is_taken_back_or_removed_while_another_run_is_at_work() {
    let place = published_twice();
    let record = r#"{"run_id": "other", "host": "there", "state": "held", "taken_at": "2026-06-01T00:00:00Z", "expires_at": "2999-01-01T00:00:00Z"}"#;
    place.write("published/_leases/00000099.json", record);
    place.write("published/_staging/run_id=other/t/part-00000.parquet", "rows");
    let before = place.published("");
    place.headwater(&["rollback", "--to", "1"]).says(7, &["E0701"]);
    place.headwater(&["gc"]).says(7, &["E0701"]);
    place.headwater(&["gc", "--dry-run"]).says(0, &["Another run may be at work", "No object to remove"]);
    assert_eq!(place.published(""), before);
}
