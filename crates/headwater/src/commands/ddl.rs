//! `ddl`: what makes the published tables in a warehouse, and what loads a night of them.

use headwater_nightly::{DdlRequest, Dialect};

use super::run::day;
use super::schema::tables;
use crate::args::{Ddl, Global};
use crate::exit::Exit;
use crate::render::Output;

pub(crate) fn run(global: &Global, asked: &Ddl, output: &Output) -> Exit {
    let Some(dialect) = Dialect::named(&asked.dialect) else { return Exit::Usage };
    let night = match &asked.load {
        None => None,
        Some(text) => match day("--load", text, output) {
            Some(night) => Some(night),
            None => return Exit::Usage,
        },
    };
    let (project, tables) = match tables(global, asked.table.as_deref(), output) {
        Ok(found) => found,
        Err(exit) => return exit,
    };
    let request = DdlRequest {
        dialect,
        tables: &tables,
        currency: &project.currency,
        outputs: &project.outputs.location,
        found_at: asked.location.as_deref(),
    };
    let script = night.map_or_else(|| request.create(), |night| request.load(night));
    if output.is_data() {
        output.data(&script);
    } else {
        output.result(script.text().trim_end());
    }
    Exit::Done
}
