//! Refunds and credits that say which order they belong to, where that order is not there.

use datafusion::error::Result;
use datafusion::prelude::SessionContext;
use headwater_metrics::{CORRECTS, InputTable};

use crate::prepare::Prepared;

/// The name under which they are counted: they stay, on their own day.
pub(crate) const KNOWN_ORDER: &str = "corrects_known_order";

/// Clean orders that correct one that is not there, or is another account's; none where the input has no corrections.
pub(crate) async fn without_order(context: &SessionContext, input: &Prepared<'_>) -> Result<Option<u64>> {
    let has = |name: &str| input.mapping.column(name).is_some();
    if input.spec.table != InputTable::Orders || !(has("corrects_order_id") && has("order_id")) {
        return Ok(None);
    }
    let lost = format!(
        "SELECT account_id FROM (SELECT * FROM orders WHERE {CORRECTS}) AS given
            LEFT ANTI JOIN (SELECT order_id AS known_id, account_id AS known_account FROM orders)
                ON given.corrects_order_id = known_id AND given.account_id = known_account"
    );
    Ok(u64::try_from(context.sql(&lost).await?.count().await?).ok())
}
