//! Uses of each feature by each account, beside what its plan includes: a pass over usage events that runs only where
//! entitlements are known.

use std::collections::BTreeMap;

use crate::catalogue::{Formula, Resolved};
use crate::{GroupScope, InputTable, Query, Window, identifier};

use super::fill::is_available;
use super::groups::Places;
use super::usage::{Ages, ages, and_not_blocked, and_sound, between_ages};
use super::{Night, date};

/// One row an account and feature that the account has or used, whether or not it is known what its plan includes.
pub(super) const BY_FEATURE: &str = "usage_by_feature";
/// Uses at any time, which the list of what to teach needs beside metrics.
const EVER: Count = Count { kind: Kind::Uses, ages: Some((0, None)) };

/// Uses of the last four weeks and of the four weeks before, which adoption by feature rests on.
const LATELY: Count = Count { kind: Kind::Uses, ages: Some((0, Some(27))) };
const BEFORE: Count = Count { kind: Kind::Uses, ages: Some((28, Some(55))) };
/// Uses in four weeks from which a feature is a habit: one a week.
const HABIT: u32 = 4;

/// What is counted of an account and feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Uses,
    /// Uses, and attempts that were refused.
    Attempts,
    ValueUses,
}

/// A number that aggregates over features may name; nothing is counted where its window has no length.
#[derive(Debug, Clone, Copy)]
struct Count {
    kind: Kind,
    ages: Option<Ages>,
}

impl Count {
    /// The column that holds it.
    fn column(&self) -> String {
        let kind = match self.kind {
            Kind::Uses => "uses",
            Kind::Attempts => "attempts",
            Kind::ValueUses => "value_uses",
        };
        match self.ages {
            Some((from, Some(to))) => format!("{kind}_{from}_{to}"),
            Some((from, None)) => format!("{kind}_{from}_all"),
            None => "0".to_owned(),
        }
    }

    fn sql(&self, night: &Night) -> String {
        let table = InputTable::UsageEvents;
        let quantity = if night.has(table, &["quantity"]) { "coalesce(quantity, 1)" } else { "1" };
        let kind = match self.kind {
            Kind::Uses => and_not_blocked(night).to_owned(),
            Kind::Attempts => String::new(),
            Kind::ValueUses => format!(" AND is_value_event{}", and_not_blocked(night)),
        };
        let day = self.ages.map_or_else(|| "false".to_owned(), |ages| between_ages(ages, night));
        format!("sum(CAST({quantity} AS DECIMAL(20, 0))) FILTER (WHERE {day}{kind})")
    }
}

/// The numbers of a window, by the words that stand for them.
fn counts(window: Option<Window>) -> [(&'static str, Count); 5] {
    let (from, to) = ages(window);
    let before = to.map(|to| (to + 1, Some(2 * to + 1 - from)));
    let count = |placeholder, kind, ages| (placeholder, Count { kind, ages });
    [
        count("{uses}", Kind::Uses, Some((from, to))),
        count("{uses_before}", Kind::Uses, before),
        ("{uses_ever}", EVER),
        count("{attempts}", Kind::Attempts, Some((from, to))),
        count("{value_uses}", Kind::ValueUses, Some((from, to))),
    ]
}

/// The metrics over features, each with its aggregate over the rows of [`BY_FEATURE`].
pub(super) fn aggregates(asked: &[Resolved], night: &Night) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for metric in asked.iter().filter(|metric| night.has_entitlements() && is_available(metric, night)) {
        let Formula::Features(sql) = metric.definition.formula else { continue };
        let filled = counts(metric.window)
            .iter()
            .fold(sql.to_owned(), |sql, (placeholder, count)| sql.replace(placeholder, &count.column()));
        all.push((metric.id.clone(), filled));
    }
    all
}

/// The rows behind the metrics asked for and the list of what to teach; none where entitlements are not known.
pub(super) fn by_feature(asked: &[Resolved], night: &Night) -> Option<Query> {
    if !night.has_entitlements() {
        return None;
    }
    let standing = [EVER, LATELY, BEFORE].map(|count| (count.column(), count));
    let mut numbers: BTreeMap<String, Count> = BTreeMap::from(standing);
    for metric in asked.iter().filter(|metric| is_available(metric, night)) {
        let Formula::Features(sql) = metric.definition.formula else { continue };
        let named = counts(metric.window)
            .into_iter()
            .filter(|(placeholder, count)| sql.contains(placeholder) && count.ages.is_some());
        numbers.extend(named.map(|(_, count)| (count.column(), count)));
    }
    let sums: String =
        numbers.iter().map(|(name, count)| format!(", coalesce({}, 0) AS {name}", count.sql(night))).collect();
    let optional = ["quantity", "is_value_event", "is_blocked"];
    let told: Vec<&str> = optional.into_iter().filter(|name| night.has(InputTable::UsageEvents, &[name])).collect();
    // One sum over both, and no join: each side is as large as accounts times features, and a join holds one of them.
    let sql = format!(
        "WITH traits AS (SELECT feature AS trait_of, {traits} FROM entitlements WHERE feature IS NOT NULL GROUP BY feature),
        had_or_used AS (
            SELECT account_id, feature, false AS is_included, occurred_on{told} FROM usage_events
            WHERE feature IS NOT NULL AND occurred_on <= {as_of}{sound}
            UNION ALL SELECT account_id, feature, true, NULL{untold} FROM ({included})
        ),
        summed AS (
            SELECT account_id, feature, bool_or(is_included) AS is_included{sums} FROM had_or_used GROUP BY account_id, feature
        )
        SELECT summed.*, trait_of IS NOT NULL AS is_known, is_core, is_valuable, unit_value
        FROM traits RIGHT JOIN summed ON summed.feature = trait_of",
        included = in_plans(night),
        traits = traits(night),
        told = told.iter().map(|name| format!(", {name}")).collect::<String>(),
        untold = ", NULL".repeat(told.len()),
        as_of = date(night.as_of.day()),
        sound = and_sound(night),
    );
    Some(Query::new(BY_FEATURE, sql))
}

/// What a feature is, whichever row of the entitlements says it.
fn traits(night: &Night) -> String {
    let has = |name: &str| night.has(InputTable::Entitlements, &[name]);
    let flag = |name: &str| {
        let value = if has(name) { format!("coalesce(bool_or({name}), false)") } else { "false".to_owned() };
        format!("{value} AS {name}")
    };
    let worth = if has("unit_value") { "max(unit_value)" } else { "CAST(NULL AS DOUBLE)" };
    format!("{}, {}, {worth} AS unit_value", flag("is_core"), flag("is_valuable"))
}

/// The features that each account's plan includes: `account_id`, `feature`. An account on a plan that has none is not
/// there, and nothing is known of what it may use.
pub(super) fn included(night: &Night) -> String {
    format!("SELECT DISTINCT account_id, feature FROM ({})", in_plans(night))
}

/// The same, a row for each that says so.
fn in_plans(night: &Night) -> String {
    let everyone = "SELECT account_id, feature FROM accounts CROSS JOIN entitlements WHERE feature IS NOT NULL";
    if night.has(InputTable::Entitlements, &["plan"]) {
        format!(
            "SELECT account_id, feature FROM accounts JOIN entitlements ON accounts.plan = entitlements.plan
            WHERE feature IS NOT NULL UNION ALL {everyone} AND entitlements.plan IS NULL"
        )
    } else {
        everyone.to_owned()
    }
}

/// `education_targets`: valuable features that an account's plan includes and that it never used, over `judged` and the
/// uses of features. None where it is not known which features are valuable.
#[must_use]
pub fn education_targets(_: &[GroupScope], night: &Night) -> Option<Query> {
    if !(night.has_entitlements() && night.has(InputTable::Entitlements, &["is_valuable"])) {
        return None;
    }
    let uses = identifier(&EVER.column());
    let sql = format!(
        "WITH placed AS (
            SELECT {BY_FEATURE}.account_id, feature, is_included, is_core, is_valuable, {uses} AS uses, judged.plan
            FROM {BY_FEATURE} JOIN judged ON {BY_FEATURE}.account_id = judged.account_id
        ),
        peers AS (
            SELECT feature AS peer_feature, plan AS peer_plan, count(*) AS accounts_with,
                count(*) FILTER (WHERE uses > 0) AS accounts_using
            FROM placed WHERE is_included GROUP BY feature, plan
        )
        SELECT {as_of} AS as_of, account_id, feature, plan, is_core, accounts_with AS plan_accounts,
            CAST(accounts_using AS DOUBLE) / accounts_with AS plan_share_using
        FROM placed JOIN peers ON feature = peer_feature AND plan IS NOT DISTINCT FROM peer_plan
        WHERE is_included AND is_valuable AND uses = 0",
        as_of = date(night.as_of.day()),
    );
    Some(Query::new("education_targets", sql))
}

/// `feature_adoption`: of the accounts whose plan includes a feature, how many use it, by group; over `judged` and the
/// uses of features. None where entitlements are not known.
#[must_use]
pub fn feature_adoption(scopes: &[GroupScope], night: &Night) -> Option<Query> {
    if !night.has_entitlements() {
        return None;
    }
    // Accounts that share all their groups are one place: what is counted by its number is spread over its groups after.
    let sql = |Places { columns, names, by_scope }: Places| {
        format!(
            "WITH placed AS (SELECT account_id AS member, {columns} FROM judged),
            places AS (SELECT {names}, row_number() OVER (ORDER BY {names}) AS place FROM (SELECT DISTINCT {names} FROM placed)),
            members AS (SELECT member, place FROM placed JOIN places USING ({names})),
            counted_at AS (
                SELECT place, feature, bool_or(is_core) AS is_core, bool_or(is_valuable) AS is_valuable,
                    count(*) AS eligible_accounts, count(*) FILTER (WHERE {lately} > 0) AS adopters,
                    count(*) FILTER (WHERE {lately} >= {HABIT}) AS weekly_adopters,
                    count(*) FILTER (WHERE {before} > 0) AS adopters_before,
                    count(*) FILTER (WHERE {before} > 0 AND {lately} = 0) AS stopped,
                    count(*) FILTER (WHERE {ever} > 0) AS ever_adopters
                FROM members JOIN {BY_FEATURE} ON member = {BY_FEATURE}.account_id
                WHERE is_included GROUP BY place, feature
            ),
            spread AS (SELECT {by_scope} AS item, counted_at.* FROM places JOIN counted_at ON places.place = counted_at.place),
            counted AS (
                SELECT item['scope'] AS scope, item['group_name'] AS group_name, feature, bool_or(is_core) AS is_core,
                    bool_or(is_valuable) AS is_valuable, sum(eligible_accounts) AS eligible_accounts, sum(adopters) AS adopters,
                    sum(weekly_adopters) AS weekly_adopters, sum(adopters_before) AS adopters_before, sum(stopped) AS stopped,
                    sum(ever_adopters) AS ever_adopters
                FROM spread GROUP BY 1, 2, feature
            )
            SELECT {as_of} AS as_of, *, CAST(adopters AS DOUBLE) / eligible_accounts AS adoption,
                CAST(adopters_before AS DOUBLE) / eligible_accounts AS adoption_before
            FROM counted",
            lately = LATELY.column(),
            before = BEFORE.column(),
            ever = EVER.column(),
            as_of = date(night.as_of.day()),
        )
    };
    Some(Query::by_scope("feature_adoption", scopes, |scopes| sql(Places::of(scopes))))
}
