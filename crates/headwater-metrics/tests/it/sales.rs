//! Deals, early churn, committed revenue and the cost of keeping: known cases by hand.

use headwater_metrics::InputTable;

use crate::bench::Bench;

const SUBSCRIPTIONS: &str = "account_id VARCHAR, started_on DATE, ended_on DATE, mrr DECIMAL(18,2)";

#[tokio::test]
async fn deals_have_a_rate_a_speed_and_renewals_an_amount() {
    let columns =
        "account_id VARCHAR, created_on DATE, closed_on DATE, stage VARCHAR, kind VARCHAR, amount DECIMAL(18,2)";
    let rows = "('A', '2024-03-01', '2024-03-11', 'won', 'new', 100), ('A', '2024-04-01', '2024-04-21', 'won', 'renewal', 300),
        ('B', '2024-04-01', '2024-04-05', 'lost', 'renewal', 100), ('B', '2024-04-10', NULL, 'open', 'new', 900),
        ('C', '2020-01-01', '2020-02-01', 'won', 'new', 7), ('C', '2024-04-01', '2024-04-08', 'closed won', 'renewal', 500)";
    let bench = Bench::new("2024-04-30")
        .input(InputTable::Accounts, "account_id VARCHAR", "('A'), ('B'), ('C')")
        .await
        .input(InputTable::Opportunities, columns, rows)
        .await;
    let metrics = ["deals_won_3m", "deals_lost_3m", "deals_won_amount_3m", "deals_won_days_3m"];
    assert_eq!(bench.accounts(&metrics).await, ["A 2 0 400.00 30", "B 0 1 0.00 0", "C 0 0 0.00 0"]);
    let renewals = ["renewals_due_amount_3m", "renewals_won_amount_3m"];
    assert_eq!(bench.accounts(&renewals).await, ["A 300.00 300.00", "B 100.00 0.00", "C 0.00 0.00"]);
    // 400 won, two deals in three won, fifteen days each.
    let asked = [
        ("total", "win_rate_3m"),
        ("total", "sales_velocity_3m"),
        ("total", "renewal_rate_3m"),
        ("total", "win_rate_1m"),
    ];
    assert_eq!(
        bench.groups(&asked).await,
        [
            "total all renewal_rate_3m 0.75 2 -",
            "total all sales_velocity_3m 17.777777777777775 2 -",
            "total all win_rate_1m 0.5 2 -",
            "total all win_rate_3m 0.6666666666666666 3 -",
        ]
    );
}

#[tokio::test]
async fn who_leaves_soon_after_the_first_payment_is_counted_when_the_window_is_over() {
    let rows = "('A', '2024-01-10', '2024-02-20', 10), ('B', '2024-01-10', '2024-06-01', 10), ('C', '2024-01-10', '2024-02-01', 10),
        ('C', '2024-02-15', NULL, 10), ('D', '2024-04-10', '2024-04-20', 10), ('E', '2024-02-01', '2024-04-20', 5)";
    let bench = Bench::new("2024-04-30")
        .input(InputTable::Accounts, "account_id VARCHAR", "('A'), ('B'), ('C'), ('D'), ('E')")
        .await
        .input(InputTable::Subscriptions, SUBSCRIPTIONS, rows)
        .await;
    assert_eq!(
        bench.accounts(&["paid_until", "days_as_payer", "committed_mrr", "ending_mrr"]).await,
        [
            "A 2024-02-20 41 0.00 0.00",
            "B - 111 0.00 10.00",
            "C - 111 10.00 0.00",
            "D 2024-04-20 10 0.00 0.00",
            "E 2024-04-20 79 0.00 0.00",
        ]
    );
    // A left within sixty days; C came back; D is too young to tell.
    let asked = [("total", "early_churn_60d"), ("total", "early_churn_90d"), ("total", "total_committed_mrr")];
    assert_eq!(
        bench.groups(&asked).await,
        [
            "total all early_churn_60d 0.25 4 -",
            "total all early_churn_90d 0.3333333333333333 3 -",
            "total all total_committed_mrr 10.0 5 -",
        ]
    );
}

#[tokio::test]
async fn keeping_has_a_cost_and_value_cost_and_lifetime_agree() {
    let rows = "('A', '2023-01-10', NULL, 30), ('B', '2023-01-10', '2024-03-01', 30), ('C', '2024-03-10', NULL, 30)";
    let spend = "('2024-04-01', 60, 'retention'), ('2024-04-01', 90, 'acquisition')";
    let bench = Bench::new("2024-04-30")
        .input(InputTable::Accounts, "account_id VARCHAR", "('A'), ('B'), ('C')")
        .await
        .input(InputTable::Subscriptions, SUBSCRIPTIONS, rows)
        .await
        .input(InputTable::Spend, "spent_on DATE, amount DECIMAL(18,2), purpose VARCHAR", spend)
        .await;
    // Exposure: A 12 months, B 11, C 1, one of them left: the rate is 1/24.
    let asked = [
        ("total", "retention_cost_per_retained_mrr_12m"),
        ("total", "lifetime_months"),
        ("total", "implied_lifetime_months"),
    ];
    assert_eq!(
        bench.groups(&asked).await,
        [
            "total all implied_lifetime_months 24.0 1 -",
            "total all lifetime_months 24.0 3 -",
            "total all retention_cost_per_retained_mrr_12m 2.0 2 -",
        ]
    );
}

#[tokio::test]
async fn discounts_are_a_share_of_list_value() {
    let columns = "account_id VARCHAR, ordered_on DATE, amount DECIMAL(18,2), discount_amount DECIMAL(18,2)";
    let rows = "('A', '2024-04-15', 90, 10), ('B', '2024-04-16', 60, 40), ('B', '2023-04-16', 60, 40)";
    let bench = Bench::new("2024-04-30")
        .input(InputTable::Accounts, "account_id VARCHAR", "('A'), ('B'), ('C')")
        .await
        .input(InputTable::Orders, columns, rows)
        .await;
    assert_eq!(
        bench.groups(&[("total", "discount_dependence_90d"), ("total", "total_net_revenue_90d")]).await,
        ["total all discount_dependence_90d 0.25 2 -", "total all total_net_revenue_90d 150.0 2 -"]
    );
}
