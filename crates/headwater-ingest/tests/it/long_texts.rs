//! Mappings and queries that programs wrote: very long, or very deep.

use headwater_ingest::{InputSource, InputSpec};
use headwater_metrics::InputTable;

use crate::lake::{Lake, Mapped, input, sql};

/// Most conditions that AND and OR may join in one text.
const MOST: usize = 5_000;

/// As many conditions as said: joined by OR only `a` meets them, joined by AND all but `a` do.
fn chain(conditions: usize, operator: &str) -> String {
    let comparison = if operator == "OR" { "=" } else { "<>" };
    let others = (1..conditions).map(|number| format!("account_id {comparison} 'x{number}'"));
    let all: Vec<String> = others.chain([format!("account_id {comparison} 'a'")]).collect();
    all.join(&format!(" {operator} "))
}

fn raw() -> Lake {
    let mut lake = Lake::with_accounts();
    lake.source("raw", "accounts.parquet");
    lake
}

fn of_query(query: &str) -> InputSpec {
    input(InputTable::Accounts, InputSource::Sql(sql(query)))
}

/// The accounts `input` gives, or what is wrong with it.
async fn accounts(lake: &Lake, input: InputSpec) -> Vec<String> {
    match lake.open(std::slice::from_ref(&input)).await {
        Ok(night) => night.rows("SELECT account_id FROM accounts").await,
        Err(_) => lake.problems(&[input]).await,
    }
}

#[tokio::test]
async fn thousands_of_conditions_say_what_few_say() {
    let lake = raw();
    for conditions in [2, 40, 1_000] {
        for (operator, expected) in [("OR", vec!["a"]), ("AND", vec!["b", "c"])] {
            let chain = chain(conditions, operator);
            let filtered = lake.accounts().filter(&chain);
            assert_eq!(accounts(&lake, filtered).await, expected, "{conditions} {operator} in a filter");
            let mapped = lake.accounts().map("plan", &format!("CASE WHEN {chain} THEN 'in' END")).filter("true");
            assert_eq!(accounts(&lake, mapped).await.len(), 3, "{conditions} {operator} in a column");
            let query = of_query(&format!("SELECT account_id FROM raw WHERE {chain}"));
            assert_eq!(accounts(&lake, query).await, expected, "{conditions} {operator} in a query");
        }
    }
    // What is unknown stays unknown, however the conditions are bracketed.
    let unknown = lake.accounts().filter(&format!("(({}) AND nullif(1, 1) = 1) IS NULL", chain(1_000, "AND")));
    assert_eq!(accounts(&lake, unknown).await, ["b", "c"]);
}

#[tokio::test]
async fn texts_beyond_what_can_be_planned_are_refused() {
    let too_deep = "E0505 the SQL is nested too deeply";
    let too_many = "E0505 more than 5000 conditions joined by AND and OR";
    let nested = |open: &str, close: &str, times: usize| {
        format!("{}account_id{} = 'a'", open.repeat(times), close.repeat(times))
    };
    let cases = [
        (chain(MOST, "OR"), "a"),
        (chain(MOST + 1, "OR"), too_many),
        (chain(MOST + 1, "AND"), too_many),
        (nested("(", ")", 60), "a"),
        (nested("(", ")", 70), too_deep),
        (nested("cast(", " AS text)", 8), "a"),
        (nested("cast(", " AS text)", 9), too_deep),
        (format!("account_id{} = 'a'", " || ''".repeat(200)), "a"),
        (format!("account_id{} = 'a'", " || ''".repeat(300)), too_deep),
        (format!("{} account_id = 'a'", "NOT ".repeat(300)), too_deep),
        (format!("account_id IN ('a'{})", ", 'x'".repeat(20_000)), "a"),
    ];
    let lake = raw();
    for (condition, expected) in cases {
        let began: String = condition.chars().take(40).collect();
        assert_eq!(accounts(&lake, lake.accounts().filter(&condition)).await, [expected], "a filter {began}…");
        let query = of_query(&format!("SELECT account_id FROM raw WHERE {condition}"));
        assert_eq!(accounts(&lake, query).await, [expected], "a query with {began}…");
    }
}
