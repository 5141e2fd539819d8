//! From a position in a scalar's text to the place in the file where that character was written.

use crate::{Sources, Span};

use super::Node;

/// The place in the file of every character of a text node, whatever quoting it was written in.
#[derive(Debug, Clone)]
pub struct TextPositions {
    span: Span,
    /// For each character of the text, the byte in the file.
    starts: Vec<usize>,
}

impl TextPositions {
    /// Lines up the text of `node` with the characters it was written as.
    ///
    /// Works for plain, quoted and block scalars: characters that only belong to the notation (quotes, escapes,
    /// indentation) are passed over. The span of a block scalar is that of its lines, without the mark above them.
    #[must_use]
    pub fn of(node: &Node, sources: &Sources) -> Self {
        let written = sources.slice(node.span);
        let mut rest = written.char_indices().peekable();
        rest.next_if(|(_, c)| matches!(c, '"' | '\''));
        let mut starts = Vec::new();
        for character in node.as_text().unwrap_or("").chars() {
            while rest.next_if(|&(_, c)| c != character && (c.is_whitespace() || c == '\\' || c == '\'')).is_some() {}
            match rest.peek().copied() {
                Some((at, c)) if c == character || !character.is_whitespace() => {
                    starts.push(node.span.start + at);
                    rest.next();
                    if c == '\'' && written.starts_with('\'') {
                        rest.next_if(|(_, next)| *next == '\'');
                    }
                }
                Some((at, _)) => starts.push(node.span.start + at),
                None => starts.push(node.span.end),
            }
        }
        Self { span: node.span, starts }
    }

    /// The place of the characters from `start` to before `end` of the text (counted in characters).
    #[must_use]
    pub fn span(&self, start: usize, end: usize) -> Span {
        let first = self.starts.get(start).copied().unwrap_or(self.span.end);
        let last = end.checked_sub(1).and_then(|at| self.starts.get(at)).map_or(first, |at| at + 1);
        Span { file: self.span.file, start: first, end: last.max(first) }
    }

    /// The place of the whole text, quotes included.
    #[must_use]
    pub fn whole(&self) -> Span {
        self.span
    }
}
