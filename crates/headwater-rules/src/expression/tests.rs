//! Expressions as text: what is written back means the same, and long chains stay shallow.

use headwater_diagnostics::{Diagnostics, Sources, yaml};
use headwater_metrics::Unit;

use super::*;
use crate::environment::Environment;
use crate::reading::{Reading, Written};

fn written(text: &str) -> Written {
    let mut sources = Sources::default();
    let file = sources.add("x.yaml", format!("'{}'", text.replace('\'', "''")));
    let mut problems = Diagnostics::new();
    let node = yaml::read(file, &sources, &mut problems).unwrap();
    Reading { sources: &sources, problems: &mut problems }.written(&node, "x").unwrap()
}

fn checked(text: &str) -> Expression {
    let attributes = [
        ("a", Unit::Count),
        ("b", Unit::Ratio),
        ("m", Unit::Money),
        ("t", Unit::Text),
        ("d", Unit::Date),
        ("f", Unit::Flag),
    ];
    let environment = Environment {
        attributes: attributes.iter().map(|(name, unit)| ((*name).to_owned(), *unit)).collect(),
        ..Environment::default()
    };
    let names = Names {
        environment: &environment,
        params: [("p".to_owned(), Some(Literal::Whole(7)))].into_iter().collect(),
        derived: Default::default(),
        population: Default::default(),
        schemes: Default::default(),
        bands: Default::default(),
        ladders: Default::default(),
        of_accounts: Default::default(),
        of_groups: Default::default(),
        incomplete: false,
    };
    let mut used = Use::default();
    let checked = check_expression(&written(text), Stage::Flag, &names, &mut used);
    assert!(!used.problems.has_errors(), "{text}: {:?}", used.problems);
    checked.expression
}

#[test]
fn what_is_written_back_means_the_same() {
    for text in [
        "a > 3 AND (b < 0.5 OR NOT f) AND t = 'it''s'",
        "a - (b - 1) * 2 / (a + 1) > -0.5",
        "coalesce(a / nullif(b, 0), param.p) BETWEEN 1 AND 2",
        "CASE WHEN f THEN m ELSE 0 END * 12 >= 100",
        "d + INTERVAL '3 month' < as_of AND date_part('year', d) = 2026",
        "t NOT LIKE 'x%' AND t IN ('a', 'b') AND t IS NOT NULL AND f IS NOT TRUE",
        "CAST(a AS DOUBLE) % 2 = 0 AND -a < 0 AND (a + b) - -1 > 0",
        "d = '2026-01-01' AND t || '-' || t = 'x' AND a IS DISTINCT FROM b",
    ] {
        let once = checked(text);
        let again = checked(&once.to_string());
        assert_eq!(once.to_string(), again.to_string(), "{text}");
        let dialect = Dialect::of("2026-05-31".parse().unwrap());
        assert_eq!(dialect.sql(&once), dialect.sql(&again), "{text}");
    }
}

#[test]
fn sql_gives_every_operator_one_meaning() {
    let sql = |text: &str| Dialect::of("2026-05-31".parse().unwrap()).sql(&checked(text));
    assert_eq!(
        sql("a / a > param.p"),
        r#"(CAST((CAST("a" AS DOUBLE) / NULLIF(CAST("a" AS DOUBLE), 0)) AS DOUBLE) > CAST(7 AS DOUBLE))"#
    );
    assert_eq!(sql("m + m > 1"), r#"(("m" + "m") > 1)"#);
    assert_eq!(sql("CAST(t AS BIGINT) = 1"), r#"(TRY_CAST("t" AS BIGINT) = 1)"#);
    assert_eq!(sql("d < as_of"), r#"("d" < CAST('2026-05-31' AS DATE))"#);
    assert_eq!(sql("m BETWEEN 1 AND b"), r#"(CAST("m" AS DOUBLE) BETWEEN CAST(1 AS DOUBLE) AND CAST("b" AS DOUBLE))"#);
    assert_eq!(sql("m * 12 >= 100"), r#"(("m" * 12) >= 100)"#);
}

#[test]
fn a_long_chain_is_bracketed_by_halves() {
    let chain = |length: usize| chained(&vec!["f".to_owned(); length], " AND ");
    assert_eq!(chain(3), "f AND f AND f");
    let deepest = |sql: &str| {
        let depths = sql.chars().scan(0_i32, |depth, c| {
            *depth += i32::from(c == '(') - i32::from(c == ')');
            Some(*depth)
        });
        depths.max().unwrap_or_default()
    };
    for (length, levels) in [(16, 0), (17, 1), (600, 6), (2_000, 7)] {
        assert_eq!(chain(length).matches('f').count(), length);
        assert_eq!(deepest(&chain(length)), levels, "{length}");
    }
}

#[test]
fn an_alternative_explains_as_a_whole() {
    let told = |reason: &Reason<'_>| match reason {
        Reason::Leaf(leaf) => leaf.to_string(),
        Reason::Alternative(alternative, parts) => format!("{alternative}: {}", parts.len()),
    };
    for (text, ids, explained) in [
        ("a > 1 AND (b > 1 AND f)", vec!["c1", "c2", "c3"], vec!["a > 1", "b > 1", "f"]),
        ("a > 1 OR (b > 1 AND f)", vec!["c1", "c2", "c3"], vec!["a > 1", "b > 1 AND f: 2"]),
        ("a > 1 OR f OR (b > 1 OR f)", vec!["c1", "c2", "c3", "c4"], vec!["a > 1", "f", "b > 1", "f"]),
    ] {
        let condition = checked(text);
        assert_eq!(reasons(&condition).iter().map(told).collect::<Vec<_>>(), explained, "{text}");
        let leaves = leaves(&[(None, condition)]);
        assert_eq!(leaves.iter().map(|leaf| leaf.id.as_str()).collect::<Vec<_>>(), ids, "{text}");
    }
}
