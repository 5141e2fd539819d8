//! `doctor`: what it finds, and what it leaves behind.

use std::fs;

use crate::cli::Place;

#[test]
fn everything_around_a_night_is_looked_at_and_nothing_is_left_behind() {
    let place = Place::demo();
    let fine = place.headwater(&["doctor"]);
    fine.says(
        0,
        &["fine      inputs: 12 inputs", "fine      lease", "fine      permissions: a second create is refused"],
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
