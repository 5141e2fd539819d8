//! The conditions of rules, to be looked at one by one: why an account is flagged or not, and what tests never tried.

use chrono::NaiveDate;

use super::TestedKind;
use crate::checked::CheckedRules;
use crate::expression::{Dialect, Leaf, comparison};

/// A condition of a rule as SQL over `judged`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The kind of its rule.
    pub kind: TestedKind,
    /// Its rule.
    pub rule: String,
    /// The part of the rule: a segment, a milestone; the condition's id in any case.
    pub id: String,
    /// As it is written.
    pub text: String,
    /// Whether it holds, as SQL.
    pub met: String,
    /// The value that it looks at, as SQL that gives text.
    pub value: String,
    /// What that value is called.
    pub metric: String,
}

impl CheckedRules {
    /// The conditions of every rule that has some, in the order of the rules.
    #[must_use]
    pub fn conditions(&self, as_of: NaiveDate) -> Vec<Condition> {
        let dialect = Dialect::of(as_of);
        let condition = |kind, rule: &str, part: Option<&str>, leaf: &Leaf| {
            let found = comparison(&leaf.expression);
            let value = found.as_ref().map_or(&leaf.expression, |found| found.value);
            Condition {
                kind,
                rule: rule.to_owned(),
                id: part.map_or_else(|| leaf.id.clone(), |part| format!("{part}.{}", leaf.id)),
                text: leaf.expression.to_string(),
                met: format!("CAST({} AS BOOLEAN)", dialect.sql(&leaf.expression)),
                value: dialect.words(value),
                metric: value.to_string(),
            }
        };
        let mut all = Vec::new();
        for scheme in &self.schemes {
            // Conditions of a preset are its own, and there is nothing of the user's to try.
            for segment in scheme.segments.iter().filter(|_| scheme.population.is_empty()) {
                let leaves = segment.predicate.iter().flat_map(|predicate| &predicate.leaves);
                let rule = &scheme.header.id.text;
                all.extend(leaves.map(|leaf| condition(TestedKind::SegmentScheme, rule, Some(&segment.id), leaf)));
                let exits = segment.exit_when().into_iter().flat_map(|exit| &exit.leaves);
                let exit = format!("{}.exit", segment.id);
                all.extend(exits.map(|leaf| condition(TestedKind::SegmentScheme, rule, Some(&exit), leaf)));
            }
        }
        for ladder in &self.ladders {
            for milestone in &ladder.milestones {
                let leaves = milestone.reached_when.leaves.iter();
                let rule = &ladder.header.id.text;
                all.extend(leaves.map(|leaf| condition(TestedKind::MilestoneLadder, rule, Some(&milestone.id), leaf)));
            }
        }
        for trigger in &self.triggers {
            let leaves = trigger.when.leaves.iter().chain(trigger.scope.iter().flat_map(|scope| &scope.leaves));
            let rule = &trigger.header.id.text;
            all.extend(leaves.map(|leaf| condition(TestedKind::Trigger, rule, None, leaf)));
            all.extend(trigger.exits().map(|(id, leaf)| {
                let leaf = Leaf { id, ..leaf.clone() };
                condition(TestedKind::Trigger, rule, None, &leaf)
            }));
        }
        all
    }

    /// Rules that can be tested: kind and id.
    #[must_use]
    pub fn testable(&self) -> Vec<(TestedKind, String)> {
        let kind_of = |word: &str| TestedKind::ALL.into_iter().find(|kind| kind.word() == word);
        self.headers().into_iter().filter_map(|(kind, header)| Some((kind_of(kind)?, header.id.text.clone()))).collect()
    }
}
