//! The shipped rules as a whole; what each says of an account is in `rules/tests/`.

use std::collections::BTreeMap;

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

/// Accounts and what sets them apart from the calm one.
const ACCOUNTS: &[(&str, &[(&str, &str)])] = &[
    ("calm", &[]),
    ("falling", &[("usage_events_28d", "50")]),
    ("at_limit", &[("limit_usage_max_pct", "80")]),
    ("shrinking", &[("contraction_mrr_3m", "10")]),
    ("grandfathered", &[("is_on_legacy_plan", "TRUE"), ("list_mrr", "120")]),
    ("asks_again", &[("recurring_theme_tickets_90d", "3"), ("recurring_theme_90d", "'billing'")]),
    ("lapsing", &[("orders_total", "3"), ("net_revenue_total", "60"), ("days_since_last_order", "91")]),
];

/// Group metrics of guardrails at which all of them pass.
const PASSING: &[(&str, f64)] = &[
    ("cac_payback_months", 11.9),
    ("payback_change_at_rising_clv_pct_3m", 9.9),
    ("clv_cac_ratio", 3.0),
    ("discount_dependence_90d", 0.14),
    ("early_churn_90d", 0.049),
    ("grr_12m", 0.9),
    ("gross_margin_12m", 0.7),
    ("implied_lifetime_months", 120.0),
    ("logo_churn_monthly_12m", 0.029),
    ("nrr_12m", 1.01),
    ("quick_ratio_3m", 4.0),
    ("trial_to_paid_30d", 0.15),
];

fn shipped(project: &Environment) -> CheckedRules {
    let (rules, problems, sources) = judge(FILES, project);
    let text = render(&problems, &sources, Rendering::Human { colour: false });
    assert!(problems.is_empty(), "the shipped rules are free of errors and warnings\n{text}");
    rules.unwrap()
}

/// One night over all accounts.
async fn night() -> Night {
    let rules = shipped(&environment(ATTRIBUTES));
    let mut columns: Vec<(String, Unit)> = ATTRIBUTES.iter().map(|(name, unit)| ((*name).to_owned(), *unit)).collect();
    for id in rules.account_metrics_needed() {
        let unit = Catalogue.metric(&id).unwrap().unit;
        columns.push((id, unit));
    }
    let row = |(account, given): &(&str, &[(&'static str, &'static str)])| {
        let mut values: BTreeMap<&str, &str> = CALM.iter().copied().collect();
        values.extend(given.iter().copied());
        let unknown: Vec<_> = values.keys().filter(|name| !columns.iter().any(|(known, _)| known == *name)).collect();
        assert!(unknown.is_empty(), "no rule needs {unknown:?}");
        let account = format!("'{account}'");
        values.insert("account_id", &account);
        let cells: Vec<_> =
            columns.iter().map(|(name, _)| values.get(name.as_str()).copied().unwrap_or("NULL")).collect();
        format!("({})", cells.join(", "))
    };
    let rows: Vec<_> = ACCOUNTS.iter().map(row).collect();
    let columns: Vec<_> = columns.iter().map(|(name, unit)| (name.as_str(), *unit)).collect();
    Night::new(&rules, "2026-05-31", &columns, &rows.join(", ")).await
}

#[tokio::test]
async fn presets_place_every_account() {
    let night = night().await;
    let segments = night.rows("segment_scores", "scheme segment account_id").await;
    for scheme in ["usage_rfm", "order_rfm", "value_tier", "contract_clv_tier", "order_clv_tier"] {
        let of_scheme: Vec<_> = segments.lines().filter(|line| line.starts_with(scheme)).collect();
        assert_eq!(of_scheme.len(), ACCOUNTS.len(), "{scheme}");
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
    let rows: Vec<_> = PASSING
        .iter()
        .map(|(metric, value)| format!("('2026-05-31', 'total', 'total', '{metric}', 'number', {value}, 100, NULL)"))
        .collect();
    night.table("group_metrics", crate::execution::GROUP_COLUMNS, &rows.join(", ")).await;
    for (table, _) in night.compiled.tables() {
        night.keep(table.name).await;
    }
    for table in night.compiled.compared_with() {
        night.copy_as(table, &night, &format!("previous_{table}")).await;
    }
    for audit in night.compiled.audits() {
        let row = night.query(&audit.query.sql, "failed observed expected").await;
        assert!(row.starts_with("false"), "{}: {row}", audit.id);
    }
}

/// `accounts_kept`: a tenth of the accounts may be gone since the last night, and no more.
#[tokio::test]
async fn a_night_that_lost_accounts_is_warned_of() {
    let night = night().await;
    let audit = night.compiled.audits().iter().find(|audit| audit.id == "accounts_kept").unwrap().clone();
    let accounts = night.query("SELECT count(*) AS accounts FROM account_metrics", "accounts").await;
    let accounts: usize = accounts.parse().unwrap();
    for (before, is_told) in [(accounts, false), (accounts * 10 / 9, false), (accounts * 10 / 8, true)] {
        let rows: Vec<_> = (0..before).map(|at| format!("('A{at}')")).collect();
        night.table("previous_account_metrics", &[("account_id", Unit::Text)], &rows.join(", ")).await;
        let found = night.query(&audit.query.sql, "failed").await;
        assert_eq!(found, is_told.to_string(), "{accounts} after {before}");
    }
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
