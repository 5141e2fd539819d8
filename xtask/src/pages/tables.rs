//! The page of published tables: those of this repository, which is a project itself.

use std::path::Path;

use headwater_diagnostics::{Rendering, render};
use headwater_nightly::contract::{ColumnContract, TableContract};
use headwater_nightly::project::load;
use headwater_nightly::{check_rules, published_tables};

use super::{Failure, head};

const ABOUT: &str = "\
What a night publishes: one folder a table, one Hive partition `as_of_date=YYYY-MM-DD` a night, Parquet files in it.
Rows are sorted by the key, and the key is unique within a night. A column is never renamed, retyped or moved;
new ones come at the end. [schema/tables.v1.json](schema/tables.v1.json) has for programs what is promised, and since which version.

The columns of `account_metrics` follow from the project: its attributes, the metrics it lists, and those its rules name.
Shown are those of the demo company under the shipped rules; `headwater schema` shows your own.";

/// The page.
pub(super) fn text(root: &Path) -> Result<String, Failure> {
    let mut page = head("Published tables", ABOUT);
    for table in tables(root)? {
        page.push_str(&section(&table));
    }
    Ok(page)
}

fn tables(root: &Path) -> Result<Vec<TableContract>, Failure> {
    let loaded = load(root, None);
    let shown = |problems| render(&problems, &loaded.sources, Rendering::Human { colour: false });
    let project = loaded.project.map_err(shown)?;
    let (rules, problems) = check_rules(&project, &loaded.sources, &loaded.rules);
    let rules = rules.ok_or_else(|| shown(problems))?;
    Ok(published_tables(&project, &rules))
}

fn section(table: &TableContract) -> String {
    let mut section = format!(
        "\n## {}\n\n{}\n\nKey: {}.\n\n| column | type | null | says |\n|---|---|---|---|\n",
        table.name,
        table.description,
        table.key.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
    );
    for column in &table.columns {
        section.push_str(&row(column));
    }
    section
}

fn row(column: &ColumnContract) -> String {
    let null = if column.required { "never" } else { "may be" };
    let says = column.description.replace('|', "\\|");
    format!("| `{}` | {} | {null} | {says} |\n", column.name, column.unit.sql_type())
}
