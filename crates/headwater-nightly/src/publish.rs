//! Write, audit, publish on a bare object store: everything rests on creating an object only if it is not there.
//!
//! Layout below the outputs' location: `<table>/as_of_date=<day>/<content>.parquet` (named after their content, so
//! that publishing the same night again names the same objects), the same below `_aside/` for those not shown now,
//! `manifests/<number>.json`, `_leases/<number>.json`, `_staging/run_id=<run>/` with `held.json` where a night is held, and
//! `_unsettled/<day>` for a night whose folders are to be looked at again.
//!
//! INVARIANT(one create publishes): a night is published by the creation of the next manifest and by nothing else.

mod drafts;
mod late;
mod lease;
mod manifest;
mod numbered;
mod places;
mod probe;
mod publication;
mod settling;
mod staging;
#[cfg(test)]
mod tests;
mod waste;

pub use lease::{Lease, LeaseHolder, LeaseRecord, LeaseState, UnreadableLease};
pub use manifest::{
    InputObject, InputRecord, Manifest, Phase, PublishedFile, PublishedTable, RuleFileRecord, StateRecord, StepRecord,
    manifest_schema,
};
pub use probe::{Probe, ProbeStep};
pub use publication::{Publication, PublishError};
pub use staging::{FailedAudit, HeldNight};
pub(crate) use waste::night_of;
pub use waste::{DamagedManifest, Kept, Retention, Superseded, Waste, WasteReason};

/// The wall clock, handed in.
pub type Clock = std::sync::Arc<dyn Fn() -> chrono::DateTime<chrono::Utc> + Send + Sync>;
