//! Which objects an input is read from.

use std::sync::Arc;

use datafusion::arrow::array::{Int32Array, Int64Array, LargeStringArray};
use headwater_metrics::{ColumnType, InputTable};

use crate::lake::{Lake, Mapped, texts};

fn order_days(lake: &Lake) {
    for (day, account) in [("2024-05-01", "a"), ("2024-05-02", "b"), ("2024-07-01", "c")] {
        lake.write(
            &format!("orders/day={day}/part-0.parquet"),
            &[("account_id", texts(&[account])), ("amount", Arc::new(Int64Array::from(vec![1])))],
        );
    }
}

#[tokio::test]
async fn a_folder_a_glob_and_a_single_object_are_read_and_listed_by_path() {
    let lake = Lake::new();
    lake.write("a/2.parquet", &[("account_id", texts(&["b"]))]);
    lake.write("a/1.parquet", &[("account_id", texts(&["a"]))]);
    lake.put("a/_SUCCESS", b"");
    lake.put("a/.1.parquet.crc", b"crc");
    lake.put("a/read.me", b"not data");
    for (path, ids) in [("a/*.parquet", vec!["a", "b"]), ("a/1.parquet", vec!["a"]), ("?/2.parquet", vec!["b"])] {
        let night = lake.open(&[lake.input(InputTable::Accounts, path)]).await.unwrap();
        assert_eq!(night.rows("SELECT account_id FROM accounts").await, ids, "{path}");
        let objects = &night.opened.get(InputTable::Accounts).unwrap().objects;
        assert_eq!(objects.len(), ids.len());
        assert!(objects.is_sorted_by(|a, b| a.path < b.path));
        assert!(
            objects.iter().all(|object| object.path.starts_with("file:///") && object.size > 0 && object.rows == 1)
        );
    }
}

#[tokio::test]
async fn names_with_spaces_percents_and_other_letters_are_read() {
    let lake = Lake::new();
    lake.write("über uns/50% [x]/konto 1.parquet", &[("account_id", texts(&["a"]))]);
    let night = lake.open(&[lake.input(InputTable::Accounts, "über uns")]).await.unwrap();
    assert_eq!(night.rows("SELECT account_id FROM accounts").await, ["a"]);
}

#[tokio::test]
async fn files_with_fewer_columns_and_narrower_types_come_together() {
    let lake = Lake::new();
    lake.write("a/1.parquet", &[("account_id", texts(&["a"])), ("seats", Arc::new(Int32Array::from(vec![1])))]);
    lake.write("a/2.parquet", &[("account_id", Arc::new(LargeStringArray::from(vec!["b"])))]);
    lake.write("a/3.parquet", &[("account_id", texts(&["c"])), ("seats", Arc::new(Int64Array::from(vec![3])))]);
    let night = lake.open(&[lake.input(InputTable::Accounts, "a")]).await.unwrap();
    assert_eq!(night.rows("SELECT * FROM accounts").await, ["a 1", "b NULL", "c 3"]);
}

#[tokio::test]
async fn values_in_paths_are_columns() {
    let lake = Lake::with_accounts();
    order_days(&lake);
    let orders = lake.input(InputTable::Orders, "orders").partition("day", ColumnType::Date).map("ordered_on", "day");
    let night = lake.open(&[lake.accounts(), orders]).await.unwrap();
    assert_eq!(night.rows("SELECT account_id, ordered_on FROM orders").await, ["a 2024-05-01", "b 2024-05-02"]);
    // What comes after the night by its path is no object of it.
    let opened = night.opened.get(InputTable::Orders).unwrap();
    assert_eq!((opened.objects.len(), opened.rows.read, opened.rows.after_as_of), (2, 2, 0));
}

#[tokio::test]
async fn a_path_without_a_declared_value_is_named() {
    let lake = Lake::with_accounts();
    order_days(&lake);
    lake.write(
        "orders/late.parquet",
        &[("account_id", texts(&["a"])), ("amount", Arc::new(Int64Array::from(vec![1])))],
    );
    let orders = lake.input(InputTable::Orders, "orders").partition("day", ColumnType::Date).map("ordered_on", "day");
    assert_eq!(
        lake.problems(&[lake.accounts(), orders]).await,
        ["E0511 this object has no folder `day=…` in its path"]
    );
}

#[tokio::test]
async fn raw_tables_are_joined_by_sql_and_their_objects_are_recorded() {
    let mut lake = Lake::with_accounts();
    lake.write("u.parquet", &[("sub", texts(&["s1", "s2"])), ("day", texts(&["2024-01-01", "2024-01-02"]))]);
    lake.write("s.parquet", &[("sub", texts(&["s1", "s2"])), ("account", texts(&["a", "z"]))]);
    lake.write("unused.parquet", &[("x", texts(&["s1"]))]);
    lake.source("usage", "u.parquet");
    lake.source("subs", "s.parquet");
    lake.source("unused", "unused.parquet");
    let query = "SELECT account AS account_id, day AS occurred_on FROM usage JOIN subs USING (sub)";
    let from = headwater_ingest::InputSource::Sql(crate::lake::sql(query));
    let night = lake.open(&[lake.accounts(), crate::lake::input(InputTable::UsageEvents, from)]).await.unwrap();
    let usage = night.opened.get(InputTable::UsageEvents).unwrap();
    assert!(!usage.is_streamed(), "a join is run once and kept");
    assert_eq!(usage.rows.quarantined.get("orphan"), Some(&1));
    let names: Vec<_> = usage.objects.iter().map(|object| object.path.rsplit('/').next().unwrap()).collect();
    assert_eq!(names, ["s.parquet", "u.parquet"]);
    assert_eq!(night.rows("SELECT * FROM usage_events").await, ["a 2024-01-01"]);
}
