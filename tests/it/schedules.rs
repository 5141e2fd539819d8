//! The examples for schedulers as texts: each tells apart the exit codes that the README does, in the same way.

use std::collections::BTreeSet;
use std::fs;

use headwater_diagnostics::{Rendering, Sources, render};
use headwater_nightly::project::Project;
use serde_yaml::Value;

use crate::night::repository;
use crate::readers::python;

/// The documents of the example for Kubernetes.
const KUBERNETES: &str = "examples/kubernetes/nightly.yaml";

/// What a scheduler does with exit codes other than 0.
#[derive(Debug, PartialEq, Eq)]
struct Codes {
    tried_again: BTreeSet<u64>,
    stopped: BTreeSet<u64>,
}

fn text(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap()
}

/// The numbers of a text.
fn numbers(text: &str) -> BTreeSet<u64> {
    text.split(|character: char| !character.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect()
}

/// What stands in a text after a part and before the next other one.
fn between<'t>(text: &'t str, from: &str, to: &str) -> &'t str {
    let (_, rest) = text.split_once(from).unwrap_or_else(|| panic!("{from} is not there"));
    rest.split_once(to).unwrap().0
}

/// The table of the README.
fn of_the_readme() -> Codes {
    let readme = text("README.md");
    let table = between(&readme, "## Exit codes", "\n## ");
    let cells = |row: &str| row.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let rows: Vec<(u64, String)> = table
        .lines()
        .map(cells)
        .filter_map(|row| Some((row.get(1)?.parse().ok()?, row.get(3)?.clone())))
        .filter(|(code, _)| *code != 0)
        .collect();
    assert_eq!(rows.len(), 9, "{rows:?}");
    let (again, stopped): (Vec<_>, Vec<_>) = rows.into_iter().partition(|(_, advice)| advice.starts_with("try again"));
    let codes = |rows: Vec<(u64, String)>| rows.into_iter().map(|(code, _)| code).collect();
    Codes { tried_again: codes(again), stopped: codes(stopped) }
}

/// The keys of both dictionaries of a program.
fn of_python(path: &str) -> Codes {
    let program = text(path);
    let keys = |name: &str| {
        let dictionary = between(&program, &format!("\n{name} = {{\n"), "\n}");
        dictionary.lines().filter_map(|line| line.trim().split_once(": ")?.0.parse().ok()).collect()
    };
    Codes { tried_again: keys("TRY_AGAIN"), stopped: keys("STOP") }
}

#[test]
fn every_scheduler_tells_exit_codes_apart_as_the_readme_does() {
    let expected = of_the_readme();
    assert_eq!(of_python("examples/airflow/headwater_nightly.py"), expected);
    assert_eq!(of_python("examples/dagster/definitions.py"), expected);
    assert_eq!(of_kubernetes(), expected);
    let unit = text("examples/systemd/headwater.service");
    assert_eq!(numbers(between(&unit, "\nRestartPreventExitStatus=", "\n")), expected.stopped);
    assert!(unit.contains("\nRestart=on-failure\n"), "what is not prevented is not tried again");
    let script = text("examples/cron/headwater-nightly");
    let arms = between(&script, "    0) exit 0 ;;\n", "    *)");
    let (again, stopped) = arms.split_once('\n').unwrap();
    let codes = |arm: &str| numbers(arm.split_once(')').unwrap().0);
    assert_eq!(Codes { tried_again: codes(again), stopped: codes(stopped) }, expected);
    assert!(stopped.contains(") break ;;") && again.contains(") ;;"), "{arms}");
}

fn documents() -> Vec<Value> {
    use serde::Deserialize;
    let manifests = text(KUBERNETES);
    serde_yaml::Deserializer::from_str(&manifests).map(|document| Value::deserialize(document).unwrap()).collect()
}

fn document(kind: &str) -> Value {
    documents().into_iter().find(|document| document["kind"] == kind).unwrap()
}

/// What the policy of failed pods says; 0 is never asked about.
fn of_kubernetes() -> Codes {
    let job = &document("CronJob")["spec"]["jobTemplate"]["spec"];
    assert_eq!(
        job["template"]["spec"]["restartPolicy"], "Never",
        "the policy is only asked where pods are not restarted"
    );
    let codes = |action: &str| {
        let rules = job["podFailurePolicy"]["rules"].as_sequence().unwrap();
        let rule = rules.iter().find(|rule| rule["action"] == action).unwrap();
        assert_eq!(rule["onExitCodes"]["containerName"], job["template"]["spec"]["containers"][0]["name"]);
        rule["onExitCodes"]["values"].as_sequence().unwrap().iter().map(|code| code.as_u64().unwrap()).collect()
    };
    Codes { tried_again: codes("Count"), stopped: codes("FailJob") }
}

/// The project in the config map is one that the program takes, and the pod has what it asks for.
#[test]
fn the_pod_has_the_memory_the_folder_and_the_hour_that_its_project_asks_for() {
    let config = document("ConfigMap");
    let mut sources = Sources::default();
    let file = sources.add("headwater.yaml", config["data"]["headwater.yaml"].as_str().unwrap());
    let project = Project::read(file, &sources, &repository(), None)
        .unwrap_or_else(|problems| panic!("{}", render(&problems, &sources, Rendering::Human { colour: false })));
    let spec = &document("CronJob")["spec"];
    assert_eq!(spec["timeZone"], project.time_zone.name());
    let pod = &spec["jobTemplate"]["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let limit = container["resources"]["limits"]["memory"].as_str().unwrap();
    let limit_mb = limit.strip_suffix("Gi").unwrap().parse::<u64>().unwrap() * 1024;
    // The engine's share is two thirds at most: what the program itself holds comes on top.
    assert!(project.engine.memory_mb.unwrap() * 3 <= limit_mb * 2, "{limit} for {:?} MB", project.engine.memory_mb);
    assert_eq!(
        container["resources"]["requests"]["memory"], limit,
        "a pod that is promised less is the first to be killed"
    );
    let mounts = container["volumeMounts"].as_sequence().unwrap();
    let spill = mounts.iter().find(|mount| mount["mountPath"].as_str() == project.engine.spill_dir.to_str()).unwrap();
    let volumes = pod["volumes"].as_sequence().unwrap();
    let volume = volumes.iter().find(|volume| volume["name"] == spill["name"]).unwrap();
    assert_eq!(volume["emptyDir"]["sizeLimit"], container["resources"]["limits"]["ephemeral-storage"]);
}

/// What Kubernetes' own schemas have against the documents: nothing, and something against others.
#[test]
fn kubernetes_accepts_the_documents() {
    let Some(python) = python() else { return };
    let manifests = text(KUBERNETES);
    for (from, to, shown) in [
        ("", "", ""),
        ("concurrencyPolicy: Forbid", "concurrency: Forbid", "concurrency"),
        ("backoffLimit: 8", "backoffLimit: often", "often"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("nightly.yaml");
        fs::write(&file, manifests.replacen(from, to, 1)).unwrap();
        let output = std::process::Command::new(&python)
            .arg(repository().join("tests/it/schedules/kubernetes.py"))
            .arg(&file)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let told = String::from_utf8(output.stdout).unwrap();
        assert_eq!(told.is_empty(), shown.is_empty(), "{told}");
        assert!(told.contains(shown), "{told}");
    }
}

#[test]
fn the_image_is_built_by_the_toolchain_of_the_repository() {
    let toolchain = text("rust-toolchain.toml");
    let channel = between(&toolchain, "channel = \"", "\"");
    let image = text("examples/container/Containerfile");
    assert_eq!(between(&image, "FROM rust:", "-alpine"), channel);
    assert_eq!(between(&image, "RUSTUP_TOOLCHAIN=", "\n"), channel);
}
