//! `init`: a project to fill in.

use std::fs;

use super::folder;
use crate::args::Init;
use crate::exit::Exit;
use crate::pack;
use crate::render::Output;

const PROJECT: &str = include_str!("../../templates/init.yaml");

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
        .and_then(|()| fs::write(&project, PROJECT))
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
