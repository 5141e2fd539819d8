//! When a trigger's flag begins and ends in time, as written: how long its condition holds first, what ends the flag,
//! how long it stays after that, and what may not happen in one night.

use headwater_diagnostics::yaml::{Fields, Holds, KeyShape, Node, Shape, key};
use headwater_diagnostics::{Code, Diagnostic, Span};

use crate::kinds::predicate::{PREDICATE, RawPredicate};
use crate::kinds::stretch::{COUNTED, MOST_COUNTED, STRETCH, Stretch, USUAL_GAP_DAYS, missing, one_of};
use crate::reading::{Reading, first_of};

/// The most nights that `matches` are looked for in.
const MOST_NIGHTS: i64 = 60;

/// The keys of a trigger about time.
pub(super) const TIMING: &[KeyShape] = &[
    key("for", Holds::Map(&WAIT), "how long the condition must hold before the flag fires"),
    key("exit_when", PREDICATE, "what ends the flag; without it, that `when` no longer holds"),
    key("keep_firing_for", Holds::Map(&STRETCH), "how long the flag stays once its end is met"),
    key(
        "on_missing",
        Holds::Words(&ON_MISSING),
        "what a night without the account does to its flag: it goes on, or it ends (the default)",
    ),
    key("limit", Holds::Map(&LIMIT), "the most accounts it may flag in a night; beyond, the last night's flags stay"),
    key(
        "max_gap_days",
        Holds::Integer(1, MOST_COUNTED),
        "days without a published night after which counting starts again",
    ),
];
const WAIT: Shape = Shape {
    what: "`for`",
    keys: &[&[
        key("runs", COUNTED, "published nights in a row"),
        key("days", COUNTED, "calendar days in a row, the first and tonight included"),
        key("matches", Holds::Integer(1, MOST_NIGHTS), "on how many of the last nights"),
        key("of", Holds::Integer(1, MOST_NIGHTS), "of how many nights, tonight among them"),
    ]],
    one_of: &[&["runs", "days", "matches"]],
};
const LIMIT: Shape = Shape::new(
    "`limit`",
    &[&[
        key("max_accounts", Holds::Integer(1, i64::MAX), "accounts"),
        key("max_pct", Holds::Number, "percent of the accounts of the night"),
    ]],
);
const ON_MISSING: [&str; 2] = ["hold", "resolve"];

/// What has to be seen of a condition before its flag fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// It holds in a row.
    Row(Stretch),
    /// It holds on some of the last nights.
    Matches { matches: i64, of: i64 },
}

/// The most accounts that a trigger may flag in one night.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Limit {
    pub(crate) max_accounts: Option<i64>,
    /// Of all accounts of the night.
    pub(crate) max_pct: Option<f64>,
}

/// The keys of a trigger about time, as written.
#[derive(Debug)]
pub(crate) struct RawTiming {
    pub(crate) wait: Option<Wait>,
    /// What ends the flag, and where it stands.
    pub(crate) exit_when: Option<(Span, RawPredicate)>,
    pub(crate) keep_firing_for: Option<Stretch>,
    /// Whether a flag of whom nothing is known tonight goes on.
    pub(crate) holds: bool,
    pub(crate) limit: Option<Limit>,
    pub(crate) max_gap_days: i64,
}

impl RawTiming {
    /// Reads the keys about time of a trigger.
    pub(crate) fn read(fields: &mut Fields<'_>, reading: &mut Reading<'_>) -> Self {
        let waited = fields.take("for");
        let exit_when = fields
            .take("exit_when")
            .and_then(|node| Some((node.span, RawPredicate::read(node, "exit_when", reading)?)));
        let kept = fields.take("keep_firing_for");
        let holds = fields.choice("on_missing", &ON_MISSING, reading.problems) == Some(0);
        let limit = fields.take("limit").and_then(|node| Limit::read(node, reading));
        let gap = fields.peek("max_gap_days").map(|(key, _)| key.span);
        let max_gap_days = fields.integer("max_gap_days", 1, MOST_COUNTED, reading.problems);
        if let Some(place) = gap.filter(|_| waited.is_none() && kept.is_none() && !holds) {
            let problem = Diagnostic::at(Code::Contradiction, place, "`max_gap_days` of a trigger that counts nothing");
            let help = "it goes with `for`, `keep_firing_for` or `on_missing: hold`";
            reading.problems.push(problem.label("no night is missed").help(help));
        }
        Self {
            wait: waited.and_then(|node| Wait::read(node, reading)),
            exit_when,
            keep_firing_for: kept.and_then(|node| Stretch::read(node, reading)),
            holds,
            limit,
            max_gap_days: max_gap_days.unwrap_or(USUAL_GAP_DAYS),
        }
    }
}

impl Wait {
    /// `{runs: n}`, `{days: n}` or `{matches: m, of: n}`.
    fn read(node: &Node, reading: &mut Reading<'_>) -> Option<Self> {
        let mut fields = Fields::shaped(node, &WAIT, reading.problems)?;
        one_of(&fields, &["runs", "days", "matches"], reading);
        let of_place = fields.peek("of").map(|(key, _)| key.span);
        let matches_place = fields.peek("matches").map(|(key, node)| (key.span, node.span));
        let row = Stretch::of(&mut fields, reading);
        let matches = fields.integer("matches", 1, MOST_NIGHTS, reading.problems);
        let of = fields.integer("of", 1, MOST_NIGHTS, reading.problems);
        fields.finish(reading.problems);
        match (matches_place, of_place) {
            (Some((key, _)), None) => reading.problems.push(missing(key, "`matches` needs `of`, the nights looked at")),
            (None, Some(key)) => {
                reading.problems.push(missing(key, "`of` needs `matches`, the nights that must match"))
            }
            _ => {}
        }
        match (matches, of, matches_place) {
            (Some(matches), Some(of), Some((_, place))) if matches > of => {
                let message = format!("{matches} of {of} nights cannot match");
                reading.problems.push(Diagnostic::at(Code::Contradiction, place, message));
                None
            }
            (Some(matches), Some(of), _) => Some(Self::Matches { matches, of }),
            _ => row.map(Self::Row),
        }
    }
}

impl Default for Wait {
    fn default() -> Self {
        Self::Row(Stretch::ONE_NIGHT)
    }
}

impl Limit {
    /// `{max_accounts: 500, max_pct: 2}`.
    fn read(node: &Node, reading: &mut Reading<'_>) -> Option<Self> {
        let mut fields = Fields::shaped(node, &LIMIT, reading.problems)?;
        let written = fields.peek("max_accounts").or_else(|| fields.peek("max_pct")).is_some();
        let pct_place = fields.peek("max_pct").map(|(_, node)| node.span);
        let max_accounts = fields.integer("max_accounts", 1, i64::MAX, reading.problems);
        let max_pct = fields.number("max_pct", reading.problems);
        fields.finish(reading.problems);
        if !written {
            let message = "a limit needs `max_accounts` or `max_pct`";
            reading.problems.push(missing(first_of(node.span), message));
        }
        if let Some((pct, place)) = max_pct.zip(pct_place).filter(|(pct, _)| !(*pct > 0.0 && *pct <= 100.0)) {
            let message = format!("`max_pct` must be above 0 and at most 100, not {pct}");
            reading.problems.push(Diagnostic::at(Code::InvalidValue, place, message));
        }
        Some(Self { max_accounts, max_pct })
    }
}
