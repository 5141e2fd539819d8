//! What is told of nights outside: a trace, metrics, lineage, and the log, each read by a program that shares no code with
//! ours.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::cli::{Outcome, Place};
use crate::series::HOLDS;
use crate::sink::{Manner, Sink};
use crate::tools::{promtool, python, repository, told};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";
const PARENT_RUN: &str = "0176a8c2-fe01-7439-87e6-56a1a1b4029f";
const PARTS: [&str; 6] = ["open", "measure", "judge", "stage", "audit", "publish"];

/// A project whose nights are watched by everybody there is.
struct Watched {
    place: Place,
    traces: Sink,
    gateway: Sink,
}

impl Watched {
    fn new() -> Self {
        Self { place: Place::demo(), traces: Sink::new(Manner::Takes), gateway: Sink::new(Manner::Takes) }
    }

    fn run(&self, arguments: &[&str]) -> Outcome {
        let watching = ["--metrics-file", "headwater.prom", "--lineage", "lineage.jsonl", "--log-format", "json"];
        let gateway = format!("http://{}", self.gateway.address);
        let traces = format!("http://{}", self.traces.address);
        let traceparent = format!("00-{TRACE}-{PARENT}-01");
        self.place.headwater_with(
            &[arguments, &watching].concat(),
            &[
                ("HEADWATER_METRICS_PUSH", &gateway),
                ("OTEL_EXPORTER_OTLP_ENDPOINT", &traces),
                ("OTEL_EXPORTER_OTLP_HEADERS", "x-team=data%20team"),
                ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test"),
                ("TRACEPARENT", &traceparent),
                ("TRACESTATE", "vendor=1"),
                ("OPENLINEAGE_PARENT_ID", &format!("airflow/clv.night/{PARENT_RUN}")),
            ],
        )
    }

    fn metrics(&self) -> String {
        fs::read_to_string(self.place.path("headwater.prom")).unwrap()
    }

    /// What a Python program of `observe/` says of bytes.
    fn read(&self, program: &str, bytes: &[u8]) -> Option<String> {
        let file = self.place.path("read");
        fs::write(&file, bytes).unwrap();
        let program = repository().join("crates/headwater/tests/it/observe").join(program);
        Some(told(Command::new(python()?).arg(program).arg(&file)))
    }
}

#[test]
fn a_night_that_is_published_and_one_that_is_held_are_told_as_each_standard_says() {
    let watched = Watched::new();
    let published = watched.run(&["run", "--as-of", "2026-05-31", "--format", "json"]);
    assert_eq!(published.code, 0, "{}", published.stderr);
    let report: Value = serde_json::from_str(&published.stdout).unwrap();
    let lines = logged(&published);
    the_log_says_what_the_report_says(&lines, &report);
    let first = watched.metrics();
    assert!(!first.is_empty() && watched.place.beginning_with("./.headwater.prom").is_empty());
    the_trace_is_of_the_night(&watched, &report, 0);
    the_lineage_is_of_the_night(&watched, &report);

    watched.place.write("rules/holds.yaml", HOLDS);
    let held = watched.run(&["run", "--as-of", "2026-05-31"]);
    assert_eq!(held.code, 4, "{}", held.stderr);
    let closing = closing(&logged(&held)).remove(0);
    assert_eq!((&closing["outcome"], &closing["exit_code"]), (&"held".into(), &4.into()));
    assert_eq!((closing.get("rows"), closing.get("manifest")), (None, None), "{closing}");
    assert!(closing["errors"].as_str().unwrap().contains("E0801"), "{closing}");
    the_last_success_outlives_a_held_night(&watched, &first);
    the_gateway_was_told(&watched);
    if let Some(trace) = watched.read("trace.py", &watched.traces.received()[1].body) {
        assert!(trace.contains(&format!("span {TRACE} run audit error vendor=1 E0801")), "{trace}");
        assert!(!trace.contains(" publish "), "{trace}");
    }
    let events = fs::read(watched.place.path("lineage.jsonl")).unwrap();
    if let Some(lineage) = watched.read("lineage.py", &events) {
        let held = lineage.rsplit_once("START headwater demo.night").unwrap().1;
        assert!(held.contains("\nFAIL headwater demo.night") && held.contains("\n  error E0801"), "{held}");
        assert!(held.contains("\nFAIL headwater demo.audit"), "{held}");
        assert!(held.contains("\n  test account_metrics rule enough_accounts False error"), "{held}");
        assert!(!held.contains("\n  wrote"), "{held}");
    }
}

/// The events of a log in which every line is one.
fn logged(outcome: &Outcome) -> Vec<Value> {
    let lines = outcome.stderr.lines().filter(|line| outcome.code == 0 || line.starts_with('{'));
    let lines = lines.filter_map(|line| {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        // Problems of a night have a code and no event.
        line.get("fields").cloned()
    });
    lines.collect()
}

fn closing(events: &[Value]) -> Vec<Value> {
    events.iter().filter(|event| event["event"] == "run_ended").cloned().collect()
}

fn the_log_says_what_the_report_says(events: &[Value], report: &Value) {
    let documented = documented();
    let seen: BTreeSet<&str> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    let unknown: Vec<&&str> = seen.iter().filter(|event| !documented.contains(**event)).collect();
    assert!(unknown.is_empty(), "docs/operation.md does not list {unknown:?}");
    for event in ["run_began", "step_began", "step_ended", "run_ended", "command_ended"] {
        assert!(seen.contains(event), "{event}");
    }
    assert_eq!(events.first().unwrap()["trace_id"], TRACE);
    assert_eq!(events.last().unwrap()["event"], "command_ended");
    let [closing] = closing(events).try_into().unwrap();
    let sum = |list: &str, key: &str| -> u64 {
        report[list].as_array().unwrap().iter().map(|item| item[key].as_u64().unwrap()).sum()
    };
    assert_eq!(closing["outcome"], "published");
    assert_eq!(closing["exit_code"], 0);
    for key in ["as_of", "run_id", "manifest", "accounts"] {
        assert_eq!(closing[key], report[key], "{key}");
    }
    assert_eq!(closing["rows"], sum("tables", "rows"));
    assert_eq!(closing["flags"], sum("flags", "accounts"));
    assert_eq!(closing["audits"], report["audits"].as_array().unwrap().len());
    assert!(closing["seconds"].as_f64().unwrap() > 0.0);
    let mut verdicts: BTreeMap<&str, u64> = BTreeMap::new();
    for verdict in report["verdicts"].as_array().unwrap() {
        *verdicts.entry(verdict["verdict"].as_str().unwrap()).or_default() += 1;
    }
    assert!(!verdicts.is_empty());
    for (verdict, count) in verdicts {
        assert_eq!(closing[&format!("verdicts.{verdict}")], count, "{verdict}");
    }
}

/// The events that docs/operation.md lists.
fn documented() -> BTreeSet<String> {
    let page = fs::read_to_string(repository().join("docs/operation.md")).unwrap();
    let table = page.split("| event | level |").nth(1).unwrap().split("\n\n").next().unwrap();
    let events = table.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    events.map(|(event, _)| event.to_owned()).collect()
}

fn the_trace_is_of_the_night(watched: &Watched, report: &Value, at: usize) {
    let sent = &watched.traces.received()[at];
    assert_eq!((sent.method.as_str(), sent.path.as_str()), ("POST", "/v1/traces"));
    assert_eq!(sent.header("content-type"), Some("application/x-protobuf"));
    assert_eq!(sent.header("x-team"), Some("data team"));
    let Some(trace) = watched.read("trace.py", &sent.body) else { return };
    let has = |line: &str| assert!(trace.lines().any(|there| there == line), "`{line}` is missing in\n{trace}");
    has("resource service.name headwater");
    has("resource deployment.environment.name test");
    has(&format!("span {TRACE} {PARENT} run ok vendor=1 -"));
    for part in PARTS {
        has(&format!("span {TRACE} run {part} unset vendor=1 -"));
    }
    for step in report["steps"].as_array().unwrap() {
        let (name, part) = (step["name"].as_str().unwrap(), step["phase"].as_str().unwrap());
        let above = if name == part { "run" } else { part };
        has(&format!("span {TRACE} {above} {name} unset vendor=1 -"));
    }
    let steps = report["steps"].as_array().unwrap().iter().filter(|step| step["name"] != step["phase"]).count();
    assert_eq!(trace.lines().filter(|line| line.starts_with("span ")).count(), 1 + PARTS.len() + steps);
    has(&format!("run headwater.run_id {}", report["run_id"].as_str().unwrap()));
    has("run headwater.outcome published");
    has(&format!("run headwater.accounts {}", report["accounts"]));
}

fn the_lineage_is_of_the_night(watched: &Watched, report: &Value) {
    let events = fs::read(watched.place.path("lineage.jsonl")).unwrap();
    let Some(lineage) = watched.read("lineage.py", &events) else { return };
    let has = |line: &str| assert!(lineage.lines().any(|there| there == line), "`{line}` is missing in\n{lineage}");
    let heads: Vec<&str> = lineage.lines().filter(|line| !line.starts_with(' ')).collect();
    let kinds: Vec<Vec<&str>> = heads.iter().map(|head| head.split(' ').collect()).collect();
    let said: Vec<(&str, &str)> = kinds.iter().map(|head| (head[0], head[2])).collect();
    let night = [("START", "demo.night"), ("COMPLETE", "demo.night")];
    assert_eq!(said, [night[0], night[1], ("START", "demo.audit"), ("COMPLETE", "demo.audit")]);
    assert!(kinds[0][3] == kinds[1][3] && kinds[2][3] == kinds[3][3] && kinds[0][3] != kinds[2][3], "{heads:?}");
    has(&format!("  parent airflow clv.night {PARENT_RUN}"));
    has(&format!("  parent headwater demo.night {}", kinds[0][3]));
    has("  night 2026-05-31T00:00:00.000000Z 2026-06-01T00:00:00.000000Z");
    for input in report["inputs"].as_array().unwrap() {
        has(&format!("  read {} {}", input["table"].as_str().unwrap(), input["rows_read"]));
    }
    for table in report["tables"].as_array().unwrap() {
        has(&format!("  wrote {} {}", table["name"].as_str().unwrap(), table["rows"]));
    }
    for audit in report["audits"].as_array().unwrap() {
        let (id, table) = (audit["id"].as_str().unwrap(), audit["table"].as_str().unwrap());
        let kind = if audit["rule_id"].is_null() { "standing" } else { "rule" };
        let severity = if audit["only_warns"] == true { "warn" } else { "error" };
        has(&format!("  test {table} {kind} {id} True {severity}"));
    }
    let decided = report["verdicts"].as_array().unwrap().iter().filter(|verdict| verdict["verdict"] == "pass").count();
    let guardrails = lineage.lines().filter(|line| line.starts_with("  test guardrail_verdicts guardrail")).count();
    assert!(guardrails >= decided && decided > 0, "{lineage}");
}

/// The values of metrics whose line begins in a way.
fn values<'a>(metrics: &'a str, beginning: &str) -> Vec<&'a str> {
    metrics.lines().filter(|line| line.starts_with(beginning)).collect()
}

fn the_last_success_outlives_a_held_night(watched: &Watched, first: &str) {
    let second = watched.metrics();
    for kept in [
        "headwater_last_success_",
        "headwater_newest_night",
        "headwater_table_rows",
        "headwater_flagged",
        "headwater_verdicts",
    ] {
        assert!(!values(first, kept).is_empty(), "{kept}");
        assert_eq!(values(first, kept), values(&second, kept));
    }
    let outcome = |word: &str| format!("headwater_last_run_outcome{{project=\"demo\",outcome=\"{word}\"}}");
    assert_eq!(values(first, &outcome("published")), [format!("{} 1", outcome("published"))]);
    assert_eq!(values(&second, &outcome("published")), [format!("{} 0", outcome("published"))]);
    assert_eq!(values(&second, &outcome("held")), [format!("{} 1", outcome("held"))]);
    assert_eq!(values(&second, "headwater_last_run_exit_code{"), ["headwater_last_run_exit_code{project=\"demo\"} 4"]);
    assert_eq!(values(&second, "headwater_last_run_audits{project=\"demo\",result=\"failed\"}").len(), 1);
    for metrics in [first, &second] {
        check_metrics(watched, metrics);
    }
}

/// The text is one that Prometheus' own checker and both parsers accept.
fn check_metrics(watched: &Watched, metrics: &str) {
    if let Some(promtool) = promtool() {
        let file = watched.place.path("checked.prom");
        fs::write(&file, metrics).unwrap();
        let checked = Command::new(promtool).args(["check", "metrics"]).stdin(fs::File::open(file).unwrap()).output();
        let checked = checked.unwrap();
        let wrong = String::from_utf8_lossy(&checked.stderr).into_owned();
        assert!(checked.status.success() && wrong.is_empty(), "{wrong}\n{metrics}");
    }
    if let Some(read) = watched.read("metrics.py", metrics.as_bytes()) {
        let samples = metrics.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(read.lines().count(), samples, "{read}");
    }
}

/// What is known of the published night has a group of its own, which a held night leaves as it is.
fn the_gateway_was_told(watched: &Watched) {
    let received = watched.gateway.received();
    let told: Vec<(&str, &str)> =
        received.iter().map(|request| (request.method.as_str(), request.path.rsplit_once('/').unwrap().1)).collect();
    assert_eq!(told, [("PUT", "last_run"), ("PUT", "published_night"), ("PUT", "last_run")]);
    for request in &received {
        assert!(request.path.starts_with("/metrics/job/headwater/project/demo/about/"), "{}", request.path);
        let metrics = String::from_utf8(request.body.clone()).unwrap();
        let is_of_night = request.path.ends_with("published_night");
        assert_eq!(metrics.contains("headwater_last_success_timestamp_seconds{"), is_of_night);
        assert_eq!(metrics.contains("headwater_last_run_exit_code{"), !is_of_night);
        check_metrics(watched, &metrics);
    }
}

#[test]
fn every_night_of_a_range_is_told_and_none_that_is_passed_over() {
    let watched = Watched::new();
    let range = watched.run(&["backfill", "--from", "2026-05-30", "--to", "2026-05-31"]);
    assert_eq!(range.code, 0, "{}", range.stderr);
    let nights = closing(&logged(&range));
    let nights: Vec<&str> = nights.iter().map(|night| night["as_of"].as_str().unwrap()).collect();
    assert_eq!(nights, ["2026-05-30", "2026-05-31"]);
    assert_eq!(watched.traces.received().len(), 2);
    let night = "headwater_newest_night_timestamp_seconds{project=\"demo\"} 1780185600";
    assert!(watched.metrics().contains(night), "{}", watched.metrics());
    let again = watched.run(&["backfill", "--from", "2026-05-30", "--to", "2026-05-31"]);
    let events = logged(&again);
    assert!(closing(&events).is_empty());
    assert_eq!(events.last().unwrap()["runs"], 0);
    let run = crate::operation::run_of(&watched.place, "00000002");
    let retried = watched.run(&["retry", &run]);
    assert_eq!(closing(&logged(&retried))[0]["outcome"], "unchanged");
}

#[test]
fn alert_rules_fire_when_they_must_and_not_before() {
    let Some(promtool) = promtool() else { return };
    let alerts = repository().join("docs/alerts");
    let rules = Command::new(&promtool).args(["check", "rules", "headwater.rules.yaml"]).current_dir(&alerts).output();
    assert!(rules.unwrap().status.success());
    let said = told(Command::new(&promtool).args(["test", "rules", "headwater.rules.test.yaml"]).current_dir(&alerts));
    assert!(said.contains("SUCCESS"), "{said}");
    let rules = fs::read_to_string(alerts.join("headwater.rules.yaml")).unwrap();
    let tests = fs::read_to_string(alerts.join("headwater.rules.test.yaml")).unwrap();
    let alerts: Vec<&str> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    for alert in alerts {
        // A test that it is silent, and one that it fires.
        assert!(tests.contains(&format!("alertname: {alert}, exp_alerts: []")), "{alert} is never silent");
        assert!(tests.contains(&format!("alertname: {alert}\n        exp_alerts:\n")), "{alert} never fires");
    }
    // No rule asks for a metric that is not written.
    let source = repository().join("crates/headwater/src/observe/metrics/families.rs");
    let families = fs::read_to_string(source).unwrap();
    for name in rules
        .split(|letter: char| !letter.is_alphanumeric() && letter != '_')
        .filter(|word| word.starts_with("headwater_"))
    {
        assert!(families.contains(&format!("\"{name}\"")), "{name}");
    }
}
