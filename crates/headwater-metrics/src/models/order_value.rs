//! What customers spend an order: the gamma-gamma model (Fader and Hardie 2013, after Colombo and Jiang 1999).
//!
//! Orders of a customer scatter around a mean of its own by a gamma distribution of shape `p`; the means are spread by
//! another, of `q` and `v`. How often a customer orders says nothing of how much, which [`OrderValue`]s should be held
//! against.

use super::maximum::{Fit, Maximum, Outcome, maximum};
use super::special::{Sum, digamma, ln_gamma};

/// So many customers with the same number of repeat orders of the same mean value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OrderValue {
    /// Orders after the first.
    pub repeats: f64,
    /// Their mean value.
    pub mean: f64,
    /// How many customers.
    pub customers: f64,
}

/// The model with its parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OrderValueModel {
    /// Shape of the values of one customer.
    pub p: f64,
    /// Shape of the spread between customers.
    pub q: f64,
    /// Scale of the spread between customers, in money.
    pub v: f64,
}

/// Fits the model to customers who ordered again, for a value above nothing; all others are passed over.
///
/// `fewest` is how many customers a fit has to rest on.
#[must_use]
pub fn fit_order_values(values: &[OrderValue], fewest: f64) -> Fit<OrderValueModel, 3> {
    let counted: Vec<OrderValue> =
        values.iter().copied().filter(|row| row.repeats > 0.0 && row.mean > 0.0 && row.customers > 0.0).collect();
    let total = |of: &dyn Fn(&OrderValue) -> f64| counted.iter().map(|row| of(row) * row.customers).sum::<f64>();
    let customers = total(&|_| 1.0);
    if customers < fewest || customers <= 0.0 {
        return Maximum::none(Outcome::TooFewRepeatCustomers).of(|[p, q, v]| OrderValueModel { p, q, v });
    }
    // In units of the mean value the scale is near one, whatever the currency.
    let unit = total(&|row| row.mean) / customers;
    let scaled: Vec<OrderValue> = counted.iter().map(|row| OrderValue { mean: row.mean / unit, ..*row }).collect();
    let starts = [(6.0, 4.0), (1.0, 2.0), (2.0, 10.0)].map(|(p, q): (f64, f64)| [p, q, (q - 1.0) / p]);
    let found = maximum(&starts, customers, |[p, q, v]| likelihood(&scaled, OrderValueModel { p: *p, q: *q, v: *v }));
    let [p_error, q_error, v_error] = found.standard_errors;
    let mut fit = Maximum {
        log_likelihood: found.log_likelihood - customers * unit.ln(),
        standard_errors: [p_error, q_error, v_error.map(|error| error * unit)],
        ..found
    }
    .of(|[p, q, v]| OrderValueModel { p, q, v: v * unit });
    if fit.outcome == Outcome::Fitted && fit.model.q <= 1.0 {
        fit.outcome = Outcome::InfiniteMean;
    }
    fit
}

/// How strongly the number of repeat orders and their mean value go together, -1 to 1; none where either is the same
/// for all. Beyond 0.3 the model's independence does not hold.
#[must_use]
pub fn value_correlation(values: &[OrderValue]) -> Option<f64> {
    let counted = || values.iter().filter(|row| row.repeats > 0.0 && row.mean > 0.0);
    let total = |of: &dyn Fn(&OrderValue) -> f64| counted().map(|row| of(row) * row.customers).sum::<f64>();
    let customers = total(&|_| 1.0);
    let (repeats, mean) = (total(&|row| row.repeats) / customers, total(&|row| row.mean) / customers);
    let together = total(&|row| (row.repeats - repeats) * (row.mean - mean));
    let apart = total(&|row| (row.repeats - repeats).powi(2)) * total(&|row| (row.mean - mean).powi(2));
    (apart > 0.0).then(|| together / apart.sqrt())
}

fn likelihood(values: &[OrderValue], model: OrderValueModel) -> (f64, [f64; 3]) {
    let OrderValueModel { p, q, v } = model;
    let mut value = Sum::default();
    let mut slopes = [Sum::default(); 3];
    let of_spread = (q * v.ln() - ln_gamma(q), v.ln() - digamma(q));
    for alike in values.chunk_by(|x, y| x.repeats.to_bits() == y.repeats.to_bits()) {
        let x = alike.first().map_or(0.0, |row| row.repeats);
        let constant = ln_gamma(p * x + q) - ln_gamma(p * x) + p * x * x.ln() + of_spread.0;
        let (both, own) = (digamma(p * x + q), digamma(p * x));
        for row in alike {
            let (ln_mean, spent) = (row.mean.ln(), v + row.mean * x);
            let ln_spent = spent.ln();
            value.add(row.customers * (constant + (p * x - 1.0) * ln_mean - (p * x + q) * ln_spent));
            let parts = [
                x * (both - own + ln_mean + x.ln() - ln_spent),
                both + of_spread.1 - ln_spent,
                q / v - (p * x + q) / spent,
            ];
            for (slope, part) in slopes.iter_mut().zip(parts) {
                slope.add(row.customers * part);
            }
        }
    }
    (value.value(), slopes.map(Sum::value))
}

impl OrderValueModel {
    /// The value expected of an order of a customer with so many repeat orders of that mean value; none where the
    /// expectation is infinite.
    #[must_use]
    pub fn expected(&self, repeats: f64, mean: f64) -> Option<f64> {
        let (repeats, mean) = if repeats > 0.0 && mean > 0.0 { (repeats, mean) } else { (0.0, 0.0) };
        let weight = self.p * repeats + self.q - 1.0;
        (weight > 0.0).then(|| self.p * (self.v + mean * repeats) / weight)
    }
}

#[cfg(test)]
mod tests;
