//! Guardrails as written.

use chrono::NaiveDate;
use headwater_diagnostics::yaml::{Fields, Holds, Node, Shape, Value, key, required};
use headwater_diagnostics::{Code, Diagnostic, Span};

use super::profile::Profile;
use super::promotion::{PROMOTION, Promotion};
use crate::header::{Defaults, EFFECTIVE, HEADER, Header, SEVERITY};
use crate::kinds::stretch::COUNTED;
use crate::reading::{Reading, Word, Written, first_of};

/// A guardrail as written.
pub(crate) const GUARDRAIL: Shape = Shape {
    what: "a guardrail",
    keys: &[
        HEADER,
        SEVERITY,
        EFFECTIVE,
        &[
            required("metric", Holds::Named("group metric"), "the metric of groups that is judged"),
            key("scope", Holds::Map(&SCOPE), "how accounts are grouped; all of them together where not said"),
            key("bands", Holds::Map(&BANDS), "which values pass and which are watched; the rest is a breach"),
            key("bands_from", Holds::Words(&[STAGE]), "take the bands from the company's stage"),
            key(
                "min_accounts",
                Holds::Integer(0, MOST_ACCOUNTS),
                "groups of fewer accounts get no verdict but `insufficient_evidence`",
            ),
            key("for", Holds::Map(&PROMOTION), "how long a verdict must stand before it replaces the one before"),
            key("max_gap_days", COUNTED, "days without a published night after which `for` starts again"),
            key("after", WORDS, "guardrails that must pass for everyone before this one advises"),
        ],
    ],
    one_of: &[&["bands", "bands_from"]],
};
const SCOPE: Shape = Shape::new(
    "`scope`",
    &[&[required("by", Holds::Items(&Holds::Text), "`total`, columns of accounts, `segment.<scheme>`")]],
);
const BANDS: Shape = Shape::new(
    "`bands`",
    &[&[
        required("pass", WORDS, "a range such as `> 1.00` or `3..5` (5 excluded), or several"),
        key("watch", WORDS, "a range, or several"),
    ]],
);
const WORDS: Holds = Holds::Either(&[Holds::Text, Holds::List(&Holds::Text)]);
/// The only place that bands come from.
const STAGE: &str = "stage_profile";

/// `stage_profile:` as written.
pub(crate) const STAGE_PROFILE: Holds = Holds::Either(&[Holds::Words(&Profile::WORDS), Holds::Map(&PROFILE)]);
const PROFILE: Shape = Shape::new(
    "`stage_profile`",
    &[&[
        required("profile", Holds::Words(&Profile::WORDS), "the company's stage"),
        key("expires_on", Holds::Day, "the day on which it is `default` again; `land_grab` needs one"),
    ]],
);

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
    /// How long a verdict must stand.
    pub(crate) promotion: Promotion,
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
        let mut fields = Fields::shaped(node, &GUARDRAIL, reading.problems)?;
        let header = Header::read(node, &mut fields, defaults, reading).with_severity(&mut fields, reading);
        let header = header.with_effective(&mut fields, reading);
        let metric = reading.require_word(&mut fields, "metric");
        let by = fields.take("scope").map(|scope| read_scope(scope, reading)).unwrap_or_default();
        let bands = RawBands::read(node, &mut fields, reading);
        let min_accounts = fields.integer("min_accounts", 0, MOST_ACCOUNTS, reading.problems).unwrap_or(0);
        let promotion = Promotion::read(&mut fields, reading);
        let after = reading.words_at(&mut fields, "after");
        fields.finish(reading.problems);
        Some(Self { header, metric, by, bands, min_accounts, promotion, after })
    }
}

fn read_scope(node: &Node, reading: &mut Reading<'_>) -> Vec<Word> {
    let Some(mut fields) = Fields::shaped(node, &SCOPE, reading.problems) else { return Vec::new() };
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
                let mut bands = Fields::shaped(node, &BANDS, reading.problems)?;
                let required = bands.require("pass", reading.problems);
                let pass = required.map(|node| written_list(node, "pass", reading)).unwrap_or_default();
                let watch = bands.take("watch").map(|node| written_list(node, "watch", reading)).unwrap_or_default();
                bands.finish(reading.problems);
                Some(Self::Given { pass, watch })
            }
            (None, Some(node)) => {
                let word = reading.word(node, "bands_from")?;
                if word.text != STAGE {
                    let message = format!("bands cannot come from `{}`", word.text);
                    let problem = Diagnostic::at(Code::InvalidValue, node.span, message);
                    reading.problems.push(problem.one_of(&word.text, [STAGE]));
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
        let mut profile_fields = Fields::shaped(node, &PROFILE, reading.problems)?;
        let profile = profile_fields.require("profile", reading.problems).and_then(|node| read_profile(node, reading));
        let expires_on = reading.day_at(&mut profile_fields, "expires_on");
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
