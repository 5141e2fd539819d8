//! SQL of the project file, planned over raw tables, with errors that point into the file.

use std::collections::{BTreeMap, BTreeSet};

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, SchemaError};
use datafusion::error::{DataFusionError, Result as PlanResult};
use datafusion::execution::context::SQLOptions;
use datafusion::logical_expr::{Expr, LogicalPlan, Volatility};
use datafusion::prelude::{DataFrame, SessionContext};
use datafusion::sql::parser::Statement as PlannedStatement;
use datafusion::sql::sqlparser::ast::{Expr as SqlExpr, ExprWithAlias, Statement};
use datafusion::sql::sqlparser::parser::ParserError;
use headwater_diagnostics::{Code, Diagnostic, Diagnostics, Span, closest};

use crate::chains;
use crate::lake_schema::Conflict;
use crate::{SqlText, query, syntax};

/// A raw table: what mappings and filters are written over.
#[derive(Debug, Clone)]
pub(crate) struct Raw {
    /// Its rows.
    pub frame: DataFrame,
    /// Columns that cannot be used because its files disagree about them.
    pub conflicts: BTreeMap<String, Conflict>,
    /// Names of `name=value` folders that could be columns.
    pub undeclared: BTreeSet<String>,
}

impl Raw {
    /// The names of its columns, in their order.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.frame.schema().fields().iter().map(|field| field.name().as_str()).collect()
    }

    /// The remedy where a column stands in the paths and nobody declared it.
    pub(crate) fn in_path(&self, name: &str) -> Option<String> {
        let declared = format!("the paths have `{name}=…`: declare `partitions: {{{name}: date}}`, or text or integer");
        self.undeclared.contains(name).then_some(declared)
    }

    /// A column by its exact name.
    pub(crate) fn column(&self, name: &str) -> Option<Expr> {
        self.names().contains(&name).then(|| Expr::Column(Column::from_name(name)))
    }

    fn planned(&self, expr: SqlExpr) -> PlanResult<Expr> {
        let (mut state, plan) = self.frame.clone().into_parts();
        let mut parsed = ExprWithAlias { expr, alias: None };
        chains::bracket(&mut parsed.expr);
        chains::prepare(&mut state)?;
        state.create_logical_expr_from_sql_expr(parsed, plan.schema())
    }

    /// Plans a column name or a SQL expression over the table's columns.
    pub(crate) fn expression(&self, sql: &SqlText) -> Result<Expr, Diagnostic> {
        if let Some(column) = self.column(&sql.text) {
            return Ok(column);
        }
        let schema = self.frame.schema();
        let expr = self.planned(syntax::expression(sql)?).map_err(|error| explain(&error, sql, self))?;
        match refusal(&expr).map_err(|error| explain(&error, sql, self))? {
            Some(reason) => Err(Diagnostic::at(Code::MappingInvalid, sql.span, reason)),
            None => {
                check_columns(&expr, schema, sql, self)?;
                // Types are checked by the engine's own analysis.
                let alone = self.frame.clone().select(vec![expr.clone().alias("value")]);
                alone.and_then(DataFrame::into_optimized_plan).map_err(|error| explain(&error, sql, self))?;
                Ok(expr)
            }
        }
    }
}

/// The problem of a text that the parser refuses.
pub(crate) fn refused(error: ParserError, sql: &SqlText) -> Diagnostic {
    located(&DataFusionError::SQL(Box::new(error), None), sql)
}

fn check_columns(expr: &Expr, schema: &DFSchema, sql: &SqlText, raw: &Raw) -> Result<(), Diagnostic> {
    let mut missing: Vec<&Column> =
        expr.column_refs().into_iter().filter(|column| schema.index_of_column(column).is_err()).collect();
    missing.sort();
    match missing.first() {
        Some(column) => Err(unknown_column(&column.name, sql, raw)),
        None => Ok(()),
    }
}

/// Plans a query over the tables of `sources`; its columns stand alone, without the name of a table.
pub(crate) async fn query(sources: &SessionContext, sql: &SqlText, names: &[&str]) -> Result<DataFrame, Diagnostics> {
    let query = query::checked(sql, names)?;
    Ok(planned_query(sources, query, sql, names).await?)
}

async fn planned_query(
    sources: &SessionContext,
    query: Statement,
    sql: &SqlText,
    names: &[&str],
) -> Result<DataFrame, Diagnostic> {
    let nowhere = |error: &DataFusionError| explain_query(error, sql, names);
    let frame = planned(sources, query).await.map_err(|error| nowhere(&error))?;
    if let Some(reason) = plan_refusal(frame.logical_plan()).map_err(|error| nowhere(&error))? {
        return Err(Diagnostic::at(Code::MappingInvalid, sql.span, reason));
    }
    let columns: Vec<Column> = frame.schema().columns();
    let mut seen = BTreeSet::new();
    if let Some(twice) = columns.iter().find(|column| !seen.insert(column.name.clone())) {
        let message = format!("the query returns `{}` twice", twice.name);
        return Err(
            Diagnostic::at(Code::MappingInvalid, sql.span, message).help("name the columns it returns, each once")
        );
    }
    let alone = columns.into_iter().map(|column| {
        let name = column.name.clone();
        Expr::Column(column).alias(name)
    });
    let frame = frame.select(alone.collect::<Vec<_>>()).map_err(|error| nowhere(&error))?;
    analysed(sources, frame).map_err(|error| nowhere(&error))
}

async fn planned(sources: &SessionContext, mut query: Statement) -> PlanResult<DataFrame> {
    let mut state = sources.state();
    chains::bracket(&mut query);
    chains::prepare(&mut state)?;
    let plan = state.statement_to_plan(PlannedStatement::Statement(Box::new(query))).await?;
    let reads = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    reads.verify_plan(&plan)?;
    Ok(DataFrame::new(state, plan))
}

/// The same rows with the types they will have when run: until then a NULL in one branch of a union has none.
fn analysed(sources: &SessionContext, frame: DataFrame) -> PlanResult<DataFrame> {
    let state = sources.state();
    let plan = state.analyzer().execute_and_check(frame.into_unoptimized_plan(), state.config_options(), |_, _| {})?;
    Ok(DataFrame::new(state, plan))
}

/// Why an expression cannot be part of a mapping: it must say the same whenever the night is run, row by row.
fn refusal(expr: &Expr) -> PlanResult<Option<String>> {
    let mut reason = None;
    expr.apply(|part| {
        reason = match part {
            Expr::AggregateFunction(_) | Expr::WindowFunction(_) => {
                Some("aggregates and windows see many rows; a mapping sees one: use `sql:` for them".to_owned())
            }
            Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_) | Expr::SetComparison(_) => {
                Some("a mapping cannot look into other tables: use `sql:` for that".to_owned())
            }
            other => unrepeatable(other),
        };
        Ok(if reason.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(reason)
}

fn plan_refusal(plan: &LogicalPlan) -> PlanResult<Option<String>> {
    let mut reason = None;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|part| {
                reason = reason.take().or_else(|| unrepeatable(part));
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(reason)
}

fn unrepeatable(expr: &Expr) -> Option<String> {
    match expr {
        Expr::ScalarFunction(call) if call.func.signature().volatility != Volatility::Immutable => {
            Some(format!("`{}` gives another answer each time, so a night could not be repeated", call.func.name()))
        }
        _ => None,
    }
}

fn explain(error: &DataFusionError, sql: &SqlText, raw: &Raw) -> Diagnostic {
    match error.find_root() {
        DataFusionError::SchemaError(schema, _) => match schema.as_ref() {
            SchemaError::FieldNotFound { field, .. } => unknown_column(&field.name, sql, raw),
            other => Diagnostic::at(Code::MappingInvalid, sql.span, first_line(&other.to_string())),
        },
        other => located(other, sql),
    }
}

fn unknown_column(name: &str, sql: &SqlText, raw: &Raw) -> Diagnostic {
    let span = find_word(&sql.text, name).map_or(sql.span, |(start, end)| sql.part(start, end));
    if let Some(conflict) = raw.conflicts.get(name) {
        return conflicting(name, conflict, span);
    }
    let names = raw.names();
    let diagnostic = Diagnostic::at(Code::MappingInvalid, span, format!("`{name}` is no column of this input"));
    match raw.in_path(name) {
        Some(remedy) => diagnostic.help(remedy),
        None => suggest_column(diagnostic, name, &names),
    }
}

/// The problem of a column whose files disagree.
pub(crate) fn conflicting(name: &str, conflict: &Conflict, span: Span) -> Diagnostic {
    let (one, one_type) = &conflict.one;
    let (other, other_type) = &conflict.other;
    Diagnostic::at(Code::SchemaConflict, span, format!("the files of this input disagree about `{name}`"))
        .note(format!("{one} has {one_type}"))
        .note(format!("{other} has {other_type}"))
}

/// Proposes a column, or lists them.
pub(crate) fn suggest_column(diagnostic: Diagnostic, name: &str, names: &[&str]) -> Diagnostic {
    if let Some(cased) = names.iter().find(|known| known.eq_ignore_ascii_case(name)) {
        return diagnostic.help(format!("write `\"{cased}\"`: in SQL, names with capitals stand in double quotes"));
    }
    let listed = format!("its columns: {}", names.join(", "));
    diagnostic.suggest(name, names.iter().copied()).note(listed)
}

fn explain_query(error: &DataFusionError, sql: &SqlText, sources: &[&str]) -> Diagnostic {
    match error.find_root() {
        DataFusionError::SchemaError(schema, _) => match schema.as_ref() {
            SchemaError::FieldNotFound { field, valid_fields } => {
                let span = find_word(&sql.text, &field.name).map_or(sql.span, |(start, end)| sql.part(start, end));
                let names: Vec<&str> = valid_fields.iter().map(|column| column.name.as_str()).collect();
                let message = format!("`{}` is no column here", field.name);
                suggest_column(Diagnostic::at(Code::MappingInvalid, span, message), &field.name, &names)
            }
            other => Diagnostic::at(Code::MappingInvalid, sql.span, first_line(&other.to_string())),
        },
        DataFusionError::Plan(message) => match missing_table(message) {
            Some(table) => {
                let span = find_word(&sql.text, table).map_or(sql.span, |(start, end)| sql.part(start, end));
                unknown_source(table, span, sources)
            }
            None => located(error.find_root(), sql),
        },
        other => located(other, sql),
    }
}

/// The last part of the name in the engine's "table 'a.b.c' not found".
fn missing_table(message: &str) -> Option<&str> {
    let name = message.strip_prefix("table '")?.split_once("' not found")?.0;
    Some(name.rsplit('.').next().unwrap_or(name))
}

/// The problem of a table that nothing is known of.
pub(crate) fn unknown_source(table: &str, span: Span, sources: &[&str]) -> Diagnostic {
    let diagnostic = Diagnostic::at(Code::MappingInvalid, span, format!("`{table}` is no source of the project"));
    match closest(table, sources.iter().copied()) {
        Some(close) => diagnostic.help(format!("did you mean `{close}`?")),
        None if sources.is_empty() => diagnostic.help("declare it under `sources`"),
        None => diagnostic.help(format!("declare it under `sources`, or use one of {}", sources.join(", "))),
    }
}

/// An error of the SQL parser or planner at the line and column it names, if it does.
fn located(error: &DataFusionError, sql: &SqlText) -> Diagnostic {
    let message = match error {
        DataFusionError::SQL(parser, _) => parser.to_string(),
        DataFusionError::Plan(message) | DataFusionError::NotImplemented(message) => message.clone(),
        other => other.strip_backtrace(),
    };
    let message = first_line(&message);
    let message = message.strip_prefix("sql parser error: ").unwrap_or(&message);
    let (text, place) = match message.rsplit_once(" at Line: ") {
        Some((text, place)) => (text, named_position(&sql.text, place)),
        None => (message, None),
    };
    let span = place.map_or(sql.span, |at| sql.part(at, at + 1));
    Diagnostic::at(Code::MappingInvalid, span, format!("invalid SQL: {text}"))
}

/// The character that `LINE, Column: COLUMN` names.
fn named_position(text: &str, place: &str) -> Option<usize> {
    let (line, column) = place.split_once(", Column: ")?;
    position(text, line.trim().parse().ok()?, column.trim().parse().ok()?)
}

/// The character at a line and column, both counted from one.
pub(crate) fn position(text: &str, line: usize, column: usize) -> Option<usize> {
    let before: usize = text.split('\n').take(line.checked_sub(1)?).map(|line| line.chars().count() + 1).sum();
    before.checked_add(column.checked_sub(1)?)
}

/// Where a name stands alone in a SQL text, in characters.
fn find_word(text: &str, name: &str) -> Option<(usize, usize)> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(name).find_map(|(at, _)| {
        let before = text.get(..at)?.chars().next_back();
        let after = text.get(at + name.len()..)?.chars().next();
        let alone = !before.is_some_and(is_part) && !after.is_some_and(is_part);
        let start = text.get(..at)?.chars().count();
        alone.then(|| (start, start + name.chars().count()))
    })
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
