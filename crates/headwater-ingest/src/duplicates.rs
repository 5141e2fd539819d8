//! Rows whose key was seen before.

use datafusion::error::Result;
use datafusion::prelude::SessionContext;
use headwater_metrics::identifier;

use crate::WorkArea;

/// Keeps one row of each key: the first in the order of all columns, so that the choice never depends on the order
/// of files or threads. Rows without key, or with an empty one, are left alone. The answer is the number of rows left.
pub(crate) async fn remove(
    context: &SessionContext,
    work: &WorkArea,
    table: &str,
    key: &str,
    rows: u64,
) -> Result<u64> {
    let key = identifier(key);
    let again = format!("SELECT {key} AS again FROM {table} WHERE {key} <> '' GROUP BY {key} HAVING count(*) > 1");
    // Nearly always there are none, and then the table, which may be large, is neither sorted nor written again.
    if context.sql(&again).await?.limit(0, Some(1))?.count().await? == 0 {
        return Ok(rows);
    }
    let schema = context.table(table).await?;
    let columns: Vec<String> = schema.schema().fields().iter().map(|field| identifier(field.name())).collect();
    let columns = columns.join(", ");
    let all = format!(
        "WITH twice AS ({again}) \
         SELECT {columns} FROM {table} LEFT ANTI JOIN twice ON {key} = again \
         UNION ALL \
         SELECT {columns} FROM (\
             SELECT {columns}, row_number() OVER (PARTITION BY {key} ORDER BY {columns}) AS \"row:number\" \
             FROM {table} LEFT SEMI JOIN twice ON {key} = again\
         ) WHERE \"row:number\" = 1"
    );
    let clean = context.sql(&all).await?;
    work.materialise(context, table, clean).await
}
