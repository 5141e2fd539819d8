//! What a lake may hold for each type of the contract, and what becomes of it.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Date64Array, Decimal128Array, DictionaryArray,
    Float32Array, Float64Array, Int32Array, Int64Array, LargeStringArray, StringViewArray, TimestampMicrosecondArray,
    TimestampMillisecondArray, TimestampNanosecondArray, TimestampSecondArray, UInt64Array,
};
use datafusion::arrow::datatypes::{DataType, Int32Type};
use headwater_ingest::data_type;
use headwater_metrics::{ColumnType, InputTable};
use parquet::data_type::{ByteArrayType, Int96, Int96Type};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use crate::lake::{Lake, Mapped, text, texts};

/// A table with a column of the type that is neither key nor required, and the other columns it needs.
fn table_of(kind: ColumnType) -> (InputTable, &'static str) {
    match kind {
        ColumnType::Id => (InputTable::Accounts, "account_id"),
        ColumnType::Text => (InputTable::Accounts, "plan"),
        ColumnType::Date => (InputTable::Accounts, "signed_up_on"),
        ColumnType::Integer => (InputTable::Accounts, "seats"),
        ColumnType::Timestamp => (InputTable::SupportTickets, "opened_at"),
        ColumnType::Number => (InputTable::Feedback, "score"),
        ColumnType::Money => (InputTable::Subscriptions, "mrr"),
        ColumnType::Flag => (InputTable::Subscriptions, "is_trial"),
    }
}

/// The values of `kind` that `stored` becomes, in a project of `zone`.
async fn read_in(zone: &'static str, kind: ColumnType, stored: ArrayRef) -> Vec<String> {
    let (table, column) = table_of(kind);
    let rows = stored.len();
    let mut lake = Lake::with_accounts();
    lake.zone = zone;
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..i64::try_from(rows).unwrap()));
    let day: ArrayRef = Arc::new(Date32Array::from(vec![19_000; rows]));
    let a = texts(&vec!["a"; rows]);
    let mut columns: Vec<(&str, ArrayRef)> = vec![("stored", stored)];
    match table {
        InputTable::Accounts if kind != ColumnType::Id => columns.push(("account_id", ids)),
        InputTable::Accounts => {}
        InputTable::Feedback => {
            columns.extend([("account_id", Arc::clone(&a)), ("kind", Arc::clone(&a)), ("submitted_on", day)])
        }
        InputTable::Subscriptions if kind == ColumnType::Flag => {
            columns.extend([("account_id", Arc::clone(&a)), ("started_on", day), ("mrr", ids)]);
        }
        _ => columns.extend([("account_id", Arc::clone(&a)), ("started_on", day)]),
    }
    lake.write("stored.parquet", &columns);
    let input = lake.input(table, "stored.parquet").map(column, "stored");
    let inputs = if table == InputTable::Accounts { vec![input] } else { vec![lake.accounts(), input] };
    let night = lake.open(&inputs).await.unwrap();
    // Kept rows are read as plain text, whatever they were read as.
    let kept = match data_type(kind) {
        DataType::Utf8View => DataType::Utf8,
        other => other,
    };
    assert_eq!(night.type_of(table.name(), column).await, kept);
    night.rows(&format!("SELECT {column} FROM {}", table.name())).await
}

async fn read(kind: ColumnType, stored: impl Array + 'static) -> Vec<String> {
    read_in("UTC", kind, Arc::new(stored)).await
}

#[tokio::test]
async fn ids_are_text_or_whole_numbers() {
    let cases: Vec<ArrayRef> = vec![
        texts(&["7", "8"]),
        Arc::new(LargeStringArray::from(vec!["7", "8"])),
        Arc::new(StringViewArray::from(vec!["7", "8"])),
        Arc::new(BinaryArray::from(vec!["7".as_bytes(), "8".as_bytes()])),
        Arc::new(["7", "8"].into_iter().collect::<DictionaryArray<Int32Type>>()),
        Arc::new(Int32Array::from(vec![7, 8])),
        Arc::new(UInt64Array::from(vec![7, 8])),
        Arc::new(Decimal128Array::from(vec![7, 8]).with_precision_and_scale(38, 0).unwrap()),
    ];
    for stored in cases {
        let kind = stored.data_type().clone();
        assert_eq!(read_in("UTC", ColumnType::Id, stored).await, ["7", "8"], "{kind}");
    }
}

#[tokio::test]
async fn text_is_whatever_can_be_written_down() {
    assert_eq!(read(ColumnType::Text, Int64Array::from(vec![1, 2])).await, ["1", "2"]);
    assert_eq!(read(ColumnType::Text, BooleanArray::from(vec![true, false])).await, ["false", "true"]);
    assert_eq!(read(ColumnType::Text, Date32Array::from(vec![19_782])).await, ["2024-02-29"]);
}

/// 2024-02-29T23:30:00Z in seconds.
const LATE: i64 = 1_709_249_400;

#[tokio::test]
async fn days_come_from_dates_times_and_text() {
    let day = || vec!["2024-02-29".to_owned()];
    assert_eq!(read(ColumnType::Date, Date32Array::from(vec![19_782])).await, day());
    assert_eq!(read(ColumnType::Date, Date64Array::from(vec![19_782 * 86_400_000])).await, day());
    assert_eq!(read(ColumnType::Date, TimestampSecondArray::from(vec![LATE])).await, day());
    assert_eq!(read(ColumnType::Date, TimestampMillisecondArray::from(vec![LATE * 1_000])).await, day());
    assert_eq!(read(ColumnType::Date, TimestampMicrosecondArray::from(vec![LATE * 1_000_000])).await, day());
    assert_eq!(read(ColumnType::Date, TimestampNanosecondArray::from(vec![LATE * 1_000_000_000])).await, day());
    assert_eq!(read(ColumnType::Date, TimestampMicrosecondArray::from(vec![-1])).await, ["1969-12-31"]);
    let stored = text(&[Some("2024-02-29"), Some("2024-02-29T23:30:00Z"), Some("soon"), None]);
    assert_eq!(read_in("UTC", ColumnType::Date, stored).await, ["2024-02-29", "2024-02-29", "NULL", "NULL"]);
    // Text with an offset is an instant, text without one the project's clock.
    let stored = ["2024-02-29T23:30:00Z", "2024-03-01T00:30:00+01:00", "2024-02-29", "2024-02-29 23:30:00"].map(Some);
    let days = ["2024-02-29", "2024-02-29", "2024-03-01", "2024-03-01"];
    assert_eq!(read_in("Europe/Rome", ColumnType::Date, text(&stored)).await, days);
}

#[tokio::test]
async fn an_instant_is_a_day_in_the_projects_zone_and_a_clock_time_is_that_day_already() {
    let instant = || TimestampMicrosecondArray::from(vec![LATE * 1_000_000]).with_timezone("UTC");
    let abroad = || TimestampMicrosecondArray::from(vec![LATE * 1_000_000]).with_timezone("-05:00");
    let clock = || TimestampMicrosecondArray::from(vec![LATE * 1_000_000]);
    assert_eq!(read(ColumnType::Date, instant()).await, ["2024-02-29"]);
    assert_eq!(read_in("Europe/Rome", ColumnType::Date, Arc::new(instant())).await, ["2024-03-01"]);
    assert_eq!(read_in("Europe/Rome", ColumnType::Date, Arc::new(abroad())).await, ["2024-03-01"]);
    assert_eq!(read_in("Europe/Rome", ColumnType::Date, Arc::new(clock())).await, ["2024-02-29"]);
}

#[tokio::test]
async fn instants_come_from_times_dates_and_text() {
    let clock = || Arc::new(TimestampNanosecondArray::from(vec![LATE * 1_000_000_000]));
    assert_eq!(read_in("UTC", ColumnType::Timestamp, clock()).await, ["2024-02-29T23:30:00Z"]);
    assert_eq!(read_in("Europe/Rome", ColumnType::Timestamp, clock()).await, ["2024-02-29T22:30:00Z"]);
    let day = || Arc::new(Date32Array::from(vec![19_782]));
    assert_eq!(read_in("Europe/Rome", ColumnType::Timestamp, day()).await, ["2024-02-28T23:00:00Z"]);
    let stored = texts(&["2024-02-29T23:30:00+01:00", "2024-02-29 10:00:00"]);
    assert_eq!(
        read_in("Europe/Rome", ColumnType::Timestamp, stored).await,
        ["2024-02-29T09:00:00Z", "2024-02-29T22:30:00Z"]
    );
}

#[tokio::test]
async fn whole_numbers_keep_no_fraction_and_lose_none() {
    assert_eq!(read(ColumnType::Integer, Float64Array::from(vec![3.0, 3.5, f64::NAN])).await, ["3", "NULL", "NULL"]);
    assert_eq!(read(ColumnType::Integer, UInt64Array::from(vec![3, u64::MAX])).await, ["3", "NULL"]);
    assert_eq!(read_in("UTC", ColumnType::Integer, texts(&["3", "three"])).await, ["3", "NULL"]);
    let decimals = Decimal128Array::from(vec![300, 350]).with_precision_and_scale(10, 2).unwrap();
    assert_eq!(read(ColumnType::Integer, decimals).await, ["3", "NULL"]);
}

#[tokio::test]
async fn numbers_are_finite() {
    let stored = Float32Array::from(vec![1.5, f32::NAN, f32::INFINITY, f32::NEG_INFINITY]);
    assert_eq!(read(ColumnType::Number, stored).await, ["1.5", "NULL", "NULL", "NULL"]);
    assert_eq!(read_in("UTC", ColumnType::Number, texts(&["1.5", "NaN", "x"])).await, ["1.5", "NULL", "NULL"]);
    assert_eq!(read(ColumnType::Number, Int64Array::from(vec![2])).await, ["2.0"]);
}

#[tokio::test]
async fn amounts_are_rounded_once_half_away_from_zero() {
    assert_eq!(read(ColumnType::Money, Int64Array::from(vec![12])).await, ["12.00"]);
    assert_eq!(read(ColumnType::Money, Float64Array::from(vec![11.77, 0.125, 0.135])).await, ["0.13", "0.14", "11.77"]);
    let decimals = Decimal128Array::from(vec![12_345, 12_355, 12_350]).with_precision_and_scale(10, 3).unwrap();
    assert_eq!(read(ColumnType::Money, decimals).await, ["12.35", "12.35", "12.36"]);
    assert_eq!(read_in("UTC", ColumnType::Money, texts(&["12.345", "7"])).await, ["12.35", "7.00"]);
}

#[tokio::test]
async fn amounts_that_cannot_be_held_are_left_out() {
    assert_eq!(read(ColumnType::Money, Float64Array::from(vec![1.0, f64::NAN, 1e30, f64::INFINITY])).await, ["1.00"]);
    assert_eq!(read(ColumnType::Money, Int64Array::from(vec![1, i64::MAX])).await, ["1.00"]);
    let decimals = Decimal128Array::from(vec![999_999_999_999_999, 1_000_000_000_000_000, -1_000_000_000_000_000]);
    let of_the_contract = decimals.with_precision_and_scale(18, 2).unwrap();
    assert_eq!(read(ColumnType::Money, of_the_contract).await, ["9999999999999.99"]);
}

#[tokio::test]
async fn flags_are_true_false_one_and_zero() {
    assert_eq!(read(ColumnType::Flag, BooleanArray::from(vec![true, false])).await, ["false", "true"]);
    assert_eq!(read(ColumnType::Flag, Int64Array::from(vec![1, 0, 2])).await, ["NULL", "false", "true"]);
    assert_eq!(read_in("UTC", ColumnType::Flag, texts(&["true", "f", "?"])).await, ["NULL", "false", "true"]);
}

#[tokio::test]
async fn attributes_hold_what_they_are_said_to_hold_and_text_where_nothing_is_said() {
    let lake = Lake::new();
    let price = Decimal128Array::from(vec![1_234]).with_precision_and_scale(10, 3).unwrap();
    lake.write(
        "accounts.parquet",
        &[
            ("account_id", texts(&["a"])),
            ("price", Arc::new(price)),
            ("number", Arc::new(Int32Array::from(vec![7]))),
            ("at", Arc::new(TimestampSecondArray::from(vec![LATE]))),
        ],
    );
    let accounts = lake
        .accounts()
        .attribute("price", "price", Some(ColumnType::Money))
        .attribute("number", "number", None)
        .attribute("at", "at", Some(ColumnType::Timestamp))
        .attribute("large", "number > 5", Some(ColumnType::Flag));
    let night = lake.open(&[accounts]).await.unwrap();
    let accounts = night.opened.get(InputTable::Accounts).unwrap();
    let kinds: Vec<_> = accounts.attributes.iter().map(|column| column.kind).collect();
    assert_eq!(
        kinds,
        [ColumnType::Money, ColumnType::Text, ColumnType::Date, ColumnType::Flag],
        "accounts are judged by the day"
    );
    assert_eq!(night.rows("SELECT price, number, at, large FROM accounts").await, ["1.23 7 2024-02-29 true"]);
}

#[tokio::test]
async fn the_old_96_bit_times_are_instants() {
    let lake = Lake::with_accounts();
    let message = "message m { required binary account_id (UTF8); required int96 opened_at; }";
    let schema = Arc::new(parse_message_type(message).unwrap());
    let file = std::fs::File::create(lake.folder.path().join("tickets.parquet")).unwrap();
    let mut writer = SerializedFileWriter::new(file, schema, Arc::default()).unwrap();
    let mut rows = writer.next_row_group().unwrap();
    let mut column = rows.next_column().unwrap().unwrap();
    column.typed::<ByteArrayType>().write_batch(&["a".into()], None, None).unwrap();
    column.close().unwrap();
    // 2024-02-29T23:30:00 as nanoseconds of the day and Julian day.
    let nanoseconds = (23 * 60 + 30) * 60_000_000_000_u64;
    let mut at = Int96::new();
    at.set_data((nanoseconds & 0xffff_ffff) as u32, (nanoseconds >> 32) as u32, 2_460_370);
    let mut column = rows.next_column().unwrap().unwrap();
    column.typed::<Int96Type>().write_batch(&[at], None, None).unwrap();
    column.close().unwrap();
    rows.close().unwrap();
    writer.close().unwrap();
    let night = lake.open(&[lake.accounts(), lake.input(InputTable::SupportTickets, "tickets.parquet")]).await.unwrap();
    assert_eq!(night.rows("SELECT opened_at FROM support_tickets").await, ["2024-02-29T23:30:00Z"]);
}
