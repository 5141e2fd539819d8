//! Shipped rules that have no outcome of their own on one account: derived metrics against the formula written
//! another way, audits as they ran.

use crate::night::Company;
use crate::small_company::small_company;

/// Accounts whose published values differ from a second writing of their formulas.
///
/// A part of a score is 0 at its floor and 1 at its ceiling; unknown parts leave their weight to the others.
const DIFFERING: &str = "
    WITH parts AS (
        SELECT *,
            least(greatest(feature_adoption_28d / 0.6, 0), 1) AS adoption,
            least(greatest(active_days_28d / CAST(20 AS DOUBLE), 0), 1) AS regularity,
            least(greatest(stickiness_28d / 0.5, 0), 1) AS stickiness,
            least(greatest(engagement_score / 100, 0), 1) AS engagement,
            least(greatest((satisfaction_mean_90d - 1) / 4, 0), 1) AS satisfaction,
            least(greatest(nps_score_latest / 10, 0), 1) AS recommendation,
            1 - least(greatest(escalations_90d / CAST(3 AS DOUBLE), 0), 1) AS calm
        FROM account_metrics
    ), expected AS (
        SELECT *,
            100 * (coalesce(40 * adoption, 0) + coalesce(35 * regularity, 0) + coalesce(25 * stickiness, 0))
                / (CASE WHEN adoption IS NULL THEN 0 ELSE 40 END + CASE WHEN regularity IS NULL THEN 0 ELSE 35 END
                    + CASE WHEN stickiness IS NULL THEN 0 ELSE 25 END) AS engagement_expected,
            100 * (coalesce(60 * engagement, 0) + coalesce(15 * satisfaction, 0) + coalesce(15 * recommendation, 0)
                    + coalesce(10 * calm, 0))
                / (CASE WHEN engagement IS NULL THEN 0 ELSE 60 END + CASE WHEN satisfaction IS NULL THEN 0 ELSE 15 END
                    + CASE WHEN recommendation IS NULL THEN 0 ELSE 15 END + CASE WHEN calm IS NULL THEN 0 ELSE 10 END)
                AS health_expected
        FROM parts
    )
    SELECT account_id FROM expected
    WHERE NOT abs(engagement_score - engagement_expected) < 1e-9
        OR NOT abs(health_score - health_expected) < 1e-9
        OR features_dropped_28d <> CASE WHEN features_used_prev_28d > features_used_28d
            THEN features_used_prev_28d - features_used_28d ELSE 0 END
        OR NOT (discount_share_total IS NULL OR abs(discount_share_total
            - CAST(order_discounts_total AS DOUBLE) / CAST(order_discounts_total + net_revenue_total AS DOUBLE)) < 1e-9)
        OR arr <> 12 * mrr
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
    "thrash",
];

#[tokio::test]
async fn derived_metrics_and_audits_of_the_pack() {
    let folder = tempfile::tempdir().unwrap();
    let company = small_company(folder.path());
    let report = company.publish().await.report;
    for id in AUDITS {
        let audit = report.audits.iter().find(|audit| audit.id == *id);
        assert!(audit.is_some_and(|audit| audit.passed), "{id}: {audit:?}");
    }
    derived_metrics_equal_a_second_writing(&company).await;
}

async fn derived_metrics_equal_a_second_writing(company: &Company) {
    let known = "SELECT count(*) FILTER (WHERE engagement_score > 0), count(*) FILTER (WHERE health_score > 0),
        count(*) FILTER (WHERE features_dropped_28d > 0), count(*) FILTER (WHERE discount_share_total > 0),
        count(*) FILTER (WHERE arr > 0) FROM account_metrics";
    for (count, rule) in
        company.rows(known).await[0].iter().zip(["engagement", "health", "features", "discount", "arr"])
    {
        assert_ne!(count, "0", "the company has nothing to compute {rule} from");
    }
    assert_eq!(company.rows(DIFFERING).await, Vec::<Vec<String>>::new());
}
