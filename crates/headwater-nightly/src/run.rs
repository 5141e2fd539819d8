//! One night: open → measure → judge → stage → audit → publish.

use std::path::PathBuf;
use std::sync::Arc;

use chrono::NaiveDate;
use headwater_diagnostics::{Code, Diagnostic, Diagnostics, FileId, Sources};
use headwater_ingest::{OpenedInputs, StoreOptions, Stores, WorkArea};
use headwater_metrics::{AsOf, InputTable, MeasurePlan, Night};
use headwater_rules::CheckedRules;

use crate::audit;
use crate::engine::{Engine, EngineLimits};
use crate::failure::{FailureKind, RunError};
use crate::judge::{self, Judged};
use crate::measure;
use crate::project::Project;
use crate::publish::{Clock, Lease, Manifest, Publication, PublishError};
use crate::records;
use crate::report::{RunReport, Summary};
use crate::rule_set::{check_rules, check_rules_over};
use crate::stage::StagingArea;
use crate::steps::{Progress, Steps};

/// Everything a night needs from outside.
#[derive(Clone)]
pub struct RunRequest {
    /// The project.
    pub project: Project,
    /// The texts of the project.
    pub sources: Sources,
    /// Which of them are rule files.
    pub rule_files: Vec<FileId>,
    /// Partitions worked on at once, where the project does not say.
    pub threads: usize,
    /// The night.
    pub as_of: NaiveDate,
    /// Names the run; unique.
    pub run_id: String,
    /// Names the machine, for others who find the lease taken.
    pub host: String,
    /// What the environment says about stores.
    pub environment: Vec<(String, String)>,
    /// The wall clock.
    pub clock: Clock,
    /// Told about each step.
    pub progress: Progress,
}

impl std::fmt::Debug for RunRequest {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("RunRequest")
            .field("run_id", &self.run_id)
            .field("as_of", &self.as_of)
            .finish_non_exhaustive()
    }
}

/// A published night and what is worth knowing although it did not stop it.
#[derive(Debug)]
pub struct Published {
    /// The report.
    pub report: RunReport,
    /// Warnings.
    pub warnings: Diagnostics,
}

/// Runs one night.
///
/// # Errors
/// When it is not published; what was published before is untouched then.
pub async fn run(request: &RunRequest) -> Result<Published, RunError> {
    let project = &request.project;
    let (_, warnings) = sound(check_rules(project, &request.sources, &request.rule_files))?;
    let stores = Stores::new(StoreOptions {
        environment: request.environment.clone(),
        overrides: project.stores.clone(),
        retry_for: None,
    });
    let outputs = stores.open(&project.outputs.location)?;
    let publication = Publication::new(outputs, project.outputs.location.path());
    let place = project.outputs.location.to_string();
    let publishing = |error: PublishError| RunError::publishing(&place, &error);
    publication.probe(&request.run_id).await.map_err(publishing)?;
    let lease =
        publication.lease(&request.run_id, &request.host, Arc::clone(&request.clock)).await.map_err(publishing)?;
    let published = tokio::select! {
        published = night(request, &stores, &publication, &lease) => published,
        error = keep_alive(&lease) => Err(publishing(error)),
    };
    if published.as_ref().is_err_and(|error| error.kind != FailureKind::Held) {
        // What a held night staged is evidence; what any other failure left behind is waste.
        if let Err(error) = publication.clear_staging(&request.run_id).await {
            tracing::warn!(%error, "what was staged could not be removed");
        }
    }
    let released = lease.release().await;
    if let Err(error) = released {
        tracing::warn!(%error, "the lease could not be released and will end by itself");
    }
    published.map(|mut published| {
        published.warnings.append(warnings);
        published
    })
}

/// Rules that may be compiled, with the warnings about them.
fn sound((rules, problems): (Option<CheckedRules>, Diagnostics)) -> Result<(CheckedRules, Diagnostics), RunError> {
    match rules {
        Some(rules) => Ok((rules, problems)),
        None => Err(RunError::new(FailureKind::InvalidProject, problems)),
    }
}

/// Renews the lease as long as it lives; ends only with the reason why it does no longer.
async fn keep_alive(lease: &Lease) -> PublishError {
    loop {
        tokio::time::sleep(Lease::heartbeat()).await;
        if let Err(error) = lease.renew().await {
            return error;
        }
    }
}

/// The night itself, while the lease is held.
async fn night(
    request: &RunRequest,
    stores: &Stores,
    publication: &Publication,
    lease: &Lease,
) -> Result<Published, RunError> {
    let project = &request.project;
    let work = Workshop::new(&project.engine.spill_dir, &request.run_id)?;
    let engine = Engine::new(&EngineLimits {
        memory_bytes: project.engine.memory_mb.and_then(|megabytes| usize::try_from(megabytes << 20).ok()),
        spill_dir: work.folder.clone(),
        threads: project.engine.threads.unwrap_or(request.threads),
    })?;
    let mut steps = Steps::new(Arc::clone(&request.clock), Arc::clone(&request.progress));
    let place = project.outputs.location.to_string();
    let publishing = |error: PublishError| RunError::publishing(&place, &error);

    steps.begin("open");
    let as_of = AsOf::new(request.as_of, project.time_zone);
    let opened = headwater_ingest::open(engine.context(), stores, &project.lake_spec(), &as_of, &work.area).await?;
    steps.end(opened.inputs.iter().map(|input| input.rows.read).sum());

    some_accounts(&opened)?;
    let (rules, _) = sound(check_rules_over(project, &request.sources, &request.rule_files, &opened))?;
    let mut night = measure::night(&opened, as_of, project);
    let measured = measure_night(&engine, &work.area, project, &rules, &mut night, &mut steps).await?;
    let unseen = measure::streamed_quarantine(&engine, &measured).await?;
    let inputs = records::inputs(&opened, &unseen, &project.lake);

    let before = publication.latest().await.map_err(publishing)?;
    let staging = StagingArea {
        store: publication.store(),
        folder: publication.path(&Publication::staging(&request.run_id)),
        compatibility: project.outputs.compat,
    };
    let outputs_url = stores.register(engine.context(), &project.outputs.location)?;
    let judged = judge::judge(judge::Case {
        engine: &engine,
        work: &work.area,
        request,
        rules: &rules,
        night: &night,
        measured: &measured,
        inputs: &inputs,
        staging: &staging,
        publication,
        outputs: &outputs_url,
        before: before.as_ref(),
        steps: &mut steps,
    })
    .await?;

    steps.begin("audit");
    let audits = audit_night(&engine, &judged, &outputs_url).await?;
    steps.end(judged.tables.values().map(crate::stage::StagedTable::rows).sum());

    let has_mrr = night.inputs.contains_key(&InputTable::Subscriptions)
        && measured.columns.iter().any(|(name, ..)| name == "mrr");
    let summary = Summary::read(&engine, has_mrr).await?;

    unchanged_inputs(&opened, stores).await?;
    steps.begin("publish");
    let (manifest, staged) = records::manifest(request, &judged, inputs, &summary, &steps);
    let unchanged = is_unchanged(publication, before.as_ref(), &manifest).await.map_err(publishing)?;
    let manifest = publication.publish(manifest, &staged, lease, before.as_ref()).await.map_err(publishing)?;
    publication.clear_staging(&request.run_id).await.map_err(publishing)?;
    steps.end(manifest.tables.iter().map(|table| table.rows).sum());

    let report = RunReport {
        run_id: request.run_id.clone(),
        as_of: request.as_of,
        location: place.clone(),
        manifest: manifest.number,
        unchanged,
        accounts: manifest.table("account_metrics").map_or(0, |table| table.rows),
        segments: summary.segments,
        flags: summary.flags,
        verdicts: summary.verdicts,
        inputs: manifest.inputs,
        unavailable_metrics: measured.unavailable,
        skipped_rules: rules.skipped().to_vec(),
        audits,
        tables: manifest.tables,
        steps: steps.records(),
    };
    Ok(Published { report, warnings: opened.warnings })
}

async fn measure_night(
    engine: &Engine,
    work: &WorkArea,
    project: &Project,
    rules: &CheckedRules,
    night: &mut Night,
    steps: &mut Steps,
) -> Result<MeasurePlan, RunError> {
    let groups = judge::group_metrics(project, rules, night);
    let mut asked = rules.account_metrics_needed();
    asked.extend(judge::published_metrics(project, night));
    Ok(measure::measure(engine, work, &asked, &groups, night, steps).await?)
}

async fn audit_night(
    engine: &Engine,
    judged: &Judged,
    outputs: &datafusion::datasource::object_store::ObjectStoreUrl,
) -> Result<Vec<audit::AuditResult>, RunError> {
    audit::read_back(engine, outputs, &judged.tables)?;
    let mut checks = audit::standing_checks(&judged.tables);
    checks.extend(judged.audits.iter().cloned());
    let results = audit::run(engine, &checks).await;
    let failures = audit::failures(&results);
    if failures.is_empty() { Ok(results) } else { Err(RunError::new(FailureKind::Held, failures)) }
}

/// Refuses a night for which not one account is left although the input has rows.
fn some_accounts(opened: &OpenedInputs) -> Result<(), RunError> {
    let Some(accounts) = opened.get(InputTable::Accounts) else { return Ok(()) };
    if accounts.rows.read == 0 || accounts.rows.kept != Some(0) {
        return Ok(());
    }
    let reasons: Vec<String> =
        accounts.rows.quarantined.iter().map(|(reason, rows)| format!("{reason} {rows}")).collect();
    let after = accounts.rows.after_as_of;
    let problem = Diagnostic::of(Code::QuarantineLimit, "input accounts", "not one account is left for this night")
        .label(format!("{} rows read; left out: {} after the as-of day {after}", accounts.rows.read, reasons.join(" ")))
        .help("choose a night after the first sign-up, or mend the export or its mapping");
    Err(RunError::new(FailureKind::BrokenContract, problem))
}

/// Refuses a night whose streamed inputs were written again while they were read.
async fn unchanged_inputs(opened: &OpenedInputs, stores: &Stores) -> Result<(), RunError> {
    let mut problems = Diagnostics::new();
    for input in &opened.inputs {
        let Some(stream) = &input.stream else { continue };
        problems.extend(stream.changed(stores).await?.into_iter().map(|path| {
            Diagnostic::of(Code::StoreFailed, path, "the object was written again or removed while the night read it")
                .help("run again when the export has ended")
        }));
    }
    if problems.is_empty() { Ok(()) } else { Err(RunError::new(FailureKind::Failed, problems)) }
}

/// Whether the night is published already with the same objects.
async fn is_unchanged(
    publication: &Publication,
    before: Option<&Manifest>,
    manifest: &Manifest,
) -> Result<bool, PublishError> {
    let Some(number) = before.and_then(|before| before.nights.get(&manifest.as_of)) else { return Ok(false) };
    Ok(publication.manifest(*number).await?.tables == manifest.tables)
}

/// The run's folder on the local disk; it is removed when the night ends, however it ends.
struct Workshop {
    folder: PathBuf,
    area: WorkArea,
}

impl Workshop {
    fn new(spill_dir: &std::path::Path, run_id: &str) -> Result<Self, RunError> {
        let folder = spill_dir.join(format!("run-{run_id}"));
        std::fs::create_dir_all(&folder).map_err(|error| {
            let source = Box::new(datafusion::error::DataFusionError::IoError(error));
            crate::engine::EngineError { step: format!("create the folder {}", folder.display()), source }
        })?;
        Ok(Self { area: WorkArea::new(folder.join("tables")), folder })
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.folder) {
            tracing::warn!(%error, folder = %self.folder.display(), "a work folder could not be removed");
        }
    }
}
