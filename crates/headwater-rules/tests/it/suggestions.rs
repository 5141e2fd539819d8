//! Misspelt words of every kind: which known one is meant, and all that are allowed where there are few.

use headwater_metrics::Unit;

use crate::support::{environment, judge};

/// A file in which every item stands once, with `\n` at the end of each line.
const SOUND: &str = "version: 1
defaults: {owner: growth, severity: warn}
params:
  - {id: floor, type: decimal, value: 1}
metrics:
  - {id: trend, type: ratio, description: d, expr: \"events / nullif(seats, 0) - param.floor\"}
  - {id: day, type: date, description: d, expr: \"date_trunc('month', signed_up_on) + INTERVAL '3 weeks'\"}
  - id: use
    description: d
    weighted_score:
      when_missing: unknown
      components: [{id: a, metric: events, weight: 100, floor: 0, ceiling: 9}]
segment_schemes:
  - {id: lifecycle, description: d, segments: [{id: champion, when: \"trend > 1\"}, {id: rest, otherwise: true}]}
  - {id: tier, description: d, preset: tiers, metric: revenue, tiers: [{id: top, top_pct: 100}]}
milestone_ladders:
  - id: money
    description: d
    milestones: [{id: active, reached_when: \"events > 1\"}, {id: paid, reached_when: \"revenue > 1\"}]
    out_of_order: [{id: early, milestone: paid, before: active, severity: error}]
triggers:
  - {id: one, description: d, when: \"segment.lifecycle = 'champion' AND milestone.money.active\", on_null: match}
  - {id: two, description: d, when: \"CAST(plan AS BIGINT) > 1\", after: money.paid, when_unavailable: skip}
  - {id: three, description: d, when: \"extract(quarter FROM signed_up_on) > 1 OR usage_events_28d > 3\"}
stage_profile: bootstrapped
guardrails:
  - {id: growth, description: d, metric: nrr_12m, scope: {by: [plan, segment.tier]}, bands: {pass: \"> param.floor\"}}
  - {id: ratio, description: d, metric: clv_cac_ratio, bands_from: stage_profile, after: [growth]}
audits:
  - {id: apart, table: segment_scores, check: unique, columns: [account_id, scheme]}
  - {id: known, table: account_metrics, check: not_null, columns: [account_id]}
  - {id: moved, table: segment_scores, check: moved_pct, scheme: lifecycle, warn: 5}
";

/// A sound piece of the file, the same with a slip, what is proposed, and what is listed.
const SLIPS: &[(&str, &str, &str, &str)] = &[
    ("triggers:", "trigers:", "triggers", ""),
    ("on_null: match", "on_nul: match", "on_null", ""),
    ("severity: warn", "severity: warm", "warn", "one of info, warn, error"),
    ("type: decimal", "type: decimals", "decimal", "one of integer, decimal, text, date, flag"),
    (
        "type: ratio",
        "type: rato",
        "ratio",
        "one of money, amount, count, ratio, percent, score, days, months, hours, number, date, text, flag",
    ),
    ("when_missing: unknown", "when_missing: unknwon", "unknown", "one of redistribute, zero, unknown"),
    ("preset: tiers", "preset: tier", "tiers", "one of rfm, tiers"),
    ("on_null: match", "on_null: matches", "match", "one of no_match, match, error"),
    ("when_unavailable: skip", "when_unavailable: skipp", "skip", "one of error, skip"),
    (
        "stage_profile: bootstrapped",
        "stage_profile: bootstraped",
        "bootstrapped",
        "one of default, land_grab, bootstrapped, mature",
    ),
    ("bands_from: stage_profile", "bands_from: stage_profil", "stage_profile", "the only one is stage_profile"),
    (
        "check: unique",
        "check: uniqe",
        "unique",
        "one of unique, not_null, accepted_values, row_count, range, unknown_pct, sum, mean, median, quantile, \
         age_days, shift, same_sum, segment_share_pct, transition_pct, new_flags_pct, resolved_flags_pct, moved_pct",
    ),
    ("events / nullif", "evnts / nullif", "events", "not a metric, column or parameter"),
    ("usage_events_28d > 3", "usage_event_28d > 3", "usage_events_28d", "not a metric, column or parameter"),
    ("metric: events", "metric: event", "events", "not a metric, column or parameter"),
    ("nullif(seats, 0)", "nulif(seats, 0)", "nullif", "not part of the language"),
    ("- param.floor", "- param.flor", "floor", "the only one is floor"),
    ("- param.floor", "- parm.floor", "param.floor", "names stand alone"),
    ("> param.floor", "> param.flor", "floor", "the only one is floor"),
    ("'month', signed", "'mont', signed", "month", "one of year, quarter, month, week, day"),
    ("extract(quarter", "extract(quartr", "quarter", "one of year, quarter, month, week, day, dow, doy"),
    ("'3 weeks'", "'3 weaks'", "weeks", ""),
    ("AS BIGINT", "AS bigit", "BIGINT", "one of BIGINT, DOUBLE, DECIMAL, VARCHAR, DATE, BOOLEAN"),
    ("segment.lifecycle = ", "segment.lifecycel = ", "lifecycle", "one of lifecycle, tier"),
    ("segment.lifecycle = ", "segmnt.lifecycle = ", "segment", "names stand alone"),
    ("= 'champion'", "= 'champoin'", "champion", "one of champion, rest"),
    ("milestone.money.active", "milestone.mony.active", "money", "the only one is money"),
    ("milestone.money.active", "milestone.money.activ", "active", "one of active, paid"),
    ("milestone.money.active", "milestone.actve", "active", "one of active, paid"),
    ("after: money.paid", "after: money.payd", "paid", "one of active, paid"),
    ("before: active", "before: activ", "active", "one of active, paid"),
    ("metric: nrr_12m", "metric: nrr_12n", "nrr_12m", "not a metric of groups"),
    ("by: [plan,", "by: [plann,", "plan", "one of plan, total, segment.lifecycle, segment.tier"),
    ("segment.tier]", "segment.teir]", "tier", "one of lifecycle, tier"),
    ("after: [growth]", "after: [grwth]", "growth", "one of growth, ratio"),
    (
        "table: segment_scores, check: unique",
        "table: segment_score, check: unique",
        "segment_scores",
        "one of segment_scores, score_edges, milestone_states, flag_states, flagged_accounts, flag_evidence, guardrail_verdicts, \
         rule_catalog, account_metrics, group_metrics",
    ),
    (
        "[account_id, scheme]",
        "[account_id, sceme]",
        "scheme",
        "one of account_id, as_of, entered_on, leaving_nights, leaving_since, next_nights, next_segment, next_since, \
         previous_segment, rank, scheme, score, segment, shape, unknown, why",
    ),
    ("columns: [account_id]", "columns: [usage_event_28d]", "usage_events_28d", ""),
    ("scheme: lifecycle, warn", "scheme: lifecycl, warn", "lifecycle", "one of lifecycle, tier"),
];

#[test]
fn a_slip_is_answered_with_the_word_that_is_meant() {
    let project = environment(&[
        ("account_id", Unit::Text),
        ("signed_up_on", Unit::Date),
        ("plan", Unit::Text),
        ("seats", Unit::Count),
        ("events", Unit::Count),
        ("revenue", Unit::Money),
    ]);
    let problems = |text: &str| judge(&[("rules.yaml", text)], &project).1;
    assert!(problems(SOUND).is_empty(), "{:?}", problems(SOUND));
    for (piece, slip, meant, listed) in SLIPS {
        assert_eq!(SOUND.matches(piece).count(), 1, "`{piece}` stands once");
        let found = problems(&SOUND.replace(piece, slip));
        let wanted = Some(format!("did you mean `{meant}`?"));
        let answer = found.sorted().into_iter().find(|problem| problem.help == wanted);
        let answer = answer.unwrap_or_else(|| panic!("{slip}: {found:?}"));
        let is_listed = listed.is_empty() || answer.label.as_deref() == Some(*listed);
        assert!(is_listed, "{slip}: {:?} is not {listed}", answer.label);
    }
}
