//! What is told before a night is run: by `doctor` of everything around it, by `run --dry-run` of what it would read.

use std::fs;

use crate::cli::Place;

#[test]
fn everything_around_a_night_is_looked_at_and_nothing_is_left_behind() {
    let place = Place::demo();
    let fine = place.headwater(&["doctor"]);
    fine.says(
        0,
        &["fine      inputs: 13 inputs", "fine      lease", "fine      permissions: a second create is refused"],
    );
    fine.says(0, &["fine      permissions: objects can be deleted", "fine      clock", "spill folder"]);
    assert!(!fine.stdout.contains("broken"), "{}", fine.stdout);
    assert!(place.is_untouched());

    let record = r#"{"run_id": "other", "host": "there", "state": "held", "taken_at": "2026-06-01T00:00:00Z", "expires_at": "2999-01-01T00:00:00Z"}"#;
    place.write("published/_leases/00000099.json", record);
    let before = place.published("");
    place.headwater(&["doctor"]).says(0, &["doubtful  lease: run other on there", "unknown   permissions"]);
    assert_eq!(place.published(""), before);
    fs::remove_file(place.path("published/_leases/00000099.json")).unwrap();

    fs::remove_dir_all(place.path("lake/orders")).unwrap();
    place.headwater(&["doctor"]).says(5, &["broken    inputs: E0501", "lake/orders", "fine      permissions"]);
    place.write("not_a_folder", "text");
    place.edit("headwater.yaml", "location: published", "location: not_a_folder/published");
    place.edit("headwater.yaml", "memory_mb: 2048", "memory_mb: 2048, spill_dir: not_a_folder/spill");
    place.headwater(&["doctor"]).says(5, &["broken    outputs: E0602", "broken    spill folder: E0604"]);
}

#[test]
fn a_dry_run_says_what_would_be_read_and_leaves_nothing() {
    let place = Place::demo();
    place.headwater(&["run", "--as-of", "2026-05-15", "--dry-run"]).says(0, &["The night of 2026-05-15 would read"]);
    let told = place.json(&["run", "--as-of", "2026-05-15", "--dry-run"]);
    let usage = told["inputs"].as_array().unwrap().iter().find(|input| input["table"] == "usage_events").unwrap();
    let days = place.beginning_with("lake/usage_events/event_date=");
    let seen = days.iter().filter(|day| **day <= place.path("lake/usage_events/event_date=2026-05-15")).count();
    assert!(0 < seen && seen < days.len());
    assert_eq!(
        (usage["objects"].as_u64(), usage["row_groups_read"].as_u64()),
        (Some(seen as u64), Some(seen as u64)),
        "later days are no inputs of the night"
    );
    assert!(!place.path("published").exists() && !place.path(".headwater").exists());
    place.edit("headwater.yaml", "orders/*.parquet", "no_such/*.parquet");
    place.headwater(&["run", "--as-of", "2026-05-15", "--dry-run"]).says(5, &["E0501"]);
}
