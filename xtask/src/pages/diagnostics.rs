//! The page of diagnostic codes.

use headwater_diagnostics::{Code, Severity};

use super::head;

const ABOUT: &str = "\
What Headwater says about a project, its rules and its data. `headwater explain CODE` prints the same text.
Codes that begin with E stop the night; those with W do not, unless `--deny warnings` is given.
A released code is never given another meaning.";

/// What the first two digits of a code stand for.
const RANGES: &[(&str, &str)] = &[
    ("01", "YAML and shape"),
    ("02", "References"),
    ("03", "Expressions"),
    ("04", "Rule-set logic"),
    ("05", "Inputs"),
    ("06", "Storage"),
    ("07", "State and locks"),
    ("08", "Outputs"),
];

/// The page.
pub(super) fn text() -> String {
    let mut page = head("Diagnostics", ABOUT);
    for (range, title) in RANGES {
        let mut codes = Code::ALL.iter().filter(|code| code.id().get(1..3) == Some(range)).peekable();
        if codes.peek().is_some() {
            page.push_str(&format!("\n## {title}\n"));
        }
        for code in codes {
            page.push_str(&section(*code));
        }
    }
    page
}

fn section(code: Code) -> String {
    let severity = match code.severity() {
        Severity::Error => "",
        Severity::Warning => " (warning)",
    };
    format!(
        "\n### {code}{severity}\n\n**{}.** {}\n\n*Remedy:* {}\n",
        capital(code.title()),
        code.meaning(),
        code.remedy()
    )
}

/// The text with its first letter as a capital.
fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
