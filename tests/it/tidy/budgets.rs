//! How long a file may be and how it begins.

use super::nothing_of;
use super::tree::rust_files;

/// Lines that are neither blank nor comment: above the first number a file asks to be split, above the second it must be.
const SOFT_LINES: usize = 400;
const HARD_LINES: usize = 700;
/// Lines of the text that opens a file.
const HEAD_LINES: std::ops::RangeInclusive<usize> = 1..=8;

#[test]
fn every_file_begins_by_saying_what_lives_in_it() {
    let heads = rust_files().into_iter().map(|file| {
        let lines = file.text.lines().take_while(|line| line.starts_with("//!")).count();
        (file.path, lines)
    });
    let found: Vec<String> = heads
        .filter(|(_, lines)| !HEAD_LINES.contains(lines))
        .map(|(path, lines)| format!("{path}: {lines} lines"))
        .collect();
    nothing_of("files whose `//!` head is missing, not at the top, or longer than 8 lines", &found);
}

#[test]
fn no_file_outgrows_its_reader() {
    let files = rust_files();
    let mut lengths: Vec<(usize, &str)> = files
        .iter()
        .filter(|file| !file.is_test())
        .map(|file| (file.code().count(), file.path.as_str()))
        .filter(|(lines, _)| *lines > SOFT_LINES)
        .collect();
    lengths.sort_unstable();
    let too_long = lengths.iter().any(|(lines, _)| *lines > HARD_LINES);
    let listed: Vec<String> = lengths.iter().map(|(lines, path)| format!("{path}: {lines}")).collect();
    assert!(
        !too_long,
        "more than {HARD_LINES} lines of code (those above {SOFT_LINES} too):\n  {}",
        listed.join("\n  ")
    );
}

#[test]
fn nothing_is_left_undone_or_silenced() {
    let marks =
        [concat!("todo", "!("), concat!("unimplemented", "!("), concat!("#[", "allow("), concat!("#![", "allow(")];
    let mut found = Vec::new();
    for file in rust_files() {
        for (at, line) in file.text.lines().enumerate() {
            if marks.iter().any(|mark| line.contains(mark)) {
                found.push(format!("{}:{}: {}", file.path, at + 1, line.trim()));
            }
        }
    }
    nothing_of("unfinished code, and lints silenced without `expect` and a reason", &found);
}
