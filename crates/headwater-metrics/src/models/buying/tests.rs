//! Expectations, likelihoods and outcomes of the models of buying, against published values.

use super::*;

fn buyer(repeats: f64, span: f64, age: f64) -> Buyer {
    Buyer { repeats, span, age, customers: 1.0 }
}

fn model(leaving: Leaving, [r, alpha, a, b]: [f64; 4]) -> BuyingModel {
    BuyingModel { leaving, r, alpha, a, b }
}

/// Parameters of the CDNOW sample in weeks, fitted to 12 digits by an independent program.
const CDNOW: [f64; 4] = [0.242_594_522_43, 4.413_602_019_01, 0.792_922_017_226, 2.425_906_776_83];

fn close(value: f64, expected: f64, tolerance: f64) {
    assert!((value - expected).abs() <= tolerance * expected.abs().max(1e-12), "{value} is not {expected}");
}

#[test]
fn expectations_are_those_of_the_papers() {
    let fitted = model(Leaving::AfterRepeats, CDNOW);
    // Fader, Hardie and Lee 2005, their spreadsheet and the BTYD package: to half a unit of the last printed digit.
    for (weeks, printed, half) in [
        (0.1429, 0.0078, 5e-5),
        (1.0, 0.0532, 5e-5),
        (3.0, 0.1506, 5e-5),
        (31.8571, 1.0405, 5e-5),
        (32.0, 1.0437, 5e-5),
    ] {
        let value = fitted.expected(&buyer(0.0, 0.0, 0.0), weeks);
        assert!((value - printed).abs() <= half, "{value} is not {printed}");
    }
    let rounded = model(Leaving::AfterRepeats, [0.243, 4.414, 0.793, 2.426]);
    let value = rounded.expected(&buyer(2.0, 30.43, 38.86), 39.0);
    assert!((value - 1.226).abs() <= 5e-4, "{value}");
    // Customer 1516 under the parameters that the BTYD package prints; checked with 30 digits.
    let printed = model(Leaving::AfterRepeats, [0.242_598_2, 4.413_684_2, 0.792_989_9, 2.426_166_7]);
    let customer = buyer(26.0, 216.0 / 7.0, 31.0);
    close(printed.expected(&customer, 52.0), 25.756_537_746_505_57, 1e-12);
    close(printed.alive(&customer), 0.968_852_151_048_746_3, 1e-12);
    close(printed.expected(&buyer(0.0, 0.0, 0.0), 52.0), 1.444_004_8, 1e-7);
    // More purchases in the same time, and a longer silence after them, mean less to come.
    for (repeats, expected) in [(10.0, 0.347_460_2), (15.0, 0.042_834_0), (20.0, 0.004_158_99), (25.0, 0.000_358_37)] {
        close(printed.expected(&buyer(repeats, 20.0, 39.0), 52.0), expected, 5e-6);
    }
}

#[test]
fn counts_of_purchases_have_the_printed_probabilities() {
    let rounded = model(Leaving::AfterRepeats, [0.243, 4.414, 0.793, 2.426]);
    // The BTYD package.
    close(rounded.probability_of(0, 39.0), 0.573_786_4, 1e-7);
    close(rounded.probability_of(11, 30.0), 0.001_999_521_4, 3e-8);
    for leaving in [Leaving::Never, Leaving::AfterRepeats, Leaving::AfterAny] {
        let model = model(leaving, CDNOW);
        let new = buyer(0.0, 0.0, 0.0);
        let all: f64 = (0..2_000).map(|repeats| model.probability_of(repeats, 39.0)).sum();
        close(all, 1.0, 1e-9);
        let mean: f64 = (0..2_000).map(|repeats| f64::from(repeats) * model.probability_of(repeats, 39.0)).sum();
        // A customer at its first purchase; of `mbg_nbd` it may leave at once.
        close(mean, model.expected(&new, 39.0), 1e-9);
        close(model.expects_none(&new, 39.0), model.probability_of(0, 39.0), 1e-12);
        close(model.expects_none(&buyer(7.0, 20.0, 39.0), 0.0), 1.0, 1e-15);
    }
    // Who is silent for long is gone; who is alive waits by chance alone.
    let fitted = model(Leaving::AfterRepeats, CDNOW);
    let silent = buyer(26.0, 5.0, 39.0);
    close(fitted.expects_none(&silent, 13.0), 1.0, 1e-6);
    let once = buyer(0.0, 0.0, 39.0);
    let waits = ((CDNOW[1] + 39.0) / (CDNOW[1] + 52.0)).powf(CDNOW[0]);
    close(fitted.expects_none(&once, 13.0), waits, 1e-12);
}

#[test]
fn likelihoods_are_those_of_other_programs() {
    let parameters = [0.25, 4.0, 0.8, 2.5];
    for (leaving, row, expected) in [
        (Leaving::AfterRepeats, buyer(0.0, 0.0, 40.0), -0.599_473_818_2),
        (Leaving::AfterRepeats, buyer(200.0, 38.0, 40.0), 100.795_693_092_7),
        (Leaving::AfterAny, buyer(0.0, 0.0, 40.0), -0.417_928_262_0),
        (Leaving::AfterAny, buyer(200.0, 38.0, 40.0), 100.786_909_761_0),
    ] {
        close(model(leaving, parameters).log_likelihood(&[row]), expected, 2e-10);
    }
}

#[test]
fn slopes_of_the_likelihood_are_exact() {
    let rows = [buyer(0.0, 0.0, 30.0), buyer(1.0, 3.0, 35.0), buyer(7.0, 35.0, 35.0), buyer(40.0, 20.0, 52.0)];
    for leaving in [Leaving::AfterRepeats, Leaving::AfterAny] {
        let at = [0.4, 5.0, 0.9, 2.0];
        let slopes = likelihood(&rows, model(leaving, at)).1;
        for (index, slope) in slopes.into_iter().enumerate() {
            let shifted = |by: f64| {
                let mut there = at;
                there[index] += by;
                likelihood(&rows, model(leaving, there)).0
            };
            close((shifted(1e-5) - shifted(-1e-5)) / 2e-5, slope, 1e-6);
        }
    }
}

#[test]
fn extreme_histories_and_parameters_give_finite_values() {
    let parameters =
        [[1e-3, 1e-3, 1e-3, 1e-3], [1e3, 1e-2, 1.0, 1.0], [0.2, 4.0, 1.0, 2.0], [5.0, 1e3, 3e3, 3e3], CDNOW];
    let rows =
        [(0.0, 0.0, 0.0), (0.0, 0.0, 520.0), (1.0, 0.14, 0.14), (5_000.0, 519.0, 520.0), (1_000.0, 1.0, 2_000.0)];
    for leaving in [Leaving::Never, Leaving::AfterRepeats, Leaving::AfterAny] {
        for parameters in parameters {
            let model = model(leaving, parameters);
            for row in rows.map(|(repeats, span, age)| buyer(repeats, span, age)) {
                let alive = model.alive(&row);
                assert!((0.0..=1.0).contains(&alive), "{model:?} {row:?} {alive}");
                assert!(model.log_likelihood(&[row]).is_finite(), "{model:?} {row:?}");
                for weeks in [0.01, 52.0, 520.0] {
                    let expected = model.expected(&row, weeks);
                    assert!(expected.is_finite() && expected >= -1e-9, "{model:?} {row:?} {weeks}: {expected}");
                }
            }
        }
    }
}

#[test]
fn the_point_where_the_papers_divide_by_nothing_is_like_its_neighbours() {
    for leaving in [Leaving::AfterRepeats, Leaving::AfterAny] {
        let at = |a: f64| model(leaving, [0.24, 4.4, a, 2.4]).expected(&buyer(3.0, 20.0, 39.0), 52.0);
        close(at(1.0), (at(1.0 - 1e-7) + at(1.0 + 1e-7)) / 2.0, 1e-12);
        // Both ways of computing agree where they meet.
        let parameters = |a: f64| model(leaving, [0.24, 4.4, a, 90.0]).expected(&buyer(3.0, 20.0, 39.0), 52.0);
        close(parameters(50.0 + 1e-9), parameters(50.0), 1e-9);
    }
    // Who came once, and a + b below one.
    assert!(model(Leaving::AfterRepeats, [0.24, 4.4, 0.3, 0.7]).expected(&buyer(0.0, 0.0, 39.0), 52.0) > 0.0);
}

#[test]
fn what_the_data_do_not_tell_is_named() {
    let rows = |of: &[(f64, f64, f64, f64)]| -> Vec<Buyer> {
        of.iter()
            .map(|(repeats, span, age, customers)| Buyer {
                repeats: *repeats,
                span: *span,
                age: *age,
                customers: *customers,
            })
            .collect()
    };
    let outcomes = |rows: &[Buyer]| {
        let fits = fit_buying(rows, 10.0);
        assert!(fits.used().is_none_or(|used| used.r.is_finite() && used.alpha.is_finite()));
        (fits.never.outcome, fits.leaving.map(|fit| fit.outcome))
    };
    let both = |outcome| (outcome, [outcome; 2]);
    assert_eq!(outcomes(&[]), both(Outcome::TooFewCustomers));
    assert_eq!(outcomes(&rows(&[(3.0, 20.0, 39.0, 1.0)])), both(Outcome::TooFewCustomers), "one customer");
    assert_eq!(outcomes(&rows(&[(0.0, 0.0, 39.0, 500.0), (0.0, 0.0, 20.0, 300.0)])), both(Outcome::NoRepeatPurchases));
    assert_eq!(outcomes(&rows(&[(0.0, 0.0, 0.0, 500.0)])), both(Outcome::TooLittleHistory));
    // Identical customers: rates do not differ, so that their spread has no bound.
    let alike = outcomes(&rows(&[(10.0, 38.0, 39.0, 400.0)]));
    assert_eq!(alike.0, Outcome::AtBound);
    // A thousand purchases by one among many who came once.
    let one = fit_buying(&rows(&[(1_000.0, 500.0, 510.0, 1.0), (0.0, 0.0, 200.0, 500.0)]), 10.0);
    assert!(one.never.log_likelihood.is_finite());
}

/// A shop of 2,000 customers of whom nobody leaves: rates are spread as an exponential distribution (`r` = 1), purchases
/// of each come evenly by chance; histories stand for as many customers as the distributions say.
fn nobody_leaves() -> Vec<Buyer> {
    let (alpha, spans) = (6.0_f64, 8_u32);
    let mut rows = Vec::new();
    for repeats in 0..200_u32 {
        for age in [20.0_f64, 30.0, 39.0] {
            let share = alpha / (alpha + age) * (age / (alpha + age)).powi(i32::try_from(repeats).unwrap());
            for part in 0..spans {
                // The last of so many purchases: quantiles of the greatest of as many even draws.
                let place = (f64::from(part) + 0.5) / f64::from(spans);
                let span = if repeats == 0 { 0.0 } else { age * place.powf(1.0 / f64::from(repeats)) };
                let customers = 2_000.0 / 3.0 * share / f64::from(spans);
                rows.push(Buyer { repeats: f64::from(repeats), span, age, customers });
            }
        }
    }
    rows.sort_by(|x, y| x.repeats.total_cmp(&y.repeats));
    rows
}

#[test]
fn a_shop_where_nobody_leaves_is_scored_without_leaving() {
    let fits = fit_buying(&nobody_leaves(), 100.0);
    assert_eq!(fits.never.outcome, Outcome::Fitted);
    close(fits.never.model.r, 1.0, 0.02);
    close(fits.never.model.alpha, 6.0, 0.02);
    let outcomes = fits.leaving.map(|fit| fit.outcome);
    assert!(outcomes.iter().all(|outcome| *outcome != Outcome::Fitted), "{outcomes:?}");
    let used = fits.used().unwrap();
    assert_eq!(used.leaving, Leaving::Never);
    close(used.alive(&buyer(1.0, 1.0, 39.0)), 1.0, 1e-15);
    close(used.expected(&buyer(3.0, 20.0, 39.0), 52.0), (used.r + 3.0) / (used.alpha + 39.0) * 52.0, 1e-12);
}
