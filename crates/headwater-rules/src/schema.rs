//! What editors are told of rule files and of files of tests, as JSON Schema.

use headwater_metrics::{Catalogue, Grain};
use serde_json::Value;

use crate::raw::RULE_FILE;
use crate::testing::TEST_FILE;

/// The JSON Schema of rule files, with the names of metrics for completion.
#[must_use]
pub fn rule_file_schema() -> Value {
    RULE_FILE.schema("Headwater rules", &names)
}

/// The JSON Schema of files of tests.
#[must_use]
pub fn test_file_schema() -> Value {
    TEST_FILE.schema("Headwater tests of rules", &names)
}

/// Metrics of a grain with what they mean; windowed ones with the usual windows.
fn names(kind: &str) -> Vec<(String, String)> {
    let grain = if kind == "group metric" { Grain::Group } else { Grain::Account };
    let metrics = Catalogue.names().into_iter().filter_map(|name| Catalogue.metric(&name));
    let of_grain = metrics.filter(|metric| metric.grain == grain);
    of_grain
        .map(|metric| (metric.id, format!("{} ({}) {}", metric.meaning, metric.unit.word(), metric.null_rule)))
        .collect()
}
