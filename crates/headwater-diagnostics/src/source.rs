//! The texts a diagnostic can point into, and the byte ranges that point.

use std::ops::Range;

use crate::Place;

/// A text known to [`Sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(u32);

/// A range of bytes in one text; ordered by file, then by position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The text pointed into.
    pub file: FileId,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// The part of this span that starts `offset` bytes into it and is `length` bytes long, cut at its end.
    #[must_use]
    pub fn part(self, offset: usize, length: usize) -> Self {
        let start = (self.start + offset).min(self.end);
        Self { file: self.file, start, end: (start + length).min(self.end) }
    }
}

/// Every text that was read, in the order it was added.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    files: Vec<Source>,
}

#[derive(Debug, Clone)]
struct Source {
    name: String,
    text: String,
}

impl Sources {
    /// Adds a text under the name that messages show (a path relative to the project).
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> FileId {
        let id = FileId(u32::try_from(self.files.len()).unwrap_or(u32::MAX));
        self.files.push(Source { name: name.into(), text: text.into() });
        id
    }

    /// The name a text was added under; empty for a text of other sources.
    #[must_use]
    pub fn name(&self, file: FileId) -> &str {
        self.get(file).map_or("", |source| &source.name)
    }

    /// The text itself; empty for a text of other sources.
    #[must_use]
    pub fn text(&self, file: FileId) -> &str {
        self.get(file).map_or("", |source| &source.text)
    }

    /// The text a span covers; empty where the span does not fit.
    #[must_use]
    pub fn slice(&self, span: Span) -> &str {
        self.text(span.file).get(span.start..span.end).unwrap_or("")
    }

    /// Every text's id, in order.
    pub fn ids(&self) -> impl Iterator<Item = FileId> + use<> {
        let count = u32::try_from(self.files.len()).unwrap_or(u32::MAX);
        (0..count).map(FileId)
    }

    /// The same texts, but for a span of one of them; unchanged where the span does not fit.
    #[must_use]
    pub fn with(&self, span: Span, instead: &str) -> Self {
        let mut changed = self.clone();
        let text = changed.files.get_mut(span.file.0 as usize).map(|source| &mut source.text);
        if let Some(text) = text.filter(|text| text.get(span.start..span.end).is_some()) {
            text.replace_range(span.start..span.end, instead);
        }
        changed
    }

    /// Line and column (both from 1, columns in characters) of a byte position.
    #[must_use]
    pub fn line_and_column(&self, file: FileId, position: usize) -> (usize, usize) {
        let text = self.text(file);
        let before = text.get(..position.min(text.len())).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        (line, column)
    }

    /// A place as `file:line:column`, or the name of what it is.
    #[must_use]
    pub fn in_words(&self, place: &Place) -> String {
        match place {
            Place::Named(name) => name.clone(),
            Place::Span(span) => {
                let (line, column) = self.line_and_column(span.file, span.start);
                format!("{}:{line}:{column}", self.name(span.file))
            }
        }
    }

    fn get(&self, file: FileId) -> Option<&Source> {
        self.files.get(file.0 as usize)
    }

    /// The range of a span, clamped to the text and to character boundaries.
    pub(crate) fn clamped(&self, span: Span) -> Range<usize> {
        let text = self.text(span.file);
        let floor = |mut at: usize| {
            at = at.min(text.len());
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let start = floor(span.start);
        start..floor(span.end).max(start)
    }
}
