//! Metrics of groups of accounts: everyone, each value of a dimension, each segment.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalogue::{Formula, Resolved, RowTable, resolve};
use crate::{Grain, InputTable, Query, identifier, literal};

use super::accounts::rows_of;
use super::fill::{fill, is_available, references};
use super::{Basis, Night, date};

/// A way of dividing accounts into groups.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GroupScope {
    /// All accounts are one group, `all`.
    Total,
    /// One group a value of an account column, such as `acquisition_channel` or `segment.lifecycle`.
    Column(String),
}

impl GroupScope {
    /// The scope that a rule names.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        if text == "total" { Self::Total } else { Self::Column(text.to_owned()) }
    }

    /// Its name in rules and outputs.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Total => "total",
            Self::Column(column) => column,
        }
    }

    /// The SQL of an account's group.
    pub(super) fn group(&self) -> String {
        match self {
            Self::Total => "'all'".to_owned(),
            Self::Column(column) => format!("coalesce(CAST({} AS VARCHAR), '(unknown)')", identifier(column)),
        }
    }

    /// The SQL of a spend row's group; spend belongs to everyone, to channels and to campaigns only.
    pub(super) fn spend_group(&self, night: &Night) -> Option<&'static str> {
        match self {
            Self::Total => Some("'all'"),
            Self::Column(column) if column == "acquisition_channel" && night.has(InputTable::Spend, &["channel"]) => {
                Some("coalesce(channel, '(unknown)')")
            }
            Self::Column(column) if column == "acquisition_campaign" && night.has(InputTable::Spend, &["campaign"]) => {
                Some("coalesce(campaign, '(unknown)')")
            }
            Self::Column(_) => None,
        }
    }
}

/// Accounts with their group in each scope: `account_id`, `scope`, `group_name`.
pub(super) fn grouped(scopes: &[GroupScope]) -> String {
    let of_scope = |scope: &GroupScope| {
        let (name, group) = (literal(scope.name()), scope.group());
        format!("SELECT account_id, {name} AS scope, {group} AS group_name FROM judged")
    };
    scopes.iter().map(of_scope).collect::<Vec<_>>().join(" UNION ALL ")
}

/// The groups of an account side by side, for sums that are taken once for all scopes together: there are many rows and
/// few groups, so what is left after the first sum is divided by scope. The group of everyone is no column, unless there is
/// no other.
pub(super) struct Places {
    /// `group_0`, `group_1`, … of an account, as columns of a select over `judged`.
    pub(super) columns: String,
    /// Their names.
    pub(super) names: String,
    /// An expression that makes of each row one for each scope: a struct of `scope` and `group_name`.
    pub(super) by_scope: String,
}

impl Places {
    pub(super) fn of(scopes: &[GroupScope]) -> Self {
        let has_columns = scopes.iter().any(|scope| *scope != GroupScope::Total);
        let is_column = |scope: &GroupScope| *scope != GroupScope::Total || !has_columns;
        let of_columns = |written: &dyn Fn(usize, &GroupScope) -> String| {
            let columns = scopes.iter().enumerate().filter(|(_, scope)| is_column(scope));
            columns.map(|(at, scope)| written(at, scope)).collect::<Vec<_>>().join(", ")
        };
        let of_scope = |(at, scope): (usize, &GroupScope)| {
            let group = if is_column(scope) { format!("group_{at}") } else { scope.group() };
            format!("named_struct('scope', {}, 'group_name', {group})", literal(scope.name()))
        };
        let by_scope: Vec<String> = scopes.iter().enumerate().map(of_scope).collect();
        Self {
            columns: of_columns(&|at, scope| format!("{} AS group_{at}", scope.group())),
            names: of_columns(&|at, _| format!("group_{at}")),
            by_scope: format!("unnest(make_array({}))", by_scope.join(", ")),
        }
    }
}

/// The plans of one night at group grain, over the table `judged`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupPlan {
    /// `group_facts`: one row a scope and group, one column a building block.
    pub facts: Query,
    /// `group_metrics`: one row a scope, group and metric.
    pub metrics: Query,
}

impl GroupPlan {
    /// The plans for metrics by scope.
    #[must_use]
    pub fn new(asked: &BTreeSet<(GroupScope, String)>, night: &Night) -> Self {
        let metrics: BTreeMap<(GroupScope, String), Resolved> = asked
            .iter()
            .filter_map(|(scope, id)| Some(((scope.clone(), id.clone()), resolve(id)?)))
            .filter(|(_, metric)| metric.definition.grain() == Some(Grain::Group))
            .collect();
        Self { facts: facts_query(&metrics, night), metrics: metrics_query(&metrics, night) }
    }
}

/// The account metrics that group metrics rest on.
pub(super) fn account_metrics(asked: &BTreeSet<(GroupScope, String)>, night: &Night) -> BTreeSet<String> {
    let metrics: Vec<Resolved> = asked.iter().filter_map(|(_, id)| resolve(id)).collect();
    facts_of(metrics.iter(), night)
        .values()
        .flat_map(|fact| references(fact, night))
        .filter(|name| resolve(name).is_some_and(|metric| metric.definition.grain() == Some(Grain::Account)))
        .collect()
}

/// The building blocks behind metrics, through metrics that rest on metrics.
fn facts_of<'a>(metrics: impl Iterator<Item = &'a Resolved>, night: &Night) -> BTreeMap<String, Resolved> {
    let mut facts = BTreeMap::new();
    let mut open: Vec<Resolved> = metrics.cloned().collect();
    while let Some(metric) = open.pop() {
        match metric.definition.formula {
            Formula::AccountFact(_) | Formula::SpendFact(_) | Formula::RowFact { .. } => {
                facts.insert(metric.id.clone(), metric);
            }
            Formula::Group { .. } => open.extend(references(&metric, night).iter().filter_map(|name| resolve(name))),
            _ => {}
        }
    }
    facts
}

fn facts_query(metrics: &BTreeMap<(GroupScope, String), Resolved>, night: &Night) -> Query {
    let facts = facts_of(metrics.values(), night);
    let scopes: BTreeSet<&GroupScope> = metrics.keys().map(|(scope, _)| scope).collect();
    let scopes: Vec<GroupScope> = scopes.into_iter().cloned().collect();
    Query::by_scope("group_facts", &scopes, |scopes| {
        let selects: Vec<String> = scopes.iter().map(|scope| facts_of_scope(scope, &facts, night)).collect();
        if selects.is_empty() {
            return "SELECT CAST(NULL AS VARCHAR) AS scope, CAST(NULL AS VARCHAR) AS group_name WHERE false".to_owned();
        }
        selects.join(" UNION ALL ")
    })
}

fn facts_of_scope(scope: &GroupScope, facts: &BTreeMap<String, Resolved>, night: &Night) -> String {
    let mut of_accounts = Vec::new();
    let mut of_spend = Vec::new();
    let mut of_rows: BTreeMap<RowTable, String> = BTreeMap::new();
    let mut columns = Vec::new();
    for (id, fact) in facts {
        let name = identifier(id);
        match fact.definition.formula {
            Formula::AccountFact(sql) if is_available(fact, night) => {
                of_accounts.push(format!(", {} AS {name}", fill(sql, fact, night, &identifier)));
                columns.push(format!("account_side.{name}"));
            }
            Formula::SpendFact(sql) if is_available(fact, night) && scope.spend_group(night).is_some() => {
                of_spend.push(format!(", {} AS {name}", fill(sql, fact, night, &identifier)));
                columns.push(format!("spend_side.{name}"));
            }
            Formula::SpendFact(_) => columns.push(format!("CAST(NULL AS DECIMAL(28, 2)) AS {name}")),
            Formula::RowFact { table, sql } if is_available(fact, night) => {
                let aggregate = format!(", {} AS {name}", fill(sql, fact, night, &identifier));
                of_rows.entry(table).or_default().push_str(&aggregate);
                columns.push(name);
            }
            _ => columns.push(format!("CAST(NULL AS BIGINT) AS {name}")),
        }
    }
    let columns: String = columns.iter().map(|column| format!(", {column}")).collect();
    let accounts = format!("SELECT {} AS group_name{} FROM judged GROUP BY 1", scope.group(), of_accounts.concat());
    let row_sides: String = of_rows.iter().map(|(table, facts)| row_side(scope, *table, facts, night)).collect();
    let scope_name = literal(scope.name());
    match scope.spend_group(night) {
        Some(group) if !of_spend.is_empty() => format!(
            "SELECT {scope_name} AS scope, coalesce(account_side.group_name, spend_side.group_name) AS group_name{columns}
            FROM ({accounts}) AS account_side
            FULL JOIN (SELECT {group} AS group_name{} FROM ({}) GROUP BY 1) AS spend_side
            ON account_side.group_name = spend_side.group_name{row_sides}",
            of_spend.concat(),
            spend_rows(night)
        ),
        _ => format!(
            "SELECT {scope_name} AS scope, account_side.group_name AS group_name{columns} FROM ({accounts}) AS account_side{row_sides}"
        ),
    }
}

/// The join that adds aggregates over the rows of a table to the groups of their accounts.
fn row_side(scope: &GroupScope, table: RowTable, facts: &str, night: &Night) -> String {
    let alias = format!("{table:?}_side").to_lowercase();
    format!(
        " LEFT JOIN (SELECT group_of_row{facts} FROM (SELECT account_id AS member, {group} AS group_of_row FROM judged) AS members
            JOIN ({rows}) AS table_rows ON member = table_rows.account_id
            GROUP BY 1) AS {alias} ON account_side.group_name = {alias}.group_of_row",
        rows = rows_of(table, night),
        group = scope.group(),
    )
}

pub(super) fn spend_rows(night: &Night) -> &'static str {
    if night.has(InputTable::Spend, &["purpose"]) {
        "SELECT *, purpose IS NULL OR purpose = 'acquisition' AS acquires FROM spend"
    } else {
        "SELECT *, true AS acquires FROM spend"
    }
}

fn metrics_query(metrics: &BTreeMap<(GroupScope, String), Resolved>, night: &Night) -> Query {
    let mut of_scope: BTreeMap<&GroupScope, Vec<&str>> = BTreeMap::new();
    for (scope, id) in metrics.keys() {
        of_scope.entry(scope).or_default().push(id);
    }
    // Scopes that ask for the same metrics are one select: a plan for each scope and metric takes longer to make than
    // to run.
    let mut scopes_of: BTreeMap<Vec<&str>, Vec<&GroupScope>> = BTreeMap::new();
    for (scope, ids) in of_scope {
        scopes_of.entry(ids).or_default().push(scope);
    }
    let mut selects: Vec<String> = scopes_of.iter().map(|(ids, scopes)| metric_rows(ids, scopes, night)).collect();
    if selects.is_empty() {
        selects.push(
            "SELECT CAST(NULL AS DATE) AS as_of, CAST(NULL AS VARCHAR) AS scope, CAST(NULL AS VARCHAR) AS group_name,
            CAST(NULL AS VARCHAR) AS metric, CAST(NULL AS VARCHAR) AS unit, CAST(NULL AS DOUBLE) AS value,
            CAST(NULL AS BIGINT) AS accounts, CAST(NULL AS VARCHAR) AS reason, CAST(NULL AS VARCHAR) AS basis,
            CAST(NULL AS VARCHAR) AS method WHERE false"
                .to_owned(),
        );
    }
    let all = selects.join(" UNION ALL ");
    Query::new("group_metrics", format!("SELECT * FROM ({all}) ORDER BY scope, group_name, metric"))
}

/// A row for each group of the scopes and each of the metrics.
fn metric_rows(ids: &[&str], scopes: &[&GroupScope], night: &Night) -> String {
    let items: Vec<String> =
        ids.iter().filter_map(|id| resolve(id)).filter_map(|metric| metric_item(&metric, night)).collect();
    let scopes: Vec<String> = scopes.iter().map(|scope| literal(scope.name())).collect();
    format!(
        "SELECT {as_of} AS as_of, scope, group_name, item['metric'] AS metric, item['unit'] AS unit,
            item['value'] AS value, item['accounts'] AS accounts,
            CASE WHEN item['value'] IS NULL THEN item['reason'] END AS reason, item['basis'] AS basis, item['method'] AS method
        FROM (SELECT scope, group_name, unnest(make_array({items})) AS item FROM group_facts WHERE scope IN ({scopes}))",
        as_of = date(night.as_of.day()),
        items = items.join(", "),
        scopes = scopes.join(", "),
    )
}

/// What is published of one metric of a group, as a struct over the columns of `group_facts`.
fn metric_item(metric: &Resolved, night: &Night) -> Option<String> {
    let Formula::Group { sql, accounts, reason } = metric.definition.formula else { return None };
    let (value, accounts, reason) = if is_available(metric, night) {
        let of_margin =
            counts_margin(metric, night).then(|| Basis::Margin.unknown_because(night.economics.gross_margin));
        (group_sql(sql, metric, night), group_sql(accounts, metric, night), of_margin.flatten().unwrap_or(reason))
    } else {
        ("NULL".to_owned(), "NULL".to_owned(), "an input or a column it needs is not there")
    };
    Some(format!(
        "named_struct('metric', {id}, 'unit', {unit}, 'value', CAST({value} AS DOUBLE),
            'accounts', coalesce(CAST({accounts} AS BIGINT), 0), 'reason', {reason}, 'basis', {basis}, 'method', {method})",
        id = literal(&metric.id),
        unit = literal(metric.definition.unit.word()),
        reason = literal(reason),
        basis = if rests_on_margin(metric, night) { "'margin'" } else { "CAST(NULL AS VARCHAR)" },
        method = literal(metric.definition.source),
    ))
}

/// Whether a group metric counts margin rather than revenue, itself or through another.
fn rests_on_margin(metric: &Resolved, night: &Night) -> bool {
    let Formula::Group { sql, .. } = metric.definition.formula else { return false };
    sql.contains("{margin}")
        || references(metric, night).iter().filter_map(|name| resolve(name)).any(|inner| rests_on_margin(&inner, night))
}

/// Whether the value of a metric is unknown where the margin is, itself or through what it rests on.
fn counts_margin(metric: &Resolved, night: &Night) -> bool {
    let (Formula::Group { sql, .. } | Formula::AccountFact(sql) | Formula::Account(sql)) = metric.definition.formula
    else {
        return false;
    };
    sql.contains("{margin}")
        || (sql.contains("{basis_share}") && night.lifetimes.basis == Basis::Margin)
        || references(metric, night).iter().filter_map(|name| resolve(name)).any(|inner| counts_margin(&inner, night))
}

/// A group metric written out over the columns of `group_facts`.
fn group_sql(sql: &str, metric: &Resolved, night: &Night) -> String {
    let written = fill(sql, metric, night, &|name| match resolve(name) {
        Some(inner) => match inner.definition.formula {
            Formula::Group { sql, .. } => group_sql(sql, &inner, night),
            _ => identifier(name),
        },
        None => identifier(name),
    });
    format!("({written})")
}
