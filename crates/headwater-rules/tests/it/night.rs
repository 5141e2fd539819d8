//! One night in memory: small tables from SQL, every query of the rules over them, rows as text.

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::util::display::array_value_to_string;
use datafusion::prelude::{SessionConfig, SessionContext};
use headwater_metrics::Unit;
use headwater_rules::{CheckedRules, CompiledRules, OutputTable, PLAN_NESTING, PlanContext, compile};

/// A night whose account tables are ready.
pub(crate) struct Night {
    context: SessionContext,
    pub(crate) compiled: CompiledRules,
}

impl Night {
    /// Compiles the rules for a day and computes `account_metrics` and `judged` from rows of `measured` (the text
    /// after VALUES), with nothing published before.
    pub(crate) async fn new(rules: &CheckedRules, as_of: &str, columns: &[(&str, Unit)], rows: &str) -> Self {
        Self::without(&[], rules, as_of, columns, rows).await
    }

    /// The same where some of the columns are not delivered.
    pub(crate) async fn without(
        unavailable: &[&str],
        rules: &CheckedRules,
        as_of: &str,
        columns: &[(&str, Unit)],
        rows: &str,
    ) -> Self {
        let unavailable = unavailable.iter().map(ToString::to_string).collect();
        let measured: Vec<_> = columns.iter().map(|(name, unit)| ((*name).to_owned(), *unit)).collect();
        let context = PlanContext { as_of: as_of.parse().unwrap(), measured, unavailable };
        let compiled = compile(rules, &context);
        let config = SessionConfig::new().with_target_partitions(3);
        let config = config.set_bool("datafusion.sql_parser.map_string_types_to_utf8view", false);
        let config = config.set_usize("datafusion.sql_parser.recursion_limit", PLAN_NESTING);
        let night = Self { context: SessionContext::new_with_config(config), compiled };
        night.table("measured", columns, rows).await;
        for table in OutputTable::ALL {
            night.run(&format!("CREATE TABLE previous_{} AS SELECT {} WHERE FALSE", table.name, nulls(table))).await;
        }
        if let Some(quantiles) = night.compiled.score_quantiles() {
            night.run(&format!("CREATE TABLE score_quantiles AS {}", quantiles.sql)).await;
        }
        night.run(&format!("CREATE TABLE account_metrics AS {}", night.compiled.account_metrics().sql)).await;
        night.judge().await;
        night
    }

    /// Judges the accounts after what was published before.
    async fn judge(&self) {
        let memberships = self.compiled.memberships().map(|query| ("memberships", query));
        for (table, query) in memberships.into_iter().chain([("judged", self.compiled.judged())]) {
            self.run(&format!("CREATE OR REPLACE TABLE {table} AS {}", query.sql)).await;
        }
        self.keep("flag_states").await;
    }

    /// Registers a table from the text after VALUES.
    pub(crate) async fn table(&self, name: &str, columns: &[(&str, Unit)], rows: &str) {
        let casts: Vec<_> = columns
            .iter()
            .enumerate()
            .map(|(at, (column, unit))| format!("CAST(column{} AS {}) AS \"{column}\"", at + 1, unit.sql_type()))
            .collect();
        self.run(&format!("CREATE OR REPLACE TABLE \"{name}\" AS SELECT {} FROM (VALUES {rows})", casts.join(", ")))
            .await;
    }

    /// Makes what the rules gave tonight the last published night.
    pub(crate) async fn publish_to(&self, next: &Self) {
        let has_groups = self.context.table_exist("group_metrics").unwrap();
        let there = |table: &&OutputTable| has_groups || table.name != "guardrail_verdicts";
        let tables: Vec<_> = OutputTable::ALL.iter().filter(there).map(|table| table.name).collect();
        self.publish_tables_to(&tables, next).await;
    }

    /// The same of some tables.
    pub(crate) async fn publish_tables_to(&self, tables: &[&str], next: &Self) {
        for table in tables {
            let kept = format!("SELECT * FROM {table}");
            let is_kept = self.context.table_exist(*table).unwrap();
            let sql = if is_kept { &kept } else { &self.compiled.table(table).unwrap().sql };
            let batch = self.batch(sql).await;
            next.context.deregister_table(format!("previous_{table}")).unwrap();
            next.context.register_batch(format!("previous_{table}").as_str(), batch).unwrap();
        }
        next.judge().await;
    }

    /// Registers a table of another night under a name of its own.
    pub(crate) async fn copy_as(&self, table: &str, of: &Self, name: &str) {
        let batch = of.batch(&format!("SELECT * FROM {table}")).await;
        self.context.register_batch(name, batch).unwrap();
    }

    /// The rows of a published table, columns by name, `-` for null.
    pub(crate) async fn rows(&self, table: &str, columns: &str) -> String {
        self.query(&self.compiled.table(table).unwrap().sql, columns).await
    }

    /// The rows of any query.
    pub(crate) async fn query(&self, sql: &str, columns: &str) -> String {
        let batch = self.batch(sql).await;
        let line = |row: usize| {
            let value = |name: &str| {
                let column = batch.column_by_name(name).unwrap_or_else(|| panic!("no column {name}"));
                if column.is_null(row) { "-".to_owned() } else { array_value_to_string(column, row).unwrap() }
            };
            columns.split_whitespace().map(value).collect::<Vec<_>>().join(" | ")
        };
        (0..batch.num_rows()).map(line).collect::<Vec<_>>().join("\n")
    }

    /// The names and types of a published table's columns.
    pub(crate) async fn schema(&self, table: &str) -> Vec<(String, datafusion::arrow::datatypes::DataType)> {
        let schema = self.batch(&self.compiled.table(table).unwrap().sql).await.schema();
        schema.fields().iter().map(|field| (field.name().clone(), field.data_type().clone())).collect()
    }

    /// Computes a published table and registers it under its name.
    pub(crate) async fn keep(&self, table: &str) {
        let batch = self.batch(&self.compiled.table(table).unwrap().sql).await;
        self.context.deregister_table(table).unwrap();
        self.context.register_batch(table, batch).unwrap();
    }

    async fn batch(&self, sql: &str) -> RecordBatch {
        let frame = self.context.sql(sql).await.unwrap_or_else(|error| panic!("{error}\n{sql}"));
        let schema = std::sync::Arc::new(frame.schema().as_arrow().clone());
        let batches = frame.collect().await.unwrap_or_else(|error| panic!("{error}\n{sql}"));
        let schema = batches.first().map_or(schema, |batch| batch.schema());
        concat_batches(&schema, &batches).unwrap()
    }

    /// Runs a statement.
    pub(crate) async fn run(&self, sql: &str) {
        let frame = self.context.sql(sql).await.unwrap_or_else(|error| panic!("{error}\n{sql}"));
        frame.collect().await.unwrap_or_else(|error| panic!("{error}\n{sql}"));
    }
}

fn nulls(table: &OutputTable) -> String {
    let null = |column: &headwater_rules::OutputColumn| {
        format!("CAST(NULL AS {}) AS \"{}\"", column.unit.sql_type(), column.name)
    };
    table.columns.iter().map(null).collect::<Vec<_>>().join(", ")
}
