//! The shipped rules, their tests, and what editors are told of both, inside the program.

use std::fs;
use std::io;
use std::path::Path;

/// Writes the shipped rule files, their tests and schemas into a folder; files of the same name stay as they are.
pub(crate) fn write_rules(folder: &Path) -> io::Result<()> {
    for below in ["tests", "schema"] {
        fs::create_dir_all(folder.join(below))?;
    }
    for (name, text) in RULES {
        let path = folder.join(name);
        if !path.exists() {
            fs::write(path, text)?;
        }
    }
    Ok(())
}

macro_rules! rules {
    ($($name:literal),+ $(,)?) => {
        /// Every shipped rule file: name and text.
        const RULES: &[(&str, &str)] = &[$(($name, include_str!(concat!("../../../rules/", $name)))),+];
    };
}

rules![
    "engagement.yaml",
    "segments.yaml",
    "milestones.yaml",
    "triggers.yaml",
    "guardrails.yaml",
    "audits.yaml",
    "tests/accounts.yaml",
    "tests/guardrails.yaml",
    "tests/scores.yaml",
    "schema/rules.v1.schema.json",
    "schema/tests.v1.schema.json"
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_file_of_the_repository_is_shipped() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../rules");
        let names = |below: &str| {
            let entries = fs::read_dir(folder.join(below)).unwrap().map(|entry| entry.unwrap().file_name());
            let names = entries.map(|name| format!("{below}{}", name.into_string().unwrap()));
            names.filter(|name| name.ends_with(".yaml") || name.ends_with(".json")).collect::<Vec<_>>()
        };
        let mut there = [names(""), names("tests/"), names("schema/")].concat();
        there.sort();
        let mut shipped: Vec<String> = RULES.iter().map(|(name, _)| (*name).to_owned()).collect();
        shipped.sort();
        assert_eq!(there, shipped);
    }
}
