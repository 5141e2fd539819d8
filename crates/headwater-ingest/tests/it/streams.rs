//! Usage events that are read from the lake by every plan that uses them.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Date32Array, Int64Array, TimestampMicrosecondArray};
use datafusion::arrow::datatypes::Date32Type;
use headwater_ingest::{Expectation, InputForesight, InputSpec, StoreOptions, Stores};
use headwater_metrics::{ColumnType, InputTable};
use parquet::file::properties::WriterProperties;

use crate::lake::{Lake, Mapped, Night, said, sql, texts};

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
async fn events_that_all_come_after_the_night_are_warned_of() {
    let (mut lake, events) = by_day();
    assert!(said(&open(&lake, events.clone()).await.opened.warnings).is_empty());
    lake.night = "2024-05-31";
    let warnings = said(&open(&lake, events).await.opened.warnings);
    assert_eq!(warnings, ["W0501 no row of `usage_events` is visible on this night"]);
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
    assert_eq!((usage.rows.read, usage.rows.kept), (6, None));
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
    assert!(stream.unchanged(&stores).await.is_ok());
    lake.write("events/event_date=2024-06-30/more.parquet", &[("account_id", texts(&["a"]))]);
    assert!(stream.unchanged(&stores).await.is_ok(), "what came later is no input of the night");
    lake.write("events/event_date=2024-06-29/part.parquet", &[("account_id", texts(&["a", "b", "c"]))]);
    std::fs::remove_file(lake.folder.path().join("events/event_date=2024-06-30/part.parquet")).unwrap();
    let changed = stream.unchanged(&stores).await.unwrap_err();
    assert!(changed.place.ends_with("event_date=2024-06-29/part.parquet") && changed.is_retryable(), "{changed:?}");
    assert!(changed.message.ends_with(", and 1 others"), "{changed:?}");
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

/// Events of `a` on days that are counted from 1970, in one object of two rows for each pair of days.
fn on_days(lake: &Lake, days: &[i32], as_text: bool) -> InputSpec {
    for (part, days) in days.chunks(2).enumerate() {
        let as_dates = Date32Array::from(days.to_vec());
        let written: Vec<String> =
            as_dates.iter().flatten().map(|day| Date32Type::to_naive_date_opt(day).unwrap().to_string()).collect();
        let written: Vec<&str> = written.iter().map(String::as_str).collect();
        let occurred: ArrayRef = if as_text { texts(&written) } else { Arc::new(as_dates) };
        let columns = [("account_id", texts(&vec!["a"; days.len()])), ("occurred_on", occurred)];
        lake.write(&format!("events/{part}.parquet"), &columns);
    }
    lake.input(InputTable::UsageEvents, "events")
}

#[tokio::test]
async fn rows_outside_the_calendar_are_left_out_and_counted_as_in_checked_inputs() {
    // 1899-12-31 and 1900-01-01, 2199-12-31 and 2200-01-01, two days before the night, and years nobody writes.
    let days = [-25_568, -25_567, 84_005, 84_006, 19_900, 19_901, -700_000, 900_000];
    for as_text in [false, true] {
        let lake = Lake::with_accounts();
        let night = open(&lake, on_days(&lake, &days, as_text)).await;
        let usage = night.opened.get(InputTable::UsageEvents).unwrap();
        assert_eq!(usage.rows.quarantined, BTreeMap::from([("invalid_occurred_on".to_owned(), 4)]), "{as_text}");
        assert_eq!((usage.rows.read, usage.is_streamed()), (8, true));
        let seen = night.rows("SELECT occurred_on FROM usage_events").await;
        assert_eq!(seen, ["1900-01-01", "2024-06-26", "2024-06-27"], "{as_text}");
        let strict = InputSpec { max_quarantine_pct: Some(40.0), ..on_days(&lake, &days, as_text) };
        let said = lake.problems(&[lake.accounts(), strict]).await;
        assert_eq!(said, ["E0509 50.0 % of the rows of `usage_events` break its contract; 40 % are allowed"]);
    }
    // An expectation that leaves rows out does not count them a second time.
    let lake = Lake::with_accounts();
    let never = Expectation { name: "never".to_owned(), condition: sql("false"), leaves_out: true };
    let night = open(&lake, InputSpec { expect: vec![never], ..on_days(&lake, &days, false) }).await;
    let rows = &night.opened.get(InputTable::UsageEvents).unwrap().rows;
    let expected = [("invalid_occurred_on".to_owned(), 4), ("unexpected_never".to_owned(), 3)];
    assert_eq!(rows.quarantined, BTreeMap::from(expected));
}

#[tokio::test]
async fn how_much_would_be_read_is_told_from_paths_and_footers() {
    let (lake, events) = by_day();
    let told = |usage: &InputForesight| (usage.objects, usage.rows, usage.row_groups_read, usage.rows_read);
    let foreseen = lake.foresee(&[lake.accounts(), events]).await;
    assert_eq!(told(&foreseen[0]), (1, 3, Some(1), 3));
    assert_eq!((told(&foreseen[1]), foreseen[1].row_groups), ((3, 6, Some(3), 6), Some(3)));

    // As in the plan of a night: the first of three row groups has a row without a day, and so has the last one.
    let lake = Lake::with_accounts();
    let days = [Some(19_900), None, Some(19_904), Some(19_905), Some(19_906), Some(19_907), Some(19_908), None];
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(2)).build();
    let columns =
        [("account_id", texts(&["a"; 8])), ("occurred_on", Arc::new(Date32Array::from(days.to_vec())) as ArrayRef)];
    lake.write_with("events.parquet", &columns, properties);
    let events = lake.input(InputTable::UsageEvents, "events.parquet");
    let foreseen = lake.foresee(&[lake.accounts(), events.clone()]).await;
    assert_eq!(told(&foreseen[1]), (1, 8, Some(3), 6));
    let shown = open(&lake, events).await.metrics("SELECT occurred_on FROM usage_events").await;
    assert!(shown.contains("row_groups_pruned_statistics=4 total → 3 matched"), "{shown}");
}
