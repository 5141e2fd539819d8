//! The steps of one night, in their order: open, measure, judge, audit, publish.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;
use datafusion::datasource::object_store::ObjectStoreUrl;
use headwater_diagnostics::Diagnostics;
use headwater_ingest::{OpenedInputs, Stores};
use headwater_metrics::{AsOf, InputTable, MeasurePlan, Night};
use headwater_rules::CheckedRules;
use object_store::path::Path;

use crate::audit::{self, AuditResult};
use crate::engine::{Engine, EngineError, EngineLimits};
use crate::failure::{FailureKind, RunError};
use crate::judge::{self, Judged};
use crate::measure;
use crate::preconditions::{of_this_project, rates_are_known, some_accounts};
use crate::publish::{FailedAudit, HeldNight, InputRecord, Lease, Manifest, Phase, Publication, PublishError};
use crate::records;
use crate::report::{RunReport, Summary, lifetime_values};
use crate::rule_set::check_rules_over;
use crate::run::{Published, RunRequest, sound};
use crate::same_inputs;
use crate::stage::{StagedTable, StagingArea};
use crate::state_chain::resting_on_older_state;
use crate::steps::Steps;
use crate::stop::Stop;
use crate::watch::Moment;
use crate::workshop::Workshop;

/// Where a night works.
#[derive(Clone, Copy)]
pub(crate) struct Site<'a> {
    pub(crate) stores: &'a Stores,
    pub(crate) publication: &'a Publication,
    pub(crate) lease: &'a Lease,
    pub(crate) workshop: &'a Workshop,
}

/// A night at work.
pub(crate) struct AtWork<'a> {
    request: &'a RunRequest,
    site: Site<'a>,
    engine: Engine,
    /// The place of the publication as the engine knows it.
    outputs: ObjectStoreUrl,
    /// The manifest published last.
    latest: Option<Manifest>,
    /// The last night published before this one.
    before: Option<Manifest>,
    steps: Steps,
}

/// Open inputs, and the rules as they may be judged over them.
pub(crate) struct Opened {
    inputs: OpenedInputs,
    rules: CheckedRules,
    warnings: Diagnostics,
}

/// What was measured: the table `measured` is there.
pub(crate) struct Measured {
    night: Night,
    plan: MeasurePlan,
    /// The inputs, with what was counted while they were read.
    inputs: Vec<InputRecord>,
}

impl<'a> AtWork<'a> {
    /// Clears the place of what dead runs left, and makes sure that a night can be published there.
    pub(crate) async fn begin(request: &'a RunRequest, site: Site<'a>) -> Result<Self, RunError> {
        let project = &request.project;
        let failed = |error| request.publishing(&error);
        if let Err(error) = site.publication.sweep(&request.run_id, site.lease).await {
            tracing::warn!(event = "dead_staging_not_removed", %error, "what dead runs staged could not be removed");
        }
        site.publication.probe(&request.run_id).await.map_err(failed)?;
        let latest = site.publication.latest_under(site.lease).await.map_err(failed)?;
        of_this_project(project, latest.as_ref())?;
        site.publication.confirm_next(latest.as_ref()).map_err(failed)?;
        let number = latest.as_ref().and_then(|latest| latest.night_before(request.as_of)).map(|(_, number)| number);
        let before = match number {
            Some(number) => Some(site.publication.manifest(number).await.map_err(failed)?),
            None => None,
        };
        let engine = Engine::new(&EngineLimits::of(project, site.workshop.folder(), request.threads))?;
        let outputs = site.stores.register(engine.context(), &project.outputs.location)?;
        let steps = Steps::new(Arc::clone(&request.clock), Arc::clone(&request.progress), request.watch.clone());
        Ok(Self { request, site, engine, outputs, latest, before, steps })
    }

    /// Opens the inputs, and checks the rules against what is there.
    pub(crate) async fn open(&mut self) -> Result<Opened, RunError> {
        let (request, project) = (self.request, &self.request.project);
        rates_are_known(project, request.as_of)?;
        self.steps.begin("open");
        let (context, area, as_of) = (self.engine.context(), self.site.workshop.area(), self.as_of());
        let lake = project.lake_spec();
        if let Some(recorded) = &request.recorded_inputs {
            let listing = headwater_ingest::list_inputs(context, self.site.stores, &lake, Some(request.as_of));
            let listed = request.stop.unless_asked(listing).await??;
            same_inputs::unchanged_since(recorded, &records::listed(&listed, &project.lake), &project.lake)?;
        }
        let opening = headwater_ingest::open(context, self.site.stores, &lake, &as_of, area);
        let inputs = request.stop.unless_asked(opening).await??;
        if let Some(recorded) = &request.recorded_inputs {
            same_inputs::unchanged_since(recorded, &records::opened(&inputs, &project.lake), &project.lake)?;
        }
        self.steps.end(inputs.inputs.iter().map(|input| input.rows.read).sum());
        some_accounts(&inputs)?;
        let mut warnings = inputs.warnings.clone();
        warnings.append(same_inputs::columns_since(self.before.as_ref(), project, &inputs)?);
        let mut warnings = request.allowed(FailureKind::BrokenContract, warnings)?;
        let (rules, of_rules) = sound(check_rules_over(project, &request.sources, &request.rule_files, &inputs))?;
        warnings.append(request.allowed(FailureKind::InvalidProject, of_rules)?);
        warnings.append(request.allowed(FailureKind::InvalidProject, rules.over(request.as_of))?);
        Ok(Opened { inputs, rules, warnings })
    }

    /// Computes the metrics that rules and outputs ask for.
    pub(crate) async fn measure(&mut self, opened: &Opened) -> Result<Measured, RunError> {
        let (request, project) = (self.request, &self.request.project);
        let mut night = measure::night(&opened.inputs, self.as_of(), project);
        let groups = judge::group_metrics(project, &opened.rules, &night);
        let mut asked = opened.rules.account_metrics_needed();
        asked.extend(judge::published_metrics(project, &night));
        self.steps.enter(Phase::Measure);
        let (engine, area, steps) = (&self.engine, self.site.workshop.area(), &mut self.steps);
        let measuring = measure::measure(engine, area, &asked, &groups, &mut night, steps);
        let plan = match request.stop.unless_asked(measuring).await? {
            Ok(plan) => plan,
            Err(error) => return Err(self.explained(error, &opened.inputs).await),
        };
        let unseen = measure::streamed_quarantine(&self.engine, &plan).await?;
        let inputs = records::inputs(&opened.inputs, &unseen, &project.lake);
        request.watch.tell(&Moment::InputsRead(&inputs));
        Ok(Measured { night, plan, inputs })
    }

    /// Judges accounts and groups by the rules, and stages what is to be published.
    pub(crate) async fn judge(&mut self, opened: &Opened, measured: &Measured) -> Result<Judged, RunError> {
        let publication = self.site.publication;
        let staging = StagingArea {
            store: publication.store(),
            folder: publication.path(&Publication::staging(&self.request.run_id)),
            compatibility: self.request.project.outputs.compat,
            stop: self.request.stop.clone(),
        };
        judge::judge(judge::Case {
            engine: &self.engine,
            work: self.site.workshop.area(),
            request: self.request,
            rules: &opened.rules,
            night: &measured.night,
            measured: &measured.plan,
            inputs: &measured.inputs,
            staging: &staging,
            publication,
            outputs: &self.outputs,
            before: self.before.as_ref(),
            steps: &mut self.steps,
        })
        .await
    }

    /// Audits the staged tables; a night that fails is held, and what it staged is kept as evidence.
    pub(crate) async fn audit(&mut self, measured: &Measured, judged: &Judged) -> Result<Vec<AuditResult>, RunError> {
        self.steps.enter(Phase::Audit);
        self.steps.begin("audit");
        let mut checks = audit::standing_checks(&judged.tables);
        checks.extend(judged.audits.iter().cloned());
        let results = self.request.stop.unless_asked(audit::run(&self.engine, &checks)).await?;
        self.request.watch.tell(&Moment::Audited(&results));
        let holding = audit::holding(&results, self.request.deny_warnings);
        if !holding.is_empty() {
            // A run that took over has cleared away what this one staged, which is no reason to hold a night.
            self.site.lease.confirm().await.map_err(|error| self.request.publishing(&error))?;
            self.hold(&holding, &measured.inputs).await;
            // Nor is there evidence then.
            if let Err(error) = self.site.lease.confirm().await {
                return Err(self.request.publishing(&error));
            }
            return Err(RunError::new(FailureKind::Held, audit::failures(&results, self.request.deny_warnings)));
        }
        self.steps.end(judged.tables.values().map(StagedTable::rows).sum());
        Ok(results)
    }

    async fn hold(&self, holding: &[&AuditResult], inputs: &[InputRecord]) {
        let audits = holding.iter().map(|audit| FailedAudit {
            id: audit.id.clone(),
            table: audit.table.clone(),
            observed: audit.observed.clone(),
            expected: audit.expected.clone(),
        });
        let night = HeldNight {
            as_of: self.request.as_of,
            run_id: self.request.run_id.clone(),
            held_at: (self.request.clock)(),
            audits: audits.collect(),
            inputs: inputs.to_vec(),
        };
        if let Err(error) = self.site.publication.hold(&night).await {
            tracing::warn!(event = "held_night_not_recorded", %error, "the held night could not be recorded, so the next run removes what it staged");
        }
    }

    /// Publishes the night, unless an input changed while it was read.
    pub(crate) async fn publish(
        mut self,
        opened: Opened,
        measured: Measured,
        judged: Judged,
        audits: Vec<AuditResult>,
    ) -> Result<Published, RunError> {
        let Self { request, site, .. } = self;
        let summary = Summary::read(&self.engine, measured.has_mrr()).await?;
        let are_published = judged.tables.contains_key("lifetime_values");
        let lifetime_values = if are_published { lifetime_values(&self.engine).await? } else { Vec::new() };
        request.stop.unless_asked(unchanged_inputs(&opened.inputs, site.stores)).await??;
        self.steps.enter(Phase::Publish);
        self.steps.begin("publish");
        let (manifest, staged) = records::manifest(request, &judged, measured.inputs, &summary, &self.steps);
        let (manifest, unchanged) =
            self.put_in_place(manifest, &staged).await.map_err(|error| request.publishing(&error))?;
        self.clean_up().await;
        let resting_on_older_state = self.resting_on_older_state(&manifest).await;
        self.steps.end(manifest.tables.iter().map(|table| table.rows).sum());
        let report = RunReport {
            run_id: request.run_id.clone(),
            as_of: request.as_of,
            location: request.project.outputs.location.to_string(),
            manifest: manifest.number,
            unchanged,
            newest_night: manifest.nights.keys().next_back().copied().unwrap_or(request.as_of),
            resting_on_older_state,
            accounts: manifest.table("account_metrics").map_or(0, |table| table.rows),
            segments: summary.segments,
            flags: summary.flags,
            verdicts: summary.verdicts,
            lifetime_values,
            inputs: manifest.inputs,
            unavailable_metrics: measured.plan.unavailable,
            skipped_rules: opened.rules.skipped().iter().map(ToString::to_string).collect(),
            audits,
            tables: manifest.tables,
            steps: self.steps.records(),
        };
        Ok(Published { report, warnings: opened.warnings })
    }

    /// The manifest as it was created, and whether the night was published before with the same objects.
    async fn put_in_place(
        &self,
        manifest: Manifest,
        staged: &BTreeMap<String, Path>,
    ) -> Result<(Manifest, bool), PublishError> {
        let (publication, latest) = (self.site.publication, self.latest.as_ref());
        let current = match latest {
            Some(latest) => publication.current(latest, manifest.as_of).await?,
            None => None,
        };
        let unchanged = current.is_some_and(|current| current.tables == manifest.tables);
        let carries_on = self.before.as_ref().map(records::state_of);
        let manifest = publication.number(Manifest { carries_on, ..manifest }, latest)?;
        publication.publish(&manifest, staged, self.site.lease, &self.request.stop).await?;
        Ok((manifest, unchanged))
    }

    /// The later nights that now rest on an older state. The night is published, whether or not the store says which.
    async fn resting_on_older_state(&self, manifest: &Manifest) -> Vec<NaiveDate> {
        let older = resting_on_older_state(self.site.publication, manifest, manifest.as_of).await;
        older.unwrap_or_else(|error| {
            tracing::warn!(event = "later_nights_not_looked_at", %error, "whether later nights carry on another state is not known");
            Vec::new()
        })
    }

    /// Removes what the night staged, what was held of it before, and what nothing references any more. The night is
    /// published, whatever comes of this.
    async fn clean_up(&self) {
        let (Site { publication, lease, .. }, request) = (self.site, self.request);
        // Another run may be at work by now, and clears up itself.
        if lease.check().is_err() {
            return;
        }
        let cleared = publication.clear_staging(&request.run_id).await;
        if let Err(error) = cleared.and(publication.forget_held(request.as_of, None).await) {
            tracing::warn!(event = "staging_not_removed", %error, "what was staged could not be removed");
        }
        let cleared = async {
            let latest = publication.latest_under(lease).await?;
            let waste =
                publication.waste(latest.as_ref(), request.project.outputs.retention, (request.clock)(), true).await?;
            publication.clear(&waste, lease, &Stop::never()).await
        };
        if let Err(error) = cleared.await {
            tracing::warn!(event = "waste_not_removed", %error, "what nothing references could not be removed");
        }
    }

    /// Why measuring failed: an object of a streamed input that changed while it was read, or a damaged one, which is a broken
    /// contract and is named.
    async fn explained(&self, error: EngineError, opened: &OpenedInputs) -> RunError {
        if let Err(changed) = unchanged_inputs(opened, self.site.stores).await {
            return changed;
        }
        for stream in opened.inputs.iter().filter_map(|input| input.stream.as_ref()) {
            if let Some(problem) = stream.damaged_object(self.engine.context(), &error.source).await {
                return RunError::new(FailureKind::BrokenContract, problem);
            }
        }
        error.into()
    }

    fn as_of(&self) -> AsOf {
        AsOf::new(self.request.as_of, self.request.project.time_zone)
    }
}

impl Measured {
    /// Whether recurring revenue is known of accounts.
    fn has_mrr(&self) -> bool {
        self.night.inputs.contains_key(&InputTable::Subscriptions)
            && self.plan.columns.iter().any(|(name, ..)| name == "mrr")
    }
}

/// Refuses a night whose streamed inputs were written again while they were read.
async fn unchanged_inputs(opened: &OpenedInputs, stores: &Stores) -> Result<(), RunError> {
    for stream in opened.inputs.iter().filter_map(|input| input.stream.as_ref()) {
        stream.unchanged(stores).await?;
    }
    Ok(())
}
