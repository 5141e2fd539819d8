//! One run at a time: a lease is a numbered record, renewed and released by the next number.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use object_store::ObjectStore;
use object_store::path::Path;
use serde::{Deserialize, Serialize};

use super::numbered::{Create, Numbered};
use super::{Clock, PublishError};

/// How long a lease lasts without renewal. A run that dies holds up the next one for at most as long.
pub(super) const LASTS: TimeDelta = TimeDelta::seconds(120);
/// Records kept behind the last one, for a look at who ran when.
const KEPT: u64 = 16;

/// What a lease record says of its run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeaseState {
    /// The run is at work.
    Held,
    /// The run has ended.
    Released,
}

/// One record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseRecord {
    /// The run.
    pub run_id: String,
    /// The machine it runs on.
    pub host: String,
    /// Whether it is at work.
    pub state: LeaseState,
    /// When the run took the lease.
    pub taken_at: DateTime<Utc>,
    /// When the lease ends by itself.
    pub expires_at: DateTime<Utc>,
}

/// A lease that this run holds.
#[derive(Clone)]
pub struct Lease {
    records: Numbered,
    number: Arc<AtomicU64>,
    record: LeaseRecord,
    clock: Clock,
}

impl std::fmt::Debug for Lease {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Lease")
            .field("number", &self.number)
            .field("record", &self.record)
            .finish_non_exhaustive()
    }
}

impl Lease {
    pub(super) fn folder(root: &Path) -> Path {
        root.clone().join("_leases")
    }

    /// Takes the lease.
    ///
    /// # Errors
    /// [`PublishError::LeaseHeld`] while another run holds it.
    pub(super) async fn take(
        store: Arc<dyn ObjectStore>,
        root: &Path,
        run_id: &str,
        host: &str,
        clock: Clock,
    ) -> Result<Self, PublishError> {
        let records = Numbered::new(store, Self::folder(root));
        let last = records.last().await?;
        let now = clock();
        if let Some(holder) = holder(&records, last, now).await? {
            return Err(PublishError::LeaseHeld(holder));
        }
        let record = LeaseRecord {
            run_id: run_id.to_owned(),
            host: host.to_owned(),
            state: LeaseState::Held,
            taken_at: now,
            expires_at: now + LASTS,
        };
        let lease = Self { records, number: Arc::new(AtomicU64::new(last)), record, clock };
        lease.next(&lease.record).await?;
        Ok(lease)
    }

    /// Writes the next record, and makes sure that nobody wrote a later one.
    async fn next(&self, record: &LeaseRecord) -> Result<(), PublishError> {
        let number = self.number.load(Ordering::SeqCst) + 1;
        let created = self.records.create(number, record).await?;
        // A slow listing may have shown an old end of the line, whose next number was free again.
        if created == Create::Taken || self.records.last().await? != number {
            let last = self.records.last().await?;
            return Err(match holder(&self.records, last, (self.clock)()).await? {
                Some(holder) if holder.run_id != self.record.run_id => PublishError::LeaseHeld(holder),
                _ => PublishError::LeaseLost,
            });
        }
        self.number.store(number, Ordering::SeqCst);
        for old in self.records.numbers().await?.into_iter().filter(|old| *old + KEPT < number) {
            self.records.delete(old).await?;
        }
        Ok(())
    }

    /// Makes the lease last longer.
    ///
    /// # Errors
    /// [`PublishError::LeaseLost`] when another run took over.
    pub async fn renew(&self) -> Result<(), PublishError> {
        let record = LeaseRecord { expires_at: (self.clock)() + LASTS, ..self.record.clone() };
        self.next(&record).await.map_err(lost)
    }

    /// Makes sure that this run still holds the lease.
    ///
    /// # Errors
    /// [`PublishError::LeaseLost`] when another run took over, or the lease ended.
    pub async fn confirm(&self) -> Result<(), PublishError> {
        let last = self.records.last().await?;
        if last != self.number.load(Ordering::SeqCst) {
            return Err(PublishError::LeaseLost);
        }
        match self.records.read::<LeaseRecord>(last).await? {
            Some(record) if record.run_id == self.record.run_id && record.expires_at > (self.clock)() => Ok(()),
            _ => Err(PublishError::LeaseLost),
        }
    }

    /// Ends the lease, so that the next run need not wait.
    ///
    /// # Errors
    /// When the store fails; the lease then ends by itself.
    pub async fn release(&self) -> Result<(), PublishError> {
        let record = LeaseRecord { state: LeaseState::Released, expires_at: (self.clock)(), ..self.record.clone() };
        self.next(&record).await.map_err(lost)
    }

    /// How often a lease is renewed.
    #[must_use]
    pub fn heartbeat() -> std::time::Duration {
        (LASTS / 3).to_std().unwrap_or(std::time::Duration::from_secs(40))
    }
}

fn lost(error: PublishError) -> PublishError {
    match error {
        PublishError::LeaseHeld(_) => PublishError::LeaseLost,
        other => other,
    }
}

/// Who holds the lease now, if anybody. A record that cannot be read holds nothing.
async fn holder(records: &Numbered, last: u64, now: DateTime<Utc>) -> Result<Option<LeaseRecord>, PublishError> {
    if last == 0 {
        return Ok(None);
    }
    let record = match records.read::<LeaseRecord>(last).await {
        Err(object_store::Error::NotFound { .. }) => None,
        read => read?,
    };
    Ok(record.filter(|record| record.state == LeaseState::Held && record.expires_at > now))
}

/// The latest lease record, for `status`.
pub(super) async fn latest(store: Arc<dyn ObjectStore>, root: &Path) -> Result<Option<LeaseRecord>, PublishError> {
    let records = Numbered::new(store, Lease::folder(root));
    let last = records.last().await?;
    if last == 0 { Ok(None) } else { Ok(records.read(last).await?) }
}
