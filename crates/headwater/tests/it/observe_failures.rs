//! Observers that are away, slow or wrong: each gives a warning, and no night notices.

use std::fs;
use std::time::{Duration, Instant};

use crate::cli::{Outcome, Place};
use crate::sink::{Manner, Sink};

/// A night that ends at once: another run is at work.
fn busy() -> Place {
    let place = Place::demo();
    let record = r#"{"run_id": "other", "host": "there", "state": "held", "taken_at": "2026-06-01T00:00:00Z", "expires_at": "2999-01-01T00:00:00Z"}"#;
    place.write("published/_leases/00000099.json", record);
    place
}

const RUN: [&str; 3] = ["run", "--as-of", "2026-05-31"];
const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331";

/// Asserts which observers were warned of.
#[track_caller]
fn warned_of(outcome: &Outcome, event: &str, observers: &[&str]) {
    let lines: Vec<&str> =
        outcome.stderr.lines().filter(|line| line.contains(&format!("\"event\":\"{event}\""))).collect();
    for observer in observers {
        let named = format!("\"observer\":\"{observer}\"");
        assert!(lines.iter().any(|line| line.contains(&named)), "{event} of {observer}\n{}", outcome.stderr);
    }
    assert!(lines.len() >= observers.len() && (lines.is_empty() || !observers.is_empty()), "{}", outcome.stderr);
}

#[test]
fn a_night_is_published_whatever_becomes_of_what_is_told_of_it() {
    let place = Place::demo();
    let (hangs, mumbles) = (Sink::new(Manner::Hangs), Sink::new(Manner::Mumbles));
    let (traces, gateway) = (format!("http://{}", hangs.address), format!("http://{}", mumbles.address));
    let lineage = format!("http://{}", Sink::nobody());
    let watching = ["--metrics-file", "not/there/headwater.prom", "--log-format", "json"];
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", traces.as_str()),
        ("HEADWATER_METRICS_PUSH", gateway.as_str()),
        ("OPENLINEAGE_URL", lineage.as_str()),
    ];
    let outcome = place.headwater_with(&[&RUN[..], &watching].concat(), &variables);
    outcome.says(0, &["published as manifest 1"]);
    warned_of(&outcome, "observer_failed", &["metrics_push", "lineage", "metrics_file"]);
    warned_of(&outcome, "observer_timed_out", &["trace"]);

    let complains = Sink::new(Manner::Complains);
    let to = format!("http://{}", complains.address);
    fs::create_dir(place.path("folder")).unwrap();
    let watching = ["--metrics-push", &to, "--lineage", "folder", "--metrics-file", "folder", "--log-format", "json"];
    let again = place.headwater_with(&[&RUN[..], &watching].concat(), &[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &to)]);
    again.says(0, &["published as manifest 2, every byte as it was published before", "answered 401"]);
    warned_of(&again, "observer_failed", &["trace", "metrics_push", "lineage", "metrics_file"]);
}

#[test]
fn a_collector_that_hangs_holds_the_end_up_for_seconds_only_and_changes_no_exit_code() {
    let place = busy();
    let sink = Sink::new(Manner::Hangs);
    let to = format!("http://{}", sink.address);
    let watching = ["--metrics-push", &to, "--lineage", &to, "--log-format", "json"];
    let began = Instant::now();
    let outcome = place.headwater_with(&[&RUN[..], &watching].concat(), &[("OTEL_EXPORTER_OTLP_ENDPOINT", &to)]);
    outcome.says(7, &["E0701", "\"outcome\":\"lease_held\""]);
    warned_of(&outcome, "observer_timed_out", &["trace", "metrics_push", "lineage"]);
    assert!(began.elapsed() < Duration::from_secs(9), "{:?}", began.elapsed());
    // Lineage is told twice: that the run begins, and what it came to.
    assert_eq!(sink.received().len(), 4);
}

#[test]
fn what_is_no_place_to_tell_is_left_out() {
    let place = Place::demo();
    let watching = ["--metrics-push", "gateway:9091", "--lineage", "ftp://me:word@lineage", "--log-format", "json"];
    let outcome = place.headwater_with(
        &[&["retry", "nobody"], &watching[..]].concat(),
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http//collector"), ("OPENLINEAGE_PARENT_ID", "no parent")],
    );
    outcome.says(9, &["E0707", "\"event\":\"command_ended\"", "\"exit_code\":9"]);
    warned_of(&outcome, "observer_left_out", &["trace", "metrics_push", "lineage"]);
    assert!(!outcome.stderr.contains("word"), "{}", outcome.stderr);
    let grpc = [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4317"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")];
    let outcome = place.headwater_with(&["retry", "nobody", "--log-format", "json"], &grpc);
    warned_of(&outcome, "observer_left_out", &["trace"]);
}

/// Whoever collects lines of JSON gets nothing else.
#[test]
fn problems_are_lines_of_the_log_too() {
    let place = Place::demo();
    place
        .write("rules/more.yaml", "version: 1\ntriggers:\n  - {id: t, when: \"mrrr > 5\", description: d, owner: o}\n");
    let outcome = place.headwater(&["run", "--as-of", "2026-05-31", "--log-format", "json"]);
    outcome.says(3, &["E0302"]);
    let lines = outcome.stderr.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let problems: Vec<_> = lines.map(|line| line["fields"].clone()).filter(|line| line["event"] == "problem").collect();
    let [problem] = problems.as_slice() else { panic!("{problems:?}") };
    assert_eq!([&problem["code"], &problem["place"]], ["E0302", "rules/more.yaml:3:20"]);
    assert!(problem["message"].as_str().unwrap().contains("`mrrr`"), "{problem}");
}

#[test]
fn traces_are_sent_where_the_standard_variables_ask_for_them_only() {
    let place = busy();
    let sampled = format!("{TRACEPARENT}-01");
    let unsampled = format!("{TRACEPARENT}-00");
    for (variable, value, is_sent) in [
        ("TRACEPARENT", sampled.as_str(), true),
        ("TRACEPARENT", "no parent", true),
        ("OTEL_SDK_DISABLED", "false", true),
        ("TRACEPARENT", unsampled.as_str(), false),
        ("OTEL_SDK_DISABLED", "TRUE", false),
        ("OTEL_TRACES_EXPORTER", "none", false),
    ] {
        let sink = Sink::new(Manner::Takes);
        let to = format!("http://{}/below/", sink.address);
        let outcome = place.headwater_with(&RUN, &[("OTEL_EXPORTER_OTLP_ENDPOINT", &to), (variable, value)]);
        outcome.says(7, &[]);
        let paths: Vec<String> = sink.received().into_iter().map(|request| request.path).collect();
        let expected: &[&str] = if is_sent { &["/below/v1/traces"] } else { &[] };
        assert_eq!(paths, expected, "{variable}={value}");
    }
    // The one of traces is taken as it is, and before that of everything.
    let (own, of_all) = (Sink::new(Manner::Takes), Sink::new(Manner::Takes));
    let variables = [
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", format!("http://{}/own", own.address)),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{}", of_all.address)),
    ];
    let outcome = place.headwater_with(&RUN, &variables.each_ref().map(|(name, value)| (*name, value.as_str())));
    outcome.says(7, &[]);
    assert_eq!((own.received()[0].path.as_str(), of_all.received().len()), ("/own", 0));
}
