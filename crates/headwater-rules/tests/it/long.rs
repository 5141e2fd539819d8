//! Conditions of hundreds of terms: the rows they give, and plans that grow with their length and no faster.

use crate::execution::{COLUMNS, checked, same};
use crate::night::Night;

/// Two accounts, of which the first has every term below and the second none.
const ROWS: &str = "
    ('A1', 'Ada', '2026-01-01', 'team', 1000, 20, 2,  0.9, 100.00, 3, '2026-01-05', '2026-02-01'),
    ('A2', 'Bo',  '2026-01-01', 'solo', -1,   8,  30, 0.1, 20.00,  1, NULL,         NULL)";

/// Rules of every kind over a condition of so many terms.
fn rules(terms: usize) -> String {
    let term = |at: usize| format!("events > {at}");
    let chain = (0..terms).map(term).collect::<Vec<_>>().join(" AND ");
    let listed = (0..terms).map(|at| format!("'{}'", term(at))).collect::<Vec<_>>().join(", ");
    format!(
        "version: 1
segment_schemes:
  - id: s
    description: d
    segments:
      - {{id: busy, when: \"plan = 'x' OR ({chain})\"}}
      - {{id: quiet, otherwise: true}}
milestone_ladders:
  - id: l
    description: d
    milestones:
      - {{id: early, reached_when: \"events < 0\"}}
      - {{id: late, reached_when: \"{chain}\"}}
    out_of_order: [{{id: skipped, description: d, owner: o, milestone: late, before: early}}]
triggers:
  - {{id: chained, description: d, owner: o, when: \"{chain}\"}}
  - {{id: listed, description: d, owner: o, when: {{all: [{listed}]}}}}
"
    )
}

#[tokio::test]
async fn every_term_is_evidence() {
    let night = Night::new(&checked(&rules(200)), "2026-05-31", COLUMNS, ROWS).await;
    let flags = night.rows("flagged_accounts", "account_id rule_id unknown_conditions").await;
    same(&flags, "A1 | chained | 0\nA1 | listed | 0\nA1 | skipped | 0");
    let columns = "account_id rule_id condition_id expression value value_text operator threshold met";
    let evidence = night.rows("flag_evidence", columns).await;
    let mut wanted = Vec::new();
    for (rule, id) in [("chained", "c"), ("listed", "c"), ("skipped", "late.c")] {
        wanted.extend(
            (0..200)
                .map(|at| format!("A1 | {rule} | {id}{} | events > {at} | 1000.0 | 1000 | > | {at}.0 | true", at + 1)),
        );
    }
    wanted.push("A1 | skipped | early.c1 | events < 0 | 1000.0 | 1000 | < | 0.0 | false".to_owned());
    wanted.sort_by_key(|line| line.split(" | ").take(3).map(ToOwned::to_owned).collect::<Vec<_>>());
    same(&evidence, &wanted.join("\n"));
    let why: Vec<_> = (0..200).map(|at| format!("events = 1000 (> {at})")).collect();
    same(
        &night.rows("segment_scores", "account_id segment unknown why").await,
        &format!("A1 | busy | false | {}\nA2 | quiet | false | otherwise", why.join(", ")),
    );
}

#[tokio::test]
async fn plans_grow_with_the_terms() {
    let length = async |terms: usize| {
        let night = Night::new(&checked(&rules(terms)), "2026-05-31", COLUMNS, ROWS).await;
        let tables = night.compiled.tables().iter().filter(|(table, _)| table.name != "rule_catalog");
        tables.map(|(_, query)| query.sql.len()).sum::<usize>()
    };
    let (some, more, most) = (length(40).await, length(80).await, length(160).await);
    assert!(most - more <= 2 * (more - some) + (more - some) / 5, "{some}, {more}, {most} characters");
}
