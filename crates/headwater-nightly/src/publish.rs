//! Write, audit, publish on a bare object store: everything rests on creating an object only if it is not there.
//!
//! Layout below the outputs' location: `<table>/as_of_date=<day>/<content>.parquet` (named after their content, so
//! that publishing the same night again names the same objects), `manifests/<number>.json`, `_leases/<number>.json`,
//! `_staging/run_id=<run>/` with `held.json` in it where the night is held.
//!
//! INVARIANT(one create publishes): a night is published by the creation of the next manifest and by nothing else.

#[cfg(test)]
mod failing;
mod lease;
mod manifest;
mod numbered;
mod publication;
mod staging;
#[cfg(test)]
mod tests;

pub use lease::{Lease, LeaseHolder, LeaseRecord, LeaseState, UnreadableLease};
pub use manifest::{InputRecord, Manifest, PublishedFile, PublishedTable, RuleFileRecord, StepRecord};
pub use publication::{Publication, PublishError};
pub use staging::{FailedAudit, HeldNight};

/// The wall clock, handed in.
pub type Clock = std::sync::Arc<dyn Fn() -> chrono::DateTime<chrono::Utc> + Send + Sync>;
