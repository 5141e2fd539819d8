//! What a night would read, from listings and footers alone: no row is read.

use chrono::NaiveDate;
use datafusion::prelude::SessionContext;
use headwater_metrics::InputTable;
use serde::Serialize;

use crate::{LakeSpec, ObjectVersion, OpenError, Stores, open};

/// The objects of one input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListedInput {
    /// The logical table.
    pub table: InputTable,
    /// Its objects, by path; of a query, those of every source it names.
    pub objects: Vec<ObjectVersion>,
}

/// The objects of every input, in the order of [`InputTable::ALL`]; for a night, without those that come after it by their
/// path.
///
/// # Errors
/// All problems of the lake's layout, as [`crate::open`] would find them.
pub async fn list_inputs(
    context: &SessionContext,
    stores: &Stores,
    lake: &LakeSpec<'_>,
    night: Option<NaiveDate>,
) -> Result<Vec<ListedInput>, OpenError> {
    let prepared = open::prepare(context, stores, lake, night).await?;
    Ok(prepared.into_iter().map(|input| ListedInput { table: input.spec.table, objects: input.versions }).collect())
}
