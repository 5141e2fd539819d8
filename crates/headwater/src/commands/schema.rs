//! `schema`: the tables and columns that this project publishes, and what editors are told of its files.

use headwater_diagnostics::closest;
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
    let (loaded, project) = match project(global, output) {
        Ok(found) => found,
        Err(exit) => return exit,
    };
    let (rules, problems) = check_rules(&project, &loaded.sources, &loaded.rules);
    let stops = output.diagnostics(&problems, &loaded.sources);
    let Some(rules) = rules.filter(|_| !stops) else { return Exit::InvalidProject };
    let mut tables = published_tables(&project, &rules);
    if let Some(name) = &schema.table {
        let names: Vec<String> = tables.iter().map(|table| table.name.clone()).collect();
        tables.retain(|table| table.name == *name);
        if tables.is_empty() {
            let close = closest(name, names.iter().map(String::as_str));
            let hint = close.map(|close| format!("; did you mean {close}?")).unwrap_or_default();
            output.error(&format!("this project publishes no table `{name}`{hint}"));
            return Exit::NotFound;
        }
    }
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
