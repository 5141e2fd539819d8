//! The first pass: rule files read item by item, with every problem of their shape.

use headwater_diagnostics::yaml::{self, Fields, Holds, KeyShape, LANGUAGE_VERSION, Node, Shape, key, required};
use headwater_diagnostics::{Diagnostics, FileId, Sources};

use crate::header::{DEFAULTS, Defaults, Header};
use crate::kinds::audit::{AUDIT, RawAudit};
use crate::kinds::guardrail::{GUARDRAIL, RawGuardrail, RawProfile, STAGE_PROFILE};
use crate::kinds::metric::{METRIC, RawMetric};
use crate::kinds::milestone::{LADDER, RawLadder};
use crate::kinds::mute::{MUTE, RawMute};
use crate::kinds::owner::{OWNER, Owner};
use crate::kinds::param::{PARAMETER, RawParam};
use crate::kinds::segment::{RawScheme, SCHEME};
use crate::kinds::trigger::{RawTrigger, TRIGGER};
use crate::reading::Reading;

/// `version:` of every file.
pub(crate) const VERSIONED: &[KeyShape] = &[required("version", Holds::Exactly(LANGUAGE_VERSION), "of the language")];

/// A rule file as written.
pub(crate) const RULE_FILE: Shape = Shape::new(
    "a rule file",
    &[
        VERSIONED,
        &[
            key("defaults", Holds::Map(&DEFAULTS), "what its rules have that do not say otherwise"),
            key("owners", Holds::List(&Holds::Map(&OWNER)), "who answers for rules; where any is here, all are"),
            key("params", Holds::List(&Holds::Map(&PARAMETER)), "constants that rules share"),
            key("metrics", Holds::List(&Holds::Map(&METRIC)), "metrics of accounts, derived from others"),
            key("segment_schemes", Holds::List(&Holds::Map(&SCHEME)), "an account has one segment in each"),
            key("milestone_ladders", Holds::List(&Holds::Map(&LADDER)), "what accounts reach, in order"),
            key("triggers", Holds::List(&Holds::Map(&TRIGGER)), "flags on accounts"),
            key("stage_profile", STAGE_PROFILE, "the company's stage"),
            key("guardrails", Holds::List(&Holds::Map(&GUARDRAIL)), "verdicts on metrics of groups"),
            key("audits", Holds::List(&Holds::Map(&AUDIT)), "what must hold of the staged tables"),
            key("mutes", Holds::List(&Holds::Map(&MUTE)), "what nobody wants to hear of for a while"),
        ],
    ],
);

/// Every item of all rule files as written; what it means is not yet known.
#[derive(Debug, Default)]
pub struct RawRules {
    pub(crate) owners: Vec<Owner>,
    pub(crate) params: Vec<RawParam>,
    pub(crate) metrics: Vec<RawMetric>,
    pub(crate) schemes: Vec<RawScheme>,
    pub(crate) ladders: Vec<RawLadder>,
    pub(crate) triggers: Vec<RawTrigger>,
    pub(crate) profiles: Vec<RawProfile>,
    pub(crate) guardrails: Vec<RawGuardrail>,
    pub(crate) audits: Vec<RawAudit>,
    pub(crate) mutes: Vec<RawMute>,
    /// Some file could not be read at all, so names may be missing that are declared there.
    pub(crate) incomplete: bool,
    /// Some problem was an error: the rules cannot pass their check.
    pub(crate) broken: bool,
}

/// Reads rule files, in any order. Items with problems are kept as far as they can be read, so that the check can
/// go on and report everything in one run.
#[must_use]
pub fn parse(sources: &Sources, files: &[FileId]) -> (RawRules, Diagnostics) {
    let mut rules = RawRules::default();
    let mut problems = Diagnostics::new();
    for file in files {
        match yaml::read(*file, sources, &mut problems) {
            Some(node) => rules.file(&node, &mut Reading { sources, problems: &mut problems }),
            None => rules.incomplete = true,
        }
    }
    rules.broken = problems.has_errors();
    (rules, problems)
}

impl RawRules {
    /// Every rule with its kind, whatever is wrong with it.
    pub(crate) fn headers(&self) -> impl Iterator<Item = (&'static str, &Header)> {
        let metrics = self.metrics.iter().map(|rule| ("metric", &rule.header));
        let schemes = self.schemes.iter().map(|rule| ("segment_scheme", &rule.header));
        let ladders = self.ladders.iter().map(|rule| ("milestone_ladder", &rule.header));
        let skips = self.ladders.iter().flat_map(|rule| &rule.out_of_order).map(|rule| ("milestone", &rule.header));
        let triggers = self.triggers.iter().map(|rule| ("trigger", &rule.header));
        let guardrails = self.guardrails.iter().map(|rule| ("guardrail", &rule.header));
        let audits = self.audits.iter().map(|rule| ("audit", &rule.header));
        metrics.chain(schemes).chain(ladders).chain(skips).chain(triggers).chain(guardrails).chain(audits)
    }

    fn file(&mut self, node: &Node, reading: &mut Reading<'_>) {
        let Some(mut fields) = Fields::shaped(node, &RULE_FILE, reading.problems) else {
            self.incomplete = true;
            return;
        };
        fields.language_version(reading.problems);
        let defaults = Defaults::read(&mut fields, reading.problems);
        items(&mut fields, "owners", reading, |node, reading| self.owners.extend(Owner::read(node, reading)));
        items(&mut fields, "params", reading, |node, reading| self.params.extend(RawParam::read(node, reading)));
        items(&mut fields, "metrics", reading, |node, reading| {
            self.metrics.extend(RawMetric::read(node, &defaults, reading))
        });
        items(&mut fields, "segment_schemes", reading, |node, reading| {
            self.schemes.extend(RawScheme::read(node, &defaults, reading));
        });
        items(&mut fields, "milestone_ladders", reading, |node, reading| {
            self.ladders.extend(RawLadder::read(node, &defaults, reading));
        });
        items(&mut fields, "triggers", reading, |node, reading| {
            self.triggers.extend(RawTrigger::read(node, &defaults, reading))
        });
        self.profiles.extend(RawProfile::read(&mut fields, reading));
        items(&mut fields, "guardrails", reading, |node, reading| {
            self.guardrails.extend(RawGuardrail::read(node, &defaults, reading));
        });
        items(&mut fields, "audits", reading, |node, reading| {
            self.audits.extend(RawAudit::read(node, &defaults, reading))
        });
        items(&mut fields, "mutes", reading, |node, reading| self.mutes.extend(RawMute::read(node, reading)));
        fields.finish(reading.problems);
    }
}

fn items(
    fields: &mut Fields<'_>,
    name: &'static str,
    reading: &mut Reading<'_>,
    mut read: impl FnMut(&Node, &mut Reading<'_>),
) {
    for node in fields.list(name, reading.problems) {
        read(node, reading);
    }
}
