//! Values of groups by all methods, how far each can be relied on, and what moves them.

use headwater_metrics::{
    InputTable, Lifetimes, cohort_summary, cohorts, lifetime_values, survival_curves, value_levers, value_metrics,
};

use super::{ACCOUNTS, ORDERS, SUBSCRIPTIONS, close, few, numbers, subscribers};
use crate::bench::Bench;

#[tokio::test]
async fn worked_examples_of_arpa_and_lifespan() {
    // 24 customers at 50 a month, of whom one leaves in the only month watched: 1/24 a month, 24 months, 1,200.
    let accounts: Vec<String> = (0..24).map(|at| format!("('{at}', NULL, 'pro')")).collect();
    let subscriptions: Vec<String> = (0..24)
        .map(|at| format!("('{at}', '2024-05-31', {}, 50, 'month')", if at == 0 { "'2024-06-15'" } else { "NULL" }))
        .collect();
    let bench = Bench::new("2024-06-30")
        .input(InputTable::Accounts, ACCOUNTS, &accounts.join(", "))
        .await
        .input(InputTable::Subscriptions, SUBSCRIPTIONS, &subscriptions.join(", "))
        .await
        .worth(1.0, 60);
    let asked = [
        "clv_simple",
        "clv_simple_longer_12m",
        "clv_simple_low",
        "clv_simple_high",
        "clv_discounted_low",
        "clv_discounted_high",
        "churn_events",
        "clv_elasticity_price",
    ];
    let lines = bench.groups(&asked.map(|metric| ("total", metric))).await;
    let of = |metric: &str| numbers(&lines, &format!("total all {metric} "))[0];
    close("50 × 24", of("clv_simple"), 1_200.0);
    close("50 × 36", of("clv_simple_longer_12m"), 1_800.0);
    let half = 1.96 * (1.0_f64 - 1.0 / 24.0 + 0.9604).sqrt();
    close("at the highest churn", of("clv_simple_low"), 50.0 / ((1.0 + 1.9207 + half) / (24.0 + 3.8415)));
    close("at the lowest churn", of("clv_simple_high"), 50.0 / ((1.0 + 1.9207 - half) / (24.0 + 3.8415)));
    close("churns", of("churn_events"), 1.0);
    let discounted = |churn: f64| 50.0 * (0..60).map(|month| (1.0 - churn).powi(month)).sum::<f64>();
    close("at the highest churn", of("clv_discounted_low"), discounted((1.0 + 1.9207 + half) / (24.0 + 3.8415)));
    close("at the lowest churn", of("clv_discounted_high"), discounted((1.0 + 1.9207 - half) / (24.0 + 3.8415)));
    close("all of the price is margin", of("clv_elasticity_price"), 1.0);
}

#[tokio::test]
async fn worked_example_of_order_value_frequency_and_lifespan() {
    // 72 an order, 3 orders a year of 365 days, 7 such years: 1,512, and not the 2,016 that is often copied.
    let orders: Vec<String> = ["2017-07-02", "2023-09-01", "2024-01-01", "2024-05-01"]
        .iter()
        .enumerate()
        .map(|(at, on)| format!("('A', '{at}', NULL, '{on}', 72)"))
        .collect();
    let bench = Bench::new("2024-06-30")
        .input(InputTable::Accounts, ACCOUNTS, "('A', NULL, 'pro'), ('B', NULL, 'pro')")
        .await
        .input(InputTable::Orders, ORDERS, &orders.join(", "))
        .await
        .worth(1.0, 120);
    let asked = [
        "clv_orders_simple",
        "average_order_value_365d",
        "buyer_order_frequency_365d",
        "buyer_lifetime_months",
        "clv_elasticity_frequency",
    ];
    let lines = bench.groups(&asked.map(|metric| ("total", metric))).await;
    let of = |metric: &str| numbers(&lines, &format!("total all {metric} "))[0];
    close("72 × 3 × 7", of("clv_orders_simple"), 1_512.0);
    close("value", of("average_order_value_365d"), 72.0);
    close("orders a month", of("buyer_order_frequency_365d"), 3.0 * 30.4375 / 365.0);
    close("months", of("buyer_lifetime_months"), 2_555.0 / 30.4375);
    close("elasticity", of("clv_elasticity_frequency"), 1.0);
}

#[tokio::test]
async fn lifetimes_of_groups_count_who_is_still_there() {
    // One left after 30 days, one after 91; two were seen for 121 and go on.
    let bench = Bench::new("2024-05-31")
        .input(InputTable::Accounts, ACCOUNTS, "('A', NULL, 'x'), ('B', NULL, 'x'), ('C', NULL, 'x'), ('D', NULL, 'x')")
        .await
        .input(
            InputTable::Subscriptions,
            SUBSCRIPTIONS,
            "('A', '2024-01-31', '2024-03-01', 30, 'month'), ('B', '2024-01-31', '2024-05-01', 30, 'month'),
             ('C', '2024-01-31', NULL, 30, 'month'), ('D', '2024-01-31', NULL, 50, 'month')",
        )
        .await
        .worth(0.5, 60)
        .lifetimes(few());
    let asked = [
        "lifetime_median_months",
        "lifetime_restricted_months",
        "lifetime_restricted_to_months",
        "clv_survival",
        "clv_survival_low",
        "clv_survival_high",
        "clv_contract_mean",
        "contract_customer_equity",
        "expansion_monthly",
        "clv_elasticity_retention",
        "clv_elasticity_expansion",
    ];
    let lines = bench.groups(&asked.map(|metric| ("total", metric))).await;
    let of = |metric: &str| numbers(&lines, &format!("total all {metric} "))[0];
    close("half have left", of("lifetime_median_months"), 91.0 / 30.4375);
    let mean = (30.0 + 61.0 * 0.75 + 30.0 * 0.5) / 30.4375;
    close("area", of("lifetime_restricted_months"), mean);
    close("until", of("lifetime_restricted_to_months"), 121.0 / 30.4375);
    close("40 a month, half of it margin", of("clv_survival"), 20.0 * mean);
    // Var = Σ area² d / (n (n - d)): after 30 days 60.75, after 91 days 15.
    let error = (60.75_f64.powi(2) / 12.0 + 15.0_f64.powi(2) / 6.0).sqrt() / 30.4375;
    let half = 1.959_963_984_540_054 * error;
    close("low", of("clv_survival_low"), 20.0 * (mean - half));
    close("high", of("clv_survival_high"), 20.0 * (121.0_f64 / 30.4375).min(mean + half));
    // Realised: 30, 90, 120 and 200 months' worth, halved; what C and D are expected to bring on top.
    let residual = of("contract_customer_equity").unwrap();
    assert!(residual > 0.0);
    let mean = (realised(&bench).await + residual) / 4.0;
    assert!((of("clv_contract_mean").unwrap() - mean).abs() < 1e-6, "mean of realised and residual");
    let bounds = ["clv_contract_mean_low", "clv_contract_mean_high"].map(|metric| ("total", metric));
    let bounds = bench.groups(&bounds).await;
    let bound = |end: &str| numbers(&bounds, &format!("total all clv_contract_mean_{end} "))[0].unwrap();
    let errors = bench.accounts(&["contract_months_error", "contract_clv_residual_error"]).await;
    let errors: Vec<Vec<Option<f64>>> = ["A", "B", "C", "D"].iter().map(|account| numbers(&errors, account)).collect();
    let error: f64 = errors.iter().map(|of| of[1].unwrap()).sum();
    close("15 a month after cost", errors[2][1], 15.0 * errors[2][0].unwrap());
    let middle = of("clv_contract_mean").unwrap();
    assert!((bound("high") - middle - 1.96 * error / 4.0).abs() < 1e-5, "{bounds:?}");
    assert!((middle - bound("low") - (1.96 * error).min(residual) / 4.0).abs() < 1e-5, "{bounds:?}");
    let spread = [
        "contract_clv_at_least_mean_share",
        "contract_clv_bimodality",
        "contract_clv_gini",
        "contract_clv_top_decile_share",
    ];
    let spread = bench.groups(&spread.map(|metric| ("total", metric))).await;
    // Two of four left early, and two go on.
    close("two of four", numbers(&spread, "total all contract_clv_at_least_mean_share ")[0], 0.5);
    assert!(numbers(&spread, "total all contract_clv_bimodality ")[0].unwrap() > 0.0, "{spread:?}");
    assert!(numbers(&spread, "total all contract_clv_gini ")[0].unwrap() > 0.1, "{spread:?}");
    assert!(spread[3].ends_with("- 4 fewer than ten accounts have a value"), "{spread:?}");
    close("nobody expanded", of("expansion_monthly"), 0.0);
    close("so growth moves nothing yet", of("clv_elasticity_expansion"), 0.0);
    // One percent of retention against one percent of value, at the group's own churn: by differences, here by the series.
    let churn =
        numbers(&bench.groups(&[("total", "logo_churn_monthly_12m")]).await, "total all logo_churn_monthly_12m ")[0]
            .unwrap();
    let retention = 1.0 - churn;
    let value: f64 = (0..60).map(|t| retention.powi(t)).sum();
    let slope: f64 = (1..60).map(|t| f64::from(t) * retention.powi(t)).sum();
    let elasticity = of("clv_elasticity_retention").unwrap();
    assert!((elasticity - slope / value).abs() < 1e-8, "{elasticity} is not {}", slope / value);
}

async fn realised(bench: &Bench) -> f64 {
    let lines = bench.accounts(&["contract_clv_realised"]).await;
    ["A", "B", "C", "D"].iter().map(|account| numbers(&lines, account)[0].unwrap()).sum()
}

#[tokio::test]
async fn all_methods_stand_side_by_side() {
    let bench = subscribers().await;
    let asked: Vec<(&str, &str)> = value_metrics(bench.night()).into_iter().map(|metric| ("total", metric)).collect();
    bench.groups(&asked).await;
    bench.table(cohorts, "SELECT 1").await;
    bench.table(cohort_summary, "SELECT 1").await;
    let values = "SELECT method, basis, timing, horizon_months, eligible, reason FROM lifetime_values ORDER BY method";
    assert_eq!(
        bench.table(lifetime_values, values).await,
        [
            "arpa_over_churn margin undiscounted - true -",
            "cohorts margin start_of_month 60 false no cohort is old and large enough",
            // Of the year's one customer nothing is known: nobody of that term has left yet.
            "contract_model margin at_renewal 60 false of some customer nothing is known, as no model could be fitted; or nobody is a customer",
            "discounted_at_churn margin start_of_month 60 true -",
            "survival margin undiscounted 6 true -",
        ]
    );
    let levers = "SELECT kind, lever, strength FROM value_levers ORDER BY kind, strength, lever";
    let levers = bench.table(value_levers, levers).await;
    assert_eq!(levers, ["subscriptions retention 1", "subscriptions price 2", "subscriptions expansion 3"]);
    let curves = "SELECT age_months, at_risk, churned, censored, survival FROM survival_curves ORDER BY 1";
    assert_eq!(
        bench.table(survival_curves, curves).await,
        ["1 3 1 0 0.6666666666666667", "2 2 0 1 0.6666666666666667", "5 1 0 1 0.6666666666666667"]
    );
}

/// Values over churn of a year in which so many of thirty left, by methods.
async fn values_at_churn(left: usize) -> Vec<String> {
    let accounts: Vec<String> = (0..30).map(|at| format!("('{at}', NULL, 'pro')")).collect();
    let end = |at: usize| if at < left { "'2024-03-15'" } else { "NULL" };
    let paid: Vec<String> = (0..30).map(|at| format!("('{at}', '2023-12-31', {}, 50, 'month')", end(at))).collect();
    let bench = Bench::new("2024-06-30")
        .input(InputTable::Accounts, ACCOUNTS, &accounts.join(", "))
        .await
        .input(InputTable::Subscriptions, SUBSCRIPTIONS, &paid.join(", "))
        .await
        .worth(1.0, 24)
        .lifetimes(Lifetimes { fewest_churns: 3, ..few() });
    let asked: Vec<(&str, &str)> = value_metrics(bench.night()).into_iter().map(|metric| ("total", metric)).collect();
    bench.groups(&asked).await;
    bench.table(cohorts, "SELECT 1").await;
    bench.table(cohort_summary, "SELECT 1").await;
    let values = "SELECT method, round(value, 6), round(low, 6), round(high, 6), reason FROM lifetime_values
        WHERE method IN ('arpa_over_churn', 'discounted_at_churn', 'survival') ORDER BY method";
    bench.table(lifetime_values, values).await
}

#[tokio::test]
async fn churn_that_nobody_saw_is_no_churn_of_zero() {
    // 180 months at risk without a loss; Wilson's upper bound of the rate is 3.8414 / 183.8415.
    let none = values_at_churn(0).await;
    let bound = (1.9207 + 1.96 * 0.9604_f64.sqrt()) / (180.0 + 3.8415);
    let [over, discounted, survival] = none.as_slice() else { panic!("{none:?}") };
    let over = over.strip_prefix("arpa_over_churn ").unwrap();
    assert!(over.starts_with("- ") && over.contains(" - nobody churned in the window"), "{over}");
    let low: f64 = over.split(' ').nth(1).unwrap().parse().unwrap();
    assert!((low - 50.0 / bound).abs() < 1e-5, "{low} is not {}", 50.0 / bound);
    let discounted: Vec<&str> = discounted.splitn(5, ' ').collect();
    let at_worst: f64 = (0..24).map(|month| 50.0 * (1.0 - bound).powi(month)).sum();
    assert_eq!(discounted[1], "-", "a churn of zero is not taken as fact");
    assert!((discounted[2].parse::<f64>().unwrap() - at_worst).abs() < 1e-5, "{discounted:?}");
    assert_eq!(discounted[3..], ["1200.0", "0 churns in the lookback, and 1 are needed to tell the rate"]);
    // All thirty were seen for 182 days: the least share that stays is 0.025 to the 1/30.
    let survival: Vec<&str> = survival.splitn(5, ' ').collect();
    let months = 182.0 / 30.4375;
    let least = 50.0 * months * 0.025_f64.powf(1.0 / 30.0);
    assert!((survival[2].parse::<f64>().unwrap() - least).abs() < 1e-5, "{survival:?} {least}");
    assert!((survival[3].parse::<f64>().unwrap() - 50.0 * months).abs() < 1e-5, "{survival:?}");
}

#[tokio::test]
async fn a_value_over_few_churns_is_not_eligible() {
    let two = values_at_churn(2).await;
    assert!(two[0].ends_with("2 churns in the lookback, and 3 are needed to tell the rate"), "{two:?}");
    assert!(two[0].starts_with("arpa_over_churn - ") && !two[1].starts_with("discounted_at_churn - "), "{two:?}");
    let three = values_at_churn(3).await;
    assert!(three[0].ends_with(" -") && !three[0].starts_with("arpa_over_churn - "), "{three:?}");
    for line in three.iter().chain(&two[1..]) {
        let ends: Vec<f64> = line.split(' ').skip(2).take(2).map(|end| end.parse().unwrap()).collect();
        assert!(ends[0] < ends[1], "an interval has a width: {line}");
    }
}

#[tokio::test]
async fn levers_are_ranked_among_those_that_move_the_same_value() {
    let bench = subscribers().await.input(InputTable::Orders, ORDERS, "('A', '1', NULL, '2022-01-01', 72)").await;
    let asked: Vec<(&str, &str)> = value_metrics(bench.night()).into_iter().map(|metric| ("total", metric)).collect();
    bench.groups(&asked).await;
    let ranked = "SELECT kind, lever, strength FROM value_levers WHERE strength = 1 OR lever = 'frequency' ORDER BY 1";
    let ranked = bench.table(value_levers, ranked).await;
    // Nothing was ordered within a year: no value of orders, no elasticity, no rank.
    assert_eq!(ranked, ["orders frequency -", "subscriptions retention 1"]);
}

#[tokio::test]
async fn a_longer_life_at_the_same_cost_raises_the_ratio() {
    let bench = subscribers()
        .await
        .worth(1.0, 60)
        .input(InputTable::Spend, "spent_on DATE, amount DECIMAL(18,2)", "('2024-01-05', 300)")
        .await;
    let lines = bench
        .groups(&["cac_12m", "clv_simple_longer_12m", "clv_cac_ratio_longer_12m"].map(|metric| ("total", metric)))
        .await;
    let of = |metric: &str| numbers(&lines, &format!("total all {metric} "))[0].unwrap();
    close("ratio", Some(of("clv_cac_ratio_longer_12m")), of("clv_simple_longer_12m") / of("cac_12m"));
}

#[tokio::test]
async fn customers_of_today_have_no_lifetime_yet() {
    let paid: Vec<String> = (0..30).map(|at| format!("('{at}', '2024-06-30', NULL, 50, 'month')")).collect();
    let accounts: Vec<String> = (0..30).map(|at| format!("('{at}', NULL, 'pro')")).collect();
    let bench = Bench::new("2024-06-30")
        .input(InputTable::Accounts, ACCOUNTS, &accounts.join(", "))
        .await
        .input(InputTable::Subscriptions, SUBSCRIPTIONS, &paid.join(", "))
        .await
        .lifetimes(few());
    let lines = bench.groups(&["lifetime_restricted_months", "clv_survival"].map(|metric| ("total", metric))).await;
    for metric in ["lifetime_restricted_months", "clv_survival"] {
        assert_eq!(numbers(&lines, &format!("total all {metric} "))[0], None, "{lines:?}");
    }
}
