//! What was published and is another value now: refunds of old orders, late rows, mergers. A restated night equals one
//! that was computed anew.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, StringArray};

use crate::night::Company;
use crate::night_edges::write;

const PROJECT: &str = "version: 1\nname: restated\ncurrency: EUR\ninputs:\n  accounts: {path: accounts.parquet}\n  subscriptions: {path: subscriptions.parquet}\n  orders: {path: orders.parquet}\n";

fn texts(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from_iter(values.iter().map(|value| Some(*value).filter(|value| !value.is_empty()))))
}

fn amounts(values: &[f64]) -> ArrayRef {
    Arc::new(Float64Array::from(values.to_vec()))
}

/// An order: id, account, day, amount, the order it corrects.
type Order = (&'static str, &'static str, &'static str, f64, &'static str);

const ORDERS: &[Order] = &[
    ("1", "a", "2022-12-05", 100.0, ""),
    ("2", "a", "2024-06-01", 50.0, ""),
    ("3", "b", "2024-05-05", 30.0, ""),
    ("4", "c", "2024-05-06", 40.0, ""),
];

fn write_orders(folder: &Path, orders: &[Order]) {
    let column = |pick: fn(&Order) -> &'static str| texts(&orders.iter().map(pick).collect::<Vec<_>>());
    let columns = vec![
        ("order_id", column(|order| order.0)),
        ("account_id", column(|order| order.1)),
        ("ordered_on", column(|order| order.2)),
        ("amount", amounts(&orders.iter().map(|order| order.3).collect::<Vec<_>>())),
        ("corrects_order_id", column(|order| order.4)),
    ];
    write(folder, "orders.parquet", columns);
}

fn write_company(folder: &Path, merged_into: &[&str], orders: &[Order]) {
    std::fs::write(folder.join("headwater.yaml"), PROJECT).unwrap();
    write(
        folder,
        "accounts.parquet",
        vec![("account_id", texts(&["a", "b", "c", "d"])), ("merged_into", texts(merged_into))],
    );
    let subscriptions = vec![
        ("account_id", texts(&["b", "c"])),
        ("started_on", texts(&["2024-01-01", "2024-01-01"])),
        ("mrr", amounts(&[10.0, 20.0])),
    ];
    write(folder, "subscriptions.parquet", subscriptions);
    write_orders(folder, orders);
}

const RESTATED: &str = "SELECT account_id, metric, coalesce(CAST(published AS VARCHAR), '-'), coalesce(CAST(restated AS VARCHAR), '-'), change
    FROM restatements WHERE as_of = DATE '2024-06-30' ORDER BY 1, 2";
const MONTHS: &str =
    "SELECT month_end, orders, net_revenue, refunds, coalesce(CAST(restated_by AS VARCHAR), '-'), provisional
    FROM revenue_by_month WHERE as_of = DATE '2024-06-30' ORDER BY 1";

#[tokio::test]
async fn a_refund_of_an_old_order_restates_its_month_and_equals_a_night_computed_anew() {
    let folder = tempfile::tempdir().unwrap();
    write_company(folder.path(), &["", "", "", ""], ORDERS);
    let mut company = Company::in_folder(folder.path(), "2024-06-29");
    company.publish().await;
    // Order 1, eighteen months old, is given back in part; a row of May comes late; c goes into b.
    let mut orders = ORDERS.to_vec();
    orders.extend([
        ("5", "a", "2024-06-30", -80.0, "1"),
        ("6", "d", "2024-05-20", 7.0, ""),
        ("7", "b", "2024-06-30", 9.0, ""),
    ]);
    write_company(folder.path(), &["", "", "b", ""], &orders);
    company.request.as_of = "2024-06-30".parse().unwrap();
    company.request.run_id = "second".to_owned();
    company.publish().await;
    assert_eq!(
        company.rows(RESTATED).await,
        [
            ["a", "net_revenue_total", "150.00", "70.00", "-80.00"],
            ["b", "mrr", "10.00", "30.00", "20.00"],
            ["b", "net_revenue_total", "30.00", "70.00", "40.00"],
            ["c", "mrr", "20.00", "-", "-20.00"],
            ["c", "net_revenue_total", "40.00", "-", "-40.00"],
            ["d", "net_revenue_total", "0.00", "7.00", "7.00"],
        ]
    );
    assert_eq!(
        company.rows(MONTHS).await,
        [
            ["2022-12-31", "1", "20.00", "80.00", "-80.00", "false"],
            ["2024-05-31", "3", "77.00", "0.00", "7.00", "false"],
            ["2024-06-30", "2", "59.00", "0.00", "-", "false"],
        ]
    );
    let anew = Company::in_folder(folder.path(), "2024-06-30");
    anew.publish().await;
    for table in ["account_metrics", "group_metrics", "mrr_movements", "cohort_metrics"] {
        let all = format!("SELECT * FROM {table} WHERE as_of = DATE '2024-06-30' ORDER BY 1, 2, 3, 4");
        assert_eq!(company.rows(&all).await, anew.rows(&all).await, "{table}");
    }
    // By merging nobody churned and nobody is new.
    let moved = "SELECT count(*) FROM mrr_movements WHERE as_of = DATE '2024-06-30' AND movement <> 'new'";
    assert_eq!(company.rows(moved).await, [["0"]]);
    // Without anything before it, nothing is restated.
    assert_eq!(anew.rows("SELECT count(*) FROM restatements").await, [["0"]]);
}

/// A night without a single new row moves what depends on the day alone.
#[tokio::test]
async fn a_night_on_which_nothing_happened_moves_recency() {
    let folder = tempfile::tempdir().unwrap();
    write_company(folder.path(), &["", "", "", ""], ORDERS);
    std::fs::write(folder.path().join("headwater.yaml"), format!("{PROJECT}metrics: [days_since_last_order]\n"))
        .unwrap();
    let mut company = Company::in_folder(folder.path(), "2024-06-29");
    company.publish().await;
    company.request.as_of = "2024-06-30".parse().unwrap();
    company.request.run_id = "second".to_owned();
    company.publish().await;
    let recency = "SELECT as_of, days_since_last_order FROM account_metrics WHERE account_id = 'b' ORDER BY 1";
    assert_eq!(company.rows(recency).await, [["2024-06-29", "55"], ["2024-06-30", "56"]]);
    assert_eq!(company.rows(RESTATED).await, Vec::<Vec<String>>::new());
}
