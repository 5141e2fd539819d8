//! Subscriptions as lakes tell them: bills of any interval, periods, events, snapshots.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, NullArray};
use headwater_ingest::{InputSpec, SubscriptionForm};
use headwater_metrics::{ColumnType, InputTable};

use crate::lake::{Lake, Mapped, texts};

fn told(lake: &Lake, form: SubscriptionForm, columns: &[(&str, ArrayRef)]) -> InputSpec {
    lake.write("subscriptions.parquet", columns);
    InputSpec { form, ..lake.input(InputTable::Subscriptions, "subscriptions.parquet") }
}

const PERIODS: &str = "SELECT account_id, started_on, ended_on, mrr FROM subscriptions";

#[tokio::test]
async fn bills_of_any_interval_are_amounts_per_month() {
    let cases: &[(&str, f64, Option<i64>, &str)] = &[
        ("year", 2000.0, None, "166.67"),
        ("Annual ", 2000.0, Some(1), "166.67"),
        ("year", 6000.0, Some(3), "166.67"),
        ("quarter", 100.0, None, "33.33"),
        ("half_year", 100.0, None, "16.67"),
        ("month", 99.99, None, "99.99"),
        ("month", 100.0, Some(3), "33.33"),
        ("week", 12.0, None, "52.00"),
        ("day", 1.0, None, "30.44"),
        ("year", 0.06, None, "0.01"),
        ("month", 0.0, None, "0.00"),
        ("decade", 100.0, None, "unknown_billing_interval"),
        ("month", 100.0, Some(0), "missing_mrr"),
        ("month", 1e14, None, "missing_mrr"),
        ("year", 1200.0, Some((1 << 62) + 1), "missing_mrr"),
        ("month", 1200.0, Some(i64::MAX), "missing_mrr"),
    ];
    for (interval, amount, count, expected) in cases {
        let lake = Lake::with_accounts();
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("account_id", texts(&["a"])),
            ("started_on", texts(&["2024-01-01"])),
            ("amount", Arc::new(Float64Array::from(vec![*amount]))),
            ("billing_interval", texts(&[interval])),
            ("interval_count", Arc::new(Int64Array::from(vec![*count.as_ref().unwrap_or(&1)]))),
        ];
        let night = lake.open(&[lake.accounts(), told(&lake, SubscriptionForm::Periods, &columns)]).await.unwrap();
        let rows = &night.opened.get(InputTable::Subscriptions).unwrap().rows;
        match *expected {
            reason if reason.starts_with(char::is_alphabetic) => {
                assert_eq!(rows.quarantined.get(reason), Some(&1), "{interval} {amount} {count:?}");
            }
            mrr => {
                assert_eq!(night.rows("SELECT mrr FROM subscriptions").await, [mrr], "{interval} {amount} {count:?}")
            }
        }
    }
}

#[tokio::test]
async fn an_event_holds_until_the_next_one() {
    let lake = Lake::with_accounts();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("account_id", texts(&["a", "a", "a", "b", "b", "c"])),
        ("started_on", texts(&["2024-01-05", "2024-03-01", "2024-05-01", "2024-02-01", "2024-02-01", "2024-07-09"])),
        ("mrr", Arc::new(Int64Array::from(vec![10, 25, 0, 5, 7, 1]))),
        ("sequence", texts(&["1", "2", "3", "10", "9", "1"])),
    ];
    let night = lake.open(&[lake.accounts(), told(&lake, SubscriptionForm::Events, &columns)]).await.unwrap();
    // Whoever plans over the periods is told that they have an end.
    assert!(night.opened.get(InputTable::Subscriptions).unwrap().has("ended_on"));
    assert_eq!(
        night.rows(PERIODS).await,
        [
            "a 2024-01-05 2024-03-01 10.00",
            "a 2024-03-01 2024-05-01 25.00",
            "b 2024-02-01 2024-02-01 7.00",
            "b 2024-02-01 NULL 5.00",
        ]
    );
    let ended: Vec<(&str, ArrayRef)> = [
        ("subscription_id", texts(&["x", "x", "y", "x", "x", "z"])),
        ("is_end", Arc::new(BooleanArray::from(vec![false, true, false, false, true, false])) as ArrayRef),
        // An end that the lake has beside events is not read.
        ("ended_on", texts(&["2024-01-06"; 6])),
    ]
    .into_iter()
    .chain(columns)
    .collect();
    let night = lake.open(&[lake.accounts(), told(&lake, SubscriptionForm::Events, &ended)]).await.unwrap();
    // An amount of nothing is a free plan where the end is told otherwise.
    assert_eq!(
        night.rows(PERIODS).await,
        ["a 2024-01-05 2024-03-01 10.00", "a 2024-05-01 NULL 0.00", "b 2024-02-01 NULL 5.00"]
    );
}

#[tokio::test]
async fn a_snapshot_holds_for_its_month() {
    let lake = Lake::with_accounts();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("account_id", texts(&["a", "a", "a", "b", "c", "c", "c"])),
        (
            "started_on",
            texts(&["2024-03-01", "2024-04-30", "2024-06-01", "2024-04-01", "2024-05-01", "2024-06-01", "2024-06-15"]),
        ),
        ("mrr", Arc::new(Int64Array::from(vec![10, 10, 12, 5, 8, 9, 0]))),
    ];
    let night = lake.open(&[lake.accounts(), told(&lake, SubscriptionForm::Snapshots, &columns)]).await.unwrap();
    assert_eq!(
        night.rows(PERIODS).await,
        [
            "a 2024-03-01 2024-04-01 10.00",
            "a 2024-04-01 2024-05-01 10.00",
            "a 2024-06-01 NULL 12.00",
            "b 2024-04-01 2024-05-01 5.00",
            "c 2024-05-01 2024-06-01 8.00",
        ]
    );
    let subscriptions = night.opened.get(InputTable::Subscriptions).unwrap();
    assert!(subscriptions.has("ended_on"));
    assert_eq!(subscriptions.rows.quarantined.get("superseded_snapshot"), Some(&1));
    assert_eq!(subscriptions.newest, "2024-06-15".parse().ok(), "how fresh it is, its snapshots say");
}

/// Until a month has ended, a row of it may still come: only rows that are there say that something ended.
#[tokio::test]
async fn a_month_under_way_ends_no_snapshot_before_it() {
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("account_id", texts(&["a", "a", "b", "c", "c", "d"])),
        ("started_on", texts(&["2024-05-01", "2024-06-01", "2024-05-01", "2024-05-01", "2024-06-01", "2024-04-01"])),
        ("mrr", Arc::new(Int64Array::from(vec![10, 12, 5, 8, 0, 7]))),
    ];
    let told_in_june = ["a 2024-05-01 2024-06-01 10.00", "a 2024-06-01 NULL 12.00"];
    for (night, end) in [("2024-06-01", "NULL"), ("2024-06-29", "NULL"), ("2024-06-30", "2024-06-01")] {
        let mut lake = Lake::with_accounts();
        lake.write("accounts.parquet", &[("account_id", texts(&["a", "b", "c", "d"]))]);
        lake.night = night;
        let night = lake.open(&[lake.accounts(), told(&lake, SubscriptionForm::Snapshots, &columns)]).await.unwrap();
        let b = format!("b 2024-05-01 {end} 5.00");
        let ended = ["c 2024-05-01 2024-06-01 8.00", "d 2024-04-01 2024-05-01 7.00"];
        let expected: Vec<&str> = told_in_june.into_iter().chain([b.as_str()]).chain(ended).collect();
        assert_eq!(night.rows(PERIODS).await, expected, "{}", lake.night);
    }
}

/// Days after the night are read where a column says that their rows were booked before.
#[tokio::test]
async fn later_days_are_read_where_they_may_be_booked() {
    let lake = Lake::with_accounts();
    let row = |booked: &[&'static str]| -> Vec<(&'static str, ArrayRef)> {
        let booked = booked.iter().map(|day| ("booked_on", texts(&[*day])));
        [("account_id", texts(&["a"])), ("mrr", Arc::new(Int64Array::from(vec![10])) as ArrayRef)]
            .into_iter()
            .chain(booked)
            .collect()
    };
    let mut counted = Vec::new();
    for booked in [&[][..], &["2024-06-02"]] {
        for day in ["2024-06-01", "2024-07-01"] {
            lake.write(&format!("subscriptions/day={day}/part.parquet"), &row(booked));
        }
        for form in [SubscriptionForm::Periods, SubscriptionForm::Events] {
            let input = InputSpec { form, ..lake.input(InputTable::Subscriptions, "subscriptions") };
            let input = input.partition("day", ColumnType::Date).map("started_on", "day");
            let night = lake.open(&[lake.accounts(), input]).await.unwrap();
            let opened = night.opened.get(InputTable::Subscriptions).unwrap();
            counted.push((opened.objects.len(), opened.rows.read, opened.rows.after_as_of));
        }
    }
    // Periods and events, without and with the day of booking: events are told when they happen.
    assert_eq!(counted, [(1, 1, 0), (1, 1, 0), (2, 2, 0), (1, 1, 0)]);
}

#[tokio::test]
async fn what_is_missing_or_contradicts_itself_is_said() {
    let lake = Lake::with_accounts();
    let row = |more: (&'static str, ArrayRef)| -> Vec<(&'static str, ArrayRef)> {
        vec![("account_id", texts(&["a"])), ("started_on", texts(&["2024-03-01"])), more]
    };
    let mut bills = row(("amount", Arc::new(Int64Array::from(vec![10]))));
    bills.push(("billing_interval", Arc::new(NullArray::new(1))));
    let problems = lake.problems(&[lake.accounts(), told(&lake, SubscriptionForm::Periods, &bills)]).await;
    assert!(problems.len() == 1 && problems[0].starts_with("E0502 `subscriptions` needs `mrr`"), "{problems:?}");
    let mut notice = row(("mrr", Arc::new(Int64Array::from(vec![10]))));
    notice.push(("cancelled_on", texts(&["2023-01-01"])));
    let night = lake.open(&[lake.accounts(), told(&lake, SubscriptionForm::Periods, &notice)]).await.unwrap();
    assert_eq!(night.rows("SELECT cancelled_on FROM subscriptions").await, ["NULL"]);
    let rows = &night.opened.get(InputTable::Subscriptions).unwrap().rows;
    assert_eq!(rows.unexpected.get("cancelled_after_start"), Some(&1));
}
