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

/// The entries of the second of two nights, against the segments of both.
#[tokio::test]
async fn who_became_at_risk_is_told_from_who_is() {
    let folder = tempfile::tempdir().unwrap();
    let mut company = small_company(folder.path());
    company.request.as_of = "2026-05-17".parse().unwrap();
    company.publish().await;
    company.request.as_of = "2026-05-31".parse().unwrap();
    company.request.run_id = "second".to_owned();
    company.publish().await;
    let of_night = query("Entries into a segment").replace("WHERE ", "WHERE scores.as_of = DATE '2026-05-31' AND ");
    let expected = "
        SELECT cohort, count(*), count(*) FILTER (WHERE before = 'other') FROM (
            SELECT now.account_id, (SELECT max(period_end) FROM mrr_movements WHERE movement = 'new' AND as_of = DATE '2026-05-31'
                    AND mrr_movements.account_id = now.account_id) AS cohort,
                CASE WHEN then.segment = 'at_risk' THEN 'at risk' WHEN then.segment IS NOT NULL THEN 'other' END AS before
            FROM (SELECT * FROM segment_scores WHERE scheme = 'lifecycle' AND segment = 'at_risk' AND as_of = DATE '2026-05-31') AS now
            LEFT JOIN (SELECT * FROM segment_scores WHERE scheme = 'lifecycle' AND as_of = DATE '2026-05-17') AS then
                ON then.account_id = now.account_id)
        GROUP BY cohort ORDER BY cohort";
    let (ours, theirs) = (company.rows(&of_night).await, company.rows(&expected.replace("then", "earlier")).await);
    assert_eq!(ours, theirs);
    let total = |at: usize| ours.iter().map(|row| row[at].parse::<u32>().unwrap()).sum::<u32>();
    assert!(total(1) > total(2) && total(2) > 0, "some entered and some were there: {ours:?}");
}

#[tokio::test]
async fn a_generated_company_asks_says_and_brings_others() {
    let folder = tempfile::tempdir().unwrap();
    let company = small_company(folder.path());
    company.publish().await;
    let shares = "SELECT count(*), bool_and(abs(total - 1) < 1e-9) FROM (
        SELECT sum(share) AS total FROM ticket_themes GROUP BY scope, group_name HAVING sum(tickets) > 0
        UNION ALL SELECT sum(share) FROM ticket_channels GROUP BY scope, group_name HAVING sum(tickets) > 0
        UNION ALL SELECT sum(share_of_accounts) FROM churn_reasons GROUP BY scope, group_name)";
    let found = company.rows(shares).await;
    assert!(found[0][0].parse::<u32>().unwrap() > 20 && found[0][1] == "true", "{found:?}");
    // Revenue that reasons account for is what the movements of the year say.
    let lost = "SELECT sum(mrr_lost) = (SELECT sum(-amount) FROM mrr_movements WHERE movement = 'churn' AND period_end > DATE '2025-05-31')
        FROM churn_reasons WHERE scope = 'total'";
    assert_eq!(company.rows(lost).await, [["true"]]);
    let said = "SELECT count(*) FILTER (WHERE reason <> '(unknown)') > 0 FROM churn_reasons WHERE scope = 'total'";
    assert_eq!(company.rows(said).await, [["true"]]);
    let views = "SELECT bool_or(families_known = 4), bool_or(families_known < 3), bool_and((families_missing IS NULL) = (families_known = 4)),
        bool_or(referrals_total > 0), bool_or(live_tickets_90d > 0), bool_or(requests_shipped_untold > 0),
        bool_or(price_gap_pct BETWEEN 15.9 AND 16.1), bool_and(price_gap_pct IS NULL OR price_gap_pct < 20)
        FROM account_metrics";
    assert_eq!(company.rows(views).await, [["true"; 8]]);
    let cells = "SELECT count(DISTINCT scope), bool_and(fit = 'unknown' OR customers_before >= 30), sum(CASE WHEN scope = 'plan' THEN new_customers ELSE 0 END)
        = (SELECT count(*) FROM mrr_movements WHERE movement = 'new' AND period_end > DATE '2025-05-31') FROM fit_cells";
    assert_eq!(company.rows(cells).await, [["6", "true", "true"]]);
}

#[tokio::test]
async fn lifetime_values_can_be_read_and_recomputed() {
    let folder = tempfile::tempdir().unwrap();
    let mut company = small_company(folder.path());
    // Eighty accounts are few; the fits are to exist, not to be good.
    company.request.project.lifetimes.fewest_customers = 10;
    let report = company.publish().await.report;
    let methods = company.rows(&query("Lifetime value by every method")).await;
    assert_eq!(methods.len(), 7, "{methods:?}");
    let shown: Vec<&str> = report.lifetime_values.iter().map(|line| line.method.as_str()).collect();
    assert_eq!(shown, methods.iter().map(|row| row[0].as_str()).collect::<Vec<_>>(), "the summary says the same");
    for row in methods.iter().filter(|row| !row[5].is_empty() && !row[6].is_empty()) {
        assert!(row[5].parse::<f64>().unwrap() < row[6].parse::<f64>().unwrap(), "no interval without width: {row:?}");
    }
    let published = "SELECT value FROM lifetime_values WHERE scope = 'total' AND method = 'contract_model'";
    let mean = company.rows(&query("Lifetime value of a group from its accounts")).await;
    assert_equal(&mean, &company.rows(published).await, 1e-6);
    let rests = company.rows(&query("What an account's value rests on")).await;
    let scored = company.rows("SELECT count(*) FROM account_values WHERE model IS NOT NULL").await;
    assert_eq!(rests.len().to_string(), scored[0][0], "each value has the one fit behind it");
    let levers = company.rows(&query("The strongest lever of each group")).await;
    assert!(levers.iter().any(|row| row[..3] == ["total", "all", "subscriptions"]), "{levers:?}");
    let stays = company.rows(&query("Who stays beyond a year")).await;
    assert!(stays.iter().all(|row| row[3].parse::<f64>().unwrap() < row[4].parse::<f64>().unwrap()), "{stays:?}");
    let used = company.rows(&query("Models that were used")).await;
    let of_used = "SELECT count(*) FROM model_parameters WHERE is_used";
    assert_eq!(used.len().to_string(), company.rows(of_used).await[0][0]);
    assert!(!used.is_empty());
}
