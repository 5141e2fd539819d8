//! Which kinds of accounts fit: cells with known numbers.

use headwater_metrics::{InputTable, fit_cells};

use crate::bench::Bench;

/// Accounts of four kinds that were customers a year ago: how many, how many of them left, how many expanded.
const KINDS: [(&str, &str, usize, usize, usize); 4] = [
    ("planning", "team", 40, 2, 20),
    ("planning", "solo", 40, 12, 4),
    ("chat", "team", 40, 30, 0),
    ("chat", "solo", 29, 0, 29),
];

async fn company() -> Bench {
    let (mut accounts, mut subscriptions) = (Vec::new(), Vec::new());
    for (use_case, plan, all, left, expanded) in KINDS {
        for at in 0..all {
            let id = format!("{use_case}-{plan}-{at}");
            // Who left is on the free plan by now, and counts for the plan it had.
            let (end, plan_now) = if at < left { ("'2024-02-01'", "free") } else { ("NULL", plan) };
            accounts.push(format!("('{id}', '{use_case}', '{plan_now}', 'ads')"));
            subscriptions.push(format!("('{id}', '2023-01-01', {end}, 10, '{plan}')"));
            if at >= all - expanded {
                subscriptions.push(format!("('{id}', '2024-01-05', NULL, 5, 'extra')"));
            }
        }
    }
    for (id, channel) in [("new-1", "ads"), ("new-2", "ads"), ("new-3", "talks")] {
        accounts.push(format!("('{id}', 'chat', 'team', '{channel}')"));
        subscriptions.push(format!("('{id}', '2024-03-01', NULL, 10, 'team')"));
    }
    accounts.push("('new-4', 'planning', 'team', 'ads')".to_owned());
    subscriptions.push("('new-4', '2024-03-01', NULL, 10, 'team')".to_owned());
    let spend = "('2024-02-01', 'ads', 300), ('2024-02-01', 'fair', 1000), ('2022-02-01', 'talks', 1000)";
    Bench::new("2024-04-30")
        .input(
            InputTable::Accounts,
            "account_id VARCHAR, use_case VARCHAR, plan VARCHAR, acquisition_channel VARCHAR",
            &accounts.join(", "),
        )
        .await
        .input(
            InputTable::Subscriptions,
            "account_id VARCHAR, started_on DATE, ended_on DATE, mrr DECIMAL(18,2), plan VARCHAR",
            &subscriptions.join(", "),
        )
        .await
        .input(InputTable::Spend, "spent_on DATE, channel VARCHAR, amount DECIMAL(18,2)", spend)
        .await
}

#[tokio::test]
async fn cells_are_judged_beside_everyone_by_more_than_chance() {
    let bench = company().await;
    bench.accounts(&["mrr"]).await;
    let sql = "SELECT scope, group_name, customers_before, customer_retention, expanded_share, fit, new_customers, acquisition_spend,
        share_of_spend, spends_on_poor_fit FROM fit_cells ORDER BY 1, 2";
    // Everyone: 44 of 149 left, 53 expanded.
    assert_eq!(
        bench.table_by(&["total", "use_case", "plan", "segment.lifecycle"], fit_cells, sql).await,
        [
            "plan solo 69 0.8260869565217391 0.4782608695652174 best 0 - - false",
            "plan team 80 0.6 0.25 poor 4 300.0 1.0 true",
            "use_case chat 69 0.5652173913043478 0.42028985507246375 good 3 200.0 0.6666666666666666 false",
            "use_case planning 80 0.825 0.3 good 1 100.0 0.3333333333333333 false",
            "use_case, plan chat, solo 29 1.0 1.0 unknown 0 - - false",
            "use_case, plan chat, team 40 0.25 0.0 poor 3 200.0 0.6666666666666666 true",
            "use_case, plan planning, solo 40 0.7 0.1 poor 0 - - false",
            "use_case, plan planning, team 40 0.95 0.5 best 1 100.0 0.3333333333333333 false",
        ]
    );
    let base = "SELECT DISTINCT customer_retention_of_all, expanded_share_of_all FROM fit_cells";
    assert_eq!(bench.lines(base).await, ["0.7046979865771812 0.35570469798657717"]);
    let revenue = "SELECT revenue_retention FROM fit_cells WHERE group_name = 'planning, team'";
    // 38 stay with 10, 20 of them with 5 more.
    assert_eq!(bench.lines(revenue).await, ["1.2"]);
}

/// Of each region forty customers; of the north many expand a little and the dearest leaves, of the south two leave that
/// pay next to nothing.
#[tokio::test]
async fn what_customers_pay_is_heard_beside_how_many_they_are() {
    let (mut accounts, mut subscriptions) = (Vec::new(), Vec::new());
    for region in ["north", "south", "west"] {
        for at in 0..40 {
            let id = format!("{region}-{at}");
            let (mrr, leaves) = match (region, at) {
                ("north", 0) => (1_000, true),
                ("south", 0..8) => (1, true),
                _ => (10, false),
            };
            let end = if leaves { "'2024-02-01'" } else { "NULL" };
            accounts.push(format!("('{id}', '{region}')"));
            subscriptions.push(format!("('{id}', '2023-01-01', {end}, {mrr})"));
            if region == "north" && at >= 20 {
                subscriptions.push(format!("('{id}', '2024-01-05', NULL, 1)"));
            }
        }
    }
    let bench = Bench::new("2024-04-30")
        .input(InputTable::Accounts, "account_id VARCHAR, region VARCHAR", &accounts.join(", "))
        .await
        .input(
            InputTable::Subscriptions,
            "account_id VARCHAR, started_on DATE, ended_on DATE, mrr DECIMAL(18,2)",
            &subscriptions.join(", "),
        )
        .await;
    bench.accounts(&["mrr"]).await;
    let sql = "SELECT group_name, customer_retention, expanded_share, round(revenue_retention, 3), round(revenue_retention_of_all, 3), fit
        FROM fit_cells ORDER BY 1";
    assert_eq!(
        bench.table_by(&["region"], fit_cells, sql).await,
        [
            // Best by heads, and it lost most of what it paid.
            "north 0.975 0.5 0.295 0.534 good",
            // Poor by heads, and it kept nearly all that it paid.
            "south 0.8 0.0 0.976 0.534 good",
            "west 1.0 0.0 1.0 0.534 good",
        ]
    );
}

#[tokio::test]
async fn spend_without_a_channel_is_shared_by_all_that_were_won() {
    let subscriptions =
        "('A', '2024-03-01', 10), ('B', '2024-03-01', 10), ('C', '2024-03-01', 10), ('D', '2022-03-01', 10)";
    let bench = Bench::new("2024-04-30")
        .input(
            InputTable::Accounts,
            "account_id VARCHAR, region VARCHAR",
            "('A', 'north'), ('B', 'north'), ('C', NULL), ('D', 'north')",
        )
        .await
        .input(InputTable::Subscriptions, "account_id VARCHAR, started_on DATE, mrr DECIMAL(18,2)", subscriptions)
        .await
        .input(InputTable::Spend, "spent_on DATE, amount DECIMAL(18,2)", "('2024-02-01', 90), ('2022-02-01', 900)")
        .await;
    bench.accounts(&["mrr"]).await;
    let sql = "SELECT group_name, customers_before, customer_retention, fit, new_customers, acquisition_spend FROM fit_cells ORDER BY 1";
    assert_eq!(
        bench.table_by(&["region"], fit_cells, sql).await,
        ["(unknown) 0 - unknown 1 30.0", "north 1 1.0 unknown 2 60.0"]
    );
}
