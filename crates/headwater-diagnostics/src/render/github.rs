//! Workflow commands of GitHub Actions, by its documentation: `::error file=…,line=…::message`.

use super::{Region, in_words};
use crate::{Diagnostic, Place, Sources};

pub(super) fn command(diagnostic: &Diagnostic, sources: &Sources, folder: &str) -> String {
    let level = diagnostic.severity().word();
    let title = property(diagnostic.code.id());
    match &diagnostic.place {
        Place::Span(span) => {
            let file = property(&format!("{folder}{}", sources.name(span.file)));
            let Region { start: (line, column), end: (end_line, end_column) } = Region::of(*span, sources);
            let message = data(&in_words(diagnostic));
            format!(
                "::{level} file={file},line={line},endLine={end_line},col={column},endColumn={end_column},title={title}::{message}\n"
            )
        }
        Place::Named(name) => {
            let message = data(&format!("{name}: {}", in_words(diagnostic)));
            format!("::{level} title={title}::{message}\n")
        }
    }
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
