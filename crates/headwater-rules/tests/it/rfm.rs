//! Scores of recency, frequency and monetary value: their edges, ties, few values, fixed edges and named cells.

use headwater_metrics::Unit;

use crate::execution::{checked, same};
use crate::night::Night;

const COLUMNS: &[(&str, Unit)] =
    &[("account_id", Unit::Text), ("quiet_days", Unit::Days), ("events", Unit::Count), ("revenue", Unit::Money)];

const EDGES: &str = "scheme part bin score metric lower_edge upper_edge accounts edges";

/// A night over a scheme `s` with the keys given, and rows of account, quiet days, events and revenue.
async fn night(keys: &str, rows: &str) -> Night {
    let rules = format!("version: 1\nsegment_schemes: [{{id: s, description: d, preset: rfm, {keys}}}]\n");
    let rows: Vec<_> = rows.split(';').map(|row| format!("({row})")).collect();
    Night::new(&checked(&rules), "2026-05-31", COLUMNS, &rows.join(", ")).await
}

const RF: &str = "inputs: {recency: quiet_days, frequency: events}";
const RFM: &str = "inputs: {recency: quiet_days, frequency: events, monetary: revenue}";

#[tokio::test]
async fn edges_are_published_with_what_lies_between_them() {
    let rows = "'A', 2, 10, NULL; 'B', 30, 2, NULL; 'C', 1, 8, NULL; 'D', 90, 0, NULL; 'E', 5, 6, NULL";
    let night = night(RF, rows).await;
    same(
        &night.rows("score_edges", EDGES).await,
        "s | frequency | 1 | 1 | events | - | 1.6 | 1 | quantiles
         s | frequency | 2 | 2 | events | 1.6 | 4.4 | 1 | quantiles
         s | frequency | 3 | 3 | events | 4.4 | 6.8 | 1 | quantiles
         s | frequency | 4 | 4 | events | 6.8 | 8.4 | 1 | quantiles
         s | frequency | 5 | 5 | events | 8.4 | - | 1 | quantiles
         s | recency | 1 | 5 | quiet_days | - | 1.8 | 1 | quantiles
         s | recency | 2 | 4 | quiet_days | 1.8 | 3.8 | 1 | quantiles
         s | recency | 3 | 3 | quiet_days | 3.8 | 15.0 | 1 | quantiles
         s | recency | 4 | 2 | quiet_days | 15.0 | 42.0 | 1 | quantiles
         s | recency | 5 | 1 | quiet_days | 42.0 | - | 1 | quantiles",
    );
}

/// A value on an edge is in the bin below it: fewer uses, and more recent.
#[tokio::test]
async fn a_value_on_an_edge_lies_below_it() {
    let rows: Vec<_> = (0..=5).map(|at| format!("'{at}', {at}, {at}, NULL")).collect();
    let night = night(RF, &rows.join(";")).await;
    same(
        &night.query(&night.compiled.account_metrics().sql, "account_id s_recency_score s_frequency_score").await,
        "0 | 5 | 1
         1 | 5 | 1
         2 | 4 | 2
         3 | 3 | 3
         4 | 2 | 4
         5 | 1 | 5",
    );
}

#[tokio::test]
async fn few_distinct_values_have_fewer_bins() {
    let same_ten: Vec<_> = (0..10).map(|at| format!("'{at}', 7, 7, 5")).collect();
    let alike = night(RFM, &same_ten.join(";")).await;
    let scores =
        "SELECT DISTINCT s_recency_score AS r, s_frequency_score AS f, s_monetary_score AS m FROM account_metrics";
    same(&alike.query(scores, "r f m").await, "5 | 1 | 1");
    same(
        &alike.rows("score_edges", "part bin score lower_edge upper_edge accounts").await,
        "frequency | 1 | 1 | - | 7.0 | 10
         frequency | 5 | 5 | 7.0 | - | 0
         monetary | 1 | 1 | - | 5.0 | 10
         monetary | 5 | 5 | 5.0 | - | 0
         recency | 1 | 5 | - | 7.0 | 10
         recency | 5 | 1 | 7.0 | - | 0",
    );
    let unknown = night(RF, "'A', NULL, NULL, NULL").await;
    assert_eq!(unknown.rows("score_edges", "part").await, "", "no values, no edges");
    same(&unknown.rows("segment_scores", "account_id segment").await, "A | unscored");
}

/// Accounts that never bought have no recency and bought nothing: the edges are those of the accounts that did.
#[tokio::test]
async fn who_never_did_it_takes_no_part_in_the_edges() {
    let bought = "'A', 1, 1, 10; 'B', 2, 1, 20; 'C', 3, 2, 30; 'D', 4, 3, 40; 'E', 5, 9, 50";
    let never: Vec<_> = (0..20).map(|at| format!("'never {at}', NULL, 0, 0")).collect();
    let mixed = night(RFM, &format!("{bought}; {}", never.join(";"))).await;
    let alone = night(RFM, bought).await;
    let edges = alone.rows("score_edges", EDGES).await;
    same(&mixed.rows("score_edges", EDGES).await, &edges);
    let scores = "SELECT * FROM account_metrics WHERE account_id < 'never' ORDER BY account_id";
    let columns = "account_id s_recency_score s_frequency_score s_monetary_score";
    same(
        &mixed.query(scores, columns).await,
        "A | 5 | 1 | 1
         B | 4 | 1 | 2
         C | 3 | 3 | 3
         D | 2 | 4 | 4
         E | 1 | 5 | 5",
    );
    let others = "SELECT DISTINCT s_frequency_score, s_monetary_score FROM account_metrics WHERE account_id > 'never'";
    same(&mixed.query(others, "s_frequency_score s_monetary_score").await, "- | -");
    let segments = mixed.rows("segment_scores", "account_id segment").await;
    assert_eq!(segments.matches("| unscored").count(), 20, "{segments}");
    assert!(segments.contains("A | new_or_returning"), "who bought once, and lately, is no champion: {segments}");
}

#[tokio::test]
async fn fixed_edges_do_not_drift() {
    let keys = format!("{RF}, edges: {{recency: [7, 14, 30, 60.5]}}");
    for rows in
        ["'A', 7, 1, NULL; 'B', 8, 2, NULL", "'A', 7, 1, NULL; 'B', 8, 2, NULL; 'C', 61, 3, NULL; 'D', 1, 3, NULL"]
    {
        let night = night(&keys, rows).await;
        let scores =
            night.query("SELECT * FROM account_metrics ORDER BY account_id", "account_id s_recency_score").await;
        assert!(scores.starts_with("A | 5\nB | 4"), "{scores}");
        let edges = night.rows("score_edges", "part bin lower_edge upper_edge edges").await;
        assert!(edges.contains("recency | 4 | 30.0 | 60.5 | fixed"), "{edges}");
        assert!(edges.contains("frequency | 1 | - |") && edges.contains("quantiles"), "{edges}");
    }
}

/// With fixed edges every score can be given by hand: the first cell that matches wins.
#[tokio::test]
async fn cells_of_the_package_overlap_and_the_first_wins() {
    let edges = "{recency: [1, 2, 3, 4], frequency: [1, 2, 3, 4], monetary: [1, 2, 3, 4]}";
    let cells = [
        ("555", "champions"),
        ("544", "potential_loyalist"),
        ("222", "loyal_customers"),
        ("333", "potential_loyalist"),
        ("313", "promising"),
        ("411", "new_customers"),
        ("135", "cannot_lose_them"),
        ("155", "at_risk"),
        ("153", "need_attention"),
        ("211", "about_to_sleep"),
        ("111", "lost"),
        ("252", "others"),
    ];
    let row = |(scores, _): &(&str, &str)| {
        let digits: Vec<u32> = scores.chars().map(|digit| digit.to_digit(10).unwrap()).collect();
        format!("'{scores}', {}, {}, {}", 6 - digits[0], digits[1], digits[2])
    };
    let mut rows: Vec<_> = cells.iter().map(row).collect();
    rows.push("'unknown', 1, NULL, 1".to_owned());
    let night = night(&format!("{RFM}, cells: rfm, edges: {edges}"), &rows.join(";")).await;
    let found = night.rows("segment_scores", "account_id segment").await;
    let mut wanted: Vec<_> = cells.iter().map(|(scores, cell)| format!("{scores} | {cell}")).collect();
    wanted.sort();
    wanted.push("unknown | unscored".to_owned());
    same(&found, &wanted.join("\n"));
}

/// One above the quantile, as the package has it: 11.5 is above the quantile 11 and below 12.
#[tokio::test]
async fn edges_of_the_package_lie_one_above_the_quantiles() {
    let rows = "'A', 1, 1, 10; 'B', 1, 1, 11; 'C', 1, 1, 11.5; 'D', 1, 1, 12; 'E', 1, 1, 13; 'F', 1, 1, 14";
    let package = night(&format!("{RFM}, quantiles: rfm"), rows).await;
    let scores = "SELECT account_id, s_monetary_score FROM account_metrics ORDER BY 1";
    same(&package.query(scores, "account_id s_monetary_score").await, "A | 1\nB | 1\nC | 1\nD | 2\nE | 4\nF | 5");
    same(
        &package
            .rows("score_edges", "part bin lower_edge upper_edge edges")
            .await
            .lines()
            .filter(|line| line.starts_with("monetary | 2"))
            .collect::<Vec<_>>()
            .join("\n"),
        "monetary | 2 | 12.0 | 12.5 | quantiles_plus_one",
    );
    let plain = night(RFM, rows).await;
    same(&plain.query(scores, "account_id s_monetary_score").await, "A | 1\nB | 1\nC | 2\nD | 3\nE | 4\nF | 5");
}
