//! Nights in a row, `backfill`, `run --catch-up`, `status --gaps`.

use std::fs;

use serde_json::{Value, json};

use crate::cli::Place;
use crate::operation::change_rules;

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
}
