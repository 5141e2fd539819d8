//! Survival curves against a textbook, and at their edges.

use super::*;

fn rows(of: &[(f64, f64, bool, f64)]) -> Vec<Lifetime> {
    of.iter()
        .map(|(from, until, has_left, customers)| Lifetime {
            from: *from,
            until: *until,
            has_left: *has_left,
            customers: *customers,
        })
        .collect()
}

/// Remission in weeks of the patients who got 6-MP (Freireich and others 1963), the textbook example.
fn remission() -> Vec<Lifetime> {
    rows(&[
        (0.0, 6.0, true, 3.0),
        (0.0, 6.0, false, 1.0),
        (0.0, 7.0, true, 1.0),
        (0.0, 9.0, false, 1.0),
        (0.0, 10.0, true, 1.0),
        (0.0, 10.0, false, 1.0),
        (0.0, 11.0, false, 1.0),
        (0.0, 13.0, true, 1.0),
        (0.0, 16.0, true, 1.0),
        (0.0, 17.0, false, 1.0),
        (0.0, 19.0, false, 1.0),
        (0.0, 20.0, false, 1.0),
        (0.0, 22.0, true, 1.0),
        (0.0, 23.0, true, 1.0),
        (0.0, 25.0, false, 1.0),
        (0.0, 32.0, false, 2.0),
        (0.0, 34.0, false, 1.0),
        (0.0, 35.0, false, 1.0),
    ])
}

#[test]
fn the_curve_is_that_of_the_textbook() {
    let curve = survival(&remission());
    // Collett, Modelling Survival Data: shares, and standard errors by Greenwood.
    for (age, share, error) in [
        (6.0, 0.8571, 0.0764),
        (7.0, 0.8067, 0.0869),
        (10.0, 0.7529, 0.0963),
        (13.0, 0.6902, 0.1068),
        (16.0, 0.6275, 0.1141),
        (22.0, 0.5378, 0.1282),
        (23.0, 0.4482, 0.1346),
    ] {
        let step = curve.steps.iter().find(|step| step.age >= age).unwrap();
        assert!((step.survival - share).abs() < 5e-5, "{step:?}");
        assert!((step.survival * step.greenwood.sqrt() - error).abs() < 5e-5, "{step:?}");
        assert!(step.interval.0 < step.survival && step.survival < step.interval.1, "{step:?}");
    }
    assert_eq!(curve.median(), Some(23.0));
    assert_eq!((curve.beyond(5.9), curve.beyond(6.0)), (Some(1.0), Some(curve.steps[0].survival)));
    assert_eq!(curve.beyond(35.5), None, "nobody was seen that long");
    assert_eq!(curve.restricted_mean(36.0), None, "nobody was seen that long");
    // R, survRM2 and survival: the mean up to 35 weeks.
    let mean = curve.restricted_mean(35.0).unwrap();
    assert!((mean.mean - 23.287).abs() < 5e-4, "{mean:?}");
    assert!((mean.standard_error - 2.827).abs() < 5e-4, "{mean:?}");
}

#[test]
fn who_is_seen_late_is_at_risk_from_then_on() {
    let curve =
        survival(&rows(&[(0.0, 2.0, true, 1.0), (0.0, 5.0, false, 3.0), (3.0, 4.0, true, 2.0), (4.0, 9.0, true, 1.0)]));
    let shown: Vec<_> = curve.steps.iter().map(|step| (step.age, step.at_risk, step.left)).collect();
    assert_eq!(shown, [(2.0, 4.0, 1.0), (4.0, 5.0, 2.0), (5.0, 4.0, 0.0), (9.0, 1.0, 1.0)]);
}

#[test]
fn edges_have_values_or_none() {
    assert_eq!(survival(&[]).median(), None);
    assert_eq!(survival(&[]).restricted_mean(10.0), None);
    let nobody_left = survival(&rows(&[(0.0, 10.0, false, 5.0)]));
    assert_eq!(nobody_left.median(), None);
    assert_eq!(nobody_left.restricted_mean(10.0).map(|mean| mean.mean), Some(10.0));
    let all_left = survival(&rows(&[(0.0, 0.0, true, 5.0)]));
    assert_eq!((all_left.median(), all_left.restricted_mean(12.0).map(|mean| mean.mean)), (Some(0.0), Some(0.0)));
    // None of five stayed, or all did: chance does not exclude a share of 1 - 0.025 to the 1/5, or of that power.
    let bound = 0.025_f64.powf(0.2);
    assert_eq!(all_left.steps.last().map(|step| step.interval), Some((0.0, 1.0 - bound)));
    assert_eq!(nobody_left.steps.last().map(|step| step.interval), Some((bound, 1.0)));
    assert_eq!(nobody_left.restricted_mean(10.0).and_then(|mean| mean.interval), Some((10.0 * bound, 10.0)));
    assert_eq!(nobody_left.restricted_mean(4.0).and_then(|mean| mean.interval), Some((4.0 * bound, 4.0)));
    let together = survival(&rows(&[(0.0, 3.0, true, 5.0)]));
    assert_eq!(together.restricted_mean(12.0).map(|mean| (mean.mean, mean.interval)), Some((3.0, None)));
    let backwards = survival(&rows(&[(5.0, 3.0, true, 5.0)]));
    assert!(backwards.steps.is_empty());
}
