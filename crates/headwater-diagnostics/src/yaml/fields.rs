//! Reading a mapping key by key, so that a key nobody reads is always reported.

use crate::{Code, Diagnostic, Diagnostics, Span};

use super::{Key, Node, Shape, Value};

/// The keys of one mapping, taken out one by one; what is left at [`Fields::finish`] is unknown.
#[derive(Debug)]
pub struct Fields<'a> {
    what: &'static str,
    shape: Option<&'static Shape>,
    span: Span,
    entries: Vec<(&'a Key, &'a Node)>,
    asked: Vec<&'static str>,
    /// Every key as it was written.
    there: Vec<&'a str>,
    /// Keys that had to be there, and what was said of each.
    missing: Vec<(&'static str, Diagnostic)>,
}

/// Keys that people write for others: what is written, and what is meant.
const SYNONYMS: &[(&str, &str)] = &[
    ("nights", "runs"),
    ("name", "id"),
    ("key", "id"),
    ("condition", "when"),
    ("if", "when"),
    ("where", "when"),
    ("filter", "when"),
    ("when", "reached_when"),
    ("when", "expr"),
    ("sql", "expr"),
    ("formula", "expr"),
    ("expression", "expr"),
    ("value", "expr"),
    ("default", "value"),
    ("columns", "column"),
    ("column", "columns"),
    ("parameters", "params"),
    ("vars", "params"),
    ("variables", "params"),
    ("green", "pass"),
    ("ok", "pass"),
    ("good", "pass"),
    ("yellow", "watch"),
    ("amber", "watch"),
    ("warn", "watch"),
    ("desc", "description"),
    ("group_by", "by"),
    ("groups", "by"),
    ("test", "check"),
    ("kind", "type"),
    ("segments", "by"),
    ("level", "severity"),
    ("steps", "milestones"),
    ("parts", "components"),
];

impl<'a> Fields<'a> {
    /// The keys of `node`, which is `what` in messages; none and a problem where it is no mapping.
    pub fn of(node: &'a Node, what: &'static str, problems: &mut Diagnostics) -> Option<Self> {
        match &node.value {
            Value::Map(entries) => Some(Self {
                what,
                shape: None,
                span: node.span,
                entries: entries.iter().map(|(key, value)| (key, value)).collect(),
                asked: Vec::new(),
                there: entries.iter().map(|(key, _)| key.name.as_str()).collect(),
                missing: Vec::new(),
            }),
            _ => {
                problems.push(wrong_shape(node, what, "a mapping"));
                None
            }
        }
    }

    /// The same of a declared shape, which names every key that is asked for.
    pub fn shaped(node: &'a Node, shape: &'static Shape, problems: &mut Diagnostics) -> Option<Self> {
        if !matches!(node.value, Value::Map(_)) {
            let keys: Vec<_> = shape.names().collect();
            let problem = wrong_shape(node, shape.what, "keys with values");
            problems.push(problem.label(format!("keys: {}", keys.join(", "))).help(shape.example(node)));
            return None;
        }
        Self::of(node, shape.what, problems).map(|fields| Self { shape: Some(shape), ..fields })
    }

    /// Where the mapping stands.
    #[must_use]
    pub fn span(&self) -> Span {
        self.span
    }

    /// Whether some key is none that the shape declares: then what seems to be missing may only be misspelt.
    #[must_use]
    pub fn has_unknown(&self) -> bool {
        self.shape.is_some_and(|shape| self.entries.iter().any(|(key, _)| !shape.has(&key.name)))
    }

    /// Takes a key's value out; an explicit null counts as absent.
    pub fn take(&mut self, name: &'static str) -> Option<&'a Node> {
        self.take_with_key(name).map(|(_, value)| value)
    }

    /// A key and its value, which stay to be taken.
    #[must_use]
    pub fn peek(&self, name: &str) -> Option<(&'a Key, &'a Node)> {
        self.entries.iter().copied().find(|(key, value)| key.name == name && value.value != Value::Null)
    }

    /// Takes a key and its value out.
    pub fn take_with_key(&mut self, name: &'static str) -> Option<(&'a Key, &'a Node)> {
        debug_assert!(self.shape.is_none_or(|shape| shape.has(name)), "{} declares no `{name}`", self.what);
        self.asked.push(name);
        let at = self.entries.iter().position(|(key, _)| key.name == name)?;
        Some(self.entries.remove(at)).filter(|(_, value)| value.value != Value::Null)
    }

    /// Takes a key's value out; a problem where it is absent.
    pub fn require(&mut self, name: &'static str, problems: &mut Diagnostics) -> Option<&'a Node> {
        let found = self.take(name);
        if found.is_none() {
            let message = format!("{} needs `{name}`", self.what);
            let problem =
                Diagnostic::at(Code::MissingKey, first_line(self.span), message).help(format!("add `{name}:`"));
            self.missing.push((name, problem.clone()));
            problems.push(problem);
        }
        found
    }

    /// A text value; numbers and booleans are refused so that `1.10` never loses its zero.
    pub fn text(&mut self, name: &'static str, problems: &mut Diagnostics) -> Option<String> {
        let node = self.take(name)?;
        text_of(node, name, problems)
    }

    /// A text value that must be there.
    pub fn require_text(&mut self, name: &'static str, problems: &mut Diagnostics) -> Option<String> {
        let node = self.require(name, problems)?;
        text_of(node, name, problems)
    }

    /// A number.
    pub fn number(&mut self, name: &'static str, problems: &mut Diagnostics) -> Option<f64> {
        let node = self.take(name)?;
        match node.value {
            #[expect(clippy::cast_precision_loss, reason = "numbers in rules are far below 2^53")]
            Value::Integer(number) => Some(number as f64),
            Value::Float(number, _) if number.is_finite() => Some(number),
            _ => {
                problems.push(no_number(node, name, "a number"));
                None
            }
        }
    }

    /// A whole number between two bounds, both included.
    pub fn integer(&mut self, name: &'static str, least: i64, most: i64, problems: &mut Diagnostics) -> Option<i64> {
        let node = self.take(name)?;
        match node.value {
            Value::Integer(number) if (least..=most).contains(&number) => Some(number),
            Value::Integer(number) => {
                let range =
                    if most == i64::MAX { format!("at least {least}") } else { format!("from {least} to {most}") };
                let message = format!("`{name}` must be {range}, not {number}");
                problems.push(Diagnostic::at(Code::InvalidValue, node.span, message));
                None
            }
            _ => {
                problems.push(no_number(node, name, "a whole number"));
                None
            }
        }
    }

    /// `true` or `false`.
    pub fn flag(&mut self, name: &'static str, problems: &mut Diagnostics) -> Option<bool> {
        let node = self.take(name)?;
        match node.value {
            Value::Bool(flag) => Some(flag),
            _ => {
                problems.push(wrong_shape(node, name, "`true` or `false`"));
                None
            }
        }
    }

    /// The items of a list; empty where the key is absent.
    pub fn list(&mut self, name: &'static str, problems: &mut Diagnostics) -> &'a [Node] {
        match self.take(name) {
            None => &[],
            Some(Node { value: Value::List(items), .. }) => items,
            Some(node) => {
                problems.push(wrong_shape(node, name, "a list"));
                &[]
            }
        }
    }

    /// A list of texts.
    pub fn texts(&mut self, name: &'static str, problems: &mut Diagnostics) -> Vec<String> {
        self.list(name, problems).iter().filter_map(|item| text_of(item, name, problems)).collect()
    }

    /// One of the words of `allowed`; the answer is its position.
    pub fn choice(&mut self, name: &'static str, allowed: &[&str], problems: &mut Diagnostics) -> Option<usize> {
        let node = self.take(name)?;
        let word = text_of(node, name, problems)?;
        let found = allowed.iter().position(|candidate| *candidate == word);
        if found.is_none() {
            let message = format!("`{word}` is no value of `{name}`");
            let problem = Diagnostic::at(Code::InvalidValue, node.span, message);
            problems.push(problem.one_of(&word, allowed.iter().copied()));
        }
        found
    }

    /// The keys that were not taken yet, for mappings whose keys are the user's own.
    pub fn rest(&mut self) -> Vec<(&'a Key, &'a Node)> {
        std::mem::take(&mut self.entries)
    }

    /// Reports every key that nobody asked for. One that stands for a key that is missing is the one mistake there is.
    pub fn finish(mut self, problems: &mut Diagnostics) {
        for (key, _) in std::mem::take(&mut self.entries) {
            if !key.name.is_empty() && key.name.chars().all(|c| c.is_ascii_digit()) {
                // In braces a comma ends a value.
                let problem = Diagnostic::at(Code::UnknownKey, key.span, "a number is not a key");
                problems.push(problem.help("numbers are written without separators: 20000"));
                continue;
            }
            let message = format!("unknown key `{}` in {}", key.name, self.what);
            let problem = Diagnostic::at(Code::UnknownKey, key.span, message)
                .label(format!("keys here: {}", self.asked.join(", ")));
            let meant = |name: &&str| SYNONYMS.contains(&(key.name.as_str(), name));
            let missing = self.missing.iter().map(|(name, _)| *name);
            let close = crate::closest(&key.name, missing.clone()).or_else(|| missing.clone().find(meant));
            if let Some(at) = close.and_then(|close| self.missing.iter().position(|(name, _)| *name == close)) {
                let (name, said) = self.missing.remove(at);
                problems.retract(&said);
                problems.push(problem.help(format!("write `{name}`")).fixed_by(key.name.as_str(), name));
                continue;
            }
            let is_there = |name: &&&str| self.there.contains(*name);
            if let Some(name) = crate::closest(&key.name, self.asked.iter().copied()).as_ref().filter(is_there) {
                problems.push(problem.help(format!("`{name}` is there too: leave one of them out")));
                continue;
            }
            let problem = match self.asked.iter().find(|name| meant(name)) {
                Some(name) => problem.help(format!("did you mean `{name}`?")).fixed_by(key.name.as_str(), *name),
                None => problem.suggest(&key.name, self.asked.iter().copied()),
            };
            problems.push(problem);
        }
    }
}

fn text_of(node: &Node, name: &str, problems: &mut Diagnostics) -> Option<String> {
    let text = node.as_text().map(ToOwned::to_owned);
    if text.is_none() {
        let problem = wrong_shape(node, name, "text");
        let is_one = !matches!(node.value, Value::List(_) | Value::Map(_));
        problems.push(if is_one { problem.help("put the value in quotes") } else { problem });
    }
    text
}

/// The problem of a value that is not of the kind expected, with how a number is written where it looks like one.
#[must_use]
pub fn no_number(node: &Node, name: &str, expected: &str) -> Diagnostic {
    let problem = wrong_shape(node, name, expected);
    let looks_like_one = node
        .as_text()
        .is_some_and(|text| text.trim_start_matches(['-', '+', '.']).starts_with(|c: char| c.is_ascii_digit()));
    let help = "digits alone: no `%`, no unit, no separators, and a point before decimals";
    if looks_like_one { problem.help(help) } else { problem }
}

/// The problem of a value of another shape than expected.
fn wrong_shape(node: &Node, name: &str, expected: &str) -> Diagnostic {
    // What a mapping is may be said with an article, or in backticks.
    let is_name = !name.contains(['`', ' ']);
    let name = if is_name { format!("`{name}`") } else { name.to_owned() };
    Diagnostic::at(Code::WrongShape, node.span, format!("{name} must be {expected}, not {}", node.words()))
}

/// A mapping's first characters, so that a caret does not underline a whole file.
fn first_line(span: Span) -> Span {
    Span { end: span.end.min(span.start + 1), ..span }
}
