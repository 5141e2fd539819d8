//! The last check of an expression: the engine itself must be able to plan it.

use std::sync::Arc;

use chrono::NaiveDate;
use datafusion::arrow::datatypes::{Field, Schema};
use datafusion::common::DFSchema;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::ExprSchemable as _;
use datafusion::prelude::SessionConfig;
use headwater_diagnostics::{Code, Diagnostic};
use headwater_metrics::Unit;

use super::node::Node;
use super::{Checked, Dialect, Expression};

/// Levels of brackets that an engine's parser must allow, `datafusion.sql_parser.recursion_limit`.
///
/// The deepest expression that passes its check needs some two hundred, with all its guards and inside any plan. A
/// parser that has to stop on the way down tries each level above that a second time: every level doubles its time.
pub const PLAN_NESTING: usize = 500;

/// Plans expressions against the columns that exist.
pub(crate) struct Planner {
    state: SessionState,
    schema: Option<DFSchema>,
}

impl std::fmt::Debug for Planner {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Planner").finish_non_exhaustive()
    }
}

impl Planner {
    /// A planner over columns of these units.
    pub(crate) fn new(columns: impl IntoIterator<Item = (String, Unit)>) -> Self {
        let fields: Vec<_> = columns.into_iter().map(|(name, unit)| Field::new(name, unit.data_type(), true)).collect();
        let schema = DFSchema::try_from(Arc::new(Schema::new(fields))).ok();
        let config = SessionConfig::new().set_usize("datafusion.sql_parser.recursion_limit", PLAN_NESTING);
        Self { state: SessionStateBuilder::new().with_config(config).with_default_features().build(), schema }
    }

    /// The problem of an expression that passed every check of ours and still cannot be planned.
    pub(crate) fn problem(&self, checked: &Checked) -> Option<Diagnostic> {
        if is_refused(&checked.expression) {
            return None;
        }
        let schema = self.schema.as_ref()?;
        let sql = Dialect::of(NaiveDate::default()).sql(&checked.expression);
        let planned = self.state.create_logical_expr(&sql, schema).and_then(|planned| planned.get_type(schema));
        let error = planned.err()?;
        let reason = error.strip_backtrace();
        let reason = reason.lines().next().unwrap_or_default().to_owned();
        let problem =
            Diagnostic::at(Code::TypeMismatch, checked.written.whole(), "the engine cannot plan the expression");
        Some(problem.note(reason))
    }
}

/// Whether some part was refused, which was reported where it stands.
fn is_refused(expression: &Expression) -> bool {
    matches!(expression.node, Node::Refused) || expression.children().into_iter().any(is_refused)
}
