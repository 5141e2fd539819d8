//! How long customers with a contract stay, renewal by renewal.
//!
//! - `geometric`: every customer leaves with the same probability at every renewal.
//! - `sbg`: each with a probability of its own, spread by a beta distribution of `a` and `b`: the shifted beta-geometric
//!   model (Fader and Hardie 2007). Who has stayed long is likelier to stay, because those that were not have left.
//!
//! With `a` at or below one, the mean lifetime is infinite: values need a horizon or a discount.

use super::maximum::{Fit, Maximum, Outcome, maximum};
use super::special::{Sum, digamma, ln_gamma};

/// So many customers that renewed so often.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Contract {
    /// Renewals when it was first seen; 0 for a customer seen from its start.
    pub renewals_before: f64,
    /// Renewals made until now, or until it left.
    pub renewals: f64,
    /// Whether it left at the renewal after those.
    pub has_left: bool,
    /// How many customers.
    pub customers: f64,
}

/// A model with its parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ContractModel {
    /// The same probability of leaving at every renewal.
    Geometric {
        /// That probability.
        churn: f64,
    },
    /// A probability of each customer's own.
    ShiftedBetaGeometric {
        /// Parameter of leaving.
        a: f64,
        /// Parameter of staying.
        b: f64,
    },
}

/// The models fitted to the same customers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ContractFits {
    /// The same probability for all.
    pub geometric: Fit<ContractModel, 1>,
    /// A probability of each customer's own.
    pub sbg: Fit<ContractModel, 2>,
}

impl ContractFits {
    /// The model to score with: probabilities of each customer's own where they were found, else the same for all.
    #[must_use]
    pub fn used(&self) -> Option<ContractModel> {
        [(self.sbg.outcome, self.sbg.model), (self.geometric.outcome, self.geometric.model)]
            .into_iter()
            .find(|(outcome, _)| *outcome == Outcome::Fitted)
            .map(|(_, model)| model)
    }
}

/// Fits the models to customers.
///
/// `fewest` is how many customers a fit has to rest on.
#[must_use]
pub fn fit_contracts(contracts: &[Contract], fewest: f64) -> ContractFits {
    let total = |of: &dyn Fn(&Contract) -> f64| contracts.iter().map(|row| of(row) * row.customers).sum::<f64>();
    let customers = total(&|_| 1.0);
    let left = total(&|row| if row.has_left { 1.0 } else { 0.0 });
    let stayed = total(&|row| row.renewals - row.renewals_before);
    let refused = if customers < fewest || customers <= 0.0 {
        Some(Outcome::TooFewCustomers)
    } else if left + stayed <= 0.0 {
        Some(Outcome::TooLittleHistory)
    } else if left <= 0.0 {
        Some(Outcome::NobodyLeft)
    } else {
        None
    };
    if let Some(outcome) = refused {
        return ContractFits {
            geometric: Maximum::none(outcome).of(|[churn]| ContractModel::Geometric { churn }),
            sbg: Maximum::none(outcome).of(|[a, b]| ContractModel::ShiftedBetaGeometric { a, b }),
        };
    }
    let starts = [[0.7, 1.2], [2.0, 10.0], [0.2, 2.0]];
    let mut sbg = maximum(&starts, customers, |[a, b]| likelihood(contracts, *a, *b))
        .of(|[a, b]| ContractModel::ShiftedBetaGeometric { a, b });
    // One renewal tells a rate, and nothing of its spread.
    if contracts.iter().all(|row| row.renewals + if row.has_left { 1.0 } else { 0.0 } - row.renewals_before <= 1.0) {
        sbg.outcome = Outcome::TooLittleHistory;
    }
    ContractFits { geometric: same_for_all(left, stayed), sbg }
}

/// Its greatest likelihood is known: those who left over all who could.
fn same_for_all(left: f64, stayed: f64) -> Fit<ContractModel, 1> {
    let chances = left + stayed;
    let churn = left / chances;
    let of = |count: f64, share: f64| if count > 0.0 { count * share.ln() } else { 0.0 };
    Fit {
        model: ContractModel::Geometric { churn },
        // That all left who could is no proof that all will.
        outcome: if stayed > 0.0 { Outcome::Fitted } else { Outcome::AtBound },
        standard_errors: [(stayed > 0.0).then(|| (churn * (1.0 - churn) / chances).sqrt())],
        covariance: (stayed > 0.0).then(|| [[(1.0 - churn) / (churn * chances)]]),
        log_likelihood: of(left, churn) + of(stayed, 1.0 - churn),
        gradient: 0.0,
        starts: 1,
        starts_agreeing: 1,
    }
}

/// The logarithm of the share that makes so many renewals, and its slopes.
fn ln_stayed(renewals: f64, a: f64, b: f64) -> (f64, [f64; 2]) {
    let value = ln_gamma(b + renewals) - ln_gamma(b) - ln_gamma(a + b + renewals) + ln_gamma(a + b);
    let of_all = digamma(a + b) - digamma(a + b + renewals);
    (value, [of_all, digamma(b + renewals) - digamma(b) + of_all])
}

fn likelihood(contracts: &[Contract], a: f64, b: f64) -> (f64, [f64; 2]) {
    let mut value = Sum::default();
    let mut slopes = [Sum::default(); 2];
    for row in contracts {
        let (mut of_row, mut by) = ln_stayed(row.renewals, a, b);
        if row.has_left {
            // Then it left: with the mean of the probabilities that are still there.
            let all = a + b + row.renewals;
            of_row += (a / all).ln();
            by = [by[0] + 1.0 / a - 1.0 / all, by[1] - 1.0 / all];
        }
        if row.renewals_before > 0.0 {
            let (before, by_before) = ln_stayed(row.renewals_before, a, b);
            of_row -= before;
            by = [by[0] - by_before[0], by[1] - by_before[1]];
        }
        value.add(row.customers * of_row);
        for (slope, part) in slopes.iter_mut().zip(by) {
            slope.add(row.customers * part);
        }
    }
    (value.value(), slopes.map(Sum::value))
}

impl ContractModel {
    /// The probability that a customer who made so many renewals makes the next.
    #[must_use]
    pub fn renews(&self, renewals: f64) -> f64 {
        match *self {
            Self::Geometric { churn } => 1.0 - churn,
            Self::ShiftedBetaGeometric { a, b } => (b + renewals) / (a + b + renewals),
        }
    }

    /// The probability that a customer who made so many renewals makes `further` more.
    #[must_use]
    pub fn stays(&self, renewals: f64, further: u32) -> f64 {
        (0..further).map(|step| self.renews(renewals + f64::from(step))).product()
    }

    /// The renewals expected of a customer who made so many, each discounted by the time until it.
    ///
    /// The next is due in `first_in` periods, and then one each period. Of each counts the part of its period that lies
    /// within `horizon` periods.
    #[must_use]
    pub fn discounted_renewals(&self, renewals: f64, first_in: f64, discount: f64, horizon: f64) -> f64 {
        const MOST: u32 = 100_000;
        let mut sum = Sum::default();
        let mut stayed = 1.0;
        for step in 0..MOST {
            let due = first_in + f64::from(step);
            if due >= horizon {
                break;
            }
            stayed *= self.renews(renewals + f64::from(step));
            let worth = stayed * (-due * discount.ln_1p()).exp() * (horizon - due).min(1.0);
            sum.add(worth);
            if worth <= 1e-17 * sum.value() {
                break;
            }
        }
        sum.value()
    }

    /// How many further renewals a share of such customers makes at least: 0.05 of them at most fall short of it where
    /// `share` is 0.95. At most `most`.
    #[must_use]
    pub fn renewals_of_share(&self, renewals: f64, share: f64, most: u32) -> u32 {
        let mut stayed = 1.0;
        for step in 0..most {
            stayed *= self.renews(renewals + f64::from(step));
            if stayed < share {
                return step;
            }
        }
        most
    }
}

#[cfg(test)]
mod tests;
