//! An input made ready to be read: its source planned, its columns found, nothing read yet.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::NaiveDate;
use datafusion::arrow::datatypes::DataType;
use datafusion::catalog::{
    CatalogProvider, CatalogProviderList, MemoryCatalogProvider, MemoryCatalogProviderList, MemorySchemaProvider,
};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::DataFusionError;
use datafusion::execution::SessionStateBuilder;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, not};
use datafusion::prelude::{DataFrame, SessionContext};
use headwater_diagnostics::{Code, Diagnostic, Diagnostics};
use headwater_metrics::{ColumnType, InputTable};

use crate::mapping::Mapping;
use crate::objects::ObjectsTable;
use crate::sql::{self, Raw};
use crate::survey::{Surveyed, Unreadable, Until, survey};
use crate::{
    Expectation, InputSource, InputSpec, ObjectVersion, SourceSpec, SqlText, StoreError, Stores, SubscriptionForm,
    stream,
};

/// An input that can be read.
#[derive(Debug)]
pub(crate) struct Prepared<'a> {
    pub spec: &'a InputSpec,
    /// The rows of the source that the mapping's filter lets pass.
    pub source: DataFrame,
    pub filter: Option<Expr>,
    pub expectations: Vec<Expected>,
    /// The source before the filter.
    pub unfiltered: LogicalPlan,
    /// The source's objects, where it is not a query.
    pub objects: Option<ObjectsTable>,
    /// Every table of objects that is read for it.
    pub reads: Vec<ObjectsTable>,
    /// Every object that is read for it.
    pub versions: Vec<ObjectVersion>,
    pub mapping: Mapping,
}

/// An expectation of the project, planned.
#[derive(Debug, Clone)]
pub(crate) struct Expected {
    pub name: String,
    /// Whether a row of the source does not meet it; unknown where the condition is, and then the row meets it.
    pub broken: Expr,
    pub leaves_out: bool,
}

/// Everything the project reads, surveyed.
pub(crate) struct Lake<'a> {
    context: &'a SessionContext,
    stores: &'a Stores,
    /// The night, where it is read for one.
    night: Option<NaiveDate>,
    /// Raw tables by name; `None` where a source could not be read, which has been said.
    sources: BTreeMap<&'a str, Option<Surveyed>>,
    /// Where SQL mappings are planned: a session that knows the raw tables and nothing else.
    scratch: SessionContext,
    pub problems: Diagnostics,
}

impl<'a> Lake<'a> {
    /// Surveys the raw tables that SQL mappings can name.
    pub(crate) async fn survey(
        context: &'a SessionContext,
        stores: &'a Stores,
        sources: &'a [SourceSpec],
        night: Option<NaiveDate>,
    ) -> Result<Self, StoreError> {
        let mut lake = Self {
            context,
            stores,
            night,
            sources: BTreeMap::new(),
            scratch: scratch(context),
            problems: Diagnostics::new(),
        };
        for source in sources {
            let found = lake.take(survey(context, stores, &source.objects, None).await)?;
            if let Some(surveyed) = &found {
                let table = Arc::new(surveyed.table.clone());
                if let Err(error) = lake.scratch.register_table(source.name.as_str(), table) {
                    lake.problems.push(unusable(&error, source.objects.span));
                }
            }
            lake.sources.insert(&source.name, found);
        }
        Ok(lake)
    }

    fn take(&mut self, found: Result<Surveyed, Unreadable>) -> Result<Option<Surveyed>, StoreError> {
        match found {
            Ok(surveyed) => Ok(Some(surveyed)),
            Err(Unreadable::Problems(problems)) => {
                self.problems.append(problems);
                Ok(None)
            }
            Err(Unreadable::Store(error)) => Err(error),
        }
    }

    /// Plans one input; `None` where it cannot be read, which is then among the problems.
    pub(crate) async fn prepare(&mut self, spec: &'a InputSpec) -> Result<Option<Prepared<'a>>, StoreError> {
        let until = self.night.and_then(|day| Some(Until { column: column_of_day(spec)?, day }));
        if !can_be_booked(spec) {
            return self.prepare_until(spec, until).await;
        }
        // Only the objects say whether there is a column of the day something was booked on.
        let prepared = self.prepare_until(spec, None).await?;
        match prepared {
            Some(all) if until.is_some() && all.mapping.column("booked_on").is_none() => {
                self.prepare_until(spec, until).await
            }
            all => Ok(all),
        }
    }

    async fn prepare_until(
        &mut self,
        spec: &'a InputSpec,
        until: Option<Until<'_>>,
    ) -> Result<Option<Prepared<'a>>, StoreError> {
        let (raw, objects) = match &spec.from {
            InputSource::Objects(objects) => {
                let found = survey(self.context, self.stores, objects, until).await;
                let Some(surveyed) = self.take(found)? else { return Ok(None) };
                match self.scan(spec, &surveyed) {
                    Ok(frame) => (
                        Raw { frame, conflicts: surveyed.conflicts, undeclared: surveyed.undeclared },
                        Some(surveyed.table),
                    ),
                    Err(problem) => {
                        self.problems.push(problem);
                        return Ok(None);
                    }
                }
            }
            InputSource::Sql(sql) => match self.query(sql).await {
                Some(frame) => (Raw { frame, conflicts: BTreeMap::new(), undeclared: BTreeSet::new() }, None),
                None => return Ok(None),
            },
        };
        Ok(self.map(spec, raw, objects))
    }

    fn scan(&self, spec: &InputSpec, surveyed: &Surveyed) -> Result<DataFrame, Diagnostic> {
        let plan =
            stream::scan(spec.table.name(), surveyed.table.clone()).map_err(|error| unusable(&error, spec.span))?;
        Ok(DataFrame::new(self.context.state(), plan))
    }

    async fn query(&mut self, sql: &SqlText) -> Option<DataFrame> {
        let names: Vec<&str> = self.sources.keys().copied().collect();
        // A parsed query is large, and the steps of a night lie inside each other.
        match Box::pin(sql::query(&self.scratch, sql, &names)).await {
            Ok(frame) => Some(frame),
            // A source that could not be read is missing from the session: that has been said once.
            Err(_) if self.sources.values().any(Option::is_none) => None,
            Err(problems) => {
                self.problems.append(problems);
                None
            }
        }
    }

    fn map(&mut self, spec: &'a InputSpec, raw: Raw, objects: Option<ObjectsTable>) -> Option<Prepared<'a>> {
        let mut problems = Diagnostics::new();
        let mut planned = |sql: &SqlText, what: &str| match condition(&raw, sql, what) {
            Ok(condition) => Some(condition),
            Err(problem) => {
                problems.push(problem);
                None
            }
        };
        let filter = spec.filter.as_ref().and_then(|sql| planned(sql, "a filter"));
        let expectations = spec.expect.iter().filter_map(|expectation| {
            let Expectation { name, condition, leaves_out } = expectation;
            let broken = not(planned(condition, "an expectation")?);
            Some(Expected { name: name.clone(), broken, leaves_out: *leaves_out })
        });
        let expectations = expectations.collect();
        let mapping = Mapping::of(spec, &raw, &mut problems);
        let failed = problems.has_errors();
        self.problems.append(problems);
        if failed {
            return None;
        }
        let unfiltered = raw.frame.logical_plan().clone();
        let reads = self.tables_behind(&unfiltered, objects.as_ref());
        let versions = versions(&reads);
        let source = match &filter {
            Some(filter) => raw.frame.filter(filter.clone()),
            None => Ok(raw.frame),
        };
        match source {
            Ok(source) => {
                let planned =
                    Prepared { spec, source, filter, expectations, unfiltered, objects, reads, versions, mapping };
                Some(planned)
            }
            Err(error) => {
                self.problems.push(unusable(&error, spec.span));
                None
            }
        }
    }

    /// The objects of an input; of a query, those of every source it names.
    fn tables_behind(&self, plan: &LogicalPlan, objects: Option<&ObjectsTable>) -> Vec<ObjectsTable> {
        if let Some(objects) = objects {
            return vec![objects.clone()];
        }
        let mut named = Vec::new();
        scanned(plan, &mut named);
        let sources = self.sources.iter().filter(|(name, _)| named.iter().any(|scan| scan == *name));
        sources.filter_map(|(_, found)| Some(found.as_ref()?.table.clone())).collect()
    }
}

fn versions(tables: &[ObjectsTable]) -> Vec<ObjectVersion> {
    let objects = tables.iter().flat_map(ObjectsTable::objects);
    let mut versions: Vec<ObjectVersion> = objects.map(|object| object.version.clone()).collect();
    versions.sort_by(|a, b| a.path.cmp(&b.path));
    versions.dedup();
    versions
}

/// Whether rows of days after the night may be known already: they are where a column says when they were booked.
fn can_be_booked(spec: &InputSpec) -> bool {
    spec.table == InputTable::Subscriptions && spec.form == SubscriptionForm::Periods
}

/// The column in the path of objects that says when their rows came to be.
fn column_of_day(spec: &InputSpec) -> Option<&str> {
    let InputSource::Objects(objects) = &spec.from else { return None };
    let happened = spec.table.happened()?;
    let mapped = spec.columns.iter().find(|column| column.name == happened);
    let source = mapped.map_or(happened, |column| column.expression.text.trim());
    let days = objects.partitions.iter().filter(|(_, kind)| *kind == ColumnType::Date);
    days.map(|(name, _)| name.as_str()).find(|name| *name == source)
}

/// A session of its own, without tables, that shares memory limits and stores.
fn scratch(context: &SessionContext) -> SessionContext {
    let state = context.state();
    let names = &state.config_options().catalog;
    let tables = MemoryCatalogProvider::new();
    let catalogs = MemoryCatalogProviderList::new();
    // Neither call can fail: catalog and schema are new.
    drop(tables.register_schema(&names.default_schema, Arc::new(MemorySchemaProvider::new())));
    drop(catalogs.register_catalog(names.default_catalog.clone(), Arc::new(tables)));
    let state = SessionStateBuilder::new_from_existing(state.clone()).with_catalog_list(Arc::new(catalogs)).build();
    SessionContext::new_with_state(state)
}

fn scanned(plan: &LogicalPlan, names: &mut Vec<String>) {
    let visited = plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            names.push(scan.table_name.table().to_owned());
        }
        Ok(TreeNodeRecursion::Continue)
    });
    debug_assert!(visited.is_ok(), "the visitor never fails");
}

fn condition(raw: &Raw, sql: &SqlText, what: &str) -> Result<Expr, Diagnostic> {
    let filter = raw.expression(sql)?;
    match filter.get_type(raw.frame.schema()) {
        Ok(DataType::Boolean) => Ok(filter),
        Ok(other) => {
            let message = format!("{what} must be true or false, this is {other}");
            Err(Diagnostic::at(Code::MappingInvalid, sql.span, message).help("add a comparison"))
        }
        Err(error) => Err(unusable(&error, sql.span)),
    }
}

fn unusable(error: &DataFusionError, span: headwater_diagnostics::Span) -> Diagnostic {
    let text = error.strip_backtrace();
    let line = text.lines().next().unwrap_or_default().to_owned();
    Diagnostic::at(Code::MappingInvalid, span, "the input cannot be planned").note(line)
}
