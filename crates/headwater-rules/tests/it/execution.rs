//! Rules over small tables: the rows that every query gives.

use headwater_metrics::Unit;
use headwater_rules::{CheckedRules, OutputTable};

use crate::night::Night;
use crate::support::{environment, judge};

pub(crate) const COLUMNS: &[(&str, Unit)] = &[
    ("account_id", Unit::Text),
    ("account_name", Unit::Text),
    ("signed_up_on", Unit::Date),
    ("plan", Unit::Text),
    ("events", Unit::Count),
    ("events_before", Unit::Count),
    ("quiet_days", Unit::Days),
    ("share", Unit::Ratio),
    ("revenue", Unit::Money),
    ("value_months", Unit::Count),
    ("activated_on", Unit::Date),
    ("paid_on", Unit::Date),
];

const ROWS: &str = "
    ('A1', 'Ada',  '2026-01-01', 'team', 10, 20,   2,  0.9, 100.00, 3, '2026-01-05', '2026-02-01'),
    ('A2', 'Bo',   '2026-01-01', 'solo', 2,  8,    30, 0.1, 20.00,  1, '2026-01-10', '2026-01-05'),
    ('A3', 'Cy',   '2026-05-20', 'team', 8,  4,    1,  0.5, 50.10,  0, NULL,         NULL),
    ('A4', 'Di',   '2026-03-01', 'solo', 0,  0,    90, NULL, NULL,  0, NULL,         NULL),
    ('A5', 'Ed',   NULL,         NULL,   6,  NULL, 5,  0.5, 50.10,  2, '2026-04-01', '2026-04-01')";

const RULES: &str = r#"
version: 1
defaults: {owner: growth}
params:
  - {id: floor, type: decimal, value: 60}
metrics:
  - {id: trend, type: ratio, description: change, expr: "events / events_before - 1"}
  - {id: arr, type: money, description: a year, expr: "revenue * 12"}
  - {id: arr_band, type: text, description: size, expr: "CASE WHEN arr >= 600 THEN 'large' ELSE 'small' END"}
  - id: engagement
    description: use
    weighted_score:
      components:
        - {id: share, metric: share, weight: 60, floor: 0, ceiling: 1}
        - {id: events, metric: events, weight: 40, floor: 0, ceiling: 10}
  - id: strict
    description: use
    weighted_score:
      when_missing: unknown
      components:
        - {id: share, metric: share, weight: 50, floor: 0, ceiling: 1}
        - {id: quiet, metric: quiet_days, weight: 50, floor: 0, ceiling: 30, inverted: true}
segment_schemes:
  - id: lifecycle
    description: who
    score: engagement
    segments:
      - id: at_risk
        when:
          any:
            - {id: fell, expr: "trend <= -0.5"}
            - {id: quiet, expr: "quiet_days > 21"}
      - id: champion
        when: "engagement >= param.floor AND plan = 'team'"
      - {id: stable, otherwise: true}
  - {id: rf, description: grid, preset: rfm, inputs: {recency: quiet_days, frequency: events}}
  - id: tier
    description: value
    preset: tiers
    metric: revenue
    tiers: [{id: top, top_pct: 25}, {id: middle, top_pct: 75}, {id: rest, top_pct: 100}]
milestone_ladders:
  - id: money
    description: sequence
    milestones:
      - {id: activated, reached_when: "activated_on IS NOT NULL", reached_on: activated_on, due_within_days: 14}
      - {id: repeat, reached_when: "value_months >= 2", due_within_days: 90}
      - {id: paid, reached_when: "paid_on IS NOT NULL", reached_on: paid_on}
    out_of_order:
      - {id: paid_too_early, milestone: paid, before: repeat, severity: error}
      - {id: paid_before_active, milestone: paid, before: activated}
triggers:
  - id: falling
    description: use fell
    when: {any: [{id: fell, expr: "trend <= -0.5"}, {id: quiet, expr: "quiet_days > 21"}]}
    value_at_stake: arr
    play: call
    annotations: {summary: "{account_name} uses {trend} ({arr})"}
  - id: growing
    description: ready for more
    when: "events >= 6 AND share >= 0.5"
    after: money.repeat
    scope: "segment.lifecycle <> 'at_risk' AND (plan = 'team' OR plan IS NULL)"
    severity: info
  - {id: doubtful, description: unknown counts, when: "revenue < 30", on_null: match}
guardrails:
  - {id: payback, description: d, metric: cac_payback_months, bands: {pass: "< 12", watch: "< 18"}, min_accounts: 30}
  - {id: nrr, description: d, metric: nrr_12m, scope: {by: [plan]}, bands: {pass: "> 1.0"}}
  - {id: ratio, description: d, metric: clv_cac_ratio, scope: {by: [total, acquisition_channel]}, bands_from: stage_profile, after: [payback, nrr]}
audits:
  - {id: one_each, table: segment_scores, check: unique, columns: [scheme, account_id], severity: error}
  - {id: known, table: flagged_accounts, check: not_null, columns: [severity, owner]}
  - {id: states, table: flagged_accounts, check: accepted_values, column: state, values: [firing, held_back]}
  - {id: some, table: segment_scores, check: row_count, min: 100}
  - {id: scores, table: segment_scores, check: range, column: score, min: 0, max: 100}
  - {id: half_known, table: segment_scores, check: unknown_pct, column: score, max: 50}
  - {id: total, table: flagged_accounts, check: sum, column: value_at_stake, min: 1}
  - {id: middle, table: segment_scores, check: median, column: score, min: 90}
  - {id: at_risk, table: segment_scores, check: segment_share_pct, scheme: lifecycle, segment: at_risk, max: 20}
  - {id: flagged_anew, table: flagged_accounts, check: new_flags_pct, rule: doubtful, max: 10}
  - {id: over, table: flagged_accounts, check: resolved_flags_pct, rule: doubtful, max: 10}
  - {id: thrash, table: segment_scores, check: moved_pct, scheme: lifecycle, warn: 5, error: 60}
"#;

pub(crate) fn checked(text: &str) -> CheckedRules {
    // Groups are given as they are: nothing but their names is read of accounts.
    let columns = [COLUMNS, &[("acquisition_channel", Unit::Text)]].concat();
    let (rules, problems, sources) = judge(&[("rules.yaml", text)], &environment(&columns));
    let text =
        headwater_diagnostics::render(&problems, &sources, headwater_diagnostics::Rendering::Human { colour: false });
    rules.unwrap_or_else(|| panic!("{text}"))
}

async fn night() -> Night {
    Night::new(&checked(RULES), "2026-05-31", COLUMNS, ROWS).await
}

#[track_caller]
pub(crate) fn same(found: &str, wanted: &str) {
    let wanted: Vec<_> = wanted.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(found, wanted.join("\n"), "\nfound:\n{found}\n");
}

#[tokio::test]
async fn derived_metrics_and_scores() {
    let night = night().await;
    let sql = &night.compiled.account_metrics().sql;
    same(
        &night
            .query(sql, "account_id trend arr arr_band engagement engagement_coverage_pct strict strict_coverage_pct")
            .await,
        "A1 | -0.5 | 1200.00 | large | 94.0 | 100.0 | 91.66666666666666 | 100.0
         A2 | -0.75 | 240.00 | small | 14.0 | 100.0 | 5.0 | 100.0
         A3 | 1.0 | 601.20 | large | 62.0 | 100.0 | 73.33333333333334 | 100.0
         A4 | - | - | small | 0.0 | 40.0 | - | 50.0
         A5 | - | 601.20 | large | 54.0 | 100.0 | 66.66666666666667 | 100.0",
    );
    let names: Vec<_> = night.compiled.account_metric_columns().iter().map(|column| column.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "arr",
            "engagement",
            "engagement_coverage_pct",
            "engagement_share",
            "engagement_events",
            "strict",
            "strict_coverage_pct",
            "strict_share",
            "strict_quiet",
            "trend",
            "arr_band",
            "rf_recency_score",
            "rf_frequency_score",
            "tier_top_pct"
        ]
    );
}

#[tokio::test]
async fn population_scores_share_ties() {
    let night = night().await;
    let sql = &night.compiled.account_metrics().sql;
    // Events 0 2 6 8 10 have the inner edges 1.6, 4.4, 6.8, 8.4; quiet days 1 2 5 30 90 have 1.8, 3.8, 15, 42.
    same(
        &night.query(sql, "account_id rf_recency_score rf_frequency_score tier_top_pct").await,
        "A1 | 4 | 5 | 25.0
         A2 | 2 | 2 | 100.0
         A3 | 5 | 4 | 75.0
         A4 | 1 | 1 | -
         A5 | 3 | 3 | 75.0",
    );
}

#[tokio::test]
async fn equal_values_have_equal_scores() {
    let rows: Vec<_> =
        (0..10).map(|at| format!("('A{at}', 'x', NULL, NULL, 7, 7, 7, 0.5, 5, 1, NULL, NULL)")).collect();
    let night = Night::new(&checked(RULES), "2026-05-31", COLUMNS, &rows.join(", ")).await;
    let sql = format!(
        "SELECT DISTINCT rf_recency_score, rf_frequency_score, tier_top_pct, \"segment.tier\" FROM ({})",
        night.compiled.judged().sql
    );
    same(
        &night.query(&sql, "rf_recency_score rf_frequency_score tier_top_pct segment.tier").await,
        "5 | 1 | 100.0 | rest",
    );
}

#[tokio::test]
async fn segments_say_why() {
    let night = night().await;
    same(
        &night.rows("segment_scores", "account_id scheme segment score rank previous_segment entered_on unknown why").await,
        "A1 | lifecycle | at_risk | 94.0 | 1 | - | 2026-05-31 | false | trend = -0.5 (<= -0.5)
         A1 | rf | champions | 9.0 | 1 | - | 2026-05-31 | false | rf_recency_score = 4 (>= 4), rf_frequency_score = 5 (>= 4)
         A1 | tier | top | 100.0 | 1 | - | 2026-05-31 | false | tier_top_pct = 25.0 (<= 25)
         A2 | lifecycle | at_risk | 14.0 | 4 | - | 2026-05-31 | false | trend = -0.75 (<= -0.5), quiet_days = 30 (> 21)
         A2 | rf | hibernating | 4.0 | 4 | - | 2026-05-31 | false | rf_recency_score = 2 (<= 2), rf_frequency_score = 2 (<= 2)
         A2 | tier | rest | 20.0 | 4 | - | 2026-05-31 | false | tier_top_pct = 100.0 (<= 100)
         A3 | lifecycle | champion | 62.0 | 2 | - | 2026-05-31 | false | engagement = 62.0 (>= 60), plan = team (= team)
         A3 | rf | champions | 9.0 | 1 | - | 2026-05-31 | false | rf_recency_score = 5 (>= 4), rf_frequency_score = 4 (>= 4)
         A3 | tier | middle | 50.1 | 2 | - | 2026-05-31 | false | tier_top_pct = 75.0 (<= 75)
         A4 | lifecycle | at_risk | 0.0 | 5 | - | 2026-05-31 | false | quiet_days = 90 (> 21)
         A4 | rf | hibernating | 2.0 | 5 | - | 2026-05-31 | false | rf_recency_score = 1 (<= 2), rf_frequency_score = 1 (<= 2)
         A4 | tier | unscored | - | - | - | 2026-05-31 | true | otherwise
         A5 | lifecycle | stable | 54.0 | 3 | - | 2026-05-31 | true | otherwise
         A5 | rf | needs_attention | 6.0 | 3 | - | 2026-05-31 | false | rf_recency_score = 3 (> 2), rf_recency_score = 3 (< 4), rf_frequency_score = 3 (> 2), rf_frequency_score = 3 (< 4)
         A5 | tier | middle | 50.1 | 2 | - | 2026-05-31 | false | tier_top_pct = 75.0 (<= 75)",
    );
}

#[tokio::test]
async fn milestones_have_an_order() {
    let night = night().await;
    same(
        &night
            .rows(
                "milestone_states",
                "account_id ladder milestone reached_on next_milestone due_on overdue out_of_order",
            )
            .await,
        "A1 | money | paid | 2026-02-01 | - | - | false | -
         A2 | money | activated | 2026-01-10 | repeat | 2026-04-01 | true | paid_before_active,paid_too_early
         A3 | money | - | - | activated | 2026-06-03 | false | -
         A4 | money | - | - | activated | 2026-03-15 | true | -
         A5 | money | paid | 2026-04-01 | - | - | false | -",
    );
}

#[tokio::test]
async fn flags_fire_are_held_back_and_explained() {
    let night = night().await;
    same(
        &night
            .rows(
                "flagged_accounts",
                "account_id rule_id kind state severity first_night last_night value_at_stake play held_back_by unknown_conditions summary",
            )
            .await,
        "A1 | falling | trigger | firing | warn | 2026-05-31 | 2026-05-31 | 1200.00 | call | - | 0 | Ada uses -0.5 (1200.00)
         A2 | doubtful | trigger | firing | warn | 2026-05-31 | 2026-05-31 | - | - | - | 0 | unknown counts
         A2 | falling | trigger | firing | warn | 2026-05-31 | 2026-05-31 | 240.00 | call | - | 0 | Bo uses -0.75 (240.00)
         A2 | paid_before_active | milestone | firing | warn | 2026-05-31 | 2026-05-31 | - | - | - | 0 | paid reached before activated
         A2 | paid_too_early | milestone | firing | error | 2026-05-31 | 2026-05-31 | - | - | - | 0 | paid reached before repeat
         A3 | growing | trigger | held_back | info | 2026-05-31 | 2026-05-31 | - | - | money.repeat | 0 | ready for more
         A4 | doubtful | trigger | firing | warn | 2026-05-31 | 2026-05-31 | - | - | - | 1 | unknown counts
         A4 | falling | trigger | firing | warn | 2026-05-31 | 2026-05-31 | - | call | - | 1 | Di uses unknown (unknown)
         A5 | growing | trigger | firing | info | 2026-05-31 | 2026-05-31 | - | - | - | 0 | ready for more",
    );
    let columns = "account_id rule_id condition_id expression metric value value_text operator threshold threshold_text met source";
    let evidence = night.rows("flag_evidence", columns).await;
    let of = |account: &str| evidence.lines().filter(|line| line.starts_with(account)).collect::<Vec<_>>().join("\n");
    same(
        &of("A3"),
        "A3 | growing | after | milestone.money.repeat | milestone.money.repeat | - | false | is | - | true | false | accounts
         A3 | growing | c1 | events >= 6 | events | 8.0 | 8 | >= | 6.0 | 6 | true | accounts
         A3 | growing | c2 | share >= 0.5 | share | 0.5 | 0.5 | >= | 0.5 | 0.5 | true | accounts
         A3 | growing | scope_1 | segment.lifecycle <> 'at_risk' | segment.lifecycle | - | champion | <> | - | at_risk | true | accounts
         A3 | growing | scope_2 | plan = 'team' | plan | - | team | = | - | team | true | accounts
         A3 | growing | scope_3 | plan IS NULL | plan | - | team | is | - | null | false | accounts",
    );
    same(
        &of("A2 | doubtful"),
        "A2 | doubtful | c1 | revenue < 30 | revenue | 20.0 | 20.00 | < | 30.0 | 30 | true | accounts",
    );
    same(
        &of("A4"),
        "A4 | doubtful | c1 | revenue < 30 | revenue | - | - | < | 30.0 | 30 | - | accounts
         A4 | falling | fell | trend <= -0.5 | trend | - | - | <= | -0.5 | -0.5 | - | accounts
         A4 | falling | quiet | quiet_days > 21 | quiet_days | 90.0 | 90 | > | 21.0 | 21 | true | accounts",
    );
}

#[tokio::test]
async fn evidence_shows_values_of_every_type() {
    let text = "version: 1
triggers:
  - {id: money, description: d, owner: o, when: 'revenue > revenue / 2'}
  - {id: flag, description: d, owner: o, when: 'CAST(events AS BOOLEAN)'}
  - {id: day, description: d, owner: o, when: 'paid_on > activated_on'}
  - {id: text, description: d, owner: o, when: 'plan < account_name'}
  - {id: number, description: d, owner: o, when: 'share > 0.5'}
  - {id: whole, description: d, owner: o, when: 'events < events_before'}
  - {id: all, description: d, owner: o, when: {all: [revenue > 1, events > 1, share > 0.1, paid_on > activated_on]}}
";
    let row = "('A1', 'zoe', '2026-01-01', 'team', 10, 20, 2, 0.9, 100.00, 3, '2026-01-05', '2026-02-01')";
    let night = Night::new(&checked(text), "2026-05-31", COLUMNS, row).await;
    let columns = "rule_id condition_id value value_text threshold threshold_text met";
    same(
        &night.rows("flag_evidence", columns).await,
        "all | c1 | 100.0 | 100.00 | 1.0 | 1 | true
         all | c2 | 10.0 | 10 | 1.0 | 1 | true
         all | c3 | 0.9 | 0.9 | 0.1 | 0.1 | true
         all | c4 | - | 2026-02-01 | - | 2026-01-05 | true
         day | c1 | - | 2026-02-01 | - | 2026-01-05 | true
         flag | c1 | - | true | - | true | true
         money | c1 | 100.0 | 100.00 | 50.0 | 50.00 | true
         number | c1 | 0.9 | 0.9 | 0.5 | 0.5 | true
         text | c1 | - | team | - | zoe | true
         whole | c1 | 10.0 | 10 | 20.0 | 20 | true",
    );
}

#[tokio::test]
async fn the_next_night_remembers_and_resolves() {
    let night = night().await;
    let rows = ROWS.replace("'team', 10, 20,   2", "'team', 10, 10,   2").replace("20.00,  1,", "20.00,  2,");
    let next = Night::new(&checked(RULES), "2026-06-01", COLUMNS, &rows).await;
    night.publish_to(&next).await;
    let segments = next.rows("segment_scores", "account_id scheme segment previous_segment entered_on").await;
    let lifecycle: Vec<_> = segments.lines().filter(|line| line.contains("lifecycle")).collect();
    same(
        &lifecycle.join("\n"),
        "A1 | lifecycle | champion | at_risk | 2026-06-01
         A2 | lifecycle | at_risk | at_risk | 2026-05-31
         A3 | lifecycle | champion | champion | 2026-05-31
         A4 | lifecycle | at_risk | at_risk | 2026-05-31
         A5 | lifecycle | stable | stable | 2026-05-31",
    );
    same(
        &next.rows("flagged_accounts", "account_id rule_id state first_night last_night").await,
        "A1 | falling | resolved | 2026-05-31 | 2026-05-31
         A1 | growing | firing | 2026-06-01 | 2026-06-01
         A2 | doubtful | firing | 2026-05-31 | 2026-06-01
         A2 | falling | firing | 2026-05-31 | 2026-06-01
         A2 | paid_before_active | firing | 2026-05-31 | 2026-06-01
         A2 | paid_too_early | resolved | 2026-05-31 | 2026-05-31
         A3 | growing | held_back | 2026-05-31 | 2026-06-01
         A4 | doubtful | firing | 2026-05-31 | 2026-06-01
         A4 | falling | firing | 2026-05-31 | 2026-06-01
         A5 | growing | firing | 2026-05-31 | 2026-06-01",
    );
    let third = Night::new(&checked(RULES), "2026-06-02", COLUMNS, &rows).await;
    next.publish_to(&third).await;
    let flags = third.rows("flagged_accounts", "account_id rule_id state").await;
    assert!(!flags.contains("resolved"), "a resolved flag is told once\n{flags}");
}

pub(crate) const GROUP_COLUMNS: &[(&str, Unit)] = &[
    ("as_of", Unit::Date),
    ("scope", Unit::Text),
    ("group_name", Unit::Text),
    ("metric", Unit::Text),
    ("unit", Unit::Text),
    ("value", Unit::Number),
    ("accounts", Unit::Count),
    ("reason", Unit::Text),
];

async fn with_groups(payback: &str) -> Night {
    let night = night().await;
    let rows = format!(
        "('2026-05-31', 'total', 'total', 'cac_payback_months', 'months', {payback}, 100, NULL),
         ('2026-05-31', 'total', 'total', 'nrr_12m', 'ratio', 1.02, 100, NULL),
         ('2026-05-31', 'plan', 'solo', 'nrr_12m', 'ratio', 0.9, 40, NULL),
         ('2026-05-31', 'plan', 'team', 'nrr_12m', 'ratio', NULL, 60, 'no opening accounts'),
         ('2026-05-31', 'total', 'total', 'clv_cac_ratio', 'ratio', 4, 100, NULL),
         ('2026-05-31', 'acquisition_channel', 'ads', 'clv_cac_ratio', 'ratio', 0.5, 40, NULL),
         ('2026-05-31', 'acquisition_channel', 'fair', 'clv_cac_ratio', 'ratio', 6, 60, NULL)"
    );
    night.table("group_metrics", GROUP_COLUMNS, &rows).await;
    night
}

#[tokio::test]
async fn guardrails_judge_groups_and_wait_for_each_other() {
    let columns = "guardrail_id scope group_name metric verdict value accounts bands waiting_for reason";
    same(
        &with_groups("10").await.rows("guardrail_verdicts", columns).await,
        "nrr | plan | solo | nrr_12m | breach | 0.9 | 40 | pass > 1 | - | -
         nrr | plan | team | nrr_12m | unknown | - | 60 | pass > 1 | - | no opening accounts
         nrr | total | total | nrr_12m | pass | 1.02 | 100 | pass > 1 | - | -
         payback | total | total | cac_payback_months | pass | 10.0 | 100 | pass < 12; watch < 18 | - | -
         ratio | acquisition_channel | ads | clv_cac_ratio | breach | 0.5 | 40 | pass 3..5; watch 1..3 or >= 5 | - | -
         ratio | acquisition_channel | fair | clv_cac_ratio | watch | 6.0 | 60 | pass 3..5; watch 1..3 or >= 5 | - | -
         ratio | total | total | clv_cac_ratio | pass | 4.0 | 100 | pass 3..5; watch 1..3 or >= 5 | - | -",
    );
    let late = with_groups("15").await.rows("guardrail_verdicts", "guardrail_id group_name verdict waiting_for").await;
    same(
        &late,
        "nrr | solo | breach | -
         nrr | team | unknown | -
         nrr | total | pass | -
         payback | total | watch | -
         ratio | ads | breach | payback
         ratio | fair | waiting | payback
         ratio | total | waiting | payback",
    );
    let night = with_groups("10").await;
    night.run("CREATE OR REPLACE TABLE group_metrics AS SELECT * REPLACE (CAST(5 AS BIGINT) AS accounts) FROM group_metrics").await;
    let few = night.rows("guardrail_verdicts", "guardrail_id group_name verdict reason waiting_for").await;
    assert!(few.contains("payback | total | insufficient_evidence | 5 of 30 accounts | -"), "{few}");
    assert!(few.contains("ratio | total | waiting | - | payback"), "{few}");
}

/// What each audit finds, with its id and its rule.
async fn audits(night: &Night) -> String {
    let mut lines = Vec::new();
    for audit in night.compiled.audits() {
        let row = night.query(&audit.query.sql, "failed observed expected").await;
        lines.push(format!("{} of {} {}: {row}", audit.id, audit.rule_id, audit.severity.word()));
    }
    lines.join("\n")
}

#[tokio::test]
async fn audits_answer_in_one_row() {
    let night = night().await;
    for table in ["segment_scores", "flagged_accounts"] {
        night.keep(table).await;
    }
    same(
        &audits(&night).await,
        "at_risk of at_risk warn: true | 60.0 | at_risk of lifecycle at most 20 % of accounts
         flagged_anew of flagged_anew warn: true | 40.0 | newly flagged by doubtful at most 10 % of accounts
         half_known of half_known warn: false | 6.6667 | unknown of score at most 50 %
         known of known warn: false | 0 rows | severity, owner known in every row
         middle of middle warn: true | 17.0 | median of score at least 90
         one_each of one_each error: false | 0 repeated | no two rows of equal scheme, account_id
         over of over warn: false | 0.0 | resolved by doubtful at most 10 % of accounts
         scores of scores warn: false | 0 rows | score from 0 to 100
         some of some warn: true | 15 rows | rows at least 100
         states of states warn: false | 0 rows | state one of firing, held_back
         thrash_warn of thrash warn: false | 0 of 0 accounts moved | at most 5 %
         thrash_error of thrash error: false | 0 of 0 accounts moved | at most 60 %
         total of total warn: false | 1440.0 | sum of value_at_stake at least 1",
    );
}

#[tokio::test]
async fn a_trigger_that_must_not_be_unknown_is_audited() {
    let text = "version: 1\ntriggers: [{id: t, description: d, owner: o, when: \"revenue < 30\", on_null: error}]\n";
    let night = Night::new(&checked(text), "2026-05-31", COLUMNS, ROWS).await;
    same(&audits(&night).await, "on_null_t of t error: true | 1 rows | the trigger t is never unknown");
}

#[tokio::test]
async fn what_is_cut_is_compared_as_it_was_cut() {
    const ROWS: &str = "('A1', 'Ada', '2026-01-01', 'team', 10, 20, 2, 0.7, 10.55, 3, NULL, NULL)";
    for (text, expected) in [
        ("CAST(revenue AS INTEGER) > 10", "false"),
        ("CAST(revenue AS INTEGER) = 10", "true"),
        ("CAST(revenue AS INTEGER) <= 10", "true"),
        ("CAST(CAST(revenue AS INTEGER) AS VARCHAR) = '10'", "true"),
        ("CAST(share AS INTEGER) = 0", "true"),
        ("CAST(events AS DOUBLE) >= 10", "true"),
        ("CAST(activated_on AS VARCHAR) IS NULL", "true"),
    ] {
        let rules = format!(
            "version: 1\nmetrics:\n  - {{id: answer, owner: o, type: flag, description: d, expr: \"{text}\"}}\n"
        );
        let night = Night::new(&checked(&rules), "2026-05-31", COLUMNS, ROWS).await;
        assert_eq!(night.query("SELECT answer FROM account_metrics", "answer").await, expected, "{text}");
    }
}

/// What nobody is asked is not what some did not answer: without the column of a metric, no rule holds by its absence.
#[tokio::test]
async fn whether_something_is_known_is_unknown_where_it_is_not_delivered() {
    const ROWS: &str = "('A1', 'Ada', '2026-01-01', 'team', 10, 20, 2, NULL, 100, 3, NULL, NULL)";
    const CASES: &[(&str, &str)] = &[
        ("share IS NULL", "-"),
        ("share IS NOT NULL", "-"),
        ("(share > 0.5) IS UNKNOWN", "-"),
        ("NOT (share * 2 - 1 IS NULL)", "-"),
        ("half IS NULL", "-"),
        ("quarter IS NULL AND events = 10", "-"),
        ("nullif(share, 0) IS NULL", "-"),
        ("share IS DISTINCT FROM 0.5", "-"),
        ("share IN (0.1, 0.2) IS UNKNOWN", "-"),
        ("coalesce(share, half) IS NULL", "-"),
        // What stands in for it is known.
        ("coalesce(share, 0) = 0", "true"),
        ("filled = 0", "true"),
        ("greatest(share, events) = 10", "true"),
        // What is delivered can be unknown of one account.
        ("activated_on IS NULL", "true"),
        ("paid_on IS NOT NULL", "false"),
        ("(share > 0.5 OR events = 10) IS NULL", "false"),
        ("share IS NULL OR activated_on IS NULL", "true"),
        ("CASE WHEN share > 0 THEN 1 ELSE 2 END = 2", "true"),
    ];
    for (text, expected) in CASES {
        let rules = format!(
            "version: 1\ndefaults: {{owner: o}}\nmetrics:\n  - {{id: half, type: ratio, description: d, expr: \"share / 2\"}}\n\
             \u{20} - {{id: quarter, type: ratio, description: d, expr: \"half / 2\"}}\n\
             \u{20} - {{id: filled, type: ratio, description: d, expr: \"coalesce(half, 0)\"}}\n\
             \u{20} - {{id: answer, type: flag, description: d, expr: \"{text}\"}}\n"
        );
        let night = Night::without(&["share"], &checked(&rules), "2026-05-31", COLUMNS, ROWS).await;
        assert_eq!(night.query("SELECT answer FROM account_metrics", "answer").await, *expected, "{text}");
    }
}

#[tokio::test]
async fn every_table_has_its_declared_columns_whatever_the_rules() {
    let full = with_groups("10").await;
    let empty = Night::new(&checked("version: 1\n"), "2026-05-31", COLUMNS, ROWS).await;
    empty.table("group_metrics", GROUP_COLUMNS, "('2026-05-31', 'total', 'total', 'x', 'ratio', 1, 1, NULL)").await;
    for night in [&full, &empty] {
        for table in OutputTable::ALL {
            let wanted: Vec<_> =
                table.columns.iter().map(|column| (column.name.to_owned(), column.unit.data_type())).collect();
            assert_eq!(night.schema(table.name).await, wanted, "{}", table.name);
        }
    }
    assert_eq!(empty.rows("flagged_accounts", "account_id").await, "");
}

#[tokio::test]
async fn the_catalogue_names_every_rule() {
    let night = night().await;
    let rows = night.rows("rule_catalog", "kind rule_id file line severity owner definition").await;
    let first = rows.lines().find(|line| line.starts_with("metric | arr |")).unwrap();
    assert_eq!(
        first,
        r#"metric | arr | rules.yaml | 8 | warn | growth | {"description":"a year","expr":"revenue * 12","id":"arr","type":"money"}"#
    );
    let kinds: Vec<_> = rows.lines().map(|line| line.split(" | ").next().unwrap()).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == "milestone").count(), 2);
    assert_eq!(kinds.len(), 6 + 11 + 3 + 1 + 2 + 3 + 3);
}

#[tokio::test]
async fn dates_are_cut_to_their_period() {
    let metric = |word: &str| {
        format!("  - {{id: {word}_start, type: date, description: d, expr: \"date_trunc('{word}', signed_up_on)\"}}\n")
    };
    let metrics: String = ["year", "quarter", "month", "week"].map(metric).concat();
    let rules = checked(&format!("version: 1\nmetrics:\n{metrics}"));
    let row = |day: &str| format!("('{day}', NULL, '{day}', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)");
    let rows = ["2024-02-29", "2024-12-31", "2026-05-31", "2026-06-01", "9999-12-31"].map(row).join(", ");
    let night = Night::new(&rules, "2026-05-31", COLUMNS, &rows).await;
    same(
        &night
            .query(&night.compiled.account_metrics().sql, "account_id year_start quarter_start month_start week_start")
            .await,
        "2024-02-29 | 2024-01-01 | 2024-01-01 | 2024-02-01 | 2024-02-26
         2024-12-31 | 2024-01-01 | 2024-10-01 | 2024-12-01 | 2024-12-30
         2026-05-31 | 2026-01-01 | 2026-04-01 | 2026-05-01 | 2026-05-25
         2026-06-01 | 2026-01-01 | 2026-04-01 | 2026-06-01 | 2026-06-01
         9999-12-31 | 9999-01-01 | 9999-10-01 | 9999-12-01 | 9999-12-27",
    );
}

#[test]
fn what_rules_need_is_known_before_the_night() {
    let text = "version: 1
metrics:
  - {id: trend, type: ratio, description: d, expr: \"usage_events_28d / usage_events_prev_28d - 1\"}
segment_schemes:
  - {id: tier, description: d, preset: tiers, metric: mrr, tiers: [{id: all, top_pct: 100}]}
guardrails:
  - {id: g, description: d, owner: o, metric: nrr_12m, scope: {by: [plan, segment.tier]}, bands: {pass: \"> 1\"}}
";
    let rules = checked(text);
    let needed: Vec<_> = rules.account_metrics_needed().into_iter().collect();
    assert_eq!(needed, ["mrr", "usage_events_28d", "usage_events_prev_28d"]);
    let groups: Vec<_> = rules.group_metrics_needed().into_iter().collect();
    let pair = |scope: &str| (scope.to_owned(), "nrr_12m".to_owned());
    assert_eq!(groups, [pair("plan"), pair("segment.tier")]);
}
