//! SARIF 2.1.0, the OASIS format for results of checks: one document a run.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Region, in_words};
use crate::{Code, Diagnostic, Place, Sources};

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

pub(super) fn document(diagnostics: &[&Diagnostic], sources: &Sources, folder: &str) -> Value {
    let codes: BTreeSet<Code> = diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
    let results: Vec<_> = diagnostics.iter().map(|diagnostic| result(diagnostic, sources, folder)).collect();
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "headwater",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": codes.into_iter().map(rule).collect::<Vec<_>>(),
            } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn rule(code: Code) -> Value {
    json!({
        "id": code.id(),
        "shortDescription": { "text": code.title() },
        "fullDescription": { "text": code.meaning() },
        "help": { "text": code.remedy() },
        "defaultConfiguration": { "level": code.severity().word() },
    })
}

fn result(diagnostic: &Diagnostic, sources: &Sources, folder: &str) -> Value {
    let location = match &diagnostic.place {
        Place::Span(span) => {
            let Region { start: (line, column), end: (end_line, end_column) } = Region::of(*span, sources);
            json!({ "physicalLocation": {
                "artifactLocation": { "uri": uri(&format!("{folder}{}", sources.name(span.file))) },
                "region": { "startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column },
            } })
        }
        Place::Named(name) => json!({ "logicalLocations": [{ "fullyQualifiedName": name }] }),
    };
    json!({
        "ruleId": diagnostic.code.id(),
        "level": diagnostic.severity().word(),
        "message": { "text": in_words(diagnostic) },
        "locations": [location],
    })
}

/// A path as a URI reference: what is not plain in a path is written as bytes.
fn uri(path: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    let of = |byte: u8| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    path.bytes().map(of).collect()
}
