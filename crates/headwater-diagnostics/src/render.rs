//! Diagnostics as text for a terminal, as JSON lines for programs, or as what code hosts show beside a line.

mod github;
mod sarif;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde_json::json;

use crate::{Code, Diagnostic, Diagnostics, Place, Severity, Sources, Span};

/// How diagnostics are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rendering<'a> {
    /// Text with the source line and a caret; with colours where asked.
    Human {
        /// Terminal colours.
        colour: bool,
    },
    /// One JSON object a line.
    Json,
    /// One workflow command a line: GitHub shows each beside the line of the file.
    Github {
        /// The project's folder as the code host knows it: empty, or ended by a slash.
        folder: &'a str,
    },
    /// One SARIF 2.1.0 document, also where there is nothing to say.
    Sarif {
        /// As for GitHub.
        folder: &'a str,
    },
}

/// All diagnostics, sorted by place, each ended by a line break.
#[must_use]
pub fn render(diagnostics: &Diagnostics, sources: &Sources, rendering: Rendering<'_>) -> String {
    let sorted = diagnostics.sorted();
    let lines = |write: &dyn Fn(&Diagnostic) -> String| sorted.iter().map(|diagnostic| write(diagnostic)).collect();
    match rendering {
        Rendering::Human { colour } => lines(&|diagnostic| format!("{}\n\n", human(diagnostic, sources, colour))),
        Rendering::Json => lines(&|diagnostic| format!("{}\n", as_json(diagnostic, sources))),
        Rendering::Github { folder } => lines(&|diagnostic| github::command(diagnostic, sources, folder)),
        Rendering::Sarif { folder } => format!("{:#}\n", sarif::document(&sorted, sources, folder)),
    }
}

/// Lines and columns of a span, counted from 1, its end behind the last character.
struct Region {
    start: (usize, usize),
    end: (usize, usize),
}

impl Region {
    fn of(span: Span, sources: &Sources) -> Self {
        Self {
            start: sources.line_and_column(span.file, span.start),
            end: sources.line_and_column(span.file, span.end),
        }
    }
}

/// The message with all that helps, as plain lines.
fn in_words(diagnostic: &Diagnostic) -> String {
    let label = diagnostic.label.iter().cloned();
    let help = diagnostic.help.iter().map(|help| format!("help: {help}"));
    let notes = diagnostic.notes.iter().map(|note| format!("note: {note}"));
    std::iter::once(diagnostic.message.clone()).chain(label).chain(help).chain(notes).collect::<Vec<_>>().join("\n")
}

fn human(diagnostic: &Diagnostic, sources: &Sources, colour: bool) -> String {
    let level = match diagnostic.severity() {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(diagnostic.message.as_str()).id(diagnostic.code.id());
    let mut group: Group<'_> = match &diagnostic.place {
        // The line holds what nobody may read in a log.
        Place::Span(span) if diagnostic.code == Code::SecretInProject => {
            let (line, column) = sources.line_and_column(span.file, span.start);
            let file = annotate_snippets::Origin::path(sources.name(span.file));
            title.element(file.line(line).char_column(column))
        }
        Place::Span(span) => {
            // Of a long file only the lines that are shown are looked at.
            let (range, text) = (sources.clamped(*span), sources.text(span.file));
            let first = text.get(..range.start).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1);
            let rest = text.get(range.end..).unwrap_or_default();
            let last = rest.find('\n').map_or(text.len(), |end| range.end + end + 1);
            let annotation =
                AnnotationKind::Primary.span(range.start - first..range.end - first).label(diagnostic.label.as_deref());
            let snippet = Snippet::source(text.get(first..last).unwrap_or_default())
                .line_start(sources.line_and_column(span.file, first).0)
                .path(sources.name(span.file))
                .annotation(annotation);
            title.element(snippet)
        }
        Place::Named(name) => title.element(annotate_snippets::Origin::path(name.as_str())),
    };
    if let (Place::Named(_), Some(label)) = (&diagnostic.place, &diagnostic.label) {
        group = group.element(Level::NOTE.message(label.as_str()));
    }
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    for note in &diagnostic.notes {
        group = group.element(Level::NOTE.message(note.as_str()));
    }
    let more = format!("headwater explain {}", diagnostic.code.id());
    group = group.element(Level::NOTE.message(more.as_str()));
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    renderer.render(&[group]).clone()
}

fn as_json(diagnostic: &Diagnostic, sources: &Sources) -> serde_json::Value {
    let mut object = json!({
        "code": diagnostic.code.id(),
        "severity": diagnostic.severity().word(),
        "message": diagnostic.message,
        "label": diagnostic.label,
        "help": diagnostic.help,
        "notes": diagnostic.notes,
    });
    let place = match &diagnostic.place {
        Place::Named(name) => json!({ "name": name }),
        Place::Span(span) => {
            let Region { start: (line, column), end: (end_line, end_column) } = Region::of(*span, sources);
            json!({ "file": sources.name(span.file), "line": line, "column": column,
                    "end_line": end_line, "end_column": end_column })
        }
    };
    if let Some(fields) = object.as_object_mut() {
        fields.insert("place".to_owned(), place);
    }
    object
}
