//! Lifetime values: known cases by hand, and accounts against the models themselves.

use chrono::{Days, NaiveDate};
use headwater_metrics::models::{
    Buyer, BuyingFits, BuyingModel, Fit, OrderValue, OrderValueModel, fit_buying, fit_order_values, standard_error,
};
use headwater_metrics::{
    Basis, InputTable, Lifetimes, account_values, cohort_summary, cohorts, lifetime_values, model_fits,
    model_parameters, survival_curves, value_levers, value_metrics,
};

use crate::bench::Bench;

const ACCOUNTS: &str = "account_id VARCHAR, signed_up_on DATE, plan VARCHAR";
const SUBSCRIPTIONS: &str =
    "account_id VARCHAR, started_on DATE, ended_on DATE, mrr DECIMAL(18,2), billing_interval VARCHAR";
const ORDERS: &str =
    "account_id VARCHAR, order_id VARCHAR, corrects_order_id VARCHAR, ordered_on DATE, amount DECIMAL(18,2)";

fn few() -> Lifetimes {
    Lifetimes { fewest_customers: 1, fewest_churns: 1, ..Lifetimes::default() }
}

/// The numbers of lines whose first words are `named`.
fn numbers(lines: &[String], named: &str) -> Vec<Option<f64>> {
    let line = lines.iter().find(|line| line.starts_with(named)).unwrap_or_else(|| panic!("{named}: {lines:#?}"));
    line[named.len()..].split_whitespace().map(|word| word.parse().ok()).collect()
}

fn close(what: &str, value: Option<f64>, expected: f64) {
    let value = value.unwrap_or(f64::NAN);
    assert!((value - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{what}: {value} is not {expected}");
}

/// A pays monthly and renewed three times, B left after its second month, C pays yearly and has not renewed, D never paid.
async fn subscribers() -> Bench {
    Bench::new("2024-04-30")
        .input(
            InputTable::Accounts,
            ACCOUNTS,
            "('A', '2024-01-31', 'pro'), ('B', '2024-01-31', 'pro'), ('C', '2023-10-31', 'big'), ('D', '2024-01-01', 'pro')",
        )
        .await
        .input(
            InputTable::Subscriptions,
            SUBSCRIPTIONS,
            "('A', '2024-01-31', NULL, 50, 'monthly'), ('B', '2024-01-31', '2024-03-31', 50, 'month'), ('C', '2023-10-31', NULL, 100, 'annual')",
        )
        .await
        .lifetimes(few())
}

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

/// Accounts that ordered: orders of 1 to 6 days for each, in a pattern without chance.
fn shop() -> (String, String, Vec<Buyer>, Vec<OrderValue>) {
    let as_of: NaiveDate = "2024-06-30".parse().unwrap();
    let mut orders = Vec::new();
    let mut accounts = Vec::new();
    let (mut buyers, mut values) = (Vec::new(), Vec::new());
    for account in 0..240_u64 {
        let age = 200 + account * 7 % 160;
        let repeats = [0, 0, 1, 0, 2, 5, 0, 1, 3, 9][usize::try_from(account % 10).unwrap()];
        let step = 3 + account * 11 % 17;
        let worth = 10 + account * 13 % 40;
        let day = |after: u64| as_of - Days::new(age - after.min(age));
        accounts.push(format!("('{account:03}', NULL, 'pro')"));
        let amount = |at: u64| worth + (at * 7 + account) % 9;
        for at in 0..=repeats {
            let on = day(at * step);
            orders.push(format!("('{account:03}', '{account}-{at}', NULL, '{on}', {})", amount(at)));
        }
        let number = |value: u64| f64::from(u32::try_from(value).unwrap());
        let span = number(repeats * step) / 7.0;
        buyers.push(Buyer { repeats: number(repeats), span, age: number(age) / 7.0, customers: 1.0 });
        let total: u64 = (1..=repeats).map(amount).sum();
        let mean = if repeats > 0 { number(total) / number(repeats) } else { 0.0 };
        values.push(OrderValue { repeats: number(repeats), mean, customers: 1.0 });
    }
    (accounts.join(", "), orders.join(", "), buyers, values)
}

/// The standard error of a buyer's value over it, month by month, from the errors of both fits.
fn relative_error(fits: &BuyingFits, of_spending: &Fit<OrderValueModel, 3>, buyer: &Buyer, value: &OrderValue) -> f64 {
    let buying = fits.used().unwrap();
    let by_month = |model: BuyingModel| model.discounted(buyer, 12, 365.25 / 84.0, 0.0);
    let of_orders = match fits.leaving.iter().find(|fit| fit.model == buying) {
        Some(fit) => standard_error(
            [buying.r, buying.alpha, buying.a, buying.b],
            &fit.covariance.unwrap(),
            |[r, alpha, a, b]| Some(by_month(BuyingModel { r, alpha, a, b, ..buying })),
        ),
        None => standard_error([buying.r, buying.alpha], &fits.never.covariance.unwrap(), |[r, alpha]| {
            Some(by_month(BuyingModel { r, alpha, ..buying }))
        }),
    };
    let OrderValueModel { p, q, v } = of_spending.model;
    let worth = |[p, q, v]: [f64; 3]| OrderValueModel { p, q, v }.expected(value.repeats, value.mean);
    let spent = standard_error([p, q, v], &of_spending.covariance.unwrap(), worth).unwrap() / worth([p, q, v]).unwrap();
    (of_orders.unwrap() / by_month(buying)).hypot(spent)
}

/// Holds the spread of values of 240 accounts against a slow count.
async fn spread_is_counted(bench: &Bench, mut worth: Vec<f64>) {
    let asked =
        ["order_clv_gini", "order_clv_top_decile_share", "order_clv_at_least_mean_share", "order_clv_bimodality"];
    let of_all = bench.groups(&asked.map(|metric| ("total", metric))).await;
    let of = |metric: &str| numbers(&of_all, &format!("total all {metric} "))[0].unwrap();
    worth.sort_by(f64::total_cmp);
    let sum: f64 = worth.iter().sum();
    // Of every two accounts the difference, over twice the mean.
    let apart: f64 = worth.iter().flat_map(|x| worth.iter().map(move |y| (x - y).abs())).sum();
    close("gini", Some(of("order_clv_gini")), apart / (2.0 * 240.0 * sum));
    close("tenth", Some(of("order_clv_top_decile_share")), worth[216..].iter().sum::<f64>() / sum);
    let beyond = worth.iter().filter(|value| **value >= sum / 240.0).count();
    close(
        "at least the mean",
        Some(of("order_clv_at_least_mean_share")),
        f64::from(u32::try_from(beyond).unwrap()) / 240.0,
    );
    let bimodality = of("order_clv_bimodality");
    assert!(bimodality > 0.0 && bimodality <= 1.0, "{bimodality}");
}

#[tokio::test]
async fn buyers_are_scored_by_the_models_fitted_to_all_of_them() {
    let (accounts, orders, buyers, values) = shop();
    let bench = Bench::new("2024-06-30")
        .input(InputTable::Accounts, ACCOUNTS, &accounts)
        .await
        .input(InputTable::Orders, ORDERS, &orders)
        .await
        .worth(0.5, 12)
        .lifetimes(Lifetimes { fewest_customers: 50, ..Lifetimes::default() });
    let metrics = [
        "orders_alive_probability",
        "orders_expected_12m",
        "orders_expected_discounted",
        "order_value_expected",
        "order_clv_realised",
        "order_clv_residual",
        "order_clv_total",
        "ordered_amount_total",
        "repeat_order_net_value_mean",
        "orders_none_90d_probability",
        "order_clv_relative_error",
        "order_clv_residual_error",
    ];
    let lines = bench.accounts(&metrics).await;
    let mut sorted = buyers.clone();
    sorted.sort_by(|x, y| x.repeats.total_cmp(&y.repeats));
    let buying = fit_buying(&sorted, 50.0).used().unwrap();
    let mut ordered = values.clone();
    ordered.sort_by(|x, y| x.repeats.total_cmp(&y.repeats));
    let of_spending = fit_order_values(&ordered, 50.0);
    let spending = of_spending.model;
    let fits = fit_buying(&sorted, 50.0);
    for at in [0, 5, 9, 77, 239] {
        let ours = numbers(&lines, &format!("{at:03}"));
        let (buyer, value) = (&buyers[at], &values[at]);
        let expected = [
            buying.alive(buyer),
            buying.expected(buyer, 365.25 / 7.0),
            buying.discounted(buyer, 12, 365.25 / 84.0, 0.0),
            spending.expected(value.repeats, value.mean).unwrap(),
        ];
        for (at, expected) in expected.into_iter().enumerate() {
            // Sums over rows in another order differ in their last digits, and so do fits.
            let ours = ours[at].unwrap();
            assert!((ours - expected).abs() <= 1e-6 * expected, "{}: {ours} is not {expected}", metrics[at]);
        }
        let error = relative_error(&fits, &of_spending, buyer, value);
        assert!((ours[10].unwrap() / error - 1.0).abs() < 1e-3, "error: {:?} is not {error}", ours[10]);
        assert!(error > 0.0, "{error}");
        close("error of the residual", ours[11], ours[10].unwrap() * ours[5].unwrap());
        let none = buying.expects_none(buyer, 90.0 / 7.0);
        assert!((ours[9].unwrap() - none).abs() <= 1e-6, "no order in 90 days: {:?} is not {none}", ours[9]);
        close("realised", ours[4], ours[7].unwrap() * 0.5);
        close("residual", ours[5], ours[2].unwrap() * ours[3].unwrap() * 0.5);
        close("total", ours[6], ours[4].unwrap() + ours[5].unwrap());
        if value.repeats > 0.0 {
            close("mean value", ours[8], value.mean);
        }
    }
    spread_is_counted(&bench, (0..240).map(|at| numbers(&lines, &format!("{at:03}"))[6].unwrap()).collect()).await;
    let residuals: f64 = (0..240).map(|at| numbers(&lines, &format!("{at:03}"))[5].unwrap()).sum();
    let totals: f64 = (0..240).map(|at| numbers(&lines, &format!("{at:03}"))[6].unwrap()).sum();
    let of_all = bench.groups(&["clv_order_model_mean", "order_customer_equity"].map(|metric| ("total", metric))).await;
    // Added up by millionths, whatever the order of accounts.
    let nearly = |value: Option<f64>, expected: f64| (value.unwrap() - expected).abs() < 240.0 * 1e-6;
    assert!(nearly(numbers(&of_all, "total all clv_order_model_mean ")[0], totals / 240.0), "{of_all:?}");
    assert!(nearly(numbers(&of_all, "total all order_customer_equity ")[0], residuals), "{of_all:?}");
    let errors: f64 = (0..240).map(|at| numbers(&lines, &format!("{at:03}"))[11].unwrap()).sum();
    let bounds =
        bench.groups(&["clv_order_model_mean_low", "clv_order_model_mean_high"].map(|metric| ("total", metric))).await;
    let bound = |end: &str| numbers(&bounds, &format!("total all clv_order_model_mean_{end} "))[0];
    // Nobody takes back what was realised.
    assert!(nearly(bound("low"), (totals - (1.96 * errors).min(residuals)) / 240.0), "{bounds:?}");
    assert!(nearly(bound("high"), (totals + 1.96 * errors) / 240.0), "{bounds:?}");
    let fits =
        "SELECT model, outcome, is_used, customers, informative_customers, starts FROM model_fits ORDER BY model";
    let fits = bench.table(model_fits, fits).await;
    assert_eq!(fits.len(), 4, "{fits:?}");
    assert!(fits.iter().any(|line| line.starts_with("gamma_gamma fitted true 240 144 3")), "{fits:?}");
    assert_eq!(
        fits.iter().filter(|line| line.contains("true 240")).count(),
        2,
        "one of buying, one of values: {fits:?}"
    );
}

#[tokio::test]
async fn a_refund_lowers_what_is_net_and_not_what_was_ordered() {
    let bench = |basis| async move {
        Bench::new("2024-06-30")
            .input(InputTable::Accounts, ACCOUNTS, "('A', NULL, 'pro')")
            .await
            .input(
                InputTable::Orders,
                ORDERS,
                "('A', '1', NULL, '2024-01-01', 100), ('A', '2', NULL, '2024-03-01', 60), ('A', '3', '2', '2024-04-01', -20)",
            )
            .await
            .worth(0.5, 12)
            .lifetimes(Lifetimes { basis, ..few() })
    };
    for (basis, realised, mean) in
        [(Basis::Revenue, 160.0, 40.0), (Basis::Net, 140.0, 40.0), (Basis::Margin, 70.0, 40.0)]
    {
        let lines = bench(basis).await.accounts(&["order_clv_realised", "repeat_order_net_value_mean"]).await;
        close("realised", numbers(&lines, "A")[0], realised);
        close("net value of the second order day", numbers(&lines, "A")[1], mean);
    }
}

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
            "contract_model margin at_renewal 60 true -",
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
