//! Rows that do not fit into memory have the bytes of those that do.

use object_store::memory::InMemory;

use super::*;
use crate::contract;
use crate::engine::EngineLimits;

/// Accounts in no order, of which each has eight thousand bytes: the rows of one batch fill the memory of a small engine.
const MEASURED: &str = "SELECT concat('a', CAST(value * 7919 % 20000 AS VARCHAR)) AS account_id, repeat(CAST(value % 10 AS VARCHAR), 8000) AS note
    FROM generate_series(1, 20000)";

struct Staged {
    files: Vec<StagedFile>,
    rows: u64,
}

async fn staged(memory_bytes: Option<usize>) -> Staged {
    let folder = tempfile::tempdir().unwrap();
    let limits = EngineLimits { memory_bytes, spill_dir: Some(folder.path().to_owned()), threads: 2 };
    let (engine, work) = (Engine::new(&limits).unwrap(), WorkArea::new(folder.path().join("work")));
    engine.view(&Query::new("measured", MEASURED)).await.unwrap();
    let text = |name: &str| (name.to_owned(), headwater_metrics::Unit::Text, String::new());
    let contract = contract::account_metrics(&[text("account_id"), text("note")]);
    let area = StagingArea {
        store: Arc::new(InMemory::new()),
        folder: Path::default(),
        compatibility: Compatibility::Standard,
        stop: Stop::never(),
    };
    let query = Query::new("account_metrics", "SELECT DATE '2026-05-31' AS as_of, * FROM measured").of_accounts_alone();
    let table = area.stage(&engine, &work, &query, &contract).await.unwrap();
    Staged { rows: table.rows(), files: table.files }
}

#[tokio::test]
async fn a_table_too_large_to_be_sorted_at_once_has_the_same_bytes() {
    let ample = staged(None).await;
    assert_eq!(ample.rows, 20_000);
    assert_eq!(staged(Some(64 << 20)).await.files, ample.files);
}

#[tokio::test]
async fn ranges_of_accounts_take_every_row_once_and_in_order() {
    let engine = Engine::new(&EngineLimits { memory_bytes: None, spill_dir: None, threads: 2 }).unwrap();
    let accounts = "SELECT column1 AS account_id FROM (VALUES ('b'), ('d'), ('f'), ('h''s'))";
    engine.view(&Query::new("measured", accounts)).await.unwrap();
    let rows =
        "SELECT column1 AS account_id FROM (VALUES ('z'), (NULL), ('h''s'), ('a'), ('b'), ('c'), ('d'), ('e'), ('f'))";
    let ranges = in_ranges(&engine, &Query::new("rows", rows), 3).await.unwrap();
    let mut found = Vec::new();
    for range in &ranges {
        let mut of_range = Vec::new();
        for batch in engine.rows(&range.sorted_by("account_id")).await.unwrap() {
            let accounts = batch.column(0).as_string::<i32>();
            of_range.extend(accounts.iter().map(|account| account.unwrap_or("none").to_owned()));
        }
        found.push(of_range.join(" "));
    }
    assert_eq!(found, ["a b c d e", "f", "h's z none"]);
    let one = "SELECT column1 AS account_id FROM (VALUES ('b'))";
    engine.view(&Query::new("measured", one)).await.unwrap();
    assert_eq!(in_ranges(&engine, &Query::new("rows", rows), 3).await.unwrap(), [Query::new("rows", rows)]);
}
