//! The catalogue and the tests of what its metrics mean.

use headwater_metrics::{Catalogue, Window};

use super::nothing_of;
use super::tree::files;

#[test]
fn every_metric_is_named_in_a_test() {
    let tests: Vec<String> = files()
        .into_iter()
        .filter(|file| {
            file.path.starts_with("crates/headwater-metrics/tests") || file.path.starts_with("tests/it/night")
        })
        .map(|file| file.text)
        .collect();
    let words: Vec<&str> =
        tests.iter().flat_map(|text| text.split(|c: char| !c.is_alphanumeric() && c != '_')).collect();
    let untested = Catalogue.declarations().into_iter().map(|declaration| declaration.metric.id);
    let untested: Vec<String> = untested.filter(|id| !words.iter().any(|word| names(id, word))).collect();
    nothing_of("metrics that no test names", &untested);
}

/// Whether a word is the metric, with a window in the place of `{w}`.
fn names(id: &str, word: &str) -> bool {
    match id.split_once("{w}") {
        None => id == word,
        Some((before, after)) => {
            let window = word.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
            window.is_some_and(|window| Window::parse(window).is_some())
        }
    }
}
