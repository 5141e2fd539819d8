//! What a night came to, for people and programs.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Int64Type};
use arrow::record_batch::RecordBatch;
use chrono::NaiveDate;
use headwater_metrics::{Catalogue, Query, Unit};
use serde::Serialize;

use crate::audit::AuditResult;
use crate::engine::{Engine, EngineError};
use crate::publish::{InputRecord, PublishedTable, StepRecord};

/// The result of a night that was published.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunReport {
    /// The run.
    pub run_id: String,
    /// The night.
    pub as_of: NaiveDate,
    /// Where the tables are.
    pub location: String,
    /// The manifest's number.
    pub manifest: u64,
    /// Whether every published object was there before: the night had been published with the same content.
    pub unchanged: bool,
    /// The newest night that is published now.
    pub newest_night: NaiveDate,
    /// Later nights that carry on a state other than the one that is published before them now.
    pub resting_on_older_state: Vec<NaiveDate>,
    /// Accounts judged.
    pub accounts: u64,
    /// Segments with their accounts and revenue.
    pub segments: Vec<SegmentLine>,
    /// Flags by rule and state.
    pub flags: Vec<FlagLine>,
    /// Verdicts of guardrails.
    pub verdicts: Vec<VerdictLine>,
    /// Lifetime values of everyone by each method; none where they are not published.
    pub lifetime_values: Vec<LifetimeValueLine>,
    /// What was read.
    pub inputs: Vec<InputRecord>,
    /// Metrics that are unknown for everyone because a column they need is not mapped.
    pub unavailable_metrics: Vec<String>,
    /// Rules left out because an input they need is not declared, as they asked; a sentence each.
    pub skipped_rules: Vec<String>,
    /// What the audits found.
    pub audits: Vec<AuditResult>,
    /// What was published.
    pub tables: Vec<PublishedTable>,
    /// How long each step took.
    pub steps: Vec<StepRecord>,
}

/// A segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SegmentLine {
    /// The scheme.
    pub scheme: String,
    /// The segment.
    pub segment: String,
    /// Accounts in it.
    pub accounts: u64,
    /// Their recurring revenue, as a decimal number; absent where subscriptions are not known.
    pub mrr: Option<String>,
}

/// A rule's flags in one state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FlagLine {
    /// The rule.
    pub rule_id: String,
    /// Firing, held back or resolved.
    pub state: String,
    /// How loud it is.
    pub severity: String,
    /// Accounts flagged.
    pub accounts: u64,
    /// Those of them that nobody wants to hear of.
    pub muted: u64,
    /// What is at stake, added up, as a decimal number.
    pub value_at_stake: Option<String>,
}

/// A guardrail's verdict over one group.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VerdictLine {
    /// The guardrail.
    pub guardrail_id: String,
    /// How accounts are grouped.
    pub scope: String,
    /// The group.
    pub group: String,
    /// The verdict.
    pub verdict: String,
    /// The metric.
    pub metric: String,
    /// What its value measures.
    pub unit: Unit,
    /// Its value.
    pub value: Option<f64>,
    /// Why there is no value, or whom it waits for.
    pub reason: Option<String>,
}

/// The lifetime value of everyone by one method.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LifetimeValueLine {
    /// The method.
    pub method: String,
    /// What it counts: revenue, net or margin.
    pub basis: String,
    /// Months from today that it counts; absent where it counts all there are.
    pub horizon_months: Option<f64>,
    /// Its value; absent where the method says nothing.
    pub value: Option<f64>,
    /// The lower end of its interval, where it has one.
    pub low: Option<f64>,
    /// The upper end.
    pub high: Option<f64>,
    /// Accounts it rests on.
    pub accounts: u64,
    /// Why there is no value.
    pub reason: Option<String>,
}

/// Segments, flags and verdicts as the closing summary shows them, read from the staged tables.
pub(crate) struct Summary {
    pub(crate) segments: Vec<SegmentLine>,
    pub(crate) flags: Vec<FlagLine>,
    pub(crate) verdicts: Vec<VerdictLine>,
}

/// Lifetime values of everyone, those that are known first, read from the staged table.
pub(crate) async fn lifetime_values(engine: &Engine) -> Result<Vec<LifetimeValueLine>, EngineError> {
    let sql = "SELECT method, basis, value, low, high, accounts, reason, horizon_months FROM lifetime_values WHERE scope = 'total'
        ORDER BY eligible DESC, method";
    let number = |row: &Row<'_>, at| row.optional(at).and_then(|value| value.parse().ok());
    read(engine, "lifetime values of the summary", sql, |row| LifetimeValueLine {
        method: row.text(0),
        basis: row.text(1),
        value: number(row, 2),
        low: number(row, 3),
        high: number(row, 4),
        accounts: row.count(5),
        reason: row.optional(6),
        horizon_months: number(row, 7),
    })
    .await
}

impl Summary {
    pub(crate) async fn read(engine: &Engine, has_mrr: bool) -> Result<Self, EngineError> {
        let mrr = if has_mrr { "CAST(sum(mrr) AS VARCHAR)" } else { "CAST(NULL AS VARCHAR)" };
        let segments = format!(
            "SELECT scheme, segment, count(*) AS accounts, {mrr} AS mrr
            FROM segment_scores JOIN account_metrics ON segment_scores.account_id = account_metrics.account_id
            GROUP BY scheme, segment ORDER BY scheme, accounts DESC, segment"
        );
        let flags =
            "SELECT rule_id, state, severity, count(*) AS accounts, CAST(sum(value_at_stake) AS VARCHAR) AS value,
            count(muted_until) AS muted
            FROM flagged_accounts GROUP BY rule_id, state, severity ORDER BY rule_id, state";
        let verdicts = "SELECT guardrail_id, scope, group_name, verdict, metric, value, coalesce(reason, waiting_for) AS reason
            FROM guardrail_verdicts ORDER BY guardrail_id, CASE WHEN scope = 'total' THEN 0 ELSE 1 END, scope, group_name";
        Ok(Self {
            segments: read(engine, "segments of the summary", &segments, |row| SegmentLine {
                scheme: row.text(0),
                segment: row.text(1),
                accounts: row.count(2),
                mrr: row.optional(3),
            })
            .await?,
            flags: read(engine, "flags of the summary", flags, |row| FlagLine {
                rule_id: row.text(0),
                state: row.text(1),
                severity: row.text(2),
                accounts: row.count(3),
                value_at_stake: row.optional(4),
                muted: row.count(5),
            })
            .await?,
            verdicts: read(engine, "verdicts of the summary", verdicts, |row| VerdictLine {
                guardrail_id: row.text(0),
                scope: row.text(1),
                group: row.text(2),
                verdict: row.text(3),
                unit: Catalogue.metric(&row.text(4)).map_or(Unit::Number, |metric| metric.unit),
                metric: row.text(4),
                value: row.optional(5).and_then(|value| value.parse().ok()),
                reason: row.optional(6),
            })
            .await?,
        })
    }

    /// Verdicts counted by word.
    pub(crate) fn verdict_counts(&self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for line in &self.verdicts {
            *counts.entry(line.verdict.clone()).or_insert(0) += 1;
        }
        counts
    }
}

/// A row of a small result.
pub(crate) struct Row<'a> {
    batch: &'a RecordBatch,
    at: usize,
}

impl Row<'_> {
    pub(crate) fn optional(&self, column: usize) -> Option<String> {
        let array = arrow::compute::cast(self.batch.columns().get(column)?, &DataType::Utf8).ok()?;
        let array = array.as_string::<i32>();
        (!array.is_null(self.at)).then(|| array.value(self.at).to_owned())
    }

    pub(crate) fn text(&self, column: usize) -> String {
        self.optional(column).unwrap_or_default()
    }

    fn count(&self, column: usize) -> u64 {
        let array = self.batch.columns().get(column).and_then(|array| array.as_primitive_opt::<Int64Type>());
        array.map_or(0, |array| u64::try_from(array.value(self.at)).unwrap_or(0))
    }
}

/// A small result, a value a row.
pub(crate) async fn read<T>(
    engine: &Engine,
    name: &str,
    sql: &str,
    line: impl Fn(&Row<'_>) -> T,
) -> Result<Vec<T>, EngineError> {
    let batches = engine.rows(&Query::new(name, sql)).await?;
    Ok(batches
        .iter()
        .flat_map(|batch| (0..batch.num_rows()).map(|at| line(&Row { batch, at })).collect::<Vec<_>>())
        .collect())
}
