//! `init`: a project to fill in.

use std::fs;
use std::path::Path;

use super::folder;
use crate::args::Init;
use crate::exit::Exit;
use crate::pack;
use crate::render::Output;

const PROJECT: &str = include_str!("../../templates/init.yaml");
/// The name of the project in the template.
const NAMED: &str = "name: my_company";

/// The template with the folder's name as the project's, where that needs no quotes.
fn named_after(dir: &Path) -> String {
    let name = dir.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let is_plain = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    // Words that YAML takes for something else than text.
    let is_text = !["true", "false", "null"].contains(&name.to_lowercase().as_str());
    if is_plain && is_text { PROJECT.replace(NAMED, &format!("name: {name}")) } else { PROJECT.to_owned() }
}

pub(crate) fn run(init: &Init, output: &Output) -> Exit {
    let dir = folder(&init.dir);
    let project = dir.join("headwater.yaml");
    for path in [&project, &dir.join("rules")] {
        if path.exists() {
            output.error(&format!("{} is there already; nothing was written", path.display()));
            return Exit::Usage;
        }
    }
    let written = fs::create_dir_all(&dir)
        .and_then(|()| fs::write(&project, named_after(&dir)))
        .and_then(|()| pack::write_rules(&dir.join("rules")));
    match written {
        Ok(()) => {
            output.say(&format!(
                "Wrote {} and the shipped rules.\nSay in it where your Parquet is, then: headwater -C {} check",
                project.display(),
                init.dir.display()
            ));
            Exit::Done
        }
        Err(error) => {
            output.error(&format!("{} cannot be written: {error}", dir.display()));
            Exit::Failed
        }
    }
}
