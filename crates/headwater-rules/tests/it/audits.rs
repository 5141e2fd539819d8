//! Audits: what they find of a night alone, and of a night after another.

use headwater_metrics::Unit;

use crate::execution::{checked, same};
use crate::night::Night;

const COLUMNS: &[(&str, Unit)] = &[
    ("account_id", Unit::Text),
    ("plan", Unit::Text),
    ("signed_up_on", Unit::Date),
    ("revenue", Unit::Money),
    ("events", Unit::Count),
];
const FIRST: &str = "('A', 'team', '2026-05-01', 10, 1), ('B', 'team', '2026-05-20', 20, 2),
    ('C', 'solo', '2026-05-28', 30, 3), ('D', 'solo', NULL, 40, NULL)";
/// One account is gone, two moved, and one has ten times its revenue.
const SECOND: &str =
    "('A', 'team', '2026-05-01', 100, 1), ('B', 'solo', '2026-05-20', 20, 4), ('C', 'team', NULL, 30, 5)";

/// The audits of some rules, on the second night.
async fn found(audits: &str) -> String {
    let rules = checked(&format!(
        "version: 1
segment_schemes:
  - {{id: by_plan, description: d, segments: [{{id: team, when: \"plan = 'team'\"}}, {{id: other, otherwise: true}}]}}
triggers:
  - {{id: rich, description: d, owner: o, when: \"revenue >= 20\", value_at_stake: revenue}}
audits:
{audits}"
    ));
    let first = Night::new(&rules, "2026-05-31", COLUMNS, FIRST).await;
    let second = Night::new(&rules, "2026-06-01", COLUMNS, SECOND).await;
    first.publish_to(&second).await;
    second.copy_as("account_metrics", &first, "previous_account_metrics").await;
    for table in ["segment_scores", "flagged_accounts"] {
        second.keep(table).await;
    }
    let mut lines = Vec::new();
    for audit in second.compiled.audits() {
        let row = second.query(&audit.query.sql, "failed observed expected").await;
        lines.push(format!("{}: {row}", audit.id));
    }
    lines.join("\n")
}

fn audit(id: &str, keys: &str) -> String {
    format!("  - {{id: {id}, description: d, {keys}}}\n")
}

#[tokio::test]
async fn figures_of_a_night_alone() {
    let of_accounts = |id: &str, keys: &str| audit(id, &format!("table: account_metrics, {keys}"));
    let audits = [
        of_accounts("a", "check: quantile, column: revenue, at: 0.5, max: 30"),
        of_accounts("b", "check: quantile, column: revenue, at: 0.9, max: 30"),
        of_accounts("c", "check: age_days, column: signed_up_on, max: 10"),
        of_accounts("d", "check: unknown_pct, column: signed_up_on, max: 30"),
        audit("e", "table: segment_scores, check: transition_pct, scheme: by_plan, from: team, to: other, max: 40"),
        audit("f", "table: segment_scores, check: transition_pct, scheme: by_plan, from: other, to: team, max: 100"),
    ];
    same(
        &found(&audits.concat()).await,
        "a: false | 30.0 | 0.5 quantile of revenue at most 30
         b: true | 86.0 | 0.9 quantile of revenue at most 30
         c: true | 12.0 | newest day of signed_up_on at most 10 days old
         d: true | 33.3333 | unknown of signed_up_on at most 30 %
         e: true | 50.0 | from team to other at most 40 % of those who were there
         f: false | 100.0 | from other to team at most 100 % of those who were there",
    );
}

#[tokio::test]
async fn figures_beside_those_of_the_last_night() {
    let changed = |id: &str, keys: &str| audit(id, &format!("table: account_metrics, since_last_night: true, {keys}"));
    let audits = [
        changed("a", "check: row_count, min: -20"),
        changed("b", "check: sum, column: revenue, max: 60"),
        changed("c", "check: mean, column: events, min: 60"),
        changed("d", "check: median, column: revenue, min: -10, max: 20"),
        audit("e", "table: account_metrics, check: shift, column: revenue, max: 0.3"),
        audit("f", "table: account_metrics, check: shift, column: events, max: 0.7"),
        audit("g", "table: flagged_accounts, since_last_night: true, check: row_count, max: 0"),
    ];
    same(
        &found(&audits.concat()).await,
        "a: true | -25.0 | rows: change at least -20 % since the last night
         b: false | 50.0 | sum of revenue: change at most 60 % since the last night
         c: false | 66.6667 | mean of events: change at least 60 % since the last night
         d: false | 20.0 | median of revenue: change from -10 to 20 % since the last night
         e: true | 0.3333 | shift of revenue at most 0.3 since the last night
         f: false | 0.6667 | shift of events at most 0.7 since the last night
         g: true | 33.3333 | rows: change at most 0 % since the last night",
    );
}

#[tokio::test]
async fn sums_that_must_agree() {
    let sums = |id: &str, rows: &str, more: &str| {
        let other = format!("{{table: flagged_accounts, column: value_at_stake{rows}}}");
        audit(id, &format!("table: account_metrics, check: same_sum, column: revenue, other: {other}{more}"))
    };
    let audits = [
        sums("a", "", ""),
        sums("b", ", rows: {rule_id: rich, state: firing}", ""),
        sums("c", ", rows: {state: resolved}", ", tolerance: 110"),
        sums("d", ", rows: {state: held_back}", ", tolerance: 1000000"),
    ];
    same(
        &found(&audits.concat()).await,
        "a: true | 150.0 and 190.0 | sum of revenue that of value_at_stake in flagged_accounts
         b: false | 150.0 and 150.0 | sum of revenue that of value_at_stake in flagged_accounts
         c: false | 150.0 and 40.0 | sum of revenue that of value_at_stake in flagged_accounts
         d: true | 150.0 and nothing | sum of revenue that of value_at_stake in flagged_accounts",
    );
}

#[tokio::test]
async fn a_first_night_has_nothing_to_be_compared_with() {
    let rules = checked(&format!(
        "version: 1\naudits:\n{}{}",
        audit("a", "table: rule_catalog, check: row_count, since_last_night: true, max: 0"),
        audit("b", "table: rule_catalog, check: shift, column: line, max: 0"),
    ));
    let night = Night::new(&rules, "2026-05-31", COLUMNS, FIRST).await;
    night.keep("rule_catalog").await;
    for audit in night.compiled.audits() {
        let row = night.query(&audit.query.sql, "failed observed").await;
        assert_eq!(row, "false | no night before", "{}", audit.id);
    }
}
