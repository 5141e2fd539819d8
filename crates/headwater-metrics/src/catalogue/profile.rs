//! Metrics of the account itself.

use super::{Definition, Formula, InputTable, Unit, Windows};

const SIGNED_UP: &[(InputTable, &[&str])] = &[(InputTable::Accounts, &["signed_up_on"])];

pub(super) const METRICS: &[Definition] = &[Definition {
    name: "tenure_days",
    windows: Windows::None,
    unit: Unit::Days,
    reads: SIGNED_UP,
    formula: Formula::Account("days_between(signed_up_on, {as_of})"),
    meaning: "Days since sign-up.",
    null_rule: "Unknown without a sign-up day.",
    source: "Headwater",
}];
