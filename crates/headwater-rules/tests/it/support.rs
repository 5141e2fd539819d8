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
        params: Vec::new(),
        profiles: Default::default(),
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

/// Random rules and what is seen by them; the same on every machine.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, most: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(self.0 >> 33).unwrap() % most
    }

    pub(crate) fn once_in(&mut self, times: i64) -> bool {
        self.below(times) == 0
    }
}
