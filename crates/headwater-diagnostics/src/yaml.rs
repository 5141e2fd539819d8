//! YAML with the place of every key and value, and a reader that misses no key.
//!
//! YAML 1.2 core schema: `no` and `on` are text. Equal keys in one mapping, tags, several documents and
//! nesting beyond [`MAX_DEPTH`] are reported as problems.

use std::collections::BTreeMap;

use saphyr::Scalar;
use saphyr_parser::{Event, Parser, ScalarStyle, ScanError};

use crate::{Code, Diagnostic, Diagnostics, FileId, Sources, Span};

mod alignment;
mod fields;
mod layout;
mod shape;
mod version;

pub use alignment::TextPositions;
pub use fields::{Fields, no_number};
pub use layout::laid_out;
pub use shape::{Holds, KeyShape, Shape, key, required};
pub use version::{LANGUAGE_VERSION, migrated};

/// Deepest nesting that is read; the language needs less than ten.
pub const MAX_DEPTH: usize = 64;
/// Most nodes a file may expand to, aliases included.
pub const MAX_NODES: usize = 500_000;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The whole value.
    pub span: Span,
    /// What it is.
    pub value: Value,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing, or `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction or exponent, with the text it was written as.
    Float(f64, String),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// Keys and values in the order written.
    Map(Vec<(Key, Node)>),
}

/// A key of a mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The key as text.
    pub name: String,
    /// Where it stands.
    pub span: Span,
}

impl Node {
    /// What the value is, in words for a message.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "true or false",
            Value::Integer(_) => "a whole number",
            Value::Float(..) => "a number",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }

    /// The same, with the value where it is short.
    #[must_use]
    pub fn words(&self) -> String {
        match &self.value {
            Value::Bool(flag) => format!("`{flag}`"),
            Value::Integer(number) => format!("the number {number}"),
            Value::Float(_, text) => format!("the number {text}"),
            _ => self.kind().to_owned(),
        }
    }

    /// The text, where the value is text.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// Reads the one document of a file. An empty file is a null node.
///
/// Problems are added to `problems`; `None` means that nothing could be read.
pub fn read(file: FileId, sources: &Sources, problems: &mut Diagnostics) -> Option<Node> {
    let text = sources.text(file);
    let mut reader = Reader::new(file, text);
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let step = event
            .map_err(|error| reader.syntax(&error))
            .and_then(|(event, span)| reader.event(event, span.start.index(), span.end.index()));
        if let Err(problem) = step {
            reader.problems.push(problem);
            problems.append(reader.problems);
            return None;
        }
    }
    let whole = reader.span(0, usize::MAX);
    problems.append(reader.problems);
    Some(reader.document.unwrap_or(Node { span: whole, value: Value::Null }))
}

/// A list or mapping that is still open.
enum Open {
    List { start: usize, anchor: usize, items: Vec<Node> },
    Map { start: usize, anchor: usize, entries: Vec<(Key, Node)>, key: Option<Key> },
}

struct Reader<'t> {
    file: FileId,
    text: &'t str,
    /// The byte of each character, and the text's length at the end.
    bytes: Vec<usize>,
    open: Vec<Open>,
    /// The byte after the last value so far.
    ended: usize,
    anchors: BTreeMap<usize, Node>,
    nodes: usize,
    document: Option<Node>,
    problems: Diagnostics,
}

impl<'t> Reader<'t> {
    fn new(file: FileId, text: &'t str) -> Self {
        let mut bytes: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        bytes.push(text.len());
        Self {
            file,
            text,
            bytes,
            open: Vec::new(),
            ended: 0,
            anchors: BTreeMap::new(),
            nodes: 0,
            document: None,
            problems: Diagnostics::new(),
        }
    }

    /// The byte range of a range of characters.
    fn span(&self, start: usize, end: usize) -> Span {
        let last = self.bytes.last().copied().unwrap_or(0);
        let byte = |at: usize| self.bytes.get(at).copied().unwrap_or(last);
        Span { file: self.file, start: byte(start), end: byte(end).max(byte(start)) }
    }

    /// The place of a scalar. The parser takes blanks and a comment after a closing quote for a part of it.
    fn scalar_span(&mut self, style: ScalarStyle, start: usize, end: usize) -> Span {
        let span = self.span(start, end);
        let written = self.text.get(span.start..span.end).unwrap_or("");
        let length = match style {
            ScalarStyle::SingleQuoted => quoted_length(written, '\''),
            ScalarStyle::DoubleQuoted => quoted_length(written, '"'),
            _ => written.trim_end().len(),
        };
        self.ended = if length == 0 { self.ended } else { span.start + length };
        Span { end: span.start + length, ..span }
    }

    /// The place of a list or mapping that starts at a character, and whose end the parser finds between two others:
    /// at its bracket, with blanks and a comment after it, or at whatever comes after one without brackets.
    fn collection_span(&mut self, first: usize, start: usize, end: usize) -> Span {
        if end > start {
            self.ended = self.span(start, start + 1).end;
        }
        let whole = self.span(first, end);
        Span { end: self.ended.max(whole.start), ..whole }
    }

    /// A warning about text that goes on behind a `#`, where it is no longer read.
    fn cut_off(&self, node: &Node) -> Option<Diagnostic> {
        let (behind, from) = match node.value {
            Value::Text(_) => (self.text.get(node.span.end..)?, node.span.end),
            // Nothing is left of it but the key before.
            Value::Null if node.span.start == node.span.end => {
                (self.text.get(self.ended..)?.strip_prefix(':')?, self.ended + 1)
            }
            _ => return None,
        };
        let line = behind.lines().next()?.trim_end();
        let comment = line.trim_start_matches([' ', '\t']);
        let was_meant = comment.strip_prefix('#')?.starts_with(|c: char| c.is_alphanumeric() || c == '{');
        let start = from + line.len() - comment.len();
        let span = Span { file: self.file, start, end: from + line.len() };
        let problem =
            Diagnostic::at(Code::CutByComment, span, "what stands behind this `#` is a comment, and not read");
        (was_meant && comment.len() < line.len())
            .then(|| problem.help("put the whole text in quotes; behind the `#` of a comment, put a blank"))
    }

    /// The `#` shortly before a byte that makes the end of a `{…}` or `[…]` a comment.
    fn comment_over_bracket(&self, before: usize) -> Option<Span> {
        const LINES: usize = 8;
        let read = self.text.get(..before)?;
        let mut end = read.len();
        read.rsplit('\n').take(LINES).find_map(|line| {
            let start = end - line.len();
            end = start.saturating_sub(1);
            let comment = start + comment_in_brackets(line)?;
            Some(Span { file: self.file, start: comment, end: start + line.trim_end().len() })
        })
    }

    /// Whether the text can be read beyond a byte once a `#` is a letter.
    fn goes_on_without(&self, comment: Span, failed: usize) -> bool {
        let (Some(before), Some(behind)) = (self.text.get(..comment.start), self.text.get(comment.start + 1..)) else {
            return false;
        };
        let text = format!("{before}x{behind}");
        let mut parser = Parser::new_from_str(&text);
        let error = std::iter::from_fn(|| parser.next_event()).find_map(Result::err);
        error.is_none_or(|error| self.span(error.marker().index(), 0).start > failed)
    }

    fn syntax(&self, error: &ScanError) -> Diagnostic {
        let at = error.marker().index();
        let failed = self.span(at, at).start;
        if let Some(comment) =
            self.comment_over_bracket(failed).filter(|comment| self.goes_on_without(*comment, failed))
        {
            let message =
                "invalid YAML: what stands behind this `#` is a comment, and the bracket in it closes nothing";
            return Diagnostic::at(Code::InvalidYaml, comment, message).help("put the text with the `#` in quotes");
        }
        let problem = Diagnostic::at(
            Code::InvalidYaml,
            self.span(at, at + 1),
            format!("invalid YAML: {}", error.info().replace("double-quoted", "quoted")),
        );
        problem.help(remedy(error.info(), self.text.get(self.span(at, at).start..).unwrap_or_default()))
    }

    fn event(&mut self, event: Event<'_>, start: usize, end: usize) -> Result<(), Diagnostic> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let span = self.scalar_span(style, start, end);
                if tag.is_some() {
                    let problem = Diagnostic::at(Code::InvalidYaml, span, "tags are not part of the language");
                    self.problems.push(problem.help("remove the `!`, or put the text in quotes"));
                }
                let node = Node { span, value: scalar(&text, style) };
                if style == ScalarStyle::Plain {
                    self.problems.extend(self.cut_off(&node));
                }
                self.add(node, anchor)
            }
            Event::SequenceStart(anchor, _) => self.descend(Open::List { start, anchor, items: Vec::new() }),
            Event::MappingStart(anchor, _) => self.descend(Open::Map { start, anchor, entries: Vec::new(), key: None }),
            Event::SequenceEnd | Event::MappingEnd => self.close(start, end),
            Event::Alias(anchor) => self.alias(anchor, start, end),
            Event::DocumentStart(_) if self.document.is_some() => Err(Diagnostic::at(
                Code::InvalidYaml,
                self.span(start, end.max(start + 1)),
                "a second document in one file",
            )
            .help("put it in a file of its own")),
            _ => Ok(()),
        }
    }

    fn descend(&mut self, open: Open) -> Result<(), Diagnostic> {
        if self.open.len() >= MAX_DEPTH {
            let (Open::List { start, .. } | Open::Map { start, .. }) = open;
            let span = self.span(start, start + 1);
            return Err(Diagnostic::at(Code::InvalidYaml, span, format!("nested deeper than {MAX_DEPTH} levels")));
        }
        self.open.push(open);
        Ok(())
    }

    fn close(&mut self, start: usize, end: usize) -> Result<(), Diagnostic> {
        let (first, anchor, value) = match self.open.pop() {
            Some(Open::List { start, anchor, items }) => (start, anchor, Value::List(items)),
            Some(Open::Map { start, anchor, entries, .. }) => (start, anchor, Value::Map(entries)),
            None => return Ok(()),
        };
        let span = self.collection_span(first, start, end);
        self.add(Node { span, value }, anchor)
    }

    fn alias(&mut self, anchor: usize, start: usize, end: usize) -> Result<(), Diagnostic> {
        let span = self.span(start, end);
        self.ended = span.end;
        match self.anchors.get(&anchor).cloned() {
            Some(node) => {
                self.nodes += count(&node);
                self.add(node, 0)
            }
            None => Err(Diagnostic::at(Code::InvalidYaml, span, "an alias inside its own anchor")),
        }
    }

    fn add(&mut self, node: Node, anchor: usize) -> Result<(), Diagnostic> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            let message = format!("the file expands to more than {MAX_NODES} values");
            return Err(Diagnostic::at(Code::InvalidYaml, node.span, message));
        }
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut() {
            None => self.document = Some(node),
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Map { entries, key, .. }) => match key.take() {
                None => *key = Some(as_key(&node, &mut self.problems)),
                Some(name) if entries.iter().any(|(known, _)| known.name == name.name) => {
                    let message = format!("the key `{}` stands twice", name.name);
                    self.problems.push(
                        Diagnostic::at(Code::DuplicateKey, name.span, message)
                            .label("again here")
                            .help("leave one of them out; in a list every item begins with `- `"),
                    );
                }
                Some(name) => entries.push((name, node)),
            },
        }
        Ok(())
    }
}

/// How text that is no YAML is mended most likely, by what the parser says and what stands there.
fn remedy(info: &str, rest: &str) -> &'static str {
    let has = |words: &[&str]| words.iter().any(|word| info.contains(word));
    if has(&["tab"]) || rest.starts_with('\t') {
        "indent with blanks: a tab is no indentation"
    } else if has(&["trailing content"]) {
        "the quote ended before: put `'` around the whole text, and write each `'` within it twice"
    } else if has(&["only valid inside a block"]) {
        "a `{` or a `[` above is not closed, or an item begins in another column than those before"
    } else if has(&["expected comment or line break"]) {
        "text that begins with `>` or `|` stands in quotes"
    } else if has(&["unknown escape", "escape character", "escape"]) {
        "between double quotes `\\` begins an escape: write it twice, or use single quotes"
    } else if has(&["unexpected end of stream", "quoted scalar"]) {
        "a quote or a bracket is not closed: in quotes, text ends at the next quote of the same kind"
    } else if has(&["flow sequence", "flow mapping", "',' or ']'", "',' or '}'"]) {
        "a `[` needs its `]`, a `{` its `}`, and items stand apart by commas"
    } else if has(&["simple key", "mapping values", "indentation", "block", "expected ':'", "':'"]) {
        "keys of one item begin in the same column, each with `:` and a blank behind it; text with `: ` in it stands in quotes"
    } else {
        "text with `: `, ` #`, or a bracket in it, or that begins with a sign, stands in quotes"
    }
}

/// Where a comment begins in a line, if a bracket is open there and the comment has one that would close it.
fn comment_in_brackets(line: &str) -> Option<usize> {
    let (mut depth, mut quote, mut before) = (0_i32, None, ' ');
    for (at, c) in line.char_indices() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') if " [{,".contains(before) => quote = Some(c),
            (None, '{' | '[') => depth += 1,
            (None, '}' | ']') => depth -= 1,
            (None, '#') if before == ' ' => {
                let closes = line.get(at..).is_some_and(|comment| comment.contains(['}', ']']));
                return (depth > 0 && closes).then_some(at);
            }
            _ => {}
        }
        before = c;
    }
    None
}

/// The bytes of a quoted scalar, both quotes included.
fn quoted_length(written: &str, quote: char) -> usize {
    let mut rest = written.char_indices().skip(1).peekable();
    while let Some((at, c)) = rest.next() {
        let escapes = if quote == '"' { c == '\\' } else { c == quote };
        let escaped = escapes && rest.next_if(|(_, next)| quote == '"' || *next == quote).is_some();
        if c == quote && !escaped {
            return at + quote.len_utf8();
        }
    }
    written.len()
}

fn as_key(node: &Node, problems: &mut Diagnostics) -> Key {
    let name = match &node.value {
        Value::Text(text) | Value::Float(_, text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Null | Value::List(_) | Value::Map(_) => {
            problems.push(Diagnostic::at(
                Code::WrongShape,
                node.span,
                format!("a key must be text, not {}", node.kind()),
            ));
            String::new()
        }
    };
    Key { name, span: node.span }
}

fn count(node: &Node) -> usize {
    match &node.value {
        Value::List(items) => 1 + items.iter().map(count).sum::<usize>(),
        Value::Map(entries) => 1 + entries.iter().map(|(_, value)| count(value)).sum::<usize>(),
        _ => 1,
    }
}

/// A scalar by the core schema: only plain scalars can be other than text.
fn scalar(text: &str, style: ScalarStyle) -> Value {
    if style != ScalarStyle::Plain {
        return Value::Text(text.to_owned());
    }
    if text.is_empty() {
        return Value::Null;
    }
    match Scalar::parse_from_cow(text.into()) {
        Scalar::Null => Value::Null,
        Scalar::Boolean(flag) => Value::Bool(flag),
        Scalar::Integer(number) => Value::Integer(number),
        Scalar::FloatingPoint(number) => Value::Float(number.into_inner(), text.to_owned()),
        Scalar::String(text) => Value::Text(text.into_owned()),
    }
}
