//! From the text of an expression to the parser's tree, with every position as a count of characters.

use std::ops::Range;

use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Location, Span as TokenSpan, Token, TokenWithSpan, Tokenizer, Whitespace};
use headwater_diagnostics::{Code, Diagnostic};

use super::plan::PLAN_NESTING;
use super::slips::remedy;
use super::walk::MAX_DEPTH;
use crate::reading::Written;

/// Most tokens of one expression: some two thousand conditions side by side.
const MAX_TOKENS: usize = 10_000;

/// Most casts inside each other: the parser reads each of them twice, so that time doubles with every one.
const MAX_CASTS: usize = 8;
const CASTS: [&str; 3] = ["cast", "try_cast", "safe_cast"];

/// Turns the parser's lines and columns into counts of characters from the start.
#[derive(Debug)]
pub(crate) struct Positions {
    lines: Vec<usize>,
    length: usize,
}

impl Positions {
    fn of(text: &str) -> Self {
        let newlines = text.chars().enumerate().filter(|(_, c)| *c == '\n').map(|(at, _)| at + 1);
        Self { lines: std::iter::once(0).chain(newlines).collect(), length: text.chars().count() }
    }

    fn at(&self, location: Location) -> usize {
        let line = usize::try_from(location.line).unwrap_or(0).saturating_sub(1);
        let column = usize::try_from(location.column).unwrap_or(0).saturating_sub(1);
        self.lines.get(line).map_or(self.length, |start| (start + column).min(self.length))
    }

    /// The characters a token covers.
    pub(crate) fn range(&self, span: TokenSpan) -> Range<usize> {
        self.at(span.start)..self.at(span.end)
    }
}

/// Reads a text as one scalar expression.
pub(crate) fn parse(written: &Written) -> Result<(Expr, Positions), Diagnostic> {
    let positions = Positions::of(&written.text);
    let dialect = GenericDialect {};
    let tokens = Tokenizer::new(&dialect, &written.text).tokenize_with_location().map_err(|error| {
        let at = positions.at(error.location);
        let problem = syntax(written, at..at + 1, &error.message);
        let is_open = error.message.contains("nterminated");
        if is_open { problem.help("a `'` has no other: text stands between two, numbers have none") } else { problem }
    })?;
    refuse_comments(written, &positions, &tokens)?;
    refuse_tokens(written, &positions, &tokens)?;
    let mut parser = Parser::new(&dialect).with_recursion_limit(PLAN_NESTING).with_tokens_with_locations(tokens);
    let parsed = parser.parse_expr().and_then(|parsed| match parser.peek_token().token {
        Token::EOF => Ok(parsed),
        _ => parser.expected("the end of the expression", parser.peek_token()),
    });
    match parsed {
        Ok(tree) => Ok((tree, positions)),
        Err(ParserError::RecursionLimitExceeded) => Err(too_deep(written)),
        Err(ParserError::TokenizerError(message) | ParserError::ParserError(message)) => {
            Err(located(written, &positions, &message))
        }
    }
}

/// The tokens of a text that say something, with the characters each covers; none of a text that has no tokens.
pub(crate) fn tokens(written: &Written) -> Vec<(Token, Range<usize>)> {
    let positions = Positions::of(&written.text);
    let tokens = Tokenizer::new(&GenericDialect {}, &written.text).tokenize_with_location().unwrap_or_default();
    let meaningful = tokens.into_iter().filter(|token| !matches!(token.token, Token::Whitespace(_) | Token::EOF));
    meaningful.map(|token| (token.token, positions.range(token.span))).collect()
}

/// The problem of parts inside parts inside parts.
pub(super) fn too_deep(written: &Written) -> Diagnostic {
    Diagnostic::at(Code::ExpressionSyntax, written.whole(), "the expression is nested too deeply")
}

fn syntax(written: &Written, at: Range<usize>, message: &str) -> Diagnostic {
    let mut words = message.trim().to_owned();
    if let Some(rest) = words.strip_prefix("Expected: ") {
        words = format!("expected {rest}");
    }
    // What the parser says of its own making helps nobody.
    if words.starts_with("No infix parser") {
        return Diagnostic::at(Code::ExpressionSyntax, written.span(at), "not a valid expression");
    }
    let words = words.replace("found: EOF", "found the end").replace("found: ", "found `");
    let words = if words.contains("found `") { format!("{words}`") } else { words };
    let mut characters = words.chars();
    let lowered: String = characters.next().map(|c| c.to_ascii_lowercase()).into_iter().chain(characters).collect();
    Diagnostic::at(Code::ExpressionSyntax, written.span(at), format!("not a valid expression: {lowered}"))
}

/// The parser names the place at the end of its message: ` at Line: 1, Column: 5`.
fn located(written: &Written, positions: &Positions, message: &str) -> Diagnostic {
    let Some((words, place)) = message.rsplit_once(" at Line: ") else {
        // The parser gives the end no place; the last thing written is the nearest.
        let last = written.text.trim_end().chars().count().saturating_sub(1);
        return with_remedy(syntax(written, last..last + 1, message), written, last);
    };
    let mut numbers = place.split(", Column: ").map(|number| number.trim().parse::<u64>().unwrap_or(1));
    let line = numbers.next().unwrap_or(1);
    let column = numbers.next().unwrap_or(1);
    let at = positions.at(Location { line, column });
    with_remedy(syntax(written, at..at + 1, words), written, at)
}

fn with_remedy(problem: Diagnostic, written: &Written, at: usize) -> Diagnostic {
    match remedy(&tokens(written), at) {
        Some(remedy) => problem.help(remedy),
        None => problem,
    }
}

/// Refuses comments of SQL: in text that is folded into one line they would swallow the rest of it.
fn refuse_comments(written: &Written, positions: &Positions, tokens: &[TokenWithSpan]) -> Result<(), Diagnostic> {
    let is_comment = |token: &&TokenWithSpan| {
        let Token::Whitespace(space) = &token.token else { return false };
        matches!(space, Whitespace::SingleLineComment { .. } | Whitespace::MultiLineComment(_))
    };
    let Some(comment) = tokens.iter().find(is_comment) else { return Ok(()) };
    let start = positions.range(comment.span).start;
    let problem = Diagnostic::at(
        Code::ConstructRefused,
        written.span(start..start + 2),
        "comments of SQL are not part of the language",
    );
    Err(problem.help("write a comment of YAML: ` # …` behind the value, or on a line of its own"))
}

/// What is written otherwise in this language, by the token that other languages have for it.
fn written_otherwise(token: &Token) -> Option<(&'static str, &'static str)> {
    match token {
        Token::Ampersand => Some(("`&` is not part of the language", "write AND")),
        Token::Pipe => Some(("`|` is not part of the language", "write OR")),
        Token::Overlap => Some(("`&&` is not part of the language", "write AND")),
        Token::ExclamationMark => Some(("`!` is not part of the language", "write NOT")),
        Token::DoubleEq => Some(("`==` is not part of the language", "write `=`")),
        Token::DoubleColon => Some(("`::` is not part of the language", "write `CAST(value AS type)`")),
        Token::Char('≥') => Some(("`≥` is not part of the language", "write `>=`")),
        Token::Char('≤') => Some(("`≤` is not part of the language", "write `<=`")),
        Token::Char('≠') => Some(("`≠` is not part of the language", "write `<>`")),
        Token::Char('–' | '—' | '−') => Some(("a dash that is no minus", "write `-`")),
        Token::Char('“' | '”' | '„' | '‘' | '’' | '«' | '»') => {
            Some(("quotes of another kind", "text stands between two `'`"))
        }
        Token::Char('€' | '£' | '¥') => Some(("a sign of a currency", "write the amount alone")),
        _ => None,
    }
}

/// Refuses what can be told from the words alone, before the parser gives it another meaning.
fn refuse_tokens(written: &Written, positions: &Positions, tokens: &[TokenWithSpan]) -> Result<(), Diagnostic> {
    let meaningful = tokens.iter().filter(|token| !matches!(token.token, Token::Whitespace(_) | Token::EOF));
    let mut count = 0_usize;
    // The open brackets, and whether each is that of a cast.
    let mut open: Vec<bool> = Vec::new();
    let mut follows_cast = false;
    for token in meaningful {
        count += 1;
        let range = positions.range(token.span);
        match &token.token {
            Token::Placeholder(text) if text.chars().skip(1).all(|c| c.is_ascii_digit()) => {
                let problem = Diagnostic::at(
                    Code::PlaceholderRefused,
                    written.span(range),
                    "neither signs of currencies nor placeholders are part of the language",
                );
                return Err(problem.help("write the amount alone, or declare it under `params` and write `param.name`"));
            }
            Token::Placeholder(_) | Token::LBrace | Token::Colon => {
                return Err(Diagnostic::at(
                    Code::PlaceholderRefused,
                    written.span(range),
                    "placeholders are not allowed",
                )
                .label("not a value")
                .help("declare the value under `params` and write `param.name`"));
            }
            Token::LParen => {
                open.push(follows_cast);
                let casts = open.iter().filter(|cast| **cast).count();
                if open.len() > MAX_DEPTH || casts > MAX_CASTS {
                    return Err(too_deep(written));
                }
            }
            Token::RParen => {
                open.pop();
            }
            token if written_otherwise(token).is_some() => {
                let (message, help) = written_otherwise(token).unwrap_or_default();
                return Err(Diagnostic::at(Code::ExpressionSyntax, written.span(range), message).help(help));
            }
            Token::SemiColon => {
                return Err(syntax(written, range, "one expression only, without `;`"));
            }
            _ => {}
        }
        follows_cast = matches!(&token.token, Token::Word(word) if CASTS.contains(&word.value.to_lowercase().as_str()));
    }
    match count {
        0 => Err(Diagnostic::at(Code::ExpressionSyntax, written.whole(), "the expression is empty")),
        1..=MAX_TOKENS => Ok(()),
        _ => {
            let message = format!("the expression is longer than {MAX_TOKENS} words");
            Err(Diagnostic::at(Code::ExpressionSyntax, written.span(0..1), message))
        }
    }
}
