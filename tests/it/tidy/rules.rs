//! The shipped rules and their tests.

use std::fs;

use serde_yaml::Value;

use super::nothing_of;
use super::tree::{files, root};

/// Sections whose items are judged with others and have no outcome of their own.
const NOT_RULES: &[&str] = &["params"];

#[test]
fn every_shipped_rule_is_named_in_a_test() {
    let tests: String = files()
        .into_iter()
        .filter(|file| file.is_test() && !file.path.starts_with("tests/it/tidy"))
        .map(|file| file.text)
        .collect();
    let found: Vec<String> = shipped()
        .into_iter()
        .filter(|(_, id)| !tests.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == id))
        .map(|(file, id)| format!("{file}: {id}"))
        .collect();
    nothing_of("shipped rules that no test names", &found);
}

#[test]
fn shipped_ids_are_unique() {
    let mut ids: Vec<String> = shipped().into_iter().map(|(_, id)| id).collect();
    assert!(!ids.is_empty(), "no rules are shipped");
    ids.sort_unstable();
    let twice: Vec<String> = ids.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0].clone()).collect();
    nothing_of("ids that stand twice", &twice);
}

/// The file and id of every rule that is shipped.
fn shipped() -> Vec<(String, String)> {
    let mut rules = Vec::new();
    for entry in fs::read_dir(root().join("rules")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let document: Value = serde_yaml::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        for (section, items) in document.as_mapping().unwrap() {
            if !NOT_RULES.contains(&section.as_str().unwrap()) {
                rules.extend(ids(items).into_iter().map(|id| (name.clone(), id)));
            }
        }
    }
    rules
}

/// The ids of a section's items, and of the out-of-order flags in them.
fn ids(items: &Value) -> Vec<String> {
    let mut ids = Vec::new();
    for item in items.as_sequence().into_iter().flatten() {
        ids.extend(item.get("id").and_then(Value::as_str).map(str::to_owned));
        ids.extend(item.get("out_of_order").into_iter().flat_map(self::ids));
    }
    ids
}
