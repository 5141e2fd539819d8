//! Words that belong to one machine and not to the project.

use super::nothing_of;
use super::tree::files;

/// How paths of somebody's machine begin. Written in two parts, so that this file does not find itself.
const MACHINE_PATHS: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!("/tm", "p/"),
    concat!("C:", "\\"),
];

#[test]
fn no_file_names_a_path_of_one_machine() {
    let mut found = Vec::new();
    for file in files() {
        for (at, line) in file.text.lines().enumerate() {
            if let Some(path) = MACHINE_PATHS.iter().find(|path| line.contains(**path)) {
                found.push(format!("{}:{}: {path}", file.path, at + 1));
            }
        }
    }
    nothing_of("paths that exist on one machine only", &found);
}
