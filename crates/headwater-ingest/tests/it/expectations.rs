//! What a project expects of its rows beside the contract: counted, or left out and counted.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Date32Array, Int64Array};
use headwater_ingest::{Expectation, InputSpec};
use headwater_metrics::{ColumnType, InputTable};

use crate::lake::{Lake, Mapped, said, sql, texts};

fn expecting(input: InputSpec, expectations: &[(&str, &str, bool)]) -> InputSpec {
    let expect = expectations.iter().map(|(name, condition, leaves_out)| Expectation {
        name: (*name).to_owned(),
        condition: sql(condition),
        leaves_out: *leaves_out,
    });
    InputSpec { expect: expect.collect(), ..input }
}

/// Events of two accounts with columns that no contract knows; with `id` they are kept, without it streamed.
fn events(lake: &Lake, id: bool) -> InputSpec {
    let mut columns: Vec<(&str, ArrayRef)> = vec![
        ("account_id", texts(&["a", "a", "b", "b"])),
        ("occurred_on", Arc::new(Date32Array::from(vec![19_900, 19_901, 19_902, 30_000]))),
        ("starts", Arc::new(Date32Array::from(vec![Some(19_900), Some(19_902), None, Some(40_000)]))),
        ("robot", Arc::new(Int64Array::from(vec![0, 0, 1, 1]))),
    ];
    if id {
        columns.push(("event_id", texts(&["1", "2", "3", "4"])));
    }
    lake.write("events.parquet", &columns);
    lake.input(InputTable::UsageEvents, "events.parquet")
}

#[tokio::test]
async fn rows_that_break_an_expectation_are_counted_or_left_out() {
    for id in [true, false] {
        let lake = Lake::with_accounts();
        let expectations = [("after_start", "occurred_on >= starts", false), ("human", "robot = 0", true)];
        let night = lake.open(&[lake.accounts(), expecting(events(&lake, id), &expectations)]).await.unwrap();
        let usage = night.opened.get(InputTable::UsageEvents).unwrap();
        assert_eq!(usage.is_streamed(), !id);
        // An unknown condition is met; a row after the night is not looked at.
        assert_eq!(usage.rows.unexpected.get("after_start"), Some(&1), "{:?}", usage.rows);
        assert_eq!(usage.rows.quarantined.get("unexpected_human"), Some(&1), "{:?}", usage.rows);
        assert_eq!(night.rows("SELECT account_id, count(*) FROM usage_events GROUP BY 1").await, ["a 2"]);
    }
}

#[tokio::test]
async fn an_expectation_that_every_row_meets_is_told_too() {
    for id in [true, false] {
        let lake = Lake::with_accounts();
        let expectations = [("is_dated", "occurred_on IS NOT NULL", false), ("is_small", "robot < 9", true)];
        let mut events = events(&lake, id);
        for nothing_left in [false, true] {
            events = if nothing_left { events.filter("robot > 9") } else { events };
            let night = lake.open(&[lake.accounts(), expecting(events.clone(), &expectations)]).await.unwrap();
            let rows = &night.opened.get(InputTable::UsageEvents).unwrap().rows;
            assert_eq!(rows.unexpected, BTreeMap::from([("is_dated".to_owned(), 0)]), "{id} {nothing_left}");
            assert_eq!(
                rows.quarantined,
                BTreeMap::from([("unexpected_is_small".to_owned(), 0)]),
                "{id} {nothing_left}"
            );
        }
    }
}

#[tokio::test]
async fn an_expectation_must_be_a_condition_over_the_source() {
    let lake = Lake::with_accounts();
    let expectations = [("a", "robbot = 0", false), ("b", "robot + 1", false)];
    let problems = lake.problems(&[lake.accounts(), expecting(events(&lake, false), &expectations)]).await;
    assert_eq!(
        problems,
        ["E0505 `robbot` is no column of this input", "E0505 an expectation must be true or false, this is Int64",]
    );
}

#[tokio::test]
async fn words_that_no_metric_reads_are_said() {
    let lake = Lake::with_accounts();
    let day = || -> ArrayRef { Arc::new(Date32Array::from(vec![19_900; 3])) };
    lake.write(
        "spend.parquet",
        &[
            ("spent_on", day()),
            ("amount", Arc::new(Int64Array::from(vec![1, 2, 3]))),
            ("purpose", texts(&["Acquisition", "Acqusition", "events"])),
        ],
    );
    lake.write(
        "feedback.parquet",
        &[("account_id", texts(&["a", "b", "c"])), ("submitted_on", day()), ("kind", texts(&["NPS", "nps", "poem"]))],
    );
    lake.write(
        "subscriptions.parquet",
        &[
            ("account_id", texts(&["a", "b", "c"])),
            ("started_on", day()),
            ("mrr", Arc::new(Int64Array::from(vec![1, 2, 3]))),
            ("billing_interval", texts(&["\tMonthly \r\n", "decade", "anual"])),
        ],
    );
    let inputs = [
        lake.accounts(),
        lake.input(InputTable::Feedback, "feedback.parquet"),
        lake.input(InputTable::Spend, "spend.parquet"),
        lake.input(InputTable::Subscriptions, "subscriptions.parquet"),
    ];
    let night = lake.open(&inputs).await.unwrap();
    // Capitals and blanks around a word make no difference, and what nobody reads stays as it is.
    assert_eq!(night.rows("SELECT kind FROM feedback").await, ["nps", "nps", "poem"]);
    assert_eq!(night.rows("SELECT purpose FROM spend").await, ["Acqusition", "acquisition", "events"]);
    assert_eq!(night.rows("SELECT billing_interval FROM subscriptions").await, ["anual", "decade", "monthly"]);
    assert_eq!(
        said(&night.opened.warnings),
        [
            "W0502 `subscriptions.billing_interval` says `anual` in 1 row, which no metric reads",
            "W0502 `subscriptions.billing_interval` says `decade` in 1 row, which no metric reads",
            "W0502 `spend.purpose` says `Acqusition` in 1 row, which no metric reads",
            "W0502 `spend.purpose` says `events` in 1 row, which no metric reads",
        ]
    );
}

#[tokio::test]
async fn days_outside_the_calendar_cannot_be_read() {
    let lake = Lake::new();
    let days = Date32Array::from(vec![Some(19_900), Some(-106_000_000), Some(2_000_000), None]);
    lake.write("accounts.parquet", &[("account_id", texts(&["a", "b", "c", "d"])), ("signed_up_on", Arc::new(days))]);
    let accounts = lake.accounts().attribute("renews_on", "signed_up_on", Some(ColumnType::Date));
    let night = lake.open(&[accounts]).await.unwrap();
    let rows = &night.opened.get(InputTable::Accounts).unwrap().rows;
    assert_eq!(rows.unknown.get("unknown_signed_up_on"), Some(&2));
    assert_eq!(rows.unknown.get("unknown_renews_on"), Some(&2));
    assert_eq!(night.rows("SELECT count(*) FROM accounts WHERE signed_up_on IS NULL").await, ["3"]);
}

#[tokio::test]
async fn a_day_that_is_no_point_in_time_cannot_be_read() {
    let lake = Lake::with_accounts();
    let days: ArrayRef = Arc::new(Date32Array::from(vec![19_900, i32::MIN, i32::MAX]));
    lake.write("tickets.parquet", &[("account_id", texts(&["a", "b", "c"])), ("opened_at", days)]);
    let night = lake.open(&[lake.accounts(), lake.input(InputTable::SupportTickets, "tickets.parquet")]).await.unwrap();
    let rows = &night.opened.get(InputTable::SupportTickets).unwrap().rows;
    assert_eq!((rows.kept, rows.quarantined.get("invalid_opened_at"), rows.after_as_of), (Some(1), Some(&2), 0));
}

#[tokio::test]
async fn an_empty_lake_is_one_problem() {
    let lake = Lake::new();
    let inputs = [lake.accounts(), lake.input(InputTable::Orders, "orders.parquet")];
    let problems = lake.problems(&inputs).await;
    assert_eq!(problems, ["E0501 nothing is there, so 2 inputs have no object"]);
    lake.write("elsewhere.parquet", &[("account_id", texts(&["a"]))]);
    assert_eq!(lake.problems(&inputs).await.len(), 2);
}

#[tokio::test]
async fn negative_amounts_of_events_are_left_out() {
    let lake = Lake::with_accounts();
    let columns = [
        ("event_id", texts(&["1", "2", "3"])),
        ("account_id", texts(&["a", "a", "a"])),
        ("occurred_on", Arc::new(Date32Array::from(vec![19_900; 3])) as ArrayRef),
        ("quantity", Arc::new(Int64Array::from(vec![1, -1, 2]))),
        ("duration_seconds", Arc::new(Int64Array::from(vec![5, 5, -5]))),
    ];
    lake.write("events.parquet", &columns);
    let night = lake.open(&[lake.accounts(), lake.input(InputTable::UsageEvents, "events.parquet")]).await.unwrap();
    let rows = &night.opened.get(InputTable::UsageEvents).unwrap().rows;
    assert_eq!(rows.kept, Some(1));
    assert_eq!(rows.quarantined.get("negative_quantity"), Some(&1));
    assert_eq!(rows.quarantined.get("negative_duration_seconds"), Some(&1));
}
