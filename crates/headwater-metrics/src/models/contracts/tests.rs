//! Fits, projections and outcomes of the models of staying, against published values.

use super::*;

/// Survivors of a thousand customers, year by year (Fader and Hardie 2007).
const REGULAR: [f64; 8] = [1_000.0, 631.0, 468.0, 382.0, 326.0, 289.0, 262.0, 241.0];
const HIGH_END: [f64; 8] = [1_000.0, 869.0, 743.0, 653.0, 593.0, 551.0, 517.0, 491.0];

fn cohort(survivors: &[f64]) -> Vec<Contract> {
    let mut rows: Vec<Contract> = survivors
        .windows(2)
        .zip(0_u32..)
        .map(|(pair, renewals)| Contract {
            renewals_before: 0.0,
            renewals: f64::from(renewals),
            has_left: true,
            customers: pair[0] - pair[1],
        })
        .collect();
    let renewals = u32::try_from(survivors.len() - 1).unwrap();
    rows.push(Contract {
        renewals_before: 0.0,
        renewals: f64::from(renewals),
        has_left: false,
        customers: survivors[survivors.len() - 1],
    });
    rows
}

fn close(value: f64, expected: f64, tolerance: f64) {
    assert!((value - expected).abs() <= tolerance * expected.abs(), "{value} is not {expected}");
}

#[test]
fn fits_are_those_of_the_paper_to_the_digits_of_an_independent_program() {
    for (survivors, a, b, log_likelihood) in [
        (&REGULAR[..], 0.704_077_298_474, 1.182_043_026_209, -1_680.265_188_463_287),
        (&HIGH_END[..], 0.668_088_351_106, 3.806_094_964_058, -1_611.158_147_391_155),
        (&REGULAR[..5], 0.763_665_062_565, 1.295_830_272_183, -1_401.559_423_577),
    ] {
        let fit = fit_contracts(&cohort(survivors), 100.0).sbg;
        assert_eq!(fit.outcome, Outcome::Fitted);
        assert_eq!(fit.starts_agreeing, 3);
        let ContractModel::ShiftedBetaGeometric { a: found_a, b: found_b } = fit.model else { panic!() };
        close(found_a, a, 1e-8);
        close(found_b, b, 1e-8);
        close(fit.log_likelihood, log_likelihood, 1e-12);
    }
}

#[test]
fn projections_and_residual_lifetimes_are_those_published() {
    let regular = fit_contracts(&cohort(&REGULAR), 100.0).used().unwrap();
    let high_end = fit_contracts(&cohort(&HIGH_END), 100.0).used().unwrap();
    for (years, expected) in [(8, 0.460_44), (9, 0.435_78), (10, 0.414_17), (11, 0.395_06), (12, 0.378_00)] {
        close(high_end.stays(0.0, years), expected, 2e-5);
    }
    // At 10 %: of a new customer with the payment of today, and before its first, second, … renewal.
    let before = |model: ContractModel, renewals: f64| model.discounted_renewals(renewals, 0.0, 0.1, f64::INFINITY);
    let of_new = |model: ContractModel, d: f64| 1.0 + model.discounted_renewals(0.0, 1.0, d, f64::INFINITY);
    close(of_new(regular, 0.1), 3.694_908_427_512, 1e-7);
    close(of_new(regular, 0.15), 3.105_940_626_022, 1e-7);
    for (renewals, expected) in
        [(0.0, 2.964_399_27), (1.0, 4.103_139_78), (2.0, 4.869_804_65), (3.0, 5.442_058_47), (4.0, 5.894_095_36)]
    {
        close(before(regular, renewals), expected, 1e-7);
    }
    close(before(high_end, 7.0), 7.5296, 1e-5);
    // The four years of the note of 2014: constant churn undervalues who has stayed.
    let short = fit_contracts(&cohort(&REGULAR[..5]), 100.0);
    close(of_new(short.sbg.model, 0.1), 3.621_147_753, 1e-7);
    let ContractModel::Geometric { churn } = short.geometric.model else { panic!() };
    close(churn, 0.271_656, 1e-4);
    close(of_new(short.geometric.model, 0.1), 1.1 / (0.1 + churn), 1e-12);
}

#[test]
fn customers_seen_late_count_from_then_on() {
    // Customers of the regular cohort, seen only after their second renewal, tell the same model of those that stayed.
    let late: Vec<Contract> = cohort(&REGULAR)
        .into_iter()
        .filter(|row| row.renewals >= 2.0)
        .map(|row| Contract { renewals_before: 2.0, ..row })
        .collect();
    let early = cohort(&REGULAR[..3]);
    let both = fit_contracts(&[early, late].concat(), 100.0).sbg;
    let whole = fit_contracts(&cohort(&REGULAR), 100.0).sbg;
    // Those who were followed to the second renewal, and again from there, are the whole cohort.
    close(both.log_likelihood, whole.log_likelihood, 1e-9);
}

#[test]
fn what_the_data_do_not_tell_is_named() {
    let row = |renewals: f64, has_left: bool, customers: f64| Contract {
        renewals_before: 0.0,
        renewals,
        has_left,
        customers,
    };
    let outcomes = |rows: &[Contract]| {
        let fits = fit_contracts(rows, 10.0);
        (fits.geometric.outcome, fits.sbg.outcome)
    };
    assert_eq!(outcomes(&[]), (Outcome::TooFewCustomers, Outcome::TooFewCustomers));
    assert_eq!(outcomes(&[row(3.0, false, 500.0)]), (Outcome::NobodyLeft, Outcome::NobodyLeft));
    // All that came to a renewal left there, and others have not come to one.
    let all_left = [row(0.0, true, 120.0), row(0.0, false, 60.0)];
    assert_eq!(outcomes(&all_left).0, Outcome::AtBound);
    assert_eq!(fit_contracts(&all_left, 1.0).used(), None);
    assert_eq!(outcomes(&[row(0.0, false, 500.0)]), (Outcome::TooLittleHistory, Outcome::TooLittleHistory));
    let one_renewal = [row(0.0, true, 100.0), row(1.0, false, 400.0)];
    assert_eq!(outcomes(&one_renewal), (Outcome::Fitted, Outcome::TooLittleHistory));
    // All have the same probability: their spread has no bound, and the simpler model is used.
    let same: Vec<f64> = (0..8).map(|year| 1_000_000.0 * 0.8_f64.powi(year)).collect();
    let fits = fit_contracts(&cohort(&same), 10.0);
    assert_eq!((fits.geometric.outcome, fits.sbg.outcome), (Outcome::Fitted, Outcome::AtBound));
    assert!(matches!(fits.used(), Some(ContractModel::Geometric { churn }) if (churn - 0.2).abs() < 1e-9));
}

#[test]
fn nothing_beyond_the_horizon_counts() {
    let stays = ContractModel::Geometric { churn: 0.25 };
    let within = |first_in: f64, horizon: f64| stays.discounted_renewals(0.0, first_in, 0.0, horizon);
    // The renewal after three months of a yearly term, six months ahead: a quarter of the year that it pays for.
    close(within(0.25, 0.5), 0.75 * 0.25, 1e-12);
    close(within(1.0, 3.0), 0.75 + 0.75 * 0.75, 1e-12);
    close(within(1.0, 1.0) + 1.0, 1.0, 1e-12);
}
