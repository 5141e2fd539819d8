//! What works: the first steps of a new user.

use crate::cli::Place;
use crate::tools;

#[test]
fn the_demo_publishes_and_publishes_the_same_again() {
    let place = Place::empty();
    let made = place.headwater(&["demo", "--accounts", "120", "--days", "120"]);
    made.says(0, &["120 accounts", "Segments", "Guardrails", "tables in"]);
    let again = place.headwater(&["-C", "demo", "run", "--as-of", "2026-05-31"]);
    again.says(0, &["manifest 2, every byte as it was published before"]);
    let twice = place.headwater(&["demo", "--accounts", "120", "--days", "120", "--quiet"]);
    twice.says(0, &[]);
    assert_eq!(twice.stdout, "");
    place.headwater(&["demo", "--accounts", "7"]).says(2, &["holds another company"]);
    place
        .headwater(&["-C", "demo", "status"])
        .says(0, &["Last published: night of 2026-05-31 as manifest 3", "No run is at work"]);
    let schema = place.headwater(&["-C", "demo", "schema", "segment_scores", "--format", "json"]);
    schema.says(0, &["entered_on", "\"unit\": \"date\""]);
    place.headwater(&["-C", "demo", "schema", "segment_score"]).says(9, &["did you mean segment_scores?"]);
}

#[test]
fn a_warehouse_is_told_how_to_hold_and_load_what_is_published() {
    let place = Place::demo();
    let ddl = |more: &[&str]| place.headwater(&[&["ddl", "--dialect", "snowflake"], more].concat());
    ddl(&["segment_scores"]).says(0, &["CREATE TABLE IF NOT EXISTS \"SEGMENT_SCORES\" (", "--load DAY` writes"]);
    let load = ["segment_scores", "--load", "2026-05-31"];
    ddl(&load).says(0, &["-- Replace @YOUR_STAGE", "FROM '@YOUR_STAGE/segment_scores/as_of_date=2026-05-31/'"]);
    let located = ddl(&[&load[..], &["--location", "@lake", "--format", "json"]].concat());
    located.says(0, &["\"dialect\": \"snowflake\"", "FROM '@lake/segment_scores/"]);
    ddl(&["segment_score"]).says(9, &["did you mean segment_scores?"]);
    ddl(&["--load", "yesterday"]).says(2, &["--load"]);
    place.headwater(&["ddl", "--dialect", "oracle"]).says(2, &["duckdb", "postgres"]);
}

#[test]
fn a_second_night_knows_the_first() {
    let place = Place::demo();
    // Margins and segments that are not known before the night has looked.
    place.edit("headwater.yaml", "gross_margin_pct: 80", "gross_margin_pct: from_costs");
    place.edit("headwater.yaml", "currency: USD", "currency: USD\nretention_audience: [lifecycle.champions]");
    place.headwater(&["check"]).says(3, &["E0203", "no scheme has the segment `lifecycle.champions`", "champion`?"]);
    place.edit("headwater.yaml", "lifecycle.champions", "lifecycle.champion");
    // What is compared with the last night is held by any column, and one that cannot be evaluated holds the night.
    place.write(
        "rules/more.yaml",
        "version: 1\ndefaults: {owner: o, severity: error}\nmetrics: [{id: n, type: count, description: d, expr: seats * 2}]\naudits:\n  \
         - {id: tenures, description: d, table: account_metrics, check: shift, column: tenure_days, max: 0.5}\n  \
         - {id: doubled, description: d, table: account_metrics, check: sum, column: n, since_last_night: true, min: -50, max: 50}\n  \
         - {id: covered, description: d, table: account_metrics, check: mean, column: coverage_pct, min: 1}\n",
    );
    place.headwater(&["run", "--as-of", "2026-05-30"]).says(0, &["Night of 2026-05-30: published as manifest 1"]);
    place.run().says(0, &["Night of 2026-05-31: published as manifest 2"]);
    place.headwater(&["status"]).says(0, &["2 nights: 2026-05-31, 2026-05-30"]);
    place.headwater(&["run", "--as-of", "2026-05-30"]).says(0, &["manifest 3, every byte as it was published before"]);
}

#[test]
fn a_new_project_is_valid_before_it_has_data() {
    let place = Place::empty();
    place.headwater(&["init", "shop"]).says(0, &["headwater -C shop check"]);
    assert!(std::fs::read_to_string(place.path("shop/headwater.yaml")).unwrap().contains("\nname: shop\n"));
    place.headwater(&["init", "null"]).says(0, &["headwater -C null check"]);
    place.headwater(&["-C", "null", "check"]).says(0, &["my_company"]);
    place.headwater(&["-C", "shop", "test"]).says(0, &[" 0 failed", "left out: "]);
    place.headwater(&["-C", "shop", "check"]).says(0, &["rule files (6) have no error"]);
    place.headwater(&["init", "shop"]).says(2, &["is there already"]);
}

/// What `rules/README.md` shows can be copied as it stands.
#[test]
fn rules_and_tests_of_the_page_that_teaches_them_hold() {
    let page = std::fs::read_to_string(tools::repository().join("rules/README.md")).unwrap();
    let shown: Vec<&str> = page.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    let whole: Vec<&str> = shown.into_iter().filter(|file| file.starts_with("version: 1\n")).collect();
    let [rules, tests] = whole[..] else { panic!("{} files are shown", whole.len()) };
    let place = Place::demo();
    std::fs::remove_dir_all(place.path("rules")).unwrap();
    place.write("rules/mine.yaml", rules);
    place.write("rules/tests/mine.yaml", tests);
    let checked = place.headwater(&["check"]);
    checked.says(0, &["have no error"]);
    assert!(!checked.stderr.contains("error"), "{}", checked.stderr);
    place.headwater(&["test"]).says(0, &["1 test passed, 0 failed"]);
    place.headwater(&["test", "--coverage"]).says(0, &["no test: segment_scheme:care"]);
    place.headwater(&["test", "--mutate"]).says(6, &["W0403", "an account with `health` at 50"]);
    place.run().says(0, &["published as manifest"]);
}

#[test]
fn folders_may_have_any_name() {
    let place = Place::empty();
    let odd = "p[1]r %41#x*";
    place.headwater(&["demo", "--dir", odd, "--accounts", "60", "--days", "60"]).says(0, &["60 accounts"]);
    place
        .headwater(&["-C", odd, "run", "--as-of", "2026-05-31"])
        .says(0, &["60 accounts", "as it was published before"]);
}

#[test]
fn codes_and_metrics_are_explained() {
    let place = Place::empty();
    place.headwater(&["explain", "e0302"]).says(0, &["E0302: unknown metric"]);
    place.headwater(&["explain", "E0999"]).says(9, &["there is no code"]);
    place.headwater(&["metrics", "--search", "nrr"]).says(0, &["nrr_{w} (group, ratio)"]);
    place.headwater(&["metrics", "--search", "no such thing"]).says(9, &[]);
}

/// Tests of rules need neither a lake nor a store.
#[test]
fn the_tests_of_the_shipped_rules_pass_and_a_changed_rule_fails_them() {
    let place = Place::demo();
    std::fs::remove_dir_all(place.path("lake")).unwrap();
    place
        .headwater(&["test", "--coverage", "--mutate", "--junit", "results.xml"])
        .says(0, &["every rule has a test, and every condition is tried both ways", " 0 noticed by nobody"]);
    let results = std::fs::read_to_string(place.path("results.xml")).unwrap();
    assert!(results.contains("classname=\"trigger:gone_quiet\"") && results.contains("failures=\"0\""), "{results}");
    place.edit("headwater.yaml", "  costs:           {path: \"costs/*.parquet\"}\n", "");
    place.headwater(&["test"]).says(0, &[" tests passed, 0 failed", "left out: margin_floor_pass"]);
    place.edit(
        "rules/engagement.yaml",
        "id: quiet_days, type: integer, value: 21",
        "id: quiet_days, type: integer, value: 1000",
    );
    let said = place.headwater(&["test"]);
    said.says(6, &["E0901", "rules/tests/accounts.yaml", "test `gone_quiet`", "days_since_last_activity is"]);
    place.write(
        "rules/tests/more.yaml",
        "version: 1\ntests:\n  - {id: t, rule: trigger:gone_quit, as_of: 2026-05-31}\n  \
         - {id: of_a_metric, rule: guardrail:gross_margin_12m, as_of: 2026-05-31}\n",
    );
    place
        .headwater(&["test"])
        .says(3, &["E0208", "did you mean `gone_quiet`?", "there is no guardrail `gross_margin_12m`"]);
    assert!(place.is_untouched());
}

/// One rule by two values of its parameter, and a profile that has no subscriptions.
#[test]
fn a_test_says_under_which_profile_it_holds() {
    let place = Place::demo();
    std::fs::remove_dir_all(place.path("lake")).unwrap();
    std::fs::remove_dir_all(place.path("rules")).unwrap();
    place.edit("headwater.yaml", "name: demo", "name: demo\nprofiles: {launch: {params: {quiet: 60}}}");
    place.write(
        "rules/own.yaml",
        "version: 1\nparams: [{id: quiet, type: integer, value: 21, description: d}]\ntriggers:\n  \
         - {id: silent, description: d, owner: o, when: \"days_since_last_activity > param.quiet\"}\n",
    );
    let test = |id: &str, profile: &str, days: [i32; 2]| {
        let [silent, heard] = days;
        format!(
            "  - id: {id}\n    rule: trigger:silent\n    as_of: 2026-05-31\n    {profile}\n    given: {{account_metrics: \
             {{rows: [{{account_id: A, days_since_last_activity: {silent}}}, {{account_id: B, days_since_last_activity: {heard}}}]}}}}\n    \
             expect: [{{firing: [A]}}]\n"
        )
    };
    let (as_it_is, launch) = (test("as_it_is", "", [22, 21]), test("launch", "profile: launch", [61, 60]));
    let tests = format!("version: 1\ntests:\n{as_it_is}{launch}");
    place.write("rules/tests/own.yaml", &tests);
    let args = ["test", "--mutate"];
    place.headwater(&args).says(0, &["2 tests passed, 0 failed", "0 noticed by nobody"]);
    // The profile of the command is for tests that name none.
    place.headwater(&["test", "--profile", "launch"]).says(6, &["1 test passed, 1 failed", "test `as_it_is`"]);
    place.write("rules/tests/own.yaml", &tests.replace("profile: launch", "profile: lunch"));
    place.headwater(&["test"]).says(3, &["the project has no profile `lunch`", "did you mean `launch`?"]);
}

/// A rule and its test over eight nights, as the documents tell of them.
const FLAG_IN_TIME: [&str; 2] = [
    r#"
version: 1
triggers:
  - id: under_pressure
    description: Close to a plan limit
    owner: sales
    when: "limit_usage_max_pct >= 80"
    after: monetization.repeat_value
    for: {runs: 2}
    exit_when: "limit_usage_max_pct < 70"
    keep_firing_for: {days: 7}
    on_missing: hold
"#,
    r#"
version: 1
tests:
  - id: limit_pressure_fires_on_the_second_night
    rule: trigger:under_pressure
    as_of: 2026-05-01
    given:
      account_metrics:
        defaults: {first_value_event_on: 2026-01-05, value_event_months: 3}
        rows: [{account_id: A1}, {account_id: A2, limit_usage_max_pct: 10}]
    timeline:
      A1: {limit_usage_max_pct: "85*2 75 60 _"}
    expect:
      - {night: 1, firing: [], pending: [A1]}
      - {night: 2, firing: [A1], pending: []}
      - {night: 3, firing: [A1]}
      - {night: 4, firing: [], recovering: [A1], resolved: []}
      - {night: 5, recovering: [A1]}
"#,
];

/// A flag that waits for nights in a row, whose end is unknown on the nights between: it has not begun, so it has no end.
const IN_A_ROW: [&str; 2] = [
    r#"
version: 1
triggers:
  - id: in_a_row
    description: Many seats, until it goes quiet
    owner: sales
    when: "seats > 5"
    exit_when: "usage_events_28d < 1"
    for: {runs: 2}
    on_missing: hold
"#,
    r#"
version: 1
tests:
  - id: nights_between_are_not_in_a_row
    rule: trigger:in_a_row
    as_of: 2026-05-01
    given:
      account_metrics:
        rows: [{account_id: A1}]
    timeline:
      A1: {seats: "9 0 9 9 0 0", usage_events_28d: "null*5 0"}
    expect:
      - {night: 1, pending: [A1]}
      - {night: 2, pending: []}
      - {night: 3, pending: [A1], firing: []}
      - {night: 4, firing: [A1]}
      - {night: 5, firing: [A1]}
      - {night: 6, firing: [], resolved: [A1]}
"#,
];

#[test]
fn a_flag_in_time_is_tested_night_by_night() {
    let place = Place::demo();
    let [rule, test] = FLAG_IN_TIME;
    std::fs::remove_dir_all(place.path("rules/tests")).unwrap();
    place.write("rules/more.yaml", rule);
    place.write("rules/tests/more.yaml", test);
    let [rule, test] = IN_A_ROW;
    place.write("rules/row.yaml", rule);
    place.write("rules/tests/row.yaml", test);
    place.headwater(&["test"]).says(0, &["2 tests passed, 0 failed"]);
    place.edit("rules/more.yaml", "for: {runs: 2}", "for: {runs: 3}");
    let message = "test `limit_pressure_fires_on_the_second_night`: firing should be A1, and is nobody";
    let why = ["A1: `exit_c1` (limit_usage_max_pct < 70) is false", "A1: pending since 2026-05-01, nights counted: 2"];
    place.headwater(&["test"]).says(6, &["E0901", message, why[0], why[1]]);
}

/// The bridge begins and ends with the values of its policies, and its steps add up.
#[test]
fn two_policies_are_reconciled_switch_by_switch() {
    let place = Place::demo();
    let asked =
        ["reconcile", "--metric", "nrr", "--from", "baremetrics", "--to", "chartmogul", "--as-of", "2026-05-31"];
    place
        .headwater(&asked)
        .says(0, &["nrr_12m of total on 2026-05-31", "contraction_is_lost: true", "reactivation_is_retained: true"]);
    let by_channel = [&asked[..], &["--by", "acquisition_channel", "--format", "json"]].concat();
    let in_words = place.headwater(&[&asked[..], &["--by", "acquisition_channel"]].concat());
    in_words.says(0, &["unknown: no account paid at the start of the window", "  unknown\n"]);
    let told = place.headwater(&by_channel);
    let bridge: serde_json::Value = serde_json::from_str(&told.stdout).unwrap();
    // A channel without customers at the start of the window has no rate, by any policy.
    let groups: Vec<_> = bridge["groups"].as_array().unwrap().iter().filter(|group| !group["from"].is_null()).collect();
    assert!(groups.len() >= 2, "{bridge}");
    for group in groups {
        let number = |value: &serde_json::Value| value.as_f64().unwrap();
        let steps = group["steps"].as_array().unwrap();
        // That somebody came and went within a period changes nothing of what was retained.
        assert_eq!((steps.len(), number(&steps[0]["change"])), (3, 0.0));
        let changes: f64 = steps.iter().map(|step| number(&step["change"])).sum();
        assert!((number(&group["from"]) + changes - number(&group["to"])).abs() < 1e-12, "{group}");
        assert!(number(&steps[1]["change"]) <= 0.0 && number(&steps[2]["change"]) >= 0.0, "{group}");
    }
    assert!(place.is_untouched());
    let before_all = ["reconcile", "--metric", "nrr", "--to", "chartmogul", "--as-of", "1999-12-31"];
    place.headwater(&before_all).says(5, &["not one account is left for this night"]);
    for (asked, code, said) in [
        (["--metric", "nrrr_12m", "--by", "total"], 9, "did you mean `nrr_12m`?"),
        (["--metric", "mrr", "--by", "total"], 9, "of all of them it is `total_mrr`"),
        (["--metric", "nrr", "--by", "plann"], 9, "did you mean `plan`?"),
        (["--metric", "nrr", "--from", "chartmogle"], 2, "did you mean `chartmogul`?"),
    ] {
        let asked = [&["reconcile", "--as-of", "2026-05-31"], &asked[..]].concat();
        place.headwater(&asked).says(code, &[said]);
    }
}

#[test]
fn what_has_one_answer_is_mended_in_the_files() {
    let place = Place::demo();
    let before = std::fs::read_to_string(place.path("rules/triggers.yaml")).unwrap();
    let project = std::fs::read_to_string(place.path("headwater.yaml")).unwrap();
    place.edit("rules/triggers.yaml", "    value_at_stake: mrr\n", "    value_at_steak: mmr\n");
    place.edit("rules/triggers.yaml", "after: monetization.", "after: monetisation.");
    place.edit("headwater.yaml", "currency:", "curency:");
    let said = place.headwater(&["check", "--fix"]);
    said.says(0, &["have no error", "headwater.yaml:", "`currency` for `curency`"]);
    assert!(said.stdout.contains("`value_at_stake` for `value_at_steak`"), "{}", said.stdout);
    // A mistake that another one hid is mended, too.
    assert!(said.stdout.contains("`mrr` for `mmr`"), "{}", said.stdout);
    assert_eq!(std::fs::read_to_string(place.path("rules/triggers.yaml")).unwrap(), before);
    assert_eq!(std::fs::read_to_string(place.path("headwater.yaml")).unwrap(), project);
    // What has no answer is left to its author.
    place.edit("rules/engagement.yaml", "usage_events_28d", "weather_28d");
    let left = std::fs::read_to_string(place.path("rules/engagement.yaml")).unwrap();
    place.headwater(&["check", "--fix"]).says(3, &["E0302"]);
    assert_eq!(std::fs::read_to_string(place.path("rules/engagement.yaml")).unwrap(), left);
}

#[test]
fn files_are_laid_out_alike_and_say_what_they_said() {
    let place = Place::demo();
    place.headwater(&["fmt", "--check"]).says(0, &[]);
    let untidy = "version: 1\n\n\n# why\ndefaults: {owner: o}  \ntriggers:\n# of the list\n-   id: t\n    description: d\n\n\n\n    when: >-\n       mrr > 5\n         AND mrr < 9\n    # of the end\n";
    place.write("rules/own.yaml", untidy);
    place.headwater(&["fmt", "--check"]).says(3, &["rules/own.yaml"]);
    assert_eq!(std::fs::read_to_string(place.path("rules/own.yaml")).unwrap(), untidy);
    place.headwater(&["fmt"]).says(0, &["rules/own.yaml"]);
    let tidy = "version: 1\n\n# why\ndefaults: {owner: o}\ntriggers:\n  # of the list\n  - id: t\n    description: d\n\n    when: >-\n       mrr > 5\n         AND mrr < 9\n    # of the end\n";
    assert_eq!(std::fs::read_to_string(place.path("rules/own.yaml")).unwrap(), tidy);
    place.headwater(&["fmt", "--check"]).says(0, &[]);
    place.write("rules/own.yaml", "version: 1\ntriggers: [\n");
    place.headwater(&["fmt"]).says(3, &["E0101", "rules/own.yaml", "left as it is"]);
}

#[test]
fn files_that_do_not_say_their_version_are_given_the_first() {
    let place = Place::demo();
    place.headwater(&["migrate", "--check"]).says(0, &[]);
    let read = |name: &str| std::fs::read_to_string(place.path(name)).unwrap();
    let files = ["headwater.yaml", "rules/engagement.yaml", "rules/tests/accounts.yaml"];
    let before = files.map(read);
    files.iter().for_each(|name| place.edit(name, "version: 1\n", ""));
    // Without its version, the project does not say which rules are its own.
    place.headwater(&["migrate", "--check"]).says(3, &["headwater.yaml"]);
    place.headwater(&["migrate"]).says(0, &files);
    assert_eq!(files.map(read), before);
    place.headwater(&["migrate"]).says(0, &[]);
    place.edit("rules/engagement.yaml", "version: 1\n", "version: 2\n");
    place.headwater(&["migrate"]).says(3, &["E0107", "rules/engagement.yaml:", "a later program"]);
}

#[test]
fn a_profile_gives_parameters_other_values() {
    let place = Place::demo();
    let project = std::fs::read_to_string(place.path("headwater.yaml")).unwrap();
    let with = |params: &str| {
        place.write("headwater.yaml", &format!("{project}\nprofiles:\n  strict: {{params: {{{params}}}}}\n"));
    };
    with("quiet_days: 22");
    place.headwater(&["test"]).says(0, &[" tests passed, 0 failed"]);
    place.headwater(&["--profile", "strict", "test"]).says(6, &["E0901", "rules/tests/accounts.yaml"]);
    with("quiet_day: 22");
    place.headwater(&["--profile", "strict", "check"]).says(3, &["E0202", "did you mean `quiet_days`?"]);
    with("quiet_days: soon");
    place
        .headwater(&["--profile", "strict", "check"])
        .says(3, &["E0104", "`quiet_days` must be a whole number, not text"]);
}

#[test]
fn a_test_is_written_from_what_was_published_and_passes() {
    let place = Place::demo();
    std::fs::remove_dir_all(place.path("rules/tests")).unwrap();
    for night in ["2026-05-29", "2026-05-31"] {
        assert_eq!(place.headwater(&["run", "--as-of", night]).code, 0);
    }
    let generate = |rule: &str, account: &str, nights: &str| {
        let asked = ["test", "--generate", account, "--rule", rule, "--as-of", "2026-05-31", "--nights", nights];
        place.headwater(&asked)
    };
    let mut count = 0;
    for (at, rule) in
        ["segment_scheme:lifecycle", "trigger:gone_quiet", "metric:engagement_score", "milestone_ladder:monetization"]
            .into_iter()
            .enumerate()
    {
        for (account, nights) in [("A0000001", "1"), ("A0000002", "2")] {
            let made = generate(rule, account, nights);
            made.says(0, &["given:", "account_metrics:", "expect:"]);
            place.write(&format!("rules/tests/made_{at}_{nights}.yaml"), &made.stdout);
            count += 1;
        }
    }
    place.headwater(&["test"]).says(0, &[" tests passed, 0 failed"]);
    // A night between that was not published: a timeline with a night of nothing.
    let made = std::fs::read_to_string(place.path("rules/tests/made_2_2.yaml")).unwrap();
    assert!(made.contains("as_of: 2026-05-29") && made.contains(" _ ") && made.contains("night: 3"), "{made}");
    assert_eq!(count, 8);
    generate("trigger:gone_quit", "A0000001", "1").says(9, &["E0208", "did you mean `trigger:gone_quiet`?"]);
    generate("trigger:gone_quiet", "A9", "1").says(9, &["E0709", "A9"]);
    let asked = ["test", "--generate", "A0000001", "--rule", "trigger:gone_quiet", "--as-of", "2026-05-30"];
    place.headwater(&asked).says(9, &["E0709", "the last are 2026-05-31, 2026-05-29"]);
    place.headwater(&["test", "--generate", "A0000001"]).says(2, &["--rule"]);
}

#[test]
fn a_rule_file_of_another_ending_is_not_passed_over_in_silence() {
    let place = Place::empty();
    place.headwater(&["init", "."]).says(0, &[]);
    std::fs::rename(place.path("rules/audits.yaml"), place.path("rules/audits.yml")).unwrap();
    place.headwater(&["check"]).says(3, &["E0109", "rules/audits.yml", "is not read"]);
    // Another pattern may name it.
    place.edit("headwater.yaml", "rules/*.yaml\"", "rules/*.yaml\", \"rules/*.yml\"");
    place.headwater(&["check"]).says(0, &["rule files (6) have no error"]);
}

#[test]
fn a_project_may_be_named_by_steps_back() {
    let place = Place::demo();
    let run = ["-C", "rules/../rules/..", "run", "--as-of", "2026-05-31"];
    place.headwater(&run).says(0, &["published as manifest 1"]);
}

#[test]
fn metrics_are_found_by_the_names_that_rules_write() {
    let place = Place::empty();
    place.headwater(&["metrics", "--search", "nrr_12m"]).says(0, &["nrr_{w}"]);
    place.headwater(&["metrics", "--search", "nrr_12x"]).says(9, &["no metric matches `nrr_12x`"]);
}
