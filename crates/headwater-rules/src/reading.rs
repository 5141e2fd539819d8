//! Words and expressions as they stand in a file, and the readers that all rule kinds share.

use std::ops::Range;

use chrono::NaiveDate;
use headwater_diagnostics::yaml::{Fields, Node, TextPositions, Value};
use headwater_diagnostics::{Code, Diagnostic, Diagnostics, Sources, Span};

/// The longest id: ids become names of columns, which many warehouses cut off there.
const LONGEST_ID: usize = 63;

/// A text value and its place.
#[derive(Debug, Clone)]
pub(crate) struct Word {
    /// The value.
    pub(crate) text: String,
    /// Where it stands.
    pub(crate) span: Span,
}

/// A text whose parts can be pointed at: an expression, a band, a summary.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    /// The text, notation removed.
    pub(crate) text: String,
    positions: TextPositions,
    /// Where the text starts among the positions.
    first: usize,
}

impl Written {
    /// The place of a range of characters of the text; an empty range points at one character.
    pub(crate) fn span(&self, characters: Range<usize>) -> Span {
        let start = self.first + characters.start;
        self.positions.span(start, (self.first + characters.end).max(start + 1))
    }

    /// A part of the text as a text of its own, pointing at the same places.
    pub(crate) fn part(&self, characters: Range<usize>) -> Self {
        let length = characters.end.saturating_sub(characters.start);
        let text = self.text.chars().skip(characters.start).take(length).collect();
        Self { text, positions: self.positions.clone(), first: self.first + characters.start }
    }

    /// The place of the whole text without its quotes.
    pub(crate) fn whole(&self) -> Span {
        match self.text.chars().count() {
            0 => self.positions.whole(),
            length => self.span(0..length),
        }
    }
}

/// Reads values of one file; every problem goes to `problems`.
#[derive(Debug)]
pub(crate) struct Reading<'a> {
    pub(crate) sources: &'a Sources,
    pub(crate) problems: &'a mut Diagnostics,
}

impl Reading<'_> {
    /// A text node with its positions; a problem where it is no text.
    pub(crate) fn written(&mut self, node: &Node, name: &str) -> Option<Written> {
        match node.as_text() {
            Some(text) => {
                Some(Written { text: text.to_owned(), positions: TextPositions::of(node, self.sources), first: 0 })
            }
            None => {
                self.wrong_shape(node, name, "text in quotes");
                None
            }
        }
    }

    /// A text node with its place.
    pub(crate) fn word(&mut self, node: &Node, name: &str) -> Option<Word> {
        match node.as_text() {
            Some(text) => Some(Word { text: text.to_owned(), span: node.span }),
            None => {
                self.wrong_shape(node, name, "text");
                None
            }
        }
    }

    /// An optional text under a key.
    pub(crate) fn word_at(&mut self, fields: &mut Fields<'_>, name: &'static str) -> Option<Word> {
        let node = fields.take(name)?;
        self.word(node, name)
    }

    /// A text under a key that must be there.
    pub(crate) fn require_word(&mut self, fields: &mut Fields<'_>, name: &'static str) -> Option<Word> {
        let node = fields.require(name, self.problems)?;
        self.word(node, name)
    }

    /// An optional expression under a key.
    pub(crate) fn written_at(&mut self, fields: &mut Fields<'_>, name: &'static str) -> Option<Written> {
        let node = fields.take(name)?;
        self.written(node, name)
    }

    /// An expression under a key that must be there.
    pub(crate) fn require_written(&mut self, fields: &mut Fields<'_>, name: &'static str) -> Option<Written> {
        let node = fields.require(name, self.problems)?;
        self.written(node, name)
    }

    /// A list of texts with their places; a single text stands for a list of one.
    pub(crate) fn words_at(&mut self, fields: &mut Fields<'_>, name: &'static str) -> Vec<Word> {
        fields.take(name).map(|node| self.words(node, name)).unwrap_or_default()
    }

    /// The same of a node.
    pub(crate) fn words(&mut self, node: &Node, name: &str) -> Vec<Word> {
        match &node.value {
            Value::List(items) => items.iter().filter_map(|item| self.word(item, name)).collect(),
            _ => self.word(node, name).into_iter().collect(),
        }
    }

    /// A calendar day.
    pub(crate) fn day(&mut self, node: &Node, name: &str) -> Option<NaiveDate> {
        let day = node.as_text().and_then(|text| text.parse().ok());
        let is_written_as_day = |text: &str| text.len() == 10 && text.bytes().filter(u8::is_ascii_digit).count() == 8;
        match node.as_text().filter(|text| day.is_none() && is_written_as_day(text)) {
            Some(text) => {
                let message = format!("`{text}` is no calendar day");
                self.problems.push(Diagnostic::at(Code::InvalidValue, node.span, message).label("written YYYY-MM-DD"));
            }
            None if day.is_none() => self.wrong_shape(node, name, "a date, written YYYY-MM-DD"),
            None => {}
        }
        day
    }

    /// An optional day under a key.
    pub(crate) fn day_at(&mut self, fields: &mut Fields<'_>, name: &'static str) -> Option<NaiveDate> {
        let node = fields.take(name)?;
        self.day(node, name)
    }

    /// A number under a key that must be there.
    pub(crate) fn require_number(&mut self, fields: &mut Fields<'_>, name: &'static str) -> Option<f64> {
        let node = fields.require(name, self.problems)?;
        self.number(node, name)
    }

    /// A number.
    pub(crate) fn number(&mut self, node: &Node, name: &str) -> Option<f64> {
        match &node.value {
            #[expect(clippy::cast_precision_loss, reason = "numbers in rules are far below 2^53")]
            Value::Integer(number) => Some(*number as f64),
            Value::Float(number, _) if number.is_finite() => Some(*number),
            _ => {
                self.wrong_shape(node, name, "a number");
                None
            }
        }
    }

    /// The items of a list that must be there and not be empty.
    pub(crate) fn require_list<'a>(&mut self, fields: &mut Fields<'a>, name: &'static str) -> &'a [Node] {
        let Some(node) = fields.require(name, self.problems) else { return &[] };
        match &node.value {
            Value::List(items) if !items.is_empty() => items,
            Value::List(_) => {
                self.problems.push(Diagnostic::at(Code::InvalidValue, node.span, format!("`{name}` is empty")));
                &[]
            }
            _ => {
                self.wrong_shape(node, name, "a list");
                &[]
            }
        }
    }

    /// The id of an item, which must be there; one of a wrong form is reported and kept, so that nothing cascades.
    pub(crate) fn id(&mut self, fields: &mut Fields<'_>) -> Word {
        match self.require_word(fields, "id") {
            Some(id) => {
                self.check_id(&id);
                id
            }
            None => Word { text: String::new(), span: fields.span() },
        }
    }

    /// Reports an id of a wrong form.
    pub(crate) fn check_id(&mut self, id: &Word) {
        let starts = id.text.starts_with(|first: char| first.is_ascii_lowercase());
        let rest = id.text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if !(starts && rest) {
            let message = format!("`{}` is not a valid id", id.text);
            let problem = Diagnostic::at(Code::InvalidValue, id.span, message);
            self.problems.push(problem.help("an id is a lower-case letter, then lower-case letters, digits and `_`"));
        } else if id.text.len() > LONGEST_ID {
            let message = format!("an id of {} characters", id.text.len());
            let problem = Diagnostic::at(Code::InvalidValue, id.span, message);
            self.problems.push(problem.help(format!("ids name columns and rows: at most {LONGEST_ID} characters")));
        }
    }

    /// Reports a value of another shape than expected.
    pub(crate) fn wrong_shape(&mut self, node: &Node, name: &str, expected: &str) {
        let is_name = !name.contains(['`', ' ']);
        let name = if is_name { format!("`{name}`") } else { name.to_owned() };
        let message = format!("{name} must be {expected}, not {}", node.words());
        self.problems.push(Diagnostic::at(Code::WrongShape, node.span, message));
    }
}

/// A span's first character, so that a caret does not underline a whole item.
pub(crate) fn first_of(span: Span) -> Span {
    span.part(0, 1)
}
