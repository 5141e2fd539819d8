//! Nights in a row, and nights run again: `backfill`, `run --catch-up`, `status --gaps`, `retry`.

use std::fs;

use serde_json::{Value, json};

use crate::cli::Place;
use crate::operation::{change_rules, run_of};

/// The nights of a report, each with what it came to.
fn nights(report: &Value) -> Vec<(String, String)> {
    let text = |night: &Value, key: &str| night[key].as_str().unwrap().to_owned();
    let nights = report["nights"].as_array().unwrap().iter();
    nights.map(|night| (text(night, "as_of"), text(night, "outcome"))).collect()
}

fn expected(nights: &[(&str, &str)]) -> Vec<(String, String)> {
    nights.iter().map(|(night, outcome)| ((*night).to_owned(), (*outcome).to_owned())).collect()
}

/// An audit that no night passes.
const HOLDS: &str = "version: 1\naudits:\n  - {id: enough_accounts, table: account_metrics, check: row_count, min: 100000, severity: error, description: d, owner: o}\n";

#[test]
fn a_range_is_published_in_order_taken_up_again_and_rippled() {
    let place = Place::demo();
    place.headwater(&["run", "--as-of", "2026-05-28"]).says(0, &[]);
    let range = ["backfill", "--from", "2026-05-28", "--to", "2026-05-29"];
    let first = place.json(&range);
    assert_eq!(nights(&first), expected(&[("2026-05-28", "skipped"), ("2026-05-29", "published")]));
    let leases = place.published("_leases");
    let again = place.json(&range);
    assert_eq!(nights(&again), expected(&[("2026-05-28", "skipped"), ("2026-05-29", "skipped")]));
    assert_eq!(place.published("_leases"), leases);

    // Other rules, and the night before is one that they have not seen.
    change_rules(&place);
    let caught_up = place.json(&["run", "--as-of", "2026-05-31", "--catch-up"]);
    assert_eq!(nights(&caught_up), expected(&[("2026-05-30", "published"), ("2026-05-31", "published")]));
    let restated = place.json(&["backfill", "--from", "2026-05-29", "--to", "2026-05-29"]);
    assert_eq!(nights(&restated), expected(&[("2026-05-29", "published")]));
    assert_eq!(restated["resting_on_older_state"], json!(["2026-05-30", "2026-05-31"]));
    let rippled = place.json(&["backfill", "--from", "2026-05-29", "--to", "2026-05-29", "--ripple"]);
    // The first night after it comes to what it had come to, so that the next one is not touched.
    assert_eq!(nights(&rippled), expected(&[("2026-05-29", "skipped"), ("2026-05-30", "unchanged")]));
    assert_eq!(rippled["resting_on_older_state"], json!([]));
    let manifest: Value =
        serde_json::from_str(&fs::read_to_string(place.path("published/manifests/00000006.json")).unwrap()).unwrap();
    assert_eq!(manifest["carries_on"]["as_of"], "2026-05-29");
    assert_eq!(manifest["carries_on"]["manifest"], 5);
    place.headwater(&["backfill", "--from", "2026-05-29", "--to", "2026-05-28"]).says(2, &["E0508", "--to"]);
}

#[test]
fn a_range_stops_at_the_first_night_that_is_held_and_the_gap_is_told() {
    let place = Place::demo();
    place.headwater(&["run", "--as-of", "2026-05-27"]).says(0, &[]);
    place.run().says(0, &[]);
    let gaps = place.json(&["status", "--gaps"]);
    assert_eq!(gaps["missing"], json!(["2026-05-28", "2026-05-29", "2026-05-30"]));
    place.write("rules/more.yaml", HOLDS);
    let stopped = place.headwater(&["backfill", "--from", "2026-05-28", "--to", "2026-05-30"]);
    stopped.says(4, &["E0801", "Stopped at the night of 2026-05-28"]);
    let said =
        ["3 nights are missing from 2026-05-27 to 2026-05-31", "2026-05-28 to 2026-05-30", "Held: night of 2026-05-28"];
    place.headwater(&["status", "--gaps"]).says(0, &said);

    // The held run is tried again on the inputs that it had.
    let held = place.json(&["status"])["held"][0]["run_id"].as_str().unwrap().to_owned();
    let spend = place.path("lake/spend/part-0.parquet");
    let bytes = fs::read(&spend).unwrap();
    let feedback = fs::read_dir(place.path("lake/feedback")).unwrap().next().unwrap().unwrap().path();
    fs::write(&spend, &bytes).unwrap();
    fs::copy(&feedback, place.path("lake/feedback/more.parquet")).unwrap();
    let refused = place.headwater(&["retry", &held]);
    refused.says(5, &["E0512", "spend/part-0.parquet", "was written again", "feedback/more.parquet", "is new"]);
    refused.says(5, &["--accept-changed-inputs", "2 errors"]);
    place.headwater(&["retry", &held, "--accept-changed-inputs"]).says(4, &["E0801"]);
    fs::remove_file(place.path("rules/more.yaml")).unwrap();
    let held = place.json(&["status"])["held"][0]["run_id"].as_str().unwrap().to_owned();
    place.headwater(&["retry", &held]).says(0, &["Night of 2026-05-28: published as manifest 3"]);
    place.headwater(&["retry", &run_of(&place, "00000003")]).says(0, &["manifest 4, every byte as it was"]);
    place.headwater(&["retry", "nobody"]).says(9, &["E0707", "`nobody`"]);
}
