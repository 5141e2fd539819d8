//! Rules with one small change each. Where every test of a rule holds of the changed rule too, nobody would notice the
//! change: its tests say nothing about that place.
//!
//! Changes are made in the text, as an author would make them: a comparison that takes its edge in or leaves it out, a
//! threshold moved by one in its last digit or by a day, a value left out of a list, AND for OR, a NOT left out.

use std::ops::Range as Characters;

use chrono::NaiveDate;
use datafusion::sql::sqlparser::tokenizer::Token;
use headwater_diagnostics::yaml::{self, Key, Node, Value};
use headwater_diagnostics::{Diagnostics, FileId, Sources, Span};

use crate::expression::tokens;
use crate::kinds::guardrail::{Bands, Range};
use crate::reading::{Reading, Written};

/// One small change of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mutant {
    /// The kind of the rule as in the table `rule_catalog`, or `param`.
    pub kind: &'static str,
    /// The rule.
    pub rule: String,
    /// What is replaced.
    pub place: Span,
    /// What stands there instead.
    pub instead: String,
    /// What tells the two apart, as the end of a sentence; none where that cannot be said.
    pub told_by: Option<String>,
}

/// The sections of a rule file whose items tests can be about, and the kinds of these.
const SECTIONS: [(&str, &str); 6] = [
    ("params", "param"),
    ("metrics", "metric"),
    ("segment_schemes", "segment_scheme"),
    ("milestone_ladders", "milestone_ladder"),
    ("triggers", "trigger"),
    ("guardrails", "guardrail"),
];
/// Keys of conditions: of their numbers, those that something is compared with are changed.
const CONDITIONS: &[&str] = &["when", "all", "any", "scope", "exit_when", "reached_when", "reached_on"];
/// Keys of expressions, all of whose numbers are changed.
const FORMULAS: &[&str] = &["value_at_stake"];
/// Keys of bands.
const BANDS: &[&str] = &["pass", "watch"];
/// Keys of numbers.
const NUMBERS: &[&str] = &[
    "value",
    "floor",
    "ceiling",
    "up_to",
    "top_pct",
    "min_accounts",
    "due_within_days",
    "stale_after_days",
    "warm_up_days",
    "runs",
    "days",
    "matches",
    "of",
    "max_accounts",
    "max_pct",
    "recency",
    "frequency",
    "monetary",
];
/// Words that have an opposite, by key.
const WORDS: &[(&str, &str, &str)] = &[
    ("inverted", "true", "false"),
    ("inverted", "false", "true"),
    ("on_null", "match", "no_match"),
    ("on_missing", "hold", "resolve"),
    ("when_missing", "redistribute", "zero"),
    ("when_missing", "zero", "unknown"),
    ("when_missing", "unknown", "zero"),
];

/// Keys without which a rule is another one and still sound: they are left out.
const LEFT_OUT: &[&str] = &[
    "after",
    "due_within_days",
    "enter_for",
    "exit_for",
    "exit_when",
    "for",
    "hold",
    "keep_firing_for",
    "limit",
    "min_accounts",
    "on_missing",
    "reached_on",
    "scope",
    "warm_up_days",
    "watch",
];

/// Every small change of the rules in some files, in the order of the files.
#[must_use]
pub fn mutants(sources: &Sources, files: &[FileId]) -> Vec<Mutant> {
    let mut found = Vec::new();
    for file in files {
        // Rules are changed once they are sound: what their readers say has been heard.
        let Some(Node { value: Value::Map(entries), .. }) = yaml::read(*file, sources, &mut Diagnostics::new()) else {
            continue;
        };
        for (section, kind) in SECTIONS {
            let Some((_, Node { value: Value::List(items), .. })) = entries.iter().find(|(key, _)| key.name == section)
            else {
                continue;
            };
            for item in items {
                let Value::Map(keys) = &item.value else { continue };
                let id = keys.iter().find(|(key, _)| key.name == "id").and_then(|(_, id)| id.as_text());
                let rule = id.unwrap_or_default().to_owned();
                let mut changes = Changes { sources, is_formula: kind == "metric", found: Vec::new() };
                changes.walk("", item);
                let of_rule =
                    |Change { place, instead, told_by }| Mutant { kind, rule: rule.clone(), place, instead, told_by };
                found.extend(changes.found.into_iter().map(of_rule));
            }
        }
    }
    found
}

struct Change {
    place: Span,
    instead: String,
    told_by: Option<String>,
}

/// The changes of one rule.
struct Changes<'a> {
    sources: &'a Sources,
    /// Whether `expr` is a formula and no condition.
    is_formula: bool,
    found: Vec<Change>,
}

impl Changes<'_> {
    fn walk(&mut self, key: &str, node: &Node) {
        let is = |keys: &[&str]| keys.contains(&key);
        match &node.value {
            Value::Text(_) if is(CONDITIONS) || (key == "expr" && !self.is_formula) => self.expression(node, false),
            Value::Text(_) if is(FORMULAS) || key == "expr" => self.expression(node, true),
            Value::Text(_) if is(BANDS) => self.band(node),
            Value::Integer(_) | Value::Float(..) if is(NUMBERS) => self.number(node),
            Value::Text(_) | Value::Bool(_) => {
                let written = self.sources.slice(node.span);
                let opposite = WORDS.iter().find(|(of, word, _)| *of == key && *word == written);
                self.found.extend(opposite.map(|(_, _, other)| Change::new(node.span, *other)));
            }
            Value::List(items) => items.iter().for_each(|item| self.walk(key, item)),
            Value::Map(entries) => {
                self.leave_out(entries);
                for (key, value) in entries {
                    let other = match (key.name.as_str(), &value.value) {
                        ("all", Value::List(items)) if items.len() > 1 => Some("any"),
                        ("any", Value::List(items)) if items.len() > 1 => Some("all"),
                        _ => None,
                    };
                    self.found.extend(other.map(|other| Change::new(key.span, other)));
                    let before = self.found.len();
                    self.walk(&key.name, value);
                    if BANDS.contains(&key.name.as_str()) {
                        // What passes is not watched, so that nobody can notice where a band ends within another.
                        let of_band = self.found.split_off(before);
                        let told = of_band.into_iter().filter(|change| !self.judges_as_before(entries, change));
                        let told: Vec<_> = told.collect();
                        self.found.extend(told);
                    }
                }
            }
            Value::Null | Value::Integer(_) | Value::Float(..) => {}
        }
    }

    /// Whether bands give every number the same verdict with a change.
    fn judges_as_before(&self, entries: &[(Key, Node)], change: &Change) -> bool {
        let bands = |change| {
            Some(Bands { pass: self.ranges("pass", entries, change)?, watch: self.ranges("watch", entries, change)? })
        };
        let (Some(before), Some(after)) = (bands(None), bands(Some(change))) else { return false };
        before.judge_as(&after)
    }

    /// The ranges of one key of bands, with a change of their text; none where a parameter is in them.
    fn ranges(&self, name: &str, entries: &[(Key, Node)], change: Option<&Change>) -> Option<Vec<Range>> {
        let Some((_, node)) = entries.iter().find(|(key, _)| key.name == name) else { return Some(Vec::new()) };
        let nodes = if let Value::List(items) = &node.value { items.as_slice() } else { std::slice::from_ref(node) };
        let range = |node: &Node| {
            let mut text = self.sources.slice(node.span).to_owned();
            let place =
                change.filter(|change| node.span.start <= change.place.start && change.place.end <= node.span.end);
            if let Some(Change { place, instead, .. }) = place {
                text.replace_range(place.start - node.span.start..place.end - node.span.start, instead);
            }
            Range::read(text.trim_matches(['"', '\'']), |_| None).ok()
        };
        nodes.iter().map(range).collect()
    }

    /// Leaves out keys one by one, with what parts each from its neighbour.
    fn leave_out(&mut self, entries: &[(Key, Node)]) {
        for (at, (key, value)) in
            entries.iter().enumerate().filter(|(_, (key, _))| LEFT_OUT.contains(&key.name.as_str()))
        {
            let before = at.checked_sub(1).and_then(|before| entries.get(before)).map(|(_, value)| value.span.end);
            // Groups of everyone alone are what there is without a scope.
            let is_condition = key.name != "scope" || value.as_text().is_some();
            if let Some(start) = before.filter(|_| is_condition) {
                self.found.push(Change::new(Span { start, end: value.span.end, ..key.span }, ""));
            }
        }
    }

    fn written(&self, node: &Node) -> Option<Written> {
        Reading { sources: self.sources, problems: &mut Diagnostics::new() }.written(node, "")
    }

    fn expression(&mut self, node: &Node, all_numbers: bool) {
        let Some(written) = self.written(node) else { return };
        let tokens = Tokens { all: tokens(&written) };
        let mut between = 0_usize;
        for at in 0..tokens.all.len() {
            let Some((token, range)) = tokens.all.get(at) else { continue };
            let is_end_of_between = between > 0 && tokens.is_word(at, "AND");
            let instead = match token {
                Token::Eq => Some("<>"),
                Token::Neq => Some("="),
                Token::Lt => Some("<="),
                Token::LtEq => Some("<"),
                Token::Gt => Some(">="),
                Token::GtEq => Some(">"),
                Token::Word(_) if is_end_of_between => None,
                Token::Word(_) if tokens.is_word(at, "AND") => Some("OR"),
                Token::Word(_) if tokens.is_word(at, "OR") => Some("AND"),
                Token::Word(_) if tokens.is_word(at, "NOT") => Some(""),
                _ => None,
            };
            if tokens.is_word(at, "BETWEEN") {
                between += 1;
            } else if is_end_of_between {
                between -= 1;
            }
            if let Some(instead) = instead {
                let told_by = tokens.compared(at).map(|(value, number)| told_by(&value, &number));
                self.found.push(Change { place: written.span(range.clone()), instead: instead.to_owned(), told_by });
            }
            if let Token::Number(text, _) = token
                && (all_numbers || tokens.is_threshold(at))
            {
                self.nudge(&written, range.clone(), text, &tokens, at);
            }
            if let Token::SingleQuotedString(text) = token {
                let days = moved_days(text).filter(|_| all_numbers || tokens.is_day_compared(at));
                let days = days.into_iter().flatten().map(|day| Change::new(written.span(range.clone()), day));
                self.found.extend(days);
            }
            if tokens.is_word(at, "IN") {
                let left_out = tokens.places_of_list(at + 1).into_iter();
                self.found.extend(left_out.map(|place| Change::new(written.span(place), "")));
            }
        }
    }

    fn nudge(&mut self, written: &Written, range: Characters<usize>, text: &str, tokens: &Tokens, at: usize) {
        let Some(number) = Decimal::read(text) else { return };
        let is_negative = at.checked_sub(1).is_some_and(|before| tokens.is_negative(before));
        for moved in [number.moved(-1), number.moved(1)] {
            let signed = |number: Decimal| if is_negative { number.negated() } else { number };
            let told_by = tokens.comparison_of(at).and_then(|operator| {
                let (value, _) = tokens.compared(operator)?;
                let (token, _) = tokens.all.get(operator)?;
                let (from, to) = (signed(number), signed(moved));
                let (low, high) = if from.units < to.units { (from, to) } else { (to, from) };
                Some(told_by(&value, if matches!(token, Token::LtEq | Token::Gt) { &high } else { &low }))
            });
            let instead = if moved.units < 0 { format!("({moved})") } else { moved.to_string() };
            self.found.push(Change { place: written.span(range.clone()), instead, told_by });
        }
    }

    fn number(&mut self, node: &Node) {
        let Some(number) = Decimal::read(self.sources.slice(node.span)) else { return };
        self.found.extend([-1, 1].map(|step| Change::new(node.span, number.moved(step).to_string())));
    }

    /// `> 1.00` or `3..5`.
    fn band(&mut self, node: &Node) {
        let Some(written) = self.written(node) else { return };
        let characters: Vec<char> = written.text.chars().collect();
        let text =
            |range: &Characters<usize>| characters.get(range.clone()).unwrap_or_default().iter().collect::<String>();
        for (operator, other) in [("<=", "<"), (">=", ">"), ("<", "<="), (">", ">=")] {
            if let Some(start) = written.text.find(operator) {
                let place = written.span(start..start + operator.len());
                self.found.push(Change::new(place, other));
                break;
            }
        }
        let split = written.text.find("..").map(|at| [0..at, at + 2..characters.len()]);
        let whole = [0..characters.len(), 0..0];
        for part in split.unwrap_or(whole) {
            let is_numeral = |at: &usize| characters.get(*at).is_some_and(|c| c.is_ascii_digit() || ".-".contains(*c));
            let numerals: Vec<usize> = part.filter(is_numeral).collect();
            let (Some(first), Some(last)) = (numerals.first(), numerals.last()) else { continue };
            let range = *first..last + 1;
            if let Some(number) = Decimal::read(&text(&range)) {
                let place = written.span(range);
                self.found.extend([-1, 1].map(|step| Change::new(place, number.moved(step).to_string())));
            }
        }
    }
}

impl Change {
    fn new(place: Span, instead: impl Into<String>) -> Self {
        Self { place, instead: instead.into(), told_by: None }
    }
}

/// The days before and after one, as texts; none of what is no day.
fn moved_days(text: &str) -> Option<[String; 2]> {
    let day: NaiveDate = text.parse().ok()?;
    Some([format!("'{}'", day.pred_opt()?), format!("'{}'", day.succ_opt()?)])
}

fn told_by(value: &str, number: &Decimal) -> String {
    format!("an account with `{value}` at {number} tells them apart")
}

/// The tokens of an expression, with the characters each covers.
struct Tokens {
    all: Vec<(Token, Characters<usize>)>,
}

impl Tokens {
    fn is_word(&self, at: usize, word: &str) -> bool {
        matches!(self.all.get(at), Some((Token::Word(found), _)) if found.value.eq_ignore_ascii_case(word))
    }

    fn is_comparison(&self, at: usize) -> bool {
        let comparisons = [Token::Eq, Token::Neq, Token::Lt, Token::LtEq, Token::Gt, Token::GtEq];
        self.all.get(at).is_some_and(|(token, _)| comparisons.contains(token))
    }

    /// Whether a token is the sign of the number behind it.
    fn is_negative(&self, at: usize) -> bool {
        let is_minus = matches!(self.all.get(at), Some((Token::Minus, _)));
        is_minus && at.checked_sub(1).is_none_or(|before| self.is_comparison(before) || self.begins_a_side(before))
    }

    /// Whether what follows a token begins one side of a comparison.
    fn begins_a_side(&self, at: usize) -> bool {
        ["AND", "OR", "NOT", "BETWEEN", "WHEN", "THEN", "ELSE"].iter().any(|word| self.is_word(at, word))
            || matches!(self.all.get(at), Some((Token::LParen | Token::Comma, _)))
    }

    /// The comparison whose right side a number is.
    fn comparison_of(&self, number: usize) -> Option<usize> {
        let before = number.checked_sub(1)?;
        let before = if self.is_negative(before) { before.checked_sub(1)? } else { before };
        self.is_comparison(before).then_some(before)
    }

    /// Whether something is compared with a number.
    fn is_threshold(&self, number: usize) -> bool {
        let ends_range = |at: usize| self.is_word(at, "BETWEEN") || self.is_word(at, "AND");
        let is_end = number.checked_sub(1).is_some_and(|before| {
            ends_range(before) || (self.is_negative(before) && before.checked_sub(1).is_some_and(ends_range))
        });
        self.comparison_of(number).is_some() || self.is_comparison(number + 1) || is_end
    }

    /// Whether something is compared with a day, written as text with or without DATE before it.
    fn is_day_compared(&self, day: usize) -> bool {
        let first = day.checked_sub(1).filter(|before| self.is_word(*before, "DATE")).unwrap_or(day);
        let ends_range = |at: usize| self.is_word(at, "BETWEEN") || self.is_word(at, "AND");
        let follows = first.checked_sub(1).is_some_and(|before| self.is_comparison(before) || ends_range(before));
        follows || self.is_comparison(day + 1)
    }

    /// The characters of each value of a list of plain values in brackets, with a comma beside it; none of a list of one.
    fn places_of_list(&self, bracket: usize) -> Vec<Characters<usize>> {
        let mut places: Vec<Characters<usize>> = Vec::new();
        let mut after_comma = None;
        for (token, range) in self.all.iter().skip(bracket) {
            match token {
                Token::LParen if places.is_empty() => {}
                Token::Comma => after_comma = Some(range.start),
                Token::RParen if places.len() > 1 => {
                    // The first goes with the comma behind it.
                    if let [first, second, ..] = places.as_mut_slice() {
                        first.end = second.start + 1;
                    }
                    return places;
                }
                Token::SingleQuotedString(_) | Token::Number(..) => {
                    places.push(after_comma.take().unwrap_or(range.start)..range.end);
                }
                _ => break,
            }
        }
        Vec::new()
    }

    /// A lone name on the left of a comparison, and the number on its right.
    fn compared(&self, comparison: usize) -> Option<(String, Decimal)> {
        let is_part = |at: usize| {
            matches!(self.all.get(at), Some((Token::Word(_) | Token::Period, _))) && !self.begins_a_side(at)
        };
        let first = (0..comparison).rev().take_while(|at| is_part(*at)).last()?;
        if first.checked_sub(1).is_some_and(|before| !self.begins_a_side(before)) {
            return None;
        }
        let name = self.all.get(first..comparison)?.iter().map(|(token, _)| token.to_string()).collect::<String>();
        let is_negative = self.is_negative(comparison + 1);
        let at = comparison + 1 + usize::from(is_negative);
        let Some((Token::Number(text, _), _)) = self.all.get(at) else { return None };
        let ends = self.all.get(at + 1).is_none_or(|(token, _)| {
            matches!(token, Token::RParen) || ["AND", "OR", "THEN"].iter().any(|word| self.is_word(at + 1, word))
        });
        let number = Decimal::read(text).filter(|_| ends)?;
        Some((name, if is_negative { number.negated() } else { number }))
    }
}

/// A number as it is written: so many units of its last digit.
#[derive(Debug, Clone, Copy)]
struct Decimal {
    units: i128,
    places: usize,
}

impl Decimal {
    fn read(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let units = format!("{whole}{fraction}").parse().ok()?;
        Some(Self { units, places: fraction.len() })
    }

    fn moved(self, steps: i128) -> Self {
        Self { units: self.units + steps, ..self }
    }

    fn negated(self) -> Self {
        Self { units: -self.units, ..self }
    }
}

impl std::fmt::Display for Decimal {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = if self.units < 0 { "-" } else { "" };
        let digits = format!("{:0>width$}", self.units.unsigned_abs(), width = self.places + 1);
        let (whole, fraction) = digits.split_at(digits.len() - self.places);
        let point = if fraction.is_empty() { "" } else { "." };
        write!(out, "{sign}{whole}{point}{fraction}")
    }
}
