//! Trials of one account and what came of them.

use super::{Definition, Formula, InputTable, RowTable, Unit, Windows};

const TRIALS: &[(InputTable, &[&str])] = &[(InputTable::Subscriptions, &["is_trial"])];

const fn trial(
    name: &'static str,
    unit: Unit,
    formula: Formula,
    meaning: &'static str,
    null_rule: &'static str,
) -> Definition {
    Definition {
        name,
        windows: Windows::None,
        unit,
        reads: TRIALS,
        formula,
        meaning,
        null_rule,
        source: "ChartMogul, trial-to-paid conversion",
    }
}

const fn rows(sql: &'static str, empty: Option<&'static str>) -> Formula {
    Formula::Rows { table: RowTable::Subscriptions, sql, empty }
}

pub(super) const METRICS: &[Definition] = &[
    trial(
        "on_trial",
        Unit::Flag,
        rows("bool_or(is_trial AND started_on <= {as_of} AND (ended_on IS NULL OR ended_on > {as_of}))", Some("false")),
        "Whether a trial runs on the as-of day.",
        "False for an account without subscriptions.",
    ),
    trial(
        "trial_started_on",
        Unit::Date,
        rows("min(started_on) FILTER (WHERE is_trial AND started_on <= {as_of})", None),
        "First day of the first trial.",
        "Unknown for an account that never tried.",
    ),
    trial(
        "trial_to_paid_days",
        Unit::Days,
        Formula::Account(
            "CASE WHEN [first_paid_on] >= [trial_started_on] THEN days_between([trial_started_on], [first_paid_on]) END",
        ),
        "Days from the start of the first trial to the first paid day.",
        "Unknown without a trial, or while it has not been followed by payment (censored, not zero).",
    ),
];
