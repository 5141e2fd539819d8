//! What the engine says while it reads an input, told as a problem of the lake, of a store, or of the engine.

use datafusion::error::DataFusionError;
use headwater_diagnostics::{Code, Diagnostic};

use crate::survey::store_cause;
use crate::{InputSource, InputSpec, OpenError, StoreError};

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
        return Failure::Open(OpenError::Store(StoreError::seen(place, cause)));
    }
    let name = spec.table.name();
    let (code, message) = match error.find_root() {
        E::ParquetError(_) => (Code::UnreadableParquet, format!("an object of `{name}` is damaged")),
        E::ArrowError(..) | E::Execution(_) => (Code::MappingInvalid, format!("a value of `{name}` cannot be computed")),
        E::Plan(_) | E::SchemaError(..) | E::SQL(..) | E::NotImplemented(_) => {
            (Code::MappingInvalid, format!("`{name}` cannot be planned"))
        }
        _ => return Failure::Open(OpenError::Engine { input: name.to_owned(), source: Box::new(error) }),
    };
    let cause = error.find_root().strip_backtrace();
    let line = cause.lines().next().unwrap_or_default().to_owned();
    Failure::Problem(Box::new(Diagnostic::at(code, spec.span, message).note(line)))
}
