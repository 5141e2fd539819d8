//! What a store lets a run do, tried on an object of its own.

use chrono::{DateTime, Utc};
use object_store::path::Path;
use object_store::{Error, ObjectStoreExt, PutMode, PutOptions, PutPayload};

use super::lease::compare_clocks;
use super::staging::PROBE;
use super::{Clock, Publication, PublishError};

/// One thing that was tried.
#[derive(Debug)]
pub struct ProbeStep {
    /// What, in words.
    pub name: &'static str,
    /// What came of it.
    pub outcome: Result<(), PublishError>,
}

/// Everything that was tried, up to the first that failed.
#[derive(Debug)]
pub struct Probe {
    /// In the order it was tried.
    pub steps: Vec<ProbeStep>,
    /// When the object was written, by the store's clock.
    pub written_at: Option<DateTime<Utc>>,
}

fn create() -> PutOptions {
    PutOptions { mode: PutMode::Create, ..PutOptions::default() }
}

impl Publication {
    fn probed(&self, run_id: &str) -> Path {
        self.path(&format!("_staging/{PROBE}{run_id}"))
    }

    /// Makes sure that the store refuses a second create of the same object.
    ///
    /// # Errors
    /// [`PublishError::UnsafeStore`] where it does not.
    pub async fn probe(&self, run_id: &str) -> Result<(), PublishError> {
        let path = self.probed(run_id);
        self.store().put_opts(&path, PutPayload::from_static(b"first"), create()).await?;
        let refused = self.refuses(&path).await;
        self.store().delete(&path).await?;
        refused
    }

    /// Makes sure that this machine's clock is the store's, as far as leases need it: they end by the clocks of the runs
    /// that hold them and of those that wait.
    ///
    /// # Errors
    /// [`PublishError::WrongClock`] where it is not.
    pub async fn confirm_clock(&self, run_id: &str, clock: &Clock) -> Result<(), PublishError> {
        let path = self.probed(&format!("{run_id}-clock"));
        let before = clock();
        self.store().put(&path, PutPayload::from_static(b"now")).await?;
        let after = clock();
        let written = self.store().head(&path).await;
        self.delete(&path).await?;
        let at = match written {
            Ok(written) => written.last_modified,
            // A run that takes the lease meanwhile clears away what it finds, and this one will not get the lease.
            Err(Error::NotFound { .. }) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        compare_clocks(before, at, after)
    }

    async fn refuses(&self, path: &Path) -> Result<(), PublishError> {
        match self.store().put_opts(path, PutPayload::from_static(b"second"), create()).await {
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(()),
            Err(error) => Err(error.into()),
            Ok(_) => Err(PublishError::UnsafeStore),
        }
    }

    /// Tries everything that a run does in its store, step by step. Whoever calls this holds the lease.
    ///
    /// # Errors
    /// When what was made cannot be removed again.
    pub async fn examine(&self, run_id: &str) -> Result<Probe, PublishError> {
        let (path, copy) = (self.probed(run_id), self.probed(&format!("{run_id}-copy")));
        let mut probe = Probe { steps: Vec::new(), written_at: None };
        let is_whole = self.steps(&path, &copy, &mut probe).await.is_some();
        for made in [&copy, &path] {
            self.delete(made).await?;
        }
        if is_whole {
            probe.add("objects can be deleted", self.is_gone(&path).await);
        }
        Ok(probe)
    }

    /// The steps in their order; nothing where one failed.
    async fn steps(&self, path: &Path, copy: &Path, probe: &mut Probe) -> Option<()> {
        let created = self.store().put_opts(path, PutPayload::from_static(b"first"), create()).await;
        probe.add("objects can be created", created.map(drop).map_err(PublishError::from))?;
        let refused = match self.refuses(path).await {
            Ok(()) => self.refuses(path).await,
            error => error,
        };
        probe.add("a second create is refused", refused)?;
        probe.add("objects can be read back", self.reads(path).await)?;
        let listed = self.lists(path).await;
        probe.written_at = listed.as_ref().ok().copied();
        probe.add("objects can be listed", listed.map(drop))?;
        let copied = self.store().copy(path, copy).await;
        probe.add("objects can be copied", copied.map_err(PublishError::from))
    }

    async fn reads(&self, path: &Path) -> Result<(), PublishError> {
        let bytes = self.store().get(path).await?.bytes().await?;
        if bytes.as_ref() == b"first" { Ok(()) } else { Err(PublishError::UnsafeStore) }
    }

    async fn lists(&self, path: &Path) -> Result<DateTime<Utc>, PublishError> {
        let listed = self.list(&self.path("_staging")).await?;
        let found = listed.into_iter().find(|object| object.location == *path);
        found.map(|object| object.last_modified).ok_or_else(|| PublishError::MissingObject(path.to_string()))
    }

    async fn is_gone(&self, path: &Path) -> Result<(), PublishError> {
        match self.store().head(path).await {
            Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
            Ok(_) => Err(PublishError::MissingObject(path.to_string())),
        }
    }
}

impl Probe {
    /// Notes what came of a step; nothing where the next one makes no sense.
    fn add(&mut self, name: &'static str, outcome: Result<(), PublishError>) -> Option<()> {
        let goes_on = outcome.is_ok();
        self.steps.push(ProbeStep { name, outcome });
        goes_on.then_some(())
    }
}
