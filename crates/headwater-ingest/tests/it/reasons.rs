//! Rows that break their contract, each with its counted reason.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array, Int64Array};
use headwater_metrics::{ColumnType, InputTable};

use crate::lake::{Lake, Mapped, text, texts};

fn counts(pairs: &[(&str, u64)]) -> BTreeMap<String, u64> {
    pairs.iter().map(|(reason, count)| ((*reason).to_owned(), *count)).collect()
}

#[tokio::test]
async fn every_row_that_is_left_out_is_counted_once() {
    let lake = Lake::with_accounts();
    lake.write(
        "subscriptions.parquet",
        &[
            ("subscription_id", texts(&["1", "2", "3", "4", "5", "6", "7", "8", "8", "9"])),
            (
                "account_id",
                text(&[
                    Some("a"),
                    None,
                    Some(""),
                    Some("a"),
                    Some("x"),
                    Some("a"),
                    Some("a"),
                    Some("b"),
                    Some("a"),
                    Some("c"),
                ]),
            ),
            (
                "started_on",
                text(&[
                    Some("2024-01-01"),
                    Some("2024-01-01"),
                    Some("2024-01-01"),
                    Some("soon"),
                    Some("2024-01-01"),
                    Some("2024-01-01"),
                    Some("2024-01-01"),
                    Some("2024-01-01"),
                    Some("2024-01-01"),
                    Some("2024-07-01"),
                ]),
            ),
            (
                "ended_on",
                text(&[
                    Some("2024-02-01"),
                    None,
                    None,
                    None,
                    None,
                    Some("2023-12-31"),
                    None,
                    Some("never"),
                    None,
                    None,
                ]),
            ),
            ("mrr", Arc::new(Float64Array::from(vec![10.0, 10.0, 10.0, 10.0, 10.0, 10.0, -1.0, 20.0, 30.0, 10.0]))),
        ],
    );
    let night =
        lake.open(&[lake.accounts(), lake.input(InputTable::Subscriptions, "subscriptions.parquet")]).await.unwrap();
    let rows = &night.opened.get(InputTable::Subscriptions).unwrap().rows;
    assert_eq!((rows.read, rows.kept, rows.after_as_of), (10, Some(2), 1));
    assert_eq!(
        rows.quarantined,
        counts(&[
            ("duplicate_subscription_id", 1),
            ("invalid_started_on", 1),
            ("missing_account_id", 2),
            ("negative_mrr", 1),
            ("orphan", 1),
            ("reversed_period", 1),
        ])
    );
    assert_eq!(rows.unknown, counts(&[("unknown_ended_on", 1)]));
    assert_eq!(
        night.rows("SELECT subscription_id, account_id, ended_on, mrr FROM subscriptions").await,
        ["1 a 2024-02-01 10.00", "8 a NULL 30.00"]
    );
}

#[tokio::test]
async fn which_duplicate_is_kept_does_not_depend_on_the_order_of_files() {
    for order in [["1.parquet", "2.parquet"], ["2.parquet", "1.parquet"]] {
        let lake = Lake::new();
        for (file, name) in order.iter().zip(["second", "first"]) {
            lake.write(
                &format!("accounts/{file}"),
                &[("account_id", texts(&["a", "b"])), ("account_name", texts(&[name, "only"]))],
            );
        }
        let night = lake.open(&[lake.input(InputTable::Accounts, "accounts")]).await.unwrap();
        assert_eq!(night.rows("SELECT account_id, account_name FROM accounts").await, ["a first", "b only"]);
        let rows = &night.opened.get(InputTable::Accounts).unwrap().rows;
        assert_eq!(rows.quarantined, counts(&[("duplicate_account_id", 2)]));
        assert_eq!(rows.kept, Some(2));
    }
}

#[tokio::test]
async fn rows_without_a_key_are_not_each_others_duplicates() {
    let lake = Lake::with_accounts();
    lake.write(
        "orders.parquet",
        &[
            ("order_id", text(&[None, None, Some("1"), Some("1"), Some(""), Some("")])),
            ("account_id", texts(&["a", "a", "b", "b", "a", "b"])),
            ("ordered_on", texts(&["2024-01-01"; 6])),
            ("amount", Arc::new(Int64Array::from(vec![1, 1, 2, 3, 4, 4]))),
        ],
    );
    let night = lake.open(&[lake.accounts(), lake.input(InputTable::Orders, "orders.parquet")]).await.unwrap();
    assert_eq!(
        night.rows("SELECT order_id, amount FROM orders").await,
        [" 4.00", " 4.00", "1 2.00", "NULL 1.00", "NULL 1.00"]
    );
    let orders = night.opened.get(InputTable::Orders).unwrap();
    assert_eq!(orders.newest.unwrap().to_string(), "2024-01-01");
}

#[tokio::test]
async fn what_was_decided_after_the_night_is_not_known() {
    let mut lake = Lake::with_accounts();
    lake.zone = "Europe/Rome";
    lake.write(
        "tickets.parquet",
        &[
            ("account_id", texts(&["a", "a", "a"])),
            ("opened_at", texts(&["2024-06-30T21:59:00Z", "2024-06-30T22:00:00Z", "2024-06-01T00:00:00Z"])),
            ("closed_at", texts(&["2024-06-30T22:00:00Z", "2024-07-02T00:00:00Z", "2024-06-30T21:59:00Z"])),
        ],
    );
    let night = lake.open(&[lake.accounts(), lake.input(InputTable::SupportTickets, "tickets.parquet")]).await.unwrap();
    assert_eq!(
        night.rows("SELECT opened_at, closed_at FROM support_tickets").await,
        ["2024-06-01T00:00:00Z 2024-06-30T21:59:00Z", "2024-06-30T21:59:00Z NULL"]
    );
    lake.write(
        "feedback.parquet",
        &[
            ("account_id", texts(&["a", "b"])),
            ("submitted_on", texts(&["2024-06-01"; 2])),
            ("kind", texts(&["request"; 2])),
            ("resolved_on", texts(&["2024-06-30", "2024-07-01"])),
            ("told_on", texts(&["2024-07-01", "2024-07-02"])),
            // A column of this name is the input's own, and not why a row is left out.
            ("reason", texts(&["late", ""])),
        ],
    );
    let asked = lake.open(&[lake.accounts(), lake.input(InputTable::Feedback, "feedback.parquet")]).await.unwrap();
    let outcomes = "SELECT account_id, resolved_on, told_on, nullif(reason, '') FROM feedback";
    assert_eq!(asked.rows(outcomes).await, ["a 2024-06-30 NULL late", "b NULL NULL NULL"]);
    let tickets = night.opened.get(InputTable::SupportTickets).unwrap();
    assert_eq!(tickets.rows.after_as_of, 1);
    assert_eq!(tickets.newest.unwrap().to_string(), "2024-06-30");
}

#[tokio::test]
async fn columns_map_themselves_filters_apply_and_optional_columns_may_be_absent() {
    let lake = Lake::new();
    let seats: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
    lake.write(
        "accounts.parquet",
        &[("ID", texts(&["a", "b", "c"])), ("seats", seats), ("tier", texts(&["x", "y", "z"]))],
    );
    let accounts = lake.accounts().map("account_id", "ID").map("plan", "upper(tier)").map("region", "NULL");
    let night = lake
        .open(&[accounts.attribute("size", "seats * 10", Some(ColumnType::Integer)).filter("\"ID\" <> 'b'")])
        .await
        .unwrap();
    let opened = night.opened.get(InputTable::Accounts).unwrap();
    let names: Vec<_> = opened.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["account_id", "plan", "seats"]);
    assert!(opened.has("size") && !opened.has("region"));
    assert_eq!(night.rows("SELECT * FROM accounts").await, ["a X 1 10", "c Z 3 30"]);
    assert_eq!(opened.rows.read, 2);
}

#[tokio::test]
async fn a_work_area_keeps_what_a_plan_yields_under_its_name() {
    let lake = Lake::with_accounts();
    let night = lake.open(&[lake.accounts()]).await.unwrap();
    let area = headwater_ingest::WorkArea::new(night.work.path().join("more"));
    for expected in [3, 6] {
        let twice = if expected == 3 {
            "SELECT account_id FROM accounts"
        } else {
            "SELECT * FROM kept UNION ALL SELECT * FROM kept"
        };
        let plan = night.context.sql(twice).await.unwrap();
        assert_eq!(area.materialise(&night.context, "kept", plan).await.unwrap(), expected);
    }
    let nothing = night.context.sql("SELECT account_id FROM accounts WHERE account_id = 'z'").await.unwrap();
    assert_eq!(area.materialise(&night.context, "nothing", nothing).await.unwrap(), 0);
    assert!(night.rows("SELECT * FROM nothing").await.is_empty());
    assert_eq!(night.rows("SELECT count(*) FROM kept").await, ["6"]);
    assert_eq!(std::fs::read_dir(area.folder()).unwrap().count(), 2);
}
