//! Refunds and credits that say which order they belong to: chains of them are followed to the order behind all.

use std::collections::{BTreeMap, BTreeSet};

use datafusion::error::Result;
use datafusion::prelude::SessionContext;
use headwater_metrics::{CORRECTS, InputTable};

use crate::WorkArea;
use crate::pointers::{batch, pairs, replaced, resolved};
use crate::prepare::Prepared;

/// The name under which corrections of no order are counted: they stay, on their own day.
pub(crate) const KNOWN_ORDER: &str = "corrects_known_order";

/// What corrects a correction corrects, from here on, the order behind all of them; where that one is not there, the
/// last link that is. What corrects in a circle, or leads into one, corrects nothing.
///
/// The answer is the number of corrections whose order is not there, is another account's, or is themselves by way of
/// others; none where the input has no corrections.
pub(crate) async fn settle(context: &SessionContext, work: &WorkArea, input: &Prepared<'_>) -> Result<Option<u64>> {
    let has = |name: &str| input.mapping.column(name).is_some();
    if input.spec.table != InputTable::Orders || !(has("corrects_order_id") && has("order_id")) {
        return Ok(None);
    }
    let ends = ends(context).await?;
    let mut circling = 0;
    if !ends.is_empty() {
        let given = format!("SELECT 1 FROM orders WHERE {CORRECTS}");
        let before = context.sql(&given).await?.count().await?;
        let name = InputTable::Orders.name();
        let ends = context.read_batch(batch(&ends)?)?;
        let settled = replaced(context.table(name).await?, ends, "corrects_order_id")?;
        work.materialise(context, name, settled).await?;
        circling = before.saturating_sub(context.sql(&given).await?.count().await?);
    }
    let lost = format!(
        "SELECT account_id FROM (SELECT * FROM orders WHERE {CORRECTS}) AS given
            LEFT ANTI JOIN (SELECT order_id AS known_id, account_id AS known_account FROM orders)
                ON given.corrects_order_id = known_id AND given.account_id = known_account"
    );
    let lost = context.sql(&lost).await?.count().await?;
    Ok(u64::try_from(lost + circling).ok())
}

/// Of corrections that are corrected themselves, what is behind them where it is another row than they say: the end of
/// their chain, or nothing (an empty id) where it has none.
async fn ends(context: &SessionContext) -> Result<BTreeMap<String, String>> {
    let corrected = format!(
        "SELECT order_id, corrects_order_id, account_id FROM (SELECT * FROM orders WHERE {CORRECTS}) AS given
            LEFT SEMI JOIN (SELECT corrects_order_id AS target, account_id AS target_account FROM orders WHERE {CORRECTS})
                ON given.order_id = target AND given.account_id = target_account"
    );
    // Hardly anybody corrects corrections, and then orders, which are many, are not looked through.
    let pointing = pairs(&context.sql(&corrected).await?.collect().await?)?;
    if pointing.is_empty() {
        return Ok(pointing);
    }
    let unknown = format!(
        "SELECT order_id, corrects_order_id FROM ({corrected}) AS corrected
            LEFT ANTI JOIN (SELECT order_id AS known_id, account_id AS known_account FROM orders)
                ON corrected.corrects_order_id = known_id AND corrected.account_id = known_account"
    );
    let nowhere: BTreeSet<String> = pairs(&context.sql(&unknown).await?.collect().await?)?.into_keys().collect();
    let found = resolved(&pointing, &nowhere);
    let circles = |id: &String| pointing.contains_key(id) && !nowhere.contains(id) && !found.contains_key(id);
    let end = |id: &String| match found.get(id) {
        Some(end) if !circles(end) => Some(end.clone()),
        Some(_) => Some(String::new()),
        None => circles(id).then(String::new),
    };
    Ok(pointing.keys().filter_map(|id| Some((id.clone(), end(id)?))).collect())
}
