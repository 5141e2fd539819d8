//! What goes wrong: a code, a place, a cause, a remedy, the exit code, and nothing half-written.

use std::fs;

use crate::cli::{Outcome, Place};

/// Ten mistakes, one a line that is marked with its code.
const TEN_MISTAKES: &str = r#"version: 1
params:
  - {id: floor, type: decimal, value: ten}          # E0104
  - {id: unused_thing, type: decimal, value: 1}
metrics:
  - id: usage_trend
    expr: "usage_evnts_28d / usage_events_prev_28d" # E0302
    type: ratio
  - {id: late, expr: "now() - 1", type: days}       # E0307
  - {id: nested, expr: "(SELECT 1)", type: count}   # E0305
  - {id: summed, expr: "sum(mrr)", type: money}     # E0306
segment_schemes:
  - id: lifecycle
    segments:
      - {id: big, when: "plan > 5"}                 # E0303
      - {id: small, whn: "seats < 5"}               # E0102
      - {id: rest, otherwise: true}
triggers:
  - {id: t, when: "seats = NULL"}                   # E0315
  - {id: t, when: "seats > 5"}                      # E0201
guardrails:
  - {id: g, metric: nrr_12m, bands: {pass: "> 1"}, after: [nobody]} # E0205
"#;

#[test]
fn ten_mistakes_are_all_reported_at_their_place() {
    let place = Place::demo();
    fs::remove_dir_all(place.path("rules")).unwrap();
    fs::create_dir(place.path("rules")).unwrap();
    fs::write(place.path("rules/ten.yaml"), TEN_MISTAKES).unwrap();
    let checked = place.headwater(&["check", "--format", "json"]);
    assert_eq!(checked.code, 3, "{}", checked.stderr);
    let found: Vec<(u64, String)> = checked
        .stderr
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|problem| (problem["place"]["line"].as_u64().unwrap(), problem["code"].as_str().unwrap().to_owned()))
        .filter(|(_, code)| code.starts_with('E'))
        .collect();
    for (line, text) in (1..).zip(TEN_MISTAKES.lines()) {
        if let Some((_, code)) = text.split_once("# ") {
            assert!(found.contains(&(line, code.trim().to_owned())), "line {line} lacks {code} in {found:?}");
        }
    }
    let annotated = place.headwater(&["check", "--format", "github"]);
    annotated.says(3, &[]);
    assert!(annotated.stdout.contains("::error file=rules/ten.yaml,line=7,endLine=7,col=12,"), "{}", annotated.stdout);
    let document: serde_json::Value =
        serde_json::from_str(&place.headwater(&["check", "--format", "sarif"]).stdout).unwrap();
    assert_eq!(document["runs"][0]["results"].as_array().unwrap().len(), checked.stderr.lines().count());
    place.headwater(&["status", "--format", "sarif"]).says(2, &["is for `check` and `test`"]);
    place.run().says(3, &["E0302", "did you mean `usage_events_28d`?"]);
    assert!(place.is_untouched());
}

#[test]
fn inputs_that_break_their_contract_are_all_named() {
    let place = Place::demo();
    fs::remove_dir_all(place.path("lake/orders")).unwrap();
    fs::create_dir(place.path("lake/orders")).unwrap();
    fs::write(place.path("lake/spend/part-0.parquet"), b"not parquet").unwrap();
    place.edit("headwater.yaml", "path: \"feedback/*.parquet\"", "path: \"no_such_folder/*.parquet\"");
    place.edit(
        "headwater.yaml",
        "subscriptions:   {path: \"subscriptions/*.parquet\"}",
        "subscriptions: {path: \"subscriptions/*.parquet\", columns: {mrr: is_trial}}",
    );
    place.run().says(
        5,
        &[
            "E0501",
            "E0503",
            "E0504",
            "no_such_folder",
            "lake/orders",
            "spend/part-0.parquet",
            "see that the export has run",
        ],
    );
    assert!(place.is_untouched());
}

#[test]
fn a_missing_column_and_a_mapping_that_names_nothing() {
    let place = Place::demo();
    place.edit("headwater.yaml", "    columns: {occurred_on: event_date}\n", "");
    place.edit("headwater.yaml", "{submitted_on: submitted_at}", "{submitted_on: submited_at}");
    place.run().says(5, &["E0502", "occurred_on", "E0505", "submited_at"]);
    assert!(place.is_untouched());
}

#[test]
fn a_day_that_does_not_exist() {
    let place = Place::demo();
    for day in ["2026-02-30", "tomorrow", "2026-5-1", "31.05.2026"] {
        place.headwater(&["run", "--as-of", day]).says(2, &["E0508", "YYYY-MM-DD"]);
    }
    assert!(place.is_untouched());
}

#[test]
fn rates_of_a_day_that_has_not_come() {
    let place = Place::demo();
    place.edit("headwater.yaml", "currency: USD", "currency: USD\nexchange: {constant_rates_of: 2026-06-30}");
    place.run().says(3, &["E0105", "exchange.constant_rates_of", "the rates of 2026-06-30 are not known"]);
    assert!(place.is_untouched());
}

#[test]
fn a_folder_without_a_project() {
    let place = Place::empty();
    place.headwater(&["check"]).says(3, &["E0109", "headwater init"]);
    place.headwater(&["-C", "nowhere", "run", "--as-of", "2026-05-31"]).says(3, &["E0109"]);
}

#[test]
fn an_input_that_is_not_fresh_enough_is_waited_for() {
    let place = Place::demo();
    place.edit(
        "headwater.yaml",
        "support_tickets: {path: \"support_tickets/*.parquet\"}",
        "support_tickets: {path: \"support_tickets/*.parquet\", freshness: {max_age_days: 1}}",
    );
    place.headwater(&["run", "--as-of", "2026-06-20"]).says(8, &["E0506", "support_tickets"]);
    assert!(place.is_untouched());
}

#[test]
fn a_night_that_fails_its_audit_is_held_until_it_is_published() {
    let place = Place::demo();
    place.run().says(0, &[]);
    let warns = too_few_accounts("warn").replace("version: 1", "").replace("audits:", "").replace("enough_", "many_");
    place.write("rules/more.yaml", &(too_few_accounts("error") + &warns));
    for _ in 0..2 {
        place.run().says(4, &["E0801", "enough_accounts", "rules/more.yaml:3", "W0801", "`many_accounts` failed"]);
        let status = place.headwater(&["status"]);
        status.says(0, &["as manifest 1", "Held: night of 2026-05-31", "enough_accounts of account_metrics"]);
        let held = place.beginning_with("published/_staging/run_id=");
        assert_eq!(held.len(), 1, "{held:?}");
        assert!(held[0].join("held.json").is_file() && held[0].join("account_metrics").is_dir());
    }
    place.headwater(&["run", "--as-of", "2026-05-30"]).says(4, &["E0801"]);
    place.headwater(&["status"]).says(0, &["night of 2026-05-30 at", "night of 2026-05-31 at"]);
    fs::remove_file(place.path("rules/more.yaml")).unwrap();
    place.run().says(0, &[]);
    let status = place.headwater(&["status", "--format", "json"]);
    let status: serde_json::Value = serde_json::from_str(&status.stdout).unwrap();
    let held: Vec<_> =
        status["held"].as_array().unwrap().iter().map(|night| night["as_of"].as_str().unwrap()).collect();
    assert_eq!(held, ["2026-05-30"]);
    assert_eq!(place.beginning_with("published/_staging/").len(), 1);
}

/// A rule file with an audit that fails on every small company.
fn too_few_accounts(severity: &str) -> String {
    format!(
        "version: 1\naudits:\n  - {{id: enough_accounts, table: account_metrics, check: row_count, min: 100000, severity: {severity}, description: d, owner: o}}\n"
    )
}

#[test]
fn warnings_stop_a_night_only_where_they_are_denied() {
    let place = Place::demo();
    let denied = ["run", "--as-of", "2026-05-31", "--deny", "warnings"];
    let unexplained = "version: 1\ntriggers:\n  - {id: unexplained, when: \"seats > 5\"}\n";
    let warnings = [
        ("rules/audit.yaml", too_few_accounts("warn"), 4, "it only warns, and warnings are denied"),
        ("headwater.yaml", "feedback:\n    filter: \"kind = 'none'\"\n".to_owned(), 5, "W0501"),
        ("rules/rule.yaml", unexplained.to_owned(), 3, "W0401"),
    ];
    place.headwater(&denied).says(0, &["published as manifest 1"]);
    for (file, text, code, shown) in warnings {
        if file.starts_with("rules/") {
            place.write(file, &text)
        } else {
            place.edit(file, "feedback:\n", &text)
        }
        place.headwater(&denied).says(code, &[shown]);
        assert_eq!(place.beginning_with("published/manifests/").len(), 1);
    }
    assert_eq!(place.beginning_with("published/_staging/").len(), 1);
    place.run().says(0, &["published as manifest 2", "W0401", "W0501", "enough_accounts of account_metrics"]);
    assert!(!place.path("published/_staging").exists());
}

#[test]
fn what_dead_runs_left_is_removed_and_what_others_work_on_is_not() {
    for run_or_clear in [Place::run, |place: &Place| place.headwater(&["gc"])] {
        left_by_dead_runs(run_or_clear);
    }
}

/// What dead runs left, and others, before a command that removes what nobody works on, and what is there after it.
fn left_by_dead_runs(run_or_clear: fn(&Place) -> Outcome) {
    let place = Place::demo();
    for file in [
        "published/_staging/run_id=dead/account_metrics/part-00000.parquet#1",
        "published/_staging/run_id=dead/group_metrics/part-00000.parquet",
        "published/_staging/probe-dead",
        ".headwater/spill/run-dead/headwater.lock",
        ".headwater/spill/run-dead/tables/accounts-0/00000.parquet",
        ".headwater/spill/run-alive/headwater.lock",
        ".headwater/spill/run-alive/tables/accounts-0/00000.parquet",
        ".headwater/spill/run-down/notes.txt",
    ] {
        place.write(file, "left");
    }
    let lock = fs::File::options().write(true).open(place.path(".headwater/spill/run-alive/headwater.lock")).unwrap();
    lock.lock().unwrap();
    run_or_clear(&place).says(0, &[]);
    assert!(!place.path("published/_staging").exists());
    let mut left = place.beginning_with(".headwater/spill/");
    left.sort();
    assert_eq!(left, [".headwater/spill/run-alive", ".headwater/spill/run-down"].map(|path| place.path(path)));
}

#[test]
fn records_that_no_run_wrote_are_named() {
    for (file, text, code, shown) in [
        ("manifests/99999999.json", "none", 1, "E0703"),
        ("manifests/18446744073709551615.json", "none", 1, "E0703"),
        ("_leases/99999999.json", "none", 7, "E0705"),
        ("_leases/18446744073709551615.json", "none", 7, "E0705"),
    ] {
        let place = Place::demo();
        place.write(&format!("published/{file}"), text);
        place.run().says(code, &[shown, file, "= help"]);
        assert!(place.beginning_with("published/account_metrics/").is_empty());
        if code == 7 {
            place.headwater(&["status"]).says(0, &["A run may be at work until", file]);
        }
    }
}

#[test]
fn a_folder_in_the_place_of_a_record_is_named() {
    for record in ["manifests/00000001.json", "_leases/00000001.json"] {
        let place = Place::demo();
        place.write(&format!("published/{record}/notes.txt"), "somebody's");
        place
            .run()
            .says(1, &["E0602", record, "a folder, is in its place", "remove what is in the place of the record"]);
        assert!(place.beginning_with("published/account_metrics/").is_empty());
    }
}

#[test]
fn while_another_run_is_at_work_nothing_is_written() {
    let place = Place::demo();
    fs::create_dir_all(place.path("published/_leases")).unwrap();
    let record = r#"{"run_id": "other", "host": "there", "state": "held", "taken_at": "2026-06-01T00:00:00Z", "expires_at": "2999-01-01T00:00:00Z"}"#;
    fs::write(place.path("published/_leases/00000001.json"), record).unwrap();
    place.run().says(7, &["E0701", "other", "there"]);
    assert!(place.is_untouched() || fs::read_dir(place.path("published")).unwrap().count() <= 2);
}

#[test]
fn secrets_in_the_project_file_are_refused() {
    let place = Place::demo();
    place.edit(
        "headwater.yaml",
        "outputs: {location: published}",
        "outputs: {location: published}\nstores: {\"s3://bucket\": {secret_access_key: hunter2}}",
    );
    let checked = place.headwater(&["check"]);
    checked.says(3, &["looks like a credential"]);
}

#[test]
fn a_published_object_that_is_gone_or_changed_stops_the_next_night() {
    let place = Place::demo();
    place.headwater(&["run", "--as-of", "2026-05-30"]).says(0, &[]);
    let object = place.published("segment_scores").into_keys().find(|path| path.ends_with(".parquet")).unwrap();
    let told = ["E0703", &object, "gone or was changed", "headwater run --as-of 2026-05-30"];
    place.damage(&object);
    place.headwater(&["doctor"]).says(1, &told);
    place.run().says(1, &told);
    fs::remove_dir_all(place.path("published/segment_scores")).unwrap();
    let doctor = place.headwater(&["doctor"]);
    doctor.says(1, &told);
    let lines = doctor.stdout.lines().filter(|line| line.contains(&object));
    assert_eq!(lines.count(), 1, "{}", doctor.stdout);
    place.run().says(1, &told);
    place.headwater(&["run", "--as-of", "2026-05-30"]).says(0, &["every byte as it was published before"]);
    place.run().says(0, &[]);
}

#[cfg(unix)]
#[test]
fn what_lies_in_the_place_of_the_next_manifest_is_told_before_the_night() {
    let place = Place::demo();
    fs::create_dir_all(place.path("published/manifests/00000001.json")).unwrap();
    let told = ["E0602", "manifests/00000001.json", "something that is no object", "remove what is in the place"];
    place.headwater(&["doctor"]).says(1, &told);
    place.run().says(1, &told);
    fs::remove_dir(place.path("published/manifests/00000001.json")).unwrap();
    std::os::unix::fs::symlink("nowhere", place.path("published/manifests/00000001.json")).unwrap();
    place.headwater(&["doctor"]).says(1, &told);
    place.run().says(1, &told);
    fs::remove_file(place.path("published/manifests/00000001.json")).unwrap();
    place.run().says(0, &["published as manifest 1"]);
}

#[test]
fn a_night_before_the_first_account_is_refused() {
    let place = Place::demo();
    place.headwater(&["run", "--as-of", "1990-01-01"]).says(5, &["E0509", "not one account"]);
    assert!(place.is_untouched());
}

/// Bytes at the beginning of an object are turned round: its footer still reads, its data does not.
#[test]
fn a_damaged_object_of_a_streamed_input_is_named() {
    let place = Place::demo();
    let mut days: Vec<_> =
        fs::read_dir(place.path("lake/usage_events")).unwrap().map(|day| day.unwrap().path()).collect();
    days.sort();
    let day = days.last().unwrap();
    let object = fs::read_dir(day).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&object).unwrap();
    bytes[4..60].iter_mut().for_each(|byte| *byte = !*byte);
    fs::write(&object, bytes).unwrap();
    let name = object.file_name().unwrap().to_str().unwrap().to_owned();
    let day = day.file_name().unwrap().to_str().unwrap().to_owned();
    place.run().says(5, &["E0504", &day, &name, "this object is damaged"]);
    assert!(place.is_untouched());
}

#[test]
fn sql_that_cannot_be_read_is_a_fault_of_the_project() {
    let place = Place::demo();
    place.edit("headwater.yaml", "columns: {ordered_on: ordered_at}", "columns: {ordered_on: \"lower(ordered_at\"}");
    for command in ["check", "run"] {
        let arguments: &[&str] = if command == "run" { &["run", "--as-of", "2026-05-31"] } else { &["check"] };
        place.headwater(arguments).says(3, &["E0505", "invalid SQL", "headwater.yaml:"]);
    }
    assert!(place.is_untouched());
}

/// A link, and a folder of another program, in the place where dead runs leave what they staged.
#[cfg(unix)]
#[test]
fn what_is_somebody_elses_is_left_alone() {
    let place = Place::demo();
    place.write("elsewhere/precious.txt", "kept");
    place.write("published/_staging/dbt/a.parquet", "kept");
    std::os::unix::fs::symlink(place.path("elsewhere"), place.path("published/_staging/run_id=1")).unwrap();
    let is_kept = || {
        let files = ["elsewhere/precious.txt", "published/_staging/dbt/a.parquet"];
        files.iter().all(|file| place.path(file).exists())
    };
    place.run().says(0, &[]);
    assert!(is_kept());
    let inside = place.path("published/account_metrics/as_of_date=2026-05-31/more");
    place.write("elsewhere/a.parquet", "kept");
    std::os::unix::fs::symlink(place.path("elsewhere"), inside).unwrap();
    place.run().says(0, &[]);
    place.headwater(&["gc"]).says(0, &[]);
    assert!(is_kept() && place.path("elsewhere/a.parquet").exists());

    place.edit("headwater.yaml", "name: demo", "name: other_demo");
    place.run().says(3, &["E0710", "and this one is `other_demo`"]);
    place.headwater(&["run", "--as-of", "2150-01-01"]).says(2, &["E0508", "2150-01-01 has not come"]);
    place.headwater(&["backfill", "--from", "2026-05-01", "--to", "2150-01-01"]).says(2, &["E0508", "has not come"]);
}

#[test]
fn a_project_whose_rules_are_somewhere_else_is_told() {
    let place = Place::demo();
    place.edit("headwater.yaml", "rules: [\"rules/*.yaml\"]", "");
    fs::rename(place.path("rules"), place.path("rulez")).unwrap();
    place.headwater(&["check"]).says(0, &["W0410", "rules/*.yaml"]);
    place.headwater(&["check", "--deny", "warnings"]).says(3, &["W0410"]);
    place
        .headwater(&["backfill", "--from", "2026-05-30", "--to", "2026-05-30", "--rules-at", "rulez"])
        .says(3, &["E0109", "no rule file of the project is there"]);
    #[cfg(unix)]
    {
        fs::create_dir(place.path("rules")).unwrap();
        std::os::unix::fs::symlink("nowhere.yaml", place.path("rules/a.yaml")).unwrap();
        place.headwater(&["check"]).says(3, &["E0109", "rules/a.yaml"]);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn results_that_a_full_disk_cuts_short_are_no_success() {
    let place = Place::demo();
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_headwater"));
    let said = command.args(["-C"]).arg(place.path("")).args(["ddl", "--dialect", "duckdb"]).stdout(full).output();
    let said = said.unwrap();
    assert_eq!(said.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&said.stderr).contains("standard output takes no more"));
}
