//! Guardrails as written.

use chrono::NaiveDate;
use headwater_diagnostics::yaml::{Fields, Node, Value};
use headwater_diagnostics::{Code, Diagnostic, Span};

use super::profile::Profile;
use crate::header::{Defaults, Header};
use crate::reading::{Reading, Word, Written, first_of};

/// A guardrail.
#[derive(Debug)]
pub(crate) struct RawGuardrail {
    pub(crate) header: Header,
    pub(crate) metric: Option<Word>,
    /// How accounts are grouped; all of them together where nothing is said.
    pub(crate) by: Vec<Word>,
    /// None where they were refused.
    pub(crate) bands: Option<RawBands>,
    /// Groups of fewer accounts get no verdict.
    pub(crate) min_accounts: i64,
    /// Guardrails that must pass before this one advises.
    pub(crate) after: Vec<Word>,
}

/// Where a guardrail's bands come from.
#[derive(Debug)]
pub(crate) enum RawBands {
    Given {
        pass: Vec<Written>,
        watch: Vec<Written>,
    },
    /// From the project's stage.
    Stage,
}

/// The project's stage, which chooses bands for the value of a customer over the cost of winning one.
#[derive(Debug)]
pub(crate) struct RawProfile {
    pub(crate) profile: Option<Profile>,
    pub(crate) expires_on: Option<NaiveDate>,
    pub(crate) span: Span,
}

const MOST_ACCOUNTS: i64 = 1_000_000_000;

impl RawGuardrail {
    pub(crate) fn read(node: &Node, defaults: &Defaults, reading: &mut Reading<'_>) -> Option<Self> {
        let mut fields = Fields::of(node, "a guardrail", reading.problems)?;
        let header = Header::read(node, &mut fields, defaults, reading).with_severity(&mut fields, reading);
        let metric = reading.require_word(&mut fields, "metric");
        let by = fields.take("scope").map(|scope| read_scope(scope, reading)).unwrap_or_default();
        let bands = RawBands::read(node, &mut fields, reading);
        let min_accounts = fields.integer("min_accounts", 0, MOST_ACCOUNTS, reading.problems).unwrap_or(0);
        let after = reading.words_at(&mut fields, "after");
        fields.finish(reading.problems);
        Some(Self { header, metric, by, bands, min_accounts, after })
    }
}

fn read_scope(node: &Node, reading: &mut Reading<'_>) -> Vec<Word> {
    let Some(mut fields) = Fields::of(node, "`scope`", reading.problems) else { return Vec::new() };
    let nodes = reading.require_list(&mut fields, "by");
    let words = nodes.iter().filter_map(|node| reading.word(node, "by")).collect();
    fields.finish(reading.problems);
    words
}

impl RawBands {
    fn read(guardrail: &Node, fields: &mut Fields<'_>, reading: &mut Reading<'_>) -> Option<Self> {
        let given = fields.take_with_key("bands");
        let from = fields.take("bands_from");
        match (given, from) {
            (Some((key, _)), Some(_)) => {
                let message = "a guardrail has `bands` or `bands_from`, not both";
                reading.problems.push(Diagnostic::at(Code::ConflictingKeys, key.span, message));
                None
            }
            (Some((_, node)), None) => {
                let mut bands = Fields::of(node, "`bands`", reading.problems)?;
                let required = bands.require("pass", reading.problems);
                let pass = required.map(|node| written_list(node, "pass", reading)).unwrap_or_default();
                let watch = bands.take("watch").map(|node| written_list(node, "watch", reading)).unwrap_or_default();
                bands.finish(reading.problems);
                Some(Self::Given { pass, watch })
            }
            (None, Some(node)) => {
                let word = reading.word(node, "bands_from")?;
                if word.text != "stage_profile" {
                    let message = format!("bands cannot come from `{}`", word.text);
                    let problem = Diagnostic::at(Code::InvalidValue, node.span, message);
                    reading.problems.push(problem.one_of(&word.text, ["stage_profile"]));
                    return None;
                }
                Some(Self::Stage)
            }
            (None, None) => {
                let problem = Diagnostic::at(Code::MissingKey, first_of(guardrail.span), "a guardrail needs `bands`");
                reading
                    .problems
                    .push(problem.help("write `bands: {pass: \"> 1.00\"}`, or `bands_from: stage_profile`"));
                None
            }
        }
    }
}

/// One band, or a list of them.
fn written_list(node: &Node, name: &str, reading: &mut Reading<'_>) -> Vec<Written> {
    match &node.value {
        Value::List(items) => items.iter().filter_map(|item| reading.written(item, name)).collect(),
        _ => reading.written(node, name).into_iter().collect(),
    }
}

impl RawProfile {
    /// Reads the top-level key: a word, or a mapping with the day it ends.
    pub(crate) fn read(fields: &mut Fields<'_>, reading: &mut Reading<'_>) -> Option<Self> {
        let (key, node) = fields.take_with_key("stage_profile")?;
        let span = key.span;
        if let Value::Text(_) = node.value {
            return Some(Self { profile: read_profile(node, reading), expires_on: None, span });
        }
        let mut profile_fields = Fields::of(node, "`stage_profile`", reading.problems)?;
        let profile = profile_fields.require("profile", reading.problems).and_then(|node| read_profile(node, reading));
        let expires_on = profile_fields.take("expires_on").and_then(|node| {
            let day = node.as_text().and_then(|text| text.parse().ok());
            if day.is_none() {
                reading.wrong_shape(node, "expires_on", "a date, written YYYY-MM-DD");
            }
            day
        });
        profile_fields.finish(reading.problems);
        Some(Self { profile, expires_on, span })
    }
}

fn read_profile(node: &Node, reading: &mut Reading<'_>) -> Option<Profile> {
    let word = reading.word(node, "stage_profile")?;
    let found = Profile::from_word(&word.text);
    if found.is_none() {
        let problem = Diagnostic::at(Code::InvalidValue, node.span, format!("`{}` is no stage profile", word.text));
        reading.problems.push(problem.one_of(&word.text, Profile::WORDS));
    }
    found
}
