//! Group metrics: known cases by hand.

use headwater_metrics::InputTable;

use crate::bench::Bench;

async fn company() -> Bench {
    let accounts = "('A', '2023-01-01', 'ads'), ('B', '2023-01-01', 'ads'), ('C', '2023-01-01', 'referral'), ('D', '2024-03-01', 'ads'), ('E', '2024-03-01', NULL)";
    let subscriptions =
        "('A', '2023-01-10', NULL, 60), ('B', '2023-01-10', '2024-02-01', 20), ('C', '2023-01-10', '2024-01-01', 20),
        ('C', '2024-01-01', NULL, 10), ('D', '2024-04-01', NULL, 40), ('A', '2024-02-05', NULL, 15)";
    let spend = "('2024-03-01', 'ads', 100, NULL), ('2024-03-01', 'tv', 50, 'acquisition'), ('2024-03-01', 'ads', 900, 'retention')";
    Bench::new("2024-04-30")
        .input(InputTable::Accounts, "account_id VARCHAR, signed_up_on DATE, acquisition_channel VARCHAR", accounts)
        .await
        .input(
            InputTable::Subscriptions,
            "account_id VARCHAR, started_on DATE, ended_on DATE, mrr DECIMAL(18,2)",
            subscriptions,
        )
        .await
        .input(InputTable::Spend, "spent_on DATE, channel VARCHAR, amount DECIMAL(18,2), purpose VARCHAR", spend)
        .await
}

#[tokio::test]
async fn retention_of_a_small_company() {
    let metrics = [
        "nrr_12m",
        "grr_12m",
        "logo_churn_12m",
        "revenue_churn_12m",
        "quick_ratio_12m",
        "arpa",
        "paying_accounts",
        "total_mrr",
        "total_churned_mrr_12m",
        "total_opening_mrr_12m",
        "total_new_mrr_12m",
        "total_reactivation_mrr_12m",
        "total_expansion_mrr_12m",
        "total_contraction_mrr_12m",
        "logo_churn_monthly_12m",
    ];
    let asked: Vec<_> = metrics.iter().map(|metric| ("total", *metric)).collect();
    assert_eq!(
        company().await.groups(&asked).await,
        [
            "total all arpa 41.666666666666664 3 -",
            "total all grr_12m 0.7 3 -",
            "total all logo_churn_12m 0.3333333333333333 3 -",
            "total all logo_churn_monthly_12m 0.029411764705882353 4 -",
            "total all nrr_12m 0.85 3 -",
            "total all paying_accounts 3.0 5 -",
            "total all quick_ratio_12m 1.8333333333333333 5 -",
            "total all revenue_churn_12m 0.3 3 -",
            "total all total_churned_mrr_12m 20.0 5 -",
            "total all total_contraction_mrr_12m 10.0 5 -",
            "total all total_expansion_mrr_12m 15.0 5 -",
            "total all total_mrr 125.0 5 -",
            "total all total_new_mrr_12m 40.0 5 -",
            "total all total_opening_mrr_12m 100.0 5 -",
            "total all total_reactivation_mrr_12m 0.0 5 -",
        ]
    );
}

#[tokio::test]
async fn costs_belong_to_channels_and_unknown_ones_say_why() {
    let asked = [
        ("acquisition_channel", "cac_12m"),
        ("acquisition_channel", "signup_cost_12m"),
        ("total", "cac_12m"),
        ("total", "cac_payback_months"),
    ];
    assert_eq!(
        company().await.groups(&asked).await,
        [
            "acquisition_channel (unknown) cac_12m - 0 no spend above credits is known for this group, or nobody began to pay",
            "acquisition_channel (unknown) signup_cost_12m - 1 no spend above credits is known for this group, or nobody signed up",
            "acquisition_channel ads cac_12m 100.0 1 -",
            "acquisition_channel ads signup_cost_12m 100.0 1 -",
            "acquisition_channel referral cac_12m - 0 no spend above credits is known for this group, or nobody began to pay",
            "acquisition_channel referral signup_cost_12m - 0 no spend above credits is known for this group, or nobody signed up",
            "acquisition_channel tv cac_12m - 0 no spend above credits is known for this group, or nobody began to pay",
            "acquisition_channel tv signup_cost_12m - 0 no spend above credits is known for this group, or nobody signed up",
            "total all cac_12m 150.0 1 -",
            "total all cac_payback_months 4.5 1 -",
        ]
    );
}

#[tokio::test]
async fn costs_are_compared_with_the_window_before() {
    let bench = Bench::new("2024-04-30")
        .input(InputTable::Accounts, "account_id VARCHAR", "('X'), ('D')")
        .await
        .input(
            InputTable::Subscriptions,
            "account_id VARCHAR, started_on DATE, mrr DECIMAL(18,2)",
            "('X', '2023-12-10', 20), ('D', '2024-04-01', 40)",
        )
        .await
        .input(InputTable::Spend, "spent_on DATE, amount DECIMAL(18,2)", "('2024-03-01', 150), ('2023-12-01', 100)")
        .await;
    // 150 for one account against 100; but accounts pay 30 on average against 20, so payback is as long as it was.
    assert_eq!(
        bench.groups(&[("total", "cac_change_pct_3m"), ("total", "cac_payback_change_pct_3m")]).await,
        ["total all cac_change_pct_3m 50.0 1 -", "total all cac_payback_change_pct_3m 0.0 1 -"]
    );
}

/// Three stay, one leaves; one is won in each quarter, for 100 and then for 150. Whoever leaves early makes value rise.
#[tokio::test]
async fn payback_counts_against_a_rise_of_value_and_not_against_a_fall() {
    let asked = ["clv_discounted_change_pct_3m", "payback_change_at_rising_clv_pct_3m"].map(|metric| ("total", metric));
    let annuity = |churn: f64| (0..60).map(|month| (1.0 - churn).powi(month)).sum::<f64>();
    for (left_on, before, now, against) in
        [("2023-12-15", 1.0 / 12.0, 0.0, "50.0"), ("2024-03-15", 0.0, 1.0 / 14.0, "0.0")]
    {
        let subscriptions = format!(
            "('A', '2023-10-31', NULL, 10), ('B', '2023-10-31', NULL, 10), ('C', '2023-10-31', NULL, 10),
             ('D', '2023-10-31', '{left_on}', 10), ('E', '2024-04-01', NULL, 10), ('F', '2023-12-10', NULL, 10)"
        );
        let bench = Bench::new("2024-04-30")
            .input(InputTable::Accounts, "account_id VARCHAR", "('A'), ('B'), ('C'), ('D'), ('E'), ('F')")
            .await
            .input(
                InputTable::Subscriptions,
                "account_id VARCHAR, started_on DATE, ended_on DATE, mrr DECIMAL(18,2)",
                &subscriptions,
            )
            .await
            .input(InputTable::Spend, "spent_on DATE, amount DECIMAL(18,2)", "('2024-03-01', 150), ('2023-12-01', 100)")
            .await;
        let lines = bench.groups(&asked).await;
        let change: f64 = lines[0].split(' ').nth(3).unwrap().parse().unwrap();
        let expected = 100.0 * (annuity(now) / annuity(before) - 1.0);
        assert!((change - expected).abs() < 1e-9 * expected.abs(), "{change} is not {expected}");
        assert_eq!(lines[1], format!("total all payback_change_at_rising_clv_pct_3m {against} 1 -"));
    }
}

/// A rate over a window is known once the window is over for the cohort, and not before.
#[tokio::test]
async fn trials_are_read_when_their_window_is_over() {
    let columns = "account_id VARCHAR, started_on DATE, ended_on DATE, mrr DECIMAL(18,2), is_trial BOOLEAN";
    let rows = "('A', '2024-03-01', '2024-03-15', 0, true), ('A', '2024-03-15', NULL, 10, false), ('B', '2024-03-01', '2024-03-15', 0, true)";
    for (as_of, expected) in [
        ("2024-03-11", "total all trial_to_paid_30d - 0 no trial of the cohort is old enough to tell"),
        ("2024-04-10", "total all trial_to_paid_30d 0.5 2 -"),
    ] {
        let bench = Bench::new(as_of)
            .input(InputTable::Accounts, "account_id VARCHAR", "('A'), ('B')")
            .await
            .input(InputTable::Subscriptions, columns, rows)
            .await;
        assert_eq!(bench.groups(&[("total", "trial_to_paid_30d")]).await, [expected]);
    }
}

#[tokio::test]
async fn lifetime_value_is_bounded_and_never_infinite() {
    let asked = [
        ("total", "clv_simple"),
        ("total", "clv_discounted"),
        ("acquisition_channel", "clv_simple"),
        ("acquisition_channel", "clv_cac_ratio"),
    ];
    let lines = company().await.groups(&asked).await;
    // Exposure: A 12, B 10 with one churn, C 12, D 0: the rate is 1/34.
    let annuity = (1.0 - (33.0_f64 / 34.0).powi(60)) * 34.0;
    let value = |prefix: &str| -> f64 {
        let line = lines.iter().find(|line| line.starts_with(prefix)).unwrap();
        line.split(' ').nth(3).unwrap().parse().unwrap()
    };
    assert!((value("total all clv_simple") - 41.666_666_666_666_664 * 0.8 * 34.0).abs() < 1e-9);
    assert!((value("total all clv_discounted") - 41.666_666_666_666_664 * 0.8 * annuity).abs() < 1e-9);
    assert!(lines.contains(&"acquisition_channel referral clv_simple - 1 nobody churned in the window, so the lifetime is not known, or nobody paid".to_owned()));
}

/// Half of four accounts lost in a quarter of 91 days.
#[tokio::test]
async fn a_rate_of_one_period_is_converted_by_compounding() {
    let rows = "('A', '2024-01-01', NULL, 10), ('B', '2024-01-01', NULL, 10), ('C', '2024-01-01', '2024-05-01', 10),
        ('D', '2024-01-01', '2024-05-01', 10)";
    let columns = "account_id VARCHAR, started_on DATE, ended_on DATE, mrr DECIMAL(18,2)";
    let bench = Bench::new("2024-06-30")
        .input(InputTable::Accounts, "account_id VARCHAR", "('A'), ('B'), ('C'), ('D')")
        .await
        .input(InputTable::Subscriptions, columns, rows)
        .await;
    let lines = bench.groups(&[("total", "logo_churn_per_month_3m"), ("total", "logo_churn_per_year_3m")]).await;
    let value = |line: &str| line.split(' ').nth(3).unwrap().parse::<f64>().unwrap();
    assert!((value(&lines[0]) - (1.0 - 0.5_f64.powf(365.0 / 12.0 / 91.0))).abs() < 1e-12, "{lines:?}");
    assert!((value(&lines[1]) - (1.0 - 0.5_f64.powf(365.0 / 91.0))).abs() < 1e-12, "{lines:?}");
}
