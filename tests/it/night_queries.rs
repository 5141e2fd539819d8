//! Published values recomputed by the queries of `docs/queries.md`, from published rows alone.

use crate::night::{Company, assert_equal, has_shared_data, repository};
use crate::small_company::small_company;

/// The query under a heading of the page.
fn query(heading: &str) -> String {
    let page = std::fs::read_to_string(repository().join("docs/queries.md")).unwrap();
    let (_, section) = page.split_once(&format!("## {heading}\n")).unwrap();
    let (_, block) = section.split_once("```sql\n").unwrap();
    block.split_once("```").unwrap().0.to_owned()
}

async fn recomputed_values_are_the_published_ones(company: &Company) {
    for (heading, metric) in [
        ("Net revenue retention", "nrr_12m"),
        ("Cost of winning a customer", "cac_12m"),
        ("Payback", "cac_payback_months"),
    ] {
        let published = format!("SELECT value FROM group_metrics WHERE scope = 'total' AND metric = '{metric}'");
        let published = company.rows(&published).await;
        assert_ne!(published, [[""]], "{metric} is known");
        assert_equal(&company.rows(&query(heading)).await, &published, 1e-12);
    }
    let published = "SELECT cohort, customer_retention FROM cohort_metrics
        WHERE scope = 'total' AND period_end = as_of ORDER BY cohort";
    let published = company.rows(published).await;
    assert!(published.len() > 12);
    assert_equal(&company.rows(&query("Retention of a cohort")).await, &published, 1e-12);
}

#[tokio::test]
async fn a_generated_company_recomputed() {
    let folder = tempfile::tempdir().unwrap();
    let company = small_company(folder.path());
    company.publish().await;
    recomputed_values_are_the_published_ones(&company).await;
}

#[tokio::test]
async fn taskflow_recomputed() {
    if !has_shared_data() {
        return;
    }
    let company = Company::of_fixture("taskflow", "2024-12-31");
    company.publish().await;
    recomputed_values_are_the_published_ones(&company).await;
}

#[tokio::test]
async fn a_generated_company_has_trials_to_win_accounts_that_left_and_a_renewal_to_come() {
    let folder = tempfile::tempdir().unwrap();
    let company = small_company(folder.path());
    company.publish().await;
    let trials = "SELECT bool_and(trials = won_so_far + lost + undecided), bool_or(provisional), bool_or(NOT provisional AND rate > 0)
        FROM trial_cohorts WHERE scope = 'total' AND window_days = 30";
    assert_eq!(company.rows(trials).await, [["true", "true", "true"]]);
    let left = "SELECT count(*) > 0, bool_and(days_as_payer BETWEEN 1 AND 180) FROM clawbacks";
    assert_eq!(company.rows(left).await, [["true", "true"]]);
    let renewals = "SELECT account_id, due_on, stage, amount, plan, usage_direction, confidence, reason FROM renewals";
    let reason = "fewer than 20 renewals were decided before";
    assert_eq!(
        company.rows(renewals).await,
        [["A0000031", "2026-06-06", "open", "151.20", "solo", "falling", "", reason]]
    );
}
