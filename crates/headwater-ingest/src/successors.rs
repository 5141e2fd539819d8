//! Accounts whose rows count for another: merged ones, and subsidiaries where a project counts them with their parent.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::arrow::array::{AsArray, RecordBatch, StringViewArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::JoinType;
use datafusion::error::Result;
use datafusion::functions::expr_fn::coalesce;
use datafusion::prelude::{DataFrame, SessionContext};
use headwater_metrics::{AsOf, InputTable, literal};

use crate::WorkArea;
use crate::checks::column;
use crate::prepare::Prepared;

/// The account whose rows count for another.
const FROM: &str = "successor:of";
/// The account they count for.
const TO: &str = "successor:is";

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
            format!("CASE WHEN {from} THEN nullif(merged_into, '') END")
        });
        let parent = (accounts.spec.roll_up_to_parents && has("parent_account_id"))
            .then(|| "nullif(parent_account_id, '')".to_owned());
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

/// Rows with the successors of the accounts that a column names.
fn replaced(frame: DataFrame, successors: DataFrame, of: &str) -> Result<DataFrame> {
    let names: Vec<String> = frame.schema().fields().iter().map(|field| field.name().clone()).collect();
    let joined = frame.join(successors, JoinType::Left, &[of], &[FROM], None)?;
    let columns = names.iter().map(|name| match name.as_str() {
        name if name == of => coalesce(vec![column(TO), column(of)]).alias(of),
        name => column(name),
    });
    joined.select(columns.collect::<Vec<_>>())
}

/// Follows every pointer to its end. Who points nowhere or in a circle has no successor; who points at such an account
/// has that one.
fn resolved(pointing: &BTreeMap<String, String>, nowhere: &BTreeSet<String>) -> BTreeMap<String, String> {
    let next = |id: &String| pointing.get(id).filter(|to| *to != id && !nowhere.contains(id));
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    for id in pointing.keys() {
        let mut path = Vec::new();
        let mut seen = BTreeSet::new();
        let mut last = id;
        let mut known_end = None;
        while let Some(to) = next(last) {
            if let Some(end) = found.get(last) {
                // What was followed before need not be followed again.
                known_end = Some(end.clone());
                break;
            }
            seen.insert(last);
            path.push(last);
            if seen.contains(to) {
                // A circle: its members stay apart, and who leads into it ends at the first of them.
                let members = path.iter().position(|member| *member == to).unwrap_or_default();
                path.truncate(members);
                last = to;
                break;
            }
            last = to;
        }
        let end = known_end.unwrap_or_else(|| last.clone());
        found.extend(path.into_iter().filter(|from| **from != end).map(|from| (from.clone(), end.clone())));
    }
    // A member of a circle that another one ends at has no successor itself.
    let ends: BTreeSet<String> = found.values().cloned().collect();
    found.retain(|id, _| !ends.contains(id));
    found
}

fn pairs(batches: &[RecordBatch]) -> Result<BTreeMap<String, String>> {
    let mut pairs = BTreeMap::new();
    for batch in batches {
        let [from, to] = batch.columns() else { continue };
        let (from, to) = (cast(from, &DataType::Utf8)?, cast(to, &DataType::Utf8)?);
        let rows = from.as_string::<i32>().iter().zip(to.as_string::<i32>().iter());
        pairs.extend(rows.filter_map(|(from, to)| Some((from?.to_owned(), to?.to_owned()))));
    }
    Ok(pairs)
}

fn batch(found: &BTreeMap<String, String>) -> Result<RecordBatch> {
    let field = |name: &str| Field::new(name, DataType::Utf8View, false);
    let schema = Arc::new(Schema::new(vec![field(FROM), field(TO)]));
    let from = StringViewArray::from_iter_values(found.keys());
    let to = StringViewArray::from_iter_values(found.values());
    Ok(RecordBatch::try_new(schema, vec![Arc::new(from), Arc::new(to)])?)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::resolved;

    #[test]
    fn pointers_are_followed_to_their_end() {
        let cases: &[(&str, &str, &str)] = &[
            ("a>b b>c", "", "a>c b>c"),
            ("a>b b>a", "", ""),
            ("a>a", "", ""),
            ("a>x", "a", ""),
            ("a>b b>x", "b", "a>b"),
            ("z>a a>b b>a", "", "z>a"),
        ];
        for (pointing, nowhere, expected) in cases {
            let pointing: BTreeMap<String, String> = pointing
                .split(' ')
                .map(|pair| pair.split_once('>').unwrap())
                .map(|(a, b)| (a.into(), b.into()))
                .collect();
            let nowhere: BTreeSet<String> = nowhere.split(' ').map(str::to_owned).collect();
            let found = resolved(&pointing, &nowhere);
            let shown: Vec<String> = found.iter().map(|(from, to)| format!("{from}>{to}")).collect();
            assert_eq!(shown.join(" "), *expected);
        }
    }
}
