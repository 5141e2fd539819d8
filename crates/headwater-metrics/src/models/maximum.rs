//! The greatest likelihood over a few positive parameters, from several starts, with exact gradients.
//!
//! Parameters are searched by their logarithms inside a box that no published fit comes near: first by the method of
//! Broyden, Fletcher, Goldfarb and Shanno with halved steps, then by Newton steps, whose second derivatives also give
//! the standard errors.
#![expect(clippy::indexing_slicing, reason = "square matrices of a fixed size, indexed below it")]

use std::array::from_fn;

/// What came of a fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Parameters that can be relied on.
    Fitted,
    /// Fewer customers than the model is asked to be fitted on.
    TooFewCustomers,
    /// Too little time has passed for anybody to have come back or to have left.
    TooLittleHistory,
    /// Nobody bought a second time.
    NoRepeatPurchases,
    /// Too few customers bought again for what they spend to be told apart from what all spend.
    TooFewRepeatCustomers,
    /// The data do not tell leaving from buying rarely: the model without leaving fits as well.
    DropoutNotIdentified,
    /// Nobody left: how long customers stay is not known.
    NobodyLeft,
    /// The greatest likelihood lies where a parameter has no bound: customers are too much alike for the model.
    AtBound,
    /// No start came to a point where the likelihood is greatest.
    NotConverged,
    /// The expected value is infinite under the parameters.
    InfiniteMean,
}

impl Outcome {
    /// The word published for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Fitted => "fitted",
            Self::TooFewCustomers => "too_few_customers",
            Self::TooLittleHistory => "too_little_history",
            Self::NoRepeatPurchases => "no_repeat_purchases",
            Self::TooFewRepeatCustomers => "too_few_repeat_customers",
            Self::DropoutNotIdentified => "dropout_not_identified",
            Self::NobodyLeft => "nobody_left",
            Self::AtBound => "at_bound",
            Self::NotConverged => "not_converged",
            Self::InfiniteMean => "infinite_mean",
        }
    }
}

/// A model's parameters and how far they can be relied on; the parameters stand as they are also where the outcome says
/// that they should not be used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fit<M, const N: usize> {
    /// The model with its parameters.
    pub model: M,
    /// What came of the fit.
    pub outcome: Outcome,
    /// The standard error of each parameter; none where the likelihood is flat there.
    pub standard_errors: [Option<f64>; N],
    /// The covariance of the logarithms of the parameters; none where one of them has no standard error.
    pub covariance: Option<[[f64; N]; N]>,
    /// The logarithm of the likelihood, in the unit of time of the rows.
    pub log_likelihood: f64,
    /// The largest slope of the mean log-likelihood over the logarithm of a parameter.
    pub gradient: f64,
    /// How many starts were tried.
    pub starts: usize,
    /// How many of them ended at the same likelihood.
    pub starts_agreeing: usize,
}

/// What lies at the best point found.
pub(super) struct Maximum<const N: usize> {
    pub(super) parameters: [f64; N],
    pub(super) outcome: Outcome,
    pub(super) standard_errors: [Option<f64>; N],
    pub(super) covariance: Option<Matrix<N>>,
    pub(super) log_likelihood: f64,
    pub(super) gradient: f64,
    pub(super) starts: usize,
    pub(super) starts_agreeing: usize,
}

impl<const N: usize> Maximum<N> {
    /// No point, for that reason.
    pub(super) fn none(outcome: Outcome) -> Self {
        Self {
            parameters: [f64::NAN; N],
            outcome,
            standard_errors: [None; N],
            covariance: None,
            log_likelihood: f64::NAN,
            gradient: f64::NAN,
            starts: 0,
            starts_agreeing: 0,
        }
    }

    /// The fit of a model of these parameters.
    pub(super) fn of<M>(self, model: impl FnOnce([f64; N]) -> M) -> Fit<M, N> {
        Fit {
            model: model(self.parameters),
            outcome: self.outcome,
            standard_errors: self.standard_errors,
            covariance: self.covariance,
            log_likelihood: self.log_likelihood,
            gradient: self.gradient,
            starts: self.starts,
            starts_agreeing: self.starts_agreeing,
        }
    }
}

/// The standard error that a value has from the errors of the parameters it is computed from (the delta method): none
/// where the value is not known around them.
///
/// It says how far another sample of as many customers would have moved the value, and nothing of how far a single
/// customer may be from it.
#[must_use]
pub fn standard_error<const N: usize>(
    parameters: [f64; N],
    covariance: &[[f64; N]; N],
    value: impl Fn([f64; N]) -> Option<f64>,
) -> Option<f64> {
    const STEP: f64 = 1e-3;
    let mut slopes = [0.0; N];
    for (at, slope) in slopes.iter_mut().enumerate() {
        let shifted = |by: f64| value(from_fn(|i| if i == at { parameters[i] * by.exp() } else { parameters[i] }));
        *slope = (shifted(STEP)? - shifted(-STEP)?) / (2.0 * STEP);
    }
    let variance: f64 = (0..N).map(|i| slopes[i] * dot(&covariance[i], &slopes)).sum();
    variance.is_finite().then(|| variance.max(0.0).sqrt())
}

type Point<const N: usize> = [f64; N];
type Matrix<const N: usize> = [[f64; N]; N];

/// The box of the logarithms of parameters.
const LOWEST: f64 = -9.0;
const HIGHEST: f64 = 9.0;
/// A slope that counts as none, of the mean log-likelihood.
const FLAT: f64 = 1e-8;
/// Log-likelihoods that count as the same.
const SAME: f64 = 1e-4;

/// The greatest of `log_likelihood`, which gives its value and its slope over each parameter, of `weight` customers.
pub(super) fn maximum<const N: usize>(
    starts: &[Point<N>],
    weight: f64,
    log_likelihood: impl Fn(&Point<N>) -> (f64, Point<N>),
) -> Maximum<N> {
    // The mean, turned over and by logarithms, so that tolerances mean the same for every size of company.
    let cost = |at: &Point<N>| -> (f64, Point<N>) {
        let parameters = at.map(f64::exp);
        let (value, slopes) = log_likelihood(&parameters);
        (-value / weight, from_fn(|i| -slopes[i] * parameters[i] / weight))
    };
    let ends: Vec<(Point<N>, f64)> =
        starts.iter().map(|start| settled(&start.map(f64::ln), &cost)).filter(|(_, value)| value.is_finite()).collect();
    let Some((at, value)) = ends.iter().copied().min_by(|a, b| a.1.total_cmp(&b.1)) else {
        return Maximum {
            parameters: starts.first().copied().unwrap_or([1.0; N]),
            starts: starts.len(),
            ..Maximum::none(Outcome::NotConverged)
        };
    };
    let gradient = largest(&cost(&at).1);
    let is_at_bound = at.iter().any(|x| *x <= LOWEST + 0.01 || *x >= HIGHEST - 0.01);
    let outcome = if is_at_bound {
        Outcome::AtBound
    } else if gradient <= FLAT {
        Outcome::Fitted
    } else {
        Outcome::NotConverged
    };
    let parameters = at.map(f64::exp);
    let covariance = inverse(&second_derivatives(&at, &cost)).map(|rows| rows.map(|row| row.map(|x| x / weight)));
    Maximum {
        parameters,
        outcome,
        standard_errors: from_fn(|i| {
            let variance = covariance.map(|rows| rows[i][i])?;
            (variance > 0.0 && !is_at_bound).then(|| variance.sqrt() * parameters[i])
        }),
        covariance: covariance.filter(|rows| !is_at_bound && (0..N).all(|i| rows[i][i] > 0.0)),
        log_likelihood: -value * weight,
        gradient,
        starts: starts.len(),
        starts_agreeing: ends.iter().filter(|(_, other)| (other - value).abs() * weight < SAME).count(),
    }
}

/// The end of the search from one start: a point and its cost.
fn settled<const N: usize>(start: &Point<N>, cost: &impl Fn(&Point<N>) -> (f64, Point<N>)) -> (Point<N>, f64) {
    let (at, value) = descended(start, cost);
    polished(at, value, cost)
}

fn descended<const N: usize>(start: &Point<N>, cost: &impl Fn(&Point<N>) -> (f64, Point<N>)) -> (Point<N>, f64) {
    const MOST_STEPS: usize = 200;
    let mut at = inside(*start);
    let (mut value, mut slope) = cost(&at);
    let mut curvature: Matrix<N> = identity();
    for _ in 0..MOST_STEPS {
        if !value.is_finite() || largest(&slope) < 1e-6 {
            break;
        }
        let mut direction: Point<N> = from_fn(|i| -dot(&curvature[i], &slope));
        if dot(&direction, &slope) >= 0.0 {
            curvature = identity();
            direction = slope.map(|s| -s);
        }
        let Some((next, next_value, next_slope)) = stepped(&at, value, &slope, &direction, cost) else {
            if curvature == identity() {
                break;
            }
            curvature = identity();
            continue;
        };
        let moved: Point<N> = from_fn(|i| next[i] - at[i]);
        let turned: Point<N> = from_fn(|i| next_slope[i] - slope[i]);
        curvature = updated(&curvature, &moved, &turned);
        (at, value, slope) = (next, next_value, next_slope);
    }
    (at, value)
}

/// The first of ever smaller steps that lowers the cost enough.
fn stepped<const N: usize>(
    at: &Point<N>,
    value: f64,
    slope: &Point<N>,
    direction: &Point<N>,
    cost: &impl Fn(&Point<N>) -> (f64, Point<N>),
) -> Option<(Point<N>, f64, Point<N>)> {
    const LONGEST: f64 = 2.0;
    let mut length = (LONGEST / largest(direction)).min(1.0);
    for _ in 0..40 {
        let next = inside(from_fn(|i| at[i] + length * direction[i]));
        let moved: Point<N> = from_fn(|i| next[i] - at[i]);
        let (next_value, next_slope) = cost(&next);
        if next_value <= value + 1e-4 * dot(&moved, slope) && next_value < value {
            return Some((next, next_value, next_slope));
        }
        length /= 2.0;
    }
    None
}

/// Newton steps, taken while they lower the slope.
fn polished<const N: usize>(
    mut at: Point<N>,
    mut value: f64,
    cost: &impl Fn(&Point<N>) -> (f64, Point<N>),
) -> (Point<N>, f64) {
    const MOST_STEPS: usize = 12;
    let mut slope = cost(&at).1;
    for _ in 0..MOST_STEPS {
        if !value.is_finite() || largest(&slope) <= 1e-13 {
            break;
        }
        let Some(rows) = inverse(&second_derivatives(&at, cost)) else { break };
        let next = inside(from_fn(|i| at[i] - dot(&rows[i], &slope)));
        let (next_value, next_slope) = cost(&next);
        if !(largest(&next_slope) < largest(&slope) && next_value <= value + 1e-9) {
            break;
        }
        (at, value, slope) = (next, next_value, next_slope);
    }
    (at, value)
}

/// Differences of the exact slopes.
fn second_derivatives<const N: usize>(at: &Point<N>, cost: &impl Fn(&Point<N>) -> (f64, Point<N>)) -> Matrix<N> {
    const STEP: f64 = 1e-4;
    let columns: Matrix<N> = from_fn(|j| {
        let shifted = |by: f64| cost(&from_fn(|i| if i == j { at[i] + by } else { at[i] })).1;
        let (above, below) = (shifted(STEP), shifted(-STEP));
        from_fn(|i| (above[i] - below[i]) / (2.0 * STEP))
    });
    from_fn(|i| from_fn(|j| f64::midpoint(columns[i][j], columns[j][i])))
}

fn updated<const N: usize>(curvature: &Matrix<N>, moved: &Point<N>, turned: &Point<N>) -> Matrix<N> {
    let along = dot(moved, turned);
    if along <= 1e-14 {
        return *curvature;
    }
    let bent: Point<N> = from_fn(|i| dot(&curvature[i], turned));
    let scale = (1.0 + dot(turned, &bent) / along) / along;
    from_fn(|i| {
        from_fn(|j| curvature[i][j] + scale * moved[i] * moved[j] - (bent[i] * moved[j] + moved[i] * bent[j]) / along)
    })
}

/// The inverse of a matrix by elimination with pivots; none where it has none.
fn inverse<const N: usize>(matrix: &Matrix<N>) -> Option<Matrix<N>> {
    let mut left = *matrix;
    let mut right: Matrix<N> = identity();
    for column in 0..N {
        let pivot = (column..N).max_by(|a, b| left[*a][column].abs().total_cmp(&left[*b][column].abs()))?;
        left.swap(column, pivot);
        right.swap(column, pivot);
        let by = left[column][column];
        if !(by.abs() > 1e-300 && by.is_finite()) {
            return None;
        }
        left[column] = left[column].map(|x| x / by);
        right[column] = right[column].map(|x| x / by);
        for row in (0..N).filter(|row| *row != column) {
            let by = left[row][column];
            left[row] = from_fn(|j| left[row][j] - by * left[column][j]);
            right[row] = from_fn(|j| right[row][j] - by * right[column][j]);
        }
    }
    Some(right)
}

fn identity<const N: usize>() -> Matrix<N> {
    from_fn(|i| from_fn(|j| if i == j { 1.0 } else { 0.0 }))
}

fn dot<const N: usize>(a: &Point<N>, b: &Point<N>) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn largest<const N: usize>(point: &Point<N>) -> f64 {
    point.iter().fold(0.0, |most, x| if x.is_nan() { f64::INFINITY } else { f64::max(most, x.abs()) })
}

fn inside<const N: usize>(point: Point<N>) -> Point<N> {
    point.map(|x| x.clamp(LOWEST, HIGHEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_maximum_of_a_gamma_likelihood_is_found_with_its_errors() {
        // A thousand customers of mean 3 and mean logarithm ln 3 - 0.25: shape k solves ln k - psi(k) = 0.25.
        let (n, mean, mean_ln) = (1_000.0, 3.0_f64, 3.0_f64.ln() - 0.25);
        let found = maximum(&[[1.0, 1.0], [5.0, 0.2], [0.3, 4.0]], n, |[k, rate]| {
            let value = k * rate.ln() - super::super::special::ln_gamma(*k) + (k - 1.0) * mean_ln - rate * mean;
            let slopes = [rate.ln() - super::super::special::digamma(*k) + mean_ln, k / rate - mean];
            (n * value, slopes.map(|s| n * s))
        });
        let [k, rate] = found.parameters;
        assert_eq!(found.outcome, Outcome::Fitted);
        assert_eq!(found.starts_agreeing, 3);
        assert!((k.ln() - super::super::special::digamma(k) - 0.25).abs() < 1e-10, "{k}");
        assert!((k / rate - 3.0).abs() < 1e-10);
        // Fisher information of the rate given both: variance of rate-hat from the inverse of [[psi'(k), -1/r], [-1/r, k/r²]] / n.
        let trigamma = (super::super::special::digamma(k + 1e-5) - super::super::special::digamma(k - 1e-5)) / 2e-5;
        let determinant = trigamma * k / (rate * rate) - 1.0 / (rate * rate);
        let expected = (k / (rate * rate) / determinant / n).sqrt();
        assert!((found.standard_errors[0].unwrap() - expected).abs() < 1e-6);
    }

    #[test]
    fn errors_of_parameters_become_errors_of_what_follows_from_them() {
        // Of a product by logarithms both slopes are the product itself.
        let covariance = [[0.04, 0.01], [0.01, 0.09]];
        let error = standard_error([3.0, 5.0], &covariance, |[x, y]| Some(x * y)).unwrap();
        assert!((error - 15.0 * 0.15_f64.sqrt()).abs() < 1e-4, "{error}");
        assert_eq!(standard_error([3.0, 5.0], &covariance, |_| None), None);
        let found = maximum(&[[1.0, 1.0]], 1_000.0, |[k, rate]| {
            let value = k * rate.ln() - super::super::special::ln_gamma(*k) + (k - 1.0) * 0.85 - rate * 3.0;
            let slopes = [rate.ln() - super::super::special::digamma(*k) + 0.85, k / rate - 3.0];
            (1_000.0 * value, slopes.map(|s| 1_000.0 * s))
        });
        let parameters = found.parameters;
        let own = standard_error(parameters, &found.covariance.unwrap(), |[k, _]| Some(k)).unwrap();
        assert!((own / found.standard_errors[0].unwrap() - 1.0).abs() < 1e-5, "a parameter's own error is its error");
        // The mean k / rate of a gamma distribution has the error of a mean: its standard deviation over √n.
        let mean = standard_error(parameters, &found.covariance.unwrap(), |[k, rate]| Some(k / rate)).unwrap();
        let expected = (parameters[0] / (parameters[1] * parameters[1]) / 1_000.0).sqrt();
        assert!((mean / expected - 1.0).abs() < 1e-4, "{mean} is not {expected}");
    }

    #[test]
    fn a_likelihood_that_rises_for_ever_ends_at_its_bound() {
        let found = maximum(&[[1.0], [2.0]], 1.0, |[x]| (1.0 - 1.0 / x, [1.0 / (x * x)]));
        assert_eq!(found.outcome, Outcome::AtBound);
    }
}
