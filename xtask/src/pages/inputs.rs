//! The page of input contracts.

use headwater_metrics::{InputColumn, InputTable};

use super::head;

const ABOUT: &str = "\
The thirteen logical tables that a project maps its lake onto (see [project.md](project.md)). Only `accounts` is required.
A column of the same name maps itself; an optional column that is not mapped leaves the metrics that need it unknown.

Types: an id is text or a whole number; a date is a date, a timestamp of any unit (cut to its day in the project's time zone)
or ISO text (with an offset it is an instant, without one the project's clock); an amount is a decimal, whole or floating number below ten trillion, rounded once to cents. Values that cannot be read count as
unknown in an optional column; in a required one their rows are left out. Both are counted in `run_manifest`. Where a column says its
words, as `acquisition` or `retention`, capitals and blanks around them make no difference.";

/// The page.
pub(super) fn text() -> String {
    let mut page = head("Inputs", ABOUT);
    for table in InputTable::ALL {
        page.push_str(&format!("\n## {}\n\n", table.name()));
        if let Some(key) = table.key() {
            page.push_str(&format!("Where `{key}` is mapped, of rows of the same value one is kept: the first by all of its columns, whatever the order of files. "));
        }
        if let Some(happened) = table.happened() {
            page.push_str(&format!("Rows whose `{happened}` is after the night are not seen."));
        }
        page.push_str("\n\n| column | type | | says |\n|---|---|---|---|\n");
        for column in table.columns() {
            page.push_str(&row(column));
        }
    }
    page
}

fn row(column: &InputColumn) -> String {
    let required = if column.required { "required" } else { "" };
    format!("| `{}` | {} | {required} | {} |\n", column.name, column.kind.name(), column.meaning)
}
