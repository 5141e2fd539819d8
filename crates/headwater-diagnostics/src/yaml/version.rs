//! The version of the language that a file is written in: read in one way, and brought up to date in another.

use crate::{Code, Diagnostic, Diagnostics, FileId, Sources, Span};

use super::{Fields, Node, Value, read};

/// The version of the language that this program reads.
pub const LANGUAGE_VERSION: i64 = 1;

impl Fields<'_> {
    /// Takes `version` out; a problem where it is absent or another than this program reads.
    pub fn language_version(&mut self, problems: &mut Diagnostics) {
        let Some(node) = self.require("version", problems) else { return };
        if node.value != Value::Integer(LANGUAGE_VERSION) {
            let message = format!("this program reads version {LANGUAGE_VERSION} of the language");
            let problem = Diagnostic::at(Code::UnsupportedVersion, node.span, message);
            problems.push(problem.help(format!("write `version: {LANGUAGE_VERSION}`")));
        }
    }
}

/// The text of a file as this program's version of the language has it; none where that is how it is written. Nothing else
/// of it changes.
///
/// Version 1 is the first one: a file that does not say its version was written in it, and so was one whose version is
/// written as text or with a fraction.
///
/// # Errors
/// The file is no YAML, has no keys, or is of a version that this program does not know.
pub fn migrated(file: FileId, sources: &Sources) -> Result<Option<String>, Diagnostics> {
    let mut problems = Diagnostics::new();
    let document = read(file, sources, &mut problems);
    let Some(document) = document.filter(|_| !problems.has_errors()) else { return Err(problems) };
    let text = sources.text(file);
    let entries = match &document.value {
        Value::Map(entries) => entries.as_slice(),
        Value::Null => &[],
        _ => return Err(unknown(document.span, "only keys with values have a version", file, sources).into()),
    };
    let stated = entries.iter().find(|(key, _)| key.name == "version");
    let (from, until, written) = match stated {
        Some((_, node)) if node.value == Value::Integer(LANGUAGE_VERSION) => return Ok(None),
        Some((_, node)) if says_current(node) => (node.span.start, node.span.end, LANGUAGE_VERSION.to_string()),
        Some((_, node)) => {
            let message = format!("no version that came before {LANGUAGE_VERSION}, which this program reads");
            return Err(unknown(node.span, &message, file, sources).into());
        }
        None => {
            let first = entries.first().map_or(0, |(key, _)| key.span.start);
            let line = text.get(..first).and_then(|before| before.rsplit('\n').next()).unwrap_or_default();
            let is_in_brackets = text.get(document.span.start..).is_some_and(|rest| rest.starts_with('{'));
            let after = if is_in_brackets { ", ".to_owned() } else { format!("\n{line}") };
            (first, first, format!("version: {LANGUAGE_VERSION}{after}"))
        }
    };
    let part = |range: Option<&str>| range.unwrap_or_default().to_owned();
    let migrated = part(text.get(..from)) + &written + &part(text.get(until..));
    if is_current(&migrated) {
        return Ok(Some(migrated));
    }
    let message = "no place is found to write its version at";
    Err(unknown(document.span, message, file, sources)
        .help(format!("write `version: {LANGUAGE_VERSION}` first"))
        .into())
}

/// Whether a text is one of this program's version.
fn is_current(text: &str) -> bool {
    let mut sources = Sources::default();
    let file = sources.add("migrated", text.to_owned());
    let mut problems = Diagnostics::new();
    if let Some(document) = read(file, &sources, &mut problems)
        && let Some(mut fields) = Fields::of(&document, "a file", &mut problems)
    {
        fields.language_version(&mut problems);
    }
    problems.is_empty()
}

/// Whether a value is the current version, written as something else than a whole number.
fn says_current(node: &Node) -> bool {
    let text = match &node.value {
        Value::Text(text) | Value::Float(_, text) => text,
        _ => return false,
    };
    let version = text.trim().trim_start_matches('v');
    version.strip_suffix(".0").unwrap_or(version).parse() == Ok(LANGUAGE_VERSION)
}

fn unknown(span: Span, message: &str, file: FileId, sources: &Sources) -> Diagnostic {
    let name = sources.name(file);
    Diagnostic::at(Code::UnsupportedVersion, span, message)
        .help(format!("`{name}` is left as it is; a file of a later version needs a later program"))
}

#[cfg(test)]
mod tests {
    use super::migrated;
    use crate::Sources;

    /// What becomes of a text: the other text, `current`, or the first problem with it.
    fn becomes(text: &str) -> String {
        let mut sources = Sources::default();
        let file = sources.add("rules/own.yaml", text.to_owned());
        match migrated(file, &sources) {
            Ok(Some(other)) => other,
            Ok(None) => "current".to_owned(),
            Err(problems) => problems.sorted().first().map(|problem| problem.code.id().to_owned()).unwrap(),
        }
    }

    #[test]
    fn a_file_without_its_version_is_given_the_first_one_and_stays_as_it_is() {
        for (text, expected) in [
            ("version: 1\nparams: []\n", "current"),
            ("# of finance\nparams: []  # none\n", "# of finance\nversion: 1\nparams: []  # none\n"),
            ("---\n  name: shop\n", "---\n  version: 1\n  name: shop\n"),
            ("--- {name: shop}\n", "--- {version: 1, name: shop}\n"),
            ("{params: []}\n", "{version: 1, params: []}\n"),
            ("", "version: 1\n"),
            ("# nothing yet\n", "version: 1\n# nothing yet\n"),
            ("version: '1'  # text\na: b\n", "version: 1  # text\na: b\n"),
            ("a: b\nversion: 1.0\n", "a: b\nversion: 1\n"),
            ("version: v1\n", "version: 1\n"),
            ("version: 2\n", "E0107"),
            ("version: 0\n", "E0107"),
            ("version:\na: b\n", "E0107"),
            ("version: [1]\n", "E0107"),
            ("- a\n", "E0107"),
            ("a: [\n", "E0101"),
            ("a: b\na: c\n", "E0106"),
        ] {
            assert_eq!(becomes(text), expected, "{text}");
        }
    }
}
