//! "Did you mean": the known name closest to a mistyped one.

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
