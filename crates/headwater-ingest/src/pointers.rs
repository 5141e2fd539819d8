//! Rows that point at other rows of their kind: where each pointer ends.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::arrow::array::{AsArray, RecordBatch, StringViewArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::JoinType;
use datafusion::error::Result;
use datafusion::functions::expr_fn::coalesce;
use datafusion::prelude::DataFrame;

use crate::checks::column;

/// The column of what points.
pub(crate) const FROM: &str = "pointer:from";
/// The column of where it ends.
pub(crate) const TO: &str = "pointer:to";

/// Rows with the ends of what a column names, where they are known.
pub(crate) fn replaced(frame: DataFrame, ends: DataFrame, of: &str) -> Result<DataFrame> {
    let names: Vec<String> = frame.schema().fields().iter().map(|field| field.name().clone()).collect();
    let joined = frame.join(ends, JoinType::Left, &[of], &[FROM], None)?;
    let columns = names.iter().map(|name| match name.as_str() {
        name if name == of => coalesce(vec![column(TO), column(of)]).alias(of),
        name => column(name),
    });
    joined.select(columns.collect::<Vec<_>>())
}

/// Follows every pointer to its end, however far. Who points nowhere or in a circle has no end; who points at such a one
/// ends there.
pub(crate) fn resolved(pointing: &BTreeMap<String, String>, nowhere: &BTreeSet<String>) -> BTreeMap<String, String> {
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
    // A member of a circle that another one ends at has no end itself.
    let ends: BTreeSet<String> = found.values().cloned().collect();
    found.retain(|id, _| !ends.contains(id));
    found
}

/// The first two columns of batches as pointers, without those that point at nothing.
pub(crate) fn pairs(batches: &[RecordBatch]) -> Result<BTreeMap<String, String>> {
    let mut pairs = BTreeMap::new();
    for batch in batches {
        let [from, to, ..] = batch.columns() else { continue };
        let (from, to) = (cast(from, &DataType::Utf8)?, cast(to, &DataType::Utf8)?);
        let rows = from.as_string::<i32>().iter().zip(to.as_string::<i32>().iter());
        pairs.extend(rows.filter_map(|(from, to)| Some((from?.to_owned(), to?.to_owned()))));
    }
    Ok(pairs)
}

/// Ends as rows, see [`FROM`] and [`TO`].
pub(crate) fn batch(found: &BTreeMap<String, String>) -> Result<RecordBatch> {
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
