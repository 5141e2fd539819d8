//! What editors are told of rule files, as a program sees it that shares no code with ours.

use std::process::Command;

use crate::night::repository;
use crate::readers::python;

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
jsonschema.Draft7Validator.check_schema(schema)
validator = jsonschema.Draft7Validator(schema)
for path in sys.argv[2:]:
    with open(path) as file:
        document = yaml.load(file, Loader)
    for error in validator.iter_errors(document):
        print(path, "/".join(map(str, error.absolute_path)), error.message[:100], sep="\t")
"#;

/// What the schema of a kind of file has against some files of the repository.
fn complaints(schema: &str, files: &[String]) -> Option<String> {
    let schema = repository().join("rules/schema").join(schema);
    let files = files.iter().map(|file| repository().join(file));
    let output = Command::new(python()?).args(["-c", VALIDATE]).arg(schema).args(files).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

fn files(folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(repository().join(folder)).unwrap().map(|entry| entry.unwrap().file_name());
    let names = entries.map(|name| format!("{folder}/{}", name.into_string().unwrap()));
    let mut names: Vec<_> = names.filter(|name| name.ends_with(".yaml")).collect();
    names.sort();
    names
}

#[test]
fn a_validator_of_json_schema_takes_what_is_shipped_and_not_what_is_misspelt() {
    let Some(found) = complaints("rules.v1.schema.json", &files("rules")) else { return };
    assert_eq!(found, "");
    assert_eq!(complaints("tests.v1.schema.json", &files("rules/tests")).unwrap(), "");
    // Each of these has a mistake in its shape, which an editor shows without running anything.
    let broken = ["annotations_with_an_unknown_key", "id_in_upper_case", "otherwise_false", "when_with_all_and_any"];
    for name in broken {
        let file = format!("crates/headwater-rules/tests/it/broken/{name}.yaml");
        let found = complaints("rules.v1.schema.json", &[file]).unwrap();
        assert!(!found.is_empty(), "{name}");
    }
}
