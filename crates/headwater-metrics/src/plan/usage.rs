//! The one pass over usage events, pruned to what is asked: one profile an account, and day bits of its people only
//! inside the longest window that counts people.

use std::collections::BTreeMap;

use chrono::Datelike;

use crate::catalogue::{Formula, People, Resolved, UsageSlot};
use crate::functions::{FEATURE_SEPARATOR, Slot, SlotKind, Spec};
use crate::{InputTable, Query, Window, identifier, literal};

use super::features::included;
use super::fill::{is_available, is_weekday, new_features};
use super::{Night, date};

/// The profile of every account that has events, its rows counted for the record.
pub(crate) const PROFILE: &str = "usage_profile";
/// People by account.
pub(crate) const USERS: &str = "usage_users";

/// The table that holds some people by account.
pub(super) fn users_table(people: People) -> &'static str {
    match people {
        People::Active => USERS,
        People::Locked => "usage_locked_users",
        People::Blocked => "usage_blocked_users",
    }
}

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

/// The condition that leaves out rows with an amount that cannot be.
pub(super) fn and_sound(night: &Night) -> String {
    never_negative(night).map(|(column, _)| format!(" AND ({column} IS NULL OR {column} >= 0)")).collect()
}

/// The condition that leaves out attempts that were refused, which are no use.
pub(super) fn and_not_blocked(night: &Night) -> &'static str {
    if night.has(InputTable::UsageEvents, &["is_blocked"]) { " AND is_blocked IS NOT TRUE" } else { "" }
}

/// The condition that leaves out what the profile does not count as use.
pub(super) fn and_counted(night: &Night) -> String {
    and_sound(night) + and_not_blocked(night)
}

/// The youngest and the oldest age in days that something looks at; none for everything.
pub(super) type Ages = (u32, Option<u32>);

/// The condition that an event has one of the ages.
pub(super) fn between_ages((from, to): Ages, night: &Night) -> String {
    let until = date(night.as_of.days_before(from));
    match to {
        Some(to) => format!("occurred_on BETWEEN {} AND {until}", date(night.as_of.days_before(to))),
        None => format!("occurred_on <= {until}"),
    }
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
    let people = People::ALL.iter().filter_map(|people| users(&asked, *people, night));
    profile(&asked, night).into_iter().chain(people).collect()
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
    let blocked = if has("is_blocked") { "is_blocked" } else { "CAST(NULL AS BOOLEAN)" };
    format!("occurred_on, {quantity}, {value}, {seconds}, {feature}, {blocked}")
}

fn slot(kind: SlotKind) -> Slot {
    Slot { kind, from: 0, to: None, only: None }
}

fn slot_of(usage: UsageSlot, metric: &Resolved, night: &Night) -> Slot {
    let kind = match usage {
        UsageSlot::Events | UsageSlot::MonthEvents => SlotKind::Events,
        UsageSlot::BlockedEvents => SlotKind::Blocked,
        UsageSlot::ValueEvents => SlotKind::ValueEvents,
        UsageSlot::Seconds => SlotKind::Seconds,
        UsageSlot::ActiveDays => SlotKind::ActiveDays,
        UsageSlot::Features | UsageSlot::NewFeatures => SlotKind::Features,
        UsageSlot::FirstDay => SlotKind::FirstDay,
        UsageSlot::LastDay => SlotKind::LastDay,
        UsageSlot::FirstValueDay => SlotKind::FirstValueDay,
        UsageSlot::ValueMonths => SlotKind::ValueMonths,
    };
    let (from, to) =
        if usage == UsageSlot::MonthEvents { (0, Some(night.as_of.day().day0())) } else { ages(metric.window) };
    let only = (usage == UsageSlot::NewFeatures).then(|| new_features(metric, night));
    Slot { kind, from, to, only }
}

/// The youngest and the oldest age in days that a window covers.
pub(super) fn ages(window: Option<Window>) -> Ages {
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

fn users(asked: &[&Resolved], people: People, night: &Night) -> Option<Query> {
    let metrics: Vec<(&Resolved, &str)> = asked
        .iter()
        .filter_map(|metric| match metric.definition.formula {
            Formula::Users(sql, of) if of == people => Some((*metric, sql)),
            _ => None,
        })
        .collect();
    let oldest = metrics.iter().map(|(metric, _)| ages(metric.window).1.unwrap_or(crate::MAX_WINDOW_DAYS)).max()?;
    let as_of = crate::functions::days_of(night.as_of.day());
    let words = oldest / 64 + 1;
    let bits: Vec<String> =
        (0..words).map(|word| format!("bit_or(day_bits(occurred_on, {as_of}, {word})) AS days_{word}")).collect();
    let columns: Vec<String> = metrics
        .iter()
        .map(|(metric, sql)| {
            let sql = sql.replace("{days}", &days_set(metric.window, words, |_| u64::MAX));
            let sql = sql.replace("{weekday_days}", &days_set(metric.window, words, |word| weekdays_of(word, night)));
            format!("{sql} AS {}", identifier(&metric.id))
        })
        .collect();
    let events = events_of(people, night)?;
    let sql = format!(
        "SELECT account_id, {columns} FROM (
            SELECT account_id, user_id, {bits} FROM {events} WHERE occurred_on >= {since} AND user_id IS NOT NULL{sound}
            GROUP BY account_id, user_id)
        GROUP BY account_id",
        columns = columns.join(", "),
        bits = bits.join(", "),
        since = date(night.as_of.days_before(oldest)),
        sound = and_sound(night),
    );
    let sql = if people == People::Locked { of_entitled(&sql, &metrics, night) } else { sql };
    Some(Query::new(users_table(people), sql))
}

/// The events of some people; none where they cannot be told.
fn events_of(people: People, night: &Night) -> Option<String> {
    match people {
        People::Active => Some(format!("(SELECT * FROM usage_events WHERE true{})", and_not_blocked(night))),
        People::Blocked => Some("(SELECT * FROM usage_events WHERE is_blocked)".to_owned()),
        People::Locked => night.has_entitlements().then(|| {
            format!(
                "(SELECT usage_events.* FROM usage_events
                LEFT SEMI JOIN entitlements ON usage_events.feature = entitlements.feature
                LEFT ANTI JOIN ({}) AS included
                ON usage_events.account_id = included.account_id AND usage_events.feature = included.feature)",
                included(night)
            )
        }),
    }
}

/// The same for every account of whose plan the features are known: it has nobody where no row says so.
fn of_entitled(sql: &str, metrics: &[(&Resolved, &str)], night: &Night) -> String {
    let columns = metrics.iter().map(|(metric, _)| {
        let name = identifier(&metric.id);
        format!(", coalesce(locked.{name}, 0) AS {name}")
    });
    format!(
        "SELECT entitled.account_id{} FROM (SELECT DISTINCT account_id FROM ({})) AS entitled
        LEFT JOIN ({sql}) AS locked ON entitled.account_id = locked.account_id",
        columns.collect::<String>(),
        included(night)
    )
}

/// The bits of a word of 64 days that are no Saturday and no Sunday.
fn weekdays_of(word: u32, night: &Night) -> u64 {
    let set = (0..64).filter(|bit| is_weekday(night.as_of.days_before(64 * word + bit)));
    set.fold(0, |mask, bit| mask | (1 << bit))
}

/// The number of days of the window in which one person was active, of those that `only` keeps of each word.
fn days_set(window: Option<Window>, words: u32, only: impl Fn(u32) -> u64) -> String {
    let (from, to) = ages(window);
    let to = to.unwrap_or(64 * words - 1);
    let parts: Vec<String> = (0..words)
        .filter_map(|word| {
            let low = from.saturating_sub(64 * word).min(64);
            let high = (to + 1).saturating_sub(64 * word).min(64);
            if low >= high {
                return None;
            }
            let mask = (((u64::MAX >> (64 - (high - low))) << low) & only(word)).cast_signed();
            Some(format!("bits_set(days_{word}, CAST({mask} AS BIGINT))"))
        })
        .collect();
    format!("({})", parts.join(" + "))
}
