//! Opens every input of a night: what must hold is checked before anything is computed, and all that is wrong is
//! said at once.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::Int64Type;
use datafusion::error::DataFusionError;
use datafusion::functions_aggregate::expr_fn::sum;
use datafusion::logical_expr::{Expr, lit, when};
use datafusion::prelude::SessionContext;
use headwater_diagnostics::{Code, Diagnostic, Diagnostics};
use headwater_metrics::{AsOf, ColumnType, InputTable};

use crate::checks::{self, AFTER_AS_OF, Known};
use crate::exchange::{self, Rates};
use crate::facts;
use crate::failure::{Failure, damaged_object, failure};
use crate::opened::{OpenError, OpenedColumn, OpenedInput, OpenedInputs, RowCounts};
use crate::prepare::{Expected, Lake, Prepared};
use crate::stream::{StreamedInput, is_plain_scan};
use crate::successors::Successors;
use crate::{
    InputSource, InputSpec, LakeSpec, StoreError, Stores, SubscriptionForm, WorkArea, corrections, drift, duplicates,
    forms, listing, words,
};

/// Opens all inputs and registers a table of each one's name in the session: typed, cut at the night, clean.
///
/// Every input is read once and kept as Parquet in the work area, except usage events without `event_id`, which are
/// registered as a plan over the lake ([`OpenedInput::stream`]).
///
/// # Errors
/// All problems of all inputs at once: those of the lake's layout before any row is read, those of the rows after.
pub async fn open(
    context: &SessionContext,
    stores: &Stores,
    lake: &LakeSpec<'_>,
    as_of: &AsOf,
    work: &WorkArea,
) -> Result<OpenedInputs, OpenError> {
    let prepared = prepare(context, stores, lake, Some(as_of.day())).await?;
    let mut opening = Opening {
        context,
        stores,
        as_of,
        work,
        known: Known::default(),
        problems: Diagnostics::new(),
        late: Diagnostics::new(),
    };
    let mut opened = Vec::new();
    let mut warnings = Diagnostics::new();
    for input in &prepared {
        match opening.open(input).await {
            Ok(open) => {
                warnings.extend(no_rows(input.spec, &open));
                warnings.extend(opening.unread_words(input).await?);
                opened.push(open);
            }
            Err(Failure::Problem(problem)) if problem.code == Code::UnreadableParquet => {
                let named = match &input.objects {
                    Some(table) => {
                        let columns = input.mapping.columns.iter();
                        let columns = columns.map(|filled| filled.source.clone().alias(&filled.name));
                        damaged_object(context, table, columns.collect()).await
                    }
                    None => None,
                };
                opening.problems.push(named.unwrap_or(*problem));
            }
            Err(Failure::Problem(problem)) => opening.problems.push(*problem),
            Err(Failure::Open(error)) => return Err(error),
        }
        // Whether a row is an orphan cannot be said without the accounts, nor what it is worth without rates.
        if input.spec.table <= InputTable::ExchangeRates && opening.problems.has_errors() {
            break;
        }
        if input.spec.table <= InputTable::ExchangeRates {
            opening.known.rates = Some(Rates::of(context, lake, as_of).await.map_err(|error| engine(input, error))?);
        }
    }
    if opening.problems.has_errors() {
        return Err(OpenError::Contract(opening.problems));
    }
    if opening.late.has_errors() {
        return Err(OpenError::NotReady(opening.late));
    }
    Ok(OpenedInputs { inputs: opened, warnings })
}

/// Every input made ready to be read; for a night, without objects that come after it by their path.
pub(crate) async fn prepare<'a>(
    context: &'a SessionContext,
    stores: &'a Stores,
    spec: &LakeSpec<'a>,
    night: Option<NaiveDate>,
) -> Result<Vec<Prepared<'a>>, OpenError> {
    let mut lake = Lake::survey(context, stores, spec.sources, night).await.map_err(OpenError::Store)?;
    let mut prepared = Vec::new();
    for table in InputTable::ALL {
        for input in spec.inputs.iter().filter(|input| input.table == *table) {
            prepared.extend(lake.prepare(input).await.map_err(OpenError::Store)?);
        }
    }
    if !lake.problems.has_errors() {
        return Ok(prepared);
    }
    let nowhere = nothing_in_lake(stores, spec, &lake.problems).await.map_err(OpenError::Store)?;
    Err(OpenError::Contract(nowhere.map_or(lake.problems, Diagnostics::from)))
}

/// One problem for all inputs, where no object was found for several of them because the lake itself is empty.
async fn nothing_in_lake(
    stores: &Stores,
    spec: &LakeSpec<'_>,
    problems: &Diagnostics,
) -> Result<Option<Diagnostic>, StoreError> {
    let found = problems.sorted();
    if found.len() < 2 || found.iter().any(|problem| problem.code != Code::NoObjects) {
        return Ok(None);
    }
    let place = spec.location.to_string();
    if !listing::list(stores.open(spec.location)?.as_ref(), spec.location).await?.objects.is_empty() {
        return Ok(None);
    }
    let problem =
        Diagnostic::of(Code::NoObjects, place, format!("nothing is there, so {} inputs have no object", found.len()));
    Ok(Some(problem.help("correct `lake`, where relative paths of inputs start")))
}

/// Numbers of rows by name.
type Counts = BTreeMap<String, u64>;

struct Opening<'a> {
    context: &'a SessionContext,
    stores: &'a Stores,
    as_of: &'a AsOf,
    work: &'a WorkArea,
    known: Known,
    problems: Diagnostics,
    late: Diagnostics,
}

fn engine(input: &Prepared<'_>, source: DataFusionError) -> OpenError {
    OpenError::Engine { input: input.spec.table.name().to_owned(), source: Box::new(source) }
}

impl Opening<'_> {
    async fn unread_words(&self, input: &Prepared<'_>) -> Result<Vec<Diagnostic>, OpenError> {
        words::unread(self.context, input).await.map_err(|error| engine(input, error))
    }

    async fn open(&mut self, input: &Prepared<'_>) -> Result<OpenedInput, Failure> {
        let spec = input.spec;
        let streamed = streams(input);
        let opened = if streamed { self.stream(input).await } else { self.keep(input).await };
        // A streamed input goes on being read: whether it changed is asked when all of it was.
        if !streamed || opened.is_err() {
            self.unchanged(input).await?;
        }
        let mut opened = opened.map_err(|error| failure(spec, error))?;
        if opened.newest.is_none() {
            let newest = facts::newest(self.context, input, opened.stream.is_some(), self.as_of);
            opened.newest = newest.await.map_err(|error| failure(spec, error))?;
        }
        self.problems.extend(too_many_quarantined(spec, &opened.rows));
        self.late.extend(too_old(spec, &opened, self.as_of));
        tracing::debug!(
            event = "input_opened",
            input = spec.table.name(),
            read = opened.rows.read,
            kept = opened.rows.kept,
            "opened"
        );
        Ok(opened)
    }

    async fn unchanged(&self, input: &Prepared<'_>) -> Result<(), Failure> {
        for table in &input.reads {
            table.unchanged(self.stores).await.map_err(|error| Failure::Open(OpenError::Store(error)))?;
        }
        Ok(())
    }

    /// Reads the input once and keeps what is clean.
    async fn keep(&mut self, input: &Prepared<'_>) -> datafusion::error::Result<OpenedInput> {
        let table = input.spec.table;
        let checked = checks::checked(input, self.as_of, &self.known)?;
        let sieve = checked.sieve();
        let tally = self.work.keep(self.context, table.name(), checked.frame, sieve).await?;
        let mut quarantined = named(&checked.reasons, &tally.reasons);
        let after_as_of = quarantined.remove(AFTER_AS_OF).unwrap_or_default();
        let mut kept = tally.kept;
        // Events and snapshots of one subscription share its id.
        let has_key = input.spec.form == SubscriptionForm::Periods;
        if let Some(key) = table.key().filter(|key| has_key && input.mapping.column(key).is_some()) {
            let left = duplicates::remove(self.context, self.work, table.name(), key, kept).await?;
            if left < kept {
                quarantined.insert(format!("duplicate_{key}"), kept - left);
                kept = left;
            }
        }
        let mut merged = 0;
        let mut astray = 0;
        if table == InputTable::Accounts {
            self.known.successors = Successors::settle(self.context, self.work, input, self.as_of).await?;
            self.known.accounts = facts::known_accounts(self.context).await?;
            (merged, astray) = (self.known.successors.merged, self.known.successors.astray);
            kept -= merged;
        }
        if table == InputTable::ExchangeRates {
            let left = exchange::settle(self.context, self.work).await?;
            if left < kept {
                quarantined.insert("duplicate_rate".to_owned(), kept - left);
                kept = left;
            }
        }
        let mut newest = None;
        if table == InputTable::Subscriptions {
            // How fresh events and snapshots are is known of them, not of the periods made of them.
            newest = facts::newest(self.context, input, false, self.as_of).await?;
            let settled = forms::settle(self.context, self.work, input, kept, self.as_of).await?;
            kept = settled.periods;
            if settled.superseded > 0 {
                quarantined.insert("superseded_snapshot".to_owned(), settled.superseded);
            }
        }
        let (unknown, unexpected) = tally.unknown.split_at(checked.unknown.len().min(tally.unknown.len()));
        let unknown = named(&checked.unknown, unknown);
        // An expectation that every row meets is told too: somebody may ask whether it was looked at.
        let mut unexpected: BTreeMap<String, u64> =
            checked.unexpected.iter().cloned().zip(unexpected.iter().copied()).collect();
        for expected in input.expectations.iter().filter(|expected| expected.leaves_out) {
            quarantined.entry(checks::unexpected_reason(&expected.name)).or_default();
        }
        if astray > 0 {
            unexpected.insert("merged_into_known_account".to_owned(), astray);
        }
        if let Some(lost) = corrections::settle(self.context, self.work, input).await?.filter(|lost| *lost > 0) {
            unexpected.insert(corrections::KNOWN_ORDER.to_owned(), lost);
        }
        let rows =
            RowCounts { read: tally.seen(), kept: Some(kept), after_as_of, merged, quarantined, unknown, unexpected };
        Ok(OpenedInput { newest, ..described(input, rows, None) })
    }

    /// Registers the input as a plan over the lake.
    async fn stream(&self, input: &Prepared<'_>) -> datafusion::error::Result<OpenedInput> {
        let table = input.spec.table;
        let left_out = input.expectations.iter().filter(|expected| expected.leaves_out);
        let kept = left_out.map(|expected| expected.broken.clone().is_not_true());
        let stream = StreamedInput {
            name: table.name().to_owned(),
            objects: input.objects.clone(),
            reads: input.reads.clone(),
            source: input.unfiltered.clone(),
            filter: input.filter.iter().cloned().chain(kept).reduce(Expr::and),
            columns: checks::typed(&input.mapping, self.as_of.zone().name()),
            visible: checks::is_visible(table, &input.mapping, self.as_of),
            successors: self.known.successors.clone(),
        };
        let view = stream.frame(self.context)?.into_view();
        self.context.deregister_table(table.name())?;
        self.context.register_table(table.name(), view)?;
        let read = input.versions.iter().map(|object| object.rows).sum();
        let (left_out, unexpected) = self.broken(input).await?;
        let left_out = left_out.into_iter().map(|(name, rows)| (checks::unexpected_reason(&name), rows));
        let quarantined = left_out.chain(self.outside_calendar(input).await?).collect();
        Ok(described(input, RowCounts { read, quarantined, unexpected, ..RowCounts::default() }, Some(stream)))
    }

    /// Rows of a streamed input that happened on no day of the calendar. Where the lake stores days as days, the engine
    /// passes over all objects that have none.
    async fn outside_calendar(&self, input: &Prepared<'_>) -> datafusion::error::Result<Counts> {
        let Some((reason, is_outside)) = checks::is_outside_calendar(input.spec.table, &input.mapping) else {
            return Ok(Counts::new());
        };
        let typed = checks::typed(&input.mapping, self.as_of.zone().name());
        let rows = input.source.clone().select(typed)?.filter(is_outside)?.count().await?;
        Ok(u64::try_from(rows).ok().filter(|rows| *rows > 0).map(|rows| (reason, rows)).into_iter().collect())
    }

    /// Rows of a streamed input that break expectations, those left out and those kept, counted in one pass over the
    /// columns that the expectations look at.
    async fn broken(&self, input: &Prepared<'_>) -> datafusion::error::Result<(Counts, Counts)> {
        if input.expectations.is_empty() {
            return Ok((Counts::new(), Counts::new()));
        }
        let flags = input.expectations.iter().map(|expected| expected.broken.clone().alias(checks::flag(expected)));
        let typed = checks::typed(&input.mapping, self.as_of.zone().name());
        let mut frame = input.source.clone().select(typed.into_iter().chain(flags).collect::<Vec<_>>())?;
        if let Some(visible) = checks::is_visible(input.spec.table, &input.mapping, self.as_of) {
            frame = frame.filter(visible)?;
        }
        // A row that is left out is not counted among those that were kept.
        let is_broken = |expected: &Expected| checks::column(&checks::flag(expected));
        let left_out = input.expectations.iter().filter(|expected| expected.leaves_out).map(is_broken).reduce(Expr::or);
        let sums = input.expectations.iter().map(|expected| {
            let counted = when(is_broken(expected), lit(1_i64)).otherwise(lit(0_i64))?;
            let counted = match &left_out {
                Some(left_out) if !expected.leaves_out => when(left_out.clone(), lit(0_i64)).otherwise(counted)?,
                _ => counted,
            };
            Ok(sum(counted).alias(&expected.name))
        });
        let answer = frame.aggregate(vec![], sums.collect::<datafusion::error::Result<Vec<_>>>()?)?.collect().await?;
        let rows_of = |name: &str| {
            let column = answer.first()?.column_by_name(name)?.as_primitive_opt::<Int64Type>()?;
            u64::try_from(column.iter().next()?.unwrap_or_default()).ok()
        };
        let counted = |leaves_out: bool| {
            let of_kind = input.expectations.iter().filter(|expected| expected.leaves_out == leaves_out);
            of_kind.filter_map(|expected| Some((expected.name.clone(), rows_of(&expected.name)?))).collect()
        };
        Ok((counted(true), counted(false)))
    }
}

/// Whether an input is read from the lake by every plan that uses it: without a key there is nothing to compare rows
/// with, and its source is nothing but a scan.
pub(crate) fn streams(input: &Prepared<'_>) -> bool {
    let has_key = input.mapping.column("event_id").is_some();
    let is_scan = match input.spec.from {
        InputSource::Objects(_) => true,
        InputSource::Sql(_) => is_plain_scan(&input.unfiltered),
    };
    input.spec.table == InputTable::UsageEvents && !has_key && is_scan
}

fn described(input: &Prepared<'_>, rows: RowCounts, stream: Option<StreamedInput>) -> OpenedInput {
    let columns =
        input.mapping.columns.iter().map(|column| OpenedColumn { name: column.name.clone(), kind: column.kind });
    let mut columns: Vec<OpenedColumn> = columns.collect();
    let attributes = columns.split_off(input.mapping.contract.min(columns.len()));
    if input.spec.form != SubscriptionForm::Periods && input.mapping.column("ended_on").is_none() {
        // Where rows are events or snapshots, the end of each is made from what comes next.
        columns.push(OpenedColumn { name: "ended_on".to_owned(), kind: ColumnType::Date });
    }
    OpenedInput {
        table: input.spec.table,
        columns,
        attributes,
        objects: input.versions.clone(),
        source_columns: drift::source_columns(input),
        rows,
        newest: None,
        stream,
    }
}

/// Counts by name, without those that are zero.
fn named(names: &[String], counts: &[u64]) -> BTreeMap<String, u64> {
    let counted = names.iter().zip(counts).filter(|(_, count)| **count > 0);
    counted.map(|(name, count)| (name.clone(), *count)).collect()
}

/// Rows of an input of which at least one is right, whatever share may break its contract: where none is, the mapping is wrong.
const NEVER_ALL_WRONG: u64 = 100;

fn too_many_quarantined(spec: &InputSpec, rows: &RowCounts) -> Option<Diagnostic> {
    let seen = rows.read.checked_sub(rows.after_as_of).filter(|seen| *seen > 0)?;
    let (name, wrong) = (spec.table.name(), rows.quarantined_total());
    #[expect(clippy::cast_precision_loss, reason = "a share in percent; counts of rows are far below 2^53")]
    let share = wrong as f64 * 100.0 / seen as f64;
    let message = match spec.max_quarantine_pct {
        Some(limit) if share > limit => {
            format!("{share:.1} % of the rows of `{name}` break its contract; {limit} % are allowed")
        }
        _ if wrong == seen && seen >= NEVER_ALL_WRONG => format!("all {seen} rows of `{name}` break its contract"),
        _ => return None,
    };
    let problem = Diagnostic::at(Code::QuarantineLimit, spec.span, message);
    let counted = rows.quarantined.iter().filter(|(_, count)| **count > 0);
    let counted = counted.map(|(reason, count)| format!("{reason}: {count} of {seen} rows"));
    Some(counted.fold(problem, Diagnostic::note))
}

fn too_old(spec: &InputSpec, opened: &OpenedInput, as_of: &AsOf) -> Option<Diagnostic> {
    let allowed = spec.freshness_max_age_days?;
    let name = spec.table.name();
    let message = match opened.newest {
        Some(newest) if newest >= as_of.days_before(allowed) => return None,
        Some(newest) => {
            let age = as_of.day().signed_duration_since(newest).num_days();
            format!("`{name}` ends on {newest}, {age} days before the night of {}; {allowed} are allowed", as_of.day())
        }
        None => format!("`{name}` has no row up to the night of {}", as_of.day()),
    };
    let help = "run again when its export has come, or let the run wait with `--wait-for-inputs`; `freshness: max_age_days` says what is allowed";
    Some(Diagnostic::at(Code::StaleInput, spec.span, message).help(help))
}

fn no_rows(spec: &InputSpec, opened: &OpenedInput) -> Option<Diagnostic> {
    let message = format!("no row of `{}` is visible on this night", spec.table.name());
    // Of a streamed input nobody knows how many rows are kept, but whether there is a last one.
    let is_streamed_in_vain = opened.rows.kept.is_none() && opened.newest.is_none();
    let is_empty = opened.rows.kept == Some(0) || opened.rows.read == 0 || is_streamed_in_vain;
    is_empty.then(|| Diagnostic::at(Code::SmallSample, spec.span, message))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::path::Path;

    use datafusion::arrow::array::{ArrayRef, StringArray};
    use datafusion::arrow::record_batch::RecordBatch;
    use headwater_diagnostics::{Sources, Span};
    use headwater_metrics::Exchange;
    use parquet::arrow::ArrowWriter;

    use super::*;
    use crate::{DriftPolicy, Location, ObjectsSpec, StoreFailure, StoreOptions};

    fn write(file: &Path, ids: &[&str]) {
        let ids: ArrayRef = std::sync::Arc::new(StringArray::from(ids.to_vec()));
        let batch = RecordBatch::try_from_iter([("account_id", ids)]).unwrap();
        let mut writer = ArrowWriter::try_new(File::create(file).unwrap(), batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    }

    /// An export that goes on while the night reads: what was read may be of either version, readable or not.
    #[tokio::test]
    async fn an_object_that_is_replaced_while_it_is_read_is_no_damaged_one() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("accounts.parquet");
        let base = Location::local(folder.path()).unwrap();
        let span = Span { file: Sources::default().add("headwater.yaml", "accounts:"), start: 0, end: 8 };
        let objects =
            ObjectsSpec { location: Location::parse("accounts.parquet", &base).unwrap(), partitions: Vec::new(), span };
        let accounts = [InputSpec {
            table: InputTable::Accounts,
            from: InputSource::Objects(objects),
            columns: Vec::new(),
            attributes: Vec::new(),
            filter: None,
            form: SubscriptionForm::Periods,
            roll_up_to_parents: false,
            expect: Vec::new(),
            freshness_max_age_days: None,
            drift: DriftPolicy::default(),
            max_quarantine_pct: None,
            span,
        }];
        let lake =
            LakeSpec { location: &base, sources: &[], inputs: &accounts, currency: "EUR", exchange: Exchange::Moving };
        let as_of = AsOf::new("2024-06-30".parse().unwrap(), "UTC".parse().unwrap());
        let replacements: [&dyn Fn(); 3] =
            [&|| write(&file, &["a", "b", "c"]), &|| fs::write(&file, "half of an object").unwrap(), &|| {
                fs::remove_file(&file).unwrap()
            }];
        for replace in replacements {
            write(&file, &["a"]);
            let (context, stores) = (SessionContext::new(), Stores::new(StoreOptions::default()));
            let work = tempfile::tempdir().unwrap();
            let work = WorkArea::new(work.path().to_owned());
            let prepared = prepare(&context, &stores, &lake, Some(as_of.day())).await.unwrap();
            let mut opening = Opening {
                context: &context,
                stores: &stores,
                as_of: &as_of,
                work: &work,
                known: Known::default(),
                problems: Diagnostics::new(),
                late: Diagnostics::new(),
            };
            replace();
            let failed = opening.open(&prepared[0]).await.unwrap_err();
            let Failure::Open(OpenError::Store(error)) = failed else { panic!("{failed:?}") };
            assert_eq!(error.kind, StoreFailure::Changed, "{error:?}");
        }
    }
}
