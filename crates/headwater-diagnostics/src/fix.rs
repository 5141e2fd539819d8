//! Mending what has one answer: the texts of a project as they are once every such problem is gone.

use std::collections::BTreeMap;

use crate::{Diagnostics, FileId, Place, Sources, Span};

/// What is put for what, in the words of the file: there is no other way to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// What stands there; it has to stand once in the place of its problem.
    pub from: String,
    /// What is meant.
    pub to: String,
}

/// A text with what was mended in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mended {
    /// The text it was.
    pub file: FileId,
    /// The text it is now.
    pub text: String,
    /// What was put for what, with its line, in the order of the file.
    pub fixes: Vec<(usize, Fix)>,
}

impl Diagnostics {
    /// Every text in which something can be mended. Problems that overlap wait for another time: once the first is
    /// gone, the second may be, too.
    #[must_use]
    pub fn mended(&self, sources: &Sources) -> Vec<Mended> {
        let mut by_file: BTreeMap<FileId, Vec<(Span, &Fix)>> = BTreeMap::new();
        for problem in self.sorted() {
            let (Place::Span(span), Some(fix)) = (&problem.place, &problem.fix) else { continue };
            let Some(place) = only_place(sources, *span, &fix.from) else { continue };
            let of_file = by_file.entry(span.file).or_default();
            if of_file.last().is_none_or(|(before, _)| before.end <= place.start) {
                of_file.push((place, fix));
            }
        }
        by_file.into_iter().map(|(file, fixes)| mend(sources, file, &fixes)).collect()
    }
}

fn mend(sources: &Sources, file: FileId, fixes: &[(Span, &Fix)]) -> Mended {
    let mut text = sources.text(file).to_owned();
    // From the end, so that what is before keeps its place.
    for (place, fix) in fixes.iter().rev() {
        text.replace_range(place.start..place.end, &fix.to);
    }
    let line = |place: &Span| sources.line_and_column(file, place.start).0;
    let fixes = fixes.iter().map(|(place, fix)| (line(place), (*fix).clone())).collect();
    Mended { file, text, fixes }
}

/// Where `what` stands in a span, if it stands there once.
fn only_place(sources: &Sources, span: Span, what: &str) -> Option<Span> {
    let mut found = sources.slice(span).match_indices(what);
    let (at, _) = found.next().filter(|(_, found)| !found.is_empty())?;
    found.next().is_none().then(|| span.part(at, what.len()))
}
