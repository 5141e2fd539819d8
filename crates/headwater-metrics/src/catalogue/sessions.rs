//! Stretches of work in the product. Whether more or longer ones are a good sign is for rules to say: a report that takes
//! an hour may be depth, and may be pain.

use super::{Definition, Formula, InputTable, Unit, Windows};

const SESSIONS: &[(InputTable, &[&str])] = &[(InputTable::UsageEvents, &["session_id"])];
const LENGTHS: &[(InputTable, &[&str])] = &[(InputTable::UsageEvents, &["session_id", "duration_seconds"])];

const fn session(
    name: &'static str,
    reads: &'static [(InputTable, &'static [&'static str])],
    unit: Unit,
    sql: &'static str,
    meaning: &'static str,
) -> Definition {
    Definition {
        name,
        windows: Windows::Days,
        unit,
        reads,
        formula: Formula::Sessions(sql),
        meaning,
        null_rule: "Unknown for an account without sessions of known length in the window.",
        source: "Headwater",
    }
}

pub(super) const METRICS: &[Definition] = &[
    Definition {
        null_rule: "Zero for an account without sessions in the window.",
        ..session(
            "sessions_{w}",
            SESSIONS,
            Unit::Count,
            "count(*) FILTER (WHERE {in})",
            "Sessions that began in the window.",
        )
    },
    session(
        "session_minutes_mean_{w}",
        LENGTHS,
        Unit::Number,
        "CAST(sum(seconds) FILTER (WHERE {in}) AS DOUBLE) / 60 / nullif(count(seconds) FILTER (WHERE {in}), 0)",
        "Mean minutes of the sessions that began in the window: the durations of a session's events, added up.",
    ),
    session(
        "session_minutes_median_{w}",
        LENGTHS,
        Unit::Number,
        "median(CAST(seconds AS DOUBLE)) FILTER (WHERE {in}) / 60",
        "Median minutes of the sessions that began in the window: the durations of a session's events, added up.",
    ),
];
