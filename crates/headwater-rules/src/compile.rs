//! The third pass: checked rules as queries over the tables of the night.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use headwater_metrics::{Query, Unit, identifier, literal};

use crate::checked::CheckedRules;
use crate::expression::Dialect;
use crate::header::{Header, RuleSeverity};
use crate::kinds::trigger::Evidence;
use crate::kinds::{audit, guardrail, metric, milestone, mute, segment, trigger};
use crate::outputs::OutputTable;

/// What a night adds to the rules.
#[derive(Debug, Clone)]
pub struct PlanContext {
    /// The day the night is for.
    pub as_of: NaiveDate,
    /// The columns of the table `measured`, in their order: attributes and catalogue metrics, `account_id` first.
    pub measured: Vec<(String, Unit)>,
    /// Metrics among them that are unknown for all accounts, because a column they need is not delivered. Whether one of
    /// them is known cannot be asked: `IS NULL` is unknown too, and no rule holds for everyone by it.
    pub unavailable: BTreeSet<String>,
}

/// A column that the rules add to the measured ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DerivedColumn {
    /// Its name.
    pub name: String,
    /// What its values are.
    pub unit: Unit,
    /// What it says.
    pub description: String,
}

/// A test of a staged table: one row `failed`, `observed`, `expected`.
#[derive(Debug, Clone)]
pub struct Audit {
    /// Its id; an audit with two limits is two audits, `<id>_warn` and `<id>_error`.
    pub id: String,
    /// The rule that asks for it, as in the table `rule_catalog`: an audit, or a trigger that is never to be unknown.
    pub rule_id: String,
    /// The file and line of that rule.
    pub place: String,
    /// The table it looks at.
    pub table: String,
    /// At `error` a failure holds the publication.
    pub severity: RuleSeverity,
    /// The test, over the table by its name.
    pub query: Query,
    /// The table whose last published night it compares with, as `previous_<table>`; none where it looks at tonight.
    pub previous: Option<String>,
}

impl Audit {
    /// An audit that a rule asks for.
    pub(crate) fn asked_by(rule: &Header, id: String, table: &str, severity: RuleSeverity, sql: String) -> Self {
        Self {
            query: Query::new(format!("audit {id}"), sql),
            id,
            rule_id: rule.id.text.clone(),
            place: format!("{}:{}", rule.file, rule.line),
            table: table.to_owned(),
            severity,
            previous: None,
        }
    }
}

/// The queries of one night, in the order they are run.
#[derive(Debug, Clone)]
pub struct CompiledRules {
    score_quantiles: Option<Query>,
    account_metrics: Query,
    derived: Vec<DerivedColumn>,
    memberships: Option<Query>,
    judged: Query,
    tables: Vec<(&'static OutputTable, Query)>,
    audits: Vec<Audit>,
}

/// Compiles checked rules for one night.
#[must_use]
pub fn compile(rules: &CheckedRules, context: &PlanContext) -> CompiledRules {
    let all = rules;
    let rules = &all.in_force(context.as_of);
    let unavailable = metric::unavailable(&rules.metrics, &context.unavailable, context.as_of);
    let dialect = Dialect::without(context.as_of, &unavailable);
    let base = metric::measured_with_derived(&rules.metrics, dialect);
    CompiledRules {
        score_quantiles: segment::quantiles(&rules.schemes, &base),
        account_metrics: account_metrics(rules, context, &base),
        derived: derived(rules),
        memberships: segment::memberships(&rules.schemes, dialect),
        judged: judged(rules, dialect),
        tables: tables(rules, all, dialect),
        audits: audit::audits(&rules.audits, &rules.triggers, dialect),
    }
}

impl CompiledRules {
    /// Over `measured`: the quantiles of the night that scores rest on, where any does. To be materialised first.
    #[must_use]
    pub fn score_quantiles(&self) -> Option<&Query> {
        self.score_quantiles.as_ref()
    }

    /// Over `measured` and the quantiles: all columns of `measured`, then the derived ones. `measured` is read more
    /// than once where a segment preset looks at all accounts, so it should be materialised.
    #[must_use]
    pub fn account_metrics(&self) -> &Query {
        &self.account_metrics
    }

    /// The columns that [`Self::account_metrics`] adds, in their order.
    #[must_use]
    pub fn account_metric_columns(&self) -> &[DerivedColumn] {
        &self.derived
    }

    /// Over `account_metrics` and the last published night's `previous_segment_scores`: where accounts are held in
    /// their segments, where any scheme holds them. To be materialised before [`Self::judged`].
    #[must_use]
    pub fn memberships(&self) -> Option<&Query> {
        self.memberships.as_ref()
    }

    /// Over `account_metrics`: all its columns, a text column `segment.<scheme>` for each scheme, a flag
    /// `milestone.<ladder>.<id>` for each milestone. To be materialised as `judged`.
    #[must_use]
    pub fn judged(&self) -> &Query {
        &self.judged
    }

    /// The published tables with their queries in the order of computation, over `judged`, `group_metrics`, tables that
    /// stand before, and the last published night's `previous_segment_scores`, `previous_milestone_states`,
    /// `previous_flag_states` and `previous_flagged_accounts`.
    #[must_use]
    pub fn tables(&self) -> &[(&'static OutputTable, Query)] {
        &self.tables
    }

    /// The query of one published table.
    #[must_use]
    pub fn table(&self, name: &str) -> Option<&Query> {
        self.tables.iter().find(|(table, _)| table.name == name).map(|(_, query)| query)
    }

    /// The tables of the last published night that audits compare with, each as `previous_<table>`.
    #[must_use]
    pub fn compared_with(&self) -> BTreeSet<&str> {
        self.audits.iter().filter_map(|audit| audit.previous.as_deref()).collect()
    }

    /// The tests of the staged tables, in the order of their ids.
    #[must_use]
    pub fn audits(&self) -> &[Audit] {
        &self.audits
    }
}

fn derived(rules: &CheckedRules) -> Vec<DerivedColumn> {
    let population = rules.schemes.iter().flat_map(|scheme| &scheme.population).map(|column| DerivedColumn {
        name: column.name.clone(),
        unit: column.unit(),
        description: column.description.clone(),
    });
    metric::columns(&rules.metrics).into_iter().chain(population).collect()
}

fn account_metrics(rules: &CheckedRules, context: &PlanContext, base: &str) -> Query {
    let population = segment::population(&rules.schemes);
    let own =
        context.measured.iter().map(|(name, unit)| (format!("base.{}", identifier(name)), *unit, identifier(name)));
    let added = metric::columns(&rules.metrics)
        .into_iter()
        .map(|column| (format!("base.{}", identifier(&column.name)), column.unit, identifier(&column.name)));
    let columns: Vec<_> = own
        .chain(added)
        .chain(population.columns)
        .map(|(sql, unit, name)| format!("CAST({sql} AS {}) AS {name}", unit.sql_type()))
        .collect();
    let sql = format!(
        "WITH base AS (SELECT * FROM {base}) SELECT {} FROM base {} ORDER BY account_id",
        columns.join(", "),
        population.joins.join(" ")
    );
    Query::new("account_metrics", sql)
}

fn judged(rules: &CheckedRules, dialect: Dialect<'_>) -> Query {
    let segments = rules.schemes.iter().map(|scheme| segment::column(scheme, dialect));
    let milestones = rules.ladders.iter().flat_map(|ladder| milestone::columns(ladder, dialect));
    let columns: Vec<_> = std::iter::once("account_metrics.*".to_owned()).chain(segments).chain(milestones).collect();
    let held: String = rules.schemes.iter().filter_map(segment::joins).map(|join| format!(" {join}")).collect();
    Query::new("judged", format!("SELECT {} FROM account_metrics{held}", columns.join(", ")))
}

/// The published tables of the rules in force; the catalogue is of all.
fn tables(rules: &CheckedRules, all: &CheckedRules, dialect: Dialect<'_>) -> Vec<(&'static OutputTable, Query)> {
    let query = |table: &OutputTable| match table.name {
        "rule_catalog" => table.query(&catalog(all, dialect)),
        _ => table.query(&rows(table, rules, dialect)),
    };
    OutputTable::ALL.iter().map(|table| (table, query(table))).collect()
}

/// The selects whose union is a table.
fn rows(table: &OutputTable, rules: &CheckedRules, dialect: Dialect<'_>) -> Vec<String> {
    let evidence = Evidence { dialect, lineage: &rules.lineage };
    match table.name {
        "segment_scores" => rules.schemes.iter().map(|scheme| segment::scores(scheme, dialect)).collect(),
        "score_edges" => segment::edges(&rules.schemes, dialect),
        "milestone_states" => {
            rules.ladders.iter().map(|ladder| milestone::states(ladder, rules.has_sign_up, dialect)).collect()
        }
        "flag_states" => trigger::states(&rules.triggers, dialect).into_iter().collect(),
        "flagged_accounts" => {
            let out_of_order = rules.ladders.iter().flat_map(|ladder| milestone::flags(ladder, dialect));
            let triggers = rules.triggers.iter().map(|rule| trigger::flags(rule, dialect));
            let flagged = trigger::flagged(&out_of_order.chain(triggers).collect::<Vec<_>>(), dialect);
            vec![mute::muted_flags(&rules.mutes, &flagged, dialect)]
        }
        "flag_evidence" => {
            let out_of_order = rules.ladders.iter().flat_map(|ladder| milestone::evidence(ladder, &evidence));
            out_of_order.chain(rules.triggers.iter().filter_map(|rule| trigger::evidence(rule, &evidence))).collect()
        }
        "guardrail_verdicts" => {
            let verdicts = guardrail::verdicts(&rules.guardrails, dialect);
            verdicts.iter().map(|verdicts| mute::muted_verdicts(&rules.mutes, verdicts, dialect)).collect()
        }
        _ => Vec::new(),
    }
}

fn catalog(rules: &CheckedRules, dialect: Dialect<'_>) -> Vec<String> {
    let row = |(kind, header): (&'static str, &Header)| {
        catalog_row(kind, header, rules.subscribers(header.owner.as_deref()).as_deref(), dialect)
    };
    rules.headers().into_iter().map(row).collect()
}

fn catalog_row(kind: &str, header: &Header, subscribers: Option<&str>, dialect: Dialect<'_>) -> String {
    let or_null = |text: Option<&str>| text.map_or_else(|| "CAST(NULL AS VARCHAR)".to_owned(), literal);
    let day = |day: Option<NaiveDate>| day.map_or_else(|| "CAST(NULL AS DATE)".to_owned(), Dialect::date);
    let tags = header.tags.join(",");
    format!(
        "SELECT {as_of} AS as_of, {id} AS rule_id, {kind} AS kind, {file} AS file, {line} AS line, {severity} AS severity, \
         {owner} AS owner, {description} AS description, {definition} AS definition, {tags} AS tags, \
         {subscribers} AS subscribers, {from} AS effective_from, {until} AS effective_until",
        as_of = Dialect::date(dialect.as_of),
        id = literal(&header.id.text),
        kind = literal(kind),
        file = literal(&header.file),
        line = header.line,
        severity = literal(header.severity.word()),
        owner = or_null(header.owner.as_deref()),
        description = or_null(header.description.as_deref()),
        definition = literal(&header.definition),
        tags = or_null((!tags.is_empty()).then_some(tags.as_str())),
        subscribers = or_null(subscribers),
        from = day(header.effective.from),
        until = day(header.effective.until),
    )
}
