//! What must hold of the staged tables before anybody may see them. They are read back from the store.

use std::collections::BTreeMap;

use arrow::array::AsArray;
use arrow::record_batch::RecordBatch;
use headwater_diagnostics::{Code, Diagnostic, Diagnostics};
use headwater_metrics::{Query, Unit, identifier, literal};
use serde::Serialize;

use crate::contract::TableContract;
use crate::engine::Engine;
use crate::stage::StagedTable;

/// What an audit found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditResult {
    /// The audit.
    pub id: String,
    /// The rule that asks for it, as in `rule_catalog`; absent for an audit of every night.
    pub rule_id: Option<String>,
    /// Where that rule is written, file and line.
    pub place: Option<String>,
    /// The table it looked at.
    pub table: String,
    /// Whether the night goes on although it failed.
    pub only_warns: bool,
    /// Whether what it demands holds.
    pub passed: bool,
    /// What it saw.
    pub observed: String,
    /// What it demands.
    pub expected: String,
}

/// An audit ready to run: its query gives one row with `failed`, `observed` and `expected`.
#[derive(Debug, Clone)]
pub(crate) struct Check {
    pub(crate) id: String,
    pub(crate) rule_id: Option<String>,
    pub(crate) place: Option<String>,
    pub(crate) table: String,
    pub(crate) only_warns: bool,
    pub(crate) query: Query,
}

impl Check {
    /// An audit of every night.
    fn new(id: impl Into<String>, table: &str, sql: String) -> Self {
        let id = id.into();
        let query = Query::new(format!("audit {id}"), sql);
        Self { query, id, rule_id: None, place: None, table: table.to_owned(), only_warns: false }
    }
}

/// Runs every check. One that cannot be evaluated has failed.
pub(crate) async fn run(engine: &Engine, checks: &[Check]) -> Vec<AuditResult> {
    let mut results = Vec::new();
    for check in checks {
        let found = engine.rows(&check.query).await;
        let (passed, observed, expected) = match found.as_deref().map(answer) {
            Ok(Some((failed, observed, expected))) => (!failed, observed, expected),
            Ok(None) => (false, "the audit gave no answer".to_owned(), String::new()),
            Err(error) => (false, format!("the audit could not be evaluated: {error}"), String::new()),
        };
        let Check { id, rule_id, place, table, only_warns, .. } = check.clone();
        results.push(AuditResult { id, rule_id, place, table, only_warns, passed, observed, expected });
    }
    results
}

fn answer(batches: &[RecordBatch]) -> Option<(bool, String, String)> {
    let batch = batches.iter().find(|batch| batch.num_rows() == 1)?;
    let failed = batch.column_by_name("failed")?.as_boolean_opt()?.iter().next()??;
    let text = |name: &str| {
        let column = arrow::compute::cast(batch.column_by_name(name)?, &arrow::datatypes::DataType::Utf8).ok()?;
        Some(column.as_string::<i32>().iter().next()?.unwrap_or("").to_owned())
    };
    Some((failed, text("observed")?, text("expected")?))
}

/// What every night must hold, whatever the rules.
pub(crate) fn standing_checks(tables: &BTreeMap<String, StagedTable>) -> Vec<Check> {
    let mut checks = Vec::new();
    for table in tables.values() {
        checks.push(rows_are_there(table));
        checks.push(key_is_unique(&table.contract));
        checks.extend(numbers_are_finite(&table.contract));
    }
    let has = |name: &str| tables.contains_key(name);
    if has("mrr_movements") {
        checks.push(movements_add_up());
        if tables
            .get("account_metrics")
            .is_some_and(|table| table.contract.columns.iter().any(|column| column.name == "mrr"))
        {
            checks.push(mrr_is_the_sum_of_movements());
        }
    }
    if has("segment_scores") {
        checks.push(every_account_has_a_segment());
    }
    checks
}

fn rows_are_there(table: &StagedTable) -> Check {
    let (name, rows) = (&table.contract.name, table.rows());
    Check::new(
        format!("{name}_read_back"),
        name,
        format!(
            "SELECT count(*) <> {rows} AS failed, CAST(count(*) AS VARCHAR) || ' rows' AS observed, '{rows} rows' AS expected FROM {name}"
        ),
    )
}

fn key_is_unique(contract: &TableContract) -> Check {
    let (name, key) = (&contract.name, contract.order());
    let shown = literal(&format!("one row for each {}", contract.key.join(", ")));
    Check::new(
        format!("{name}_key"),
        name,
        format!(
            "SELECT count(*) > 0 AS failed, CAST(count(*) AS VARCHAR) || ' keys stand more than once' AS observed, {shown} AS expected
            FROM (SELECT {key} FROM {name} GROUP BY {key} HAVING count(*) > 1)"
        ),
    )
}

fn numbers_are_finite(contract: &TableContract) -> Option<Check> {
    let name = &contract.name;
    let doubles = contract.columns.iter().filter(|column| column.unit.data_type() == Unit::Number.data_type());
    let conditions: Vec<String> = doubles
        .map(|column| identifier(&column.name))
        .map(|column| format!("isnan({column}) OR abs({column}) = CAST('Infinity' AS DOUBLE)"))
        .collect();
    (!conditions.is_empty()).then(|| {
        Check::new(
            format!("{name}_finite"),
            name,
            format!(
                "SELECT count(*) > 0 AS failed, CAST(count(*) AS VARCHAR) || ' rows' AS observed, 'no NaN and no infinity' AS expected
                FROM {name} WHERE {}",
                conditions.join(" OR ")
            ),
        )
    })
}

fn movements_add_up() -> Check {
    Check::new(
        "movement_identity",
        "mrr_movements",
        "SELECT count(*) > 0 AS failed, CAST(count(*) AS VARCHAR) || ' movements do not add up' AS observed,
            'opening + amount = closing, and each opening is the closing before' AS expected
        FROM (SELECT opening_mrr, amount, closing_mrr,
                lag(closing_mrr) OVER (PARTITION BY account_id ORDER BY period_end, sequence) AS before FROM mrr_movements)
        WHERE opening_mrr + amount <> closing_mrr OR opening_mrr <> coalesce(before, 0)"
            .to_owned(),
    )
}

fn mrr_is_the_sum_of_movements() -> Check {
    Check::new(
        "mrr_identity",
        "account_metrics",
        "SELECT count(*) > 0 AS failed, CAST(count(*) AS VARCHAR) || ' accounts differ' AS observed,
            'MRR is the sum of movements' AS expected
        FROM (SELECT account_id, mrr FROM account_metrics) AS metrics
        FULL JOIN (SELECT account_id, sum(amount) AS added_up FROM mrr_movements GROUP BY account_id) AS moves
        ON metrics.account_id = moves.account_id
        WHERE coalesce(mrr, 0) <> coalesce(added_up, 0)"
            .to_owned(),
    )
}

fn every_account_has_a_segment() -> Check {
    Check::new(
        "one_segment_in_each_scheme",
        "segment_scores",
        "SELECT count(*) > 0 AS failed, CAST(count(*) AS VARCHAR) || ' schemes miss accounts' AS observed,
            'every account has a segment in each scheme' AS expected
        FROM (SELECT scheme FROM segment_scores GROUP BY scheme
            HAVING count(*) <> (SELECT count(*) FROM account_metrics) OR count(segment) <> count(*))"
            .to_owned(),
    )
}

/// The audits that keep the night from being published.
pub(crate) fn holding(results: &[AuditResult], deny_warnings: bool) -> Vec<&AuditResult> {
    results.iter().filter(|result| !result.passed && (deny_warnings || !result.only_warns)).collect()
}

/// Every audit that failed as a diagnostic: those that hold the night, and those that only warn of it.
pub(crate) fn failures(results: &[AuditResult], deny_warnings: bool) -> Diagnostics {
    results.iter().filter(|result| !result.passed).map(|result| failure(result, deny_warnings)).collect()
}

fn failure(result: &AuditResult, deny_warnings: bool) -> Diagnostic {
    let place = match &result.place {
        Some(place) => format!("{place}, over the staged `{}`", result.table),
        None => format!("audit {} of {}", result.id, result.table),
    };
    let is_broken = result.expected.is_empty();
    let only_warns = result.only_warns && !deny_warnings;
    let (code, what) = match (only_warns, is_broken) {
        (true, true) => (Code::AuditWarned, "could not be evaluated, which holds nothing"),
        (true, false) => (Code::AuditWarned, "failed, which holds nothing"),
        (false, true) => (Code::AuditBroken, "could not be evaluated"),
        (false, false) => (Code::AuditFailed, "failed"),
    };
    let mut problem = Diagnostic::of(code, place, format!("audit `{}` {what}", result.id));
    problem = if is_broken {
        problem.label(result.observed.clone())
    } else {
        let wanted = format!("it demands: {}", result.expected);
        let kept = "`headwater status` says where the staged tables are kept";
        let help = if only_warns { wanted } else { format!("{wanted}; {kept}") };
        problem.label(format!("found {}", result.observed)).help(help)
    };
    if result.only_warns && deny_warnings { problem.note("it only warns, and warnings are denied") } else { problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_audit_is_told_by_what_it_came_to_and_by_what_it_holds() {
        for (only_warns, deny_warnings, expected, told) in [
            (false, false, "rows", ("E0801", Some("it demands: rows; "))),
            (false, false, "", ("E0802", None)),
            (true, false, "rows", ("W0801", Some("it demands: rows"))),
            (true, false, "", ("W0801", None)),
            (true, true, "rows", ("E0801", Some("it demands: rows; "))),
            (true, true, "", ("E0802", None)),
        ] {
            let result = AuditResult {
                id: "a".to_owned(),
                rule_id: None,
                place: None,
                table: "t".to_owned(),
                only_warns,
                passed: false,
                observed: "none".to_owned(),
                expected: expected.to_owned(),
            };
            let problem = failure(&result, deny_warnings);
            let (code, help) = told;
            assert_eq!(problem.code.id(), code);
            assert_eq!(problem.help.is_some(), help.is_some(), "{problem:?}");
            assert!(help.is_none_or(|help| problem.help.unwrap_or_default().starts_with(help)));
        }
    }
}
