//! Fits of models as rows: one a model, parameters in the order that its papers name them.

use arrow::datatypes::{DataType, Field, Fields};
use datafusion::error::Result;
use datafusion::scalar::ScalarValue;

use super::Columns;
use crate::models::{
    Buyer, BuyingModel, Contract, ContractModel, Fit, OrderValue, OrderValueModel, Outcome, fit_buying, fit_contracts,
    fit_order_values, value_correlation,
};
use crate::window::DAYS_OF_WEEK;

/// A fit as it is published.
struct Row {
    model: &'static str,
    outcome: Outcome,
    is_used: bool,
    parameters: [Option<f64>; 4],
    errors: [Option<f64>; 4],
    /// The lower triangle of the covariance of the parameters' logarithms, row by row.
    covariance: [Option<f64>; 10],
    log_likelihood: f64,
    /// Over the simpler model of the same customers.
    gain: Option<f64>,
    gradient: f64,
    starts: usize,
    starts_agreeing: usize,
}

impl Row {
    fn new<M, const N: usize>(model: &'static str, fit: &Fit<M, N>, parameters: [f64; N], is_used: bool) -> Self {
        let padded = |values: [Option<f64>; N]| {
            let mut all = [None; 4];
            all.iter_mut().zip(values).for_each(|(place, value)| *place = value);
            all
        };
        Self {
            model,
            outcome: fit.outcome,
            is_used,
            parameters: padded(parameters.map(Some)),
            errors: padded(fit.standard_errors),
            covariance: lower(fit.covariance.as_ref()),
            log_likelihood: fit.log_likelihood,
            gain: None,
            gradient: fit.gradient,
            starts: fit.starts,
            starts_agreeing: fit.starts_agreeing,
        }
    }
}

/// The lower triangle of a matrix, row by row.
fn lower<const N: usize>(matrix: Option<&[[f64; N]; N]>) -> [Option<f64>; 10] {
    let mut all = [None; 10];
    let rows = matrix.into_iter().flatten().enumerate();
    let cells = rows.flat_map(|(at, row)| row.iter().take(at + 1));
    all.iter_mut().zip(cells).for_each(|(place, value)| *place = Some(*value));
    all
}

pub(super) fn fit_fields() -> Fields {
    let number = |name: &str| Field::new(name, DataType::Float64, true);
    let count = |name: &str| Field::new(name, DataType::Int64, true);
    [
        Field::new("model", DataType::Utf8, true),
        Field::new("outcome", DataType::Utf8, true),
        Field::new("is_used", DataType::Boolean, true),
    ]
    .into_iter()
    .chain((1..=4).map(|at| number(&format!("parameter_{at}"))))
    .chain((1..=4).map(|at| number(&format!("error_{at}"))))
    .chain(["log_likelihood", "gain", "gradient"].map(number))
    .chain(["starts", "starts_agreeing"].map(count))
    .chain(["customers", "informative_customers", "correlation"].map(number))
    .chain([count("histories")])
    .chain((1..=10).map(|at| number(&format!("covariance_{at}"))))
    .collect()
}

/// Who the fits rest on.
#[derive(Default)]
struct Basis {
    customers: f64,
    /// Those whose history tells the model something: they came back, or could have left.
    informative: f64,
    correlation: Option<f64>,
    histories: usize,
}

fn list(rows: &[Row], basis: &Basis) -> Result<ScalarValue> {
    let at = |index: usize| move |row: &Row| row.parameters.get(index).copied().flatten();
    let error = |index: usize| move |row: &Row| row.errors.get(index).copied().flatten();
    let mut columns = Columns::of(fit_fields())
        .text(rows.iter().map(|row| row.model))
        .text(rows.iter().map(|row| row.outcome.name()))
        .flag(rows.iter().map(|row| row.is_used));
    for index in 0..4 {
        columns = columns.number(rows.iter().map(at(index)));
    }
    for index in 0..4 {
        columns = columns.number(rows.iter().map(error(index)));
    }
    columns = columns
        .number(rows.iter().map(|row| Some(row.log_likelihood)))
        .number(rows.iter().map(|row| row.gain))
        .number(rows.iter().map(|row| Some(row.gradient)))
        .count(rows.iter().map(|row| row.starts))
        .count(rows.iter().map(|row| row.starts_agreeing))
        .number(rows.iter().map(|_| Some(basis.customers)))
        .number(rows.iter().map(|_| Some(basis.informative)))
        .number(rows.iter().map(|_| basis.correlation))
        .count(rows.iter().map(|_| basis.histories));
    for index in 0..10 {
        columns = columns.number(rows.iter().map(|row| row.covariance.get(index).copied().flatten()));
    }
    columns.list()
}

/// The fewest customers that the rows ask for; it stands in each.
fn fewest<const N: usize>(rows: &[[f64; N]]) -> f64 {
    rows.first().and_then(|row| row.first()).copied().unwrap_or_default()
}

pub(super) fn buying(rows: &[[f64; 5]]) -> Result<ScalarValue> {
    let buyers: Vec<Buyer> = rows
        .iter()
        .map(|[_, repeats, span, age, customers]| Buyer {
            repeats: *repeats,
            span: span / DAYS_OF_WEEK,
            age: age / DAYS_OF_WEEK,
            customers: *customers,
        })
        .collect();
    let fits = fit_buying(&buyers, fewest(rows));
    let used = fits.used();
    let is_used = |model: BuyingModel| used == Some(model);
    let never = fits.never.model;
    let mut all = vec![Row::new(never.leaving.name(), &fits.never, [never.r, never.alpha], is_used(never))];
    for fit in &fits.leaving {
        let BuyingModel { leaving, r, alpha, a, b } = fit.model;
        let gain = Some(fits.gain(fit));
        all.push(Row { gain, ..Row::new(leaving.name(), fit, [r, alpha, a, b], is_used(fit.model)) });
    }
    let customers = |of: &dyn Fn(&&Buyer) -> bool| buyers.iter().filter(of).map(|buyer| buyer.customers).sum();
    let basis = Basis {
        customers: customers(&|_| true),
        informative: customers(&|buyer| buyer.repeats > 0.0),
        correlation: None,
        histories: buyers.len(),
    };
    list(&all, &basis)
}

pub(super) fn order_values(rows: &[[f64; 4]]) -> Result<ScalarValue> {
    let values: Vec<OrderValue> = rows
        .iter()
        .map(|[_, repeats, mean, customers]| OrderValue { repeats: *repeats, mean: *mean, customers: *customers })
        .collect();
    let fit = fit_order_values(&values, fewest(rows));
    let OrderValueModel { p, q, v } = fit.model;
    let informative = || values.iter().filter(|row| row.repeats > 0.0 && row.mean > 0.0);
    let basis = Basis {
        customers: values.iter().map(|row| row.customers).sum(),
        informative: informative().map(|row| row.customers).sum(),
        correlation: value_correlation(&values),
        histories: informative().count(),
    };
    list(&[Row::new("gamma_gamma", &fit, [p, q, v], fit.outcome == Outcome::Fitted)], &basis)
}

pub(super) fn contracts(rows: &[[f64; 5]]) -> Result<ScalarValue> {
    let contracts: Vec<Contract> = rows
        .iter()
        .map(|[_, renewals_before, renewals, has_left, customers]| Contract {
            renewals_before: *renewals_before,
            renewals: *renewals,
            has_left: *has_left > 0.0,
            customers: *customers,
        })
        .collect();
    let fits = fit_contracts(&contracts, fewest(rows));
    let used = fits.used();
    let geometric = match fits.geometric.model {
        ContractModel::Geometric { churn } => [churn],
        ContractModel::ShiftedBetaGeometric { .. } => [f64::NAN],
    };
    let sbg = match fits.sbg.model {
        ContractModel::ShiftedBetaGeometric { a, b } => [a, b],
        ContractModel::Geometric { .. } => [f64::NAN; 2],
    };
    let gain = Some(fits.sbg.log_likelihood - fits.geometric.log_likelihood);
    let all = [
        Row::new("geometric", &fits.geometric, geometric, used == Some(fits.geometric.model)),
        Row { gain, ..Row::new("sbg", &fits.sbg, sbg, used == Some(fits.sbg.model)) },
    ];
    let customers = |of: &dyn Fn(&&Contract) -> bool| contracts.iter().filter(of).map(|row| row.customers).sum();
    let basis = Basis {
        customers: customers(&|_| true),
        informative: customers(&|row| row.has_left || row.renewals > row.renewals_before),
        correlation: None,
        histories: contracts.len(),
    };
    list(&all, &basis)
}
