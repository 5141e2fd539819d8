//! From `measured` to staged tables: what the rules say about each account and each group.

use std::collections::{BTreeMap, BTreeSet};

use datafusion::datasource::object_store::ObjectStoreUrl;
use headwater_ingest::WorkArea;
use headwater_metrics::{AsOf, Catalogue, Grain, GroupPlan, GroupScope, MeasurePlan, Night, Query, Unit};
use headwater_rules::{CheckedRules, CompiledRules, OutputTable, PlanContext, RuleSeverity};

use crate::all_tables::{carried_tables, every_table_with, published};
use crate::audit::Check;
use crate::catalogue_tables::CATALOGUE_TABLES;
use crate::contract::{self, ColumnContract, TableContract};
use crate::engine::Engine;
use crate::failure::RunError;
use crate::measure::keep;
use crate::project::Project;
use crate::publish::{InputRecord, Manifest, Phase, Publication};
use crate::records;
use crate::run::RunRequest;
use crate::stage::{StagedTable, StagingArea};
use crate::steps::Steps;
use crate::tables;

/// Metrics of every account that are published whether or not a rule asks for them.
const ACCOUNT_METRICS: &[&str] = &[
    "mrr",
    "tenure_days",
    "net_revenue_total",
    "days_since_last_subscription_change",
    "days_since_last_order",
    "days_since_last_activity",
    "days_since_last_ticket",
    "days_since_last_feedback",
];

/// Metrics published for every group, where their inputs are there.
const GROUP_METRICS: &[&str] = &[
    "paying_accounts",
    "total_mrr",
    "arpa",
    "total_opening_mrr_1m",
    "total_new_mrr_1m",
    "total_reactivation_mrr_1m",
    "total_expansion_mrr_1m",
    "total_contraction_mrr_1m",
    "total_churned_mrr_1m",
    "logo_churn_1m",
    "logo_churn_monthly_12m",
    "revenue_churn_1m",
    "nrr_1m",
    "grr_1m",
    "nrr_12m",
    "grr_12m",
    "quick_ratio_3m",
    "clv_simple",
    "clv_discounted",
    "acquisition_spend_12m",
    "cac_12m",
    "cac_payback_months",
    "clv_cac_ratio",
    "mrr_median",
    "mrr_gini",
    "mrr_top_decile_share",
    "mrr_at_least_mean_share",
    "mrr_bimodality",
    "group_resolution_hours_median_90d",
    "nps_90d",
    "nps_change_90d",
];

/// What judging works with.
pub(crate) struct Case<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) work: &'a WorkArea,
    pub(crate) request: &'a RunRequest,
    pub(crate) rules: &'a CheckedRules,
    pub(crate) night: &'a Night,
    pub(crate) measured: &'a MeasurePlan,
    pub(crate) inputs: &'a [InputRecord],
    pub(crate) staging: &'a StagingArea,
    pub(crate) publication: &'a Publication,
    pub(crate) outputs: &'a ObjectStoreUrl,
    /// The last night published before this one.
    pub(crate) before: Option<&'a Manifest>,
    pub(crate) steps: &'a mut Steps,
}

/// A judged night: everything is staged, nothing is visible.
pub(crate) struct Judged {
    /// The staged tables by name.
    pub(crate) tables: BTreeMap<String, StagedTable>,
    /// The audits that the rules ask for.
    pub(crate) audits: Vec<Check>,
}

/// The metrics published for every account beside those that rules need.
pub(crate) fn published_metrics(project: &Project, night: &Night) -> Vec<String> {
    let standing = ACCOUNT_METRICS.iter().map(|id| (*id).to_owned());
    let of_values = headwater_metrics::value_account_metrics(night).into_iter().map(ToOwned::to_owned);
    standing
        .chain(of_values)
        .chain(project.metrics.iter().cloned())
        .filter(|id| has_inputs(id, Grain::Account, night))
        .collect()
}

/// The group metrics to compute: the standing ones for everyone, for each declared dimension and each segment, and
/// those that guardrails judge.
pub(crate) fn group_metrics(project: &Project, rules: &CheckedRules, night: &Night) -> BTreeSet<(GroupScope, String)> {
    let own = project.metrics.iter().map(String::as_str);
    let standing: Vec<&str> = GROUP_METRICS
        .iter()
        .copied()
        .chain(headwater_metrics::value_metrics(night))
        .chain(own)
        .filter(|id| has_inputs(id, Grain::Group, night))
        .collect();
    let mut asked: BTreeSet<(GroupScope, String)> = scopes(project, rules)
        .iter()
        .flat_map(|scope| standing.iter().map(|id| (scope.clone(), (*id).to_owned())))
        .collect();
    asked.extend(rules.group_metrics_needed().into_iter().map(|(scope, id)| (GroupScope::parse(&scope), id)));
    asked
}

/// How accounts are grouped: everyone, each declared dimension, each segment scheme.
fn scopes(project: &Project, rules: &CheckedRules) -> Vec<GroupScope> {
    let declared = project.groups.iter().cloned();
    let segments = rules.scheme_ids().map(|scheme| format!("segment.{scheme}"));
    std::iter::once(GroupScope::Total).chain(declared.chain(segments).map(GroupScope::Column)).collect()
}

fn has_inputs(id: &str, grain: Grain, night: &Night) -> bool {
    let metric = Catalogue.metric(id).filter(|metric| metric.grain == grain);
    metric.is_some_and(|metric| metric.inputs.iter().all(|input| night.inputs.contains_key(input)))
}

/// Judges the night and stages its tables.
pub(crate) async fn judge(mut case: Case<'_>) -> Result<Judged, RunError> {
    let compiled = compiled(case.rules, case.measured, case.request.as_of);
    let mut staged = BTreeMap::new();
    case.previous_night(&compiled).await?;
    if let Some(quantiles) = compiled.score_quantiles() {
        case.keep(quantiles).await?;
    }
    case.account_metrics(&compiled, &mut staged).await?;
    if let Some(memberships) = compiled.memberships() {
        case.keep(memberships).await?;
    }
    case.keep(compiled.judged()).await?;
    case.groups(&mut staged).await?;
    for (table, query) in compiled.tables() {
        case.stage(query, &published(table), &mut staged).await?;
    }
    let scopes = scopes(&case.request.project, case.rules);
    for table in CATALOGUE_TABLES {
        if let Some(query) = (table.query)(&scopes, case.night) {
            case.stage(&query, &(table.contract)(), &mut staged).await?;
        }
    }
    let left_out = records::LeftOut { metrics: &case.measured.unavailable, rules: case.rules.skipped() };
    let manifest = records::run_manifest(case.request, case.night, case.inputs, left_out, &staged);
    case.stage(&manifest, &contract::run_manifest(), &mut staged).await?;
    let audits = compiled.audits().iter().map(check).collect();
    Ok(Judged { tables: staged, audits })
}

fn compiled(rules: &CheckedRules, measured: &MeasurePlan, as_of: chrono::NaiveDate) -> CompiledRules {
    let columns = measured.columns.iter().map(|(name, unit, _)| (name.clone(), *unit)).collect();
    headwater_rules::compile(
        rules,
        &PlanContext { as_of, measured: columns, unavailable: measured.unavailable.iter().cloned().collect() },
    )
}

/// The columns of `account_metrics`: measured ones, then those that rules add.
fn account_columns(measured: &MeasurePlan, compiled: &CompiledRules) -> Vec<(String, Unit, String)> {
    let derived = compiled.account_metric_columns().iter();
    let derived = derived.map(|column| (column.name.clone(), column.unit, column.description.clone()));
    measured.columns.iter().cloned().chain(derived).collect()
}

/// The tables that a project publishes with its rules, in the order of their names.
///
/// Nothing is opened for it: the columns follow from the project file and the rules alone.
#[must_use]
pub fn published_tables(project: &Project, rules: &CheckedRules) -> Vec<TableContract> {
    let as_of = AsOf::new(chrono::NaiveDate::default(), project.time_zone);
    let inputs = project.inputs.iter().map(|input| {
        let columns = input.table.columns().iter().map(|column| column.name.to_owned()).collect();
        (input.table, columns)
    });
    let night = Night { inputs: inputs.collect(), attributes: project.attributes().collect(), ..project.night(as_of) };
    let mut asked = rules.account_metrics_needed();
    asked.extend(published_metrics(project, &night));
    let measured = MeasurePlan::new(&asked, &group_metrics(project, rules, &night), &night);
    let compiled = compiled(rules, &measured, as_of.day());
    let mut tables = vec![
        contract::account_metrics(&account_columns(&measured, &compiled)),
        contract::group_metrics(),
        contract::run_manifest(),
    ];
    tables.extend(OutputTable::ALL.iter().map(published));
    let scopes = scopes(project, rules);
    let there = CATALOGUE_TABLES.iter().filter(|table| (table.query)(&scopes, &night).is_some());
    tables.extend(there.map(|table| (table.contract)()));
    tables.sort_by(|a, b| a.name.cmp(&b.name));
    tables
}

fn check(audit: &headwater_rules::Audit) -> Check {
    Check {
        id: audit.id.clone(),
        rule_id: Some(audit.rule_id.clone()),
        place: Some(audit.place.clone()),
        table: audit.table.clone(),
        only_warns: audit.severity != RuleSeverity::Error,
        query: audit.query.clone(),
    }
}

impl Case<'_> {
    /// Stages a table, and registers it as it lies in the store: what follows looks at what will be published.
    async fn stage(
        &mut self,
        query: &Query,
        contract: &TableContract,
        staged: &mut BTreeMap<String, StagedTable>,
    ) -> Result<(), RunError> {
        self.steps.enter(Phase::Stage);
        self.steps.begin(&contract.name);
        let table = self.staging.stage(self.engine, self.work, query, contract).await?;
        self.steps.end(table.rows());
        let paths: Vec<_> = table.files.iter().map(|file| file.path.clone()).collect();
        tables::register(self.engine, self.outputs, &contract.name, &paths, contract)?;
        staged.insert(contract.name.clone(), table);
        Ok(())
    }

    async fn keep(&mut self, query: &Query) -> Result<(), RunError> {
        self.steps.enter(Phase::Judge);
        let kept = keep(self.engine, self.work, query, self.steps);
        Ok(self.request.stop.unless_asked(kept).await??)
    }

    /// Registers what was published for the last night before this one, or tables without rows.
    ///
    /// The state of a night follows from an earlier night's, never from its own: a re-run sees what the run saw.
    async fn previous_night(&self, compiled: &CompiledRules) -> Result<(), RunError> {
        for contract in self.read_of_last_night(compiled) {
            let name = format!("previous_{}", contract.name);
            match self.before.and_then(|manifest| manifest.table(&contract.name)) {
                None => tables::register_empty(self.engine, &name, &contract)?,
                Some(there) => {
                    let confirmed = self.request.stop.unless_asked(self.publication.confirm_table(there)).await?;
                    confirmed.map_err(|error| self.request.publishing(&error))?;
                    let paths: Vec<_> = there.files.iter().map(|file| self.publication.path(&file.path)).collect();
                    tables::register(self.engine, self.outputs, &name, &paths, &contract)?;
                }
            }
        }
        Ok(())
    }

    /// The tables of the last night that state is carried on from, and those that audits compare with, these whole.
    fn read_of_last_night(&self, compiled: &CompiledRules) -> Vec<TableContract> {
        let compared = compiled.compared_with();
        let mut tables: BTreeMap<String, TableContract> = every_table_with(&account_columns(self.measured, compiled))
            .into_iter()
            .filter(|table| compared.contains(table.name.as_str()))
            .map(|table| (table.name.clone(), table))
            .collect();
        for carried in carried_tables() {
            let Some(whole) = tables.get_mut(&carried.name) else {
                tables.insert(carried.name.clone(), carried);
                continue;
            };
            let is_new = |column: &ColumnContract| whole.columns.iter().all(|known| known.name != column.name);
            let missing: Vec<_> = carried.columns.into_iter().filter(is_new).collect();
            whole.columns.extend(missing);
        }
        tables.into_values().collect()
    }

    async fn account_metrics(
        &mut self,
        compiled: &CompiledRules,
        staged: &mut BTreeMap<String, StagedTable>,
    ) -> Result<(), RunError> {
        let contract = contract::account_metrics(&account_columns(self.measured, compiled));
        let query = compiled.account_metrics();
        let as_of = format!("DATE '{}'", self.request.as_of);
        let query = Query::new(&query.name, format!("SELECT {as_of} AS as_of, * FROM ({})", query.sql));
        self.stage(&query.of_accounts_alone(), &contract, staged).await
    }

    async fn groups(&mut self, staged: &mut BTreeMap<String, StagedTable>) -> Result<(), RunError> {
        let asked = group_metrics(&self.request.project, self.rules, self.night);
        let plan = GroupPlan::new(&asked, self.night);
        self.keep(&plan.facts).await?;
        self.stage(&plan.metrics, &contract::group_metrics(), staged).await
    }
}
