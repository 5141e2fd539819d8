//! The layout of a YAML file: how far its lines stand to the right, and what stands between them. What it says stays as it
//! is, to the last comment.

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError};

/// Blanks by which the inside of a key or an item stands further to the right.
const STEP: usize = 2;

/// The text with every level two blanks further right than the one around it, without blanks at the ends of lines, and with
/// one empty line at most between two others. None where it is no YAML, or would say something else.
///
/// Lines within a text or a pair of brackets keep their places to each other.
#[must_use]
pub fn laid_out(text: &str) -> Option<String> {
    let text = text.replace("\r\n", "\n");
    let said = events(&text).ok()?;
    let within = within_values(&text).ok()?;
    let mut layout = Layout::default();
    for (line, is_within) in text.lines().zip(within.iter().chain(std::iter::repeat(&false))) {
        layout.line(line, *is_within);
    }
    let laid_out = layout.finish();
    (events(&laid_out).ok()? == said).then_some(laid_out)
}

/// What a text says, without places.
fn events(text: &str) -> Result<Vec<Event<'_>>, ScanError> {
    Parser::new_from_str(text).map(|event| event.map(|(event, _)| event)).collect()
}

/// Of each line whether it goes on with a text, or with a pair of brackets, that began on an earlier one.
fn within_values(text: &str) -> Result<Vec<bool>, ScanError> {
    let characters: Vec<char> = text.chars().collect();
    let line_of: Vec<usize> = characters
        .iter()
        .scan(0, |line, c| {
            let of = *line;
            *line += usize::from(*c == '\n');
            Some(of)
        })
        .collect();
    let mut within = vec![false; line_of.last().map_or(0, |last| last + 1)];
    let lines: Vec<&str> = text.lines().collect();
    let is_empty = |line: usize| lines.get(line).is_some_and(|line| line.trim().is_empty());
    // The parser says of a block of text where its first line with words is.
    let block = |from: usize, style: ScalarStyle| {
        let is_block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
        is_block && !matches!(characters.get(from), Some('|' | '>'))
    };
    let mut hold = |from: usize, until: usize, is_block: bool| {
        let said = characters.get(from..until.min(characters.len())).unwrap_or_default();
        let blank = said.iter().rev().take_while(|c| c.is_whitespace()).count();
        let last = (from + said.len()).saturating_sub(blank + 1);
        if let (Some(first), Some(last)) = (line_of.get(from), line_of.get(last)) {
            let before = (0..*first).rev().take_while(|line| is_block && is_empty(*line)).count();
            let first = if is_block { first - before } else { first + 1 };
            within.iter_mut().take(last + 1).skip(first).for_each(|line| *line = true);
        }
    };
    let mut open = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, span) = event?;
        match event {
            Event::Scalar(_, style, ..) => {
                let from = span.start.index();
                hold(from, span.end.index(), block(from, style));
            }
            Event::SequenceStart(..) | Event::MappingStart(..) => open.push(span.start.index()),
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(from) = open.pop().filter(|from| matches!(characters.get(*from), Some('[' | '{'))) {
                    hold(from, span.end.index(), false);
                }
            }
            _ => {}
        }
    }
    Ok(within)
}

/// A column in which keys or items of one level stand, as written and as laid out.
#[derive(Debug, Clone, Copy)]
struct Level {
    written: usize,
    laid_out: usize,
    is_list: bool,
}

/// Lines so far, and where the next ones stand.
#[derive(Debug, Default)]
struct Layout {
    lines: Vec<String>,
    levels: Vec<Level>,
    /// Comments that stand where the line after them does, each with whether an empty line is before it.
    comments: Vec<(bool, usize, String)>,
    follows_empty: bool,
}

impl Layout {
    fn line(&mut self, line: &str, is_within: bool) {
        let content = line.trim_start_matches(' ');
        let column = line.len() - content.len();
        if is_within {
            self.go_on(content, column);
        } else if content.trim_end().is_empty() {
            self.follows_empty = true;
        } else if content.starts_with('#') {
            self.comments.push((self.follows_empty, column, content.trim_end().to_owned()));
            self.follows_empty = false;
        } else {
            self.begin(content.trim_end(), column);
        }
    }

    /// A line of a value that began before: it moves as that one did.
    fn go_on(&mut self, content: &str, column: usize) {
        let level = self.levels.last().copied().unwrap_or(Level { written: 0, laid_out: 0, is_list: false });
        let column = (column + level.laid_out).saturating_sub(level.written);
        let is_empty = content.is_empty();
        self.lines.push(if is_empty { String::new() } else { format!("{}{content}", " ".repeat(column)) });
    }

    /// A line that begins with a key, an item or a value.
    fn begin(&mut self, content: &str, column: usize) {
        let follows_empty = std::mem::take(&mut self.follows_empty);
        if column == 0 && ["---", "...", "%"].iter().any(|mark| content.starts_with(mark)) {
            self.put_comments(column, column);
            self.levels.clear();
            return self.push(follows_empty, content.to_owned());
        }
        let around = self.levels.clone();
        let laid_out = self.place(column, is_item(content));
        self.put_comments_among(&around, column, laid_out);
        let mut written = " ".repeat(laid_out);
        let (mut rest, mut at) = (content, Level { written: column, laid_out, is_list: true });
        while let Some(inner) = rest.strip_prefix("- ").map(|inner| inner.trim_start_matches(' ')) {
            at.written += rest.len() - inner.len();
            at.laid_out += STEP;
            at.is_list = is_item(inner);
            self.levels.push(at);
            written.push_str("- ");
            rest = inner;
        }
        written.push_str(rest);
        self.push(follows_empty, written);
    }

    /// Where a line of this column stands.
    fn place(&mut self, column: usize, is_list: bool) -> usize {
        while self.levels.last().is_some_and(|level| level.written > column) {
            self.levels.pop();
        }
        // Items may stand below their key, in its column.
        if !is_list && self.levels.last().is_some_and(|level| level.written == column && level.is_list) {
            self.levels.pop();
        }
        match self.levels.last() {
            Some(level) if level.written == column && level.is_list == is_list => level.laid_out,
            around => {
                let laid_out = around.map_or(0, |level| level.laid_out + STEP);
                self.levels.push(Level { written: column, laid_out, is_list });
                laid_out
            }
        }
    }

    fn put_comments(&mut self, column: usize, laid_out: usize) {
        let around = self.levels.clone();
        self.put_comments_among(&around, column, laid_out);
    }

    /// Comments stand with the line after them, or with the level in whose column they were.
    fn put_comments_among(&mut self, around: &[Level], column: usize, laid_out: usize) {
        for (follows_empty, of_comment, comment) in std::mem::take(&mut self.comments) {
            let own = around.iter().find(|level| level.written == of_comment && of_comment != column);
            let column = own.map_or(laid_out, |level| level.laid_out);
            self.push(follows_empty, format!("{}{comment}", " ".repeat(column)));
        }
    }

    fn push(&mut self, follows_empty: bool, line: String) {
        if follows_empty && !self.lines.is_empty() {
            self.lines.push(String::new());
        }
        self.lines.push(line);
    }

    fn finish(mut self) -> String {
        self.put_comments(0, 0);
        let mut text = self.lines.join("\n");
        text.truncate(text.trim_end().len());
        text.push('\n');
        text
    }
}

fn is_item(content: &str) -> bool {
    content == "-" || content.starts_with("- ")
}
