//! Tests of rules: what is known of accounts night by night, and what the rules must say then.
//!
//! A test file is read against checked rules, with every problem at its place, like the rules themselves. What a test
//! gives are rows of `measured` and of `group_metrics`; running them is for whoever has an engine.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use headwater_diagnostics::{Diagnostics, FileId, Sources, Span, yaml};
use headwater_metrics::Unit;

use crate::checked::CheckedRules;
use crate::environment::Environment;
use crate::reading::Reading;

mod conditions;
mod expected;
mod given;
mod mutants;

pub use conditions::Condition;
pub use expected::{Expectation, Expected, ValueOf};
pub(crate) use given::TEST_FILE;
pub use mutants::{Mutant, mutants};

/// The most nights of a test.
const MOST_NIGHTS: usize = 400;
/// The same as the greatest number of a night.
const LAST_NIGHT: i64 = 400;

/// The kinds of rules that can be tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TestedKind {
    /// A derived metric: values of accounts.
    Metric,
    /// A segment scheme: who is in which segment.
    SegmentScheme,
    /// A milestone ladder: who is at which milestone.
    MilestoneLadder,
    /// What flags milestones reached out of order.
    Milestone,
    /// A trigger: whom it flags.
    Trigger,
    /// A guardrail: its verdicts.
    Guardrail,
}

impl TestedKind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Metric, Self::SegmentScheme, Self::MilestoneLadder, Self::Milestone, Self::Trigger, Self::Guardrail];

    /// The word before the colon of `rule:`, as in the table `rule_catalog`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Metric => "metric",
            Self::SegmentScheme => "segment_scheme",
            Self::MilestoneLadder => "milestone_ladder",
            Self::Milestone => "milestone",
            Self::Trigger => "trigger",
            Self::Guardrail => "guardrail",
        }
    }

    /// The same in a sentence.
    #[must_use]
    pub fn words(self) -> String {
        self.word().replace('_', " ")
    }
}

/// A value of a column on one night, as text of the column's type; null where there is none.
pub type Cell = Option<String>;

/// A metric of a group that a test gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenGroup {
    /// How accounts are grouped.
    pub scope: String,
    /// The group.
    pub group: String,
    /// The metric.
    pub metric: String,
    /// Its value on each night, none on nights without the group; a list that is over goes on with its last one.
    pub values: Vec<Option<Cell>>,
    /// The accounts it rests on.
    pub accounts: i64,
}

impl GivenGroup {
    /// Its value on a night, from nought.
    #[must_use]
    pub fn on(&self, night: usize) -> Option<&Cell> {
        self.values.get(night).or_else(|| self.values.last())?.as_ref()
    }
}

/// A test of one rule.
#[derive(Debug, Clone)]
pub struct RuleTest {
    /// Its id.
    pub id: String,
    /// Where it stands.
    pub place: Span,
    /// The kind of the rule.
    pub kind: TestedKind,
    /// The rule.
    pub rule: String,
    /// The profile of the project under which it holds; none where it is the one the project was read with.
    pub profile: Option<String>,
    /// The first night.
    pub as_of: NaiveDate,
    /// Days from one night to the next.
    pub days_between_nights: u64,
    /// The columns of `measured`, `account_id` first.
    pub columns: Vec<(String, Unit)>,
    /// The accounts of each night, a cell for each column.
    pub nights: Vec<Vec<Vec<Cell>>>,
    /// What is given of groups.
    pub groups: Vec<GivenGroup>,
    /// What must come out.
    pub expected: Vec<Expectation>,
}

/// The tests of some files.
#[derive(Debug, Default)]
pub struct RuleTests {
    /// Tests that can be run.
    pub tests: Vec<RuleTest>,
    /// Tests of rules that are left out because an input is not declared: id and rule.
    pub left_out: Vec<(String, String)>,
}

/// Reads test files against the rules that they are about.
#[must_use]
pub fn read_tests(
    sources: &Sources,
    files: &[FileId],
    rules: &CheckedRules,
    environment: &Environment,
) -> (RuleTests, Diagnostics) {
    let mut problems = Diagnostics::new();
    let mut tests = RuleTests::default();
    let mut ids = BTreeMap::new();
    for file in files {
        let Some(node) = yaml::read(*file, sources, &mut problems) else { continue };
        let mut reading = Reading { sources, problems: &mut problems };
        let known = given::Known { rules, environment, needed: needed(rules, environment) };
        given::file(&node, &known, &mut ids, &mut tests, &mut reading);
    }
    (tests, problems)
}

/// The columns that rules read: attributes of accounts and metrics of the catalogue.
fn needed(rules: &CheckedRules, environment: &Environment) -> BTreeMap<String, Unit> {
    let metrics = rules.account_metrics_needed();
    let metrics = metrics.into_iter().filter_map(|name| {
        let unit = environment.catalogue.metric(&name)?.unit;
        Some((name, unit))
    });
    let attributes = environment.attributes.iter().cloned();
    attributes.chain(metrics).filter(|(name, _)| name != "account_id").collect()
}

/// The rules of each kind by id.
fn rules_of(rules: &CheckedRules) -> BTreeSet<(&'static str, &str)> {
    rules.headers().into_iter().map(|(kind, header)| (kind, header.id.text.as_str())).collect()
}
