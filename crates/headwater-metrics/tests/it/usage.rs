//! Use by weekday, session and feature, what plans include, limits, and the first 90 days: known cases by hand.

use headwater_metrics::{InputTable, education_targets, feature_adoption};

use crate::bench::Bench;

const ACCOUNTS: &str = "account_id VARCHAR, signed_up_on DATE, plan VARCHAR";

async fn company(as_of: &str, accounts: &str) -> Bench {
    Bench::new(as_of).input(InputTable::Accounts, ACCOUNTS, accounts).await
}

/// 2024-05-31 is a Friday: its last seven days have five weekdays, the last 28 have twenty.
#[tokio::test]
async fn stickiness_of_weekdays_counts_no_weekend() {
    let columns = "account_id VARCHAR, user_id VARCHAR, occurred_on DATE";
    let rows = "('A', 'u', '2024-05-31'), ('A', 'u', '2024-05-26'), ('A', 'v', '2024-05-27'), ('A', 'v', '2024-05-28'),
        ('A', 'w', '2024-05-25'), ('A', 'w', '2024-03-01'), ('B', 'x', '2024-05-26')";
    let bench =
        company("2024-05-31", "('A', '2024-01-01', 'team'), ('B', '2024-01-01', 'team'), ('C', '2024-01-01', 'team')")
            .await
            .input(InputTable::UsageEvents, columns, rows)
            .await;
    // Three weekday visits of three people over five weekdays; five visits over seven days.
    let metrics = ["weekday_user_days_7d", "weekday_stickiness_7d", "stickiness_7d", "weekday_stickiness_28d"];
    assert_eq!(
        bench.accounts(&metrics).await,
        ["A 3 0.2 0.23809523809523808 0.05", "B 0 0.0 0.14285714285714285 0.0", "C 0 - - -"]
    );
    // Sunday the 26th, Saturday the 25th and Friday the 24th: one weekday.
    let sunday = company("2024-05-26", "('A', '2024-01-01', 'team')")
        .await
        .input(InputTable::UsageEvents, columns, "('A', 'u', '2024-05-24'), ('A', 'u', '2024-05-26')")
        .await;
    assert_eq!(
        sunday
            .accounts(&[
                "weekday_user_days_3d",
                "weekday_stickiness_3d",
                "weekday_stickiness_2d",
                "weekday_user_days_90d"
            ])
            .await,
        ["A 1 1.0 - 1"]
    );
}

#[tokio::test]
async fn sessions_are_counted_on_the_day_they_begin() {
    let columns = "account_id VARCHAR, occurred_on DATE, session_id VARCHAR, duration_seconds BIGINT";
    let rows = "('A', '2024-05-31', 's1', 60), ('A', '2024-05-31', 's1', 120), ('A', '2024-05-30', 's2', 600),
        ('A', '2024-05-24', 's3', 60), ('A', '2024-05-25', 's3', 60), ('A', '2024-05-29', 's4', 1200), ('A', '2024-05-29', NULL, 9000),
        ('B', '2024-05-30', 's1', NULL), ('B', '2024-05-01', 's5', 60)";
    let bench =
        company("2024-05-31", "('A', '2024-01-01', 'team'), ('B', '2024-01-01', 'team'), ('C', '2024-01-01', 'team')")
            .await
            .input(InputTable::UsageEvents, columns, rows)
            .await;
    // Of A in the last seven days: 3, 10 and 20 minutes; the one begun on the 24th is older.
    assert_eq!(
        bench
            .accounts(&["sessions_7d", "session_minutes_mean_7d", "session_minutes_median_7d", "sessions_total"])
            .await,
        ["A 3 11.0 10.0 4", "B 1 - - 2", "C 0 - - 0"]
    );
}

const EVENTS: &str = "account_id VARCHAR, user_id VARCHAR, occurred_on DATE, feature VARCHAR, is_value_event BOOLEAN, quantity BIGINT, is_blocked BOOLEAN";
const USED: &str =
    "('A', 'u', '2024-05-30', 'board', true, 2, false), ('A', 'v', '2024-05-20', 'board', NULL, 1, NULL),
    ('A', 'u', '2024-04-20', 'report', true, 50, false), ('A', 'u', '2024-05-30', 'export', NULL, 1, true),
    ('A', 'w', '2024-05-29', 'export', NULL, 3, true), ('A', 'w', '2024-05-28', 'export', NULL, 1, false),
    ('A', 'w', '2024-05-28', 'login', NULL, 1, false), ('B', 'x', '2024-05-30', 'export', true, 4, false),
    ('B', 'x', '2024-05-30', 'board', NULL, 1, true), ('D', 'y', '2024-05-30', 'export', NULL, 4, true)";
const ENTITLEMENTS: &str = "plan VARCHAR, feature VARCHAR, is_core BOOLEAN, is_valuable BOOLEAN, unit_value DOUBLE";
const INCLUDED: &str =
    "('basic', 'board', NULL, true, 1), ('basic', 'report', true, true, 12), ('basic', 'wiki', NULL, true, NULL),
    ('pro', 'board', NULL, true, 1), ('pro', 'report', true, true, 12), ('pro', 'export', false, false, NULL),
    ('pro', 'wiki', NULL, true, NULL), ('pro', 'wiki', NULL, true, NULL)";

async fn entitled() -> Bench {
    company("2024-05-31", "('A', '2024-01-01', 'basic'), ('B', '2024-01-01', 'pro'), ('C', '2024-01-01', 'basic'), ('D', '2024-01-01', NULL)")
        .await
        .input(InputTable::UsageEvents, EVENTS, USED)
        .await
        .input(InputTable::Entitlements, ENTITLEMENTS, INCLUDED)
        .await
}

#[tokio::test]
async fn adoption_is_of_what_the_plan_includes() {
    let bench = entitled().await;
    let metrics = ["eligible_features", "eligible_features_used_28d", "feature_adoption_28d", "feature_adoption_90d"];
    // The export and the login of A are no features of its plan; the plan of D is not known.
    assert_eq!(
        bench.accounts(&metrics).await,
        ["A 3 1 0.3333333333333333 0.6666666666666666", "B 4 1 0.25 0.25", "C 3 0 0.0 0.0", "D - - - -",]
    );
    let metrics = [
        "core_features_stopped_28d",
        "core_features_stopped_60d",
        "core_features_stopped_total",
        "valuable_features_unused",
        "value_delivered_28d",
        "value_delivered_90d",
    ];
    // 50 reports of twelve minutes are ten hours.
    assert_eq!(
        bench.accounts(&metrics).await,
        ["A 1 0 0 1 2.0 602.0", "B 0 0 0 3 0.0 0.0", "C 0 0 0 3 0.0 0.0", "D - - - - - -"]
    );
}

#[tokio::test]
async fn interest_in_locked_features_and_refused_attempts() {
    let bench = entitled().await;
    let metrics = [
        "locked_feature_events_28d",
        "locked_feature_users_28d",
        "blocked_attempts_28d",
        "blocked_users_28d",
        "usage_events_28d",
        "active_users_28d",
        "active_days_28d",
    ];
    assert_eq!(
        bench.accounts(&metrics).await,
        ["A 5 2 4 2 5 3 3", "B 0 0 1 1 4 1 1", "C 0 0 0 0 0 0 0", "D - - 4 1 0 0 0"]
    );
}

/// Amounts that no whole number holds are unknown, and stop nothing.
#[tokio::test]
async fn amounts_without_bounds_stop_no_night() {
    let most = "9223372036854775807";
    let rows = format!(
        "('A', 'u', '2024-05-30', 'export', true, {most}, false), ('A', 'u', '2024-05-29', 'export', true, {most}, false), ('A', 'u', '2024-05-29', 'board', true, {most}, false)"
    );
    let bench = company("2024-05-31", "('A', '2024-01-01', 'basic')")
        .await
        .input(InputTable::UsageEvents, EVENTS, &rows)
        .await
        .input(
            InputTable::Entitlements,
            ENTITLEMENTS,
            "('basic', 'board', true, true, 1e300), ('pro', 'export', true, true, 1)",
        )
        .await;
    let metrics = ["locked_feature_events_28d", "locked_feature_users_28d", "eligible_features_used_28d"];
    assert_eq!(bench.accounts(&metrics).await, ["A - 1 1"]);
    assert_eq!(bench.accounts(&["value_delivered_28d"]).await, ["A 1.8446744073709552e19"]);
}

#[tokio::test]
async fn what_to_teach_is_named_with_what_peers_make_of_it() {
    let bench = entitled().await;
    bench.accounts(&["mrr"]).await;
    let rows = "SELECT account_id, feature, plan, is_core, plan_accounts, plan_share_using FROM education_targets ORDER BY 1, 2";
    assert_eq!(
        bench.table(education_targets, rows).await,
        [
            "A wiki basic false 2 0.0",
            "B board pro false 1 0.0",
            "B report pro true 1 0.0",
            "B wiki pro false 1 0.0",
            "C board basic false 2 0.5",
            "C report basic true 2 0.5",
            "C wiki basic false 2 0.0",
        ]
    );
}

#[tokio::test]
async fn adoption_of_a_feature_is_of_the_accounts_that_have_it() {
    let bench = entitled().await;
    bench.accounts(&["mrr"]).await;
    let rows = "SELECT feature, is_core, eligible_accounts, adopters, weekly_adopters, adopters_before, stopped, ever_adopters, adoption, adoption_before
        FROM feature_adoption ORDER BY 1";
    assert_eq!(
        bench.table(feature_adoption, rows).await,
        [
            "board false 3 1 0 0 0 1 0.3333333333333333 0.0",
            "export false 1 1 1 0 0 1 1.0 0.0",
            "report true 3 0 0 1 1 1 0.0 0.3333333333333333",
            "wiki false 3 0 0 0 0 0 0.0 0.0",
        ]
    );
}

#[tokio::test]
async fn a_feature_without_plan_belongs_to_every_plan() {
    let bench = company("2024-05-31", "('A', '2024-01-01', 'basic'), ('D', '2024-01-01', NULL)")
        .await
        .input(InputTable::UsageEvents, EVENTS, USED)
        .await
        .input(
            InputTable::Entitlements,
            "plan VARCHAR, feature VARCHAR",
            "(NULL, 'board'), ('basic', 'board'), ('basic', 'wiki')",
        )
        .await;
    assert_eq!(
        bench.accounts(&["eligible_features", "feature_adoption_28d", "valuable_features_unused"]).await,
        ["A 2 0.5 -", "D 1 0.0 -"]
    );
    let everyone = company("2024-05-31", "('A', '2024-01-01', 'basic'), ('D', '2024-01-01', NULL)")
        .await
        .input(InputTable::UsageEvents, EVENTS, USED)
        .await
        .input(InputTable::Entitlements, "feature VARCHAR, is_core BOOLEAN", "('board', true), ('report', true)")
        .await;
    assert_eq!(
        everyone.accounts(&["feature_adoption_28d", "core_features_stopped_28d", "locked_feature_events_28d"]).await,
        ["A 0.5 1 0", "D 0.0 0 0"]
    );
}

/// 60 of 100 uses by the 20th, at two a day: twenty days; an account at its limit has none left.
#[tokio::test]
async fn days_to_the_limit_follow_the_pace_of_four_weeks() {
    let rows = "('A', '2024-05-01', 50), ('A', '2024-05-20', 4), ('A', '2024-04-30', 2), ('B', '2024-05-10', 100), ('C', '2024-04-20', 30),
        ('E', '2024-05-02', 10), ('F', '2024-05-19', 3), ('G', '2024-05-19', 1)";
    let bench = company(
        "2024-05-20",
        "('A', '2024-01-01', 'team'), ('B', '2024-01-01', 'team'), ('C', '2024-01-01', 'team'), ('E', '2024-01-01', 'free'), ('F', '2024-01-01', 'team'), ('G', '2024-01-01', 'huge')",
    )
    .await
    .input(InputTable::UsageEvents, "account_id VARCHAR, occurred_on DATE, quantity BIGINT", rows)
    .await
    .input(InputTable::Plans, "plan VARCHAR, monthly_usage_limit BIGINT", "('team', 100), ('free', NULL), ('huge', 9223372036854775807)")
    .await;
    // A: 46 left at 56 in 28 days; F: 97 left at 3 in 28 days.
    assert_eq!(
        bench.accounts(&["usage_events_this_month", "usage_events_28d", "days_to_limit"]).await,
        ["A 54 56 23", "B 100 100 0", "C 0 0 -", "E 10 10 -", "F 3 3 906", "G 1 1 -"]
    );
}

/// The first 90 days of A end on the 30th of March.
#[tokio::test]
async fn the_first_90_days_end_on_their_last_day() {
    let columns = "account_id VARCHAR, occurred_on DATE, feature VARCHAR, is_value_event BOOLEAN";
    let rows = "('A', '2024-01-01', 'board', false), ('A', '2024-03-30', 'board', true), ('A', '2024-03-30', 'wiki', true), ('A', '2024-03-31', 'export', true),
        ('B', '2024-03-31', 'board', true), ('C', '2024-05-01', 'board', false), ('D', '2024-01-01', 'board', true)";
    let bench = company(
        "2024-05-31",
        "('A', '2024-01-01', 'team'), ('B', '2024-01-01', 'team'), ('C', '2024-04-30', 'team'), ('D', NULL, 'team'), ('E', '2024-01-01', 'team')",
    )
    .await
    .input(InputTable::UsageEvents, columns, rows)
    .await
    .input(
        InputTable::SupportTickets,
        "account_id VARCHAR, opened_at TIMESTAMP",
        "('A', '2024-03-30T23:59:00'), ('A', '2024-03-31T00:00:00'), ('B', '2024-01-01T00:00:00'), ('D', '2024-01-01T00:00:00')",
    )
    .await;
    let metrics = [
        "first_90_day_active_days",
        "first_90_day_value_days",
        "first_90_day_features",
        "first_90_day_tickets",
        "first_90_day_activated",
    ];
    assert_eq!(
        bench.accounts(&metrics).await,
        ["A 2 1 2 1 true", "B 0 0 0 1 false", "C 1 0 1 0 -", "D - - - - -", "E 0 0 0 0 false"]
    );
}

/// Of eight accounts at least 90 days old five found value, after 1, 3, 10, 20 and 100 days; one is younger.
#[tokio::test]
async fn accounts_without_value_are_kept_and_come_last() {
    let ids = ["A", "B", "C", "D", "E", "F", "G", "H"];
    let accounts: Vec<String> = ids.iter().map(|id| format!("('{id}', '2024-01-01', 'team')")).collect();
    let accounts = accounts.join(", ") + ", ('Y', '2024-05-20', 'solo')";
    let found = [
        ("A", "2024-01-02"),
        ("B", "2024-01-04"),
        ("C", "2024-01-11"),
        ("D", "2024-01-21"),
        ("E", "2024-04-10"),
        ("Y", "2024-05-20"),
    ];
    let rows: Vec<String> = found.iter().map(|(id, day)| format!("('{id}', '{day}', true)")).collect();
    let bench = company("2024-05-31", &accounts)
        .await
        .input(
            InputTable::UsageEvents,
            "account_id VARCHAR, occurred_on DATE, is_value_event BOOLEAN",
            &rows.join(", "),
        )
        .await;
    let metrics = [
        "value_found_within_7d",
        "value_found_within_30d",
        "value_found_within_90d",
        "time_to_value_p25_days",
        "time_to_value_median_days",
        "time_to_value_p75_days",
    ];
    let asked: Vec<_> =
        metrics.iter().map(|metric| ("total", *metric)).chain([("plan", "time_to_value_median_days")]).collect();
    assert_eq!(
        bench.groups(&asked).await,
        [
            "plan solo time_to_value_median_days - 0 no account is 90 days old, or too few of them have found value to tell",
            "plan team time_to_value_median_days 60.0 8 -",
            "total all time_to_value_median_days 60.0 8 -",
            "total all time_to_value_p25_days 8.25 8 -",
            "total all time_to_value_p75_days - 8 no account is 90 days old, or too few of them have found value to tell",
            "total all value_found_within_30d 0.5 8 -",
            "total all value_found_within_7d 0.3333333333333333 9 -",
            "total all value_found_within_90d 0.5 8 -",
        ]
    );
}

/// Value after 10 and 40 days; one account was seen for 20 days without it, and one for 100.
#[tokio::test]
async fn accounts_still_without_value_count_for_as_long_as_they_were_seen() {
    let accounts = "('A', '2024-01-01', 'team'), ('B', '2024-01-01', 'team'), ('C', '2024-05-11', 'team'),
        ('D', '2024-02-21', 'team'), ('E', NULL, 'team')";
    let bench = company("2024-05-31", accounts)
        .await
        .input(
            InputTable::UsageEvents,
            "account_id VARCHAR, occurred_on DATE, is_value_event BOOLEAN",
            "('A', '2024-01-11', true), ('B', '2024-02-10', true)",
        )
        .await;
    let asked = ["days_to_value_median", "value_found_by_30d", "value_found_by_90d", "value_found_by_120d"];
    // One of four at ten days, then one of the two that are left at forty.
    assert_eq!(
        bench.groups(&asked.map(|metric| ("total", metric))).await,
        [
            "total all days_to_value_median 40.0 4 -",
            "total all value_found_by_120d - 4 no account is old enough to tell",
            "total all value_found_by_30d 0.25 4 -",
            "total all value_found_by_90d 0.625 4 -",
        ]
    );
}
