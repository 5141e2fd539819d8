//! The columns, attributes and filter of one input.

use headwater_diagnostics::yaml::{Fields, Key, Node, TextPositions, Value};
use headwater_diagnostics::{Code, Diagnostic};
use headwater_ingest::{Expectation, InputSpec, MappedColumn, SqlText};
use headwater_metrics::{Catalogue, ColumnType, InputTable, RESERVED_NAMES};

use super::Reading;

/// The text columns of accounts: what groups can be made of.
pub(crate) fn text_columns(accounts: &InputSpec) -> Vec<String> {
    let contract = InputTable::Accounts.columns().iter();
    let contract = contract.filter(|column| column.kind == ColumnType::Text).map(|column| column.name.to_owned());
    let is_text = |attribute: &&MappedColumn| matches!(attribute.kind, None | Some(ColumnType::Text | ColumnType::Id));
    contract.chain(accounts.attributes.iter().filter(is_text).map(|attribute| attribute.name.clone())).collect()
}

/// Whether a name can stand unquoted in every expression.
pub(crate) fn is_plain_name(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(|first| first.is_ascii_lowercase())
        && characters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

impl Reading<'_> {
    /// Contract columns and what fills them.
    pub(crate) fn columns(&mut self, fields: &mut Fields<'_>, table: InputTable) -> Vec<MappedColumn> {
        let known: Vec<&str> = table.columns().iter().map(|column| column.name).collect();
        let mut columns = Vec::new();
        for (key, node) in self.entries(fields, "columns") {
            if !known.contains(&key.name.as_str()) {
                let message = format!("`{}` is no column of `{}`", key.name, table.name());
                let problem =
                    Diagnostic::at(Code::UnknownKey, key.span, message).suggest(&key.name, known.iter().copied());
                let listed = format!("columns of `{}`: {}", table.name(), known.join(", "));
                self.problems.push(match table {
                    InputTable::Accounts if problem.help.is_none() => {
                        problem.help("put further columns under `attributes`")
                    }
                    _ => problem.note(listed),
                });
            }
            columns.extend(self.mapped(key, node));
        }
        columns
    }

    /// Further columns of accounts.
    pub(crate) fn attributes(&mut self, fields: &mut Fields<'_>) -> Vec<MappedColumn> {
        let mut attributes = Vec::new();
        for (key, node) in self.entries(fields, "attributes") {
            if InputTable::Accounts.column(&key.name).is_some() {
                let message = format!("`{}` is a column of accounts already", key.name);
                self.problems
                    .push(Diagnostic::at(Code::ConflictingKeys, key.span, message).help("map it under `columns`"));
            } else if RESERVED_NAMES.contains(&key.name.as_str()) || Catalogue.metric(&key.name).is_some() {
                let message = format!("`{}` is a metric, or a column of tables that are made of accounts", key.name);
                let problem = Diagnostic::at(Code::ConflictingKeys, key.span, message);
                self.problems.push(problem.help("choose another name"));
            } else if !is_plain_name(&key.name) {
                let message = format!("`{}` is no name for an attribute", key.name);
                let problem = Diagnostic::at(Code::InvalidValue, key.span, message);
                self.problems.push(problem.label("small letters, digits and `_`, a letter first"));
            }
            attributes.extend(self.attribute(key, node));
        }
        attributes
    }

    /// Conditions that rows are expected to meet: `name: condition`, or `name: {expr, otherwise}`.
    pub(crate) fn expectations(&mut self, fields: &mut Fields<'_>, table: InputTable) -> Vec<Expectation> {
        let mut expectations = Vec::new();
        for (key, node) in self.entries(fields, "expect") {
            if !is_plain_name(&key.name) {
                let message = format!("`{}` is no name for an expectation", key.name);
                let problem = Diagnostic::at(Code::InvalidValue, key.span, message);
                self.problems.push(problem.label("small letters, digits and `_`, a letter first"));
            }
            if headwater_ingest::built_in_counts(table).contains(&key.name.as_str()) {
                let message = format!("`{}` is a count of the program itself", key.name);
                let problem = Diagnostic::at(Code::ConflictingKeys, key.span, message);
                self.problems.push(problem.help("give the expectation another name"));
            }
            expectations.extend(self.expectation(key, node));
        }
        expectations
    }

    fn expectation(&mut self, key: &Key, node: &Node) -> Option<Expectation> {
        let name = key.name.clone();
        if !matches!(node.value, Value::Map(_)) {
            let condition = self.expression(node, &name)?;
            return Some(Expectation { name, condition, leaves_out: false });
        }
        let mut fields = Fields::of(node, "an expectation", &mut self.problems)?;
        let condition = fields.require("expr", &mut self.problems).and_then(|node| self.expression(node, "expr"));
        let otherwise = fields.choice("otherwise", &["count", "leave_out"], &mut self.problems);
        fields.finish(&mut self.problems);
        Some(Expectation { name, condition: condition?, leaves_out: otherwise == Some(1) })
    }

    /// A SQL expression that can be read.
    pub(crate) fn expression(&mut self, node: &Node, name: &str) -> Option<SqlText> {
        let sql = self.sql(node, name)?;
        self.problems.extend(headwater_ingest::expression_syntax(&sql));
        Some(sql)
    }

    /// A SQL text with the place of each of its characters.
    pub(crate) fn sql(&mut self, node: &Node, name: &str) -> Option<SqlText> {
        match node.as_text() {
            Some(text) if !text.trim().is_empty() => Some(SqlText {
                text: text.to_owned(),
                span: node.span,
                positions: Some(TextPositions::of(node, self.sources)),
            }),
            Some(_) => {
                self.problems.push(Diagnostic::at(Code::InvalidValue, node.span, format!("`{name}` is empty")));
                None
            }
            None => {
                let message = format!("`{name}` must be text, not {}", node.kind());
                self.problems
                    .push(Diagnostic::at(Code::WrongShape, node.span, message).help("put the value in quotes"));
                None
            }
        }
    }

    fn mapped(&mut self, key: &Key, node: &Node) -> Option<MappedColumn> {
        let expression = self.expression(node, &key.name)?;
        Some(MappedColumn { name: key.name.clone(), expression, kind: None })
    }

    /// `name: expression` for text, `name: {expr, type}` for anything else.
    fn attribute(&mut self, key: &Key, node: &Node) -> Option<MappedColumn> {
        if !matches!(node.value, Value::Map(_)) {
            return self.mapped(key, node);
        }
        let words: Vec<&str> = ColumnType::ALL.iter().map(|kind| kind.name()).collect();
        let mut fields = Fields::of(node, "an attribute", &mut self.problems)?;
        let expression = fields.require("expr", &mut self.problems).and_then(|node| self.expression(node, "expr"));
        let kind = fields.choice("type", &words, &mut self.problems).and_then(|at| ColumnType::ALL.get(at).copied());
        fields.finish(&mut self.problems);
        Some(MappedColumn { name: key.name.clone(), expression: expression?, kind })
    }

    /// The entries of a mapping whose keys are the user's.
    pub(crate) fn entries<'n>(&mut self, fields: &mut Fields<'n>, name: &'static str) -> Vec<(&'n Key, &'n Node)> {
        let node = fields.take(name);
        let map = node.and_then(|node| Fields::of(node, name, &mut self.problems));
        map.map_or_else(Vec::new, |mut map| map.rest())
    }
}
