//! Weighted scores: where points begin and end, what is missing or too old, who is too young, and named bands.

use headwater_metrics::{InputTable, Unit};

use crate::execution::{checked, same};
use crate::night::Night;
use crate::support::{environment, judge};

const COLUMNS: &[(&str, Unit)] = &[
    ("account_id", Unit::Text),
    ("signed_up_on", Unit::Date),
    ("events", Unit::Count),
    ("share", Unit::Ratio),
    ("quiet_days", Unit::Days),
    ("paid_on", Unit::Date),
    ("tenure_days", Unit::Days),
];

/// A score `s` with the keys given, and what it is for rows of the columns.
async fn scores(keys: &str, rows: &str, columns: &str) -> String {
    let rules = checked(&format!("version: 1\nmetrics: [{{id: s, description: d, weighted_score: {{{keys}}}}}]\n"));
    let night = Night::new(&rules, "2026-05-31", COLUMNS, rows).await;
    night.query(&night.compiled.account_metrics().sql, columns).await
}

/// Natero's map of a value to points: 18 between 7 and 30 is 48 of 100.
#[tokio::test]
async fn points_are_linear_between_floor_and_ceiling() {
    let components = "components: [{id: use, metric: events, weight: 100, floor: 7, ceiling: 30}]";
    let rows = "('at', NULL, 7, NULL, NULL, NULL, NULL), ('below', NULL, 3, NULL, NULL, NULL, NULL), ('between', NULL, 18, NULL, NULL, NULL, NULL),
        ('over', NULL, 31, NULL, NULL, NULL, NULL), ('top', NULL, 30, NULL, NULL, NULL, NULL), ('unknown', NULL, NULL, NULL, NULL, NULL, NULL)";
    let found = scores(components, rows, "account_id s s_use s_coverage_pct").await;
    same(
        &found,
        "at | 0.0 | 0.0 | 100.0
         below | 0.0 | 0.0 | 100.0
         between | 47.82608695652174 | 47.82608695652174 | 100.0
         over | 100.0 | 100.0 | 100.0
         top | 100.0 | 100.0 | 100.0
         unknown | - | - | 0.0",
    );
    assert!(found.contains(&format!("between | {} |", 100.0 * ((18.0 - 7.0) / (30.0 - 7.0)))));
}

#[tokio::test]
async fn what_is_too_old_counts_as_missing() {
    let components = "components: [
        {id: use, metric: events, weight: 60, floor: 0, ceiling: 10, observed: quiet_days, stale_after_days: 60},
        {id: word, metric: share, weight: 40, floor: 0, ceiling: 1, inverted: true, observed: paid_on, stale_after_days: 90}]";
    // The 2nd of March is 90 days before the night, the 1st is 91.
    let rows = "('fresh', NULL, 5, 0.25, 60, '2026-03-02', NULL), ('old_use', NULL, 5, 0.25, 61, '2026-03-02', NULL),
        ('old_word', NULL, 5, 0.25, 60, '2026-03-01', NULL), ('both', NULL, 5, 0.25, 61, '2026-03-01', NULL),
        ('ageless', NULL, 5, 0.25, NULL, NULL, NULL)";
    for (policy, old_use, old_word) in
        [("redistribute", "75.0", "50.0"), ("zero", "30.0", "30.0"), ("unknown", "-", "-")]
    {
        same(
            &scores(&format!("{components}, when_missing: {policy}"), rows, "account_id s s_use s_word s_coverage_pct")
                .await,
            &format!(
                "ageless | 60.0 | 50.0 | 75.0 | 100.0
                 both | - | - | - | 0.0
                 fresh | 60.0 | 50.0 | 75.0 | 100.0
                 old_use | {old_use} | - | 75.0 | 40.0
                 old_word | {old_word} | 50.0 | - | 60.0"
            ),
        );
    }
}

#[tokio::test]
async fn a_young_account_has_no_score_and_has_its_parts() {
    let keys = "components: [{id: use, metric: events, weight: 100, floor: 0, ceiling: 10}], warm_up_days: 30,
        bands: [{id: low, up_to: 50}, {id: high}]";
    let rows = "('ageless', NULL, 5, NULL, NULL, NULL, NULL), ('old', NULL, 5, NULL, NULL, NULL, 30), ('young', NULL, 5, NULL, NULL, NULL, 29)";
    same(
        &scores(keys, rows, "account_id s s_use s_coverage_pct s_band").await,
        "ageless | 50.0 | 50.0 | 100.0 | low
         old | 50.0 | 50.0 | 100.0 | low
         young | - | 50.0 | 100.0 | -",
    );
}

/// The end of a band belongs to it.
#[tokio::test]
async fn bands_exclude_their_lower_and_include_their_upper_end() {
    let keys = "components: [{id: use, metric: events, weight: 100, floor: 0, ceiling: 100}],
        bands: [{id: red, up_to: 40}, {id: yellow, up_to: 70}, {id: green}]";
    let rows: Vec<_> =
        [0, 40, 41, 70, 71, 100].map(|at| format!("('{at:03}', NULL, {at}, NULL, NULL, NULL, NULL)")).into();
    same(
        &scores(keys, &(rows.join(", ") + ", ('none', NULL, NULL, NULL, NULL, NULL, NULL)"), "account_id s_band").await,
        "000 | red
         040 | red
         041 | yellow
         070 | yellow
         071 | green
         100 | green
         none | -",
    );
}

#[tokio::test]
async fn rules_name_the_parts_and_the_band() {
    let rules = checked(
        "version: 1
metrics:
  - id: s
    description: d
    weighted_score:
      components: [{id: use, metric: events, weight: 100, floor: 0, ceiling: 10}]
      bands: [{id: low, up_to: 50}, {id: high}]
  - {id: half, description: d, type: score, expr: \"s_use / 2\"}
triggers: [{id: t, description: d, owner: o, when: \"s_use >= 50 AND s_band = 'low'\"}]
",
    );
    let night = Night::new(&rules, "2026-05-31", COLUMNS, "('A', NULL, 5, NULL, NULL, NULL, NULL)").await;
    same(&night.query(&night.compiled.account_metrics().sql, "half").await, "25.0");
    same(&night.rows("flag_evidence", "rule_id value_text met").await, "t | 50.0 | true\nt | low | true");
}

/// Without feedback, the component and what says its age are both out of the score.
#[test]
fn a_component_without_its_inputs_is_left_out() {
    let rules = |when: &str| {
        let component = |id: &str, metric: &str, observed: &str| {
            format!("{{id: {id}, metric: {metric}, weight: 50, floor: 0, ceiling: 10{observed}}}")
        };
        let aged = component("use", "active_days_28d", ", observed: nps_latest_on, stale_after_days: 9");
        let known = component("known", "events", "");
        format!(
            "version: 1\nmetrics:\n  - {{id: s, description: d, when_unavailable: {when}, weighted_score: {{components: [{known}, {aged}]}}}}\n"
        )
    };
    let mut project = environment(COLUMNS);
    project.inputs.remove(&InputTable::Feedback);
    let (skipping, problems, _) = judge(&[("rules.yaml", &rules("skip"))], &project);
    assert!(problems.is_empty(), "{problems:?}");
    assert!(skipping.unwrap().account_metrics_needed().is_empty(), "nothing is asked of the catalogue");
    assert!(judge(&[("rules.yaml", &rules("error"))], &project).0.is_none());
}
