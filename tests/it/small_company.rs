//! This repository's own project over a small generated company: a whole night without any outside data.

use std::fs;
use std::path::Path;

use headwater_fixtures::{CompanySpec, write_lake};

use crate::night::{Company, repository};

/// The last day of the generated lake.
const AS_OF: &str = "2026-05-31";

/// Accounts whose net revenue is not that of their orders at the rates of their days, and how many orders there are in euros.
const DIFFERING_REVENUE: &str = "
    WITH rated AS (
        SELECT order_id, orders.account_id, amount, refunded_amount,
            coalesce(first_value(CAST(rate AS DECIMAL(4, 2)) ORDER BY valid_on DESC), CAST(1 AS DECIMAL(4, 2))) AS rate
        FROM orders LEFT JOIN exchange_rates ON orders.currency = exchange_rates.currency AND valid_on <= CAST(ordered_at AS DATE)
        GROUP BY order_id, orders.account_id, amount, refunded_amount),
    expected AS (
        SELECT account_id AS buyer, sum(round(amount * rate, 2) - round(refunded_amount * rate, 2)) AS revenue
        FROM rated GROUP BY account_id)
    SELECT account_id FROM account_metrics LEFT JOIN expected ON account_id = buyer
    WHERE net_revenue_total <> CAST(coalesce(revenue, 0) AS DECIMAL(18, 2))
    UNION ALL SELECT 'orders in euros' FROM (SELECT count(*) AS found FROM orders WHERE currency = 'EUR') WHERE found > 0";

/// Makes the company in an empty folder.
pub(crate) fn small_company(folder: &Path) -> Company {
    let spec = CompanySpec { accounts: 80, days: 60, ..CompanySpec::demo() };
    write_lake(&spec, &folder.join("demo/lake")).unwrap();
    fs::create_dir(folder.join("rules")).unwrap();
    let shipped = fs::read_dir(repository().join("rules"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file());
    for path in shipped.chain([repository().join("headwater.yaml")]) {
        fs::copy(&path, folder.join(path.strip_prefix(repository()).unwrap())).unwrap();
    }
    Company::in_folder(folder, AS_OF)
}

/// The first night exchanges: orders from the euro area are in euros.
#[tokio::test]
async fn orders_in_euros_count_at_the_rate_of_their_day() {
    let folder = tempfile::tempdir().unwrap();
    let company = small_company(folder.path());
    company.publish().await;
    let lake = |table: &'static str| (table, folder.path().join(format!("demo/lake/{table}/")).display().to_string());
    let found = company.rows_with(&[lake("orders"), lake("exchange_rates")], DIFFERING_REVENUE).await;
    assert_eq!(found, [["orders in euros"]]);
}
