//! Inputs of joins that run once, also where memory is short.
//!
//! A join by other conditions than equality whose first input cannot be held, because the join or a step below it is refused
//! memory, runs that input a second time and keeps it on the disk. Above an exchange nothing can run twice, and of the rows
//! without a partner each thread gives its own (so say the notes of `NestedLoopJoinExec` in DataFusion 55). So such a join
//! hears of the refusal in words that it does not know, and fails: the plan runs again in a way that needs less.

use std::fmt;
use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::joins::NestedLoopJoinExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, replace_children_if_necessary,
};
use futures::TryStreamExt;
use headwater_ingest::{RefusedMemory, is_out_of_memory};

/// Puts each first input of such a join below a [`JoinInput`].
#[derive(Debug)]
pub(super) struct JoinInputs;

impl PhysicalOptimizerRule for JoinInputs {
    fn name(&self) -> &str {
        "join_inputs"
    }

    fn schema_check(&self) -> bool {
        true
    }

    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let with_input = |node: Arc<dyn ExecutionPlan>| {
            if !node.is::<NestedLoopJoinExec>() {
                return Ok(Transformed::no(node));
            }
            let mut inputs: Vec<_> = node.children().into_iter().map(Arc::clone).collect();
            if let Some(first) = inputs.first_mut() {
                *first = Arc::new(JoinInput(Arc::clone(first)));
            }
            replace_children_if_necessary(node, inputs).map(Transformed::yes)
        };
        plan.transform_up(with_input).data()
    }
}

/// An input that tells its join of refused memory in words that the join does not know.
#[derive(Debug)]
struct JoinInput(Arc<dyn ExecutionPlan>);

impl DisplayAs for JoinInput {
    fn fmt_as(&self, _: DisplayFormatType, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl ExecutionPlan for JoinInput {
    fn name(&self) -> &str {
        "JoinInput"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.0.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.0]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(children.pop().map_or(self as Arc<dyn ExecutionPlan>, |input| Arc::new(Self(input))))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let rows = self.0.execute(partition, context)?.map_err(in_own_words);
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }
}

/// A refusal of memory as the engine does not know it; any other error as it is.
pub(super) fn in_own_words(error: DataFusionError) -> DataFusionError {
    if !is_out_of_memory(&error) {
        return error;
    }
    DataFusionError::External(Box::new(RefusedMemory(error.find_root().strip_backtrace())))
}

#[cfg(test)]
mod tests {
    use headwater_metrics::Query;

    use super::*;
    use crate::engine::{Engine, EngineLimits};

    /// The input is refused memory as a whole, or a step of it is.
    #[tokio::test]
    async fn a_join_that_is_refused_memory_says_so_and_runs_no_input_twice() {
        let grouped = "SELECT value, max(repeat('x', 100)) AS text FROM generate_series(1, 60000) GROUP BY value";
        let sorted = "SELECT value, first_value(text ORDER BY text) AS text FROM
            (SELECT value % 50000 AS value, repeat('x', 100) AS text FROM generate_series(1, 60000)) AS wide GROUP BY value";
        for (input, memory_bytes) in [(grouped, 4 << 20), (grouped, 24 << 20), (sorted, 12 << 20)] {
            let folder = tempfile::tempdir().unwrap();
            let limits =
                EngineLimits { memory_bytes: Some(memory_bytes), spill_dir: Some(folder.path().into()), threads: 4 };
            let joined = format!(
                "SELECT * FROM ({input}) AS a JOIN ({input}) AS b ON a.value + b.value < 10 AND a.text <= b.text"
            );
            let plan = Engine::new(&limits).unwrap().plan(&Query::new("joined", joined)).await.unwrap();
            let refused = plan.collect().await.unwrap_err();
            assert!(is_out_of_memory(&refused), "{memory_bytes}: {refused}");
        }
    }
}
