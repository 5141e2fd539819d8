//! Words in columns that metrics read by their words: what nobody reads is said, and not silently nothing.

use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::error::Result;
use datafusion::functions::expr_fn::{btrim, lower};
use datafusion::logical_expr::{Expr, cast as cast_expression, lit, when};
use datafusion::prelude::SessionContext;
use headwater_diagnostics::{Code, Diagnostic, closest};
use headwater_metrics::{ColumnType, InputColumn, identifier, literal};

use crate::contract;
use crate::prepare::Prepared;

/// Words that are looked at of one column; the most frequent come first.
const WORDS_SEEN: usize = 20;

/// What may stand around a word.
const BLANKS: &str = " \t\r\n";

/// The text in which a word that metrics read stands as they read it: capitals and blanks around it make no difference.
pub(crate) fn as_listed(text: Expr, words: &[&str]) -> Expr {
    let word = cast_expression(lower(btrim(vec![text.clone(), lit(BLANKS)])), contract::data_type(ColumnType::Text));
    let is_read = word.clone().in_list(words.iter().map(|known| lit(*known)).collect(), false);
    when(is_read, word).otherwise(text.clone()).unwrap_or(text)
}

/// A warning for each word of an opened table that no metric reads: any other word where the column allows only
/// some, one that looks like a slip where it allows others.
pub(crate) async fn unread(context: &SessionContext, input: &Prepared<'_>) -> Result<Vec<Diagnostic>> {
    let mut warnings = Vec::new();
    let columns = input.spec.table.columns().iter().filter(|column| !column.words.is_empty());
    for column in columns.filter(|column| input.mapping.column(column.name).is_some()) {
        for (word, rows) in others(context, input.spec.table.name(), column).await? {
            let spoken = word.trim().to_lowercase();
            let close = closest(&spoken, column.words.iter().copied());
            if column.only_words || close.is_some() {
                warnings.push(warning(input, column, (&word, rows), close));
            }
        }
    }
    Ok(warnings)
}

async fn others(context: &SessionContext, table: &str, column: &InputColumn) -> Result<Vec<(String, i64)>> {
    let name = identifier(column.name);
    let known: Vec<String> = column.words.iter().map(|word| literal(word)).collect();
    let sql = format!(
        "SELECT {name}, count(*) FROM {table} WHERE {name} NOT IN ({}) GROUP BY {name} ORDER BY 2 DESC, 1 LIMIT {WORDS_SEEN}",
        known.join(", ")
    );
    let batches = context.sql(&sql).await?.collect().await?;
    Ok(batches.iter().flat_map(|batch| rows(batch).unwrap_or_default()).collect())
}

fn rows(batch: &RecordBatch) -> Option<Vec<(String, i64)>> {
    let words = cast(batch.columns().first()?, &DataType::Utf8).ok()?;
    let counts = batch.columns().get(1)?.as_primitive_opt::<Int64Type>()?;
    let words = words.as_string_opt::<i32>()?.iter();
    Some(words.zip(counts.iter()).filter_map(|(word, rows)| Some((word?.to_owned(), rows?))).collect())
}

fn warning(input: &Prepared<'_>, column: &InputColumn, (word, rows): (&str, i64), close: Option<&str>) -> Diagnostic {
    let listed = input.spec.columns.iter().find(|mapped| mapped.name == column.name);
    let span = listed.map_or(input.spec.span, |mapped| mapped.expression.span);
    let (table, rows) = (input.spec.table.name(), if rows == 1 { "1 row".to_owned() } else { format!("{rows} rows") });
    let message = format!("`{table}.{}` says `{word}` in {rows}, which no metric reads", column.name);
    let problem =
        Diagnostic::at(Code::UnreadWord, span, message).note(format!("metrics read {}", column.words.join(", ")));
    match close {
        Some(close) => problem.help(format!("map it to `{close}`, if that is what it means")),
        None => problem.help("map it to one of the words metrics read, or leave those rows out with `filter`"),
    }
}
