//! Functions of the models that the standard library lacks.

use special::Gamma;

/// The logarithm of the gamma function of a positive number.
pub(super) fn ln_gamma(x: f64) -> f64 {
    Gamma::ln_gamma(x).0
}

/// The derivative of [`ln_gamma`].
pub(super) fn digamma(x: f64) -> f64 {
    Gamma::digamma(x)
}

/// `ln(exp(a) + exp(b))` without overflow.
pub(super) fn ln_sum_of_exp(a: f64, b: f64) -> f64 {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    if low == f64::NEG_INFINITY { high } else { high + (low - high).exp().ln_1p() }
}

/// `1 / (1 + exp(-x))`.
pub(super) fn logistic(x: f64) -> f64 {
    if x >= 0.0 {
        1.0 / (1.0 + (-x).exp())
    } else {
        let e = x.exp();
        e / (1.0 + e)
    }
}

/// A sum that keeps what rounding takes from it (Kahan, in Neumaier's form).
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sum {
    total: f64,
    lost: f64,
}

impl Sum {
    pub(super) fn add(&mut self, value: f64) {
        let total = self.total + value;
        self.lost +=
            if self.total.abs() >= value.abs() { (self.total - total) + value } else { (value - total) + self.total };
        self.total = total;
    }

    pub(super) fn value(self) -> f64 {
        self.total + self.lost
    }
}

/// The most terms of a series; what is not settled then is as settled as it gets.
const MOST_TERMS: u32 = 1_000_000;

/// `ln F(a, b; c; z)`, Gauss's hypergeometric function, for positive `a`, `b` and `c` and `z` in `[0, 1)`.
///
/// All terms are positive; the sum is kept below overflow by a factor that is given back as a logarithm.
pub(super) fn ln_hypergeometric(a: f64, b: f64, c: f64, z: f64) -> f64 {
    const LARGE: f64 = 1e250;
    let mut sum = Sum::default();
    let (mut term, mut scaled_by) = (1.0_f64, 0.0_f64);
    sum.add(term);
    for n in 0..MOST_TERMS {
        let n = f64::from(n);
        let ratio = (a + n) * (b + n) / ((c + n) * (n + 1.0)) * z;
        term *= ratio;
        sum.add(term);
        if sum.value() > LARGE {
            term /= LARGE;
            let smaller = sum.value() / LARGE;
            sum = Sum::default();
            sum.add(smaller);
            scaled_by += LARGE.ln();
        }
        // What is left of a series whose terms shrink by `ratio` at least.
        if ratio < 1.0 && term <= 1e-17 * sum.value() * (1.0 - ratio.max(z)) {
            break;
        }
    }
    sum.value().ln() + scaled_by
}

/// `c · (F(a, b - 1; c; z) - 1) / (b - 1)`, for `z` in `[0, 1)` and `c` above -1.
///
/// The factor that vanishes at `b = 1`, and the pole at `c = 0`, are divided out of every term of the series, so that
/// both points are as good as any other.
pub(super) fn hypergeometric_slope(a: f64, b: f64, c: f64, z: f64) -> f64 {
    let mut sum = Sum::default();
    let mut term = a * z;
    sum.add(term);
    for n in 1..MOST_TERMS {
        let n = f64::from(n);
        let ratio = (a + n) * (b + n - 1.0) / ((c + n) * (n + 1.0)) * z;
        term *= ratio;
        sum.add(term);
        if term == 0.0 || (a + n > 0.0 && ratio < 1.0 && term.abs() <= 1e-17 * sum.value().abs() * (1.0 - ratio.max(z)))
        {
            break;
        }
    }
    sum.value()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(value: f64, expected: f64, tolerance: f64) {
        assert!((value - expected).abs() <= tolerance * expected.abs().max(1.0), "{value} is not {expected}");
    }

    #[test]
    fn gamma_functions_are_those_of_tables() {
        // Abramowitz and Stegun, tables 6.1 and 6.3.
        close(ln_gamma(0.5), std::f64::consts::PI.sqrt().ln(), 1e-15);
        close(ln_gamma(10.0), 362_880_f64.ln(), 1e-15);
        close(digamma(1.0), -0.577_215_664_901_532_9, 1e-15);
        close(digamma(0.5), -1.963_510_026_021_423_5, 1e-15);
    }

    #[test]
    fn the_hypergeometric_function_has_its_closed_forms() {
        for z in [0.0, 0.1, 0.5, 0.9, 0.999] {
            // F(1, 1; 2; z) = -ln(1 - z) / z and F(a, b; b; z) = (1 - z)^-a.
            let expected = if z == 0.0 { 1.0 } else { -f64::ln_1p(-z) / z };
            close(ln_hypergeometric(1.0, 1.0, 2.0, z).exp(), expected, 1e-13);
            close(ln_hypergeometric(200.5, 3.25, 3.25, z), -200.5 * f64::ln_1p(-z), 1e-12);
        }
    }

    #[test]
    fn the_slope_is_the_function_without_its_factor() {
        for (a, b, c, z) in [(0.3, 2.0, 3.5, 0.4), (-0.7, 0.5, 1.2, 0.9), (1.5, 3.0, 0.4, 0.2)] {
            // By the contiguous series itself, term by term.
            let mut term = 1.0;
            let mut sum = 0.0;
            for n in 0..2_000 {
                let n = f64::from(n);
                term *= (a + n) * (b - 1.0 + n) / ((c + n) * (n + 1.0)) * z;
                sum += term;
            }
            close(hypergeometric_slope(a, b, c, z), c * sum / (b - 1.0), 1e-13);
        }
        // At b = 1 and a = c: c · d/db F(c, b; c; z) = -c ln(1 - z).
        close(hypergeometric_slope(2.0, 1.0, 2.0, 0.5), 2.0 * std::f64::consts::LN_2, 1e-14);
        assert!(hypergeometric_slope(0.3, 1.0, 0.0, 0.5).is_finite());
    }
}
