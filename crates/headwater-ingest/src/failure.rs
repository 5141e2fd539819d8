//! What the engine says while it reads an input, told as a problem of the lake, of a store, or of the engine.

use datafusion::arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::Expr;
use datafusion::prelude::{DataFrame, SessionContext};
use futures::StreamExt;
use headwater_diagnostics::{Code, Diagnostic};

use crate::objects::ObjectsTable;
use crate::survey::store_cause;
use crate::{InputSource, InputSpec, OpenError, StoreError, stream};

/// Why an input could not be read.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The lake does not hold what it should.
    Problem(Box<Diagnostic>),
    /// Something else failed.
    Open(OpenError),
}

pub(crate) fn failure(spec: &InputSpec, error: DataFusionError) -> Failure {
    use DataFusionError as E;
    if let Some(cause) = store_cause(&error) {
        let place = match &spec.from {
            InputSource::Objects(objects) => objects.location.to_string(),
            InputSource::Sql(_) => spec.table.name().to_owned(),
        };
        return Failure::Open(OpenError::Store(StoreError::while_reading(place, cause)));
    }
    let name = spec.table.name();
    let (code, message) = match error.find_root() {
        root if is_damage(root) => (Code::UnreadableParquet, format!("an object of `{name}` is damaged")),
        E::ArrowError(..) | E::Execution(_) => {
            (Code::MappingInvalid, format!("a value of `{name}` cannot be computed"))
        }
        E::Plan(_) | E::SchemaError(..) | E::SQL(..) | E::NotImplemented(_) => {
            (Code::MappingInvalid, format!("`{name}` cannot be planned"))
        }
        _ => return Failure::Open(OpenError::Engine { input: name.to_owned(), source: Box::new(error) }),
    };
    Failure::Problem(Box::new(Diagnostic::at(code, spec.span, message).note(cause(&error))))
}

pub(crate) fn is_damage(error: &DataFusionError) -> bool {
    match error {
        DataFusionError::ParquetError(_) => true,
        DataFusionError::ArrowError(arrow, _) => matches!(arrow.as_ref(), ArrowError::ParquetError(_)),
        _ => false,
    }
}

fn cause(error: &DataFusionError) -> String {
    error.find_root().strip_backtrace().lines().next().unwrap_or_default().to_owned()
}

/// The engine does not say which object is damaged, so each is read alone until one fails.
pub(crate) async fn damaged_object(
    context: &SessionContext,
    table: &ObjectsTable,
    columns: Vec<Expr>,
) -> Option<Diagnostic> {
    for object in table.objects() {
        let alone = stream::scan("object", table.restricted(|version| *version == object.version)).ok()?;
        let read = DataFrame::new(context.state(), alone).select(columns.clone()).ok()?;
        let mut rows = read.execute_stream().await.ok()?;
        while let Some(batch) = rows.next().await {
            if let Some(error) = batch.err().filter(|error| is_damage(error.find_root())) {
                let problem =
                    Diagnostic::of(Code::UnreadableParquet, object.version.path.clone(), "this object is damaged");
                return Some(problem.note(cause(&error)));
            }
        }
    }
    None
}
