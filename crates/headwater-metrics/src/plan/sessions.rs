//! Sessions of each account: a pass over usage events inside the longest window that asks for them.

use crate::catalogue::{Formula, Resolved};
use crate::{InputTable, Query, identifier};

use super::fill::{fill, is_available};
use super::usage::{ages, and_counted};
use super::{Night, date};

/// One row an account.
pub(super) const SESSIONS: &str = "usage_sessions";

/// The sessions behind the metrics asked for: none where none is.
pub(super) fn sessions(asked: &[Resolved], night: &Night) -> Option<Query> {
    let metrics: Vec<(&Resolved, &str)> = asked
        .iter()
        .filter(|metric| is_available(metric, night))
        .filter_map(|metric| match metric.definition.formula {
            Formula::Sessions(sql) => Some((metric, sql)),
            _ => None,
        })
        .collect();
    if metrics.is_empty() {
        return None;
    }
    let oldest =
        metrics.iter().map(|(metric, _)| ages(metric.window).1).try_fold(0, |most, to| to.map(|to| most.max(to)));
    // A day more than the window: a session that began before it ends in it, and is none of its.
    let since = oldest.map(|age| format!(" AND occurred_on >= {}", date(night.as_of.days_before(age + 1))));
    let columns: Vec<String> = metrics
        .iter()
        .map(|(metric, sql)| format!("{} AS {}", fill(sql, metric, night, &identifier), identifier(&metric.id)))
        .collect();
    let seconds = if night.has(InputTable::UsageEvents, &["duration_seconds"]) {
        "sum(CAST(duration_seconds AS DECIMAL(20, 0)))"
    } else {
        "CAST(NULL AS DECIMAL(20, 0))"
    };
    let sql = format!(
        "SELECT account_id, {columns} FROM (
            SELECT account_id, session_id, min(occurred_on) AS started_on, {seconds} AS seconds
            FROM usage_events WHERE session_id IS NOT NULL AND occurred_on <= {as_of}{since}{counted}
            GROUP BY account_id, session_id)
        GROUP BY account_id",
        columns = columns.join(", "),
        as_of = date(night.as_of.day()),
        since = since.unwrap_or_default(),
        counted = and_counted(night),
    );
    Some(Query::new(SESSIONS, sql))
}
