//! JSON Schemas of what people write and of what programs read, as a program sees them that shares no code with ours.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::night::repository;
use crate::readers::python;

const RULES: &str = "rules/schema/rules.v1.schema.json";
const TESTS: &str = "rules/schema/tests.v1.schema.json";

/// Prints what a schema has against each file: the file, the way to the place, the message.
const VALIDATE: &str = r#"
import json, sys, jsonschema, yaml

class Loader(yaml.SafeLoader):
    """Days are text, as in YAML 1.2."""

Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:timestamp"]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
with open(sys.argv[1]) as file:
    schema = json.load(file)
kind = jsonschema.validators.validator_for(schema)
kind.check_schema(schema)
validator = kind(schema, format_checker=kind.FORMAT_CHECKER)
for path in sys.argv[2:]:
    with open(path) as file:
        document = json.load(file) if path.endswith(".json") else yaml.load(file, Loader)
    for error in validator.iter_errors(document):
        print(path, "/".join(map(str, error.absolute_path)), error.message[:100], sep="\t")
"#;

/// What a schema of the repository has against some files.
pub(crate) fn complaints(schema: &str, files: &[PathBuf]) -> Option<String> {
    let schema = repository().join(schema);
    let output = Command::new(python()?).args(["-c", VALIDATE]).arg(schema).args(files).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

/// The files of a folder with an ending.
pub(crate) fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.filter(|path| path.extension().is_some_and(|found| found == ending)).collect();
    files.sort();
    files
}

#[test]
fn a_validator_of_json_schema_takes_what_is_shipped_and_not_what_is_misspelt() {
    let Some(found) = complaints(RULES, &files(&repository().join("rules"), "yaml")) else { return };
    assert_eq!(found, "");
    assert_eq!(complaints(TESTS, &files(&repository().join("rules/tests"), "yaml")).unwrap(), "");
    // Each of these has a mistake in its shape, which an editor shows without running anything.
    let broken = ["annotations_with_an_unknown_key", "id_in_upper_case", "otherwise_false", "when_with_all_and_any"];
    for name in broken {
        let file = repository().join(format!("crates/headwater-rules/tests/it/broken/{name}.yaml"));
        let found = complaints(RULES, &[file]).unwrap();
        assert!(!found.is_empty(), "{name}");
    }
}
