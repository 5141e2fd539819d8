//! Diagnostics as text for a terminal, or as JSON lines for programs.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde_json::json;

use crate::{Diagnostic, Diagnostics, Place, Severity, Sources};

/// How diagnostics are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rendering {
    /// Text with the source line and a caret; with colours where asked.
    Human {
        /// Terminal colours.
        colour: bool,
    },
    /// One JSON object a line.
    Json,
}

/// All diagnostics, sorted by place, each ended by a line break.
#[must_use]
pub fn render(diagnostics: &Diagnostics, sources: &Sources, rendering: Rendering) -> String {
    let mut text = String::new();
    for diagnostic in diagnostics.sorted() {
        match rendering {
            Rendering::Human { colour } => {
                text.push_str(&human(diagnostic, sources, colour));
                text.push_str("\n\n");
            }
            Rendering::Json => {
                text.push_str(&as_json(diagnostic, sources).to_string());
                text.push('\n');
            }
        }
    }
    text
}

fn human(diagnostic: &Diagnostic, sources: &Sources, colour: bool) -> String {
    let level = match diagnostic.severity() {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(diagnostic.message.as_str()).id(diagnostic.code.id());
    let mut group: Group<'_> = match &diagnostic.place {
        Place::Span(span) => {
            let annotation = AnnotationKind::Primary.span(sources.clamped(*span)).label(diagnostic.label.as_deref());
            let snippet = Snippet::source(sources.text(span.file))
                .line_start(1)
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
            let (line, column) = sources.line_and_column(span.file, span.start);
            let (end_line, end_column) = sources.line_and_column(span.file, span.end);
            json!({ "file": sources.name(span.file), "line": line, "column": column,
                    "end_line": end_line, "end_column": end_column })
        }
    };
    if let Some(fields) = object.as_object_mut() {
        fields.insert("place".to_owned(), place);
    }
    object
}
