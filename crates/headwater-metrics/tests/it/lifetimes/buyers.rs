//! Customers without a contract, against the models fitted to all of them.

use chrono::{Days, NaiveDate};
use headwater_metrics::models::{
    Buyer, BuyingFits, BuyingModel, Fit, OrderValue, OrderValueModel, fit_buying, fit_order_values, standard_error,
};
use headwater_metrics::{Basis, InputTable, Lifetimes, model_fits};

use super::{ACCOUNTS, ORDERS, close, few, numbers};
use crate::bench::Bench;

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
