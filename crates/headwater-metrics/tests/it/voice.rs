//! What accounts ask and say: tickets, scores, requests and reasons; known cases by hand.

use headwater_metrics::{InputTable, churn_reasons, ticket_channels, ticket_themes};

use crate::bench::Bench;

const TICKETS: &str = "account_id VARCHAR, opened_at TIMESTAMP, closed_at TIMESTAMP, theme VARCHAR, channel VARCHAR, satisfaction_score DOUBLE";

/// A: three of billing solved in 1, 2 and 10 hours, and one open; B: two themes of two tickets, one solved in 3 hours;
/// C: only long ago; D: never.
const ROWS: &str = "
    ('A', '2024-05-30T00:00:00', '2024-05-30T01:00:00', 'billing', 'phone', 5),
    ('A', '2024-05-20T00:00:00', '2024-05-20T02:00:00', 'billing', 'email', 2),
    ('A', '2024-05-10T00:00:00', '2024-05-10T10:00:00', 'billing', 'chat', NULL),
    ('A', '2024-05-09T00:00:00', NULL, 'import', NULL, NULL),
    ('B', '2024-05-01T00:00:00', '2024-05-01T03:00:00', 'import', 'email', NULL),
    ('B', '2024-05-02T00:00:00', NULL, 'import', 'email', NULL),
    ('B', '2024-05-03T00:00:00', NULL, 'access', 'email', NULL),
    ('B', '2024-04-03T00:00:00', NULL, 'access', 'carrier pigeon', NULL),
    ('B', '2024-02-20T00:00:00', '2024-02-20T09:00:00', 'import', 'email', NULL),
    ('C', '2024-01-20T00:00:00', '2024-01-20T09:00:00', NULL, 'phone', NULL)";

async fn accounts(ids: &str) -> Bench {
    let rows: Vec<String> = ids.chars().map(|id| format!("('{id}', '2024-01-10')")).collect();
    Bench::new("2024-05-31")
        .input(InputTable::Accounts, "account_id VARCHAR, signed_up_on DATE", &rows.join(", "))
        .await
}

async fn helped() -> Bench {
    accounts("ABCD").await.input(InputTable::SupportTickets, TICKETS, ROWS).await
}

#[tokio::test]
async fn the_middle_ticket_and_the_theme_that_comes_again() {
    let bench = helped().await;
    assert_eq!(
        bench
            .accounts(&[
                "resolution_hours_median_90d",
                "recurring_theme_90d",
                "recurring_theme_tickets_90d",
                "recurring_themes_90d",
                "live_tickets_90d",
                "live_ticket_share_90d",
                "last_ticket_on",
                "days_since_last_ticket",
            ])
            .await,
        [
            "A 2.0 billing 3 1 2 0.6666666666666666 2024-05-30 1",
            "B 3.0 access 2 2 0 0.0 2024-05-03 28",
            "C - - 0 0 0 - 2024-01-20 132",
            "D - - 0 0 0 - - -",
        ]
    );
    // A window of an even number of tickets: the mean of the middle two, not rounded to hours.
    assert_eq!(
        bench.accounts(&["resolution_hours_median_14d", "resolution_hours_median_total"]).await,
        ["A 1.5 2.0", "B - 6.0", "C - 9.0", "D - -"]
    );
    // Of a group it is the middle of all tickets, 1, 2, 3 and 10, and not of the accounts' medians.
    assert_eq!(
        bench
            .groups(&[
                ("total", "group_resolution_hours_median_90d"),
                ("account_id", "group_resolution_hours_median_90d")
            ])
            .await,
        [
            "account_id A group_resolution_hours_median_90d 2.0 1 -",
            "account_id B group_resolution_hours_median_90d 3.0 1 -",
            "account_id C group_resolution_hours_median_90d - 0 no ticket opened in the window was solved",
            "account_id D group_resolution_hours_median_90d - 0 no ticket opened in the window was solved",
            "total all group_resolution_hours_median_90d 2.5 2 -",
        ]
    );
}

#[tokio::test]
async fn tickets_by_theme_and_by_channel_beside_the_days_before() {
    let bench = helped().await;
    bench.accounts(&["tickets_open"]).await;
    let columns = "tickets, accounts, recurring_accounts, share, tickets_before, change, still_open, resolution_hours_median, satisfaction_mean";
    let themes = format!("SELECT theme, {columns} FROM ticket_themes ORDER BY theme");
    assert_eq!(
        bench.table(ticket_themes, &themes).await,
        [
            "(unknown) 0 0 0 0.0 1 -1.0 0 - -",
            "access 2 1 1 0.25 0 - 2 - -",
            "billing 3 1 1 0.375 0 - 0 2.0 3.5",
            "import 3 2 1 0.375 1 2.0 2 3.0 -",
        ]
    );
    let channels = "SELECT channel, tickets, accounts, tickets_before FROM ticket_channels ORDER BY channel";
    assert_eq!(
        bench.table(ticket_channels, channels).await,
        ["(unknown) 1 1 0", "carrier pigeon 1 1 0", "chat 1 1 0", "email 4 2 1", "phone 1 1 1"]
    );
}

#[tokio::test]
async fn scores_have_a_latest_value_a_change_and_a_balance() {
    let columns = "account_id VARCHAR, submitted_on DATE, kind VARCHAR, score DOUBLE";
    let rows = "('A', '2024-05-20', 'nps', 9), ('A', '2024-05-20', 'nps', 7), ('A', '2024-04-20', 'nps', 10), ('A', '2024-05-30', 'nps', NULL),
        ('A', '2024-02-01', 'nps', 2), ('B', '2024-05-01', 'nps', 6), ('C', '2024-05-02', 'nps', 8), ('C', '2024-02-02', 'nps', 9),
        ('B', '2024-05-04', 'csat', 4), ('B', '2024-05-03', 'csat', 1), ('B', '2024-02-03', 'csat', 3), ('A', '2024-05-04', 'csat', 2),
        ('C', '2024-05-09', 'review', 5), ('C', '2024-05-08', 'review', 4)";
    let bench = accounts("ABCD").await.input(InputTable::Feedback, columns, rows).await;
    assert_eq!(
        bench
            .accounts(&[
                "nps_score_latest",
                "nps_score_change",
                "nps_answers_90d",
                "nps_promoters_90d",
                "nps_detractors_90d",
                "csat_score_latest",
                "csat_score_change",
            ])
            .await,
        ["A 7.0 -3.0 3 2 0 2.0 -", "B 6.0 - 1 0 1 4.0 3.0", "C 8.0 -1.0 1 0 0 - -", "D - - 0 0 0 - -"]
    );
    assert_eq!(
        bench.accounts(&["reviews_90d", "review_score_mean_90d", "last_feedback_on", "days_since_last_feedback"]).await,
        ["A 0 - 2024-05-30 1", "B 0 - 2024-05-04 27", "C 2 4.5 2024-05-09 22", "D 0 - - -"]
    );
    // Two promoters and one detractor of five answers; before, one of each of two.
    let asked =
        ["nps_90d", "nps_change_90d", "group_csat_mean_90d", "group_csat_change_90d", "nps_30d", "nps_change_7d"];
    let asked: Vec<_> = asked.iter().map(|metric| ("total", *metric)).collect();
    let lines = bench.groups(&asked).await;
    assert_eq!(
        lines[1..],
        [
            "total all group_csat_mean_90d 2.3333333333333335 2 -",
            "total all nps_30d 33.333333333333336 2 -",
            "total all nps_90d 20.0 3 -",
            "total all nps_change_7d - 0 nobody answered in the window, or in the one before",
            "total all nps_change_90d 20.0 3 -",
        ]
    );
    let change: f64 = lines[0].split(' ').nth(3).unwrap().parse().unwrap();
    assert!((change - (7.0 / 3.0 - 3.0)).abs() < 1e-12, "{lines:?}");
}

#[tokio::test]
async fn a_request_is_closed_when_who_asked_was_told() {
    let columns = "account_id VARCHAR, submitted_on DATE, kind VARCHAR, status VARCHAR";
    let rows = "('A', '2024-05-01', 'request', 'open'), ('A', '2024-05-02', 'request', 'shipped'), ('A', '2024-05-03', 'request', NULL),
        ('B', '2024-05-01', 'request', 'told'), ('B', '2023-01-01', 'request', 'in_work'), ('B', '2024-05-01', 'request', 'declined'),
        ('B', '2024-05-01', 'review', 'told')";
    let metrics = ["requests_open", "requests_shipped_untold", "requests_told_90d"];
    let bench = accounts("ABC").await.input(InputTable::Feedback, columns, rows).await;
    assert_eq!(bench.accounts(&metrics).await, ["A 2 1 0", "B 1 0 1", "C 0 0 0"]);
    assert_eq!(
        bench.groups(&[("account_id", "feedback_closed_rate_90d"), ("total", "feedback_closed_rate_90d")]).await,
        [
            "account_id A feedback_closed_rate_90d 0.0 1 -",
            "account_id B feedback_closed_rate_90d 0.5 1 -",
            "account_id C feedback_closed_rate_90d - 0 nothing was requested in the window",
            "total all feedback_closed_rate_90d 0.2 2 -",
        ]
    );
    // Days decide where they are there, whatever the status says by now.
    let columns = "account_id VARCHAR, submitted_on DATE, kind VARCHAR, status VARCHAR, resolved_on DATE, told_on DATE";
    let rows = "('A', '2024-05-01', 'request', 'told', '2024-05-09', NULL), ('A', '2024-05-02', 'request', 'told', NULL, NULL),
        ('B', '2024-05-01', 'request', 'open', '2024-05-02', '2024-05-03'), ('B', '2024-05-01', 'request', 'open', NULL, '2024-05-03')";
    let bench = accounts("AB").await.input(InputTable::Feedback, columns, rows).await;
    assert_eq!(bench.accounts(&metrics).await, ["A 1 1 0", "B 0 0 2"]);
}

#[tokio::test]
async fn who_leaves_says_why_and_takes_revenue_along() {
    let subscriptions = "('A', '2023-01-01', '2024-03-01', 50), ('B', '2023-01-01', '2024-04-01', 20), ('C', '2023-01-01', '2024-05-01', 5),
        ('D', '2022-01-01', '2022-06-01', 900), ('E', '2023-01-01', NULL, 70)";
    let feedback = "account_id VARCHAR, submitted_on DATE, kind VARCHAR, reason VARCHAR, comment VARCHAR";
    // A changed its mind; B only wrote; C gave a reason for something else; E stays.
    let said = "('A', '2024-02-01', 'churn', 'support', NULL), ('A', '2024-02-20', 'churn', 'price', 'too dear'), ('B', '2024-04-01', 'churn', ' ', 'price'),
        ('C', '2024-04-01', 'review', 'price', NULL), ('D', '2022-06-01', 'churn', 'price', NULL), ('E', '2024-04-01', 'churn', 'price', NULL)";
    let bench = accounts("ABCDE")
        .await
        .input(
            InputTable::Subscriptions,
            "account_id VARCHAR, started_on DATE, ended_on DATE, mrr DECIMAL(18,2)",
            subscriptions,
        )
        .await
        .input(InputTable::Feedback, feedback, said)
        .await;
    bench.accounts(&["mrr"]).await;
    let sql =
        "SELECT scope, group_name, reason, accounts, mrr_lost, share_of_accounts FROM churn_reasons ORDER BY 1, 2, 3";
    assert_eq!(
        bench.table(churn_reasons, sql).await,
        ["total all (unknown) 1 5.00 0.3333333333333333", "total all price 2 70.00 0.6666666666666666"]
    );
}

#[tokio::test]
async fn a_score_beyond_all_digits_is_unknown_and_stops_nothing() {
    let bench = Bench::new("2024-05-31")
        .input(InputTable::Accounts, "account_id VARCHAR", "('A'), ('B'), ('C')")
        .await
        .input(
            InputTable::SupportTickets,
            "account_id VARCHAR, opened_at TIMESTAMP, satisfaction_score DOUBLE",
            "('A', '2024-05-20T10:00:00', 1e300), ('A', '2024-05-21T10:00:00', 4), ('B', '2024-05-20T10:00:00', 1e14),
             ('C', '2024-05-20T10:00:00', -1e300)",
        )
        .await;
    let lines = bench.accounts(&["satisfaction_mean_90d"]).await;
    assert_eq!(lines, ["A 4.0", "B 100000000000000.0", "C -"]);
}
