//! What is known of an account, whom it brought, and what it pays against the price list and against others.

use headwater_metrics::InputTable;

use crate::bench::Bench;

const SUBSCRIPTIONS: &str = "account_id VARCHAR, started_on DATE, ended_on DATE, mrr DECIMAL(18,2)";

async fn accounts(ids: &str) -> Bench {
    let rows: Vec<String> = ids.chars().map(|id| format!("('{id}')")).collect();
    Bench::new("2024-05-31").input(InputTable::Accounts, "account_id VARCHAR", &rows.join(", ")).await
}

#[tokio::test]
async fn a_single_view_says_what_is_missing_and_how_old_the_rest_is() {
    let bench = accounts("ABC")
        .await
        .input(
            InputTable::Subscriptions,
            SUBSCRIPTIONS,
            "('A', '2023-01-01', '2024-05-01', 5), ('A', '2024-06-20', NULL, 5), ('B', '2023-01-01', '2024-07-01', 5), ('B', '2024-04-01', NULL, 1)",
        )
        .await
        .input(InputTable::Orders, "account_id VARCHAR, ordered_on DATE, amount DECIMAL(18,2)", "('C', '2024-05-30', 9)")
        .await
        .input(InputTable::UsageEvents, "account_id VARCHAR, occurred_on DATE", "('A', '2024-05-21')")
        .await
        .input(InputTable::SupportTickets, "account_id VARCHAR, opened_at TIMESTAMP", "('A', '2024-05-11T00:00:00')")
        .await;
    let days = [
        "days_since_last_subscription_change",
        "last_subscription_change_on",
        "days_since_last_order",
        "days_since_last_activity",
        "days_since_last_ticket",
    ];
    assert_eq!(bench.accounts(&days).await, ["A 30 2024-05-01 - 10 20", "B 60 2024-04-01 - - -", "C - - 1 - -"]);
    let coverage = "SELECT account_id, has_subscriptions, has_orders, has_usage, has_tickets, families_known, coverage_pct, families_missing
        FROM measured ORDER BY 1";
    assert_eq!(
        bench.lines(coverage).await,
        [
            "A true false true true 3 100.0 -",
            "B true false false false 1 33.333333333333336 engagement, support",
            "C false true false false 1 33.333333333333336 engagement, support",
        ]
    );
    // Where nothing asks for usage it is not read, and how much is known is not known either.
    bench.accounts(&["mrr"]).await;
    let coverage =
        "SELECT account_id, has_usage, families_known, coverage_pct, families_missing FROM measured ORDER BY 1";
    assert_eq!(bench.lines(coverage).await, ["A - - - -", "B - - - support", "C - - - support"]);
}

#[tokio::test]
async fn who_recommends_brings_accounts_and_what_they_pay() {
    let rows = "('A', '2023-01-01', NULL), ('B', '2024-05-01', 'A'), ('C', '2023-05-01', 'A'), ('D', NULL, 'A'), ('E', '2024-05-01', 'E'),
        ('F', '2024-05-02', 'B'), ('G', '2024-05-02', 'nobody'), ('H', '2024-05-02', '')";
    let columns = "account_id VARCHAR, signed_up_on DATE, referred_by VARCHAR";
    let bench = Bench::new("2024-05-31")
        .input(InputTable::Accounts, columns, rows)
        .await
        .input(
            InputTable::Subscriptions,
            SUBSCRIPTIONS,
            "('B', '2024-05-01', NULL, 30), ('C', '2023-05-01', NULL, 12.5), ('D', '2023-05-01', '2023-06-01', 8), ('F', '2024-05-01', NULL, 1)",
        )
        .await;
    let lines = bench.accounts(&["referrals_90d", "referrals_total", "referred_customers", "referred_mrr"]).await;
    assert_eq!(lines[..3], ["A 1 3 2 42.50", "B 1 1 1 1.00", "C 0 0 0 0.00"]);
    assert_eq!(lines[4], "E 0 0 0 0.00", "nobody recommends itself");
    let bench = Bench::new("2024-05-31").input(InputTable::Accounts, columns, rows).await;
    assert_eq!(bench.accounts(&["referrals_total", "referred_mrr"]).await[..2], ["A 3 -", "B 1 -"]);
}

#[tokio::test]
async fn prices_are_held_against_the_list() {
    let columns = "account_id VARCHAR, started_on DATE, ended_on DATE, mrr DECIMAL(18,2), plan VARCHAR, seats BIGINT, is_add_on BOOLEAN";
    // A pays 60 of 80 and has an add-on; B is on a plan that is no longer sold; C on one nobody knows; D pays more; E left.
    let rows = "('A', '2023-01-01', NULL, 60, 'team', 4, false), ('A', '2023-01-01', NULL, 7, 'priority', 1, true),
        ('A', '2023-01-01', '2024-01-01', 7, 'storage', 1, true), ('B', '2023-01-01', NULL, 10, 'classic', 3, NULL),
        ('C', '2023-01-01', NULL, 10, 'mystery', 3, NULL), ('D', '2023-01-01', NULL, 120, 'whole', 9, NULL),
        ('E', '2023-01-01', '2024-01-01', 10, 'classic', 3, NULL)";
    let plans = "plan VARCHAR, monthly_price DECIMAL(18,2), is_per_seat BOOLEAN, retired_on DATE";
    let list = "('team', 20, true, NULL), ('classic', 15, NULL, '2022-01-01'), ('whole', 100, false, NULL)";
    let bench = accounts("ABCDE")
        .await
        .input(InputTable::Subscriptions, columns, rows)
        .await
        .input(InputTable::Plans, plans, list)
        .await;
    assert_eq!(
        bench.accounts(&["list_mrr", "price_gap_pct", "is_on_legacy_plan", "add_ons"]).await,
        [
            "A 80.00 25.0 false 1",
            "B 15.00 33.333333333333336 true 0",
            "C - - true 0",
            "D 100.00 -20.0 false 0",
            "E - - false 0",
        ]
    );
    assert_eq!(bench.groups(&[("total", "add_on_attach_rate")]).await, ["total all add_on_attach_rate 0.25 4 -"]);
    let bench = accounts("A")
        .await
        .input(InputTable::Subscriptions, columns, "('A', '2023-01-01', NULL, 15, 'team', 4, NULL)")
        .await
        .input(InputTable::Plans, "plan VARCHAR, monthly_price DECIMAL(18,2)", "('team', 20)")
        .await;
    assert_eq!(bench.accounts(&["price_gap_pct", "is_on_legacy_plan"]).await, ["A 25.0 false"]);
}

const SHAPES: [&str; 5] =
    ["mrr_median", "mrr_gini", "mrr_top_decile_share", "mrr_at_least_mean_share", "mrr_bimodality"];

/// What is said of the values of one company, in the order of `SHAPES`, and how many accounts it rests on.
async fn shape(values: &[u32]) -> Vec<String> {
    let ids: Vec<String> = (0..values.len()).map(|at| format!("('{at}')")).collect();
    let rows = values.iter().enumerate().map(|(at, value)| format!("('{at}', '2023-01-01', NULL, {value})"));
    let bench = Bench::new("2024-05-31")
        .input(InputTable::Accounts, "account_id VARCHAR", &ids.join(", "))
        .await
        .input(InputTable::Subscriptions, SUBSCRIPTIONS, &rows.collect::<Vec<_>>().join(", "))
        .await;
    let lines = bench.groups(&SHAPES.map(|metric| ("total", metric))).await;
    let told = |metric: &str| {
        let line = lines.iter().find(|line| line.starts_with(&format!("total all {metric} "))).unwrap();
        line.split(' ').nth(3).unwrap().to_owned()
    };
    SHAPES.map(told).to_vec()
}

#[tokio::test]
async fn the_shape_of_revenue_over_accounts() {
    // Those who pay nothing are in none of them.
    let mixed = shape(&[10, 10, 10, 10, 10, 10, 10, 10, 20, 900, 0]).await;
    // Gini by its definition: all differences of pairs over twice the mean. One account of ten has 0.9 of everything.
    let values = [10.0, 10.0, 10.0, 10.0, 10.0, 10.0, 10.0, 10.0, 20.0, 900.0];
    let pairs: f64 = values.iter().flat_map(|a| values.iter().map(move |b| f64::abs(a - b))).sum();
    assert_eq!(mixed[0], "10.0");
    assert!((mixed[1].parse::<f64>().unwrap() - pairs / (2.0 * 100.0 * 100.0)).abs() < 1e-12, "{mixed:?}");
    assert_eq!((mixed[2].as_str(), mixed[3].as_str()), ("0.9", "0.1"));
    // Of twelve accounts a tenth is one and a part: two.
    assert_eq!(shape(&[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 10, 20]).await[2], "0.75");
    // Unknown of what is the same or few, and never anything but a number.
    assert_eq!(shape(&[5, 5, 5, 5]).await, ["5.0", "0.0", "-", "-", "-"]);
    assert_eq!(shape(&[5]).await, ["5.0", "-", "-", "-", "-"]);
    assert_eq!(shape(&[0, 0]).await, ["-", "-", "-", "-", "-"]);
    assert_eq!(shape(&[4, 7]).await[0], "5.5");
}

/// Four values by hand: 1, 2, 3 and 10 have moments 12.5, 45 and 348.5 about 4, skewness 1.7636326 and excess kurtosis
/// 3.2282 after correction.
#[tokio::test]
async fn bimodality_is_that_of_sarle() {
    let told = shape(&[1, 2, 3, 10]).await;
    let skewness: f64 = 45.0 / 12.5_f64.powf(1.5) * 12.0_f64.sqrt() / 2.0;
    let kurtosis = 3.0 / 2.0 * (5.0 * (348.5 / 156.25 - 3.0) + 6.0);
    let expected = (skewness * skewness + 1.0) / (kurtosis + 3.0 * 9.0 / 2.0);
    assert!((told[4].parse::<f64>().unwrap() - expected).abs() < 1e-12, "{told:?} {expected}");
    // Two heaps of fifty are nearly as far apart as can be: 1; evenly spread values come to 5/9.
    let heaps: Vec<u32> = (0..100).map(|at| if at < 50 { 1 } else { 1_000 }).collect();
    assert!(shape(&heaps).await[4].parse::<f64>().unwrap() > 0.95);
    let flat: Vec<u32> = (1..=400).collect();
    assert!((shape(&flat).await[4].parse::<f64>().unwrap() - 5.0 / 9.0).abs() < 0.01);
}
