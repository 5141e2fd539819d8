//! Models and curves over data that nobody here wrote, held against results of independent programs.
//!
//! Parameters and likelihoods: own likelihoods of the reference's author checked at 40 digits, the packages BTYD,
//! CLVTools and lifetimes, and the papers. Curves: lifelines.

use datafusion::prelude::{ParquetReadOptions, SessionContext};
use headwater_metrics::models::{Buyer, BuyingModel, Fit, Leaving, OrderValue, Outcome, fit_buying, fit_order_values};
use headwater_metrics::register_functions;

use crate::night::{Reference, has_shared_data, repository};

/// The customers of a reference: repeats, weeks to the last purchase, weeks until now, mean value.
fn customers(name: &str) -> Vec<[f64; 4]> {
    let rows = Reference::read(name).columns(&["frequency", "recency", "T", "monetary_value"]);
    rows.iter().map(|row| std::array::from_fn(|at| row[at].parse().unwrap())).collect()
}

/// Customers by history, as a fit takes them.
fn buyers(customers: &[[f64; 4]]) -> Vec<Buyer> {
    let mut sorted: Vec<Buyer> = customers
        .iter()
        .map(|[repeats, span, age, _]| Buyer { repeats: *repeats, span: *span, age: *age, customers: 1.0 })
        .collect();
    sorted.sort_by(|x, y| x.repeats.total_cmp(&y.repeats));
    sorted
}

fn values(customers: &[[f64; 4]]) -> Vec<OrderValue> {
    let row = |[repeats, _, _, mean]: &[f64; 4]| OrderValue { repeats: *repeats, mean: *mean, customers: 1.0 };
    let mut values: Vec<OrderValue> = customers.iter().map(row).collect();
    values.sort_by(|x, y| x.repeats.total_cmp(&y.repeats));
    values
}

fn close(what: &str, value: f64, expected: f64, tolerance: f64) {
    assert!((value - expected).abs() <= tolerance * expected.abs().max(1e-6), "{what}: {value} is not {expected}");
}

/// A fit against parameters, standard errors where they are known, and the likelihood.
fn is_fit<M: Copy, const N: usize>(
    fit: &Fit<M, N>,
    parameters: impl Fn(M) -> [f64; N],
    expected: ([f64; N], Option<[f64; N]>, f64),
) {
    let (values, errors, log_likelihood) = expected;
    assert_eq!(fit.outcome, Outcome::Fitted);
    assert!(fit.gradient <= 1e-10, "{}", fit.gradient);
    assert_eq!((fit.starts, fit.starts_agreeing), (3, 3));
    for (value, expected) in parameters(fit.model).into_iter().zip(values) {
        close("parameter", value, expected, 1e-7);
    }
    for (error, expected) in fit.standard_errors.into_iter().zip(errors.unwrap_or([f64::NAN; N])) {
        if expected.is_finite() {
            close("standard error", error.unwrap(), expected, 1e-4);
        }
    }
    assert!((fit.log_likelihood - log_likelihood).abs() < 1e-6, "{} is not {log_likelihood}", fit.log_likelihood);
}

const BUYING: fn(BuyingModel) -> [f64; 4] = |model| [model.r, model.alpha, model.a, model.b];

#[test]
fn fits_of_the_cdnow_sample_are_those_published() {
    if !has_shared_data() {
        return;
    }
    let sample = customers("cdnow_sample_rfm_exact.csv");
    let fits = fit_buying(&buyers(&sample), 100.0);
    is_fit(
        &fits.leaving[0],
        BUYING,
        (
            [0.242_594_522_43, 4.413_602_019_01, 0.792_922_017_226, 2.425_906_776_83],
            Some([0.012_557_4, 0.378_224, 0.185_734, 0.705_414]),
            -9_582.429_206_673_9,
        ),
    );
    is_fit(
        &fits.leaving[1],
        BUYING,
        (
            [0.524_843_159_106, 6.183_085_279_58, 0.891_359_390_732, 1.614_002_240_17],
            Some([0.083_268_2, 0.695_620_6, 0.154_789_9, 0.537_494_8]),
            -9_582.135_715_553_7,
        ),
    );
    assert!(fits.gain(&fits.leaving[0]) > 2.0);
    is_fit(
        &fit_order_values(&values(&sample), 100.0),
        |model| [model.p, model.q, model.v],
        (
            [6.249_572_271_32, 3.744_224_667_13, 15.443_520_962_6],
            Some([1.190_06, 0.290_133, 4.159_42]),
            -4_055.917_694_801_9,
        ),
    );
}

#[test]
fn fits_of_all_of_cdnow_are_those_of_the_reference() {
    if !has_shared_data() {
        return;
    }
    let all = customers("cdnow_master_rfm_exact.csv");
    let fits = fit_buying(&buyers(&all), 100.0);
    is_fit(
        &fits.leaving[0],
        BUYING,
        ([0.251_623_958_852, 4.788_942_961_86, 0.723_433_576_757, 2.161_088_358_94], None, -95_368.443_933_160_8),
    );
    is_fit(
        &fits.leaving[1],
        BUYING,
        ([0.637_139_733_444, 7.310_289_541_99, 0.807_474_117_949, 1.228_393_995_66], None, -95_336.958_319_879_5),
    );
    is_fit(
        &fit_order_values(&values(&all), 100.0),
        |model| [model.p, model.q, model.v],
        ([6.275_359_067_91, 3.624_450_022_83, 14.983_687_031_0], None, -40_763.476_261_390_8),
    );
}

#[test]
fn every_customer_of_the_cdnow_sample_scores_as_in_the_reference() {
    if !has_shared_data() {
        return;
    }
    let sample = customers("cdnow_sample_rfm_exact.csv");
    let fits = fit_buying(&buyers(&sample), 100.0);
    let [bg, mbg] = fits.leaving.map(|fit| fit.model);
    assert_eq!((bg.leaving, mbg.leaving), (Leaving::AfterRepeats, Leaving::AfterAny));
    let spending = fit_order_values(&values(&sample), 100.0).model;
    let columns = [
        "bg_palive",
        "bg_cet39",
        "bg_cet52",
        "mbg_palive",
        "mbg_cet39",
        "gg_EM",
        "bg_gg_clv12m_d1pct",
        "bg_gg_clv12m_d0",
    ];
    let theirs = Reference::read("cdnow_sample_scores_gold.csv").columns(&columns);
    assert_eq!((theirs.len(), sample.len()), (2_357, 2_357));
    let mut sums = [0.0; 3];
    for ([repeats, span, age, mean], theirs) in sample.into_iter().zip(theirs) {
        let buyer = Buyer { repeats, span, age, customers: 1.0 };
        let value = spending.expected(repeats, mean).unwrap();
        // Months of 4.345 weeks, as lifetimes has them.
        let discounted = |discount: f64| bg.discounted(&buyer, 12, 4.345, discount) * value;
        let ours = [
            bg.alive(&buyer),
            bg.expected(&buyer, 39.0),
            bg.expected(&buyer, 52.0),
            mbg.alive(&buyer),
            mbg.expected(&buyer, 39.0),
            value,
            discounted(0.01),
            discounted(0.0),
        ];
        for ((our, their), column) in ours.into_iter().zip(theirs).zip(columns) {
            close(column, our, their.parse().unwrap(), 1e-5);
        }
        sums = [sums[0] + ours[1], sums[1] + ours[4], sums[2] + ours[6]];
    }
    for (sum, expected, half) in [(sums[0], 1_653.409, 5e-4), (sums[1], 1_576.728, 5e-4), (sums[2], 71_507.952, 5e-4)] {
        assert!((sum - expected).abs() <= half, "{sum} is not {expected}");
    }
}

/// Steps of a curve over lifetimes that a query gives: age, share, at risk, left, censored, and its interval.
async fn curve(context: &SessionContext, lifetimes: &str) -> Vec<[f64; 7]> {
    let sql = format!(
        "SELECT step['age'], step['survival'], step['at_risk'], step['left'], step['censored'], step['low'], step['high']
        FROM (SELECT unnest(survival_curve(0, age, has_left, customers)) AS step FROM (
            SELECT age, has_left, count(*) AS customers FROM ({lifetimes}) GROUP BY age, has_left))"
    );
    let mut steps = Vec::new();
    for batch in context.sql(&sql).await.unwrap().collect().await.unwrap() {
        let columns: Vec<_> = batch
            .columns()
            .iter()
            .map(|column| arrow::array::AsArray::as_primitive::<arrow::datatypes::Float64Type>(column).clone())
            .collect();
        steps.extend((0..batch.num_rows()).map(|row| std::array::from_fn(|at| columns[at].value(row))));
    }
    steps
}

/// Every step, the median, and the mean up to 365 days, of a curve and its reference.
async fn is_curve(context: &SessionContext, lifetimes: &str, reference: &str) {
    let ours = curve(context, lifetimes).await;
    let theirs: Vec<[f64; 7]> = Reference::read(&format!("{reference}_km.csv"))
        .columns(&["t", "S", "at_risk", "observed", "censored", "ci_lo", "ci_hi"])
        .iter()
        .map(|row| std::array::from_fn(|at| row[at].parse().unwrap()))
        // Its first row says that all are there at the start, whether or not one left then.
        .filter(|[age, _, _, left, censored, ..]: &[f64; 7]| *age > 0.0 || left + censored > 0.0)
        .collect();
    assert_eq!(ours.len(), theirs.len(), "{reference}");
    for (ours, theirs) in ours.iter().zip(&theirs) {
        // Where nobody left yet, or nobody is left, lifelines gives an interval of no width; ours is an exact one there.
        let compared = if 0.0 < theirs[1] && theirs[1] < 1.0 { 7 } else { 5 };
        for (our, their) in ours.iter().zip(theirs).take(compared) {
            assert!((our - their).abs() <= 1e-9, "{reference}: {ours:?} is not {theirs:?}");
        }
    }
    // The summary against the reference's own steps.
    let until = 365.0;
    let edges = theirs.iter().map(|step| step[0]).filter(|age| *age < until).chain([until]);
    let heights = std::iter::once(1.0).chain(theirs.iter().map(|step| step[1]));
    let mut mean = 0.0;
    let mut from = 0.0;
    for (to, height) in edges.zip(heights) {
        mean += (to - from) * height;
        from = to;
    }
    let median = theirs.iter().find(|step| step[1] <= 0.5).map(|step| step[0]);
    let sql = format!(
        "SELECT CAST(get_field(summary, 'median') AS VARCHAR), CAST(get_field(summary, 'restricted_mean') AS VARCHAR)
        FROM (SELECT survival_summary({until}, 0, age, has_left, 1) AS summary FROM ({lifetimes}))"
    );
    let batches = context.sql(&sql).await.unwrap().collect().await.unwrap();
    let shown = |column: usize| {
        let options = arrow::util::display::FormatOptions::default();
        let values = batches[0].column(column);
        arrow::util::display::ArrayFormatter::try_new(values, &options).unwrap().value(0).to_string()
    };
    assert_eq!(shown(0).parse().ok(), median, "{reference}");
    if let Ok(restricted) = shown(1).parse::<f64>() {
        let supported = theirs.iter().rev().find(|step| step[2] >= 0.1 * theirs[0][2]).map_or(0.0, |step| step[0]);
        if supported >= until {
            close(reference, restricted, mean, 1e-9);
        }
    }
}

#[tokio::test]
async fn survival_of_taskflow_and_ravenstack_is_that_of_lifelines() {
    if !has_shared_data() {
        return;
    }
    let mut context = SessionContext::new();
    register_functions(&mut context).unwrap();
    for (name, path) in [
        ("customers", "taskflow/customers.parquet"),
        ("events", "taskflow/subscription_events.parquet"),
        ("subscriptions", "ravenstack/ravenstack_subscriptions.parquet"),
    ] {
        let path = repository().join("../shared/data").join(path);
        context.register_parquet(name, path.to_str().unwrap(), ParquetReadOptions::default()).await.unwrap();
    }
    let taskflow = "SELECT initial_plan, days_between(CAST(signup_date AS DATE), CAST(coalesce(left_on, DATE '2024-12-31') AS DATE)) AS age,
            CASE WHEN left_on IS NULL THEN 0 ELSE 1 END AS has_left
        FROM customers LEFT JOIN (SELECT customer_id AS gone, min(event_date) AS left_on FROM events
            WHERE event_type = 'cancel' GROUP BY customer_id) ON customer_id = gone";
    is_curve(&context, taskflow, "taskflow_all").await;
    for plan in ["Free", "Pro", "Business", "Enterprise"] {
        let of_plan = format!("SELECT * FROM ({taskflow}) WHERE initial_plan = '{plan}'");
        is_curve(&context, &of_plan, &format!("taskflow_{plan}")).await;
    }
    let ravenstack = "SELECT plan_tier, days_between(CAST(start_date AS DATE), CAST(coalesce(end_date, DATE '2024-12-31') AS DATE)) AS age,
            CASE WHEN end_date IS NULL THEN 0 ELSE 1 END AS has_left FROM subscriptions";
    is_curve(&context, ravenstack, "ravenstack_subscriptions").await;
    for plan in ["Basic", "Pro", "Enterprise"] {
        let of_plan = format!("SELECT * FROM ({ravenstack}) WHERE plan_tier = '{plan}'");
        is_curve(&context, &of_plan, &format!("ravenstack_{plan}")).await;
    }
}
