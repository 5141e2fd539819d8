//! Usage events that are read from the lake by every plan that uses them.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Date32Array, Int64Array, TimestampMicrosecondArray};
use headwater_ingest::{InputSpec, StoreOptions, Stores};
use headwater_metrics::{ColumnType, InputTable};
use parquet::file::properties::WriterProperties;

use crate::lake::{Lake, Mapped, Night, texts};

/// Four days of events, one object a day, the last one after the night.
fn by_day() -> (Lake, InputSpec) {
    let lake = Lake::with_accounts();
    for day in ["2024-06-01", "2024-06-29", "2024-06-30", "2024-07-01"] {
        lake.write(
            &format!("events/event_date={day}/part.parquet"),
            &[
                ("account_id", texts(&["a", "nobody"])),
                ("feature", texts(&["search", "export"])),
                ("payload", texts(&["large", "larger"])),
            ],
        );
    }
    let events = lake.input(InputTable::UsageEvents, "events/event_date=*/*.parquet");
    let events = events.partition("event_date", ColumnType::Date).map("occurred_on", "event_date");
    (lake, events)
}

async fn open(lake: &Lake, events: InputSpec) -> Night {
    lake.open(&[lake.accounts(), events]).await.unwrap()
}

#[tokio::test]
async fn only_objects_and_columns_that_a_plan_needs_are_read() {
    let (lake, events) = by_day();
    let night = open(&lake, events).await;
    let query =
        "SELECT account_id, count(*) FROM usage_events WHERE occurred_on >= DATE '2024-06-30' GROUP BY account_id";
    let plan = night.plan(query).await;
    let scan = plan.lines().find(|line| line.contains("DataSourceExec")).unwrap();
    assert!(
        scan.contains("event_date=2024-06-30") && !scan.contains("2024-06-29") && !scan.contains("2024-07-01"),
        "{plan}"
    );
    assert!(scan.contains("projection=[account_id]"), "{plan}");
    assert!(!plan.contains("FilterExec"), "the path has answered the filter: {plan}");
    assert_eq!(night.rows(query).await, ["a 1", "nobody 1"]);
}

#[tokio::test]
async fn a_streamed_input_is_typed_and_cut_and_says_what_it_covers() {
    let (lake, events) = by_day();
    let night = open(&lake, events).await;
    let usage = night.opened.get(InputTable::UsageEvents).unwrap();
    assert!(usage.is_streamed());
    assert_eq!((usage.rows.read, usage.rows.kept, usage.accounts), (8, None, None));
    assert_eq!(usage.oldest.unwrap().to_string(), "2024-06-01");
    assert_eq!(usage.newest.unwrap().to_string(), "2024-06-30");
    assert_eq!(night.rows("SELECT count(*) FROM usage_events").await, ["6"]);
}

#[tokio::test]
async fn one_object_of_a_streamed_input_can_be_read_alone() {
    let (lake, events) = by_day();
    let night = open(&lake, events).await;
    let stream = night.opened.get(InputTable::UsageEvents).unwrap().stream.as_ref().unwrap();
    let frame = stream.frame_of(&night.context, |object| object.path.contains("2024-06-29")).unwrap().unwrap();
    assert_eq!(frame.count().await.unwrap(), 2);
}

#[tokio::test]
async fn row_groups_of_other_days_are_passed_over_where_the_day_is_a_time() {
    let lake = Lake::with_accounts();
    let day = 86_400_000_000_i64;
    let first = 19_800 * day;
    let times: Vec<i64> = (0..40).map(|at| first + at * day + 3_600_000_000).collect();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(10)).build();
    let at = TimestampMicrosecondArray::from(times).with_timezone("UTC");
    lake.write_with("events.parquet", &[("account_id", texts(&["a"; 40])), ("at", Arc::new(at))], properties);
    let night = open(&lake, lake.input(InputTable::UsageEvents, "events.parquet").map("occurred_on", "at")).await;
    let query = "SELECT count(*) FROM usage_events WHERE occurred_on >= DATE '2024-04-20'";
    let shown = night.metrics(query).await;
    assert!(shown.contains("row_groups_pruned_statistics=4 total → 1 matched"), "{shown}");
}

#[tokio::test]
async fn events_with_a_key_are_compared_and_kept() {
    let lake = Lake::with_accounts();
    lake.write(
        "events.parquet",
        &[
            ("event_id", Arc::new(Int64Array::from(vec![1, 1, 2]))),
            ("account_id", texts(&["a", "a", "b"])),
            ("occurred_on", texts(&["2024-06-01"; 3])),
        ],
    );
    let night = open(&lake, lake.input(InputTable::UsageEvents, "events.parquet")).await;
    let usage = night.opened.get(InputTable::UsageEvents).unwrap();
    assert!(!usage.is_streamed());
    assert_eq!(usage.rows.quarantined.get("duplicate_event_id"), Some(&1));
}

#[tokio::test]
async fn an_object_that_is_written_again_or_removed_is_noticed() {
    let (lake, events) = by_day();
    let night = open(&lake, events).await;
    let stream = night.opened.get(InputTable::UsageEvents).unwrap().stream.as_ref().unwrap();
    let stores = Stores::new(StoreOptions::default());
    assert!(stream.changed(&stores).await.unwrap().is_empty());
    lake.write("events/event_date=2024-06-01/part.parquet", &[("account_id", texts(&["a", "b", "c"]))]);
    std::fs::remove_file(lake.folder.path().join("events/event_date=2024-06-29/part.parquet")).unwrap();
    lake.write("events/event_date=2024-06-30/more.parquet", &[("account_id", texts(&["a"]))]);
    let changed = stream.changed(&stores).await.unwrap();
    let days: Vec<_> = changed.iter().map(|path| path.split('/').rev().nth(1).unwrap()).collect();
    assert_eq!(days, ["event_date=2024-06-01", "event_date=2024-06-29"]);
}

#[tokio::test]
async fn row_groups_after_the_night_are_passed_over_and_rows_without_a_day_are_not() {
    let lake = Lake::with_accounts();
    let days = [Some(19_900), None, Some(19_904), Some(19_905), Some(19_906), Some(19_907)];
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(2)).build();
    let columns =
        [("account_id", texts(&["a"; 6])), ("occurred_on", Arc::new(Date32Array::from(days.to_vec())) as ArrayRef)];
    lake.write_with("events.parquet", &columns, properties);
    let night = open(&lake, lake.input(InputTable::UsageEvents, "events.parquet")).await;
    assert_eq!(night.rows("SELECT occurred_on FROM usage_events").await, ["2024-06-26", "2024-06-30", "NULL"]);
    let shown = night.metrics("SELECT occurred_on FROM usage_events").await;
    assert!(shown.contains("row_groups_pruned_statistics=3 total → 2 matched"), "{shown}");
}
