//! The shipped rules: each of them at work, case by case.

use std::collections::{BTreeMap, BTreeSet};

use headwater_diagnostics::{Rendering, render};
use headwater_metrics::{Catalogue, InputTable, Unit};
use headwater_rules::{CheckedRules, Environment};

use crate::night::Night;
use crate::support::{environment, judge};

const FILES: &[(&str, &str)] = &[
    ("rules/audits.yaml", include_str!("../../../../rules/audits.yaml")),
    ("rules/engagement.yaml", include_str!("../../../../rules/engagement.yaml")),
    ("rules/guardrails.yaml", include_str!("../../../../rules/guardrails.yaml")),
    ("rules/milestones.yaml", include_str!("../../../../rules/milestones.yaml")),
    ("rules/segments.yaml", include_str!("../../../../rules/segments.yaml")),
    ("rules/triggers.yaml", include_str!("../../../../rules/triggers.yaml")),
];

const ATTRIBUTES: &[(&str, Unit)] = &[
    ("account_id", Unit::Text),
    ("signed_up_on", Unit::Date),
    ("acquisition_channel", Unit::Text),
    ("plan", Unit::Text),
    ("use_case", Unit::Text),
];

/// A year-old account that pays, uses the product steadily and gives no cause for anything.
const CALM: &[(&str, &str)] = &[
    ("signed_up_on", "'2025-04-26'"),
    ("use_case", "'sprint_planning'"),
    ("tenure_days", "400"),
    ("mrr", "100"),
    ("contract_clv_residual", "900.0"),
    ("order_clv_residual", "90.0"),
    ("usage_events_28d", "100"),
    ("usage_events_prev_28d", "100"),
    ("features_used_28d", "5"),
    ("features_used_prev_28d", "5"),
    ("feature_adoption_28d", "0.3"),
    ("active_days_28d", "10"),
    ("active_days_90d", "30"),
    ("active_users_28d", "4"),
    ("stickiness_28d", "0.3"),
    ("new_feature_uptake_90d", "0.1"),
    ("days_since_last_activity", "1"),
    ("first_active_on", "'2025-04-28'"),
    ("first_value_event_on", "'2025-05-01'"),
    ("value_event_months", "6"),
    ("first_paid_on", "'2025-07-01'"),
    ("expansion_movements_total", "0"),
    ("expansion_movements_12m", "0"),
    ("contraction_movements_12m", "0"),
    ("churn_movements_12m", "0"),
    ("expansion_mrr_3m", "0"),
    ("contraction_mrr_3m", "0"),
    ("limit_usage_max_pct", "50"),
    ("on_trial", "FALSE"),
    ("satisfaction_mean_90d", "4.5"),
    ("nps_score_latest", "9"),
    ("nps_latest_on", "'2026-05-01'"),
    ("first_90_day_value_days", "10"),
    ("first_90_day_features", "5"),
    ("first_90_day_tickets", "1"),
    ("first_90_day_activated", "TRUE"),
    ("core_features_stopped_28d", "0"),
    ("valuable_features_unused", "0"),
    ("locked_feature_events_28d", "2"),
    ("blocked_attempts_28d", "2"),
    ("days_to_limit", "8"),
    ("escalations_90d", "0"),
    ("orders_total", "0"),
    ("order_discounts_total", "0"),
    ("net_revenue_total", "0"),
    ("nps_score_change", "0"),
    ("tickets_opened_90d", "0"),
    ("live_tickets_90d", "0"),
    ("recurring_theme_tickets_90d", "0"),
    ("requests_shipped_untold", "0"),
    ("referrals_total", "0"),
    ("list_mrr", "100"),
    ("price_gap_pct", "0"),
    ("is_on_legacy_plan", "FALSE"),
];

/// An account that differs from the calm one, and what the rules say about it.
struct Case {
    account: &'static str,
    given: &'static [(&'static str, &'static str)],
    /// Segments as `scheme.segment` and milestones as `ladder.milestone`, as far as the case is about them.
    states: &'static [&'static str],
    /// All flags, as `rule` or `rule held_back`.
    flags: &'static [&'static str],
}

const ADOPTION: (&str, &str) = ("feature_adoption_28d", "0.6");
const REGULARITY: (&str, &str) = ("active_days_28d", "20");
const STICKINESS: (&str, &str) = ("stickiness_28d", "0.5");
const NO_VALUE: (&str, &str) = ("first_value_event_on", "NULL");
const NO_MONTHS: (&str, &str) = ("value_event_months", "0");
const UNPAID: (&str, &str) = ("first_paid_on", "NULL");
// With a value of 10 of 50 and a breadth of 18 of 30 points, three tickets leave 38, two leave 41.
const WEAK_VALUE: (&str, &str) = ("first_90_day_value_days", "2");
const WEAK_BREADTH: (&str, &str) = ("first_90_day_features", "3");
const FREE: (&str, &str) = ("mrr", "0");

const CASES: &[Case] = &[
    Case {
        account: "calm",
        given: &[],
        states: &[
            "lifecycle.stable",
            "onboarding.established",
            "fit.steady",
            "use_case.served",
            "monetization.monetized",
            "maturity.shared",
            "advocacy.willing",
            "price_plan.listed",
        ],
        flags: &[],
    },
    Case {
        account: "falling",
        given: &[("usage_events_28d", "50")],
        states: &["lifecycle.at_risk"],
        flags: &["usage_fell"],
    },
    Case {
        account: "falling_free",
        given: &[("usage_events_28d", "50"), FREE],
        states: &["lifecycle.at_risk"],
        flags: &[],
    },
    Case { account: "falling_less", given: &[("usage_events_28d", "51")], states: &["lifecycle.stable"], flags: &[] },
    Case {
        account: "quiet",
        given: &[("days_since_last_activity", "22")],
        states: &["lifecycle.at_risk"],
        flags: &["gone_quiet"],
    },
    Case {
        account: "not_quiet",
        given: &[("days_since_last_activity", "21")],
        states: &["lifecycle.stable"],
        flags: &[],
    },
    Case {
        account: "champion",
        given: &[
            ADOPTION,
            REGULARITY,
            STICKINESS,
            ("new_feature_uptake_90d", "0.25"),
            ("usage_events_28d", "101"),
            ("expansion_movements_12m", "1"),
            ("expansion_movements_total", "1"),
        ],
        states: &["lifecycle.champion", "fit.compounding", "monetization.expanded", "maturity.broad"],
        flags: &["referral_ask"],
    },
    Case {
        account: "expanded_and_idle",
        given: &[("expansion_movements_12m", "1"), ("expansion_movements_total", "1")],
        states: &["fit.steady"],
        flags: &[],
    },
    Case {
        account: "expanded_and_returned",
        given: &[
            ("usage_events_28d", "101"),
            ("expansion_movements_12m", "1"),
            ("expansion_movements_total", "1"),
            ("churn_movements_12m", "1"),
        ],
        states: &["fit.steady"],
        flags: &[],
    },
    Case {
        account: "expanded_and_gone",
        given: &[
            ("usage_events_28d", "101"),
            ("expansion_movements_12m", "1"),
            ("expansion_movements_total", "1"),
            FREE,
        ],
        states: &["fit.steady"],
        flags: &[],
    },
    Case {
        account: "incurious",
        given: &[ADOPTION, REGULARITY, STICKINESS],
        states: &["lifecycle.stable"],
        flags: &[],
    },
    Case {
        account: "champion_without_news",
        given: &[ADOPTION, REGULARITY, STICKINESS, ("new_feature_uptake_90d", "NULL")],
        states: &["lifecycle.champion"],
        flags: &["champion_not_expanded", "referral_ask"],
    },
    Case {
        account: "stuck",
        given: &[("tenure_days", "15"), NO_VALUE, NO_MONTHS, UNPAID, FREE],
        states: &["onboarding.stuck", "monetization.-"],
        flags: &["onboarding_stalled"],
    },
    Case {
        account: "fresh",
        given: &[("tenure_days", "14"), NO_VALUE, NO_MONTHS, UNPAID, FREE],
        states: &["onboarding.on_course", "monetization.-"],
        flags: &[],
    },
    Case {
        account: "newly_active",
        given: &[("tenure_days", "20"), NO_MONTHS, UNPAID, FREE, ("active_days_28d", "5")],
        states: &["onboarding.on_course", "monetization.activated", "maturity.started"],
        flags: &[],
    },
    Case {
        account: "proven",
        given: &[UNPAID, FREE, ("active_users_28d", "2")],
        states: &["monetization.repeat_value", "maturity.regular"],
        flags: &[],
    },
    Case { account: "unasked", given: &[("use_case", "NULL")], states: &["use_case.unnamed"], flags: &[] },
    Case {
        account: "unserved",
        given: &[("feature_adoption_28d", "0.25")],
        states: &["use_case.underserved"],
        flags: &[],
    },
    Case { account: "contracted", given: &[("contraction_movements_12m", "1")], states: &["fit.draining"], flags: &[] },
    Case {
        account: "escalating",
        given: &[("escalations_90d", "3")],
        states: &["fit.draining"],
        flags: &["support_strain"],
    },
    Case {
        account: "unhappy",
        given: &[("satisfaction_mean_90d", "2.9")],
        states: &["fit.steady"],
        flags: &["support_strain"],
    },
    Case { account: "at_limit", given: &[("limit_usage_max_pct", "80")], states: &[], flags: &["limit_pressure"] },
    Case {
        account: "at_limit_early",
        given: &[("limit_usage_max_pct", "80"), ("value_event_months", "1"), UNPAID],
        states: &["monetization.activated"],
        flags: &["limit_pressure held_back"],
    },
    Case {
        account: "surging",
        given: &[ADOPTION, REGULARITY, STICKINESS, ("usage_events_28d", "130")],
        states: &["lifecycle.stable"],
        flags: &["success_signal"],
    },
    Case {
        account: "surging_and_unhappy",
        given: &[
            ADOPTION,
            REGULARITY,
            STICKINESS,
            ("usage_events_28d", "130"),
            ("nps_score_latest", "0"),
            ("satisfaction_mean_90d", "1"),
        ],
        states: &[],
        flags: &["detractor", "support_strain"],
    },
    Case {
        account: "narrow",
        given: &[("feature_adoption_28d", "0.19"), ("active_days_28d", "8")],
        states: &[],
        flags: &["education_target"],
    },
    Case {
        account: "on_trial",
        given: &[
            ("tenure_days", "8"),
            ("on_trial", "TRUE"),
            ("trial_started_on", "'2026-05-23'"),
            NO_VALUE,
            NO_MONTHS,
            UNPAID,
            FREE,
        ],
        states: &[],
        flags: &["trial_without_value"],
    },
    Case { account: "dropping", given: &[("features_used_28d", "3")], states: &[], flags: &["features_abandoned"] },
    Case {
        account: "silent",
        given: &[("tenure_days", "100"), ("active_days_90d", "3")],
        states: &[],
        flags: &["hardly_there"],
    },
    Case {
        account: "weak_start",
        given: &[("tenure_days", "365"), WEAK_VALUE, WEAK_BREADTH, ("first_90_day_tickets", "3")],
        states: &[],
        flags: &["silent_churn_risk"],
    },
    Case {
        account: "less_weak_start",
        given: &[("tenure_days", "365"), WEAK_VALUE, WEAK_BREADTH, ("first_90_day_tickets", "2")],
        states: &[],
        flags: &[],
    },
    Case {
        account: "weak_start_free",
        given: &[("tenure_days", "100"), WEAK_VALUE, WEAK_BREADTH, ("first_90_day_tickets", "3"), FREE],
        states: &[],
        flags: &[],
    },
    Case {
        account: "weak_start_long_ago",
        given: &[WEAK_VALUE, WEAK_BREADTH, ("first_90_day_tickets", "3")],
        states: &[],
        flags: &[],
    },
    Case {
        account: "never_activated",
        given: &[("tenure_days", "90"), ("first_90_day_activated", "FALSE")],
        states: &[],
        flags: &["silent_churn_risk"],
    },
    Case {
        account: "without_its_core",
        given: &[("core_features_stopped_28d", "1")],
        states: &[],
        flags: &["core_feature_stopped"],
    },
    Case {
        account: "untaught",
        given: &[("valuable_features_unused", "1"), ("active_days_28d", "8")],
        states: &[],
        flags: &["valuable_feature_unused"],
    },
    Case {
        account: "untaught_and_rare",
        given: &[("valuable_features_unused", "1"), ("active_days_28d", "7")],
        states: &[],
        flags: &[],
    },
    Case { account: "week_to_limit", given: &[("days_to_limit", "7")], states: &[], flags: &["limit_ahead"] },
    Case {
        account: "before_locked_doors",
        given: &[("locked_feature_events_28d", "3")],
        states: &[],
        flags: &["locked_feature_interest"],
    },
    Case {
        account: "refused",
        given: &[("blocked_attempts_28d", "3")],
        states: &[],
        flags: &["locked_feature_interest"],
    },
    Case { account: "leaving", given: &[("subscription_ends_on", "'2026-07-30'")], states: &[], flags: &["leaving"] },
    Case { account: "leaving_later", given: &[("subscription_ends_on", "'2026-07-31'")], states: &[], flags: &[] },
    Case { account: "shrinking", given: &[("contraction_mrr_3m", "10")], states: &[], flags: &["shrinking"] },
    Case {
        account: "champion_that_brings_others",
        given: &[
            ADOPTION,
            REGULARITY,
            STICKINESS,
            ("new_feature_uptake_90d", "0.25"),
            ("expansion_movements_12m", "1"),
            ("expansion_movements_total", "1"),
            ("referrals_total", "1"),
            ("nps_score_latest", "NULL"),
        ],
        states: &["advocacy.advocate"],
        flags: &[],
    },
    Case { account: "reviewer", given: &[("review_score_mean_365d", "4")], states: &["advocacy.advocate"], flags: &[] },
    Case { account: "critic", given: &[("review_score_mean_365d", "3.9")], states: &["advocacy.willing"], flags: &[] },
    Case {
        account: "angry_reviewer",
        given: &[("review_score_mean_365d", "5"), ("nps_score_latest", "6")],
        states: &["advocacy.other"],
        flags: &["detractor"],
    },
    Case {
        account: "cooling",
        given: &[("nps_score_change", "-3"), ("nps_score_latest", "7")],
        states: &["advocacy.other"],
        flags: &["recommendation_fell"],
    },
    Case {
        account: "grandfathered",
        given: &[("is_on_legacy_plan", "TRUE"), ("list_mrr", "120")],
        states: &["price_plan.legacy"],
        flags: &["migration_candidate"],
    },
    Case {
        account: "far_below_list",
        given: &[("price_gap_pct", "20"), ("list_mrr", "125")],
        states: &["price_plan.below_list"],
        flags: &["migration_candidate"],
    },
    Case {
        account: "grandfathered_and_escalating",
        given: &[("price_gap_pct", "50"), ("escalations_90d", "1")],
        states: &["price_plan.below_list"],
        flags: &[],
    },
    Case { account: "yearly", given: &[("price_gap_pct", "19.9")], states: &["price_plan.listed"], flags: &[] },
    Case {
        account: "key_by_mail",
        given: &[("mrr", "900"), ("tickets_opened_90d", "2"), ("live_ticket_share_90d", "0")],
        states: &["value_tier.key"],
        flags: &["key_account_low_touch"],
    },
    Case {
        account: "key_by_mail_once",
        given: &[("mrr", "900"), ("tickets_opened_90d", "1"), ("live_ticket_share_90d", "0")],
        states: &["value_tier.key"],
        flags: &[],
    },
    Case {
        account: "key_by_phone",
        given: &[
            ("mrr", "900"),
            ("tickets_opened_90d", "3"),
            ("live_ticket_share_90d", "0.1"),
            ("live_tickets_90d", "1"),
        ],
        states: &["value_tier.key"],
        flags: &[],
    },
    Case {
        account: "small_by_phone",
        given: &[("mrr", "1"), ("live_tickets_90d", "3")],
        states: &["value_tier.tail"],
        flags: &["small_account_high_touch"],
    },
    Case { account: "small_by_phone_once", given: &[("mrr", "1"), ("live_tickets_90d", "2")], states: &[], flags: &[] },
    Case {
        account: "middling_by_mail",
        given: &[("tickets_opened_90d", "2"), ("live_ticket_share_90d", "0")],
        states: &[],
        flags: &[],
    },
    Case {
        account: "asks_again",
        given: &[("recurring_theme_tickets_90d", "3"), ("recurring_theme_90d", "'billing'")],
        states: &[],
        flags: &["recurring_problem"],
    },
    Case { account: "untold", given: &[("requests_shipped_untold", "1")], states: &[], flags: &["requester_untold"] },
    Case { account: "detractor", given: &[("nps_score_latest", "6")], states: &[], flags: &["detractor"] },
    Case {
        account: "bargain_hunter",
        given: &[
            ("orders_total", "3"),
            ("order_discounts_total", "40"),
            ("net_revenue_total", "60"),
            ("days_since_last_order", "10"),
        ],
        states: &[],
        flags: &["discount_habit"],
    },
    Case {
        account: "lapsing",
        given: &[("orders_total", "3"), ("net_revenue_total", "60"), ("days_since_last_order", "91")],
        states: &[],
        flags: &["lapsing_buyer"],
    },
    Case {
        account: "too_early",
        given: &[("value_event_months", "1"), ("expansion_movements_total", "1"), ("expansion_movements_12m", "1")],
        states: &["monetization.activated"],
        flags: &["premature_expansion", "premature_monetization"],
    },
    Case { account: "whale", given: &[("mrr", "1000")], states: &["value_tier.key"], flags: &[] },
    Case { account: "shrimp", given: &[("mrr", "1")], states: &["value_tier.tail"], flags: &[] },
    Case {
        account: "staying",
        given: &[("contract_clv_residual", "90000.0"), ("order_clv_residual", "0.5")],
        states: &["contract_clv_tier.champions", "order_clv_tier.rest"],
        flags: &[],
    },
    Case {
        account: "buying",
        given: &[("contract_clv_residual", "0.5"), ("order_clv_residual", "90000.0")],
        states: &["contract_clv_tier.rest", "order_clv_tier.champions"],
        flags: &[],
    },
];

fn shipped(project: &Environment) -> CheckedRules {
    let (rules, problems, sources) = judge(FILES, project);
    let text = render(&problems, &sources, Rendering::Human { colour: false });
    assert!(problems.is_empty(), "the shipped rules are free of errors and warnings\n{text}");
    rules.unwrap()
}

/// One night over all cases, an account each.
async fn night() -> Night {
    let rules = shipped(&environment(ATTRIBUTES));
    let mut columns: Vec<(String, Unit)> = ATTRIBUTES.iter().map(|(name, unit)| ((*name).to_owned(), *unit)).collect();
    for id in rules.account_metrics_needed() {
        let unit = Catalogue.metric(&id).unwrap().unit;
        columns.push((id, unit));
    }
    let row = |case: &Case| {
        let mut values: BTreeMap<&str, &str> = CALM.iter().copied().collect();
        values.extend(case.given.iter().copied());
        let unknown: Vec<_> = values.keys().filter(|name| !columns.iter().any(|(known, _)| known == *name)).collect();
        assert!(unknown.is_empty(), "no rule needs {unknown:?}");
        let account = format!("'{}'", case.account);
        values.insert("account_id", &account);
        let cells: Vec<_> =
            columns.iter().map(|(name, _)| values.get(name.as_str()).copied().unwrap_or("NULL")).collect();
        format!("({})", cells.join(", "))
    };
    let rows: Vec<_> = CASES.iter().map(row).collect();
    let columns: Vec<_> = columns.iter().map(|(name, unit)| (name.as_str(), *unit)).collect();
    Night::new(&rules, "2026-05-31", &columns, &rows.join(", ")).await
}

/// Lines of `account | what` as a set for each account.
fn by_account(lines: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut sets: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in lines.lines() {
        let (account, rest) = line.split_once(" | ").unwrap();
        sets.entry(account.to_owned()).or_default().insert(rest.to_owned());
    }
    sets
}

#[tokio::test]
async fn every_case_is_judged_as_the_rules_promise() {
    let night = night().await;
    let segments = night.rows("segment_scores", "account_id scheme segment").await;
    let milestones = night.rows("milestone_states", "account_id ladder milestone").await;
    let states = by_account(&format!("{segments}\n{milestones}"));
    let flags = by_account(&night.rows("flagged_accounts", "account_id rule_id state").await);
    let mut wrong = Vec::new();
    for case in CASES {
        for state in case.states {
            let wanted = state.replacen('.', " | ", 1);
            if !states[case.account].contains(&wanted) {
                wrong.push(format!("{}: not {state}, but {:?}", case.account, states[case.account]));
            }
        }
        let wanted: BTreeSet<_> = case
            .flags
            .iter()
            .map(|flag| {
                flag.split_once(' ')
                    .map_or_else(|| format!("{flag} | firing"), |(rule, state)| format!("{rule} | {state}"))
            })
            .collect();
        let found = flags.get(case.account).cloned().unwrap_or_default();
        if found != wanted {
            wrong.push(format!("{}: flags {found:?}, not {wanted:?}", case.account));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn every_rule_has_a_case() {
    let night = night().await;
    let catalog = night.rows("rule_catalog", "kind rule_id").await;
    let told: BTreeSet<&str> =
        CASES.iter().flat_map(|case| case.flags).map(|flag| flag.split(' ').next().unwrap()).collect();
    let states: BTreeSet<&str> = CASES.iter().flat_map(|case| case.states).copied().collect();
    for line in catalog.lines() {
        let (kind, id) = line.split_once(" | ").unwrap();
        match kind {
            "trigger" | "milestone" => assert!(told.contains(id), "no case for {id}"),
            "guardrail" => assert!(VERDICTS.iter().any(|(guardrail, ..)| *guardrail == id), "no case for {id}"),
            _ => {}
        }
    }
    for state in [
        "lifecycle.at_risk",
        "lifecycle.champion",
        "lifecycle.stable",
        "onboarding.established",
        "onboarding.stuck",
        "onboarding.on_course",
        "fit.compounding",
        "fit.draining",
        "fit.steady",
        "use_case.unnamed",
        "use_case.served",
        "use_case.underserved",
        "monetization.activated",
        "monetization.repeat_value",
        "monetization.monetized",
        "monetization.expanded",
        "maturity.started",
        "maturity.regular",
        "maturity.shared",
        "maturity.broad",
        "advocacy.advocate",
        "advocacy.willing",
        "advocacy.other",
        "price_plan.legacy",
        "price_plan.below_list",
        "price_plan.listed",
    ] {
        assert!(states.contains(state), "no case for {state}");
    }
}

#[tokio::test]
async fn presets_place_every_account() {
    let night = night().await;
    let segments = night.rows("segment_scores", "scheme segment account_id").await;
    for scheme in ["usage_rfm", "order_rfm", "value_tier", "contract_clv_tier", "order_clv_tier"] {
        let of_scheme: Vec<_> = segments.lines().filter(|line| line.starts_with(scheme)).collect();
        assert_eq!(of_scheme.len(), CASES.len(), "{scheme}");
    }
    assert!(segments.contains("order_rfm | unscored | calm"), "an account without orders has no recency");
    assert!(!segments.contains("order_rfm | unscored | lapsing"));
}

#[tokio::test]
async fn amounts_at_stake() {
    let night = night().await;
    let flags = night.rows("flagged_accounts", "account_id rule_id value_at_stake summary").await;
    assert!(flags.contains("shrinking | shrinking | 120.00 | Pays less than three months ago"), "{flags}");
    assert!(
        flags.contains("falling | usage_fell | 1200.00 | Usage changed by -0.5, 1200.00 a year at stake"),
        "{flags}"
    );
    assert!(flags.contains("grandfathered | migration_candidate | 240.00 | "), "{flags}");
    assert!(flags.contains("asks_again | recurring_problem | - | 3 tickets about billing"), "{flags}");
    assert!(flags.contains("at_limit | limit_pressure | 100.00 | at_limit uses 80.0 % of its plan"), "{flags}");
}

#[tokio::test]
async fn the_shipped_audits_pass_on_a_sound_night() {
    let night = night().await;
    verdicts_of(&night, "nrr_12m", 1.1, 100).await;
    for (table, _) in night.compiled.tables() {
        night.keep(table.name).await;
    }
    for audit in night.compiled.audits() {
        let row = night.query(&audit.query.sql, "failed observed expected").await;
        assert!(row.starts_with("false"), "{}: {row}", audit.id);
    }
}

/// Guardrail, metric, value, and the verdict over all accounts where everything else passes.
const VERDICTS: &[(&str, &str, f64, &str)] = &[
    ("payback", "cac_payback_months", 11.9, "pass"),
    ("payback", "cac_payback_months", 12.0, "watch"),
    ("payback", "cac_payback_months", 18.0, "breach"),
    ("nrr_gate", "nrr_12m", 1.01, "pass"),
    ("nrr_gate", "nrr_12m", 1.0, "watch"),
    ("nrr_gate", "nrr_12m", 0.95, "breach"),
    ("grr_floor", "grr_12m", 0.9, "pass"),
    ("grr_floor", "grr_12m", 0.82, "watch"),
    ("grr_floor", "grr_12m", 0.81, "breach"),
    ("clv_to_cac", "clv_cac_ratio", 3.0, "pass"),
    ("clv_to_cac", "clv_cac_ratio", 2.9, "watch"),
    ("clv_to_cac", "clv_cac_ratio", 5.0, "watch"),
    ("clv_to_cac", "clv_cac_ratio", 0.9, "breach"),
    ("clv_to_cac", "cac_payback_months", 12.0, "waiting"),
    ("clv_to_cac", "nrr_12m", 1.0, "waiting"),
    ("unsafe_clv_gain", "cac_payback_change_pct_3m", 9.9, "pass"),
    ("unsafe_clv_gain", "cac_payback_change_pct_3m", 10.0, "watch"),
    ("unsafe_clv_gain", "cac_payback_change_pct_3m", 25.0, "breach"),
    ("churn_pace", "logo_churn_monthly_12m", 0.029, "pass"),
    ("churn_pace", "logo_churn_monthly_12m", 0.03, "watch"),
    ("churn_pace", "logo_churn_monthly_12m", 0.05, "breach"),
    ("quick_ratio", "quick_ratio_3m", 4.0, "pass"),
    ("quick_ratio", "quick_ratio_3m", 2.0, "watch"),
    ("quick_ratio", "quick_ratio_3m", 1.9, "breach"),
    ("trial_conversion", "trial_to_paid_30d", 0.15, "pass"),
    ("trial_conversion", "trial_to_paid_30d", 0.08, "watch"),
    ("trial_conversion", "trial_to_paid_30d", 0.07, "breach"),
    ("early_churn", "early_churn_90d", 0.049, "pass"),
    ("early_churn", "early_churn_90d", 0.05, "watch"),
    ("early_churn", "early_churn_90d", 0.1, "breach"),
    // A ratio of 5 and a payback of 36 months imply 180.
    ("implied_lifetime", "implied_lifetime_months", 120.0, "pass"),
    ("implied_lifetime", "implied_lifetime_months", 121.0, "watch"),
    ("implied_lifetime", "implied_lifetime_months", 180.0, "breach"),
    ("margin_floor", "gross_margin_12m", 0.7, "pass"),
    ("margin_floor", "gross_margin_12m", 0.6, "watch"),
    ("margin_floor", "gross_margin_12m", 0.59, "breach"),
    ("discount_share", "discount_dependence_90d", 0.14, "pass"),
    ("discount_share", "discount_dependence_90d", 0.15, "watch"),
    ("discount_share", "discount_dependence_90d", 0.3, "breach"),
    ("blanket_retention", "blanket_retention_share_12m", 0.49, "pass"),
    ("blanket_retention", "blanket_retention_share_12m", 0.5, "watch"),
    ("blanket_retention", "blanket_retention_share_12m", 0.8, "breach"),
    ("kept_promise", "promise_gap_12m", 0.19, "pass"),
    ("kept_promise", "promise_gap_12m", 0.2, "watch"),
    ("kept_promise", "promise_gap_12m", 0.4, "breach"),
    ("mean_stands_for_few", "mrr_at_least_mean_share", 0.25, "pass"),
    ("mean_stands_for_few", "mrr_at_least_mean_share", 0.24, "watch"),
    ("mean_stands_for_few", "mrr_at_least_mean_share", 0.09, "breach"),
    ("recommendation", "nps_90d", 30.0, "pass"),
    ("recommendation", "nps_90d", 29.0, "watch"),
    ("recommendation", "nps_90d", -1.0, "breach"),
];

/// The verdicts where one metric has a value and all others pass.
async fn verdicts_of(night: &Night, metric: &str, value: f64, accounts: u32) -> String {
    let passing: BTreeMap<&str, f64> =
        VERDICTS.iter().filter(|case| case.3 == "pass").map(|case| (case.1, case.2)).collect();
    let rows: Vec<_> = passing
        .into_iter()
        .map(|(known, pass)| {
            let value = if known == metric { value } else { pass };
            format!("('2026-05-31', 'total', 'total', '{known}', 'number', {value}, {accounts}, NULL)")
        })
        .collect();
    night.table("group_metrics", crate::execution::GROUP_COLUMNS, &rows.join(", ")).await;
    night.rows("guardrail_verdicts", "guardrail_id scope verdict").await
}

#[tokio::test]
async fn guardrails_have_their_edges_where_they_say() {
    let night = night().await;
    for (guardrail, metric, value, verdict) in VERDICTS {
        let found = verdicts_of(&night, metric, *value, 100).await;
        let wanted = format!("{guardrail} | total | {verdict}");
        assert!(found.lines().any(|line| line == wanted), "{metric} {value}: not {wanted}\n{found}");
    }
    let few = verdicts_of(&night, "nrr_12m", 1.1, 29).await;
    assert!(few.contains("nrr_gate | total | insufficient_evidence"), "{few}");
}

#[test]
fn the_shipped_rules_fit_projects_with_fewer_inputs() {
    for inputs in [vec![], vec![InputTable::Orders], vec![InputTable::Subscriptions], vec![InputTable::UsageEvents]] {
        let mut project = environment(&[("account_id", Unit::Text)]);
        project.inputs = inputs.iter().copied().chain([InputTable::Accounts]).collect();
        let rules = shipped(&project);
        assert!(!rules.skipped().is_empty());
    }
    let mut project = environment(&[("account_id", Unit::Text)]);
    project.inputs = [InputTable::Accounts, InputTable::Orders].into_iter().collect();
    let needed = shipped(&project).account_metrics_needed();
    assert!(needed.contains("days_since_last_order") && !needed.contains("mrr"), "{needed:?}");
}
