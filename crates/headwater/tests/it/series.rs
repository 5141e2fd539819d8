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
pub(crate) const HOLDS: &str = "version: 1\naudits:\n  - {id: enough_accounts, table: account_metrics, check: row_count, min: 100000, severity: error, description: d, owner: o}\n";

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
    place.headwater(&["rollback", "--to", &held]).says(9, &["E0707", "its audits held the night of 2026-05-28"]);
    let refused = place.headwater(&["retry", &held]);
    refused.says(5, &["E0512", "spend/part-0.parquet", "was written again", "feedback/more.parquet", "is new"]);
    refused.says(5, &["--accept-changed-inputs", "2 errors"]);
    place.headwater(&["retry", &held, "--accept-changed-inputs"]).says(4, &["E0801"]);
    fs::remove_file(place.path("rules/more.yaml")).unwrap();
    let held = place.json(&["status"])["held"][0]["run_id"].as_str().unwrap().to_owned();
    place.headwater(&["retry", &held]).says(0, &["Night of 2026-05-28: published as manifest 3"]);
    place.headwater(&["retry", &run_of(&place, "00000003")]).says(0, &["manifest 4, every byte as it was"]);
    place.headwater(&["retry", "4"]).says(0, &["manifest 5, every byte as it was"]);
    place.headwater(&["retry", "nobody"]).says(9, &["E0707", "`nobody`"]);
}

#[test]
fn nights_are_run_again_for_what_came_late_and_not_for_what_came_later() {
    let place = Place::demo();
    let range = ["backfill", "--from", "2026-05-29", "--to", "2026-05-30"];
    let both = |outcome| expected(&[("2026-05-29", outcome), ("2026-05-30", outcome)]);
    assert_eq!(nights(&place.json(&range)), both("published"));
    let events = |day: &str| place.path(&format!("lake/usage_events/event_date={day}"));
    let some = fs::read_dir(events("2026-05-28")).unwrap().next().unwrap().unwrap().path();
    fs::create_dir_all(events("2026-06-01")).unwrap();
    fs::copy(&some, events("2026-06-01").join("part-0.parquet")).unwrap();
    assert_eq!(nights(&place.json(&range)), both("skipped"));
    // A later day that is no Parquet at all is no trouble of an earlier night.
    fs::write(events("2026-06-01").join("part-1.parquet"), "not yet").unwrap();
    let again = place.json(&[&range[..], &["--again"]].concat());
    assert_eq!(nights(&again), both("unchanged"));

    fs::copy(&some, events("2026-05-30").join("late.parquet")).unwrap();
    let late = place.json(&["run", "--as-of", "2026-05-31", "--lookback", "30"]);
    let came_to = [("2026-05-29", "skipped"), ("2026-05-30", "published"), ("2026-05-31", "published")];
    assert_eq!(nights(&late), expected(&came_to));
    place.headwater(&["run", "--as-of", "2026-05-31", "--lookback", "0"]).says(2, &["--lookback"]);
}

#[test]
fn a_range_may_be_judged_by_rules_as_they_were() {
    let place = Place::demo();
    fs::create_dir_all(place.path("then/rules")).unwrap();
    for file in fs::read_dir(place.path("rules")).unwrap().map(Result::unwrap).filter(|file| file.path().is_file()) {
        fs::copy(file.path(), place.path("then/rules").join(file.file_name())).unwrap();
    }
    let night = ["backfill", "--from", "2026-05-30", "--to", "2026-05-30"];
    let then = [&night[..], &["--rules-at", "then"]].concat();
    let outcome = |arguments: &[&str]| nights(&place.json(arguments)).remove(0).1;
    assert_eq!(outcome(&night), "published");
    change_rules(&place);
    assert_eq!(outcome(&then), "skipped");
    assert_eq!((outcome(&night), outcome(&then)), ("published".to_owned(), "published".to_owned()));
    place.headwater(&[&night[..], &["--rules-at", "nowhere"]].concat()).says(3, &["E0109", "nowhere"]);
    place.write("then/rules/broken.yaml", "version: 1\ntriggers: [{id: t}]\n");
    place.headwater(&then).says(3, &["E0103", "rules/broken.yaml"]);
}

#[test]
fn columns_that_change_between_nights_are_told_or_refused_as_the_project_says() {
    let place = Place::demo();
    place.edit("headwater.yaml", "inputs:\n", "sources:\n  paid: {path: \"spend/*.parquet\"}\n\ninputs:\n");
    let spend = |columns: &str, drift: &str| {
        let project = fs::read_to_string(place.path("headwater.yaml")).unwrap();
        let line = project.lines().find(|line| line.starts_with("  spend:")).unwrap();
        place.edit("headwater.yaml", line, &format!("  spend: {{sql: \"SELECT {columns} FROM paid\"{drift}}}"));
    };
    let night = |day: &str| place.headwater(&["run", "--as-of", day]);
    spend("*, 1 AS batch", "");
    night("2026-05-28").says(0, &[]);
    spend("* EXCEPT (campaign), '1' AS batch, 2 AS source", "");
    let told = night("2026-05-29");
    told.says(0, &["W0503", "`spend` no longer has the column `campaign` (Utf8), since the night of 2026-05-28"]);
    told.says(0, &["`spend` has `batch` as Utf8, which was Int64, since the night of 2026-05-28", "2 warnings"]);
    let same = night("2026-05-30");
    same.says(0, &[]);
    assert!(!same.stderr.contains("W0503"), "{}", same.stderr);
    spend("*", ", drift: {new_column: refuse, missing_column: allow}");
    night("2026-05-31")
        .says(5, &["E0513", "`spend` has a new column `campaign` (Utf8)", "new_column: warn", "1 error"]);
    spend("*", ", drift: {new_column: allow, missing_column: allow}");
    night("2026-05-31").says(0, &[]);
    spend("*", ", drift: {new_columns: allow, changed_type: never}");
    night("2026-05-31").says(3, &["E0102", "did you mean `new_column`?", "E0105"]);
}

#[test]
fn yesterday_is_the_last_day_that_has_ended_in_the_time_zone_of_the_project() {
    let place = Place::demo();
    let mut zone = "UTC".to_owned();
    // Clocks 25 hours apart: at no moment do both show the same day.
    for (name, ahead) in [("Pacific/Kiritimati", 14), ("Pacific/Pago_Pago", -11)] {
        place.edit("headwater.yaml", &format!("time_zone: {zone}"), &format!("time_zone: {name}"));
        name.clone_into(&mut zone);
        let day = || (chrono::Utc::now() + chrono::Duration::hours(ahead - 24)).date_naive().to_string();
        let before = day();
        let looked = place.json(&["run", "--as-of", "yesterday", "--dry-run"]);
        let night = looked["as_of"].as_str().unwrap().to_owned();
        assert!([before, day()].contains(&night), "{name}: {night}");
    }
}
