//! Every table that some project publishes, and which of them a night reads of the night before.

use headwater_metrics::Unit;
use headwater_rules::OutputTable;

use crate::catalogue_tables::CATALOGUE_TABLES;
use crate::contract::{self, ColumnContract, TableContract};

/// A table that rules fill, as it is published.
pub(crate) fn published(table: &OutputTable) -> TableContract {
    let columns = table.columns.iter().filter(|column| column.name != "as_of").map(|column| ColumnContract {
        name: column.name.to_owned(),
        unit: column.unit,
        required: table.key.contains(&column.name),
        description: column.meaning.to_owned(),
    });
    TableContract::new(table.name, &format!("One row for each {}.", table.grain), table.key, columns.collect())
}

/// Every table that some project publishes, in the order of their names; of `account_metrics` the columns that no project
/// goes without.
#[must_use]
pub fn every_table() -> Vec<TableContract> {
    let account = ("account_id".to_owned(), Unit::Text, "identifies the account in every table".to_owned());
    let mut tables = every_table_with(&[account]);
    tables.sort_by(|a, b| a.name.cmp(&b.name));
    tables
}

/// The same in no order, with these columns of `account_metrics`.
pub(crate) fn every_table_with(account_columns: &[(String, Unit, String)]) -> Vec<TableContract> {
    let own = [contract::account_metrics(account_columns), contract::group_metrics(), contract::run_manifest()];
    let of_catalogue = CATALOGUE_TABLES.iter().map(|table| (table.contract)());
    own.into_iter().chain(OutputTable::ALL.iter().map(published)).chain(of_catalogue).collect()
}

/// Published tables whose state a night carries on.
pub(crate) const CARRIED: &[&str] =
    &["segment_scores", "milestone_states", "flag_states", "flagged_accounts", "guardrail_verdicts"];

/// Everything that a night reads of the one published before it.
pub(crate) fn carried_tables() -> Vec<TableContract> {
    let of_rules = CARRIED.iter().filter_map(|name| OutputTable::named(name)).map(published);
    let of_catalogue = CATALOGUE_TABLES.iter().filter(|table| table.is_carried).map(|table| (table.contract)());
    of_rules.chain(of_catalogue).chain([contract::realised_values()]).collect()
}
