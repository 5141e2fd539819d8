//! The wide row of an account: its attributes, then every metric asked for.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalogue::{Definition, Formula, People, Resolved, RowTable, ScoreTable, resolve};
use crate::query::Parted;
use crate::{Grain, InputTable, Query, Unit, Window, identifier};

use super::coverage::{CoverageColumn, coverage};
use super::features::{self, BY_FEATURE};
use super::fill::{account_sql, fill, is_available, references, stands_for};
use super::groups::spend_rows;
use super::movements::{self, MOVEMENTS, movements, movements_by_month};
use super::orders::{order_days, posted_orders};
use super::renewals::renewal_day;
use super::rows::{feedback, list_prices, referrals, tickets};
use super::sessions::{self, SESSIONS};
use super::subscriptions::{paid_at_rates, stretches_now};
use super::usage::{self, PROFILE, USERS, users_table};
use super::{GroupScope, Night, date, groups, lifetimes};

/// The plans of one night at account grain, in the order they are run.
///
/// Each query's result is kept as a table of the query's name; the last is `measured`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeasurePlan {
    /// The queries.
    pub queries: Vec<Query>,
    /// The columns of `measured`: name, unit, what it says.
    pub columns: Vec<(String, Unit, String)>,
    /// Metrics that are unknown for all accounts because a column they need is not mapped.
    pub unavailable: Vec<String>,
    /// The rows of usage that count for no account, by `reason`, once the queries have run; none where usage is not read.
    pub usage_left_out: Option<Query>,
    /// Whether a metric rests on the list of the product's features, which is then read before the plans are made.
    pub asks_features: bool,
}

impl MeasurePlan {
    /// The plans for the metrics in `asked`, those that group metrics in `groups` rest on included.
    #[must_use]
    pub fn new(asked: &BTreeSet<String>, groups: &BTreeSet<(GroupScope, String)>, night: &Night) -> Self {
        let mut all = asked.clone();
        all.extend(groups::account_metrics(groups, night));
        let published: Vec<Resolved> = all.iter().filter_map(|id| resolve(id)).filter(is_account).collect();
        let base = base_metrics(&published, night);
        let mut queries = Vec::new();
        if night.has(InputTable::Subscriptions, &[]) {
            queries.push(movements(night));
            queries.extend(movements_by_month(night));
        }
        queries.extend(usage::queries(&base, night));
        queries.extend(lifetimes::queries(&base, night));
        queries.extend(sessions::sessions(&base, night));
        queries.extend(features::by_feature(&base, night));
        let kept: BTreeSet<String> = queries.iter().map(|query| query.name.clone()).collect();
        queries.push(measured(&published, &base, &kept, night));
        let unavailable =
            published.iter().filter(|metric| !is_available(metric, night)).map(|metric| metric.id.clone());
        let asks_features = base.iter().filter(|metric| is_available(metric, night)).any(usage::asks_features);
        Self {
            queries,
            columns: columns(&published, night),
            unavailable: unavailable.collect(),
            usage_left_out: kept.contains(PROFILE).then(|| usage::left_out(night)),
            asks_features,
        }
    }
}

fn is_account(resolved: &Resolved) -> bool {
    resolved.definition.grain() == Some(Grain::Account)
}

/// The metrics that are computed from rows, directly asked for or behind a formula.
fn base_metrics(published: &[Resolved], night: &Night) -> Vec<Resolved> {
    let mut open: Vec<Resolved> = published.to_vec();
    let mut base: BTreeMap<String, Resolved> = BTreeMap::new();
    while let Some(metric) = open.pop() {
        if let Some(other) = stands_for(&metric, night) {
            open.extend(resolve(other));
        } else if matches!(metric.definition.formula, Formula::Account(_)) {
            open.extend(references(&metric, night).iter().filter_map(|name| resolve(name)));
        } else {
            base.insert(metric.id.clone(), metric);
        }
    }
    base.into_values().collect()
}

/// The account columns of the contract, whether mapped or not, so that the published columns depend on the project
/// and not on the data; then the attributes.
fn attributes(night: &Night) -> Vec<(String, Unit, String)> {
    let contract = InputTable::Accounts.columns().iter();
    let contract = contract.map(|column| (column.name.to_owned(), column.kind.unit(), column.meaning.to_owned()));
    let own = night.attributes.iter().map(|(name, unit)| (name.clone(), *unit, "attribute of the project".to_owned()));
    contract.chain(own).collect()
}

fn columns(published: &[Resolved], night: &Night) -> Vec<(String, Unit, String)> {
    let metrics = published
        .iter()
        .map(|metric| (metric.id.clone(), metric.definition.unit, metric.definition.meaning.to_owned()));
    let coverage = coverage(night, true).into_iter();
    let coverage = coverage.map(|(name, unit, meaning, _)| (name.to_owned(), unit, meaning.to_owned()));
    attributes(night).into_iter().chain(coverage).chain(metrics).collect()
}

fn measured(published: &[Resolved], base: &[Resolved], kept: &BTreeSet<String>, night: &Night) -> Query {
    // Each join holds the family and lets the rows pass that are wide already: the other way round, the memory of a night
    // would be all of them, over and over.
    let mut rows = Parted::select("accounts").within("", " AS accounts");
    let mut known: Vec<String> = Vec::new();
    for family in families(base, kept, night) {
        let held = Parted::select(&format!("({}) AS family", family.sql));
        let joined = held.within("", &format!(" AS {} RIGHT JOIN ", family.alias)).then(rows);
        rows = joined.within("(", &format!(" ON {}.account_id = accounts.account_id)", family.alias));
        known.extend(family.columns);
    }
    known.extend(missing(base, &known));
    if base.iter().any(|metric| ["usage_events_30d", "usage_events_this_month"].contains(&metric.id.as_str()))
        && night.has(InputTable::Plans, &["monthly_usage_limit"])
        && night.has(InputTable::Accounts, &["plan"])
    {
        rows = rows.within(
            "((SELECT plan AS plan_name, monthly_usage_limit AS plan_usage_limit FROM plans) AS price_list RIGHT JOIN ",
            " ON price_list.plan_name = accounts.plan)",
        );
        known.push("plan_usage_limit".to_owned());
    }
    if night.has(InputTable::Spend, &["channel"]) && night.has(InputTable::Accounts, &["acquisition_channel"]) {
        let paid = format!(
            "((SELECT DISTINCT channel AS paid_channel FROM ({}) AS spend_rows WHERE acquires AND amount > 0) AS paid_channels RIGHT JOIN ",
            spend_rows(night)
        );
        rows = rows.within(&paid, " ON paid_channels.paid_channel = accounts.acquisition_channel)");
        known.push("paid_channel".to_owned());
    }
    let attributes = attributes(night);
    let names = attributes.iter().map(|(name, unit, _)| {
        let column = identifier(name);
        let mapped = night.has(InputTable::Accounts, &[name]) || night.attributes.iter().any(|(own, _)| own == name);
        if mapped { format!("accounts.{column}") } else { format!("CAST(NULL AS {}) AS {column}", unit.sql_type()) }
    });
    let inner: Vec<String> = names.chain(known).collect();
    let usage_is_known = kept.contains(PROFILE) || kept.contains(USERS);
    let outer: Vec<String> = attributes
        .iter()
        .map(|(name, ..)| identifier(name))
        .chain(coverage(night, usage_is_known).iter().map(coverage_sql))
        .chain(published.iter().map(|metric| column_sql(metric, night)))
        .collect();
    let select = format!("SELECT {} FROM (SELECT {} FROM ", outer.join(", "), inner.join(", "));
    Query::by_account("measured", rows.within(&select, ")"))
}

fn coverage_sql((name, unit, _, sql): &CoverageColumn) -> String {
    format!("CAST({sql} AS {}) AS {name}", unit.sql_type())
}

/// A published metric: its formula over base columns, or the base column, or nothing where an input lacks.
fn column_sql(metric: &Resolved, night: &Night) -> String {
    let kind = metric.definition.unit.sql_type();
    let value = if is_available(metric, night) { account_sql(&metric.id, night) } else { "NULL".to_owned() };
    format!("CAST({value} AS {kind}) AS {}", identifier(&metric.id))
}

/// One aggregation by account, with the columns it gives to the wide row.
struct Family {
    alias: &'static str,
    sql: String,
    columns: Vec<String>,
}

fn families(base: &[Resolved], kept: &BTreeSet<String>, night: &Night) -> Vec<Family> {
    let mut families = Vec::new();
    for (table, alias, input, covers) in [
        (RowTable::Movements, "movement_rows", InputTable::Subscriptions, None),
        (RowTable::MovementsByMonth, "monthly_movement_rows", InputTable::Subscriptions, None),
        (RowTable::MovementsByAge, "aged_movement_rows", InputTable::Subscriptions, None),
        (RowTable::Subscriptions, "subscription_rows", InputTable::Subscriptions, Some("has_subscriptions")),
        (RowTable::SubscriptionsAtRates, "rated_subscription_rows", InputTable::Subscriptions, None),
        (RowTable::Orders, "order_rows", InputTable::Orders, Some("has_orders")),
        (RowTable::OrderDays, "order_day_rows", InputTable::Orders, None),
        (RowTable::Tickets, "ticket_rows", InputTable::SupportTickets, Some("has_tickets")),
        (RowTable::Feedback, "feedback_rows", InputTable::Feedback, Some("has_feedback")),
        (RowTable::Deals, "deal_rows", InputTable::Opportunities, None),
        (RowTable::Costs, "cost_rows", InputTable::Costs, None),
        (RowTable::Spend, "spend_rows", InputTable::Spend, None),
        (RowTable::Referrals, "referral_rows", InputTable::Accounts, None),
        (RowTable::ListPrices, "list_price_rows", InputTable::Subscriptions, None),
        (RowTable::EarlyUse, "early_use_rows", InputTable::UsageEvents, None),
        (RowTable::EarlyTickets, "early_ticket_rows", InputTable::SupportTickets, None),
    ] {
        let is_of_accounts = table != RowTable::Spend || night.has(input, &["account_id"]);
        if is_of_accounts && night.has(input, &[]) {
            // What no metric asks for is not aggregated.
            let own = base.iter().filter(|metric| is_over(metric, table));
            families.extend(Some(row_family(table, alias, covers, own, night)).filter(|it| !it.columns.is_empty()));
        }
    }
    for table in [ScoreTable::Orders, ScoreTable::Contracts] {
        if kept.contains(lifetimes::scores(table)) {
            families.push(score_family(table, base));
        }
    }
    let mut covers = Some("has_usage");
    for name in [PROFILE, USERS].into_iter().filter(|name| kept.contains(*name)) {
        families.push(usage_family(name, covers.take(), base, night));
    }
    for name in [People::Locked, People::Blocked].map(users_table).into_iter().chain([SESSIONS]) {
        if kept.contains(name) {
            families.push(usage_family(name, None, base, night));
        }
    }
    families.extend(feature_family(base, night));
    families
}

/// Base metrics that no family gives stand as nulls, so that formulas over them are unknown.
fn missing(base: &[Resolved], given: &[String]) -> Vec<String> {
    let is_given = |id: &str| given.iter().any(|column| column.ends_with(&format!("AS {}", identifier(id))));
    base.iter()
        .filter(|metric| !is_given(&metric.id))
        .map(|metric| format!("CAST(NULL AS {}) AS {}", metric.definition.unit.sql_type(), identifier(&metric.id)))
        .collect()
}

/// Metrics that are aggregates over rows, by account, for tables that need them and nothing else; `table` has what they
/// read, whether or not it is their own.
pub(super) fn aggregates_by_account(table: RowTable, ids: &[&str], night: &Night) -> String {
    let metrics: Vec<Resolved> = ids.iter().filter_map(|id| resolve(id)).collect();
    row_family(table, "aggregated", None, metrics.iter(), night).sql
}

fn is_over(metric: &Resolved, table: RowTable) -> bool {
    matches!(metric.definition.formula, Formula::Rows { table: of, .. } if of == table)
}

fn row_family<'a>(
    table: RowTable,
    alias: &'static str,
    covers: Option<&str>,
    metrics: impl Iterator<Item = &'a Resolved>,
    night: &Night,
) -> Family {
    let mut aggregates = Vec::new();
    let mut columns: Vec<String> = Vec::new();
    let mut lengths = BTreeSet::new();
    for metric in metrics.filter(|metric| is_available(metric, night)) {
        let Formula::Rows { sql, empty, .. } = metric.definition.formula else { continue };
        let name = identifier(&metric.id);
        lengths.insert(metric.window.map_or(0, Window::length));
        aggregates.push(format!(", {} AS {name}", fill(sql, metric, night, &identifier)));
        columns.push(match empty {
            Some(value) => format!("coalesce({alias}.{name}, {value}) AS {name}"),
            None => format!("{alias}.{name} AS {name}"),
        });
    }
    columns.extend(covers.map(|name| format!("{alias}.has_rows AS {name}")));
    let rows = match table {
        // A row for each payer and rate that is looked at, and no other.
        RowTable::SubscriptionsAtRates => paid_at_rates(night, &lengths),
        table => rows_of(table, night),
    };
    let sql = format!("SELECT account_id, true AS has_rows{} FROM ({rows}) GROUP BY account_id", aggregates.concat());
    Family { alias, sql, columns }
}

fn score_family(table: ScoreTable, base: &[Resolved]) -> Family {
    let name = lifetimes::scores(table);
    let columns = base.iter().filter_map(|metric| match metric.definition.formula {
        Formula::Scored { table: of, column } if of == table => {
            Some(format!("{name}.{column} AS {}", identifier(&metric.id)))
        }
        _ => None,
    });
    Family { alias: name, sql: format!("SELECT * FROM {name}"), columns: columns.collect() }
}

fn usage_family(name: &'static str, covers: Option<&str>, base: &[Resolved], night: &Night) -> Family {
    let belongs = |definition: &Definition| match definition.formula {
        Formula::Usage(_) => name == PROFILE,
        Formula::Users(_, people) => name == users_table(people),
        Formula::Sessions(_) => name == SESSIONS,
        _ => false,
    };
    let mut columns: Vec<String> = base
        .iter()
        .filter(|metric| belongs(metric.definition) && is_available(metric, night))
        .map(|metric| {
            let column = identifier(&metric.id);
            let is_known = matches!(metric.definition.formula, Formula::Users(_, People::Locked));
            match metric.definition.unit {
                // What is a day, a length, or known only of some accounts is not nothing where there is no row.
                Unit::Date | Unit::Number => format!("{name}.{column} AS {column}"),
                _ if is_known => format!("{name}.{column} AS {column}"),
                // An account without events used nothing; a sum that no whole number holds stays unknown.
                _ => format!("CASE WHEN {name}.account_id IS NULL THEN 0 ELSE {name}.{column} END AS {column}"),
            }
        })
        .collect();
    columns.extend(covers.map(|covered| format!("{name}.account_id IS NOT NULL AS {covered}")));
    Family { alias: name, sql: format!("SELECT * FROM {name}"), columns }
}

/// Features that an account has or used; an account whose plan's features are not known has no row.
fn feature_family(base: &[Resolved], night: &Night) -> Option<Family> {
    const ALIAS: &str = "feature_rows";
    let aggregates = features::aggregates(base, night);
    let named = aggregates.iter().map(|(id, sql)| format!(", {sql} AS {}", identifier(id)));
    let sql = format!(
        "SELECT account_id{} FROM {BY_FEATURE} GROUP BY account_id HAVING bool_or(is_included)",
        named.collect::<String>()
    );
    let columns = aggregates.iter().map(|(id, _)| format!("{ALIAS}.{0} AS {0}", identifier(id))).collect();
    (!aggregates.is_empty()).then_some(Family { alias: ALIAS, sql, columns })
}

/// The rows of a table as aggregates see them.
pub(super) fn rows_of(table: RowTable, night: &Night) -> String {
    match table {
        RowTable::Movements => format!("SELECT * FROM {MOVEMENTS}"),
        RowTable::MovementsByMonth => format!("SELECT * FROM {}", movements::by_month(night)),
        RowTable::MovementsByAge => format!(
            "SELECT * FROM (SELECT account_id AS born_id, period_age AS born FROM {MOVEMENTS} WHERE movement = 'new') JOIN {MOVEMENTS}
            ON born_id = account_id"
        ),
        RowTable::Subscriptions => format!(
            "SELECT *, pays AND started_on <= {as_of} AS paid FROM ({})",
            stretches_now(night),
            as_of = date(night.as_of.day())
        ),
        RowTable::SubscriptionsAtRates => paid_at_rates(night, &BTreeSet::from([0])),
        RowTable::Orders => posted_orders(night),
        RowTable::OrderDays => order_days(night),
        RowTable::Tickets => tickets(night),
        RowTable::Deals => deals(night),
        RowTable::EarlyUse => early_use(night),
        RowTable::EarlyTickets => format!(
            "SELECT early.account_id FROM accounts JOIN ({}) AS early ON accounts.account_id = early.account_id
            WHERE days_between(signed_up_on, opened_on) BETWEEN 0 AND 89",
            tickets(night)
        ),
        RowTable::Costs => format!("SELECT * FROM {}", InputTable::Costs.name()),
        RowTable::Spend => "SELECT * FROM spend WHERE account_id IS NOT NULL".to_owned(),
        RowTable::Feedback => feedback(night),
        RowTable::Referrals => referrals(night),
        RowTable::ListPrices => list_prices(night),
    }
}

/// Days and features of use in an account's first 90 days: a row a day, without its features, and a row a feature, without
/// its days. Counting what is different in rows of both would hold all of it in memory.
fn early_use(night: &Night) -> String {
    let value =
        if night.has(InputTable::UsageEvents, &["is_value_event"]) { "bool_or(is_value_event)" } else { "false" };
    let has_feature = night.has(InputTable::UsageEvents, &["feature"]);
    let unknown_feature = if has_feature { "" } else { ", CAST(NULL AS VARCHAR) AS feature" };
    format!(
        "SELECT account_id, occurred_on, feature, {value} AS has_value FROM (
            SELECT used.*{unknown_feature} FROM accounts JOIN usage_events AS used ON accounts.account_id = used.account_id
            WHERE days_between(signed_up_on, occurred_on) BETWEEN 0 AND 89{})
        GROUP BY GROUPING SETS ((account_id, occurred_on), (account_id, feature))",
        usage::and_counted(night)
    )
}

/// Deals, each renewal with the day it counts on.
fn deals(night: &Night) -> String {
    let table = InputTable::Opportunities.name();
    if night.has(InputTable::Opportunities, &["stage", "closed_on"]) {
        format!("SELECT *, {} AS renewal_day FROM {table}", renewal_day(night))
    } else {
        format!("SELECT * FROM {table}")
    }
}
