//! What was released of the published tables, and what a change of the code would mean for those who read them.
//!
//! The file is the memory: generating adds to it what came at the end of a table, and refuses everything else.

use std::fmt::Write;

use headwater_nightly::contract::{ColumnContract, TableContract};
use serde::{Deserialize, Serialize};

/// What is said where readers of a table would be broken.
const REMEDY: &str = "\
a released table only grows, by columns at its end; write anything else as a table of another name, beside the old one. \
Of what no version has been released with, take the line out of docs/schema/tables.v1.json and generate again";

/// The tables of all versions so far.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Released {
    /// In the order of their names.
    pub tables: Vec<ReleasedTable>,
}

/// A table as it was released.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleasedTable {
    /// Its name.
    pub name: String,
    /// The version that first published it.
    pub since: String,
    /// The columns that identify a row.
    pub key: Vec<String>,
    /// Its columns in their order; of `account_metrics` those that no project goes without.
    pub columns: Vec<ReleasedColumn>,
}

/// A column as it was released.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleasedColumn {
    /// Its name.
    pub name: String,
    /// Its SQL type.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it measures.
    pub unit: String,
    /// Whether every row has a value.
    pub required: bool,
    /// The version that first published it.
    pub since: String,
}

impl Released {
    /// The same with what `tables` have more, as new in `version`.
    ///
    /// # Errors
    /// What readers of the released tables would not find as it was, a line each, and what to do.
    pub fn grown(&self, tables: &[TableContract], version: &str) -> Result<Self, String> {
        let mut broken = Vec::new();
        for released in &self.tables {
            match tables.iter().find(|table| table.name == released.name) {
                None => broken.push(format!("table `{}` is gone", released.name)),
                Some(table) => broken.extend(released.broken_by(table)),
            }
        }
        if !broken.is_empty() {
            return Err(format!("{}\n{REMEDY}", broken.join("\n")));
        }
        let mut grown: Vec<_> = tables.iter().map(|table| self.grown_table(table, version)).collect();
        grown.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { tables: grown })
    }

    fn grown_table(&self, table: &TableContract, version: &str) -> ReleasedTable {
        let before = self.tables.iter().find(|released| released.name == table.name);
        let known = before.map(|released| released.columns.clone()).unwrap_or_default();
        let new = table.columns.iter().skip(known.len()).map(|column| ReleasedColumn::of(column, version));
        ReleasedTable {
            name: table.name.clone(),
            since: before.map_or(version, |released| &released.since).to_owned(),
            key: table.key.clone(),
            columns: known.iter().cloned().chain(new).collect(),
        }
    }

    /// The file, a line for each column.
    ///
    /// # Errors
    /// Where JSON cannot be written.
    pub fn text(&self) -> Result<String, serde_json::Error> {
        let mut text = String::from("{\"tables\": [");
        for (at, table) in self.tables.iter().enumerate() {
            let columns = table.columns.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>()?;
            let (name, since) = (serde_json::to_string(&table.name)?, serde_json::to_string(&table.since)?);
            let key = serde_json::to_string(&table.key)?;
            let between = if at == 0 { "" } else { "," };
            // Writing to a string does not fail.
            let _written = write!(
                text,
                "{between}\n{{\"name\": {name}, \"since\": {since}, \"key\": {key}, \"columns\": [\n  {}\n]}}",
                columns.join(",\n  ")
            );
        }
        text.push_str("\n]}\n");
        Ok(text)
    }
}

impl ReleasedTable {
    fn broken_by(&self, table: &TableContract) -> Vec<String> {
        let mut broken = Vec::new();
        if self.key != table.key {
            let (was, is) = (self.key.join(", "), table.key.join(", "));
            broken.push(format!("the key of `{}` was {was}, and is {is}", self.name));
        }
        for (at, released) in self.columns.iter().enumerate() {
            let name = format!("`{}.{}`", self.name, released.name);
            let found = table.columns.iter().position(|column| column.name == released.name);
            match found.and_then(|place| Some((place, table.columns.get(place)?))) {
                None => broken.push(format!("{name} is gone")),
                Some((place, _)) if place != at => {
                    broken.push(format!("{name} was column {}, and is column {}", at + 1, place + 1));
                }
                Some((_, column)) => broken.extend(released.broken_by(&name, column)),
            }
        }
        broken
    }
}

impl ReleasedColumn {
    fn of(column: &ColumnContract, version: &str) -> Self {
        Self {
            name: column.name.clone(),
            kind: column.unit.sql_type().to_owned(),
            unit: column.unit.word().to_owned(),
            required: column.required,
            since: version.to_owned(),
        }
    }

    fn broken_by(&self, name: &str, column: &ColumnContract) -> Vec<String> {
        let is = Self::of(column, &self.since);
        let null = |required| if required { "never null" } else { "null where unknown" };
        let aspects = [
            ("of type", self.kind.as_str(), is.kind.as_str()),
            ("measured in", &self.unit, &is.unit),
            ("", null(self.required), null(is.required)),
        ];
        let changed = aspects.into_iter().filter(|(_, was, is)| was != is);
        changed.map(|(aspect, was, is)| format!("{name} was {aspect} {was}, and is {is}").replace("  ", " ")).collect()
    }
}
