//! What winning, serving and keeping accounts costs, and what campaigns promise: known cases by hand.

use headwater_metrics::InputTable;

use crate::bench::Bench;

const SUBSCRIPTIONS: &str = "account_id VARCHAR, started_on DATE, ended_on DATE, mrr DECIMAL(18,2)";

/// A and B came by ads, C by itself; B left after six weeks.
async fn company() -> Bench {
    let accounts =
        "account_id VARCHAR, acquisition_channel VARCHAR, signed_up_on DATE, expected_first_year_value DECIMAL(18,2)";
    let rows =
        "('A', '2024-01-10', '2024-03-10', 30), ('A', '2024-03-10', NULL, 50), ('B', '2024-01-10', '2024-02-20', 30),
        ('C', '2024-02-10', NULL, 30)";
    Bench::new("2024-04-30")
        .input(
            InputTable::Accounts,
            accounts,
            "('A', 'ads', '2024-01-10', 480), ('B', 'ads', '2024-01-10', 480), ('C', 'friends', '2024-02-10', NULL), ('D', 'ads', '2024-01-20', 240)",
        )
        .await
        .input(InputTable::Subscriptions, SUBSCRIPTIONS, rows)
        .await
        .input(
            InputTable::Spend,
            "spent_on DATE, amount DECIMAL(18,2), channel VARCHAR, purpose VARCHAR, kind VARCHAR, account_id VARCHAR",
            "('2023-12-05', 90, 'ads', 'acquisition', 'media', NULL), ('2024-01-05', 60, 'ads', 'acquisition', NULL, NULL),
             ('2024-01-05', 30, NULL, 'acquisition', 'people', NULL), ('2024-04-05', 10, NULL, 'retention', NULL, 'A'),
             ('2024-04-05', 20, NULL, 'retention', NULL, 'C'), ('2024-04-05', 10, NULL, 'retention', NULL, NULL)",
        )
        .await
        .input(
            InputTable::Costs,
            "account_id VARCHAR, incurred_on DATE, amount DECIMAL(18,2), kind VARCHAR",
            "('A', '2024-04-01', 20, 'serving'), ('B', '2024-01-15', 40, 'onboarding'), ('C', '2024-04-02', 18, 'serving')",
        )
        .await
}

#[tokio::test]
async fn the_cost_of_winning_is_blended_paid_media_and_nothing() {
    let metrics = ["cac_4m", "paid_cac_4m", "media_cac_4m", "no_cac_customers_4m"];
    let asked: Vec<(&str, &str)> = metrics.iter().map(|metric| ("total", *metric)).collect();
    assert_eq!(
        company().await.groups(&asked).await,
        [
            "total all cac_4m 30.0 3 -",
            "total all media_cac_4m 20.0 3 -",
            "total all no_cac_customers_4m 1.0 3 -",
            "total all paid_cac_4m 45.0 2 -",
        ]
    );
    let by_channel = company()
        .await
        .groups(&[("acquisition_channel", "cac_4m"), ("acquisition_channel", "no_cac_customers_4m")])
        .await;
    assert_eq!(
        by_channel,
        [
            "acquisition_channel (unknown) cac_4m - 0 no spend above credits is known for this group, or nobody began to pay",
            "acquisition_channel (unknown) no_cac_customers_4m - 0 channels or spend are not known",
            "acquisition_channel ads cac_4m 30.0 2 -",
            "acquisition_channel ads no_cac_customers_4m 0.0 2 -",
            "acquisition_channel friends cac_4m - 1 no spend above credits is known for this group, or nobody began to pay",
            "acquisition_channel friends no_cac_customers_4m 1.0 1 -",
        ]
    );
    let flags = company().await.accounts(&["is_paid_acquisition"]).await;
    assert_eq!(flags, ["A true", "B true", "C false", "D true"]);
}

#[tokio::test]
async fn spend_may_come_months_before_its_customers() {
    // Three customers of January to April cost what was spent from December to March.
    let lagged = company().await.lag(1);
    assert_eq!(
        lagged.groups(&[("total", "cac_4m"), ("total", "acquisition_spend_4m")]).await,
        ["total all acquisition_spend_4m 90.0 3 -", "total all cac_4m 60.0 3 -",]
    );
    let cohorts = company().await.lag(1).cohort_summaries().await;
    assert_eq!(
        cohorts,
        [
            "2024-01-31 45.0 76.0 2 false immature fewer than 30 accounts",
            "2024-02-29 90.0 72.0 - true immature fewer than 30 accounts"
        ]
    );
}

#[tokio::test]
async fn serving_has_a_margin_and_leaving_early_a_loss() {
    let company = company().await;
    assert_eq!(
        company
            .accounts(&[
                "account_cost_12m",
                "serving_cost_1m",
                "subscription_revenue_2m",
                "subscription_revenue_total",
                "first_revenue_2m"
            ])
            .await,
        [
            "A 20.00 20.00 100.00 160.00 60.00",
            "B 40.00 0.00 0.00 30.00 30.00",
            "C 18.00 18.00 60.00 90.00 60.00",
            "D 0.00 0.00 0.00 0.00 0.00"
        ]
    );
    // 38 of 160 in two months; B cost 60 to win and 40 to bring in, and paid 30 at a margin of 80 %.
    assert_eq!(
        company.groups(&[("total", "gross_margin_2m"), ("total", "early_churn_loss_60d")]).await,
        ["total all early_churn_loss_60d 76.0 1 -", "total all gross_margin_2m 0.7625 2 -"]
    );
}

/// Serving cost 38 of the 280 that came in: 242 of 280 are left of all that counts margin.
#[tokio::test]
async fn the_margin_may_be_what_costs_leave() {
    let company = company().await.margin_from_costs().await;
    let asked = ["gross_margin_12m", "clv_simple", "cac_payback_months"].map(|metric| ("total", metric));
    // 40 a month at a churn of 1 in 6 months, won for 60.
    let lines = company.groups(&asked).await;
    let value = |line: usize| lines[line].split(' ').nth(3).unwrap().parse::<f64>().unwrap();
    let expected = [60.0 / (40.0 * 242.0 / 280.0), 40.0 * 6.0 * 242.0 / 280.0, 242.0 / 280.0];
    for (line, expected) in expected.into_iter().enumerate() {
        assert!((value(line) - expected).abs() < 1e-12, "{lines:?}");
    }
    let realised = company.accounts(&["contract_clv_realised"]).await;
    let of_a: f64 = realised[0].strip_prefix("A ").unwrap().parse().unwrap();
    assert!((of_a - 160.0 * 242.0 / 280.0).abs() < 1e-9, "{realised:?}");
}

/// A company of which no cost of serving is known does not serve for nothing.
#[tokio::test]
async fn without_costs_of_serving_what_counts_margin_is_unknown() {
    let costs = "account_id VARCHAR, incurred_on DATE, amount DECIMAL(18,2), kind VARCHAR";
    let company = Bench::new("2024-04-30")
        .input(InputTable::Accounts, "account_id VARCHAR", "('A'), ('B')")
        .await
        .input(
            InputTable::Subscriptions,
            SUBSCRIPTIONS,
            "('A', '2024-01-10', NULL, 10), ('B', '2024-01-10', '2024-02-20', 10)",
        )
        .await
        .input(InputTable::Spend, "spent_on DATE, amount DECIMAL(18,2)", "('2024-01-05', 30)")
        .await
        .input(InputTable::Costs, costs, "('A', '2024-04-01', 20, 'onboarding'), ('A', '2022-04-01', 2, 'serving')")
        .await
        .margin_from_costs()
        .await;
    const UNKNOWN: &str = "the gross margin is unknown: no cost of serving, or no revenue, is known in the lookback";
    let asked = ["clv_simple", "clv_contract_mean", "arpa"].map(|metric| ("total", metric));
    assert_eq!(
        company.groups(&asked).await,
        [
            "total all arpa 10.0 1 -".to_owned(),
            format!("total all clv_contract_mean - 0 {UNKNOWN}"),
            format!("total all clv_simple - 2 {UNKNOWN}"),
        ]
    );
    assert_eq!(
        company.accounts(&["contract_clv_realised", "subscription_revenue_total"]).await,
        ["A - 40.00", "B - 10.00"]
    );
    assert_eq!(company.cohort_summaries().await, ["2024-01-31 15.0 - - - immature fewer than 30 accounts"]);
}

/// Without subscriptions, revenue is what was ordered.
#[tokio::test]
async fn the_margin_of_a_shop_is_of_its_orders() {
    let costs = "account_id VARCHAR, incurred_on DATE, amount DECIMAL(18,2), kind VARCHAR";
    let shop = Bench::new("2024-04-30")
        .input(InputTable::Accounts, "account_id VARCHAR", "('A')")
        .await
        .input(
            InputTable::Orders,
            "account_id VARCHAR, ordered_on DATE, amount DECIMAL(18,2)",
            "('A', '2024-04-01', 80), ('A', '2023-04-01', 99)",
        )
        .await
        .input(InputTable::Costs, costs, "('A', '2024-04-01', 20, 'serving')")
        .await
        .margin_from_costs()
        .await;
    assert_eq!(shop.accounts(&["order_clv_realised"]).await, ["A 134.25"]);
}

#[tokio::test]
async fn money_spent_on_keeping_reaches_those_who_grow_or_not() {
    let company = company().await;
    assert_eq!(
        company.accounts(&["is_compounding_3m", "retention_spend_1m"]).await,
        ["A true 10.00", "B false 0.00", "C false 20.00", "D false 0.00"]
    );
    assert_eq!(
        company.groups(&[("total", "blanket_retention_share_3m")]).await,
        ["total all blanket_retention_share_3m 0.75 1 -"]
    );
}

/// Of 40, 10 went to A and 20 to C.
#[tokio::test]
async fn money_spent_on_keeping_may_be_meant_for_segments() {
    let segments = "CASE account_id WHEN 'A' THEN 'loyal' WHEN 'C' THEN 'champion' ELSE 'other' END";
    for (audience, expected) in
        [(&["champion"][..], "0.5 1"), (&["champion", "loyal"], "0.25 2"), (&["at_risk"], "1.0 0")]
    {
        let company = company().await.retention_audience("lifecycle", segments, audience);
        assert_eq!(
            company.groups(&[("total", "blanket_retention_share_3m")]).await,
            [format!("total all blanket_retention_share_3m {expected} -")]
        );
    }
}

#[tokio::test]
async fn a_campaign_keeps_its_promise_or_not() {
    // Of 1,200 in a year, 300 were due in three months: A brought 110 and B 30 at a margin of 80 %, D nothing.
    assert_eq!(
        company().await.groups(&[("total", "promise_gap_3m"), ("total", "promise_gap_12m")]).await,
        [
            "total all promise_gap_12m - 0 of no account that is old enough a value was expected",
            "total all promise_gap_3m 0.6266666666666667 3 -",
        ]
    );
}

#[tokio::test]
async fn first_revenue_counts_no_month_that_has_not_come() {
    let bench = Bench::new("2024-04-30")
        .input(InputTable::Accounts, "account_id VARCHAR", "('A'), ('B')")
        .await
        .input(InputTable::Subscriptions, SUBSCRIPTIONS, "('A', '2024-02-10', NULL, 10), ('B', '2022-01-10', NULL, 10)")
        .await;
    // A was a customer at three month ends, B at twenty-eight.
    let lines = bench.accounts(&["first_revenue_2m", "first_revenue_12m", "first_revenue_total"]).await;
    assert_eq!(lines, ["A 20.00 30.00 30.00", "B 20.00 120.00 280.00"]);
}
