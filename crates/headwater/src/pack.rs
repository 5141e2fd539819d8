//! The shipped rules, inside the program.

use std::fs;
use std::io;
use std::path::Path;

/// Writes the shipped rule files into a folder; files of the same name stay as they are.
pub(crate) fn write_rules(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
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

rules!["engagement.yaml", "segments.yaml", "milestones.yaml", "triggers.yaml", "guardrails.yaml", "audits.yaml"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_file_of_the_repository_is_shipped() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../rules");
        let mut there: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with(".yaml"))
            .collect();
        there.sort();
        let mut shipped: Vec<String> = RULES.iter().map(|(name, _)| (*name).to_owned()).collect();
        shipped.sort();
        assert_eq!(there, shipped);
    }
}
