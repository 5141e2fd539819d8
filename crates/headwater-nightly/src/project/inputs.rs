//! The logical inputs and the raw tables behind SQL mappings.

use headwater_diagnostics::yaml::{Fields, Key, Node};
use headwater_diagnostics::{Code, Diagnostic};
use headwater_ingest::{
    DriftAnswer, DriftPolicy, InputSource, InputSpec, Location, ObjectsSpec, SourceSpec, SubscriptionForm,
};
use headwater_metrics::{ColumnType, InputTable};

use super::Reading;
use super::columns::is_plain_name;

/// The types a value in a path can have.
const PARTITION_TYPES: &[(&str, ColumnType)] =
    &[("date", ColumnType::Date), ("text", ColumnType::Text), ("integer", ColumnType::Integer)];

/// Days that a freshness contract can allow at most.
const MAX_AGE_DAYS: i64 = 3_660;

impl Reading<'_> {
    /// Raw tables for SQL.
    pub(crate) fn sources(&mut self, fields: &mut Fields<'_>, lake: &Location) -> Vec<SourceSpec> {
        let mut sources = Vec::new();
        let entries = self.entries(fields, "sources");
        self.declared = entries.iter().map(|(key, _)| key.name.clone()).collect();
        for (key, node) in entries {
            if !is_plain_name(&key.name) {
                let problem =
                    Diagnostic::at(Code::InvalidValue, key.span, format!("`{}` is no name for a source", key.name));
                self.problems.push(problem.label("small letters, digits and `_`, a letter first"));
            }
            let Some(mut fields) = Fields::of(node, "a source", &mut self.problems) else { continue };
            let partitions = self.partitions(&mut fields);
            let path = fields.require("path", &mut self.problems);
            let objects = path.and_then(|path| self.objects(path, partitions, lake));
            fields.finish(&mut self.problems);
            sources.extend(objects.map(|objects| SourceSpec { name: key.name.clone(), objects }));
        }
        sources
    }

    /// The logical inputs, of which `accounts` must be one.
    pub(crate) fn inputs(&mut self, fields: &mut Fields<'_>, lake: &Location) -> Vec<InputSpec> {
        let Some(node) = fields.require("inputs", &mut self.problems) else { return Vec::new() };
        let Some(mut map) = Fields::of(node, "inputs", &mut self.problems) else { return Vec::new() };
        let mut inputs = Vec::new();
        let entries = map.rest();
        for (key, node) in &entries {
            match InputTable::from_name(&key.name) {
                Some(table) => inputs.extend(self.input(table, key, node, lake)),
                None => self.problems.push(unknown_input(key)),
            }
        }
        if !entries.iter().any(|(key, _)| key.name == InputTable::Accounts.name()) {
            let start = entries.first().map_or(node.span, |(key, _)| key.span);
            let problem = Diagnostic::at(Code::MissingKey, start, "the project has no `accounts` input");
            self.problems.push(problem.help("add `accounts:` with a `path` or `sql`; every other input is optional"));
        }
        inputs.sort_by_key(|input| input.table);
        inputs
    }

    fn input(&mut self, table: InputTable, key: &Key, node: &Node, lake: &Location) -> Option<InputSpec> {
        let mut fields = Fields::of(node, "an input", &mut self.problems)?;
        let from = self.source_of(key, &mut fields, lake);
        let columns = self.columns(&mut fields, table);
        let attributes = if table == InputTable::Accounts { self.attributes(&mut fields) } else { Vec::new() };
        let filter = fields.take("filter").and_then(|node| self.expression(node, "filter"));
        let expect = self.expectations(&mut fields, table);
        let form = if table == InputTable::Subscriptions { self.form(&mut fields) } else { SubscriptionForm::Periods };
        let roll_up_to_parents =
            table == InputTable::Accounts && fields.flag("roll_up_to_parents", &mut self.problems).unwrap_or_default();
        let freshness_max_age_days = self.freshness(table, &mut fields);
        let drift = self.drift(&mut fields).unwrap_or_default();
        let max_quarantine_pct = self.percentage(&mut fields, "max_quarantine_pct");
        fields.finish(&mut self.problems);
        let span = key.span;
        Some(InputSpec {
            table,
            from: from?,
            columns,
            attributes,
            filter,
            form,
            roll_up_to_parents,
            expect,
            freshness_max_age_days,
            drift,
            max_quarantine_pct,
            span,
        })
    }

    fn source_of(&mut self, key: &Key, fields: &mut Fields<'_>, lake: &Location) -> Option<InputSource> {
        let (path, sql) = (fields.take("path"), fields.take_with_key("sql"));
        // Values in paths belong to a path; beside `sql` alone the key is unknown.
        let partitions = if path.is_some() || sql.is_none() { self.partitions(fields) } else { Vec::new() };
        match (path, sql) {
            (Some(path), None) => self.objects(path, partitions, lake).map(InputSource::Objects),
            (None, Some((_, sql))) => {
                let sql = self.sql(sql, "sql")?;
                let declared: Vec<&str> = self.declared.iter().map(String::as_str).collect();
                self.problems.append(headwater_ingest::query_problems(&sql, &declared));
                Some(InputSource::Sql(sql))
            }
            (Some(_), Some((sql, _))) => {
                let problem =
                    Diagnostic::at(Code::ConflictingKeys, sql.span, "an input has a `path` or a `sql`, not both");
                self.problems.push(problem.help("name the objects under `sources` and use their name in the query"));
                None
            }
            (None, None) => {
                let message = format!("`{}` needs a `path` or a `sql`", key.name);
                self.problems.push(Diagnostic::at(Code::MissingKey, key.span, message));
                None
            }
        }
    }

    /// Columns in the paths of objects.
    fn partitions(&mut self, fields: &mut Fields<'_>) -> Vec<(String, ColumnType)> {
        let mut partitions = Vec::new();
        for (key, node) in self.entries(fields, "partitions") {
            let word = node.as_text().unwrap_or_default();
            match PARTITION_TYPES.iter().find(|(known, _)| *known == word) {
                Some((_, kind)) => partitions.push((key.name.clone(), *kind)),
                None => {
                    let message = format!("`{word}` is no type of a partition");
                    let problem = Diagnostic::at(Code::InvalidValue, node.span, message);
                    self.problems.push(problem.one_of(word, PARTITION_TYPES.iter().map(|(known, _)| *known)));
                }
            }
        }
        partitions
    }

    fn objects(&mut self, path: &Node, partitions: Vec<(String, ColumnType)>, lake: &Location) -> Option<ObjectsSpec> {
        let location = self.location(path, "path", lake)?;
        Some(ObjectsSpec { location, partitions, span: path.span })
    }

    /// How subscriptions are told.
    fn form(&mut self, fields: &mut Fields<'_>) -> SubscriptionForm {
        let words: Vec<&str> = SubscriptionForm::WORDS.iter().map(|(word, _)| *word).collect();
        let chosen = fields.choice("form", &words, &mut self.problems);
        chosen.and_then(|at| SubscriptionForm::WORDS.get(at)).map(|(_, form)| *form).unwrap_or_default()
    }

    /// What becomes of a night whose columns changed.
    fn drift(&mut self, fields: &mut Fields<'_>) -> Option<DriftPolicy> {
        let node = fields.take("drift")?;
        let mut fields = Fields::of(node, "drift", &mut self.problems)?;
        let words: Vec<&str> = DriftAnswer::WORDS.iter().map(|(word, _)| *word).collect();
        let mut answer = |name: &'static str, otherwise: DriftAnswer| {
            let chosen = fields.choice(name, &words, &mut self.problems);
            chosen.and_then(|at| DriftAnswer::WORDS.get(at)).map_or(otherwise, |(_, answer)| *answer)
        };
        let usual = DriftPolicy::default();
        let policy = DriftPolicy {
            new_column: answer("new_column", usual.new_column),
            missing_column: answer("missing_column", usual.missing_column),
            changed_type: answer("changed_type", usual.changed_type),
        };
        fields.finish(&mut self.problems);
        Some(policy)
    }

    fn freshness(&mut self, table: InputTable, fields: &mut Fields<'_>) -> Option<u32> {
        let node = fields.take("freshness")?;
        let mut fields = Fields::of(node, "freshness", &mut self.problems)?;
        let days = fields.integer("max_age_days", 0, MAX_AGE_DAYS, &mut self.problems);
        fields.finish(&mut self.problems);
        if table.happened().is_none() {
            let message = format!("the rows of `{}` have no day, so they cannot be too old", table.name());
            self.problems.push(Diagnostic::at(Code::InvalidValue, node.span, message).help("remove `freshness`"));
        }
        days.and_then(|days| u32::try_from(days).ok())
    }
}

fn unknown_input(key: &Key) -> Diagnostic {
    let known = InputTable::ALL.iter().map(|table| table.name());
    let listed = known.clone().collect::<Vec<_>>().join(", ");
    Diagnostic::at(Code::UnknownKey, key.span, format!("`{}` is no input", key.name))
        .label(format!("inputs: {listed}"))
        .suggest(&key.name, known)
}
