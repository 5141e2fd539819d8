//! "Did you mean": the known name closest to a mistyped one.

use std::collections::BTreeSet;

/// The most edits from a name to one that is surely meant.
const FEW_EDITS: usize = 2;

/// The fewest letters of a name in which one edit is a slip of the hand.
const LONG_ENOUGH: usize = 5;

/// The known name that is meant by `name`: a slip away from it, and farther from every other.
pub(crate) fn surely_meant<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let close = closest(name, known.iter().copied())?;
    let edits = |candidate: &str| strsim::damerau_levenshtein(name, candidate);
    let nearest = edits(close);
    let is_rival = |candidate: &&&str| **candidate != close && edits(candidate) <= nearest;
    // What differs in its digits is another window; a short name with another letter, such as `arpu`, is another word.
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let letters = |text: &str| text.chars().collect::<BTreeSet<char>>();
    let is_slip =
        digits(name) == digits(close) && (name.chars().count() >= LONG_ENOUGH || letters(name) == letters(close));
    (is_slip && nearest <= FEW_EDITS && !known.iter().any(|candidate| is_rival(&candidate))).then_some(close)
}

/// The known name that differs from `name` by the fewest edits, if few enough for a slip of the hand.
///
/// Ties go to the name that comes first in alphabetical order, so the answer never depends on the order given.
#[must_use]
pub fn closest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = name.chars().count();
    let tolerance = (length / 3).clamp(1, 4);
    known
        .into_iter()
        // Lengths alone tell most names apart, and a very long one from all.
        .filter(|candidate| candidate.chars().count().abs_diff(length) <= tolerance)
        .map(|candidate| {
            let is_same = name.eq_ignore_ascii_case(candidate);
            (if is_same { 0 } else { strsim::damerau_levenshtein(name, candidate) }, candidate)
        })
        .filter(|&(distance, _)| distance <= tolerance)
        .min()
        .map(|(_, candidate)| candidate)
}
