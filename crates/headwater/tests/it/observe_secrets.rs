//! Secrets stay where they are: nothing that a run says or leaves behind holds one.

use std::fs;
use std::path::Path;

use crate::cli::{Outcome, Place};
use crate::sink::{Manner, Sink};

/// Variables with a secret in each. A collector may need a header, a store a key; nobody needs to read them.
const PLANTED: &[(&str, &str)] = &[
    ("AWS_ACCESS_KEY_ID", "AKIAPLAINTOSEE"),
    ("AWS_SECRET_ACCESS_KEY", "planted/aws+secret"),
    ("AWS_SESSION_TOKEN", "planted-aws-session"),
    ("AZURE_STORAGE_ACCOUNT_NAME", "shop"),
    ("AZURE_STORAGE_SAS_KEY", "sv=2024-01-01&sp=rwd&sig=plantedsignature%2Fazure%3D"),
    ("GOOGLE_SERVICE_ACCOUNT_KEY", "{\"private_key\": \"planted-google-key\"}"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20planted-otel-token,x-api-key=planted-otel-key"),
    ("OPENLINEAGE_API_KEY", "planted-lineage-key"),
];
/// What each of them is known by, in base64 too, as a user and a password are sent.
const SECRETS: &[&str] = &["planted", "Bearer", "cGxhbnRlZ"];

fn run(place: &Place, more: &[&str], variables: &[(&str, &str)]) -> Outcome {
    let arguments = [&["run", "--as-of", "2026-05-31", "-vv"], more].concat();
    place.headwater_with(&arguments, &[PLANTED, variables].concat())
}

#[track_caller]
fn nothing_of_them(what: &str, text: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "{what} holds `{secret}`:\n{text}");
    }
}

#[track_caller]
fn nothing_is_said(what: &str, outcome: &Outcome) {
    nothing_of_them(what, &outcome.stdout);
    nothing_of_them(what, &outcome.stderr);
}

/// Every file below a folder, whatever it holds.
fn nothing_is_left(folder: &Path, seen: &mut usize) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            nothing_is_left(&path, seen);
        } else {
            *seen += 1;
            nothing_of_them(&path.display().to_string(), &String::from_utf8_lossy(&fs::read(&path).unwrap()));
        }
    }
}

#[test]
fn a_night_leaves_no_secret_behind_whether_published_or_held() {
    let place = Place::demo();
    // One that repeats in its answer what it was sent.
    let sink = Sink::new(Manner::Complains);
    let to = format!("http://planted-user:planted-password@{}", sink.address);
    let endpoints = [("OTEL_EXPORTER_OTLP_ENDPOINT", to.as_str()), ("OPENLINEAGE_URL", to.as_str())];
    let watching = ["--metrics-file", "headwater.prom", "--metrics-push", &to, "--log-format", "json"];
    let published = run(&place, &watching, &endpoints);
    published.says(0, &["observer_failed"]);
    nothing_is_said("the JSON log", &published);
    // What is not told is sent, else this would show nothing.
    let sent: Vec<String> = sink.received().into_iter().map(|request| format!("{:?}", request.headers)).collect();
    for header in ["Bearer planted-otel-token", "planted-otel-key", "Bearer planted-lineage-key", "Basic "] {
        assert!(sent.iter().any(|headers| headers.contains(header)), "{header} was not sent: {sent:?}");
    }
    place.write("rules/holds.yaml", crate::series::HOLDS);
    let held = run(&place, &["--lineage", "lineage.jsonl", "--metrics-push", &to], &endpoints);
    held.says(4, &["E0801"]);
    nothing_is_said("the log for people", &held);
    let mut seen = 0;
    nothing_is_left(&place.path("."), &mut seen);
    assert!(seen > 50, "{seen} files were looked at");
    for file in ["headwater.prom", "lineage.jsonl", "published/manifests/00000001.json"] {
        assert!(place.path(file).is_file(), "{file}");
    }
    assert_eq!(place.beginning_with("published/_staging/run_id=").len(), 1, "held.json was looked at");
}

#[test]
fn a_store_that_refuses_is_told_without_what_it_was_sent() {
    let sink = Sink::new(Manner::Complains);
    for (location, settings) in [
        ("s3://bucket/published", "region: eu-south-1, allow_http: true, path_style: true"),
        ("az://lake/published", "allow_http: true, account: shop"),
    ] {
        let place = Place::demo();
        let prefix = location.strip_suffix("/published").unwrap();
        place.edit("headwater.yaml", "location: published", &format!("location: {location}"));
        let stores = format!("\nstores:\n  {prefix}: {{endpoint: \"http://{}\", {settings}}}\n", sink.address);
        let project = fs::read_to_string(place.path("headwater.yaml")).unwrap();
        place.write("headwater.yaml", &format!("{}{stores}", project.trim_end()));
        for format in ["human", "json"] {
            let watching = ["--log-format", format, "--format", format, "--lineage", "lineage.jsonl"];
            let outcome = run(&place, &watching, &[]);
            outcome.says(1, &["E0602"]);
            nothing_is_said(location, &outcome);
            // What it finds is its result, and names the URL that refused.
            let doctor = place.headwater_with(&["doctor", "--format", format], PLANTED);
            doctor.says(1, &["E0602", &sink.address.to_string()]);
            nothing_is_said(location, &doctor);
            assert!(!doctor.stdout.contains("sv=2024"), "{}", doctor.stdout);
        }
        nothing_is_left(&place.path("."), &mut 0);
    }
    let sent = format!("{:?}", sink.received());
    for secret in ["planted-aws-session", "plantedsignature"] {
        assert!(sent.contains(secret), "{secret} was not sent: {sent}");
    }
}

#[test]
fn a_location_with_a_password_is_refused_without_showing_it() {
    let place = Place::demo();
    place.edit(
        "headwater.yaml",
        "location: published",
        "location: s3://planted-user:planted-password@bucket/published",
    );
    for format in ["human", "json", "github"] {
        let outcome = place.headwater(&["run", "--as-of", "2026-05-31", "--format", format]);
        assert_eq!(outcome.code, 3, "{}", outcome.stderr);
        nothing_is_said(format, &outcome);
    }
    let outcome = place.headwater(&["check", "--format", "sarif"]);
    assert_eq!(outcome.code, 3);
    nothing_is_said("sarif", &outcome);
    place.headwater(&["check"]).says(3, &["headwater.yaml:", "a location with credentials in it"]);
}
