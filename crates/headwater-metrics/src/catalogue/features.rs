//! Which features an account's plan includes, which of them it uses, and which others it asks for.

use super::{Definition, Formula, InputTable, People, Unit, UsageSlot, Windows};

const INCLUDED: &[(InputTable, &[&str])] =
    &[(InputTable::UsageEvents, &["feature"]), (InputTable::Entitlements, &["feature"])];
const CORE: &[(InputTable, &[&str])] =
    &[(InputTable::UsageEvents, &["feature"]), (InputTable::Entitlements, &["feature", "is_core"])];
const VALUABLE: &[(InputTable, &[&str])] =
    &[(InputTable::UsageEvents, &["feature"]), (InputTable::Entitlements, &["feature", "is_valuable"])];
const WORTH: &[(InputTable, &[&str])] = &[
    (InputTable::UsageEvents, &["feature", "is_value_event"]),
    (InputTable::Entitlements, &["feature", "unit_value"]),
];
const LOCKED_USERS: &[(InputTable, &[&str])] =
    &[(InputTable::UsageEvents, &["feature", "user_id"]), (InputTable::Entitlements, &["feature"])];
const BLOCKED: &[(InputTable, &[&str])] = &[(InputTable::UsageEvents, &["is_blocked"])];
const BLOCKED_USERS: &[(InputTable, &[&str])] = &[(InputTable::UsageEvents, &["is_blocked", "user_id"])];

const fn feature(
    name: &'static str,
    reads: &'static [(InputTable, &'static [&'static str])],
    sql: &'static str,
    meaning: &'static str,
) -> Definition {
    Definition {
        name,
        windows: Windows::Days,
        unit: Unit::Count,
        reads,
        formula: Formula::Features(sql),
        meaning,
        null_rule: "Unknown for an account on a plan of which no feature is known.",
        source: "Headwater",
    }
}

pub(super) const METRICS: &[Definition] = &[
    Definition {
        windows: Windows::None,
        ..feature(
            "eligible_features",
            INCLUDED,
            "count(*) FILTER (WHERE is_included)",
            "Features that the account's plan includes.",
        )
    },
    feature(
        "eligible_features_used_{w}",
        INCLUDED,
        "count(*) FILTER (WHERE is_included AND {uses} > 0)",
        "Features that the account's plan includes and that it used.",
    ),
    feature(
        "core_features_stopped_{w}",
        CORE,
        "count(*) FILTER (WHERE is_included AND is_core AND {uses_before} > 0 AND {uses} = 0)",
        "Core features used in the window before, and not in this one; none where the window is everything.",
    ),
    Definition {
        windows: Windows::None,
        ..feature(
            "valuable_features_unused",
            VALUABLE,
            "count(*) FILTER (WHERE is_included AND is_valuable AND {uses_ever} = 0)",
            "Valuable features that the account's plan includes and that it never used; `education_targets` names them.",
        )
    },
    feature(
        "locked_feature_events_{w}",
        INCLUDED,
        "TRY_CAST(coalesce(sum({attempts}) FILTER (WHERE is_known AND NOT is_included), 0) AS BIGINT)",
        "Uses, and attempts that were refused, of features that other plans include and the account's does not.",
    ),
    Definition {
        reads: LOCKED_USERS,
        formula: Formula::Users("count(*) FILTER (WHERE {days} > 0)", People::Locked),
        ..feature(
            "locked_feature_users_{w}",
            INCLUDED,
            "",
            "Different people with uses or attempts of features that other plans include and the account's does not.",
        )
    },
    Definition {
        unit: Unit::Number,
        null_rule: "Unknown for an account on a plan of which no feature is known, or that neither has nor used a feature whose use has a worth.",
        ..feature(
            "value_delivered_{w}",
            WORTH,
            "CASE WHEN bool_or(unit_value IS NOT NULL) THEN coalesce(sum(TRY_CAST(CAST({value_uses} AS DOUBLE) * unit_value AS DECIMAL(28, 4))), 0) END",
            "Uses that delivered value, each times the worth of one use of its feature, in the project's own unit.",
        )
    },
    Definition {
        formula: Formula::Usage(UsageSlot::BlockedEvents),
        null_rule: "Zero for an account without refused attempts in the window.",
        ..feature("blocked_attempts_{w}", BLOCKED, "", "Attempts that were refused, by a plan or a limit.")
    },
    Definition {
        formula: Formula::Users("count(*) FILTER (WHERE {days} > 0)", People::Blocked),
        null_rule: "Zero for an account without refused attempts in the window.",
        ..feature("blocked_users_{w}", BLOCKED_USERS, "", "Different people of whom an attempt was refused.")
    },
];
