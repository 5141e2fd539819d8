//! One run at a time: a lease is a numbered record, renewed and released by the next number.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use object_store::ObjectStore;
use object_store::path::Path;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::numbered::{Create, Numbered, Record};
use super::{Clock, Publication, PublishError};

/// How long a lease lasts without renewal. A run that dies holds up the next one for at most as long.
pub(super) const LASTS: TimeDelta = TimeDelta::seconds(120);
/// How often a lease is renewed: two renewals may fail before the run that holds it takes it for ended.
const HEARTBEAT: Duration = Duration::from_secs(20);
/// So long before its end the run that holds a lease takes it for ended: the clock of another one may be ahead by as much.
const MARGIN: TimeDelta = TimeDelta::seconds(2 * SKEW.num_seconds());
/// By so much the clock of a run may differ from the store's. Two such runs differ by half of a lease, within which a run
/// that lives renews its own.
const SKEW: TimeDelta = TimeDelta::seconds(30);
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
    /// The last manifest that counted when the run looked last: one that another run created since is late. Not known of
    /// records of earlier programs.
    #[serde(default)]
    pub manifest: Option<u64>,
}

/// The last record cannot be read, so the run that wrote it may be at work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnreadableLease {
    /// The record: its path below the outputs' location.
    pub object: String,
    /// From when on no run can be at work: a lease's length after the record was written.
    pub until: DateTime<Utc>,
}

/// Who holds the lease, or may hold it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaseHolder {
    /// A run.
    Run(LeaseRecord),
    /// Nobody knows.
    Unknown(UnreadableLease),
}

impl std::fmt::Display for LeaseHolder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Run(record) => {
                write!(
                    formatter,
                    "run {} on {} holds the lease until {}",
                    record.run_id, record.host, record.expires_at
                )
            }
            Self::Unknown(lease) => {
                write!(formatter, "{} cannot be read and counts until {}", lease.object, lease.until)
            }
        }
    }
}

/// A lease that this run holds.
#[derive(Clone)]
pub struct Lease {
    records: Numbered,
    number: Arc<AtomicU64>,
    /// When this run takes it for ended, in microseconds: some time before the end that the last renewal gave it.
    ends_at: Arc<AtomicI64>,
    /// The last manifest that counts.
    manifest: Arc<AtomicU64>,
    /// One record is written after the other.
    writing: Arc<Mutex<()>>,
    record: LeaseRecord,
    /// Whether the run before this one did not release it: that run may be asleep, and wake up.
    took_over: bool,
    is_publishing: Arc<AtomicBool>,
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
        publication: &Publication,
        run_id: &str,
        host: &str,
        clock: Clock,
    ) -> Result<Self, PublishError> {
        let records = Numbered::new(publication.store(), Self::folder(&publication.root));
        let numbers = records.numbers().await?;
        let last = numbers.last().copied().unwrap_or(0);
        let before = records.read::<LeaseRecord>(last).await?;
        let now = clock();
        let took_over = before.as_ref().is_some_and(is_not_released);
        let says = before.as_ref().and_then(|before| before.says.clone());
        if let Some(holder) = before.and_then(|before| holder(before, records.name(last), now)) {
            return Err(PublishError::LeaseHeld(holder));
        }
        let counts = publication.last_that_counted(last_that_knows(&records, says, &numbers).await?).await?;
        let record = LeaseRecord {
            run_id: run_id.to_owned(),
            host: host.to_owned(),
            state: LeaseState::Held,
            taken_at: now,
            expires_at: now + LASTS,
            manifest: Some(counts),
        };
        let (number, ends_at) = (Arc::new(AtomicU64::new(last)), Arc::new(AtomicI64::new(i64::MIN)));
        let (writing, is_publishing) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let manifest = Arc::new(AtomicU64::new(counts));
        let lease = Self { records, number, ends_at, manifest, writing, record, took_over, is_publishing, clock };
        lease.next(&lease.record).await?;
        lease.lasts_until(lease.record.expires_at);
        Ok(lease)
    }

    fn lasts_until(&self, end: DateTime<Utc>) {
        self.ends_at.store((end - MARGIN).timestamp_micros(), Ordering::SeqCst);
    }

    /// Takes the lease for ended.
    fn ends(&self) {
        self.ends_at.store(i64::MIN, Ordering::SeqCst);
    }

    /// Writes the next record, and makes sure that nobody wrote a later one.
    async fn next(&self, record: &LeaseRecord) -> Result<(), PublishError> {
        let _writing = self.writing.lock().await;
        let mut number = self.records.after(self.number.load(Ordering::SeqCst))?;
        let mut created = self.records.create(number, record).await?;
        // A renewal that was given up half-way may have reached the store all the same.
        if created == Create::Taken && self.is_own(number).await? {
            number = self.records.after(number)?;
            created = self.records.create(number, record).await?;
        }
        // A slow listing may have shown an old end of the line, whose next number was free again.
        if created == Create::Taken || self.records.last().await? != number {
            return Err(self.taken_over().await?);
        }
        self.number.store(number, Ordering::SeqCst);
        for old in self.records.numbers().await?.into_iter().filter(|old| old.saturating_add(KEPT) < number) {
            self.records.delete(old).await?;
        }
        Ok(())
    }

    async fn is_own(&self, number: u64) -> Result<bool, PublishError> {
        let record = self.records.read::<LeaseRecord>(number).await?.and_then(|record| record.says);
        Ok(record.is_some_and(|record| record.run_id == self.record.run_id))
    }

    /// Why the next number could not be had.
    async fn taken_over(&self) -> Result<PublishError, PublishError> {
        Ok(match last_holder(&self.records, (self.clock)()).await? {
            Some(LeaseHolder::Run(holder)) if holder.run_id == self.record.run_id => PublishError::LeaseLost,
            Some(holder) => PublishError::LeaseHeld(holder),
            None => PublishError::LeaseLost,
        })
    }

    /// Makes the lease last longer.
    ///
    /// # Errors
    /// [`PublishError::LeaseLost`] when another run took over.
    pub async fn renew(&self) -> Result<(), PublishError> {
        let record = self.record(LeaseState::Held, (self.clock)() + LASTS);
        self.next(&record).await.map_err(lost)?;
        self.lasts_until(record.expires_at);
        Ok(())
    }

    /// Makes the lease last longer, or sees that it lasts a while yet: a store that does not take the renewal, because it
    /// is full or out of reach, leaves a run the time to take back what it put in place.
    ///
    /// # Errors
    /// [`PublishError::LeaseLost`] when another run took over; what the store said, once the lease has ended by it.
    pub async fn keep(&self) -> Result<(), PublishError> {
        match self.renew().await {
            Err(error @ (PublishError::Store(_) | PublishError::Occupied(_)))
                if (self.clock)().timestamp_micros() < self.ends_at.load(Ordering::SeqCst) =>
            {
                tracing::warn!(event = "lease_not_renewed", %error, "the lease could not be renewed yet");
                Ok(())
            }
            answer => answer,
        }
    }

    /// The lease once more, for a run that lost it: the same one where nobody took it meanwhile, else another one.
    ///
    /// # Errors
    /// [`PublishError::LeaseHeld`] while another run holds it; [`PublishError::WrongClock`].
    pub(super) async fn again(&self, publication: &Publication) -> Result<Self, PublishError> {
        let LeaseRecord { run_id, host, .. } = &self.record;
        // By a clock that was set, the lease of a run at work looks as if it had ended.
        publication.confirm_clock(run_id, &self.clock).await?;
        match self.renew().await {
            Ok(()) => Ok(self.clone()),
            Err(PublishError::LeaseLost) => {
                self.ends();
                Self::take(publication, run_id, host, Arc::clone(&self.clock)).await
            }
            Err(error) => Err(error),
        }
    }

    /// Makes sure that the clock has not been set while the run worked, by what the store says of its last record: others
    /// would take the lease for one that has ended.
    ///
    /// # Errors
    /// [`PublishError::WrongClock`]; the lease is lost then.
    async fn confirm_clock(&self) -> Result<(), PublishError> {
        let Ok(Some(record)) = self.records.read::<LeaseRecord>(self.number()).await else { return Ok(()) };
        let Some(says) = record.says else { return Ok(()) };
        compare_clocks(says.expires_at - LASTS, record.written_at, (self.clock)()).inspect_err(|_| self.ends())
    }

    /// Does work while the lease is renewed. Where it is lost, the work is dropped, unless it has begun to publish, and looks
    /// at the lease itself: what writes where readers look is never dropped half-way.
    ///
    /// # Errors
    /// [`PublishError::LeaseLost`] and [`PublishError::WrongClock`], for work that was dropped.
    pub(crate) async fn hold_during<T>(&self, work: impl Future<Output = T>) -> Result<T, PublishError> {
        self.renewed_every(HEARTBEAT, work).await
    }

    pub(super) async fn renewed_every<T>(
        &self,
        pause: Duration,
        work: impl Future<Output = T>,
    ) -> Result<T, PublishError> {
        tokio::select! {
            done = work => Ok(done),
            lost = async {
                let lost = self.until_lost(pause).await;
                if self.is_publishing.load(Ordering::SeqCst) { std::future::pending().await } else { lost }
            } => Err(lost),
        }
    }

    /// Renews the lease as long as it lives; ends only with the reason why it does no longer.
    async fn until_lost(&self, pause: Duration) -> PublishError {
        loop {
            tokio::time::sleep(pause).await;
            let kept = match self.keep().await {
                Ok(()) => self.confirm_clock().await,
                lost => lost,
            };
            if let Err(lost) = kept {
                self.ends();
                return lost;
            }
        }
    }

    /// Whether the run before this one did not release the lease.
    pub(super) fn took_over(&self) -> bool {
        self.took_over
    }

    /// Says that the run has begun to publish.
    pub(super) fn begin_publishing(&self) {
        self.is_publishing.store(true, Ordering::SeqCst);
    }

    /// Makes sure that this run still holds the lease. One that has ended while the run was asleep, and that nobody took, is
    /// renewed.
    ///
    /// # Errors
    /// [`PublishError::LeaseLost`] when another run took over; [`PublishError::WrongClock`] when the lease looks as if it had
    /// ended because the clock was set.
    pub async fn confirm(&self) -> Result<(), PublishError> {
        let record = self.last_record().await?.ok_or(PublishError::LeaseLost)?;
        if record.expires_at - MARGIN > (self.clock)() {
            return Ok(());
        }
        self.renew().await?;
        self.confirm_clock().await
    }

    /// The last record, where it is this run's; the lease is lost where it is not.
    async fn last_record(&self) -> Result<Option<LeaseRecord>, PublishError> {
        // Its number does not matter: it may be written, and not yet known, while a renewal is under way.
        let last = self.records.last().await?;
        let record = self.records.read::<LeaseRecord>(last).await?.and_then(|record| record.says);
        let own = record.filter(|record| record.run_id == self.record.run_id && record.state == LeaseState::Held);
        if own.is_none() {
            self.ends();
        }
        Ok(own)
    }

    /// Why work failed: where another run took over, and has moved or removed an object, that looks like a store that fails.
    pub(crate) async fn lost_or(&self, error: PublishError) -> PublishError {
        let may_be_lost = matches!(error, PublishError::Store(_) | PublishError::MissingObject(_));
        if may_be_lost && self.is_lost().await { PublishError::LeaseLost } else { error }
    }

    /// Whether another run took over; not where the store does not say.
    async fn is_lost(&self) -> bool {
        matches!(self.last_record().await, Ok(None))
    }

    /// Whether another run took over before this one began to publish.
    pub(crate) async fn is_lost_early(&self) -> bool {
        !self.is_publishing.load(Ordering::SeqCst) && self.is_lost().await
    }

    /// Makes sure that the lease has not ended by itself, so that nobody can have taken over, whose clock may be as far ahead
    /// as it may: by the clock alone, for use between writes.
    ///
    /// # Errors
    /// [`PublishError::LeaseLost`] when it has.
    pub fn check(&self) -> Result<(), PublishError> {
        let lives = (self.clock)().timestamp_micros() < self.ends_at.load(Ordering::SeqCst);
        if lives { Ok(()) } else { Err(PublishError::LeaseLost) }
    }

    /// Ends the lease, so that the next run need not wait, unless it is lost; where the store fails, it ends by itself.
    pub(crate) async fn leave(&self) {
        match self.release().await {
            Ok(()) | Err(PublishError::LeaseLost) => {}
            Err(error) => {
                tracing::warn!(event = "lease_not_released", %error, "the lease could not be released and will end by itself");
            }
        }
    }

    /// Ends the lease, so that the next run need not wait.
    ///
    /// # Errors
    /// When the store fails; the lease then ends by itself.
    pub async fn release(&self) -> Result<(), PublishError> {
        let record = self.record(LeaseState::Released, (self.clock)());
        self.ends();
        self.next(&record).await.map_err(lost)
    }

    /// What the run says of itself now.
    fn record(&self, state: LeaseState, expires_at: DateTime<Utc>) -> LeaseRecord {
        LeaseRecord { state, expires_at, manifest: Some(self.counts()), ..self.record.clone() }
    }

    /// The last manifest that counts: a later one is late, unless it is this run's.
    pub(super) fn counts(&self) -> u64 {
        self.manifest.load(Ordering::SeqCst)
    }

    /// Says that a manifest counts.
    pub(super) fn count(&self, manifest: u64) {
        self.manifest.fetch_max(manifest, Ordering::SeqCst);
    }

    /// The time.
    pub(super) fn now(&self) -> DateTime<Utc> {
        (self.clock)()
    }

    /// The number of its last record.
    pub(super) fn number(&self) -> u64 {
        self.number.load(Ordering::SeqCst)
    }
}

fn lost(error: PublishError) -> PublishError {
    match error {
        PublishError::LeaseHeld(_) => PublishError::LeaseLost,
        other => other,
    }
}

/// Makes sure that a clock is the store's: the store gave something the time `at`, between two looks at the clock.
///
/// # Errors
/// [`PublishError::WrongClock`] where the store's time is further from these looks than the clocks of runs may differ.
pub(super) fn compare_clocks(
    before: DateTime<Utc>,
    at: DateTime<Utc>,
    after: DateTime<Utc>,
) -> Result<(), PublishError> {
    let ahead = if at < before { before - at } else { (after - at).min(TimeDelta::zero()) };
    if ahead.abs() > SKEW { Err(PublishError::WrongClock(ahead)) } else { Ok(()) }
}

/// Whether the run of a record did not end it, as far as anybody can tell.
fn is_not_released(record: &Record<LeaseRecord>) -> bool {
    record.says.as_ref().is_none_or(|says| says.state == LeaseState::Held)
}

/// Who holds the lease by its last record, if anybody. A record counts for no longer than a lease lasts after it was
/// written, by the store's clock, whatever it says and whether or not it can be read.
fn holder(record: Record<LeaseRecord>, object: String, now: DateTime<Utc>) -> Option<LeaseHolder> {
    let until = record.written_at.checked_add_signed(LASTS).unwrap_or(record.written_at);
    match record.says {
        Some(lease) => {
            let lease = LeaseRecord { expires_at: until.min(lease.expires_at), ..lease };
            let holds = lease.state == LeaseState::Held && lease.expires_at > now;
            holds.then_some(LeaseHolder::Run(lease))
        }
        None => (until > now).then_some(LeaseHolder::Unknown(UnreadableLease { object, until })),
    }
}

/// The last record that says which manifest counted, and which: later ones may be damaged. `last` is what the last one says.
async fn last_that_knows(
    records: &Numbered,
    last: Option<LeaseRecord>,
    numbers: &[u64],
) -> Result<Option<(LeaseRecord, u64)>, PublishError> {
    let mut says = last;
    let mut earlier = numbers.iter().rev().skip(1);
    loop {
        if let Some(record) = says
            && let Some(manifest) = record.manifest
        {
            return Ok(Some((record, manifest)));
        }
        let Some(number) = earlier.next() else { return Ok(None) };
        says = records.read::<LeaseRecord>(*number).await?.and_then(|record| record.says);
    }
}

async fn last_holder(records: &Numbered, now: DateTime<Utc>) -> Result<Option<LeaseHolder>, PublishError> {
    let last = records.last().await?;
    let record = records.read::<LeaseRecord>(last).await?;
    Ok(record.and_then(|record| holder(record, records.name(last), now)))
}

/// Who holds the lease now, for `status`.
pub(super) async fn current(
    store: Arc<dyn ObjectStore>,
    root: &Path,
    now: DateTime<Utc>,
) -> Result<Option<LeaseHolder>, PublishError> {
    last_holder(&Numbered::new(store, Lease::folder(root)), now).await
}
