//! Bands as ranges of numbers.

use super::bands::Range;

#[test]
fn a_range_reaches_from_its_low_edge_to_before_its_high_one() {
    let range = Range::within(3.0, 5.0);
    assert_eq!(range.to_string(), "3..5");
    assert_eq!(range.sql("value"), "(value >= CAST('3' AS DOUBLE) AND value < CAST('5' AS DOUBLE))");
    assert!(!range.is_empty());
    assert!(Range::within(5.0, 5.0).is_empty());
}

#[test]
fn ranges_lie_in_wider_ones() {
    assert!(Range::within(3.0, 5.0).lies_in(Range::from(3.0)));
    assert!(Range::within(3.0, 5.0).lies_in(Range::within(3.0, 5.0)));
    assert!(!Range::from(3.0).lies_in(Range::within(3.0, 5.0)));
    assert!(!Range::within(2.9, 4.0).lies_in(Range::from(3.0)));
}
