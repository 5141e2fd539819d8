//! What a change of a published table comes to for those who read what was released of it.

use headwater_metrics::Unit;
use headwater_nightly::contract::{ColumnContract, TableContract};
use headwater_nightly::every_table;
use xtask::released::Released;

/// The columns of a small table after `as_of`.
fn columns() -> Vec<ColumnContract> {
    vec![
        ColumnContract::required("account_id", Unit::Text, ""),
        ColumnContract::optional("score", Unit::Score, ""),
        ColumnContract::optional("entered_on", Unit::Date, ""),
    ]
}

fn table(columns: Vec<ColumnContract>) -> TableContract {
    TableContract::new("scores", "", &["account_id"], columns)
}

fn released() -> Released {
    Released::default().grown(&[table(columns())], "1.0.0").unwrap()
}

#[test]
fn what_comes_at_the_end_is_an_addition_of_its_version() {
    let mut grown = columns();
    grown.push(ColumnContract::optional("why", Unit::Text, ""));
    let other = TableContract::new("flags", "", &["account_id"], columns());
    let next = released().grown(&[table(grown), other], "1.1.0").unwrap();
    let since = |table: &str, column: &str| {
        let table = next.tables.iter().find(|known| known.name == table).unwrap();
        let column = table.columns.iter().find(|known| known.name == column).unwrap();
        format!("{} {}", table.since, column.since)
    };
    assert_eq!(since("scores", "score"), "1.0.0 1.0.0");
    assert_eq!(since("scores", "why"), "1.0.0 1.1.0");
    assert_eq!(since("flags", "score"), "1.1.0 1.1.0");
    let read: Released = serde_json::from_str(&next.text().unwrap()).unwrap();
    assert_eq!(read, next);
}

#[test]
fn whatever_else_changes_is_told_with_what_to_do() {
    type Change = fn(&mut Vec<ColumnContract>);
    let changes: [(Change, &str); 8] = [
        (|columns| drop(columns.remove(1)), "`scores.score` is gone"),
        (|columns| columns[1].name = "points".to_owned(), "`scores.score` is gone"),
        (|columns| columns.swap(1, 2), "`scores.score` was column 3, and is column 4"),
        (|columns| columns.insert(1, columns[2].clone()), "`scores.score` was column 3, and is column 4"),
        (|columns| columns[1].unit = Unit::Money, "`scores.score` was of type DOUBLE, and is DECIMAL(18, 2)"),
        (|columns| columns[1].unit = Unit::Percent, "`scores.score` was measured in score, and is percent"),
        (|columns| columns[1].required = true, "`scores.score` was null where unknown, and is never null"),
        (|columns| columns[0].required = false, "`scores.account_id` was never null, and is null where unknown"),
    ];
    for (change, expected) in changes {
        let mut changed = columns();
        change(&mut changed);
        let told = released().grown(&[table(changed)], "1.1.0").unwrap_err();
        assert!(told.contains(expected) && told.contains("beside the old one"), "{told}");
    }
    let told = released().grown(&[], "1.1.0").unwrap_err();
    assert!(told.contains("table `scores` is gone"), "{told}");
    let keyed = TableContract::new("scores", "", &["account_id", "score"], columns());
    let told = released().grown(&[keyed], "1.1.0").unwrap_err();
    assert!(told.contains("the key of `scores` was account_id, and is account_id, score"), "{told}");
}

#[test]
fn keys_are_columns_that_every_row_fills() {
    let found: Vec<String> = every_table()
        .iter()
        .flat_map(|table| table.key.iter().map(move |key| (table, key)))
        .filter(|(table, key)| !table.columns.iter().any(|column| column.name == **key && column.required))
        .map(|(table, key)| format!("{}.{key}", table.name))
        .collect();
    super::nothing_of("keys that are no columns, or may be null", &found);
}
