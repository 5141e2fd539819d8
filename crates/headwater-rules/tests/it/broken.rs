//! Broken rule files, one a way to be wrong, each with exactly what its author is told.
//!
//! What is told stands beside each file as a snapshot; `INSTA_UPDATE=always` writes them anew, to be read before they
//! are committed.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use headwater_diagnostics::{Code, Rendering, render};

use crate::keys::project;
use crate::support::judge;

/// Codes of rules that no broken rule file shows: what needs another project, and what tests of rules say.
const ELSEWHERE: &[Code] = &[
    Code::MissingFile,
    Code::SecretInProject,
    Code::MetricUnavailable,
    Code::UnnoticedChange,
    Code::MuteOver,
    Code::NoRules,
];

#[test]
fn each_way_to_be_wrong_is_told_at_its_place_with_its_remedy() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/broken");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    assert!(files.len() > 300, "{}", files.len());
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("broken");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let mut shown = BTreeSet::new();
    settings.bind(|| {
        for file in &files {
            let name = file.file_stem().unwrap().to_str().unwrap();
            let text = fs::read_to_string(file).unwrap();
            let (_, problems, sources) = judge(&[(&format!("rules/{name}.yaml"), &text)], &project());
            assert!(!problems.is_empty(), "{name} has nothing wrong");
            shown.extend(problems.sorted().into_iter().map(|problem| problem.code));
            insta::assert_snapshot!(name, render(&problems, &sources, Rendering::Human { colour: false }));
        }
    });
    let of_rules = |code: &&Code| {
        ["E01", "E02", "E03", "E04", "W01", "W02", "W04"].iter().any(|range| code.id().starts_with(range))
    };
    let never: Vec<_> =
        Code::ALL.iter().filter(of_rules).filter(|code| !shown.contains(code) && !ELSEWHERE.contains(code)).collect();
    assert!(never.is_empty(), "no file shows {never:?}");
}
