//! What rows are worth and whom they count for: currencies, bookings, merged accounts.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;
use datafusion::arrow::array::{ArrayRef, Float64Array};
use headwater_ingest::{InputSpec, OpenedInput};
use headwater_metrics::{
    AsOf, Economics, Exchange, GrossMargin, InputTable, Lifetimes, RevenuePolicy, movements, register_functions,
};

use crate::lake::{Lake, Mapped, NIGHT, texts};

fn numbers(values: &[f64]) -> ArrayRef {
    Arc::new(Float64Array::from(values.to_vec()))
}

fn written(lake: &Lake, table: InputTable, columns: &[(&str, ArrayRef)]) -> InputSpec {
    let file = format!("{}.parquet", table.name());
    lake.write(&file, columns);
    lake.input(table, &file)
}

fn rates(lake: &Lake) -> InputSpec {
    let columns = [
        ("currency", texts(&["USD", "usd ", "USD", "GBP", "JPY", "JPY", "Usd"])),
        (
            "valid_on",
            texts(&["2024-01-01", "2024-02-01", "2099-01-01", "2024-02-01", "2024-01-01", "2024-01-02", "2024-02-01"]),
        ),
        ("rate", numbers(&[0.5, 0.8, 9.0, 1.2, 0.0, -1.0, 0.9])),
    ];
    written(lake, InputTable::ExchangeRates, &columns)
}

fn orders(lake: &Lake) -> InputSpec {
    let columns = [
        ("account_id", texts(&["a", "a", "a", "a", "a", "a", "a"])),
        (
            "ordered_on",
            texts(&["2024-01-31", "2024-02-01", "2024-02-10", "2024-01-31", "2024-02-01", "2024-02-01", "2024-02-01"]),
        ),
        ("amount", numbers(&[10.01, 10.01, 10.0, 10.0, 10.0, -3.0, 7.0])),
        ("currency", texts(&["USD", " usd", "EUR", "GBP", "JPY", "GBP", " "])),
    ];
    written(lake, InputTable::Orders, &columns)
}

const ORDERS: &str = "SELECT ordered_on, amount, currency FROM orders";

#[tokio::test]
async fn an_amount_counts_at_the_rate_of_its_day_or_is_left_out() {
    let lake = Lake::with_accounts();
    let night = lake.open(&[lake.accounts(), rates(&lake), orders(&lake)]).await.unwrap();
    // Half a cent is rounded away from nothing.
    assert_eq!(
        night.rows(ORDERS).await,
        ["2024-01-31 5.01 USD", "2024-02-01 -3.60 GBP", "2024-02-01 8.01 USD", "2024-02-10 10.00 EUR"]
    );
    let rows = |table| night.opened.get(table).unwrap().rows.clone();
    let left_out = &rows(InputTable::Orders).quarantined;
    assert_eq!((left_out.get("no_exchange_rate"), left_out.get("missing_currency")), (Some(&2), Some(&1)));
    let of_rates = rows(InputTable::ExchangeRates);
    assert_eq!(of_rates.quarantined.get("duplicate_rate"), Some(&1));
    let clean = "SELECT currency, valid_on, rate FROM exchange_rates";
    assert_eq!(night.rows(clean).await, ["GBP 2024-02-01 1.2", "USD 2024-01-01 0.5", "USD 2024-02-01 0.8"]);
    assert_eq!(
        (of_rates.kept, of_rates.after_as_of, of_rates.quarantined.get("impossible_rate")),
        (Some(3), 1, Some(&2))
    );
}

#[tokio::test]
async fn all_amounts_may_count_at_the_rates_of_one_day() {
    let lake = Lake { exchange: Exchange::Constant("2024-01-15".parse().unwrap()), ..Lake::with_accounts() };
    let night = lake.open(&[lake.accounts(), rates(&lake), orders(&lake)]).await.unwrap();
    assert_eq!(night.rows(ORDERS).await, ["2024-01-31 5.01 USD", "2024-02-01 5.01 USD", "2024-02-10 10.00 EUR"]);
    let left_out = &night.opened.get(InputTable::Orders).unwrap().rows.quarantined;
    assert_eq!(left_out.get("no_exchange_rate"), Some(&3));
}

#[tokio::test]
async fn amounts_that_no_amount_holds_and_ones_below_nothing_are_left_out_and_counted() {
    let lake = Lake::with_accounts();
    let columns = [
        ("account_id", texts(&["a"; 6])),
        ("ordered_on", texts(&["2024-02-01"; 6])),
        ("amount", numbers(&[9.5e12, 9.5e12, 100.0, 100.0, 100.0, 100.0])),
        ("refunded_amount", numbers(&[0.0, 0.0, -25.0, 9.5e12, 0.0, 25.0])),
        ("discount_amount", numbers(&[0.0, 0.0, 0.0, 0.0, -1.0, 1.0])),
        ("currency", texts(&["EUR", "GBP", "EUR", "GBP", "EUR", "GBP"])),
    ];
    let night =
        lake.open(&[lake.accounts(), rates(&lake), written(&lake, InputTable::Orders, &columns)]).await.unwrap();
    assert_eq!(
        night.rows("SELECT amount, refunded_amount, discount_amount FROM orders").await,
        ["120.00 30.00 1.20", "9500000000000.00 0.00 0.00"]
    );
    let reasons = [
        ("too_large_amount", 1),
        ("negative_refunded_amount", 1),
        ("too_large_refunded_amount", 1),
        ("negative_discount_amount", 1),
    ];
    let left_out = &night.opened.get(InputTable::Orders).unwrap().rows.quarantined;
    let expected = reasons.iter().map(|(reason, rows)| ((*reason).to_owned(), *rows)).collect();
    assert_eq!(*left_out, expected);
}

const RATES_OF: NaiveDate = NaiveDate::from_ymd_opt(2024, 1, 15).unwrap();

/// A subscription that grew too large at a later rate would be there for the movements of one period and gone in another.
#[tokio::test]
async fn a_subscription_has_to_be_an_amount_at_every_rate_up_to_the_night() {
    let columns = [
        ("account_id", texts(&["a"; 5])),
        ("started_on", texts(&["2024-01-10"; 5])),
        ("mrr", numbers(&[9e12, 6e12, 9e12, 6e12, 1.0])),
        ("discount", numbers(&[0.0, 0.0, 0.0, 1e12, 9.9e12])),
        ("currency", texts(&["USD", "USD", "EUR", "USD", "USD"])),
    ];
    let rates = [
        ("currency", texts(&["USD"; 3])),
        ("valid_on", texts(&["2023-01-01", "2024-03-10", "2099-01-01"])),
        ("rate", numbers(&[0.5, 1.5, 9.0])),
    ];
    let mut lake = Lake::with_accounts();
    let inputs = [
        lake.accounts(),
        written(&lake, InputTable::ExchangeRates, &rates),
        written(&lake, InputTable::Subscriptions, &columns),
    ];
    let reason = |name: &str, rows| (format!("too_large_{name}"), rows);
    let moving = [reason("discount", 2), reason("mrr", 1)];
    for (exchange, expected) in [(Exchange::Moving, moving.into()), (Exchange::Constant(RATES_OF), BTreeMap::new())] {
        lake.exchange = exchange;
        let opened = lake.open(&inputs).await.unwrap().opened;
        assert_eq!(opened.get(InputTable::Subscriptions).unwrap().rows.quarantined, expected);
    }
}

/// The movements of recurring revenue over a lake.
async fn movements_over(lake: &Lake, inputs: &[InputSpec]) -> Vec<String> {
    let night = lake.open(inputs).await.unwrap();
    register_functions(&mut night.context.clone()).unwrap();
    let columns = |input: &OpenedInput| input.columns.iter().map(|column| column.name.clone()).collect();
    let plans = headwater_metrics::Night {
        as_of: AsOf::new(NIGHT.parse().unwrap(), "UTC".parse().unwrap()),
        economics: Economics {
            gross_margin: GrossMargin::Declared(1.0),
            monthly_discount: 0.0,
            horizon_months: 60,
            lookback_months: 12,
            cac_lag_months: 0,
            clawback_days: 180,
        },
        lifetimes: Lifetimes::default(),
        currency: "EUR".to_owned(),
        exchange: lake.exchange,
        retention_audience: Vec::new(),
        policy: RevenuePolicy::default(),
        features: Vec::new(),
        inputs: night.opened.inputs.iter().map(|input| (input.table, columns(input))).collect(),
        attributes: Vec::new(),
    };
    night.rows(&movements(&plans).sql).await
}

/// A price before and after its discount ends is rounded once, however rates are read.
#[tokio::test]
async fn a_rate_that_never_changes_makes_moving_and_constant_rates_equal() {
    let amounts: Vec<f64> = (0..200_i32).map(|row| f64::from(row * 37 % 1_009) / 100.0).collect();
    let discounts: Vec<f64> = (0..200_i32).map(|row| f64::from(row * 53 % 499) / 100.0).collect();
    let columns = [
        ("account_id", texts(&["a", "b"].repeat(100))),
        ("started_on", texts(&["2024-01-10"; 200])),
        ("ended_on", texts(&["", "", "", "2024-05-20"].repeat(50))),
        ("mrr", numbers(&amounts)),
        ("discount", numbers(&discounts)),
        ("discount_ends_on", texts(&["2024-02-15", "", "2024-03-15", "2024-04-15"].repeat(50))),
        ("currency", texts(&["USD", "USD", "USD", "USD", "EUR"].repeat(40))),
    ];
    let rates = [
        ("currency", texts(&["USD"; 2])),
        ("valid_on", texts(&["2023-01-01", "2024-03-10"])),
        ("rate", numbers(&[0.5, 0.5])),
    ];
    let mut lake = Lake::with_accounts();
    let subscriptions = written(&lake, InputTable::Subscriptions, &columns)
        .map("ended_on", "nullif(ended_on, '')")
        .map("discount_ends_on", "nullif(discount_ends_on, '')");
    let inputs = [lake.accounts(), written(&lake, InputTable::ExchangeRates, &rates), subscriptions];
    let moving = movements_over(&lake, &inputs).await;
    lake.exchange = Exchange::Constant("2024-01-01".parse().unwrap());
    assert_eq!(moving, movements_over(&lake, &inputs).await);
    assert!(moving.iter().all(|movement| !movement.contains(" fx ")) && moving.len() > 4, "{moving:?}");
}

#[tokio::test]
async fn a_foreign_amount_without_any_rate_is_never_taken_as_it_is() {
    let lake = Lake::with_accounts();
    let night = lake.open(&[lake.accounts(), orders(&lake)]).await.unwrap();
    assert_eq!(night.rows(ORDERS).await, ["2024-02-10 10.00 EUR"]);
}

#[tokio::test]
async fn a_subscription_to_come_is_seen_from_the_day_it_is_booked() {
    let lake = Lake::with_accounts();
    let columns = [
        ("account_id", texts(&["a", "a", "a"])),
        ("started_on", texts(&["2099-01-01", "2099-02-01", "2099-03-01"])),
        ("mrr", numbers(&[1.0, 2.0, 3.0])),
        ("booked_on", texts(&["2024-01-01", "2098-01-01", ""])),
    ];
    let spec = written(&lake, InputTable::Subscriptions, &columns).map("booked_on", "nullif(booked_on, '')");
    let night = lake.open(&[lake.accounts(), spec]).await.unwrap();
    assert_eq!(night.rows("SELECT mrr FROM subscriptions").await, ["1.00"]);
    let opened = night.opened.get(InputTable::Subscriptions).unwrap();
    assert_eq!((opened.rows.after_as_of, opened.newest), (2, None));
}

/// Accounts a to f: a names itself and b went into a, c into b, d into nobody that is there, e and f into each other; p is the parent of a and d.
fn merged(lake: &Lake) -> InputSpec {
    let columns = [
        ("account_id", texts(&["a", "b", "c", "d", "e", "f", "p", "q"])),
        ("merged_into", texts(&["a", "a", "b", "nobody", "f", "e", "", "a"])),
        ("merged_on", texts(&["", "2024-01-01", "", "", "", "", "", "2099-01-01"])),
        ("parent_account_id", texts(&["p", "", "", "p", "", "", "", ""])),
        ("referred_by", texts(&["c", "", "", "b", "e", "nobody", "", ""])),
    ];
    written(lake, InputTable::Accounts, &columns).map("merged_on", "nullif(merged_on, '')")
}

#[tokio::test]
async fn rows_of_merged_accounts_count_for_the_one_that_took_them_over() {
    let lake = Lake::with_accounts();
    let ids = texts(&["a", "b", "c", "d", "e", "q", "nobody"]);
    let amounts = numbers(&[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0]);
    let days = texts(&["2024-01-01"; 7]);
    let orders = written(
        &lake,
        InputTable::Orders,
        &[("account_id", ids.clone()), ("amount", amounts), ("ordered_on", days.clone())],
    );
    let usage = written(&lake, InputTable::UsageEvents, &[("account_id", ids), ("occurred_on", days)]);
    let spend =
        [("account_id", texts(&["c", "d"])), ("amount", numbers(&[3.0, 5.0])), ("spent_on", texts(&["2024-01-01"; 2]))];
    let spend = written(&lake, InputTable::Spend, &spend);
    let by_account = "SELECT account_id, sum(amount) FROM orders GROUP BY 1";
    let uses = "SELECT account_id, count(*) FROM usage_events GROUP BY 1";
    let night = lake.open(&[merged(&lake), orders.clone(), usage.clone()]).await.unwrap();
    assert_eq!(night.rows("SELECT account_id FROM accounts").await, ["a", "d", "e", "f", "p", "q"]);
    let recommended = "SELECT account_id, referred_by FROM accounts WHERE referred_by <> ''";
    assert_eq!(night.rows(recommended).await, ["a a", "d a", "e e", "f nobody"]);
    assert_eq!(night.rows(by_account).await, ["a 7.00", "d 8.00", "e 16.00", "q 32.00"]);
    assert_eq!(night.rows(uses).await, ["a 3", "d 1", "e 1", "nobody 1", "q 1"]);
    let spent = lake.open(&[merged(&lake), spend]).await.unwrap();
    assert_eq!(spent.rows("SELECT account_id, amount FROM spend").await, ["a 3.00", "d 5.00"]);
    let accounts = &night.opened.get(InputTable::Accounts).unwrap().rows;
    assert_eq!((accounts.merged, accounts.unexpected.get("merged_into_known_account")), (2, Some(&3)));

    let rolled_up = InputSpec { roll_up_to_parents: true, ..merged(&lake) };
    let night = lake.open(&[rolled_up, orders, usage]).await.unwrap();
    assert_eq!(night.rows(by_account).await, ["e 16.00", "p 15.00", "q 32.00"]);
    let accounts = &night.opened.get(InputTable::Accounts).unwrap().rows;
    assert_eq!((accounts.merged, accounts.unexpected.get("merged_into_known_account")), (4, Some(&3)));
}

#[tokio::test]
async fn a_refund_of_an_order_that_is_not_there_is_kept_and_counted() {
    let lake = Lake::with_accounts();
    let columns = [
        ("account_id", texts(&["a", "a", "a", "b", "a"])),
        ("order_id", texts(&["1", "2", "3", "4", "5"])),
        ("corrects_order_id", texts(&["", "1", "nobody", "1", "5"])),
        ("ordered_on", texts(&["2024-01-01"; 5])),
        ("amount", numbers(&[10.0, -1.0, -2.0, -4.0, 5.0])),
    ];
    let night = lake.open(&[lake.accounts(), written(&lake, InputTable::Orders, &columns)]).await.unwrap();
    let rows = &night.opened.get(InputTable::Orders).unwrap().rows;
    assert_eq!((rows.kept, rows.unexpected.get("corrects_known_order")), (Some(5), Some(&2)));
}

/// `1`, an order, is refunded by `2`, taken back by `3`, refunded again by `4`, by a row without an id, and by `b`, which is
/// another account. `5` corrects nobody that is there, `6` corrects `5`, `7` that one. `8` and `9` correct each other, and
/// `10` corrects `9`.
#[tokio::test]
async fn a_chain_of_corrections_is_followed_to_the_order_behind_all() {
    let lake = Lake::with_accounts();
    let columns = [
        ("account_id", texts(&["a", "a", "a", "a", "a", "b", "a", "a", "a", "a", "a", "a"])),
        ("order_id", texts(&["1", "2", "3", "4", "", "11", "5", "6", "7", "8", "9", "10"])),
        ("corrects_order_id", texts(&["", "1", "2", "3", "4", "3", "nobody", "5", "6", "9", "8", "9"])),
        ("ordered_on", texts(&["2024-01-01"; 12])),
        ("amount", numbers(&[10.0, -1.0, 1.0, -2.0, 2.0, -3.0, -4.0, 4.0, -4.0, -5.0, 5.0, -5.0])),
    ];
    let night = lake.open(&[lake.accounts(), written(&lake, InputTable::Orders, &columns)]).await.unwrap();
    assert_eq!(
        night.rows("SELECT order_id, corrects_order_id FROM orders").await,
        [" 1", "1 ", "10 ", "11 1", "2 1", "3 1", "4 1", "5 nobody", "6 5", "7 5", "8 ", "9 "]
    );
    // Of `5`, of `b`'s row, and of the three that lead into the circle there is no order.
    let rows = &night.opened.get(InputTable::Orders).unwrap().rows;
    assert_eq!((rows.kept, rows.unexpected.get("corrects_known_order")), (Some(12), Some(&5)));
}
