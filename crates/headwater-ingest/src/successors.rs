//! Accounts whose rows count for another: merged ones, and subsidiaries where a project counts them with their parent.

use std::collections::BTreeSet;

use datafusion::common::JoinType;
use datafusion::error::Result;
use datafusion::prelude::{DataFrame, SessionContext};
use headwater_metrics::{AsOf, InputTable, literal};

use crate::WorkArea;
use crate::pointers::{FROM, batch, pairs, replaced, resolved};
use crate::prepare::Prepared;

/// Which account the rows of each account count for, where it is another one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Successors {
    frame: Option<DataFrame>,
    /// Accounts whose rows count for another.
    pub merged: u64,
    /// Accounts that point at an account that is not there, or in a circle: they stay as they are, or with their parent.
    pub astray: u64,
}

impl Successors {
    /// What the clean accounts say, which then are without those whose rows count for another.
    pub(crate) async fn settle(
        context: &SessionContext,
        work: &WorkArea,
        accounts: &Prepared<'_>,
        as_of: &AsOf,
    ) -> Result<Self> {
        let has = |name: &str| accounts.mapping.column(name).is_some();
        let merged = has("merged_into").then(|| {
            let night = format!("DATE {}", literal(&as_of.day().to_string()));
            let from =
                if has("merged_on") { format!("merged_on IS NULL OR merged_on <= {night}") } else { "true".into() };
            format!("CASE WHEN ({from}) AND merged_into <> account_id THEN nullif(merged_into, '') END")
        });
        let parent = (accounts.spec.roll_up_to_parents && has("parent_account_id"))
            .then(|| "CASE WHEN parent_account_id <> account_id THEN nullif(parent_account_id, '') END".to_owned());
        let none = || "CAST(NULL AS VARCHAR)".to_owned();
        if merged.is_none() && parent.is_none() {
            return Ok(Self::default());
        }
        let has_both = merged.is_some() && parent.is_some();
        // Who went into an account that is not there still belongs to its parent.
        let told = format!(
            "SELECT account_id, merged, parent, known FROM (
                SELECT account_id, {} AS merged, {} AS parent FROM accounts
            ) LEFT JOIN (SELECT account_id AS known FROM accounts) ON merged = known",
            merged.unwrap_or_else(none),
            parent.unwrap_or_else(none)
        );
        let named = format!(
            "SELECT account_id, coalesce(CASE WHEN known IS NOT NULL THEN merged END, parent, merged, '') AS successor FROM ({told})"
        );
        let passed_over = if has_both {
            let sql = format!("SELECT account_id FROM ({told}) WHERE merged <> '' AND known IS NULL AND parent <> ''");
            context.sql(&sql).await?.count().await? as u64
        } else {
            0
        };
        let batches = context.sql(&format!("SELECT * FROM ({named}) WHERE successor <> ''")).await?.collect().await?;
        let pointing = pairs(&batches)?;
        let unknown = format!(
            "SELECT account_id, successor FROM ({named}) LEFT ANTI JOIN (SELECT account_id AS known FROM accounts)
            ON successor = known WHERE successor <> ''"
        );
        let nowhere: BTreeSet<String> = pairs(&context.sql(&unknown).await?.collect().await?)?.into_keys().collect();
        let found = resolved(&pointing, &nowhere);
        let successors = Self {
            frame: Some(context.read_batch(batch(&found)?)?),
            merged: found.len() as u64,
            astray: (pointing.len() - found.len()) as u64 + passed_over,
        };
        if let (false, Some(merged)) = (found.is_empty(), successors.frame.clone()) {
            let name = InputTable::Accounts.name();
            let accounts = context.table(name).await?;
            let mut left = accounts.join(merged.clone(), JoinType::LeftAnti, &["account_id"], &[FROM], None)?;
            if has("referred_by") {
                left = replaced(left, merged, "referred_by")?;
            }
            work.materialise(context, name, left).await?;
        }
        Ok(successors)
    }

    /// Rows with the account they count for.
    pub(crate) fn apply(&self, frame: DataFrame) -> Result<DataFrame> {
        let Some(successors) = self.frame.clone().filter(|_| self.merged > 0) else { return Ok(frame) };
        replaced(frame, successors, "account_id")
    }
}
