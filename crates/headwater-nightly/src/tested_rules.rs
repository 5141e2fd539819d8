//! The rules that tests are about: those of the project as it was read, and those of each profile that a test names.

use std::collections::BTreeMap;

use headwater_diagnostics::{Code, Diagnostic, Diagnostics, FileId, Sources};
use headwater_rules::{CheckedRules, RuleTest};

use crate::project::Project;
use crate::rule_set::check_rules;

/// Checked rules by the profile that their parameters are of; of none, as the project was read.
#[derive(Debug)]
pub(crate) struct TestedRules {
    as_read: CheckedRules,
    of_profiles: BTreeMap<String, CheckedRules>,
}

impl TestedRules {
    /// Adds the rules of the profiles that tests name.
    ///
    /// # Errors
    /// What is wrong with the rules in one of the profiles, and every test whose rule is left out there.
    pub(crate) fn new(
        as_read: CheckedRules,
        tests: &[&RuleTest],
        project: &Project,
        sources: &Sources,
        files: &[FileId],
    ) -> Result<Self, Diagnostics> {
        let mut problems = Diagnostics::new();
        let mut of_profiles = BTreeMap::new();
        for test in tests {
            let Some(profile) = &test.profile else { continue };
            if of_profiles.contains_key(profile) {
                continue;
            }
            let Some(project) = project.in_profile(profile) else { continue };
            let (rules, found) = check_rules(project, sources, files);
            match rules {
                Some(rules) => {
                    of_profiles.insert(profile.clone(), rules);
                }
                None => problems.append(found),
            }
        }
        let tested = Self { as_read, of_profiles };
        for test in tests {
            if !tested.of(test).testable().iter().any(|(kind, id)| *kind == test.kind && *id == test.rule) {
                let profile = test.profile.as_deref().unwrap_or_default();
                let message = format!("`{}:{}` is left out in the profile `{profile}`", test.kind.word(), test.rule);
                problems.push(Diagnostic::at(Code::UnknownRule, test.place, message));
            }
        }
        if problems.has_errors() { Err(problems) } else { Ok(tested) }
    }

    /// The rules as the project was read.
    pub(crate) fn as_read(&self) -> &CheckedRules {
        &self.as_read
    }

    /// The rules that a test is about.
    pub(crate) fn of(&self, test: &RuleTest) -> &CheckedRules {
        let of_profile = test.profile.as_ref().and_then(|profile| self.of_profiles.get(profile));
        of_profile.unwrap_or(&self.as_read)
    }
}
