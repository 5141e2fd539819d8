//! Which column of the lake fills which column of a logical table.

use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::{Expr, ExprSchemable, lit};
use headwater_diagnostics::{Code, Diagnostic, Diagnostics, Span};
use headwater_metrics::{ColumnType, InputColumn, InputTable};

use crate::contract::{self, Conversion};
use crate::sql::{self, Raw};
use crate::{InputSpec, MappedColumn, interval, words};

/// A column of a logical table with what fills it.
#[derive(Debug, Clone)]
pub(crate) struct FilledColumn {
    pub name: String,
    pub kind: ColumnType,
    pub required: bool,
    /// The raw value.
    pub source: Expr,
    /// The raw value's type.
    pub from: DataType,
    /// The words that metrics read in it.
    pub words: &'static [&'static str],
}

impl FilledColumn {
    /// The typed value of `raw`, an expression of the type the column is filled from.
    pub(crate) fn typed(&self, raw: Expr, zone: &str) -> Option<Conversion> {
        let read = contract::convert(raw, &self.from, self.kind, zone)?;
        if self.words.is_empty() {
            return Some(read);
        }
        Some(Conversion { typed: words::as_listed(read.typed, self.words), ..read })
    }
}

/// The columns of a logical table: those of the contract in their order, then attributes in theirs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mapping {
    pub columns: Vec<FilledColumn>,
    /// How many of the columns are the contract's.
    pub contract: usize,
    /// Whether `mrr` is made of bills and how often they come.
    pub is_of_bills: bool,
}

impl Mapping {
    /// Finds what fills each column; problems go to `problems`.
    pub(crate) fn of(spec: &InputSpec, raw: &Raw, problems: &mut Diagnostics) -> Self {
        let mut mapping = Self::default();
        for column in spec.table.columns() {
            match contract_column(spec, column, raw) {
                Ok(found) => mapping.columns.extend(found),
                Err(problem) => problems.push(problem),
            }
        }
        if spec.table == InputTable::Subscriptions && mapping.column("mrr").is_none() {
            match mapping.monthly_amount() {
                Some(monthly) => {
                    mapping.columns.push(monthly);
                    mapping.is_of_bills = true;
                }
                None if problems.has_errors() => {}
                None => problems.extend(spec.table.column("mrr").map(|column| missing_column(spec, column, raw))),
            }
        }
        mapping.contract = mapping.columns.len();
        for attribute in &spec.attributes {
            match attribute_column(attribute, raw) {
                Ok(found) => mapping.columns.push(found),
                Err(problem) => problems.push(problem),
            }
        }
        mapping
    }

    /// The recurring amount per month, from the amount of a bill and how often it comes.
    fn monthly_amount(&self) -> Option<FilledColumn> {
        let typed = |name: &str| {
            let column = self.column(name)?;
            Some(column.typed(column.source.clone(), "UTC")?.typed)
        };
        let count = typed("interval_count").unwrap_or_else(|| lit(1_i64));
        let source = interval::per_month(typed("amount")?, typed("billing_interval")?, count).ok()?;
        let from = contract::data_type(ColumnType::Money);
        Some(FilledColumn { name: "mrr".to_owned(), kind: ColumnType::Money, required: true, source, from, words: &[] })
    }

    /// Whether a required column can be made of others that are there.
    fn is_derived(spec: &InputSpec, column: &InputColumn, raw: &Raw) -> bool {
        let there = |name: &str| spec.columns.iter().any(|mapped| mapped.name == name) || raw.column(name).is_some();
        spec.table == InputTable::Subscriptions
            && column.name == "mrr"
            && ["amount", "billing_interval"].into_iter().all(there)
    }

    /// The column of that name.
    pub(crate) fn column(&self, name: &str) -> Option<&FilledColumn> {
        self.columns.iter().find(|column| column.name == name)
    }
}

fn contract_column(spec: &InputSpec, column: &InputColumn, raw: &Raw) -> Result<Option<FilledColumn>, Diagnostic> {
    let listed = spec.columns.iter().find(|mapped| mapped.name == column.name);
    let (source, span) = match listed {
        Some(mapped) => (raw.expression(&mapped.expression)?, mapped.expression.span),
        None => match raw.column(column.name) {
            Some(source) => (source, spec.span),
            None => return unmapped(spec, column, raw),
        },
    };
    let from = type_of(&source, raw, span)?;
    if from == DataType::Null && !column.required {
        return Ok(None);
    }
    let InputColumn { kind, required, words, .. } = *column;
    let filled = FilledColumn { name: column.name.to_owned(), kind, required, source, from, words };
    match filled.typed(filled.source.clone(), "UTC") {
        Some(_) => Ok(Some(filled)),
        None => Err(wrong_type(&filled, listed.is_none(), span)),
    }
}

fn unmapped(spec: &InputSpec, column: &InputColumn, raw: &Raw) -> Result<Option<FilledColumn>, Diagnostic> {
    if let Some(conflict) = raw.conflicts.get(column.name) {
        return Err(sql::conflicting(column.name, conflict, spec.span));
    }
    if !column.required || Mapping::is_derived(spec, column, raw) {
        return Ok(None);
    }
    Err(missing_column(spec, column, raw))
}

fn missing_column(spec: &InputSpec, column: &InputColumn, raw: &Raw) -> Diagnostic {
    let message = format!("`{}` needs `{}`: {}", spec.table.name(), column.name, column.meaning);
    let names = raw.names();
    let example = headwater_diagnostics::closest(column.name, names.iter().copied()).unwrap_or("COLUMN");
    let remedy = format!("say which column it is: `columns: {{{}: {example}}}`", column.name);
    Diagnostic::at(Code::MissingColumn, spec.span, message)
        .help(raw.in_path(column.name).unwrap_or(remedy))
        .note(format!("the input's columns: {}", names.join(", ")))
}

fn attribute_column(attribute: &MappedColumn, raw: &Raw) -> Result<FilledColumn, Diagnostic> {
    let span = attribute.expression.span;
    let source = raw.expression(&attribute.expression)?;
    let from = type_of(&source, raw, span)?;
    // Accounts are judged by days: a point in time of an account is the day it falls on.
    let kind = match attribute.kind {
        Some(ColumnType::Timestamp) => ColumnType::Date,
        Some(kind) => kind,
        None => ColumnType::Text,
    };
    let filled = FilledColumn { name: attribute.name.clone(), kind, required: false, source, from, words: &[] };
    if filled.typed(filled.source.clone(), "UTC").is_some() {
        return Ok(filled);
    }
    let message = format!("`{}` holds {}, which is not {}", attribute.name, filled.from, contract::word(kind));
    let fitting = contract::kind_of(&filled.from).map(ColumnType::name);
    let help = match fitting {
        Some(kind) => format!("say what it holds: `{}: {{expr: …, type: {kind}}}`", attribute.name),
        None => "take one value out of it in the expression".to_owned(),
    };
    Err(Diagnostic::at(Code::WrongColumnType, span, message).help(help))
}

fn type_of(source: &Expr, raw: &Raw, span: Span) -> Result<DataType, Diagnostic> {
    source.get_type(raw.frame.schema()).map_err(|error| {
        let text = error.strip_backtrace();
        let line = text.lines().next().unwrap_or_default().to_owned();
        Diagnostic::at(Code::MappingInvalid, span, "the types of this expression do not go together").note(line)
    })
}

fn wrong_type(column: &FilledColumn, by_itself: bool, span: Span) -> Diagnostic {
    let (name, from) = (&column.name, &column.from);
    let message = format!("`{name}` holds {from}, which cannot be read as {}", contract::word(column.kind));
    let problem = Diagnostic::at(Code::WrongColumnType, span, message);
    if by_itself {
        problem.help(format!("map another column, or leave it out with `columns: {{{name}: \"NULL\"}}`"))
    } else {
        problem.help("cast it in the expression, or map another column")
    }
}
