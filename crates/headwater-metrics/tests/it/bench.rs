//! A work bench: tables from SQL values, a night, and the metrics that come out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::datatypes::Schema;
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::datasource::MemTable;
use datafusion::prelude::{SessionConfig, SessionContext};
use headwater_metrics::{
    AsOf, Economics, Exchange, FeatureSeen, GrossMargin, GroupPlan, GroupScope, InputTable, Lifetimes, MeasurePlan,
    Night, Query, RevenuePolicy, SegmentName, cohort_summary, cohorts, observed_margin, register_functions,
};

/// What fills a table of the catalogue.
type CatalogueQuery = fn(&[GroupScope], &Night) -> Option<Query>;

pub(crate) struct Bench {
    context: SessionContext,
    night: Night,
    /// The accounts as rules judged them, over `measured`.
    judged: String,
}

impl Bench {
    pub(crate) fn new(as_of: &str) -> Self {
        let mut context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(2));
        register_functions(&mut context).unwrap();
        let economics = Economics {
            gross_margin: GrossMargin::Declared(0.8),
            monthly_discount: 0.0,
            horizon_months: 60,
            lookback_months: 12,
            cac_lag_months: 0,
            clawback_days: 180,
        };
        let night = Night {
            as_of: AsOf::new(as_of.parse().unwrap(), "UTC".parse().unwrap()),
            economics,
            lifetimes: Lifetimes::default(),
            currency: "EUR".to_owned(),
            exchange: Exchange::Moving,
            retention_audience: Vec::new(),
            policy: RevenuePolicy::default(),
            features: Vec::new(),
            inputs: BTreeMap::new(),
            attributes: Vec::new(),
        };
        Self { context, night, judged: "SELECT * FROM measured".to_owned() }
    }

    /// Registers an input: column declarations as in SQL, rows as VALUES.
    pub(crate) async fn input(mut self, table: InputTable, columns: &str, rows: &str) -> Self {
        let casts: Vec<String> = columns
            .split(", ")
            .enumerate()
            .map(|(at, column)| {
                let (name, kind) = column.split_once(' ').unwrap();
                format!("CAST(column{} AS {kind}) AS {name}", at + 1)
            })
            .collect();
        let sql = format!("CREATE TABLE {} AS SELECT {} FROM (VALUES {rows})", table.name(), casts.join(", "));
        self.context.sql(&sql).await.unwrap().collect().await.unwrap();
        let names = columns.split(", ").map(|column| column.split_once(' ').unwrap().0.to_owned());
        self.night.inputs.insert(table, names.collect());
        self
    }

    pub(crate) fn policy(mut self, policy: RevenuePolicy) -> Self {
        self.night.policy = policy;
        self
    }

    /// The margin is what costs of serving leave.
    pub(crate) async fn margin_from_costs(mut self) -> Self {
        self.night.economics.gross_margin = GrossMargin::Observed(None);
        for query in observed_margin(&self.night) {
            self.keep(&query).await;
        }
        let share = self.lines("SELECT gross_margin FROM observed_margin").await;
        self.night.economics.gross_margin = GrossMargin::Observed(share[0].parse().ok());
        self
    }

    /// Every account's segment of a scheme, as SQL, and whom spend on retention is meant for.
    pub(crate) fn retention_audience(mut self, scheme: &str, segments: &str, audience: &[&str]) -> Self {
        self.judged = format!("SELECT *, {segments} AS \"segment.{scheme}\" FROM measured");
        let named = |segment: &&str| SegmentName { scheme: scheme.to_owned(), segment: (*segment).to_owned() };
        self.night.retention_audience = audience.iter().map(named).collect();
        self
    }

    /// Spend comes so many months before the customers it wins.
    pub(crate) fn lag(mut self, months: u32) -> Self {
        self.night.economics.cac_lag_months = months;
        self
    }

    /// Margin and months ahead of values.
    pub(crate) fn worth(mut self, gross_margin: f64, horizon_months: u32) -> Self {
        self.night.economics.gross_margin = GrossMargin::Declared(gross_margin);
        self.night.economics.horizon_months = horizon_months;
        self
    }

    pub(crate) fn lifetimes(mut self, lifetimes: Lifetimes) -> Self {
        self.night.lifetimes = Lifetimes { are_published: true, ..lifetimes };
        self
    }

    pub(crate) fn clawback_days(mut self, days: u32) -> Self {
        self.night.economics.clawback_days = days;
        self
    }

    pub(crate) fn feature(mut self, name: &str, first_seen: &str) -> Self {
        self.night.features.push(FeatureSeen { name: name.to_owned(), first_seen: first_seen.parse().unwrap() });
        self
    }

    pub(crate) fn night(&self) -> &Night {
        &self.night
    }

    async fn keep(&self, query: &Query) {
        let ran = async { self.context.sql(&query.sql).await?.create_physical_plan().await };
        let plan = ran.await.unwrap_or_else(|error| panic!("{}: {error}\n{}", query.name, query.sql));
        let fields: Vec<_> =
            plan.schema().fields().iter().map(|field| field.as_ref().clone().with_nullable(true)).collect();
        let schema = Arc::new(Schema::new(fields));
        let batches = datafusion::physical_plan::collect(plan, self.context.task_ctx()).await;
        let batches = batches.unwrap_or_else(|error| panic!("{}: {error}\n{}", query.name, query.sql));
        let batches =
            batches.iter().map(|batch| RecordBatch::try_new(schema.clone(), batch.columns().to_vec()).unwrap());
        let table = MemTable::try_new(schema.clone(), vec![batches.collect()]).unwrap();
        self.context.deregister_table(&query.name).unwrap();
        self.context.register_table(&query.name, Arc::new(table)).unwrap();
        self.same_in_parts(query).await;
    }

    /// The metrics of every account: `account metric=value …`, a line an account.
    pub(crate) async fn accounts(&self, metrics: &[&str]) -> Vec<String> {
        let asked: BTreeSet<String> = metrics.iter().map(|metric| (*metric).to_owned()).collect();
        let plan = MeasurePlan::new(&asked, &BTreeSet::new(), &self.night);
        for query in &plan.queries {
            self.keep(query).await;
        }
        let names: Vec<String> = metrics.iter().map(|metric| format!("\"{metric}\"")).collect();
        let select = format!("SELECT account_id, {} FROM", names.join(", "));
        self.lines(&format!("{select} measured ORDER BY account_id")).await
    }

    /// Whether a query that was kept has the same rows where it is run in parts.
    async fn same_in_parts(&self, query: &Query) {
        let Some(parts) = query.narrower().next() else { return };
        let mut in_parts = Vec::new();
        for part in parts {
            in_parts.extend(self.lines(&format!("SELECT * FROM ({}) AS part", part.sql)).await);
        }
        let mut whole = self.lines(&format!("SELECT * FROM {}", query.name)).await;
        whole.sort();
        in_parts.sort();
        assert_eq!(in_parts, whole, "{}", query.name);
    }

    /// Rows of usage that count for no account, `reason rows`, a line a reason.
    pub(crate) async fn usage_left_out(&self, metrics: &[&str]) -> Vec<String> {
        self.accounts(metrics).await;
        let asked: BTreeSet<String> = metrics.iter().map(|metric| (*metric).to_owned()).collect();
        let plan = MeasurePlan::new(&asked, &BTreeSet::new(), &self.night);
        self.lines(&plan.usage_left_out.unwrap().sql).await
    }

    /// Group metrics: `scope group metric value accounts reason`, a line a value.
    pub(crate) async fn groups(&self, asked: &[(&str, &str)]) -> Vec<String> {
        let asked: BTreeSet<(GroupScope, String)> =
            asked.iter().map(|(scope, metric)| (GroupScope::parse(scope), (*metric).to_owned())).collect();
        let plan = MeasurePlan::new(&BTreeSet::new(), &asked, &self.night);
        for query in &plan.queries {
            self.keep(query).await;
        }
        self.keep(&Query::new("judged", self.judged.clone())).await;
        let plan = GroupPlan::new(&asked, &self.night);
        self.keep(&plan.facts).await;
        self.keep(&plan.metrics).await;
        self.lines("SELECT scope, group_name, metric, value, accounts, reason FROM group_metrics ORDER BY 1, 2, 3")
            .await
    }

    /// Cohorts of everyone: cohort, age, size, active, MRR, first MRR, value so far, a line a cell.
    pub(crate) async fn cohorts(&self) -> Vec<String> {
        self.accounts(&["mrr"]).await;
        self.table(
            cohorts,
            "SELECT scope, group_name, cohort, age_months, cohort_size, customers, mrr, first_mrr, revenue_to_date
            FROM cohort_metrics ORDER BY 1, 2, 3, 4",
        )
        .await
    }

    /// What cohorts of everyone have come to: cohort, cost, payback, whether it is censored, pattern, a line a cohort.
    pub(crate) async fn cohort_summaries(&self) -> Vec<String> {
        self.cohorts().await;
        self.table(
            cohort_summary,
            "SELECT cohort, cac, margin_per_account, payback_months, payback_censored, pattern, immature_because FROM cohort_summary ORDER BY 1",
        )
        .await
    }

    /// A table of the catalogue for everyone, over the accounts that were measured last, and what a query says of it.
    pub(crate) async fn table(&self, table: CatalogueQuery, sql: &str) -> Vec<String> {
        self.table_by(&["total"], table, sql).await
    }

    /// The same for accounts grouped in several ways.
    pub(crate) async fn table_by(&self, scopes: &[&str], table: CatalogueQuery, sql: &str) -> Vec<String> {
        self.keep(&Query::new("judged", self.judged.clone())).await;
        let scopes: Vec<GroupScope> = scopes.iter().map(|scope| GroupScope::parse(scope)).collect();
        self.keep(&table(&scopes, &self.night).unwrap()).await;
        self.lines(sql).await
    }

    pub(crate) async fn lines(&self, sql: &str) -> Vec<String> {
        let mut lines = Vec::new();
        for batch in self.context.sql(sql).await.unwrap().collect().await.unwrap() {
            let options = FormatOptions::default().with_null("-");
            let columns: Vec<_> =
                batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options).unwrap()).collect();
            for row in 0..batch.num_rows() {
                let cells: Vec<String> = columns.iter().map(|column| column.value(row).to_string()).collect();
                lines.push(cells.join(" "));
            }
        }
        lines
    }
}
