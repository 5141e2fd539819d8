//! What was most likely meant where an expression cannot be read: habits of spreadsheets, of other languages, of prose.

use std::ops::Range;

use datafusion::sql::sqlparser::tokenizer::Token;

/// How to write what the parser could not read at the character `at`, by the words around it; none where nothing is
/// known better than what the parser says.
pub(super) fn remedy(tokens: &[(Token, Range<usize>)], at: usize) -> Option<String> {
    let failed = tokens.iter().position(|(_, range)| range.contains(&at))?;
    let word = |back: usize| failed.checked_sub(back).and_then(|index| tokens.get(index)).map(|(token, _)| token);
    let next = tokens.get(failed + 1).map(|(token, _)| token);
    let found = word(0)?;
    let remedy = match (word(1), found, next) {
        (Some(Token::Number(first, _)), Token::Comma, Some(Token::Number(second, _))) if second.len() == 3 => {
            return Some(format!("write a number without separators: {first}{second}"));
        }
        (Some(Token::Number(first, _)), Token::Comma, Some(Token::Number(second, _))) => {
            return Some(match word(2) {
                Some(between) if is(between, "between") => format!("write `BETWEEN {first} AND {second}`"),
                _ => format!("write a number with a point: {}.{second}", first.replace('.', "")),
            });
        }
        (Some(Token::Number(first, _)), Token::Word(rest), _) if is_digits(&rest.value) => {
            return Some(format!("write a number without separators: {first}{}", rest.value.replace('_', "")));
        }
        (Some(Token::Number(..)), Token::Word(_), _)
            if matches!((word(3), word(2)), (Some(Token::Word(_)), Some(Token::Minus))) =>
        {
            "names are written with `_`: `active_days_90d`"
        }
        (None, Token::Eq, _) => "leave out the `=` at the beginning",
        (_, Token::Mod, None) => return of_unit("%"),
        (_, Token::RArrow, _) => "write `>=`",
        (Some(Token::Eq), Token::Lt, _) => "write `<=`",
        (Some(Token::Gt), Token::Lt, _) => "write `<>`",
        (_, Token::Sharp, _) => "a comment stands behind the closing quote, or on a line of its own",
        (_, Token::RParen, _) if closes_too_many(tokens) => "nothing is open that this bracket closes",
        (Some(before), _, _) if is(before, "in") => "write a list in brackets: `IN ('a', 'b')`",
        (_, found, Some(_)) if is(found, "not") => "write `NOT (a > b)`",
        (Some(word), _, _) | (_, word, _) if is(word, "exists") => "write `value IS NOT NULL`",
        (_, found, _) if is(found, "to") => "write `BETWEEN 5 AND 7`",
        (_, found, None) if ["and", "or", "not"].iter().any(|name| is(found, name)) => {
            "a condition is missing behind it"
        }
        (Some(Token::Number(..)), Token::Word(unit), _) => {
            return of_unit(&unit.value.to_lowercase())
                .or_else(|| Some("write AND or OR between two conditions".to_owned()));
        }
        _ => return None,
    };
    Some(remedy.to_owned())
}

/// Whether a word is `_000`.
fn is_digits(word: &str) -> bool {
    word.starts_with('_') && word.chars().skip(1).all(|c| c == '_' || c.is_ascii_digit())
}

fn is(token: &Token, name: &str) -> bool {
    matches!(token, Token::Word(word) if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(name))
}

/// What to write instead of a unit behind a number; none of what is no unit.
fn of_unit(unit: &str) -> Option<String> {
    let remedy = match unit {
        "k" | "m" | "mio" | "mn" | "bn" => "write the number in full: 10000",
        "percent" | "pct" | "%" => "write 0.05 for five percent of a ratio, and 5 of a percentage",
        "day" | "days" | "week" | "weeks" | "month" | "months" | "year" | "years" | "d" => {
            "a number of days or months stands alone; what is added to a day is `INTERVAL '3 months'`"
        }
        "usd" | "eur" | "gbp" | "dollars" | "euros" => "write the amount alone",
        _ => return None,
    };
    Some(remedy.to_owned())
}

fn closes_too_many(tokens: &[(Token, Range<usize>)]) -> bool {
    let count = |wanted: &Token| tokens.iter().filter(|(token, _)| token == wanted).count();
    count(&Token::RParen) > count(&Token::LParen)
}
