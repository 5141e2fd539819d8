//! The one pass over usage events, pruned to what is asked: one profile an account, and day bits of its people only
//! inside the longest window that counts people.

use std::collections::BTreeMap;

use crate::catalogue::{Formula, Resolved, UsageSlot};
use crate::functions::{FEATURE_SEPARATOR, Slot, SlotKind, Spec};
use crate::{InputTable, Query, Window, identifier, literal};

use super::fill::{is_available, new_features};
use super::{Night, date};

/// The profile of every account that has events, its rows counted for the record.
pub(crate) const PROFILE: &str = "usage_profile";
/// People by account.
pub(crate) const USERS: &str = "usage_users";

/// The features of the product and when anyone was first seen using them: `feature`, `first_seen`, sorted by name.
#[must_use]
pub fn features_query(night: &Night) -> Option<Query> {
    night.has(InputTable::UsageEvents, &["feature"]).then(|| {
        Query::new(
            "features",
            format!(
                "SELECT feature, min(occurred_on) AS first_seen FROM usage_events
                WHERE feature IS NOT NULL AND occurred_on <= {}{} GROUP BY feature ORDER BY feature",
                date(night.as_of.day()),
                and_counted(night)
            ),
        )
    })
}

/// The mapped columns of an event that cannot be negative, with the counter of the rows where they are.
fn never_negative(night: &Night) -> impl Iterator<Item = (&'static str, SlotKind)> {
    [("quantity", SlotKind::NegativeQuantity), ("duration_seconds", SlotKind::NegativeSeconds)]
        .into_iter()
        .filter(|(column, _)| night.has(InputTable::UsageEvents, &[column]))
}

fn rows_negative(column: &str) -> String {
    format!("rows_negative_{column}")
}

/// The condition that leaves out what the profile leaves out.
pub(super) fn and_counted(night: &Night) -> String {
    never_negative(night).map(|(column, _)| format!(" AND ({column} IS NULL OR {column} >= 0)")).collect()
}

/// Rows of events that count for no account, by reason: `reason`, `rows`. Their table was read once, for the profile;
/// where it holds clean rows only, nothing is found.
pub(super) fn left_out(night: &Night) -> Query {
    let counters = std::iter::once(("undated".to_owned(), "rows_undated".to_owned()))
        .chain(never_negative(night).map(|(column, _)| (format!("negative_{column}"), rows_negative(column))));
    let known = counters.map(|(reason, counter)| {
        format!(
            " UNION ALL SELECT {} AS reason, sum({counter}) AS rows FROM {PROFILE} JOIN accounts
            ON {PROFILE}.account_id = accounts.account_id",
            literal(&reason)
        )
    });
    let sql = format!(
        "SELECT reason, rows FROM (
            SELECT CASE WHEN {PROFILE}.account_id IS NULL THEN 'missing_account_id' ELSE 'orphan' END AS reason,
                sum(rows_read) AS rows
            FROM {PROFILE} LEFT JOIN accounts ON {PROFILE}.account_id = accounts.account_id
            WHERE accounts.account_id IS NULL GROUP BY 1{}) AS counted
        WHERE rows > 0 ORDER BY reason",
        known.collect::<String>()
    );
    Query::new("usage rows left out", sql)
}

/// Whether a metric counts features.
pub(super) fn asks_features(metric: &Resolved) -> bool {
    matches!(metric.definition.formula, Formula::Usage(UsageSlot::Features | UsageSlot::NewFeatures))
}

/// The queries behind the usage metrics asked for: none where none is.
pub(super) fn queries(asked: &[Resolved], night: &Night) -> Vec<Query> {
    let asked: Vec<&Resolved> = asked.iter().filter(|metric| is_available(metric, night)).collect();
    [profile(&asked, night), users(&asked, night)].into_iter().flatten().collect()
}

fn profile(asked: &[&Resolved], night: &Night) -> Option<Query> {
    let mut columns: BTreeMap<String, Slot> = BTreeMap::new();
    for metric in asked {
        if let Formula::Usage(slot) = metric.definition.formula {
            columns.insert(metric.id.clone(), slot_of(slot, metric, night));
        }
    }
    if columns.is_empty() {
        return None;
    }
    let oldest = oldest_age(columns.values());
    columns.insert("rows_read".to_owned(), slot(SlotKind::Rows));
    columns.insert("rows_undated".to_owned(), slot(SlotKind::Undated));
    for (column, kind) in never_negative(night) {
        columns.insert(rows_negative(column), slot(kind));
    }
    let spec = Spec {
        as_of: crate::functions::days_of(night.as_of.day()),
        features: u32::try_from(night.features.len()).unwrap_or(u32::MAX),
        slots: columns.values().cloned().collect(),
    };
    let names: Vec<String> = columns
        .iter()
        .enumerate()
        .map(|(at, (name, slot))| {
            let element = format!("profile[{}]", at + 1);
            let value = match slot.kind {
                SlotKind::FirstDay | SlotKind::LastDay | SlotKind::FirstValueDay => {
                    format!("CAST(CAST({element} AS INT) AS DATE)")
                }
                _ => element,
            };
            format!("{value} AS {}", identifier(name))
        })
        .collect();
    let arguments = arguments(&columns, night);
    let sql = format!(
        "SELECT account_id, {names} FROM (
            SELECT account_id, activity_profile({arguments}, {spec}) AS profile
            FROM usage_events WHERE {since} GROUP BY account_id)",
        names = names.join(", "),
        spec = literal(&spec.to_string()),
        since = since(oldest, night),
    );
    Some(Query::new(PROFILE, sql))
}

/// Only the columns that a slot looks at are read.
fn arguments(columns: &BTreeMap<String, Slot>, night: &Night) -> String {
    let asks = |kinds: &[SlotKind]| columns.values().any(|slot| kinds.contains(&slot.kind));
    let has = |name: &str| night.has(InputTable::UsageEvents, &[name]);
    let quantity = if has("quantity") { "quantity" } else { "CAST(1 AS BIGINT)" };
    let value = if asks(&[SlotKind::ValueEvents, SlotKind::FirstValueDay, SlotKind::ValueMonths]) {
        "is_value_event"
    } else {
        "CAST(NULL AS BOOLEAN)"
    };
    let seconds =
        if asks(&[SlotKind::Seconds, SlotKind::NegativeSeconds]) { "duration_seconds" } else { "CAST(NULL AS BIGINT)" };
    let feature = if asks(&[SlotKind::Features]) {
        let names: Vec<&str> = night.features.iter().map(|feature| feature.name.as_str()).collect();
        format!("feature_index(feature, {})", literal(&names.join(&FEATURE_SEPARATOR.to_string())))
    } else {
        "CAST(NULL AS INT)".to_owned()
    };
    format!("occurred_on, {quantity}, {value}, {seconds}, {feature}")
}

fn slot(kind: SlotKind) -> Slot {
    Slot { kind, from: 0, to: None, only: None }
}

fn slot_of(usage: UsageSlot, metric: &Resolved, night: &Night) -> Slot {
    let kind = match usage {
        UsageSlot::Events => SlotKind::Events,
        UsageSlot::ValueEvents => SlotKind::ValueEvents,
        UsageSlot::Seconds => SlotKind::Seconds,
        UsageSlot::ActiveDays => SlotKind::ActiveDays,
        UsageSlot::Features | UsageSlot::NewFeatures => SlotKind::Features,
        UsageSlot::FirstDay => SlotKind::FirstDay,
        UsageSlot::LastDay => SlotKind::LastDay,
        UsageSlot::FirstValueDay => SlotKind::FirstValueDay,
        UsageSlot::ValueMonths => SlotKind::ValueMonths,
    };
    let (from, to) = ages(metric.window);
    let only = (usage == UsageSlot::NewFeatures).then(|| new_features(metric, night));
    Slot { kind, from, to, only }
}

/// The youngest and the oldest age in days that a window covers.
fn ages(window: Option<Window>) -> (u32, Option<u32>) {
    match window {
        Some(Window::Days(n)) => (0, Some(n - 1)),
        Some(Window::PreviousDays(n)) => (n, Some(2 * n - 1)),
        Some(Window::Months(_) | Window::Total) | None => (0, None),
    }
}

/// The oldest age that any slot looks at; none where one looks at everything.
fn oldest_age<'a>(slots: impl Iterator<Item = &'a Slot>) -> Option<u32> {
    slots.map(|slot| slot.to).try_fold(0, |oldest, to| to.map(|to| oldest.max(to)))
}

/// Rows from the oldest age on, and rows without a day, which are counted.
fn since(oldest: Option<u32>, night: &Night) -> String {
    match oldest {
        Some(age) => format!("occurred_on >= {} OR occurred_on IS NULL", date(night.as_of.days_before(age))),
        None => "true".to_owned(),
    }
}

fn users(asked: &[&Resolved], night: &Night) -> Option<Query> {
    let metrics: Vec<&&Resolved> =
        asked.iter().filter(|metric| matches!(metric.definition.formula, Formula::Users(_))).collect();
    let oldest = metrics.iter().map(|metric| ages(metric.window).1.unwrap_or(crate::MAX_WINDOW_DAYS)).max()?;
    let as_of = crate::functions::days_of(night.as_of.day());
    let words = oldest / 64 + 1;
    let bits: Vec<String> =
        (0..words).map(|word| format!("bit_or(day_bits(occurred_on, {as_of}, {word})) AS days_{word}")).collect();
    let columns: Vec<String> = metrics
        .iter()
        .map(|metric| {
            let Formula::Users(sql) = metric.definition.formula else { return String::new() };
            format!("{} AS {}", sql.replace("{days}", &days_set(metric.window, words)), identifier(&metric.id))
        })
        .collect();
    let sql = format!(
        "SELECT account_id, {columns} FROM (
            SELECT account_id, user_id, {bits} FROM usage_events
            WHERE occurred_on >= {since} AND user_id IS NOT NULL{counted} GROUP BY account_id, user_id)
        GROUP BY account_id",
        columns = columns.join(", "),
        bits = bits.join(", "),
        since = date(night.as_of.days_before(oldest)),
        counted = and_counted(night),
    );
    Some(Query::new(USERS, sql))
}

/// The number of days of the window in which one person was active.
fn days_set(window: Option<Window>, words: u32) -> String {
    let (from, to) = ages(window);
    let to = to.unwrap_or(64 * words - 1);
    let parts: Vec<String> = (0..words)
        .filter_map(|word| {
            let low = from.saturating_sub(64 * word).min(64);
            let high = (to + 1).saturating_sub(64 * word).min(64);
            if low >= high {
                return None;
            }
            let mask = ((u64::MAX >> (64 - (high - low))) << low).cast_signed();
            Some(format!("bits_set(days_{word}, CAST({mask} AS BIGINT))"))
        })
        .collect();
    format!("({})", parts.join(" + "))
}
