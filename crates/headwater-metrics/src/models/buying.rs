//! How often customers without a contract buy, and whether they still do.
//!
//! While a customer is alive, purchases come at random at a rate of its own; rates are spread by a gamma distribution of
//! shape `r` and rate `alpha`. What the models say of leaving differs, see [`Leaving`].
//!
//! A history is a number of repeat purchases, the time from the first to the last of all, and the time from the first
//! until now; two purchases of one day are one. Time is in weeks, as in the papers.

use std::panic::resume_unwind;
use std::thread;

use super::maximum::{Fit, Maximum, Outcome, maximum};
use super::special::{Sum, digamma, hypergeometric_slope, ln_gamma, ln_hypergeometric, ln_sum_of_exp, logistic};

/// So many customers of one history.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Buyer {
    /// Purchases after the first.
    pub repeats: f64,
    /// Weeks from the first purchase to the last.
    pub span: f64,
    /// Weeks from the first purchase until now.
    pub age: f64,
    /// How many customers have this history.
    pub customers: f64,
}

/// What a model says of leaving. Probabilities are spread by a beta distribution of `a` and `b`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaving {
    /// Nobody leaves: `nbd` (Ehrenberg 1959).
    Never,
    /// After each repeat purchase a customer leaves with a probability of its own, so that who never came back is alive
    /// for certain: `bg_nbd` (Fader, Hardie and Lee 2005).
    AfterRepeats,
    /// The same, also after the first purchase: `mbg_nbd` (Batislam, Denizel and Filiztekin 2007).
    AfterAny,
}

impl Leaving {
    /// The name of the model.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Never => "nbd",
            Self::AfterRepeats => "bg_nbd",
            Self::AfterAny => "mbg_nbd",
        }
    }

    /// The model of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Never, Self::AfterRepeats, Self::AfterAny].into_iter().find(|leaving| leaving.name() == name)
    }

    /// How many chances to leave come with the first purchase.
    const fn first_chances(self) -> f64 {
        match self {
            Self::AfterAny => 1.0,
            Self::AfterRepeats | Self::Never => 0.0,
        }
    }
}

/// A model with its parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BuyingModel {
    /// What it says of leaving.
    pub leaving: Leaving,
    /// Shape of the purchase rates.
    pub r: f64,
    /// Rate of the purchase rates, in weeks.
    pub alpha: f64,
    /// Parameter of leaving; without meaning where nobody leaves.
    pub a: f64,
    /// Parameter of staying; without meaning where nobody leaves.
    pub b: f64,
}

/// The models fitted to the same customers.
#[derive(Debug, Clone, PartialEq)]
pub struct BuyingFits {
    /// Nobody leaves.
    pub never: Fit<BuyingModel, 2>,
    /// The models with leaving: after repeat purchases, and after any.
    pub leaving: [Fit<BuyingModel, 4>; 2],
}

impl BuyingFits {
    /// How much likelier the customers are under a model with leaving than under the one without, as a logarithm.
    #[must_use]
    pub fn gain(&self, fit: &Fit<BuyingModel, 4>) -> f64 {
        fit.log_likelihood - self.never.log_likelihood
    }

    /// The model to score with: the likeliest of those with leaving, or the one without where leaving is not identified.
    #[must_use]
    pub fn used(&self) -> Option<BuyingModel> {
        let best = self
            .leaving
            .iter()
            .filter(|fit| fit.outcome == Outcome::Fitted)
            .max_by(|x, y| x.log_likelihood.total_cmp(&y.log_likelihood));
        match best {
            Some(fit) => Some(fit.model),
            None => (self.never.outcome == Outcome::Fitted).then_some(self.never.model),
        }
    }
}

/// The models with leaving, in the order of [`BuyingFits::leaving`].
const MODELS_OF_LEAVING: [Leaving; 2] = [Leaving::AfterRepeats, Leaving::AfterAny];

/// What a model with leaving has to gain over the one without, as a logarithm of the likelihood: two parameters more
/// have to be worth their freedom.
const LEAST_GAIN: f64 = 2.0;

/// Fits the models to customers; rows are best sorted by repeats, and each history stands once.
///
/// `fewest` is how many customers a fit has to rest on.
#[must_use]
pub fn fit_buying(buyers: &[Buyer], fewest: f64) -> BuyingFits {
    let total = |of: &dyn Fn(&Buyer) -> f64| buyers.iter().map(|buyer| of(buyer) * buyer.customers).sum::<f64>();
    let customers = total(&|_| 1.0);
    let (repeats, age) = (total(&|buyer| buyer.repeats), total(&|buyer| buyer.age));
    let refused = if customers < fewest || customers <= 0.0 {
        Some(Outcome::TooFewCustomers)
    } else if age <= 0.0 {
        Some(Outcome::TooLittleHistory)
    } else if repeats <= 0.0 {
        Some(Outcome::NoRepeatPurchases)
    } else {
        None
    };
    if let Some(outcome) = refused {
        return BuyingFits {
            never: not_fitted(outcome, Leaving::Never),
            leaving: MODELS_OF_LEAVING.map(|leaving| not_fitted(outcome, leaving)),
        };
    }
    // Rates start at the mean rate, spread narrowly, moderately and widely.
    let alpha = |r: f64| (r * age / repeats).clamp(1e-3, 1e3);
    let fit_never = || {
        maximum(&[0.25, 1.0, 4.0].map(|r| [r, alpha(r)]), customers, |[r, alpha]| {
            likelihood_of_never(buyers, *r, *alpha)
        })
        .of(|[r, alpha]| BuyingModel { leaving: Leaving::Never, r, alpha, a: 0.0, b: 0.0 })
    };
    let fit_leaving = |leaving| {
        let starts = [(0.3, 0.8, 2.5), (1.0, 0.3, 1.0), (0.5, 2.0, 10.0)].map(|(r, a, b)| [r, alpha(r), a, b]);
        maximum(&starts, customers, |[r, alpha, a, b]| {
            likelihood(buyers, BuyingModel { leaving, r: *r, alpha: *alpha, a: *a, b: *b })
        })
        .of(|[r, alpha, a, b]| BuyingModel { leaving, r, alpha, a, b })
    };
    // No fit waits for another.
    let (never, mut leaving) = thread::scope(|scope| {
        let leaving = MODELS_OF_LEAVING.map(|leaving| scope.spawn(move || fit_leaving(leaving)));
        let never = fit_never();
        (never, leaving.map(|fit| fit.join().unwrap_or_else(|panic| resume_unwind(panic))))
    });
    for fit in &mut leaving {
        if fit.log_likelihood.is_nan() || fit.log_likelihood - never.log_likelihood < LEAST_GAIN {
            fit.outcome = Outcome::DropoutNotIdentified;
        }
    }
    BuyingFits { never, leaving }
}

fn not_fitted<const N: usize>(outcome: Outcome, leaving: Leaving) -> Fit<BuyingModel, N> {
    Maximum::none(outcome).of(|_| BuyingModel { leaving, r: f64::NAN, alpha: f64::NAN, a: f64::NAN, b: f64::NAN })
}

fn likelihood_of_never(buyers: &[Buyer], r: f64, alpha: f64) -> (f64, [f64; 2]) {
    let (mut value, mut by_r, mut by_alpha) = (Sum::default(), Sum::default(), Sum::default());
    let of_r = (r * alpha.ln() - ln_gamma(r), alpha.ln() - digamma(r));
    for alike in buyers.chunk_by(|x, y| x.repeats.to_bits() == y.repeats.to_bits()) {
        let x = alike.first().map_or(0.0, |buyer| buyer.repeats);
        let (gamma, slope) = (ln_gamma(r + x), digamma(r + x));
        for buyer in alike {
            let aged = (alpha + buyer.age).ln();
            value.add(buyer.customers * (of_r.0 + gamma - (r + x) * aged));
            by_r.add(buyer.customers * (of_r.1 + slope - aged));
            by_alpha.add(buyer.customers * (r / alpha - (r + x) / (alpha + buyer.age)));
        }
    }
    (value.value(), [by_r.value(), by_alpha.value()])
}

/// The logarithm of the likelihood and its exact slopes over r, alpha, a and b.
fn likelihood(buyers: &[Buyer], model: BuyingModel) -> (f64, [f64; 4]) {
    let BuyingModel { leaving, r, alpha, a, b } = model;
    let mut value = Sum::default();
    let mut slopes = [Sum::default(); 4];
    let of_rates = (r * alpha.ln() - ln_gamma(r), alpha.ln() - digamma(r));
    let of_leaving = (ln_gamma(a + b) - ln_gamma(b), digamma(a + b), digamma(a + b) - digamma(b));
    for alike in buyers.chunk_by(|x, y| x.repeats.to_bits() == y.repeats.to_bits()) {
        let x = alike.first().map_or(0.0, |buyer| buyer.repeats);
        // Chances to leave that the customer has had, the last of which it may have taken.
        let chances = x + leaving.first_chances();
        let may_have_left = chances > 0.0;
        let stayed = ln_gamma(b + chances) - ln_gamma(a + b + chances) + of_leaving.0;
        let constant = ln_gamma(r + x) + of_rates.0 + stayed;
        let of_r = digamma(r + x) + of_rates.1;
        let of_all = digamma(a + b + chances);
        let (of_a, of_b) = (of_leaving.1 - of_all, digamma(b + chances) - of_all + of_leaving.2);
        let odds = if may_have_left { a.ln() - (b + chances - 1.0).ln() } else { f64::NEG_INFINITY };
        for buyer in alike {
            let (aged, seen) = (alpha + buyer.age, alpha + buyer.span);
            let (ln_aged, ln_seen) = (aged.ln(), seen.ln());
            // How much likelier it is that the customer left at its last purchase than that it is alive.
            let left = odds + (r + x) * (ln_aged - ln_seen);
            let v = if may_have_left { logistic(left) } else { 0.0 };
            let w = 1.0 - v;
            value.add(buyer.customers * (constant - (r + x) * ln_aged + ln_sum_of_exp(0.0, left)));
            let of_b_left = if may_have_left { v / (b + chances - 1.0) } else { 0.0 };
            let row = [
                of_r - w * ln_aged - v * ln_seen,
                r / alpha - (r + x) * (w / aged + v / seen),
                of_a + v / a,
                of_b - of_b_left,
            ];
            for (slope, part) in slopes.iter_mut().zip(row) {
                slope.add(buyer.customers * part);
            }
        }
    }
    (value.value(), slopes.map(Sum::value))
}

impl BuyingModel {
    /// The logarithm of the likelihood of some customers.
    #[must_use]
    pub fn log_likelihood(&self, buyers: &[Buyer]) -> f64 {
        match self.leaving {
            Leaving::Never => likelihood_of_never(buyers, self.r, self.alpha).0,
            Leaving::AfterRepeats | Leaving::AfterAny => likelihood(buyers, *self).0,
        }
    }

    /// The probability that a customer of this history still buys.
    #[must_use]
    pub fn alive(&self, buyer: &Buyer) -> f64 {
        let chances = buyer.repeats + self.leaving.first_chances();
        if self.leaving == Leaving::Never || chances <= 0.0 {
            return 1.0;
        }
        let silent = ((self.alpha + buyer.age) / (self.alpha + buyer.span)).ln();
        logistic(-(self.a.ln() - (self.b + chances - 1.0).ln() + (self.r + buyer.repeats) * silent))
    }

    /// The number of purchases expected of a customer of this history in the next `weeks`.
    #[must_use]
    pub fn expected(&self, buyer: &Buyer, weeks: f64) -> f64 {
        if self.leaving == Leaving::Never {
            return (self.r + buyer.repeats) / (self.alpha + buyer.age) * weeks;
        }
        self.expected_while_alive(buyer, weeks) * self.alive(buyer)
    }

    /// The purchases expected of a customer that is alive.
    ///
    /// In the papers a difference of 1 and Gauss's function, over `a - 1`; here with the vanishing factor divided out.
    fn expected_while_alive(&self, buyer: &Buyer, weeks: f64) -> f64 {
        let Self { r, alpha, a, b, .. } = *self;
        let x = buyer.repeats;
        let chances = x + self.leaving.first_chances();
        let c = a + b + chances - 1.0;
        let aged = alpha + buyer.age;
        let z = weeks / (aged + weeks);
        let ln_rest = -(weeks / aged).ln_1p();
        // Where terms of the other series would overflow, or cancel each other.
        if c > 0.0 && (a > 50.0 || c - r - x < -20.0) {
            const NEAR: f64 = 1e-4;
            let at = |a: f64| {
                let c = a + b + chances - 1.0;
                -((r + x) * ln_rest + ln_hypergeometric(r + x, b + chances, c, z)).exp_m1() * c / (a - 1.0)
            };
            return if (a - 1.0).abs() < NEAR { f64::midpoint(at(1.0 - NEAR), at(1.0 + NEAR)) } else { at(a) };
        }
        let shrunk = (a - 1.0) * ln_rest;
        let slope = if shrunk.abs() < 1e-300 { ln_rest } else { shrunk.exp_m1() / (a - 1.0) };
        -(c * slope + hypergeometric_slope(c - r - x, a, c, z) * shrunk.exp())
    }

    /// The probability that a customer of this history buys nothing in the next `weeks`: it is gone, or it waits.
    #[must_use]
    pub fn expects_none(&self, buyer: &Buyer, weeks: f64) -> f64 {
        let aged = self.alpha + buyer.age;
        let buys = -(-(self.r + buyer.repeats) * (weeks / aged).ln_1p()).exp_m1();
        1.0 - self.alive(buyer) * buys
    }

    /// The probability that a customer makes exactly `repeats` purchases in the `weeks` after its first.
    #[must_use]
    pub fn probability_of(&self, repeats: u32, weeks: f64) -> f64 {
        let Self { leaving, r, alpha, a, b } = *self;
        // While it stays, the count is spread as a negative binomial.
        let staying = |x: f64| {
            let of_rates = ln_gamma(r + x) - ln_gamma(r) - ln_gamma(x + 1.0);
            let of_time = if x > 0.0 { x * (weeks / (alpha + weeks)).ln() } else { 0.0 };
            (of_rates + of_time - r * (weeks / alpha).ln_1p()).exp()
        };
        let x = f64::from(repeats);
        let chances = x + leaving.first_chances();
        if leaving == Leaving::Never || chances <= 0.0 {
            return staying(x);
        }
        let ln_beta = |a: f64, b: f64| ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b);
        let stays = (ln_beta(a, b + chances) - ln_beta(a, b)).exp();
        let leaves = (ln_beta(a + 1.0, b + chances - 1.0) - ln_beta(a, b)).exp();
        let fewer: f64 = (0..repeats).map(|at| staying(f64::from(at))).sum();
        stays * staying(x) + leaves * (1.0 - fewer).max(0.0)
    }

    /// The purchases expected over so many months of `weeks_a_month`, each discounted from the end of its month.
    #[must_use]
    pub fn discounted(&self, buyer: &Buyer, months: u32, weeks_a_month: f64, monthly_discount: f64) -> f64 {
        let mut sum = Sum::default();
        let (mut before, mut factor) = (0.0, 1.0);
        for month in 1..=months {
            factor /= 1.0 + monthly_discount;
            let until = self.expected(buyer, f64::from(month) * weeks_a_month);
            sum.add((until - before) * factor);
            before = until;
        }
        sum.value()
    }
}

#[cfg(test)]
mod tests;
