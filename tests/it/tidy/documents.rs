//! The hand-written documents: their links lead somewhere, and their examples are accepted by the program.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use headwater_diagnostics::{Diagnostics, Rendering, Sources, render};
use headwater_metrics::RevenuePolicy;
use headwater_nightly::project::{Project, load};
use headwater_nightly::{check_rules, run_rule_tests};

use super::nothing_of;
use super::tree::{File, files, root, rust_files};

#[test]
fn links_lead_to_files() {
    let mut found = Vec::new();
    for file in documents() {
        let folder = root().join(&file.path).parent().unwrap().to_owned();
        for target in file.text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = target.split('#').next().unwrap_or_default();
            if !target.contains("://") && !path.is_empty() && !folder.join(path).exists() {
                found.push(format!("{}: {target}", file.path));
            }
        }
    }
    nothing_of("links to files that are not there", &found);
}

#[test]
fn examples_are_accepted() {
    let mut found = Vec::new();
    for file in documents() {
        for example in examples(&file.text) {
            let refused = match example {
                project if project.contains("\ninputs:") => as_project(project),
                tests if is_tests(tests) => as_tests(tests, &file.text),
                rules => as_rules(rules),
            };
            found.extend(refused.map(|problems| format!("{}:\n{problems}", file.path)));
        }
    }
    nothing_of("examples that the program refuses", &found);
}

#[test]
fn rules_that_are_read_aloud_are_the_shipped_ones() {
    let flat = |text: &str| text.lines().map(str::trim).collect::<Vec<_>>().join("\n");
    let shipped = files().into_iter().filter(|file| file.path.starts_with("rules/") && file.path.ends_with(".yaml"));
    let shipped: String = shipped.map(|file| flat(&file.text)).collect();
    let page = fs::read_to_string(root().join("rules/README.md")).unwrap();
    // A whole file is an example of its own, which the program accepts.
    let read_aloud = || blocks(&page).filter(|block| !block.trim_start().starts_with("version:"));
    assert!(read_aloud().count() > 0, "no rule is read aloud");
    let found = read_aloud().filter(|block| !shipped.contains(&flat(block))).map(str::to_owned);
    nothing_of("rules in rules/README.md that are no longer so", &found.collect::<Vec<_>>());
}

#[test]
fn the_language_page_names_every_function() {
    let read = |path: &str| fs::read_to_string(root().join(path)).unwrap();
    let page = read("docs/rules.md");
    let source = read("crates/headwater-rules/src/expression/functions.rs");
    let names: Vec<&str> = source.split("function(\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(names.len() > 10, "the functions are declared in another way: {names:?}");
    let missing =
        names.into_iter().filter(|name| ["`", "("].iter().all(|end| !page.contains(&format!("`{name}{end}"))));
    nothing_of("functions that docs/rules.md does not name", &missing.map(str::to_owned).collect::<Vec<_>>());
}

#[test]
fn the_page_of_operation_lists_every_event_of_the_log_and_no_other() {
    let page = fs::read_to_string(root().join("docs/operation.md")).unwrap();
    let table = page.split("| event | level |").nth(1).unwrap().split("\n\n").next().unwrap();
    let listed: BTreeSet<&str> =
        table.lines().filter_map(|line| Some(line.strip_prefix("| `")?.split_once('`')?.0)).collect();
    let sources: Vec<File> = rust_files().into_iter().filter(|file| !file.is_test()).collect();
    let told: BTreeSet<&str> = sources
        .iter()
        .flat_map(|file| file.text.split("event = \"").skip(1))
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert!(told.len() > 20, "events are logged in another way: {told:?}");
    let found: Vec<String> = listed.symmetric_difference(&told).map(|event| (*event).to_owned()).collect();
    nothing_of("events that are logged and not listed, or listed and not logged", &found);
    let unnamed = sources.iter().flat_map(|file| {
        let lines = file.text.split("tracing::").skip(1).filter_map(|call| {
            let (level, rest) = call.split_once("!(")?;
            let is_call = ["trace", "debug", "info", "warn", "error"].contains(&level);
            (is_call && !rest.trim_start().starts_with("event = ")).then(|| rest.chars().take(60).collect::<String>())
        });
        lines.map(|call| format!("{}: {call}", file.path)).collect::<Vec<_>>()
    });
    nothing_of("calls that log something without an event", &unnamed.collect::<Vec<_>>());
}

#[test]
fn the_project_page_names_every_switch_and_preset_of_the_policy() {
    let page = fs::read_to_string(root().join("docs/project.md")).unwrap();
    let switches = RevenuePolicy::SWITCHES.iter().map(|switch| switch.name);
    let names = switches.chain(RevenuePolicy::PRESETS.iter().map(|preset| preset.name));
    let missing = names.filter(|name| !page.contains(&format!("`{name}`")));
    nothing_of(
        "switches and presets that docs/project.md does not name",
        &missing.map(str::to_owned).collect::<Vec<_>>(),
    );
}

fn documents() -> Vec<File> {
    files()
        .into_iter()
        .filter(|file| Path::new(&file.path).extension().is_some_and(|extension| extension == "md"))
        .collect()
}

/// A document's YAML examples.
fn blocks(text: &str) -> impl Iterator<Item = &str> {
    text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next())
}

/// The whole files among them.
fn examples(text: &str) -> impl Iterator<Item = &str> {
    blocks(text).filter(|block| block.starts_with("version: 1"))
}

/// What the program has against a project file, if anything.
fn as_project(text: &str) -> Option<String> {
    let mut sources = Sources::default();
    let file = sources.add("headwater.yaml", text);
    let problems = Project::read(file, &sources, &root(), None).err()?;
    Some(shown(&problems, &sources))
}

fn is_tests(example: &str) -> bool {
    example.contains("\ntests:")
}

/// What does not hold of an example of tests, run against the shipped rules or against those that its page shows before.
fn as_tests(example: &str, page: &str) -> Option<String> {
    let before = page.split(example).next().unwrap_or_default();
    let shown = examples(before).filter(|file| !is_tests(file) && !file.contains("\ninputs:")).last();
    let over_shipped = failed_tests(example, None)?;
    shown.map_or(Some(over_shipped), |rules| failed_tests(example, Some(rules)))
}

fn failed_tests(example: &str, rules: Option<&str>) -> Option<String> {
    let mut loaded = load(&root(), None);
    let project = loaded.project.unwrap();
    let rules = match rules {
        Some(text) => vec![loaded.sources.add("rules/example.yaml", text)],
        None => loaded.rules,
    };
    let file = loaded.sources.add("rules/tests/example.yaml", example);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ran = runtime.block_on(run_rule_tests(&project, &loaded.sources, &rules, &[file]));
    let problems = match ran {
        Ok(report) => report.problems,
        Err(error) => error.diagnostics,
    };
    problems.has_errors().then(|| shown(&problems, &loaded.sources))
}

/// What the program has against a rule file over this repository's project, if anything.
fn as_rules(text: &str) -> Option<String> {
    let mut loaded = load(&root(), None);
    let project = loaded.project.unwrap();
    let file = loaded.sources.add("rules/example.yaml", text);
    let (rules, problems) = check_rules(&project, &loaded.sources, &[file]);
    rules.is_none().then(|| shown(&problems, &loaded.sources))
}

fn shown(problems: &Diagnostics, sources: &Sources) -> String {
    render(problems, sources, Rendering::Human { colour: false })
}
