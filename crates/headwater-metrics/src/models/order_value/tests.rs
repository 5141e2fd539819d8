//! Expectations, slopes and outcomes of the model of order values.

use super::*;

#[test]
fn expected_values_are_those_of_the_paper() {
    // Parameters of the CDNOW sample, fitted to 12 digits by an independent program; values as the paper's authors print them.
    let model = OrderValueModel { p: 6.249_572_271_32, q: 3.744_224_667_13, v: 15.443_520_962_6 };
    for (repeats, mean, expected) in [(2.0, 22.345, 24.653_918_7), (1.0, 11.77, 18.910_018_4), (0.0, 0.0, 35.170_4)] {
        let value = model.expected(repeats, mean).unwrap();
        assert!((value - expected).abs() < 1e-4, "{value} is not {expected}");
    }
    assert_eq!(OrderValueModel { q: 0.9, ..model }.expected(0.0, 0.0), None, "an infinite mean is no value");
}

#[test]
fn slopes_of_the_likelihood_are_exact() {
    let rows = [(1.0, 0.4, 2.0), (3.0, 1.7, 1.0), (40.0, 0.9, 5.0)].map(|(repeats, mean, customers)| OrderValue {
        repeats,
        mean,
        customers,
    });
    let at = [2.0, 3.0, 1.5];
    let of = |[p, q, v]: [f64; 3]| likelihood(&rows, OrderValueModel { p, q, v });
    for (index, slope) in of(at).1.into_iter().enumerate() {
        let shifted = |by: f64| {
            let mut there = at;
            there[index] += by;
            of(there).0
        };
        assert!(((shifted(1e-5) - shifted(-1e-5)) / 2e-5 - slope).abs() < 1e-6 * slope.abs().max(1.0));
    }
}

#[test]
fn the_currency_is_only_a_unit() {
    let rows = |unit: f64| -> Vec<OrderValue> {
        let scattered = |i: u32, by: u32| f64::from((i * by) % 101) / 50.0 - 1.0;
        let row = |i: u32| {
            let repeats = f64::from(1 + i % 7);
            let mean = 40.0 * (1.0 + 0.6 * scattered(i, 37)) * (1.0 + 0.5 * scattered(i, 59) / repeats.sqrt());
            OrderValue { repeats, mean: unit * mean, customers: 1.0 }
        };
        (1..500).map(row).collect()
    };
    let (dollars, cents) = (fit_order_values(&rows(1.0), 10.0), fit_order_values(&rows(100.0), 10.0));
    assert_eq!((dollars.outcome, cents.outcome), (Outcome::Fitted, Outcome::Fitted));
    assert!((cents.model.v / dollars.model.v - 100.0).abs() < 1e-5);
    assert!((cents.model.q - dollars.model.q).abs() < 1e-6);
}

#[test]
fn what_the_data_do_not_tell_is_named() {
    assert_eq!(fit_order_values(&[], 10.0).outcome, Outcome::TooFewRepeatCustomers);
    let once = OrderValue { repeats: 0.0, mean: 0.0, customers: 500.0 };
    assert_eq!(fit_order_values(&[once], 10.0).outcome, Outcome::TooFewRepeatCustomers);
    let same = OrderValue { repeats: 3.0, mean: 20.0, customers: 500.0 };
    assert_eq!(fit_order_values(&[same], 10.0).outcome, Outcome::AtBound, "all spend the same");
    assert_eq!(value_correlation(&[same]), None);
}
