//! What the tests share: a project with columns for every type, and the passes in one call.

use std::collections::BTreeSet;

use headwater_diagnostics::{Diagnostics, Sources};
use headwater_metrics::{Catalogue, InputTable, Unit};
use headwater_rules::{CheckedRules, Environment, check, parse};

/// A project that declares every input, whose accounts carry these columns.
pub(crate) fn environment(attributes: &[(&str, Unit)]) -> Environment {
    Environment {
        catalogue: Catalogue,
        inputs: InputTable::ALL.iter().copied().collect::<BTreeSet<_>>(),
        attributes: attributes.iter().map(|(name, unit)| ((*name).to_owned(), *unit)).collect(),
        other_tables: std::iter::once(("group_metrics".to_owned(), vec!["scope".to_owned()])).collect(),
    }
}

/// Parses and checks files by name and text.
pub(crate) fn judge(files: &[(&str, &str)], environment: &Environment) -> (Option<CheckedRules>, Diagnostics, Sources) {
    let mut sources = Sources::default();
    let ids: Vec<_> = files.iter().map(|(name, text)| sources.add(*name, *text)).collect();
    let (raw, mut problems) = parse(&sources, &ids);
    let (rules, found) = check(&raw, environment);
    problems.append(found);
    (rules, problems, sources)
}
