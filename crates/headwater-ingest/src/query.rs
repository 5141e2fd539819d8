//! What is wrong with a query of the project file before anything is read.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Ident, ObjectName, Query, Statement, TableFactor, Visit, Visitor, With};
use datafusion::sql::sqlparser::tokenizer::Span as TokenSpan;
use headwater_diagnostics::{Code, Diagnostic, Diagnostics, Span};

use crate::{SqlText, sql, syntax};

/// Where the engine puts the tables of `sources`: what may stand before their names.
const SCHEMAS: &[&[&str]] = &[&[], &["public"], &["datafusion", "public"]];

/// What is wrong with the words of a query, with what it asks the engine to do, and with the names of its tables:
/// each is one of `sources`, or a part of the query itself.
#[must_use]
pub fn query_problems(text: &SqlText, sources: &[&str]) -> Diagnostics {
    checked(text, sources).err().unwrap_or_default()
}

/// A query that has no such problem.
pub(crate) fn checked(text: &SqlText, sources: &[&str]) -> Result<Statement, Diagnostics> {
    let mut statements = syntax::statements(text)?;
    let (Some(statement @ Statement::Query(_)), true) = (statements.pop(), statements.is_empty()) else {
        return Err(Diagnostic::at(Code::MappingInvalid, text.span, "an input's `sql` is one SELECT").into());
    };
    let mut tables = Tables { text, sources, open: Vec::new(), refused: BTreeSet::new(), problems: Diagnostics::new() };
    let ControlFlow::Continue(()) = statement.visit(&mut tables);
    if tables.problems.has_errors() { Err(tables.problems) } else { Ok(statement) }
}

/// The names that one level of a query gives to parts of itself.
struct Level {
    /// Names whose part has been read: from there on they are tables.
    known: Vec<String>,
    /// Names whose part comes next, the first one last. A part of the name of a source reads that source.
    coming: Vec<String>,
}

/// The walk over the tables of a query.
struct Tables<'a> {
    text: &'a SqlText,
    sources: &'a [&'a str],
    open: Vec<Level>,
    refused: BTreeSet<String>,
    problems: Diagnostics,
}

impl Visitor for Tables<'_> {
    type Break = std::convert::Infallible;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Self::Break> {
        let parts = query.with.iter().flat_map(|with| &with.cte_tables);
        let names: Vec<String> = parts.map(|part| normalised(&part.alias.name)).collect();
        let recursive = query.with.as_ref().filter(|with| with.recursive);
        self.problems.extend(recursive.map(|with| self.refused_recursion(with)));
        self.open.push(match recursive {
            Some(_) => Level { known: names, coming: Vec::new() },
            None => Level { known: Vec::new(), coming: names.into_iter().rev().collect() },
        });
        ControlFlow::Continue(())
    }

    /// The parts of a query are read before all else of it, in their order.
    fn post_visit_query(&mut self, _query: &Query) -> ControlFlow<Self::Break> {
        self.open.pop();
        if let Some(around) = self.open.last_mut() {
            around.known.extend(around.coming.pop());
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<Self::Break> {
        if let TableFactor::Table { name, args: None, .. } = factor {
            self.table(name);
        }
        ControlFlow::Continue(())
    }
}

impl Tables<'_> {
    fn table(&mut self, name: &ObjectName) {
        let idents: Vec<&Ident> = name.0.iter().filter_map(|part| part.as_ident()).collect();
        let parts: Vec<String> = idents.iter().map(|ident| normalised(ident)).collect();
        let (Some((table, schema)), Some(first), Some(last)) = (parts.split_last(), idents.first(), idents.last())
        else {
            return;
        };
        let is_part = schema.is_empty() && self.open.iter().any(|level| level.known.contains(table));
        let is_source = SCHEMAS.contains(&&*schema.iter().map(String::as_str).collect::<Vec<_>>())
            && self.sources.contains(&table.as_str());
        let written = parts.join(".");
        if is_part || is_source || !self.refused.insert(written.clone()) {
            return;
        }
        let span = self.span(TokenSpan::new(first.span.start, last.span.end));
        self.problems.push(sql::unknown_source(&written, span, self.sources));
    }

    fn refused_recursion(&self, with: &With) -> Diagnostic {
        let span = self.span(with.with_token.0.span);
        Diagnostic::at(Code::MappingInvalid, span, "a query of the project file cannot be recursive")
            .label("WITH RECURSIVE")
            .help("write `WITH` without `RECURSIVE`; what needs recursion is made ready before the lake is read")
    }

    /// Where a token stands in the file.
    fn span(&self, token: TokenSpan) -> Span {
        let at = |place: datafusion::sql::sqlparser::tokenizer::Location| {
            sql::position(&self.text.text, usize::try_from(place.line).ok()?, usize::try_from(place.column).ok()?)
        };
        match (at(token.start), at(token.end)) {
            (Some(start), Some(end)) => self.text.part(start, end),
            _ => self.text.span,
        }
    }
}

/// A name as the engine reads it: small letters, unless it stands in double quotes.
fn normalised(name: &Ident) -> String {
    if name.quote_style.is_some() { name.value.clone() } else { name.value.to_lowercase() }
}
