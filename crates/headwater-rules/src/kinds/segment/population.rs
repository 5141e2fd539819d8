//! What presets compute over all accounts, as SQL: quantiles once a night, scores and places of each account, and the
//! table of the edges that scores were given by.

use headwater_metrics::{Query, Unit, identifier, literal};

use super::check::SegmentScheme;
use super::presets::{Population, PopulationColumn};
use super::rfm::{Edges, MONETARY, Scoring};
use crate::expression::Dialect;

/// The table of one row that holds the quantiles of the night.
const QUANTILES: &str = "score_quantiles";

/// Joins that add the population columns to the table `base`, and the columns' definitions.
#[derive(Debug, Default)]
pub(crate) struct PopulationSql {
    pub(crate) joins: Vec<String>,
    pub(crate) columns: Vec<(String, Unit, String)>,
}

/// The SQL of all population columns, over a table `base` of accounts and the quantiles of the night.
pub(crate) fn population(schemes: &[SegmentScheme]) -> PopulationSql {
    let mut sql = PopulationSql::default();
    let columns = || schemes.iter().flat_map(|scheme| &scheme.population);
    if columns().any(|column| by_quantiles(column).is_some()) {
        sql.joins.push(format!("CROSS JOIN {QUANTILES}"));
    }
    let placed = schemes.iter().flat_map(|scheme| scheme.population.iter().map(move |column| (scheme, column)));
    for (at, (scheme, column)) in placed.enumerate() {
        let name = identifier(&column.name);
        let input = input(column);
        match &column.form {
            Population::Score(scoring) => {
                sql.columns.push((score(&input, &scored(scheme, column), scoring), Unit::Count, name));
            }
            Population::TopPct => {
                let alias = format!("population_{at}");
                sql.joins
                    .push(format!("LEFT JOIN ({}) AS {alias} ON {alias}.account_id = base.account_id", places(&input)));
                sql.columns.push((format!("{alias}.place"), Unit::Percent, name));
            }
        }
    }
    sql
}

fn input(column: &PopulationColumn) -> String {
    format!("CAST({} AS DOUBLE)", identifier(&column.input.name))
}

/// The condition that an account is scored: its recency, its frequency and the value itself are known.
///
/// Who never did the thing has no recency, and a frequency of zero: among those who did, it would lower the edges of
/// frequency and of value, so that whoever did it once would count as doing it often.
fn scored(scheme: &SegmentScheme, column: &PopulationColumn) -> String {
    let is_asked = |other: &&PopulationColumn| {
        let is_monetary = matches!(&other.form, Population::Score(scoring) if scoring.part == MONETARY);
        !is_monetary || other.name == column.name
    };
    let known: Vec<_> =
        scheme.population.iter().filter(is_asked).map(|other| format!("{} IS NOT NULL", input(other))).collect();
    known.join(" AND ")
}

/// How a column is scored, where its edges are quantiles of the night.
fn by_quantiles(column: &PopulationColumn) -> Option<&Scoring> {
    match &column.form {
        Population::Score(scoring) if scoring.edges.are_quantiles() => Some(scoring),
        _ => None,
    }
}

/// The quantiles that scores rest on, over a table expression of accounts: one row, which scores and their table share.
pub(crate) fn quantiles(schemes: &[SegmentScheme], base: &str) -> Option<Query> {
    let mut columns = Vec::new();
    let mut joins: Vec<String> = Vec::new();
    let placed = schemes.iter().flat_map(|scheme| scheme.population.iter().map(move |column| (scheme, column)));
    for (scheme, column) in placed {
        let Some(scoring) = by_quantiles(column) else { continue };
        let alias = format!("quantiles_{}", joins.len());
        columns.extend((1..scoring.bins).map(|k| format!("{alias}.edge_{k} AS {}", quantile(scoring, k))));
        joins.push(format!("({}) AS {alias}", quantiles_of(&input(column), &scored(scheme, column), scoring.bins)));
    }
    let sql = format!(
        "WITH base AS (SELECT * FROM {base}) SELECT {} FROM {}",
        columns.join(", "),
        joins.join(" CROSS JOIN ")
    );
    (!joins.is_empty()).then(|| Query::new(QUANTILES, sql))
}

/// One row with the inner quantiles of the values of all accounts that are scored.
///
/// Type 7: quantile k of n values lies at the position k (n - 1) / bins, counted from 0. The position is kept as whole
/// number and remainder, so that a quantile that is a value is exactly that value.
fn quantiles_of(input: &str, is_scored: &str, bins: i64) -> String {
    let edge = |k: i64| {
        let at = |offset| format!("max(CASE WHEN place = {k} * (n - 1) / {bins} + {offset} THEN value END)");
        let (low, high) = (at(1), at(2));
        let rest = format!("CAST(max({k} * (n - 1) % {bins}) AS DOUBLE) / {bins}");
        format!("{low} + COALESCE({high} - {low}, 0) * {rest} AS edge_{k}")
    };
    let edges: Vec<_> = (1..bins).map(edge).collect();
    format!(
        "SELECT {} FROM (SELECT {input} AS value, CAST(row_number() OVER (ORDER BY {input}, account_id) AS BIGINT) AS place \
         FROM base WHERE {is_scored}) AS sorted \
         CROSS JOIN (SELECT CAST(count(*) AS BIGINT) AS n FROM base WHERE {is_scored}) AS counted",
        edges.join(", ")
    )
}

/// The column of a quantile.
fn quantile(scoring: &Scoring, k: i64) -> String {
    identifier(&format!("{}.{}.{k}", scoring.scheme, scoring.part))
}

/// The edge between bin k and the next, from the smallest values.
fn edge(scoring: &Scoring, k: i64) -> String {
    match &scoring.edges {
        Edges::Quantiles => format!("{QUANTILES}.{}", quantile(scoring, k)),
        Edges::QuantilesPlusOne => format!("({QUANTILES}.{} + 1)", quantile(scoring, k)),
        Edges::Fixed(values) => {
            let value = usize::try_from(k - 1).ok().and_then(|at| values.get(at));
            value.map_or_else(|| "CAST(NULL AS DOUBLE)".to_owned(), |value| format!("CAST('{value}' AS DOUBLE)"))
        }
    }
}

/// One more than the edges a value has passed or, where fewer is better, not passed: equal values share a score.
fn score(input: &str, is_scored: &str, scoring: &Scoring) -> String {
    let passed = match (&scoring.edges, scoring.fewer_is_better()) {
        (Edges::QuantilesPlusOne, false) => ">=",
        (Edges::QuantilesPlusOne, true) => "<",
        (_, false) => ">",
        (_, true) => "<=",
    };
    let steps: Vec<_> = (1..scoring.bins)
        .map(|k| format!("CASE WHEN {input} {passed} {} THEN 1 ELSE 0 END", edge(scoring, k)))
        .collect();
    format!("CASE WHEN {is_scored} THEN 1 + {} END", steps.join(" + "))
}

/// For every account with a value, the percentage of those with at least as much.
fn places(input: &str) -> String {
    format!(
        "SELECT account_id, CAST(n - below AS DOUBLE) * 100 / CAST(n AS DOUBLE) AS place \
         FROM (SELECT account_id, CAST(rank() OVER (ORDER BY {input}) AS BIGINT) - 1 AS below \
         FROM base WHERE {input} IS NOT NULL) AS ranked \
         CROSS JOIN (SELECT CAST(count({input}) AS BIGINT) AS n FROM base) AS counted"
    )
}

/// The rows of `score_edges` for each part of each scheme, over `judged` and the quantiles of the night.
pub(crate) fn edges(schemes: &[SegmentScheme], dialect: Dialect<'_>) -> Vec<String> {
    let columns = schemes.iter().flat_map(|scheme| &scheme.population);
    columns.filter_map(|column| edges_of(column, dialect)).collect()
}

/// A bin that no value can lie in, between two equal edges, is left out: few distinct values have fewer bins.
fn edges_of(column: &PopulationColumn, dialect: Dialect<'_>) -> Option<String> {
    let Population::Score(scoring) = &column.form else { return None };
    let name = identifier(&column.name);
    let bins = scoring.bins;
    let score_of = |bin: i64| if scoring.fewer_is_better() { bins + 1 - bin } else { bin };
    let counts: Vec<_> =
        (1..=bins).map(|score| format!("count(*) FILTER (WHERE {name} = {score}) AS accounts_{score}")).collect();
    let unknown = "CAST(NULL AS DOUBLE)".to_owned();
    let items: Vec<_> = (1..=bins)
        .map(|bin| {
            let lower = if bin == 1 { unknown.clone() } else { edge(scoring, bin - 1) };
            let upper = if bin == bins { unknown.clone() } else { edge(scoring, bin) };
            let score = score_of(bin);
            format!(
                "named_struct('bin', {bin}, 'score', {score}, 'lower', {lower}, 'upper', {upper}, 'accounts', accounts_{score})"
            )
        })
        .collect();
    let from = if scoring.edges.are_quantiles() { format!(" CROSS JOIN {QUANTILES}") } else { String::new() };
    Some(format!(
        "SELECT {as_of} AS as_of, {scheme} AS scheme, {part} AS part, item['bin'] AS bin, item['score'] AS score, \
         {metric} AS metric, item['lower'] AS lower_edge, item['upper'] AS upper_edge, item['accounts'] AS accounts, \
         {word} AS edges \
         FROM (SELECT unnest(make_array({items})) AS item FROM (SELECT {counts} FROM judged) AS counted{from}) AS bins \
         WHERE item['lower'] < item['upper'] OR (item['bin'] = 1 AND item['upper'] IS NOT NULL) \
         OR (item['bin'] = {bins} AND item['lower'] IS NOT NULL)",
        as_of = Dialect::date(dialect.as_of),
        scheme = literal(&scoring.scheme),
        part = literal(scoring.part),
        metric = literal(&column.input.name),
        word = literal(scoring.edges.word()),
        items = items.join(", "),
        counts = counts.join(", "),
    ))
}
