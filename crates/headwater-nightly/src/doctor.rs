//! Looks at everything around a night: stores and what is permitted there, clocks, the lease, the spill folder.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use chrono::TimeDelta;
use headwater_diagnostics::{Code, Diagnostic, Diagnostics, Place};
use headwater_ingest::list_inputs;
use serde::Serialize;

use crate::all_tables::carried_tables;
use crate::engine::{Engine, EngineLimits};
use crate::failure::{FailureKind, RunError};
use crate::preconditions::of_this_project;
use crate::publish::{
    DamagedManifest, LeaseHolder, Manifest, Probe, ProbeStep, Publication, PublishError, PublishedFile,
};
use crate::tenure::Operation;

/// Clocks that differ by less are fine: stores tell whole seconds.
const SMALL_SKEW: TimeDelta = TimeDelta::seconds(10);
/// Less free space than this is worth a warning.
const LITTLE_SPACE: u64 = 1 << 30;

/// How one thing was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// As it must be.
    Fine,
    /// A night may do without.
    Doubtful,
    /// A night will fail.
    Broken,
    /// Not looked at.
    Unknown,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What.
    pub subject: String,
    /// How it was found.
    pub health: Health,
    /// What was seen.
    pub seen: String,
    /// What to do about it, where something is to be done.
    pub remedy: Option<String>,
}

/// Everything that was looked at.
#[derive(Debug)]
pub struct Examination {
    /// In the order it was looked at.
    pub findings: Vec<Finding>,
    /// The kind of the first failure.
    pub failure: Option<FailureKind>,
}

/// Looks at what a night needs. Where no run is at work, the lease is taken, folders of published nights are brought in line
/// with their manifests as every run does, and an object is made and removed under the outputs' location; nothing else is
/// written.
///
/// # Errors
/// When it is asked to stop.
pub async fn examine(operation: &Operation, threads: usize, free_bytes: Option<u64>) -> Result<Examination, RunError> {
    let mut examination = Examination { findings: Vec::new(), failure: None };
    operation.stop.unless_asked(examination.inputs(operation, threads)).await?;
    examination.outputs(operation).await?;
    examination.spill(&operation.project.engine.spill_dir, &operation.run_id, free_bytes);
    Ok(examination)
}

impl Examination {
    fn add(&mut self, subject: &str, health: Health, seen: impl Into<String>, remedy: Option<&str>) {
        let remedy = remedy.map(ToOwned::to_owned);
        self.findings.push(Finding { subject: subject.to_owned(), health, seen: seen.into(), remedy });
    }

    fn fine(&mut self, subject: &str, seen: impl Into<String>) {
        self.add(subject, Health::Fine, seen, None);
    }

    /// A finding for each problem.
    fn broken(&mut self, subject: &str, kind: FailureKind, problems: &Diagnostics) {
        self.failure.get_or_insert(kind);
        for problem in problems.sorted() {
            let Diagnostic { code, place, message, label, notes, help, .. } = problem;
            // The subject says which location it is, and not which object there.
            let object = match place {
                Place::Named(object) => format!(": {object}"),
                _ => String::new(),
            };
            let because: String = label.iter().chain(notes).map(|because| format!(": {because}")).collect();
            self.add(subject, Health::Broken, format!("{code} {message}{object}{because}"), help.as_deref());
        }
    }

    /// Lists the inputs and reads the footers of their objects.
    async fn inputs(&mut self, operation: &Operation, threads: usize) {
        let limits = EngineLimits { memory_bytes: None, spill_dir: None, threads };
        let listed = match Engine::new(&limits) {
            Ok(engine) => {
                list_inputs(engine.context(), &operation.stores(), &operation.project.lake_spec(), None).await
            }
            Err(error) => return self.broken("inputs", FailureKind::Failed, &RunError::from(error).diagnostics),
        };
        match listed {
            Ok(inputs) => {
                let objects: usize = inputs.iter().map(|input| input.objects.len()).sum();
                let newest = inputs.iter().flat_map(|input| &input.objects).map(|object| object.last_modified).max();
                let newest = newest.map(|at| format!(", the last written at {at}")).unwrap_or_default();
                self.fine("inputs", format!("{} inputs, {objects} objects can be read{newest}", inputs.len()));
            }
            Err(error) => {
                let error = RunError::from(error);
                self.broken("inputs", error.kind, &error.diagnostics);
            }
        }
    }

    async fn outputs(&mut self, operation: &Operation) -> Result<(), RunError> {
        let stores = operation.stores();
        let publication = match operation.publication(&stores) {
            Ok(publication) => publication,
            Err(error) => {
                self.broken("outputs", error.kind, &error.diagnostics);
                return Ok(());
            }
        };
        // A store that does not answer is waited for once.
        let first_look = async { tokio::try_join!(publication.holder((operation.clock)()), publication.latest()) };
        let is_free = match operation.stop.unless_asked(first_look).await? {
            Ok((holder, _)) => holder.is_none(),
            Err(error) => {
                self.failed(operation, &error);
                let seen = "not looked at, because of what is broken";
                self.add("permissions", Health::Unknown, seen, Some("look again when that is mended"));
                return Ok(());
            }
        };
        // What is told is what is there when the lease has been had: whoever has it finishes what was cut short.
        let probed = if is_free { Some(probed(operation, &publication).await?) } else { None };
        operation.stop.unless_asked(self.records(operation, &publication)).await?;
        match probed {
            None => {
                let seen = "a run may be at work, so nothing was written to look";
                self.add("permissions", Health::Unknown, seen, Some("look again when it has ended"));
            }
            Some(Ok(probe)) => {
                self.fine("lease", "it can be taken and released");
                for step in probe.steps {
                    self.step(step);
                }
                if let Some(written_at) = probe.written_at {
                    self.clock((operation.clock)() - written_at);
                }
            }
            Some(Err(error)) => self.broken("outputs", error.kind, &error.diagnostics),
        }
        Ok(())
    }

    /// The records that are there, and who is at work.
    async fn records(&mut self, operation: &Operation, publication: &Publication) {
        match tokio::try_join!(publication.holder((operation.clock)()), publication.latest()) {
            Ok((holder, latest)) => {
                let seen = match &latest {
                    Some(latest) if latest.nights.len() == 1 => {
                        format!("1 night, the last manifest is {}", latest.number)
                    }
                    Some(latest) => format!("{} nights, the last manifest is {}", latest.nights.len(), latest.number),
                    None => "nothing is published yet".to_owned(),
                };
                self.fine("outputs", format!("{}: {seen}", operation.project.outputs.location));
                if let Err(error) = publication.confirm_next(latest.as_ref()) {
                    self.failed(operation, &error);
                }
                if let Err(error) = of_this_project(&operation.project, latest.as_ref()) {
                    self.broken("outputs", error.kind, &error.diagnostics);
                }
                if let Some(latest) = &latest {
                    self.nights(operation, publication, latest, holder.is_none()).await;
                }
                match holder {
                    None => {}
                    Some(holder @ LeaseHolder::Run(_)) => self.add("lease", Health::Doubtful, holder.to_string(), None),
                    Some(holder @ LeaseHolder::Unknown(_)) => {
                        let remedy = "remove the record once no run is at work";
                        self.add("lease", Health::Doubtful, holder.to_string(), Some(remedy));
                    }
                }
            }
            Err(error) => self.failed(operation, &error),
        }
    }

    /// What is gone or damaged of the nights that are published: manifests, objects of the last one, and the state that the
    /// next night carries on, which is read where no run is at work.
    async fn nights(&mut self, operation: &Operation, publication: &Publication, latest: &Manifest, is_free: bool) {
        let mut gone = Vec::new();
        let carried = if is_free { carried_on(publication, latest).await } else { Ok(()) };
        // What keeps the next night from running is told as that, and each once.
        let (broken, lacks_newest) = match &carried {
            Err(PublishError::MissingObject(object) | PublishError::BadManifest { object, .. }) => {
                (Some(object.as_str()), false)
            }
            carried => (None, matches!(carried, Err(PublishError::LostManifest(_)))),
        };
        match publication.lost(latest).await {
            Ok(nights) => {
                let newest = latest.nights.keys().next_back();
                let others = nights.iter().filter(|night| !(lacks_newest && Some(*night) == newest));
                gone.extend(others.map(|night| format!("the manifest of the night of {night}")));
            }
            Err(error) => self.failed(operation, &error),
        }
        match publication.lost_objects(latest).await {
            Ok(objects) => {
                let others = objects.iter().filter(|object| Some(object.as_str()) != broken);
                gone.extend(others.map(|object| format!("{object}, of the night of {},", latest.as_of)));
            }
            Err(error) => self.failed(operation, &error),
        }
        match publication.out_of_place(latest).await {
            Ok(Some(object)) if gone.is_empty() && carried.is_ok() => {
                let seen = format!("{object} is not as the manifest of the night of {} says", latest.as_of);
                let remedy = "the next run brings the folders of the night in line";
                self.add("outputs", Health::Doubtful, seen, Some(remedy));
            }
            Ok(_) => {}
            Err(error) => self.failed(operation, &error),
        }
        match publication.all().await {
            Ok(kept) => {
                for manifest in kept.damaged.iter().filter(|manifest| Some(manifest.object.as_str()) != broken) {
                    let seen = format!("{} cannot be used: {}", manifest.object, manifest.fault);
                    let remedy = format!("{}: until then what it names is not cleared away", DamagedManifest::REMEDY);
                    self.add("outputs", Health::Doubtful, seen, Some(&remedy));
                }
            }
            Err(error) => self.failed(operation, &error),
        }
        for what in gone {
            self.add("outputs", Health::Doubtful, format!("{what} is gone"), Some(PublishedFile::REMEDY));
        }
        if let Err(error) = &carried {
            self.failed(operation, error);
        }
    }

    fn failed(&mut self, operation: &Operation, error: &PublishError) {
        let error = operation.failed(error);
        self.broken("outputs", error.kind, &error.diagnostics);
    }

    fn step(&mut self, step: ProbeStep) {
        let ProbeStep { name, outcome } = step;
        match outcome {
            Ok(()) => self.fine("permissions", name),
            Err(error) => {
                self.failure.get_or_insert(FailureKind::Failed);
                let remedy = match error {
                    PublishError::UnsafeStore => "publish to a store that honours conditional creates",
                    _ => "allow create, read, list, copy and delete below the outputs' location",
                };
                self.add("permissions", Health::Broken, format!("{name}: {error}"), Some(remedy));
            }
        }
    }

    /// How far this machine's clock is from the store's; a positive skew is ahead. With a larger one there is no lease.
    fn clock(&mut self, skew: TimeDelta) {
        let seen = format!("{} seconds from the store's", skew.num_seconds());
        if skew.abs() <= SMALL_SKEW {
            self.fine("clock", seen);
        } else {
            self.add("clock", Health::Doubtful, seen, Some("set the clock by a time server: leases end by it"));
        }
    }

    fn spill(&mut self, folder: &Path, run_id: &str, free_bytes: Option<u64>) {
        let place = folder.display();
        let probe = folder.join(format!(".headwater-doctor-{run_id}"));
        // What lies there already, be it a link or a pipe, is somebody else's.
        let written = std::fs::create_dir_all(folder)
            .and_then(|()| File::create_new(&probe)?.write_all(b"probe"))
            .and_then(|()| std::fs::remove_file(&probe));
        if let Err(error) = written {
            let problem = Diagnostic::of(Code::StepFailed, place.to_string(), format!("{place} cannot be written"))
                .label(error.to_string())
                .help("choose another `engine: spill_dir`, or allow this user to write there");
            return self.broken("spill folder", FailureKind::Failed, &problem.into());
        }
        match free_bytes {
            None => self.fine("spill folder", format!("{place} can be written; its free space is not known")),
            Some(bytes) if bytes < LITTLE_SPACE => {
                let seen = format!("{place} has {} MiB free", bytes >> 20);
                self.add(
                    "spill folder",
                    Health::Doubtful,
                    seen,
                    Some("free space, or choose another `engine: spill_dir`"),
                );
            }
            Some(bytes) => self.fine("spill folder", format!("{place} has {} MiB free", bytes >> 20)),
        }
    }
}

/// What the store lets this user do, tried under the lease.
///
/// # Errors
/// When the run is asked to stop.
async fn probed(operation: &Operation, publication: &Publication) -> Result<Result<Probe, RunError>, RunError> {
    let probed = operation.under_lease(publication, async |_| {
        publication.examine(&operation.run_id).await.map_err(|error| operation.failed(&error))
    });
    match probed.await {
        Err(error) if error.kind == FailureKind::Stopped => Err(error),
        probed => Ok(probed),
    }
}

/// Makes sure that the next night finds the state that it carries on.
async fn carried_on(publication: &Publication, latest: &Manifest) -> Result<(), PublishError> {
    let Some(number) = latest.nights.values().next_back() else { return Ok(()) };
    let newest = publication.manifest(*number).await?;
    for table in carried_tables().iter().filter_map(|carried| newest.table(&carried.name)) {
        publication.confirm_table(table).await?;
    }
    Ok(())
}
