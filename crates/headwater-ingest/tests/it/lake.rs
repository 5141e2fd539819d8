//! A lake in a temporary folder, and the few words that open it.

use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::physical_plan::display::DisplayableExecutionPlan;
use datafusion::prelude::{SessionConfig, SessionContext};
use headwater_diagnostics::{Diagnostics, Sources, Span};
use headwater_ingest::{
    DriftPolicy, InputForesight, InputSource, InputSpec, LakeSpec, Location, MappedColumn, ObjectsSpec, OpenError,
    OpenedInputs, SourceSpec, SqlText, StoreOptions, Stores, SubscriptionForm, WorkArea, foresee, open,
};
use headwater_metrics::{AsOf, ColumnType, Exchange, InputTable};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use tempfile::TempDir;

pub(crate) const NIGHT: &str = "2024-06-30";

pub(crate) struct Lake {
    pub(crate) folder: TempDir,
    pub(crate) zone: &'static str,
    pub(crate) night: &'static str,
    pub(crate) sources: Vec<SourceSpec>,
    pub(crate) exchange: Exchange,
}

/// A lake that was opened: its session and what was found.
pub(crate) struct Night {
    pub(crate) context: SessionContext,
    pub(crate) opened: OpenedInputs,
    pub(crate) work: TempDir,
}

pub(crate) fn anywhere() -> Span {
    let mut sources = Sources::default();
    let file = sources.add("headwater.yaml", "accounts:");
    Span { file, start: 0, end: 8 }
}

pub(crate) fn sql(text: &str) -> SqlText {
    SqlText { text: text.to_owned(), span: anywhere(), positions: None }
}

pub(crate) fn text(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

pub(crate) fn texts(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

impl Lake {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder, zone: "UTC", night: NIGHT, sources: Vec::new(), exchange: Exchange::Moving }
    }

    /// A lake whose accounts are `a`, `b` and `c`.
    pub(crate) fn with_accounts() -> Self {
        let lake = Self::new();
        lake.write("accounts.parquet", &[("account_id", texts(&["a", "b", "c"]))]);
        lake
    }

    pub(crate) fn write(&self, path: &str, columns: &[(&str, ArrayRef)]) -> PathBuf {
        self.write_with(path, columns, WriterProperties::builder().build())
    }

    pub(crate) fn write_with(&self, path: &str, columns: &[(&str, ArrayRef)], properties: WriterProperties) -> PathBuf {
        let batch = RecordBatch::try_from_iter_with_nullable(
            columns.iter().map(|(name, values)| (*name, Arc::clone(values), true)),
        )
        .unwrap();
        let file = self.folder.path().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        let mut writer = ArrowWriter::try_new(File::create(&file).unwrap(), batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        file
    }

    pub(crate) fn put(&self, path: &str, bytes: &[u8]) {
        let file = self.folder.path().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, bytes).unwrap();
    }

    pub(crate) fn location(&self, path: &str) -> Location {
        Location::parse(path, &Location::local(self.folder.path()).unwrap()).unwrap()
    }

    pub(crate) fn objects(&self, path: &str) -> ObjectsSpec {
        ObjectsSpec { location: self.location(path), partitions: Vec::new(), span: anywhere() }
    }

    pub(crate) fn source(&mut self, name: &str, path: &str) {
        let objects = self.objects(path);
        self.sources.push(SourceSpec { name: name.to_owned(), objects });
    }

    pub(crate) fn input(&self, table: InputTable, path: &str) -> InputSpec {
        input(table, InputSource::Objects(self.objects(path)))
    }

    pub(crate) fn accounts(&self) -> InputSpec {
        self.input(InputTable::Accounts, "accounts.parquet")
    }

    pub(crate) async fn open(&self, inputs: &[InputSpec]) -> Result<Night, OpenError> {
        let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(2));
        let work = tempfile::tempdir().unwrap();
        let stores = Stores::new(StoreOptions::default());
        let as_of = AsOf::new(self.night.parse().unwrap(), self.zone.parse().unwrap());
        let location = Location::local(self.folder.path()).unwrap();
        let spec =
            LakeSpec { location: &location, sources: &self.sources, inputs, currency: "EUR", exchange: self.exchange };
        let area = WorkArea::new(work.path().to_owned());
        let opened = open(&context, &stores, &spec, &as_of, &area).await?;
        Ok(Night { context, opened, work })
    }

    /// What a night would read of the inputs.
    pub(crate) async fn foresee(&self, inputs: &[InputSpec]) -> Vec<InputForesight> {
        let context = SessionContext::new();
        let stores = Stores::new(StoreOptions::default());
        let as_of = AsOf::new(self.night.parse().unwrap(), self.zone.parse().unwrap());
        let location = Location::local(self.folder.path()).unwrap();
        let spec =
            LakeSpec { location: &location, sources: &self.sources, inputs, currency: "EUR", exchange: self.exchange };
        foresee(&context, &stores, &spec, &as_of).await.unwrap()
    }

    /// What is wrong with the inputs, as `CODE message`, sorted.
    pub(crate) async fn problems(&self, inputs: &[InputSpec]) -> Vec<String> {
        match self.open(inputs).await {
            Ok(_) => Vec::new(),
            Err(OpenError::Contract(problems) | OpenError::NotReady(problems)) => said(&problems),
            Err(error) => panic!("not a problem of the lake: {error}"),
        }
    }
}

pub(crate) fn said(problems: &Diagnostics) -> Vec<String> {
    problems.sorted().into_iter().map(|problem| format!("{} {}", problem.code.id(), problem.message)).collect()
}

pub(crate) fn input(table: InputTable, from: InputSource) -> InputSpec {
    InputSpec {
        table,
        from,
        columns: Vec::new(),
        attributes: Vec::new(),
        filter: None,
        form: SubscriptionForm::Periods,
        roll_up_to_parents: false,
        expect: Vec::new(),
        freshness_max_age_days: None,
        drift: DriftPolicy::default(),
        max_quarantine_pct: None,
        span: anywhere(),
    }
}

pub(crate) trait Mapped {
    fn map(self, column: &str, expression: &str) -> Self;
    fn attribute(self, column: &str, expression: &str, kind: Option<ColumnType>) -> Self;
    fn filter(self, condition: &str) -> Self;
    fn partition(self, column: &str, kind: ColumnType) -> Self;
}

impl Mapped for InputSpec {
    fn map(mut self, column: &str, expression: &str) -> Self {
        self.columns.push(MappedColumn { name: column.to_owned(), expression: sql(expression), kind: None });
        self
    }

    fn attribute(mut self, column: &str, expression: &str, kind: Option<ColumnType>) -> Self {
        self.attributes.push(MappedColumn { name: column.to_owned(), expression: sql(expression), kind });
        self
    }

    fn filter(mut self, condition: &str) -> Self {
        self.filter = Some(sql(condition));
        self
    }

    fn partition(mut self, column: &str, kind: ColumnType) -> Self {
        if let InputSource::Objects(objects) = &mut self.from {
            objects.partitions.push((column.to_owned(), kind));
        }
        self
    }
}

impl Night {
    /// Rows of a query as text, sorted.
    pub(crate) async fn rows(&self, query: &str) -> Vec<String> {
        let mut rows = Vec::new();
        for batch in self.context.sql(query).await.unwrap().collect().await.unwrap() {
            let options = FormatOptions::default().with_null("NULL");
            let columns: Vec<_> =
                batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options).unwrap()).collect();
            for row in 0..batch.num_rows() {
                rows.push(columns.iter().map(|column| column.value(row).to_string()).collect::<Vec<_>>().join(" "));
            }
        }
        rows.sort();
        rows
    }

    pub(crate) async fn type_of(&self, table: &str, column: &str) -> DataType {
        let frame = self.context.table(table).await.unwrap();
        frame.schema().field_with_unqualified_name(column).unwrap().data_type().clone()
    }

    pub(crate) async fn plan(&self, query: &str) -> String {
        let frame = self.context.sql(query).await.unwrap();
        let plan = frame.create_physical_plan().await.unwrap();
        datafusion::physical_plan::displayable(plan.as_ref()).indent(false).to_string()
    }

    /// The plan of a query after it ran, with what each step counted.
    pub(crate) async fn metrics(&self, query: &str) -> String {
        let plan = self.context.sql(query).await.unwrap().create_physical_plan().await.unwrap();
        datafusion::physical_plan::collect(Arc::clone(&plan), self.context.task_ctx()).await.unwrap();
        DisplayableExecutionPlan::with_metrics(plan.as_ref()).indent(false).to_string()
    }
}
