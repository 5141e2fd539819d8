//! The shipped rules and their tests, inside the program.

use std::fs;
use std::io;
use std::path::Path;

/// Writes the shipped rule files and their tests into a folder; files of the same name stay as they are.
pub(crate) fn write_rules(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder.join("tests"))?;
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
    "tests/scores.yaml"
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
            names.filter(|name| name.ends_with(".yaml")).collect::<Vec<_>>()
        };
        let mut there = [names(""), names("tests/")].concat();
        there.sort();
        let mut shipped: Vec<String> = RULES.iter().map(|(name, _)| (*name).to_owned()).collect();
        shipped.sort();
        assert_eq!(there, shipped);
    }
}
