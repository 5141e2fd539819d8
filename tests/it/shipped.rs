//! Shipped rules that have no outcome of their own on one account: derived metrics against the formula written
//! another way, audits as they ran.

use crate::night::Company;
use crate::small_company::small_company;

/// Components of the scores: score, weight, and points before they are cut to 0 and 1.
const COMPONENTS: &str = "
    SELECT account_id, 'engagement_score' AS score, 40 AS weight, feature_adoption_28d / 0.6 AS points FROM account_metrics
    UNION ALL SELECT account_id, 'engagement_score', 35, active_days_28d / CAST(20 AS DOUBLE) FROM account_metrics
    UNION ALL SELECT account_id, 'engagement_score', 25, stickiness_28d / 0.5 FROM account_metrics
    UNION ALL SELECT account_id, 'health_score', 60, engagement_score / 100 FROM account_metrics
    UNION ALL SELECT account_id, 'health_score', 15, (satisfaction_mean_90d - 1) / 4 FROM account_metrics
    UNION ALL SELECT account_id, 'health_score', 15,
        CASE WHEN as_of - nps_latest_on <= 120 THEN nps_score_latest / 10 END FROM account_metrics
    UNION ALL SELECT account_id, 'health_score', 10, 1 - escalations_90d / CAST(3 AS DOUBLE) FROM account_metrics
    UNION ALL SELECT account_id, 'first_90_days_score', 50, first_90_day_value_days / CAST(10 AS DOUBLE) FROM account_metrics
    UNION ALL SELECT account_id, 'first_90_days_score', 30, first_90_day_features / CAST(5 AS DOUBLE) FROM account_metrics
    UNION ALL SELECT account_id, 'first_90_days_score', 20, 1 - first_90_day_tickets / CAST(6 AS DOUBLE) FROM account_metrics";

/// Scores as the mean of what is known of them, each component between 0 and 1.
const SCORES: &str = "
    SELECT account_id, score,
        100 * sum(weight * CASE WHEN points < 0 THEN 0 WHEN points > 1 THEN 1 ELSE points END) / sum(weight) AS expected
    FROM components WHERE points IS NOT NULL GROUP BY account_id, score";

/// Published scores beside the expected ones, where they differ.
const DIFFERING_SCORES: &str = "
    SELECT account_id, score, published, expected FROM (
        SELECT m.account_id, s.score, CASE s.score WHEN 'health_score' THEN m.health_score
            WHEN 'engagement_score' THEN m.engagement_score ELSE m.first_90_days_score END AS published,
            CASE WHEN m.tenure_days >= CASE s.score WHEN 'first_90_days_score' THEN 90 ELSE 30 END THEN s.expected END AS expected
        FROM account_metrics m JOIN scores s ON s.account_id = m.account_id)
    WHERE coalesce(abs(published - expected) >= 1e-9, published IS NOT NULL OR expected IS NOT NULL)
    ORDER BY 1, 2";

/// Accounts whose other derived metrics differ from the same formulas written another way.
const DIFFERING_OTHERS: &str = "
    SELECT account_id FROM account_metrics
    WHERE arr <> mrr + mrr + mrr + mrr + mrr + mrr + mrr + mrr + mrr + mrr + mrr + mrr
        OR features_dropped_28d <> CASE WHEN features_used_prev_28d > features_used_28d
            THEN features_used_prev_28d - features_used_28d ELSE 0 END
        OR NOT abs(discount_share_total - (1 - CAST(net_revenue_total AS DOUBLE)
            / CAST(order_discounts_total + net_revenue_total AS DOUBLE))) < 1e-9
    ORDER BY account_id";

/// The audits of the rule pack, in the order of their ids.
const AUDITS: &[&str] = &[
    "catalogue_complete",
    "evidence_named",
    "flag_states",
    "one_flag_each",
    "one_row_each",
    "one_segment_each",
    "one_state_each",
    "one_verdict_each",
    "segment_known",
    "some_accounts",
    "thrash_error",
    "thrash_warn",
];

#[tokio::test]
async fn derived_metrics_and_audits_of_the_pack() {
    let folder = tempfile::tempdir().unwrap();
    let company = small_company(folder.path());
    let report = company.publish().await.report;
    let rules = company.rows("SELECT rule_id FROM rule_catalog WHERE kind = 'audit'").await.concat();
    let asked: Vec<_> = report.audits.iter().filter(|audit| audit.rule_id.is_some()).collect();
    for id in AUDITS {
        let audit = asked.iter().find(|audit| audit.id == *id);
        assert!(audit.is_some_and(|audit| audit.passed), "{id}: {audit:?}");
    }
    for audit in asked {
        assert!(audit.rule_id.as_ref().is_some_and(|rule| rules.contains(rule)), "{audit:?} is of no rule");
    }
    derived_metrics_equal_a_second_writing(&company).await;
}

async fn derived_metrics_equal_a_second_writing(company: &Company) {
    let known = "SELECT count(*) FILTER (WHERE engagement_score > 0), count(*) FILTER (WHERE health_score > 0),
        count(*) FILTER (WHERE features_dropped_28d > 0), count(*) FILTER (WHERE discount_share_total > 0),
        count(*) FILTER (WHERE arr > 0),
        count(*) FILTER (WHERE first_90_days_score > 0), count(*) FILTER (WHERE tenure_days < 30) FROM account_metrics";
    for (count, rule) in company.rows(known).await[0].iter().zip([
        "engagement",
        "health",
        "features",
        "discount",
        "arr",
        "first_90_days",
        "warm_up",
    ]) {
        assert_ne!(count, "0", "the company has nothing to compute {rule} from");
    }
    let scores = format!("WITH components AS ({COMPONENTS}), scores AS ({SCORES}) {DIFFERING_SCORES}");
    assert_eq!(company.rows(&scores).await, Vec::<Vec<String>>::new());
    assert_eq!(company.rows(DIFFERING_OTHERS).await, Vec::<Vec<String>>::new());
}
