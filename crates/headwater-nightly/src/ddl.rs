//! What a warehouse is told to hold and load the published tables: one way to write it, a row of data for each dialect.
//!
//! Published tables are flat, and each file carries its night in `as_of`; the folder of a night is `as_of_date=DAY`.

use chrono::NaiveDate;
use headwater_ingest::Location;
use headwater_metrics::Unit;
use serde::Serialize;

use crate::contract::{ColumnContract, TableContract};

mod dialects;
#[cfg(test)]
mod tests;

/// A dialect of SQL, as data.
#[derive(Debug)]
pub struct Dialect {
    /// The word that names it.
    pub name: &'static str,
    /// What people call the system.
    pub title: &'static str,
    /// How it writes types, where not as [`Unit::sql_type`] does.
    types: &'static [(&'static str, &'static str)],
    /// What names stand between.
    quote: char,
    /// Whether names that are not quoted are upper case; quoted ones are written so, to be the same.
    upper_case: bool,
    /// How characters are written between single quotes, where not as themselves.
    escapes: &'static [(char, &'static str)],
    /// The longest comment in bytes.
    longest_comment: usize,
    /// A column that is never null, and one that may be.
    columns: [&'static str; 2],
    /// Makes a table.
    create: &'static str,
    /// Says what a column is, where `columns` do not.
    column_comment: Option<&'static str>,
    /// Comes before all that load a night.
    before_loads: &'static [&'static str],
    /// Load a night of a table in the place of what was loaded of it before.
    load: &'static [&'static str],
    /// Schemes of the stores it reads from.
    stores: &'static [&'static str],
    /// Stands for the place of the outputs where it does not read from their store.
    placeholder: &'static str,
    /// What else must be known, of making and of loading.
    notes: [&'static [&'static str]; 2],
}

impl Dialect {
    /// The dialect of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        Self::ALL.iter().find(|dialect| dialect.name == name)
    }

    fn name_of(&self, name: &str) -> String {
        let name = if self.upper_case { name.to_uppercase() } else { name.to_owned() };
        let quote = self.quote;
        format!("{quote}{}{quote}", name.replace(quote, &format!("{quote}{quote}")))
    }

    fn text(&self, text: &str) -> String {
        let mut written = String::new();
        for letter in text.chars() {
            match self.escapes.iter().find(|(escaped, _)| *escaped == letter) {
                Some((_, escape)) => written.push_str(escape),
                None => written.push(letter),
            }
        }
        written
    }

    fn comment(&self, text: &str) -> String {
        let cut = "...";
        if text.len() <= self.longest_comment {
            return format!("'{}'", self.text(text));
        }
        let end = text.floor_char_boundary(self.longest_comment.saturating_sub(cut.len()));
        format!("'{}{cut}'", self.text(text.get(..end).unwrap_or_default().trim_end()))
    }

    fn type_of(&self, unit: Unit) -> &'static str {
        let plain = unit.sql_type();
        self.types.iter().find(|(there, _)| *there == plain).map_or(plain, |(_, here)| here)
    }
}

/// Statements of a dialect, with what must be known before they run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Script {
    /// The dialect.
    pub dialect: &'static str,
    /// What must be known, a sentence each.
    pub notes: Vec<String>,
    /// The statements in their order, without semicolons.
    pub statements: Vec<String>,
}

impl Script {
    /// Notes as comments, then the statements.
    #[must_use]
    pub fn text(&self) -> String {
        let notes = self.notes.iter().map(|note| format!("-- {note}\n"));
        let statements = self.statements.iter().map(|statement| format!("\n{statement};\n"));
        notes.chain(statements).collect()
    }
}

/// What a script is about.
#[derive(Debug, Clone)]
pub struct DdlRequest<'a> {
    /// The dialect to write.
    pub dialect: &'static Dialect,
    /// The tables, in the order they are written.
    pub tables: &'a [TableContract],
    /// The project's currency, which comments of amounts name.
    pub currency: &'a str,
    /// Where the outputs are.
    pub outputs: &'a Location,
    /// Where the warehouse finds them, if that is said otherwise: a URL, or a stage.
    pub found_at: Option<&'a str>,
}

impl DdlRequest<'_> {
    /// Statements that make the tables where they are not there yet, with comments on tables and columns.
    #[must_use]
    pub fn create(&self) -> Script {
        let [notes, _] = self.dialect.notes;
        let load = format!("`headwater ddl --dialect {} --load DAY` writes what loads a night.", self.dialect.name);
        let statements = self.tables.iter().flat_map(|table| self.create_table(table)).collect();
        let names_place = self.dialect.create.contains("{location}");
        Script { notes: self.notes(names_place, notes, Some(load)), ..self.script(statements) }
    }

    /// Statements that load a night in the place of what was loaded of it before.
    #[must_use]
    pub fn load(&self, night: NaiveDate) -> Script {
        let [_, notes] = self.dialect.notes;
        let first = self.dialect.before_loads.iter().map(|statement| (*statement).to_owned());
        let loads = self.tables.iter().flat_map(|table| {
            let night = night.to_string();
            self.dialect.load.iter().map(move |template| self.filled(template, table, &[("night", &night)]))
        });
        let statements = first.chain(loads).collect();
        let names_place = self.dialect.load.iter().any(|template| template.contains("{location}"));
        Script { notes: self.notes(names_place, notes, None), ..self.script(statements) }
    }

    fn script(&self, statements: Vec<String>) -> Script {
        Script { dialect: self.dialect.name, notes: Vec::new(), statements }
    }

    fn notes(&self, names_place: bool, own: &[&str], last: Option<String>) -> Vec<String> {
        let about = format!("What headwater {} publishes, for {}.", env!("CARGO_PKG_VERSION"), self.dialect.title);
        let place = (names_place && self.location() == self.dialect.placeholder).then(|| {
            format!("Replace {}, or give `--location`: where the outputs are found.", self.dialect.placeholder)
        });
        let own = own.iter().map(|note| (*note).to_owned());
        std::iter::once(about).chain(place).chain(own).chain(last).collect()
    }

    fn create_table(&self, table: &TableContract) -> Vec<String> {
        let create = self.filled(self.dialect.create, table, &[]);
        let comments = self.dialect.column_comment.map(|template| {
            let on_table = format!("COMMENT ON TABLE {} IS {}", self.dialect.name_of(&table.name), self.about(table));
            let on_columns = table.columns.iter().map(|column| self.column(template, table, column));
            std::iter::once(on_table).chain(on_columns).collect::<Vec<_>>()
        });
        std::iter::once(create).chain(comments.into_iter().flatten()).collect()
    }

    fn about(&self, table: &TableContract) -> String {
        self.dialect.comment(&table.description)
    }

    /// A template with what is known of the table in the place of its names.
    fn filled(&self, template: &str, table: &TableContract, more: &[(&str, &str)]) -> String {
        let [required, optional] = self.dialect.columns;
        let columns = table.columns.iter().map(|column| {
            let template = if column.required { required } else { optional };
            format!("    {}", self.column(template, table, column))
        });
        let names = |names: &mut dyn Iterator<Item = &String>| {
            names.map(|name| self.dialect.name_of(name)).collect::<Vec<_>>().join(", ")
        };
        let values = [
            ("table", self.dialect.name_of(&table.name)),
            ("folder", self.dialect.text(&table.name)),
            ("columns", columns.collect::<Vec<_>>().join(",\n")),
            ("names", names(&mut table.columns.iter().map(|column| &column.name))),
            ("as_of", self.dialect.name_of("as_of")),
            ("key", names(&mut table.key.iter())),
            ("first_key", names(&mut table.key.iter().take(1))),
            ("about", self.about(table)),
            ("location", self.dialect.text(&self.location())),
        ];
        let values: Vec<(&str, &str)> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
        fill(template, &[&values, more].concat())
    }

    fn column(&self, template: &str, table: &TableContract, column: &ColumnContract) -> String {
        let values = [
            ("table", self.dialect.name_of(&table.name)),
            ("name", self.dialect.name_of(&column.name)),
            ("type", self.dialect.type_of(column.unit).to_owned()),
            ("comment", self.dialect.comment(&self.says(column))),
        ];
        let values: Vec<(&str, &str)> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
        fill(template, &values)
    }

    /// What a column says, and its unit where the type does not tell it.
    fn says(&self, column: &ColumnContract) -> String {
        let unit = match column.unit {
            Unit::Date | Unit::Text | Unit::Flag => return column.description.clone(),
            Unit::Money | Unit::Amount => format!("{}, {}", column.unit.word(), self.currency),
            unit => unit.word().to_owned(),
        };
        format!("{} [{unit}]", column.description)
    }

    /// Where the dialect finds the outputs, or what stands for it.
    fn location(&self) -> String {
        if let Some(place) = self.found_at {
            return place.trim_end_matches('/').to_owned();
        }
        let (scheme, _) = self.outputs.root().split_once("://").unwrap_or_default();
        if !self.dialect.stores.contains(&scheme) {
            return self.dialect.placeholder.to_owned();
        }
        let local = self.outputs.local_path().map(|path| path.display().to_string());
        local.unwrap_or_else(|| self.outputs.show(&self.outputs.path()).trim_end_matches('/').to_owned())
    }
}

/// A template with values in the place of names in braces, each looked at once.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let (name, next) = after.split_once('}').unwrap_or((after, ""));
        if let Some((_, value)) = values.iter().find(|(known, _)| *known == name) {
            filled.push_str(value);
        }
        rest = next;
    }
    filled.push_str(rest);
    filled
}
