//! Who hears of rules and when: mutes, owners with their subscribers, and rules that are in force for a while.

use headwater_metrics::Unit;

use crate::execution::{checked, same};
use crate::night::Night;

const COLUMNS: &[(&str, Unit)] =
    &[("account_id", Unit::Text), ("plan", Unit::Text), ("mrr", Unit::Money), ("events", Unit::Count)];
const ROWS: &str = "('A', 'team', 10, 9), ('B', 'solo', 10, 9), ('C', NULL, 10, 9)";

const RULES: &str = r#"
version: 1
owners:
  - {id: sales, name: Sales, contact: "sales@example.com", subscribers: ["ops@example.com", "sales@example.com"]}
  - {id: quiet}
triggers:
  - {id: busy, description: d, owner: sales, tags: [use], when: "events >= 6"}
  - {id: paying, description: d, owner: quiet, when: "mrr > 0", effective_from: 2026-05-02, effective_until: 2026-05-03}
milestone_ladders:
  - id: steps
    description: d
    owner: sales
    milestones: [{id: first, reached_when: "mrr > 99"}, {id: second, reached_when: "events >= 6"}]
    out_of_order: [{id: skipped, milestone: second, before: first}]
guardrails:
  - {id: gate, description: d, owner: sales, metric: nrr_12m, bands: {pass: "> 1"}, effective_until: 2026-05-01}
  - {id: advice, description: d, owner: quiet, metric: grr_12m, bands: {pass: "> 0.5"}, after: gate}
audits:
  - {id: few, description: d, table: flagged_accounts, check: row_count, max: 0, effective_from: 2026-05-02}
"#;

const MUTES: &str = r#"
mutes:
  - {select: "id:busy", where: "plan = 'solo'", until: 2026-05-02, reason: "solo is migrating"}
  - {select: ["tag:use", "kind:milestone"], until: 2026-05-01, reason: "first night"}
  - {select: "owner:quiet", until: 2026-05-05, reason: "nobody listens"}
"#;

async fn night(day: &str, rules: &str) -> Night {
    let night = Night::new(&checked(rules), day, COLUMNS, ROWS).await;
    let group = |metric: &str, value: &str| format!("('total', 'all', '{metric}', {value}, 9, NULL)");
    let columns = [
        ("scope", Unit::Text),
        ("group_name", Unit::Text),
        ("metric", Unit::Text),
        ("value", Unit::Number),
        ("accounts", Unit::Count),
        ("reason", Unit::Text),
    ];
    let rows = [group("nrr_12m", "0.9"), group("grr_12m", "0.9")].join(", ");
    night.table("group_metrics", &columns, &rows).await;
    night
}

#[tokio::test]
async fn what_is_muted_is_computed_and_marked() {
    let rules = format!("{RULES}{MUTES}");
    let first = night("2026-05-01", &rules).await;
    same(
        &first.rows("flagged_accounts", "account_id rule_id muted_until mute_reason").await,
        "A | busy | 2026-05-01 | first night
         A | skipped | 2026-05-01 | first night
         B | busy | 2026-05-02 | solo is migrating
         B | skipped | 2026-05-01 | first night
         C | busy | 2026-05-01 | first night
         C | skipped | 2026-05-01 | first night",
    );
    // What is over mutes nobody, and what was muted is heard again where it goes on.
    let second = night("2026-05-02", &rules).await;
    first.publish_to(&second).await;
    same(
        &second.rows("flagged_accounts", "account_id rule_id state first_night muted_until mute_reason").await,
        "A | busy | firing | 2026-05-01 | - | -
         A | paying | firing | 2026-05-02 | 2026-05-05 | nobody listens
         A | skipped | firing | 2026-05-01 | - | -
         B | busy | firing | 2026-05-01 | 2026-05-02 | solo is migrating
         B | paying | firing | 2026-05-02 | 2026-05-05 | nobody listens
         B | skipped | firing | 2026-05-01 | - | -
         C | busy | firing | 2026-05-01 | - | -
         C | paying | firing | 2026-05-02 | 2026-05-05 | nobody listens
         C | skipped | firing | 2026-05-01 | - | -",
    );
    same(
        &second.rows("guardrail_verdicts", "guardrail_id verdict muted_until mute_reason").await,
        "advice | pass | 2026-05-05 | nobody listens",
    );
    let over = checked(&rules).over("2026-05-03".parse().unwrap());
    let said: Vec<_> = over.sorted().into_iter().map(|problem| problem.message.clone()).collect();
    assert_eq!(said, ["a mute that ended on 2026-05-02", "a mute that ended on 2026-05-01"]);
    assert!(checked(&rules).over("2026-05-01".parse().unwrap()).is_empty());
}

#[tokio::test]
async fn a_rule_speaks_while_it_is_in_force() {
    let columns = "account_id rule_id state";
    let first = night("2026-05-01", RULES).await;
    assert!(!first.rows("flagged_accounts", columns).await.contains("paying"));
    // A gate that is in force is waited for, and one that is not is not.
    let verdicts = "guardrail_id verdict waiting_for";
    same(&first.rows("guardrail_verdicts", verdicts).await, "advice | waiting | gate\ngate | breach | -");
    assert!(first.compiled.audits().is_empty());
    let third = night("2026-05-03", RULES).await;
    let flags = third.rows("flagged_accounts", columns).await;
    assert!(flags.contains("A | paying | firing"), "{flags}");
    same(&third.rows("guardrail_verdicts", verdicts).await, "advice | pass | -");
    assert_eq!(third.compiled.audits().len(), 1);
    // On the night after its last one, its flags are resolved.
    let fourth = night("2026-05-04", RULES).await;
    third.publish_to(&fourth).await;
    let flags = fourth.rows("flagged_accounts", columns).await;
    assert!(flags.contains("A | paying | resolved"), "{flags}");
    // The catalogue has every rule, in force or not, with who is told of it.
    same(
        &fourth.rows("rule_catalog", "kind rule_id subscribers effective_from effective_until").await,
        "audit | few | - | 2026-05-02 | -
         guardrail | advice | - | - | -
         guardrail | gate | sales@example.com,ops@example.com | - | 2026-05-01
         milestone | skipped | sales@example.com,ops@example.com | - | -
         milestone_ladder | steps | sales@example.com,ops@example.com | - | -
         trigger | busy | sales@example.com,ops@example.com | - | -
         trigger | paying | - | 2026-05-02 | 2026-05-03",
    );
}
