//! Lifetime values: known cases by hand, and accounts against the models themselves.

mod buyers;
mod contracts;
mod methods;

use headwater_metrics::{InputTable, Lifetimes};

use crate::bench::Bench;

const ACCOUNTS: &str = "account_id VARCHAR, signed_up_on DATE, plan VARCHAR";
const SUBSCRIPTIONS: &str =
    "account_id VARCHAR, started_on DATE, ended_on DATE, mrr DECIMAL(18,2), billing_interval VARCHAR";
const ORDERS: &str =
    "account_id VARCHAR, order_id VARCHAR, corrects_order_id VARCHAR, ordered_on DATE, amount DECIMAL(18,2)";

fn few() -> Lifetimes {
    Lifetimes { fewest_customers: 1, fewest_churns: 1, ..Lifetimes::default() }
}

/// The numbers of lines whose first words are `named`.
fn numbers(lines: &[String], named: &str) -> Vec<Option<f64>> {
    let line = lines.iter().find(|line| line.starts_with(named)).unwrap_or_else(|| panic!("{named}: {lines:#?}"));
    line[named.len()..].split_whitespace().map(|word| word.parse().ok()).collect()
}

fn close(what: &str, value: Option<f64>, expected: f64) {
    let value = value.unwrap_or(f64::NAN);
    assert!((value - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{what}: {value} is not {expected}");
}

/// A pays monthly and renewed three times, B left after its second month, C pays yearly and has not renewed, D never paid.
async fn subscribers() -> Bench {
    Bench::new("2024-04-30")
        .input(
            InputTable::Accounts,
            ACCOUNTS,
            "('A', '2024-01-31', 'pro'), ('B', '2024-01-31', 'pro'), ('C', '2023-10-31', 'big'), ('D', '2024-01-01', 'pro')",
        )
        .await
        .input(
            InputTable::Subscriptions,
            SUBSCRIPTIONS,
            "('A', '2024-01-31', NULL, 50, 'monthly'), ('B', '2024-01-31', '2024-03-31', 50, 'month'), ('C', '2023-10-31', NULL, 100, 'annual')",
        )
        .await
        .lifetimes(few())
}
