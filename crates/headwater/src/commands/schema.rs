//! `schema`: the tables and columns that this project publishes, and what editors are told of its files.

use headwater_diagnostics::closest;
use headwater_nightly::contract::TableContract;
use headwater_nightly::project::Project;
use headwater_nightly::{check_rules, published_tables};

use super::project;
use crate::args::{EditedFile, Global, Schema};
use crate::exit::Exit;
use crate::render::Output;
use crate::render::table::table;

pub(crate) fn run(global: &Global, schema: &Schema, output: &Output) -> Exit {
    if let Some(kind) = schema.editor {
        let document = match kind {
            EditedFile::Rules => headwater_nightly::rule_file_schema(),
            EditedFile::Tests => headwater_nightly::test_file_schema(),
        };
        output.result(&format!("{document:#}"));
        return Exit::Done;
    }
    let tables = match tables(global, schema.table.as_deref(), output) {
        Ok((_, tables)) => tables,
        Err(exit) => return exit,
    };
    if output.is_data() {
        output.data(&tables);
        return Exit::Done;
    }
    for contract in &tables {
        let rows: Vec<Vec<String>> = contract
            .columns
            .iter()
            .map(|column| {
                let null = if column.required { "not null" } else { "" };
                vec![
                    column.name.clone(),
                    column.unit.sql_type().to_owned(),
                    null.to_owned(),
                    column.description.clone(),
                ]
            })
            .collect();
        output.result(&format!("{}: {}", contract.name, contract.description));
        output.result(&format!("  one row for each {}", contract.key.join(", ")));
        output.result(&format!("{}\n", table(&["column", "type", "", "says"], &rows)));
    }
    Exit::Done
}

/// The project and the tables it publishes, or the one asked for; what is wrong is told.
pub(super) fn tables(
    global: &Global,
    only: Option<&str>,
    output: &Output,
) -> Result<(Project, Vec<TableContract>), Exit> {
    let (loaded, project) = project(global, output)?;
    let (rules, problems) = check_rules(&project, &loaded.sources, &loaded.rules);
    let stops = output.diagnostics(&problems, &loaded.sources);
    let rules = rules.filter(|_| !stops).ok_or(Exit::InvalidProject)?;
    let mut tables = published_tables(&project, &rules);
    if let Some(name) = only {
        let names: Vec<String> = tables.iter().map(|table| table.name.clone()).collect();
        tables.retain(|table| table.name == name);
        if tables.is_empty() {
            let close = closest(name, names.iter().map(String::as_str));
            let hint = close.map(|close| format!("; did you mean {close}?")).unwrap_or_default();
            output.error(&format!("this project publishes no table `{name}`{hint}"));
            return Err(Exit::NotFound);
        }
    }
    Ok((project, tables))
}
