//! Account metrics: known cases by hand.

use headwater_metrics::InputTable;

use crate::bench::Bench;

const SUBSCRIPTIONS: &str = "account_id VARCHAR, started_on DATE, ended_on DATE, mrr DECIMAL(18,2), is_trial BOOLEAN";

async fn accounts(as_of: &str, ids: &str) -> Bench {
    let rows: Vec<String> = ids.chars().map(|id| format!("('{id}', '2024-01-10', 'team', 4)")).collect();
    let columns = "account_id VARCHAR, signed_up_on DATE, plan VARCHAR, seats BIGINT";
    Bench::new(as_of).input(InputTable::Accounts, columns, &rows.join(", ")).await
}

/// ChartMogul's worked customer: an annual plan of 2,000, an add-on of 60 a month, both cancelled, a return.
#[tokio::test]
async fn an_annual_customer_grows_shrinks_leaves_and_returns() {
    let rows = "('A', '2024-01-15', '2025-01-15', 166.67, false), ('A', '2024-03-01', '2024-06-10', 60, false),
        ('A', '2025-04-02', NULL, 90, false), ('B', '2024-01-01', '2024-01-15', 0, true), ('B', '2024-01-15', NULL, 10, false),
        ('C', '2024-05-01', '2024-05-20', 30, false)";
    let bench = accounts("2025-04-30", "ABCD").await.input(InputTable::Subscriptions, SUBSCRIPTIONS, rows).await;
    let metrics = [
        "mrr",
        "mrr_12m_ago",
        "new_mrr_1m",
        "reactivation_mrr_1m",
        "expansion_movements_total",
        "paying_months_12m",
        "churn_movements_12m",
        "churned_periods_12m",
    ];
    assert_eq!(
        bench.accounts(&metrics).await,
        [
            "A 90.00 226.67 0.00 90.00 1 9 1 1",
            "B 10.00 10.00 0.00 0.00 0 12 0 0",
            "C 0.00 0.00 0.00 0.00 0 0 0 0",
            "D 0.00 0.00 0.00 0.00 0 0 0 0",
        ]
    );
    assert_eq!(
        bench.lines("SELECT account_id, period_end, movement, opening_mrr, closing_mrr, amount FROM mrr_movements ORDER BY 1, 2").await,
        [
            "A 2024-01-31 new 0.00 166.67 166.67",
            "A 2024-03-31 expansion 166.67 226.67 60.00",
            "A 2024-06-30 contraction 226.67 166.67 -60.00",
            "A 2025-01-31 churn 166.67 0.00 -166.67",
            "A 2025-04-30 reactivation 0.00 90.00 90.00",
            "B 2024-01-31 new 0.00 10.00 10.00",
        ]
    );
    let moves = ["new_movements_total", "expansion_mrr_14m", "contraction_mrr_12m", "contraction_movements_12m"];
    assert_eq!(
        bench.accounts(&moves).await,
        ["A 1 60.00 60.00 1", "B 1 0.00 0.00 0", "C 0 0.00 0.00 0", "D 0 0.00 0.00 0"]
    );
    assert_eq!(
        bench
            .accounts(&["first_paid_on", "revenue_lag_days", "on_trial", "trial_started_on", "trial_to_paid_days"])
            .await,
        [
            "A 2024-01-15 5 false - -",
            "B 2024-01-15 5 false 2024-01-01 14",
            "C 2024-05-01 112 false - -",
            "D - - false - -",
        ]
    );
}

/// Nights a day apart end their periods on other days; what a calendar month saw stays as it is.
#[tokio::test]
async fn what_an_account_did_in_a_month_that_is_over_is_the_same_on_every_later_night() {
    // More from the 3rd to the 10th of March is gone by its end; more from 20 April is not, nor is less from 10 May.
    let rows = "('A', '2024-01-01', NULL, 10, false), ('A', '2024-03-03', '2024-03-10', 10, false),
        ('A', '2024-04-20', '2024-05-10', 20, false), ('A', '2024-05-10', '2024-06-05', 15, false)";
    let metrics =
        ["expansion_movements_total", "contraction_movements_total", "expansion_movements_1m", "is_compounding_3m"];
    let of_night = async |as_of: &str| {
        let bench = accounts(as_of, "A").await.input(InputTable::Subscriptions, SUBSCRIPTIONS, rows).await;
        bench.accounts(&metrics).await.concat()
    };
    let nights = [
        ("2024-03-05", "A 1 0 1 true"),
        ("2024-03-10", "A 0 0 0 false"),
        ("2024-04-05", "A 0 0 0 false"),
        ("2024-04-19", "A 0 0 0 false"),
        ("2024-04-20", "A 1 0 1 true"),
        ("2024-05-05", "A 1 0 1 true"),
        ("2024-05-10", "A 1 1 1 false"),
        ("2024-05-29", "A 1 1 1 false"),
        ("2024-05-30", "A 1 1 0 false"),
        ("2024-05-31", "A 1 1 0 false"),
        ("2024-06-04", "A 1 1 0 false"),
        ("2024-06-05", "A 1 2 0 false"),
        ("2024-07-21", "A 1 2 0 false"),
    ];
    for (as_of, expected) in nights {
        assert_eq!(of_night(as_of).await, expected, "{as_of}");
    }
}

#[tokio::test]
async fn an_end_to_come_changes_nothing_yet() {
    let rows = "('A', '2024-01-15', '2024-12-01', 50, false)";
    let bench = accounts("2024-06-15", "A").await.input(InputTable::Subscriptions, SUBSCRIPTIONS, rows).await;
    assert_eq!(bench.accounts(&["mrr", "subscription_ends_on", "tenure_days"]).await, ["A 50.00 2024-12-01 157"]);
}

#[tokio::test]
async fn orders_of_one_day_are_one_visit() {
    let columns = "account_id VARCHAR, ordered_on DATE, amount DECIMAL(18,2), refunded_amount DECIMAL(18,2)";
    let rows = "('A', '2024-01-15', 10, NULL), ('A', '2024-01-15', 5, NULL), ('A', '2024-02-01', 20, 20),
        ('A', '2024-02-11', 31, NULL), ('B', '2024-02-01', 7, NULL)";
    let bench = accounts("2024-02-20", "ABC").await.input(InputTable::Orders, columns, rows).await;
    let metrics = [
        "orders_total",
        "order_days_30d",
        "net_revenue_total",
        "repeat_order_days",
        "order_span_days",
        "order_age_days",
        "days_since_last_order",
        "repeat_order_value_mean",
        "aov_total",
    ];
    assert_eq!(
        bench.accounts(&metrics).await,
        ["A 4 2 46.00 2 27 36 9 25.5 11.5", "B 1 1 7.00 0 0 19 19 - 7.0", "C 0 0 0.00 - - - - - -"]
    );
}

#[tokio::test]
async fn orders_have_a_first_and_a_last_day_and_a_frequency() {
    let columns = "account_id VARCHAR, ordered_on DATE, amount DECIMAL(18,2), discount_amount DECIMAL(18,2)";
    let rows = "('A', '2024-01-15', 10, 1), ('A', '2024-02-01', 20, NULL), ('A', '2024-02-11', 31, 2.5)";
    let bench = accounts("2024-02-20", "AB").await.input(InputTable::Orders, columns, rows).await;
    // Two orders in thirty days, by a month of 30.4375 days.
    assert_eq!(
        bench.accounts(&["first_order_on", "last_order_on", "order_frequency_30d", "order_discounts_total"]).await,
        ["A 2024-01-15 2024-02-11 2.029166666666667 3.50", "B - - 0.0 0.00"]
    );
}

#[tokio::test]
async fn usage_is_counted_by_window_person_and_feature() {
    let columns = "account_id VARCHAR, user_id VARCHAR, occurred_on DATE, feature VARCHAR, is_value_event BOOLEAN, quantity BIGINT";
    let rows = "('A', 'u', '2024-05-31', 'board', false, 2), ('A', 'u', '2024-05-30', 'report', true, 1),
        ('A', 'v', '2024-05-05', 'board', false, 1), ('A', 'w', '2024-05-03', 'board', true, 3),
        ('A', 'u', '2023-12-31', 'report', true, 1), ('B', 'x', '2024-05-31', 'board', NULL, 1), ('B', NULL, '2024-05-31', NULL, NULL, 1)";
    let bench = accounts("2024-05-31", "ABC")
        .await
        .input(InputTable::UsageEvents, columns, rows)
        .await
        .input(InputTable::Plans, "plan VARCHAR, monthly_usage_limit BIGINT", "('team', 10)")
        .await
        .feature("board", "2023-01-01")
        .feature("report", "2024-05-20");
    assert_eq!(
        bench
            .accounts(&[
                "usage_events_28d",
                "usage_events_prev_28d",
                "active_days_28d",
                "active_users_28d",
                "features_used_total",
                "first_active_on"
            ])
            .await,
        ["A 4 3 3 2 2 2023-12-31", "B 2 0 1 1 1 2024-05-31", "C 0 0 0 0 0 -"]
    );
    assert_eq!(
        bench
            .accounts(&[
                "value_events_total",
                "value_event_months",
                "first_value_event_on",
                "days_since_last_activity",
                "feature_adoption_28d",
                "new_feature_uptake_90d",
                "limit_usage_max_pct"
            ])
            .await,
        ["A 5 2 2023-12-31 0 1.0 1.0 70.0", "B 0 0 - 0 0.5 0.0 25.0", "C 0 0 - - 0.0 0.0 0.0"]
    );
    assert_eq!(
        bench.accounts(&["stickiness_28d", "active_users_90d", "user_days_28d"]).await,
        ["A 0.05357142857142857 3 3", "B 0.03571428571428571 1 1", "C - 0 0"]
    );
    assert_eq!(
        bench
            .accounts(&[
                "new_features_used_90d",
                "last_active_on",
                "time_to_value_days",
                "usage_limit_pct",
                "seat_usage_pct"
            ])
            .await,
        ["A 1 2024-05-31 -10 70.0 50.0", "B 0 2024-05-31 - 20.0 25.0", "C 0 - - 0.0 0.0"]
    );
}

#[tokio::test]
async fn amounts_of_use_are_never_negative_and_days_are_days() {
    let columns = "account_id VARCHAR, user_id VARCHAR, occurred_on DATE, quantity BIGINT, duration_seconds BIGINT";
    let rows = "('A', 'u', '2024-05-31', 1, 60), ('A', 'u', '2024-05-30', 2, NULL), ('A', 'v', '2024-05-29', -1, 60),
        ('A', 'w', '2024-05-29', 1, -60), ('A', 'u', NULL, 1, 60), ('A', 'u', '1700-01-01', 1, 60), ('Z', 'z', '2024-05-31', 4, 1),
        (NULL, 'z', '2024-05-31', 4, 1)";
    let bench = accounts("2024-05-31", "AB").await.input(InputTable::UsageEvents, columns, rows).await;
    assert_eq!(
        bench.accounts(&["usage_events_total", "usage_seconds_7d", "active_users_7d", "first_active_on"]).await,
        ["A 3 60 1 2024-05-30", "B 0 0 0 -"]
    );
    assert_eq!(
        bench.usage_left_out(&["usage_events_total"]).await,
        ["missing_account_id 1", "negative_duration_seconds 1", "negative_quantity 1", "orphan 1", "undated 2"]
    );
}

#[tokio::test]
async fn tickets_and_feedback_are_counted_and_averaged() {
    let tickets =
        "account_id VARCHAR, opened_at TIMESTAMP, closed_at TIMESTAMP, satisfaction_score DOUBLE, escalated BOOLEAN";
    let rows =
        "('A', '2024-05-31T23:00:00', NULL, NULL, true), ('A', '2024-05-01T00:00:00', '2024-05-01T06:00:00', 4, false)";
    let feedback = "account_id VARCHAR, submitted_on DATE, kind VARCHAR, score DOUBLE";
    let said = "('A', '2024-04-01', 'nps', 9), ('A', '2024-05-01', 'nps', 6), ('A', '2024-05-02', 'csat', 3), ('B', '2024-05-01', 'request', NULL)";
    let bench = accounts("2024-05-31", "AB")
        .await
        .input(InputTable::SupportTickets, tickets, rows)
        .await
        .input(InputTable::Feedback, feedback, said)
        .await;
    assert_eq!(
        bench
            .accounts(&[
                "tickets_opened_30d",
                "tickets_open",
                "escalations_90d",
                "satisfaction_mean_90d",
                "resolution_hours_mean_90d",
                "nps_score_latest",
                "nps_latest_on",
                "csat_mean_90d",
                "feature_requests_90d",
                "feedback_90d"
            ])
            .await,
        ["A 1 1 1 4.0 6.0 6.0 2024-05-01 3.0 0 3", "B 0 0 0 - - - - - 1 1"]
    );
}

#[tokio::test]
async fn first_answers_are_averaged() {
    let tickets = "account_id VARCHAR, opened_at TIMESTAMP, first_response_minutes DOUBLE";
    let rows = "('A', '2024-05-30T23:00:00', 30), ('A', '2024-05-01T00:00:00', 90), ('A', '2024-05-02T00:00:00', NULL), ('A', '2023-05-02T00:00:00', 999)";
    let bench = accounts("2024-05-31", "AB").await.input(InputTable::SupportTickets, tickets, rows).await;
    assert_eq!(bench.accounts(&["first_response_minutes_mean_90d"]).await, ["A 60.0", "B -"]);
}

#[tokio::test]
async fn a_metric_whose_column_is_not_mapped_is_unknown() {
    let bench = accounts("2024-05-31", "A")
        .await
        .input(InputTable::UsageEvents, "account_id VARCHAR, occurred_on DATE", "('A', '2024-05-30')")
        .await;
    assert_eq!(
        bench.accounts(&["usage_events_7d", "active_users_7d", "features_used_7d", "stickiness_7d"]).await,
        ["A 1 - - -"]
    );
}

/// What corrects nothing, itself, or another account's order is not posted anywhere else.
#[tokio::test]
async fn a_correction_belongs_to_an_order_of_its_own_account() {
    let columns =
        "order_id VARCHAR, account_id VARCHAR, ordered_on DATE, amount DECIMAL(18,2), corrects_order_id VARCHAR";
    let rows =
        "('1', 'A', '2024-01-10', 100, NULL), ('2', 'A', '2024-04-20', -30, '1'), ('3', 'A', '2024-04-21', 10, ''),
        ('4', 'A', '2024-04-22', 50, '4'), ('5', 'B', '2024-04-23', -8, '1'), ('6', 'B', '2024-04-24', 20, NULL),
        ('7', 'C', '2024-01-10', 100, NULL), ('8', 'C', '2024-02-01', -40, '7'), ('9', 'C', '2024-04-25', 40, '7')";
    let bench = Bench::new("2024-04-30")
        .input(InputTable::Accounts, "account_id VARCHAR", "('A'), ('B'), ('C')")
        .await
        .input(InputTable::Orders, columns, rows)
        .await;
    assert_eq!(
        bench.accounts(&["orders_total", "order_days_total", "net_revenue_total", "net_revenue_28d"]).await,
        ["A 3 3 130.00 60.00", "B 1 1 12.00 12.00", "C 1 1 100.00 0.00"]
    );
}

#[tokio::test]
async fn an_amount_below_nothing_is_a_credit_and_no_order() {
    let asked = [
        "orders_total",
        "order_days_total",
        "ordered_amount_total",
        "net_revenue_total",
        "first_order_on",
        "last_order_on",
    ];
    for (columns, rest) in [("", ""), (", order_id VARCHAR, corrects_order_id VARCHAR", ", '1', NULL")] {
        let row = |account: &str, day: &str, amount: i32| format!("('{account}', '{day}', {amount}{rest})");
        let rows = [
            row("A", "2024-01-05", 100),
            row("A", "2024-03-01", -30),
            row("A", "2024-04-01", 0),
            row("B", "2024-02-01", -10),
        ];
        let bench = Bench::new("2024-04-30")
            .input(InputTable::Accounts, "account_id VARCHAR", "('A'), ('B')")
            .await
            .input(
                InputTable::Orders,
                &format!("account_id VARCHAR, ordered_on DATE, amount DECIMAL(18,2){columns}"),
                &rows.join(", "),
            )
            .await;
        // An order for nothing is an order; a credit is worth what it gives back, and makes nobody a buyer.
        assert_eq!(bench.accounts(&asked).await, ["A 2 2 100.00 70.00 2024-01-05 2024-04-01", "B 0 0 0.00 -10.00 - -"]);
    }
}
