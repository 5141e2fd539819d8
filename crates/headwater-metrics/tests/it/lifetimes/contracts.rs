//! Customers by contract, renewal by renewal, alone and by groups.

use headwater_metrics::{InputTable, Lifetimes, account_values, model_fits, model_parameters};

use super::{ACCOUNTS, SUBSCRIPTIONS, close, few, numbers, subscribers};
use crate::bench::Bench;

#[tokio::test]
async fn subscribers_are_valued_renewal_by_renewal() {
    let metrics = [
        "contract_term_months",
        "contract_renewals",
        "contract_stays_12m",
        "contract_months_expected",
        "contract_months_discounted",
        "contract_months_low",
        "contract_months_high",
        "contract_clv_realised",
        "contract_clv_residual",
        "contract_clv_total",
        "contract_clv_residual_error",
    ];
    let bench = subscribers().await.worth(0.8, 24);
    let lines = bench.accounts(&metrics).await;
    // Five renewals were due of A and B, one was not made: a fifth leaves each month. A's next is due within the month.
    let a = numbers(&lines, "A");
    // What is paid after the 24 months of the horizon does not count.
    let sum: f64 = (1..=23).map(|k| 0.8_f64.powi(k)).sum();
    for (at, expected) in
        [(0, 1.0), (1, 3.0), (2, 0.8_f64.powi(12)), (3, 1.0 + sum), (4, sum), (7, 160.0), (8, 40.0 * sum)]
    {
        close(metrics[at], a[at], expected);
    }
    close("low: a fifth leaves at the next renewal, more than five of a hundred", a[5], 1.0);
    close("high: 0.8 to the 13th is above 0.05, to the 14th below", a[6], 14.0);
    close("total: the month that has begun is realised, and is not counted again", a[9], 160.0 + 40.0 * sum);
    // The sum's slope over the churn, times the error of a fifth of five.
    let slope: f64 = (1..=23).map(|k| f64::from(k) * 0.8_f64.powi(k - 1)).sum();
    let error = 40.0 * slope * (0.2_f64 * 0.8 / 5.0).sqrt();
    assert!((a[10].unwrap() / error - 1.0).abs() < 1e-4, "{:?} is not {error}", a[10]);
    let b = numbers(&lines, "B");
    assert_eq!(b, [1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 80.0, 0.0, 80.0, 0.0].map(Some), "what left brings nothing more");
    // C's term runs for half a year more, and nobody of its term was ever asked to renew: no model, no value.
    let c = numbers(&lines, "C");
    assert_eq!((c[0], c[1]), (Some(12.0), Some(0.0)));
    assert!(c[2..7].iter().all(Option::is_none) && c[8].is_none() && c[9].is_none(), "{c:?}");
    let d = numbers(&lines, "D");
    assert_eq!((d[7], d[8]), (Some(0.0), None), "{d:?}");
    let fits = bench
        .table(
            model_fits,
            "SELECT scope, group_name, term_months, model, outcome, is_used, customers FROM model_fits ORDER BY 3, 4",
        )
        .await;
    assert_eq!(
        fits,
        [
            "total all 1 geometric fitted true 2",
            "total all 1 sbg at_bound false 2",
            "total all 12 geometric too_little_history false 1",
            "total all 12 sbg too_little_history false 1",
        ]
    );
    let churn = "SELECT value, standard_error FROM model_parameters WHERE model = 'geometric'";
    let churn = bench.table(model_parameters, churn).await;
    close("churn", numbers(&churn, "")[0], 0.2);
    close("its error", numbers(&churn, "")[1], (0.2_f64 * 0.8 / 5.0).sqrt());
    let values = "SELECT account_id, method, basis, horizon_months, eligible, reason FROM account_values ORDER BY 1";
    // The published table rests on the metrics of its own.
    bench.accounts(&headwater_metrics::value_account_metrics(bench.night())).await;
    assert_eq!(
        bench.table(account_values, values).await,
        [
            "A contract_model margin 24 true -".to_owned(),
            "B contract_model margin 24 true -".to_owned(),
            "C contract_model margin 24 false no model of staying could be fitted for its group and term".to_owned(),
        ]
    );
    let scored_by = "SELECT account_id, model, term_months, fit_scope, fit_group, alive FROM account_values ORDER BY 1";
    assert_eq!(
        bench.lines(scored_by).await,
        ["A geometric 1 total all -", "B geometric 1 total all -", "C - 12 - - -"]
    );
    let stays = bench.lines("SELECT account_id, stays_12m FROM account_values ORDER BY 1").await;
    close("stays", numbers(&stays, "A")[0], 0.8_f64.powi(12));
    let used = "SELECT model, parameter, is_used FROM model_parameters ORDER BY 1, 2";
    assert_eq!(bench.lines(used).await, ["geometric churn true", "sbg a false", "sbg b false"]);
}

#[tokio::test]
async fn who_came_before_anybody_looked_counts_from_then_on() {
    let since = Lifetimes { observed_since: "2024-03-31".parse().ok(), ..few() };
    let bench = subscribers().await.lifetimes(since);
    bench.accounts(&["contract_renewals"]).await;
    // B had left by then; of A one renewal was seen, after the two it had made.
    let fits =
        "SELECT model, outcome, customers, informative_customers FROM model_fits WHERE term_months = 1 ORDER BY 1";
    let fits = bench.table(model_fits, fits).await;
    assert_eq!(fits, ["geometric nobody_left 1 1", "sbg nobody_left 1 1"]);
}

#[tokio::test]
async fn groups_are_fitted_apart_and_fall_back_on_all() {
    let by_plan = Lifetimes { fit_by: Some("plan".to_owned()), fewest_customers: 2, ..Lifetimes::default() };
    let bench = Bench::new("2024-04-30")
        .input(InputTable::Accounts, ACCOUNTS, "('A', NULL, 'pro'), ('B', NULL, 'pro'), ('C', NULL, 'big')")
        .await
        .input(
            InputTable::Subscriptions,
            SUBSCRIPTIONS,
            "('A', '2024-01-31', NULL, 50, 'month'), ('B', '2024-01-31', '2024-03-31', 50, 'month'), ('C', '2024-01-31', NULL, 50, 'month')",
        )
        .await
        .lifetimes(by_plan);
    let lines = bench.accounts(&["contract_stays_12m"]).await;
    // One of five leaves among pro; big has one customer and takes the rate of all, one of eight.
    close("pro", numbers(&lines, "A")[0], 0.8_f64.powi(12));
    close("big", numbers(&lines, "C")[0], 0.875_f64.powi(12));
    bench.accounts(&headwater_metrics::value_account_metrics(bench.night())).await;
    let fit_of = "SELECT account_id, fit_scope, fit_group FROM account_values ORDER BY 1";
    assert_eq!(bench.table(account_values, fit_of).await, ["A plan pro", "B plan pro", "C total all"]);
    let fits = "SELECT scope, group_name, outcome FROM model_fits WHERE model = 'geometric' ORDER BY 1, 2";
    assert_eq!(
        bench.table(model_fits, fits).await,
        ["plan big too_few_customers", "plan pro fitted", "total all fitted"]
    );
}
