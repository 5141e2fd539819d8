//! The same rows under several policies.

use headwater_metrics::{InputTable, RevenuePolicy};

use crate::bench::Bench;

fn preset(name: &str) -> RevenuePolicy {
    RevenuePolicy::preset(name).unwrap()
}

async fn company(accounts: &str, subscriptions: &str, policy: RevenuePolicy) -> Bench {
    let accounts: Vec<String> = accounts.chars().map(|id| format!("('{id}')")).collect();
    let columns = "account_id VARCHAR, started_on DATE, ended_on DATE, mrr DECIMAL(18,2), plan VARCHAR, seats BIGINT, is_add_on BOOLEAN, cancelled_on DATE";
    Bench::new("2024-04-30")
        .policy(policy)
        .input(InputTable::Accounts, "account_id VARCHAR", &accounts.join(", "))
        .await
        .input(InputTable::Subscriptions, columns, subscriptions)
        .await
}

/// Opening 100, churn 10, contraction 10, expansion 15, reactivation 8.
const TRIPLE: &str = "
    ('A', '2024-01-01', NULL, 50, NULL, NULL, NULL, NULL), ('A', '2024-04-02', NULL, 15, NULL, NULL, NULL, NULL),
    ('B', '2024-01-01', '2024-04-10', 40, 'big', NULL, NULL, NULL), ('B', '2024-04-10', NULL, 30, 'small', NULL, NULL, NULL),
    ('C', '2024-01-01', '2024-04-20', 10, NULL, NULL, NULL, NULL),
    ('D', '2023-11-01', '2024-02-01', 8, NULL, NULL, NULL, NULL), ('D', '2024-04-15', NULL, 8, NULL, NULL, NULL, NULL)";

#[tokio::test]
async fn one_month_has_three_rates_of_net_retention() {
    for (policy, expected) in [("strict", 0.95), ("chartmogul", 1.03), ("baremetrics", 1.05), ("profitwell", 0.95)] {
        let lines =
            company("ABCD", TRIPLE, preset(policy)).await.groups(&[("total", "nrr_1m"), ("total", "grr_1m")]).await;
        let value: f64 = lines[1].split(' ').nth(3).unwrap().parse().unwrap();
        assert!((value - expected).abs() < 1e-12, "{policy}: {lines:?}");
        assert!(lines[0].starts_with("total all grr_1m 0.8 "), "{policy}: {lines:?}");
    }
}

#[tokio::test]
async fn new_customers_may_stand_below_the_line_of_churn() {
    let rows = "('A', '2024-01-01', NULL, 5, NULL, NULL, NULL, NULL), ('B', '2024-01-01', '2024-04-09', 5, NULL, NULL, NULL, NULL),
        ('C', '2024-04-02', NULL, 5, NULL, NULL, NULL, NULL), ('D', '2024-04-03', NULL, 5, NULL, NULL, NULL, NULL)";
    for (policy, expected) in [("strict", "0.5"), ("stripe", "0.25")] {
        let lines = company("ABCD", rows, preset(policy)).await.groups(&[("total", "logo_churn_1m")]).await;
        assert_eq!(lines, [format!("total all logo_churn_1m {expected} 2 -")]);
    }
}

const MOVES: &str =
    "SELECT account_id, period_end, movement, reason, opening_mrr, closing_mrr FROM mrr_movements ORDER BY 1, 2";

#[tokio::test]
async fn an_account_on_a_free_plan_may_be_a_customer() {
    let rows = "('A', '2024-01-05', '2024-02-05', 0, 'free', NULL, NULL, NULL), ('A', '2024-02-05', '2024-03-05', 20, 'pro', NULL, NULL, NULL),
        ('A', '2024-03-05', '2024-04-05', 0, 'free', NULL, NULL, NULL)";
    let strict = company("A", rows, preset("strict")).await;
    strict.accounts(&["mrr"]).await;
    assert_eq!(strict.lines(MOVES).await, ["A 2024-02-29 new - 0.00 20.00", "A 2024-03-31 churn - 20.00 0.00"]);
    let free = RevenuePolicy { free_plans_are_customers: true, ..RevenuePolicy::default() };
    let free = company("A", rows, free).await;
    assert_eq!(free.accounts(&["is_customer", "was_customer_1m_ago", "mrr_1m_ago"]).await, ["A false true 0.00"]);
    assert_eq!(
        free.lines(MOVES).await,
        [
            "A 2024-01-31 new - 0.00 0.00",
            "A 2024-02-29 expansion plan 0.00 20.00",
            "A 2024-03-31 contraction plan 20.00 0.00",
            "A 2024-04-30 churn - 0.00 0.00",
        ]
    );
}

#[tokio::test]
async fn a_movement_says_why() {
    let rows = "
        ('A', '2024-01-01', NULL, 50, 'team', 5, NULL, NULL), ('A', '2024-02-02', NULL, 5, 'backup', NULL, true, NULL),
        ('B', '2024-01-01', '2024-02-10', 50, 'team', 5, NULL, NULL), ('B', '2024-02-10', '2024-03-10', 70, 'team', 7, NULL, NULL),
        ('B', '2024-03-10', '2024-04-10', 80, 'team', 7, NULL, NULL), ('B', '2024-04-10', NULL, 60, 'solo', 7, NULL, NULL),
        ('C', '2024-01-01', NULL, 50, 'team', 5, NULL, NULL), ('C', '2024-02-01', '2024-03-01', 10, 'mail', 1, NULL, NULL)";
    let company = company("ABC", rows, RevenuePolicy::default()).await;
    company.accounts(&["mrr"]).await;
    let moves = company.lines(
        "SELECT account_id, period_end, movement, reason FROM mrr_movements WHERE reason IS NOT NULL ORDER BY 1, 2",
    );
    assert_eq!(
        moves.await,
        [
            "A 2024-02-29 expansion add_on",
            "B 2024-02-29 expansion seats",
            "B 2024-03-31 expansion price",
            "B 2024-04-30 contraction plan",
            "C 2024-02-29 expansion cross_sell",
            "C 2024-03-31 contraction part_cancelled",
        ]
    );
}

/// A plan, or seats, that only one side says are no change; what is known to differ still is the reason.
#[tokio::test]
async fn what_is_not_known_of_both_sides_is_no_reason() {
    let cases = [
        ("'team', 5, NULL", "NULL, 5, NULL", "unknown"),
        ("NULL, 5, NULL", "'team', 5, NULL", "unknown"),
        ("'team', 5, NULL", "'team', NULL, NULL", "unknown"),
        ("'team', NULL, NULL", "'solo', 5, NULL", "plan"),
        ("'team', 5, NULL", "NULL, 7, NULL", "seats"),
        ("NULL, NULL, NULL", "NULL, NULL, NULL", "price"),
        ("NULL, 5, NULL", "NULL, 5, NULL", "price"),
        ("NULL, NULL, NULL", "NULL, NULL, true", "price"),
    ];
    for (before, after, reason) in cases {
        let rows = format!(
            "('A', '2024-01-01', '2024-04-10', 50, {before}, NULL), ('A', '2024-04-10', NULL, 70, {after}, NULL)"
        );
        let company = company("A", &rows, RevenuePolicy::default()).await;
        company.accounts(&["mrr"]).await;
        let moves = company.lines("SELECT movement, reason FROM mrr_movements WHERE movement <> 'new'").await;
        assert_eq!(moves, [format!("expansion {reason}")], "{before} {after}");
    }
}

/// What began beside it and does not say its seats hides whether seats came; where both sides have such a one, the others
/// are compared.
#[tokio::test]
async fn seats_are_compared_where_both_sides_say_them() {
    let ended = "('A', '2024-01-01', '2024-04-10', 50, 'team', 5, NULL, NULL)";
    let begun =
        "('A', '2024-04-10', NULL, 60, 'team', 7, NULL, NULL), ('A', '2024-04-10', NULL, 5, 'team', NULL, NULL, NULL)";
    let beside = "('A', '2024-01-01', '2024-04-10', 5, 'team', NULL, NULL, NULL)";
    for (rows, reason) in [(format!("{ended}, {begun}"), "unknown"), (format!("{ended}, {begun}, {beside}"), "seats")] {
        let company = company("A", &rows, RevenuePolicy::default()).await;
        company.accounts(&["mrr"]).await;
        let moves = company.lines("SELECT movement, reason FROM mrr_movements WHERE movement <> 'new'").await;
        assert_eq!(moves, [format!("expansion {reason}")]);
    }
}

#[tokio::test]
async fn a_customer_is_lost_when_its_term_ends_or_when_it_gives_notice() {
    let rows = "('A', '2024-01-01', '2025-01-01', 10, NULL, NULL, NULL, '2024-03-10'), ('B', '2024-01-01', NULL, 10, NULL, NULL, NULL, NULL)";
    let kept = company("AB", rows, RevenuePolicy::default()).await;
    assert_eq!(kept.accounts(&["mrr", "subscription_ends_on"]).await, ["A 10.00 2025-01-01", "B 10.00 -"]);
    let lost = RevenuePolicy { churn_when_cancelled: true, ..RevenuePolicy::default() };
    let lost = company("AB", rows, lost).await;
    assert_eq!(lost.accounts(&["mrr", "churned_mrr_2m"]).await, ["A 0.00 10.00", "B 10.00 0.00"]);
}

#[tokio::test]
async fn a_cohort_is_followed_by_age() {
    let rows = "('A', '2024-01-05', NULL, 10, NULL, NULL, NULL, NULL), ('B', '2024-01-09', '2024-03-02', 30, NULL, NULL, NULL, NULL),
        ('C', '2024-03-05', NULL, 7, NULL, NULL, NULL, NULL), ('A', '2024-04-01', NULL, 5, NULL, NULL, NULL, NULL)";
    let company = company("ABC", rows, RevenuePolicy::default()).await;
    let lines = company.cohorts().await;
    assert_eq!(
        lines,
        [
            "total all 2024-01-31 0 2 2 40.00 40.00 40.00",
            "total all 2024-01-31 1 2 2 40.00 40.00 80.00",
            "total all 2024-01-31 2 2 1 10.00 40.00 90.00",
            "total all 2024-01-31 3 2 1 15.00 40.00 105.00",
            "total all 2024-03-31 0 1 1 7.00 7.00 7.00",
            "total all 2024-03-31 1 1 1 7.00 7.00 14.00",
        ]
    );
}

/// Payback is read from what a cohort has paid; one that is not there yet is censored, never extrapolated.
#[tokio::test]
async fn a_cohort_pays_back_or_is_censored() {
    // Thirty accounts of January at 10, half of which grow in March; one of March at 7.
    let january = (0..30).map(|n| format!("('J{n}', '2024-01-05', NULL, 10, NULL, NULL, NULL, NULL)"));
    let growth = (0..15).map(|n| format!("('J{n}', '2024-03-05', NULL, 1, NULL, NULL, NULL, NULL)"));
    let rows: Vec<String> =
        january.chain(growth).chain(["('C', '2024-03-05', NULL, 7, NULL, NULL, NULL, NULL)".to_owned()]).collect();
    let accounts: Vec<String> = (0..30).map(|n| format!("('J{n}')")).chain(["('C')".to_owned()]).collect();
    let columns = "account_id VARCHAR, started_on DATE, ended_on DATE, mrr DECIMAL(18,2), plan VARCHAR, seats BIGINT, is_add_on BOOLEAN, cancelled_on DATE";
    let company = Bench::new("2024-04-30")
        .input(InputTable::Accounts, "account_id VARCHAR", &accounts.join(", "))
        .await
        .input(InputTable::Subscriptions, columns, &rows.join(", "))
        .await
        .input(InputTable::Spend, "spent_on DATE, amount DECIMAL(18,2)", "('2024-01-01', 600), ('2024-03-01', 50)")
        .await;
    // January: 300, 600, 915, 1230 of revenue to date; a margin of 80 % passes 600 in the third month.
    assert_eq!(
        company.cohort_summaries().await,
        [
            "2024-01-31 20.0 32.8 2 false rising -",
            "2024-03-31 50.0 11.200000000000001 - true immature fewer than 30 accounts"
        ]
    );
}

#[tokio::test]
async fn who_comes_and_goes_within_a_period_counts_as_both_or_leaves_no_trace() {
    let rows = "('A', '2024-03-02', '2024-03-20', 30, NULL, NULL, NULL, NULL), ('A', '2024-04-05', NULL, 20, NULL, NULL, NULL, NULL),
        ('B', '2024-01-01', '2024-02-01', 5, NULL, NULL, NULL, NULL), ('B', '2024-04-03', '2024-04-09', 7, NULL, NULL, NULL, NULL),
        ('C', '2024-03-04', '2024-03-08', 11, NULL, NULL, NULL, NULL), ('C', '2024-03-08', '2024-03-28', 19, NULL, NULL, NULL, NULL),
        ('C', '2024-03-04', '2024-03-28', 2, NULL, NULL, NULL, NULL)";
    const ALL: &str = "SELECT account_id, period_end, movement, reason, opening_mrr, closing_mrr FROM mrr_movements ORDER BY 1, 2, sequence";
    let unseen = company("ABC", rows, RevenuePolicy::default()).await;
    unseen.accounts(&["mrr"]).await;
    assert_eq!(
        unseen.lines(ALL).await,
        ["A 2024-04-30 new - 0.00 20.00", "B 2024-01-31 new - 0.00 5.00", "B 2024-02-29 churn - 5.00 0.00"]
    );
    let counted = company("ABC", rows, RevenuePolicy { brief_customers_count: true, ..RevenuePolicy::default() }).await;
    // Nobody began April as a customer, so nobody churned of those who did.
    assert_eq!(
        counted.accounts(&["churn_movements_1m", "churned_mrr_1m", "new_movements_2m"]).await,
        ["A 0 0.00 1", "B 0 7.00 0", "C 0 0.00 1"]
    );
    assert_eq!(
        counted.lines(ALL).await,
        [
            "A 2024-03-31 new within_period 0.00 30.00",
            "A 2024-03-31 churn within_period 30.00 0.00",
            "A 2024-04-30 reactivation - 0.00 20.00",
            "B 2024-01-31 new - 0.00 5.00",
            "B 2024-02-29 churn - 5.00 0.00",
            "B 2024-04-30 reactivation within_period 0.00 7.00",
            "B 2024-04-30 churn within_period 7.00 0.00",
            // What it paid on its first day, and not both prices that it paid one after the other.
            "C 2024-03-31 new within_period 0.00 13.00",
            "C 2024-03-31 churn within_period 13.00 0.00",
        ]
    );
    // Nobody who came and went within one period was a customer at its beginning, whom churn is counted of.
    counted.cohorts().await;
    let churned = "SELECT cohort, age_months, churned FROM cohort_metrics WHERE churned > 0";
    assert_eq!(counted.lines(churned).await, ["2024-01-31 1 1"]);
}

/// Movements and committed revenue of subscriptions with discounts and ones that are booked.
async fn agreed(rows: &str, policy: RevenuePolicy) -> Bench {
    let columns = "account_id VARCHAR, started_on DATE, ended_on DATE, mrr DECIMAL(18,2), discount DECIMAL(18,2), discount_ends_on DATE, booked_on DATE";
    Bench::new("2024-04-30")
        .policy(policy)
        .input(InputTable::Accounts, "account_id VARCHAR", "('A'), ('B'), ('C')")
        .await
        .input(InputTable::Subscriptions, columns, rows)
        .await
}

#[tokio::test]
async fn a_discount_reduces_revenue_by_policy_and_its_end_is_expansion() {
    let rows = "('A', '2024-01-01', NULL, 80, 20, '2024-03-01', NULL), ('B', '2024-01-01', NULL, 90, 10, NULL, NULL),
        ('C', '2024-02-10', '2024-04-10', 0, 50, '2024-03-10', NULL)";
    let strict = agreed(rows, preset("strict")).await;
    assert_eq!(
        strict.accounts(&["mrr", "first_paid_on"]).await,
        ["A 100.00 2024-01-01", "B 90.00 2024-01-01", "C 0.00 2024-03-10"]
    );
    assert_eq!(
        strict.lines(MOVES).await,
        [
            "A 2024-01-31 new - 0.00 80.00",
            "A 2024-03-31 expansion discount 80.00 100.00",
            "B 2024-01-31 new - 0.00 90.00",
            "C 2024-03-31 new - 0.00 50.00",
            "C 2024-04-30 churn - 50.00 0.00",
        ]
    );
    let stripe = agreed(rows, preset("stripe")).await;
    assert_eq!(stripe.accounts(&["mrr_3m_ago", "mrr"]).await, ["A 100.00 100.00", "B 90.00 90.00", "C 0.00 0.00"]);
    let list = RevenuePolicy {
        temporary_discounts_reduce_mrr: false,
        lasting_discounts_reduce_mrr: false,
        ..preset("strict")
    };
    assert_eq!(agreed(rows, list).await.accounts(&["mrr"]).await, ["A 100.00", "B 100.00", "C 0.00"]);
}

#[tokio::test]
async fn what_is_booked_is_committed_and_not_yet_revenue() {
    let rows = "('A', '2024-01-01', NULL, 80, 20, '2024-06-01', NULL), ('B', '2024-06-01', NULL, 70, NULL, NULL, '2024-04-01'),
        ('C', '2024-01-01', '2024-06-01', 40, NULL, NULL, NULL), ('C', '2024-06-01', NULL, 60, NULL, NULL, '2024-04-20')";
    let company = agreed(rows, preset("strict")).await;
    assert_eq!(
        company
            .accounts(&["mrr", "committed_mrr", "scheduled_mrr", "ending_mrr", "subscription_ends_on", "first_paid_on"])
            .await,
        [
            "A 80.00 100.00 0.00 0.00 - 2024-01-01",
            "B 0.00 70.00 70.00 0.00 - -",
            "C 40.00 60.00 60.00 40.00 2024-06-01 2024-01-01",
        ]
    );
}

#[tokio::test]
async fn what_exchange_rates_do_is_neither_expansion_nor_contraction() {
    let columns = "account_id VARCHAR, started_on DATE, ended_on DATE, mrr DECIMAL(18,2), currency VARCHAR";
    let rows = "('A', '2024-01-15', NULL, 100, 'USD'), ('A', '2024-03-05', NULL, 50, 'USD'), ('B', '2024-01-15', '2024-03-20', 100, 'USD'),
        ('C', '2024-01-15', NULL, 100, 'EUR')";
    let rates = "('USD', '2023-12-01', 0.9), ('USD', '2024-02-10', 0.8), ('USD', '2024-03-10', 1.0), ('USD', '2024-04-29', 1.1)";
    let company = Bench::new("2024-04-30")
        .input(InputTable::Accounts, "account_id VARCHAR", "('A'), ('B'), ('C')")
        .await
        .input(InputTable::Subscriptions, columns, rows)
        .await
        .input(InputTable::ExchangeRates, "currency VARCHAR, valid_on DATE, rate DOUBLE", rates)
        .await;
    assert_eq!(
        company
            .accounts(&["mrr", "fx_mrr_3m", "expansion_mrr_3m", "churned_mrr_3m", "mrr_without_fx_3m", "committed_mrr"])
            .await,
        [
            "A 165.00 25.00 50.00 0.00 135.00 165.00",
            "B 0.00 10.00 0.00 100.00 0.00 0.00",
            "C 100.00 0.00 0.00 0.00 100.00 100.00"
        ]
    );
    let all = "SELECT account_id, period_end, movement, amount, closing_mrr FROM mrr_movements ORDER BY 1, 2, sequence";
    assert_eq!(
        company.lines(all).await,
        [
            "A 2024-01-31 new 90.00 90.00",
            "A 2024-02-29 fx -10.00 80.00",
            "A 2024-03-31 fx 20.00 100.00",
            "A 2024-03-31 expansion 50.00 150.00",
            "A 2024-04-30 fx 15.00 165.00",
            "B 2024-01-31 new 90.00 90.00",
            "B 2024-02-29 fx -10.00 80.00",
            "B 2024-03-31 fx 20.00 100.00",
            "B 2024-03-31 churn -100.00 0.00",
            "C 2024-01-31 new 100.00 100.00",
        ]
    );
    // At the rates of the start, 135 of A and 100 of C of 280; nobody grew or shrank but A.
    assert_eq!(
        company.groups(&[("total", "nrr_3m"), ("total", "grr_3m"), ("total", "total_fx_mrr_3m")]).await,
        [
            "total all grr_3m 0.6785714285714286 3 -",
            "total all nrr_3m 0.8392857142857143 3 -",
            "total all total_fx_mrr_3m 35.0 3 -",
        ]
    );
}

/// A currency that rises tenfold while its customer shrinks to a tenth: retention is that of the customer.
#[tokio::test]
async fn retention_compares_at_the_rates_of_the_start() {
    let columns = "account_id VARCHAR, started_on DATE, ended_on DATE, mrr DECIMAL(18,2), currency VARCHAR";
    let rows = "('A', '2023-01-10', '2024-04-10', 100, 'USD'), ('A', '2024-04-10', NULL, 10, 'USD')";
    let company = Bench::new("2024-04-30")
        .input(InputTable::Accounts, "account_id VARCHAR", "('A')")
        .await
        .input(InputTable::Subscriptions, columns, rows)
        .await
        .input(
            InputTable::ExchangeRates,
            "currency VARCHAR, valid_on DATE, rate DOUBLE",
            "('USD', '2023-01-01', 1.0), ('USD', '2024-03-01', 10.0)",
        )
        .await;
    assert_eq!(company.accounts(&["mrr", "mrr_without_fx_12m", "mrr_without_fx_1m"]).await, ["A 100.00 10.00 100.00"]);
    assert_eq!(
        company.groups(&[("total", "nrr_12m"), ("total", "grr_12m"), ("total", "nrr_1m")]).await,
        ["total all grr_12m 0.1 1 -", "total all nrr_12m 0.1 1 -", "total all nrr_1m 0.1 1 -"]
    );
}

#[tokio::test]
async fn a_known_end_is_pending_whatever_its_discount_does() {
    let rows = "('A', '2024-01-01', '2024-12-01', 80, 20, '2024-10-01', NULL)";
    let company = agreed(rows, preset("strict")).await;
    let found = company.accounts(&["mrr", "ending_mrr", "committed_mrr", "subscription_ends_on"]).await;
    assert_eq!(found[0], "A 80.00 80.00 0.00 2024-12-01");
}
