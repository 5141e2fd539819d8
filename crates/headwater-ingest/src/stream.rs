//! An input that is too large to be kept twice: a plan over the lake, typed and cut at the night.

use std::sync::Arc;

use datafusion::datasource::{TableProvider, provider_as_source};
use datafusion::error::{DataFusionError, Result as PlanResult};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::prelude::{DataFrame, SessionContext};
use headwater_diagnostics::Diagnostic;

use crate::failure::{damaged_object, is_damage};
use crate::objects::ObjectsTable;
use crate::successors::Successors;
use crate::{ObjectVersion, StoreError, Stores};

/// How a streamed input is made from its source.
#[derive(Debug, Clone)]
pub struct StreamedInput {
    pub(crate) name: String,
    /// The objects the source is, where it is objects and not a query.
    pub(crate) objects: Option<ObjectsTable>,
    /// Every table of objects that is read for it.
    pub(crate) reads: Vec<ObjectsTable>,
    /// The source; a scan of `objects` where those are known.
    pub(crate) source: LogicalPlan,
    pub(crate) filter: Option<Expr>,
    pub(crate) columns: Vec<Expr>,
    /// What a row must meet to be visible on the night, over `columns`. Rows without a day are: their reader counts them.
    pub(crate) visible: Option<Expr>,
    pub(crate) successors: Successors,
}

impl StreamedInput {
    /// The whole input.
    ///
    /// # Errors
    /// Where the plan cannot be built.
    pub fn frame(&self, context: &SessionContext) -> PlanResult<DataFrame> {
        self.over(context, self.source.clone())
    }

    /// The input's rows that come from the objects `keep` answers true for; `None` where the source is a query, so
    /// that rows do not belong to one object.
    ///
    /// # Errors
    /// Where the plan cannot be built.
    pub fn frame_of(
        &self,
        context: &SessionContext,
        keep: impl Fn(&ObjectVersion) -> bool,
    ) -> Option<PlanResult<DataFrame>> {
        let objects = self.objects.as_ref()?.restricted(keep);
        Some(scan(&self.name, objects).and_then(|source| self.over(context, source)))
    }

    /// Looks whether every object it is read from still is as it was when the input was opened.
    ///
    /// # Errors
    /// Where the store fails, and where an object is gone or was written again: what was read of it may be of either version.
    pub async fn unchanged(&self, stores: &Stores) -> Result<(), StoreError> {
        for table in &self.reads {
            table.unchanged(stores).await?;
        }
        Ok(())
    }

    /// The object behind an error that a plan over this input ended with, where the error tells of a damaged one.
    pub async fn damaged_object(&self, context: &SessionContext, error: &DataFusionError) -> Option<Diagnostic> {
        let table = self.objects.as_ref().filter(|_| is_damage(error.find_root()))?;
        damaged_object(context, table, self.columns.clone()).await
    }

    fn over(&self, context: &SessionContext, source: LogicalPlan) -> PlanResult<DataFrame> {
        let mut frame = DataFrame::new(context.state(), source);
        if let Some(filter) = &self.filter {
            frame = frame.filter(filter.clone())?;
        }
        let typed = frame.select(self.columns.clone())?;
        self.successors.apply(match &self.visible {
            Some(visible) => typed.filter(visible.clone())?,
            None => typed,
        })
    }
}

/// A scan of objects under a table name.
pub(crate) fn scan(name: &str, objects: ObjectsTable) -> PlanResult<LogicalPlan> {
    let provider: Arc<dyn TableProvider> = Arc::new(objects);
    LogicalPlanBuilder::scan(name, provider_as_source(provider), None)?.build()
}

/// Whether reading a plan twice costs no more than scanning its objects twice.
pub(crate) fn is_plain_scan(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::TableScan(_) => true,
        LogicalPlan::Projection(_) | LogicalPlan::Filter(_) | LogicalPlan::SubqueryAlias(_) => {
            plan.inputs().into_iter().all(is_plain_scan)
        }
        _ => false,
    }
}
