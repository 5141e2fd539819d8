//! The words of SQL in a project file, read before any table is known.

use datafusion::sql::sqlparser::ast::{Expr, Statement};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};
use headwater_diagnostics::{Code, Diagnostic};

use crate::{SqlText, sql};

/// Most conditions of one text that AND and OR join: the engine's time for more is no longer short.
const MAX_CONDITIONS: usize = 5_000;
/// Most brackets inside each other.
const MAX_BRACKETS: usize = 64;
/// Most operators that wait for each other: those of one calculation, and of the brackets it stands in.
const MAX_OPERATORS: usize = 256;
/// Most casts inside each other: the parser reads each of them twice, so that time doubles with every one.
const MAX_CASTS: usize = 8;
/// Words after which a calculation begins anew.
const BEGIN_ANEW: &[Keyword] = &[
    Keyword::WHEN,
    Keyword::THEN,
    Keyword::ELSE,
    Keyword::SELECT,
    Keyword::FROM,
    Keyword::JOIN,
    Keyword::ON,
    Keyword::WHERE,
    Keyword::HAVING,
    Keyword::BY,
];
/// Levels that the parser may go down; a text that keeps within the limits above needs fewer.
const PARSER_LEVELS: usize = 1_000;

/// What is wrong with the words of an expression. The exact name of a column, which may hold blanks, is no SQL and
/// right all the same.
#[must_use]
pub fn expression_syntax(text: &SqlText) -> Option<Diagnostic> {
    let is_part_of_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | ' ' | '-' | '.' | '/' | '#');
    if text.text.chars().all(is_part_of_name) { None } else { expression(text).err() }
}

/// An expression's text, parsed.
pub(crate) fn expression(text: &SqlText) -> Result<Expr, Diagnostic> {
    read(text, |parser| {
        let expression = parser.parse_expr()?;
        parser.expect_token(&Token::EOF).map(|_| expression)
    })
}

/// The statements of a query's text, parsed.
pub(crate) fn statements(text: &SqlText) -> Result<Vec<Statement>, Diagnostic> {
    read(text, |parser| parser.parse_statements())
}

fn read<T>(text: &SqlText, parse: impl FnOnce(&mut Parser<'_>) -> Result<T, ParserError>) -> Result<T, Diagnostic> {
    let dialect = GenericDialect {};
    let tokens = Tokenizer::new(&dialect, &text.text).tokenize_with_location();
    let tokens = tokens.map_err(|error| sql::refused(error.into(), text))?;
    if let Some(reason) = excess(&tokens) {
        let problem = Diagnostic::at(Code::MappingInvalid, text.span, reason);
        return Err(problem.help("name the values in a list, `x IN (…)`, or join a source that has them with `sql:`"));
    }
    let mut parser = Parser::new(&dialect).with_recursion_limit(PARSER_LEVELS).with_tokens_with_locations(tokens);
    parse(&mut parser).map_err(|error| sql::refused(error, text))
}

/// What opens with a bracket, or the whole text.
#[derive(Default)]
struct Part {
    is_cast: bool,
    operators: usize,
}

/// What the text has more of than can be planned: a parser and an engine go down one level for each.
fn excess(tokens: &[TokenWithSpan]) -> Option<String> {
    let mut open = vec![Part::default()];
    let mut conditions = 1_usize;
    let mut follows_cast = false;
    for token in tokens.iter().map(|token| &token.token) {
        let is_inside = open.len() > 1;
        let part = open.last_mut()?;
        let mut names_cast = false;
        match token {
            Token::Whitespace(_) => continue,
            Token::LParen => open.push(Part { is_cast: follows_cast, operators: 0 }),
            Token::RParen if is_inside => drop(open.pop()),
            Token::Word(word) => match word.keyword {
                Keyword::AND | Keyword::OR => {
                    conditions += 1;
                    part.operators = 0;
                }
                word if BEGIN_ANEW.contains(&word) => part.operators = 0,
                Keyword::CASE | Keyword::NOT => part.operators += 1,
                Keyword::CAST | Keyword::TRY_CAST | Keyword::SAFE_CAST => names_cast = true,
                _ => {}
            },
            Token::Comma => part.operators = 0,
            Token::Number(..) | Token::SingleQuotedString(_) | Token::RParen | Token::Period | Token::EOF => {}
            _ => part.operators += 1,
        }
        follows_cast = names_cast;
        let casts = open.iter().filter(|part| part.is_cast).count();
        let operators: usize = open.iter().map(|part| part.operators).sum();
        if conditions > MAX_CONDITIONS {
            return Some(format!("more than {MAX_CONDITIONS} conditions joined by AND and OR"));
        }
        if open.len() > MAX_BRACKETS + 1 || casts > MAX_CASTS || operators > MAX_OPERATORS {
            return Some("the SQL is nested too deeply".to_owned());
        }
    }
    None
}
