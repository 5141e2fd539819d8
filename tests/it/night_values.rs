//! Nights that publish lifetime values, held against what came after them.

use crate::night::{Company, has_shared_data, repository};

/// A project of the fixtures in a folder of its own, with the shipped rules.
fn with_shipped_rules(name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let source = repository().join("fixtures/projects").join(name).join("headwater.yaml");
    let lake = repository().join("../shared/data").join(name);
    let text = std::fs::read_to_string(source).unwrap();
    let text = text.replace(&format!("../../../../shared/data/{name}"), &lake.display().to_string());
    let text = text.replace(&format!("../../../target/projects/{name}"), "published");
    std::fs::write(folder.path().join("headwater.yaml"), text).unwrap();
    std::fs::create_dir(folder.path().join("rules")).unwrap();
    for entry in std::fs::read_dir(repository().join("rules")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            std::fs::copy(&path, folder.path().join("rules").join(path.file_name().unwrap())).unwrap();
        }
    }
    folder
}

/// Mean value after the night of the best tenth by a ranking, over that of all others.
async fn lift(company: &Company, best: &str) -> f64 {
    let sql = format!(
        "SELECT avg(CASE WHEN {best} THEN spent ELSE NULL END) / avg(CASE WHEN {best} THEN NULL ELSE spent END)
        FROM (
            SELECT account_metrics.account_id, segments.segment, coalesce(after.spent, 0) AS spent,
                rank() OVER (ORDER BY net_revenue_total DESC) AS by_spend, count(*) OVER () AS customers
            FROM account_metrics
            JOIN (SELECT account_id, segment FROM segment_scores WHERE scheme = 'order_clv_tier') AS segments
                ON segments.account_id = account_metrics.account_id
            LEFT JOIN (SELECT CAST(customer_id AS VARCHAR) AS buyer, sum(amount) AS spent FROM later
                WHERE CAST(\"date\" AS DATE) > DATE '1997-09-30' AND CAST(\"date\" AS DATE) <= DATE '1998-06-30' GROUP BY customer_id) AS after
                ON buyer = account_metrics.account_id)"
    );
    let later = repository().join("../shared/data/cdnow/cdnow_master_transactions.parquet").display().to_string();
    company.rows_with(&[("later", later)], &sql).await[0][0].parse().unwrap()
}

#[tokio::test]
#[expect(clippy::print_stdout, reason = "what the ranking is worth beside the naive one is shown")]
async fn champions_by_lifetime_value_are_worth_many_of_the_others_in_the_39_weeks_that_follow() {
    if !has_shared_data() {
        return;
    }
    let folder = with_shipped_rules("cdnow");
    let company = Company::in_folder(folder.path(), "1997-09-30");
    company.publish().await;
    let by_value = lift(&company, "segment = 'champions'").await;
    let by_spend = lift(&company, "by_spend <= customers / 10").await;
    println!("holdout lift of the best tenth: {by_value:.2} by expected value, {by_spend:.2} by what was spent so far");
    assert!(by_value > 5.0, "{by_value}");
    assert!(by_value > by_spend, "{by_value} is not above {by_spend}");
}
