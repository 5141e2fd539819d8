//! What every rule says about itself, whatever its kind, and the defaults a file gives to its rules.

use std::fmt::Write as _;

use chrono::NaiveDate;
use headwater_diagnostics::yaml::{Fields, Holds, KeyShape, Node, Shape, Value, key, required};
use headwater_diagnostics::{Code, Diagnostic, Diagnostics, Sources, Span};

use crate::reading::{Reading, Word, first_of};

/// What every rule says about itself.
pub(crate) const HEADER: &[KeyShape] = &[
    required("id", Holds::Id, "the name in outputs and in other rules, unique in its kind"),
    key("description", Holds::Text, "what it means"),
    key("owner", Holds::Text, "whom to ask"),
    key("tags", Holds::List(&Holds::Text), "how to find it"),
    key(
        "when_unavailable",
        Holds::Words(&UNAVAILABLE),
        "where an input it needs is not declared: an error (the default), or the rule is left out",
    ),
];

/// How loud a rule is, of kinds that have it.
pub(crate) const SEVERITY: &[KeyShape] =
    &[key("severity", Holds::Words(&RuleSeverity::WORDS), "how loud it is when it speaks; `warn` where not said")];

/// From when until when a rule is in force, of kinds that nothing else rests on.
pub(crate) const EFFECTIVE: &[KeyShape] = &[
    key("effective_from", Holds::Day, "the first night it is in force"),
    key("effective_until", Holds::Day, "the last night it is in force"),
];

/// The words of `when_unavailable`.
const UNAVAILABLE: [&str; 2] = ["error", "skip"];

/// What a file gives to its rules.
pub(crate) const DEFAULTS: Shape = Shape::new(
    "`defaults`",
    &[
        &[
            key("owner", Holds::Text, "whom to ask, of rules that name nobody"),
            key("tags", Holds::List(&Holds::Text), "tags of every rule"),
            key("when_unavailable", Holds::Words(&UNAVAILABLE), "for rules that do not say"),
        ],
        SEVERITY,
    ],
);

/// How loud a rule is when it speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RuleSeverity {
    /// For the record.
    Info,
    /// Somebody should look.
    Warn,
    /// Somebody must act; for an audit: nothing is published.
    Error,
}

impl RuleSeverity {
    const WORDS: [&'static str; 3] = ["info", "warn", "error"];

    /// The word in YAML and in outputs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }

    fn read(fields: &mut Fields<'_>, problems: &mut Diagnostics) -> Option<Self> {
        match fields.choice("severity", &Self::WORDS, problems)? {
            0 => Some(Self::Info),
            1 => Some(Self::Warn),
            _ => Some(Self::Error),
        }
    }
}

/// From when until when a rule is in force, both nights included; open where nothing is said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Effective {
    pub(crate) from: Option<NaiveDate>,
    pub(crate) until: Option<NaiveDate>,
}

impl Effective {
    fn read(fields: &mut Fields<'_>, reading: &mut Reading<'_>) -> Self {
        let from = reading.day_at(fields, "effective_from");
        let place = fields.peek("effective_until").map(|(_, node)| node.span);
        let until = reading.day_at(fields, "effective_until");
        if let (Some(first), Some(last), Some(place)) = (from, until, place)
            && last < first
        {
            let message = format!("the rule ends before it begins, on {first}");
            reading.problems.push(Diagnostic::at(Code::Contradiction, place, message));
        }
        Self { from, until }
    }

    /// Whether the rule is in force on a night.
    pub(crate) fn contains(self, night: NaiveDate) -> bool {
        self.from.is_none_or(|first| first <= night) && self.until.is_none_or(|last| night <= last)
    }
}

/// Values a file gives to those of its rules that do not say otherwise.
#[derive(Debug, Clone, Default)]
pub(crate) struct Defaults {
    owner: Option<Word>,
    tags: Vec<String>,
    severity: Option<RuleSeverity>,
    skip_unavailable: bool,
}

impl Defaults {
    /// Reads the `defaults:` block of a file.
    pub(crate) fn read(fields: &mut Fields<'_>, problems: &mut Diagnostics) -> Self {
        let Some(mut block) = fields.take("defaults").and_then(|node| Fields::shaped(node, &DEFAULTS, problems)) else {
            return Self::default();
        };
        let read = Self {
            owner: owner(&mut block, problems),
            tags: block.texts("tags", problems),
            severity: RuleSeverity::read(&mut block, problems),
            skip_unavailable: skips_unavailable(&mut block, problems).unwrap_or(false),
        };
        block.finish(problems);
        read
    }
}

/// What every rule says about itself.
#[derive(Debug, Clone)]
pub(crate) struct Header {
    /// The rule's name; empty where the file gives none (which was reported).
    pub(crate) id: Word,
    pub(crate) description: Option<String>,
    pub(crate) owner: Option<String>,
    /// Where the owner is named.
    pub(crate) owner_place: Option<Span>,
    pub(crate) tags: Vec<String>,
    pub(crate) severity: RuleSeverity,
    pub(crate) effective: Effective,
    /// Whether the rule is left out, instead of refused, where an input it needs is not declared.
    pub(crate) skip_unavailable: bool,
    /// The file it stands in.
    pub(crate) file: String,
    /// The line it starts at.
    pub(crate) line: usize,
    /// The rule as one line of JSON with sorted keys.
    pub(crate) definition: String,
}

impl Header {
    /// Reads the common keys of the rule `node`.
    pub(crate) fn read(node: &Node, fields: &mut Fields<'_>, defaults: &Defaults, reading: &mut Reading<'_>) -> Self {
        let id = reading.id(fields);
        let description = fields.text("description", reading.problems);
        let owner = owner(fields, reading.problems).or_else(|| defaults.owner.clone());
        let mut tags = fields.texts("tags", reading.problems);
        tags.extend(defaults.tags.iter().cloned());
        tags.sort();
        tags.dedup();
        let severity = defaults.severity.unwrap_or(RuleSeverity::Warn);
        let skip_unavailable = skips_unavailable(fields, reading.problems).unwrap_or(defaults.skip_unavailable);
        let (file, line) = place(node, reading.sources);
        Self {
            id,
            description,
            owner_place: owner.as_ref().map(|owner| owner.span),
            owner: owner.map(|owner| owner.text),
            tags,
            severity,
            effective: Effective::default(),
            skip_unavailable,
            file,
            line,
            definition: canonical(node),
        }
    }

    /// Reads the severity too, for kinds that have one.
    pub(crate) fn with_severity(self, fields: &mut Fields<'_>, reading: &mut Reading<'_>) -> Self {
        let severity = RuleSeverity::read(fields, reading.problems).unwrap_or(self.severity);
        Self { severity, ..self }
    }

    /// Reads from when until when it is in force too, for kinds of which that can be said.
    pub(crate) fn with_effective(self, fields: &mut Fields<'_>, reading: &mut Reading<'_>) -> Self {
        Self { effective: Effective::read(fields, reading), ..self }
    }

    /// Warns where nobody could tell what the rule means, or whom to ask (`with_owner`).
    pub(crate) fn warn_if_unexplained(&self, what: &str, with_owner: bool, warnings: &mut Diagnostics) {
        let is_blank = |text: &Option<String>| text.as_deref().is_none_or(|text| text.trim().is_empty());
        let missing = match (is_blank(&self.description), with_owner && is_blank(&self.owner)) {
            (true, true) => "description and no owner",
            (true, false) => "description",
            (false, true) => "owner",
            (false, false) => return,
        };
        if !self.id.text.is_empty() {
            let message = format!("{what} `{}` has no {missing}", self.id.text);
            warnings.push(Diagnostic::at(Code::NoDescription, first_of_id(&self.id), message));
        }
    }
}

fn owner(fields: &mut Fields<'_>, problems: &mut Diagnostics) -> Option<Word> {
    let span = fields.peek("owner").map(|(_, node)| node.span);
    fields.text("owner", problems).zip(span).map(|(text, span)| Word { text, span })
}

fn skips_unavailable(fields: &mut Fields<'_>, problems: &mut Diagnostics) -> Option<bool> {
    fields.choice("when_unavailable", &UNAVAILABLE, problems).map(|choice| choice == 1)
}

fn first_of_id(id: &Word) -> Span {
    if id.text.is_empty() { first_of(id.span) } else { id.span }
}

fn place(node: &Node, sources: &Sources) -> (String, usize) {
    let (line, _) = sources.line_and_column(node.span.file, node.span.start);
    (sources.name(node.span.file).to_owned(), line)
}

/// A value as one line of JSON, keys sorted: equal rules give equal text however they are laid out.
pub(crate) fn canonical(node: &Node) -> String {
    let mut text = String::new();
    write_value(node, &mut text);
    text
}

fn write_value(node: &Node, out: &mut String) {
    match &node.value {
        Value::Null => out.push_str("null"),
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Integer(number) => out.push_str(&number.to_string()),
        Value::Float(number, _) if number.is_finite() => out.push_str(&number.to_string()),
        Value::Float(_, text) | Value::Text(text) => write_text(text, out),
        Value::List(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                out.push_str(if at == 0 { "" } else { "," });
                write_value(item, out);
            }
            out.push(']');
        }
        Value::Map(entries) => {
            let mut sorted: Vec<_> = entries.iter().collect();
            sorted.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
            out.push('{');
            for (at, (key, value)) in sorted.into_iter().enumerate() {
                out.push_str(if at == 0 { "" } else { "," });
                write_text(&key.name, out);
                out.push(':');
                write_value(value, out);
            }
            out.push('}');
        }
    }
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            control if control.is_control() => {
                // Writing to a String cannot fail.
                let _infallible = write!(out, "\\u{:04x}", u32::from(control));
            }
            plain => out.push(plain),
        }
    }
    out.push('"');
}
