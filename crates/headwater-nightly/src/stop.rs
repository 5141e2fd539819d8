//! A request to end a night before it is published, handed in from outside.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use std::future::Future;

use datafusion::error::DataFusionError;
use tokio::sync::watch;

/// Asks nights to stop. Dropping it asks nothing.
#[derive(Debug)]
pub struct StopHandle {
    asks: watch::Sender<bool>,
    is_too_late: Arc<AtomicBool>,
}

impl StopHandle {
    /// Asks; there is no way back.
    pub fn request(&self) {
        self.asks.send_replace(true);
    }

    /// Whether a request changes nothing any more.
    #[must_use]
    pub fn is_too_late(&self) -> bool {
        self.is_too_late.load(Ordering::SeqCst)
    }
}

/// Whether a night is asked to stop. Every clone hears the same request.
#[derive(Debug, Clone)]
pub struct Stop {
    asked: watch::Receiver<bool>,
    is_too_late: Arc<AtomicBool>,
}

/// The run was asked to stop, and did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the run was asked to stop")]
pub struct Stopped;

impl From<Stopped> for DataFusionError {
    fn from(stopped: Stopped) -> Self {
        Self::External(Box::new(stopped))
    }
}

impl Stop {
    /// A request that has not been made yet, and the handle that makes it.
    #[must_use]
    pub fn channel() -> (StopHandle, Self) {
        let ((asks, asked), is_too_late) = (watch::channel(false), Arc::default());
        (StopHandle { asks, is_too_late: Arc::clone(&is_too_late) }, Self { asked, is_too_late })
    }

    /// A request that nobody can make.
    #[must_use]
    pub fn never() -> Self {
        Self::channel().1
    }

    /// Lets work go on while nobody asks to stop.
    ///
    /// # Errors
    /// When the run is asked to stop.
    pub fn check(&self) -> Result<(), Stopped> {
        if *self.asked.borrow() { Err(Stopped) } else { Ok(()) }
    }

    /// Says that the next night of a series has begun, and that a request counts again.
    pub(crate) fn begin(&self) {
        self.is_too_late.store(false, Ordering::SeqCst);
    }

    /// The same where work goes on whatever is asked from here on.
    ///
    /// # Errors
    /// When the run has been asked to stop before.
    pub fn check_for_good(&self) -> Result<(), Stopped> {
        self.check()?;
        self.is_too_late.store(true, Ordering::SeqCst);
        Ok(())
    }

    /// What `work` comes to. Work that is not done when the request comes is dropped where it waits.
    ///
    /// # Errors
    /// When the run is asked to stop first.
    pub async fn unless_asked<T>(&self, work: impl Future<Output = T>) -> Result<T, Stopped> {
        tokio::select! {
            biased;
            () = self.asked() => Err(Stopped),
            done = work => Ok(done),
        }
    }

    async fn asked(&self) {
        let heard = self.asked.clone().wait_for(|asked| *asked).await.is_ok();
        if !heard {
            // The handle is gone, so nobody will ever ask.
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_goes_on_until_somebody_asks() {
        let (handle, stop) = Stop::channel();
        assert_eq!(stop.unless_asked(async { 1 }).await, Ok(1));
        handle.request();
        drop(handle);
        assert_eq!(stop.unless_asked(std::future::pending::<()>()).await, Err(Stopped));
        assert_eq!(stop.clone().unless_asked(async { 1 }).await, Err(Stopped));
        assert_eq!(stop.check(), Err(Stopped));
        assert_eq!(Stop::never().unless_asked(async { 1 }).await, Ok(1));
        assert_eq!(Stop::never().check(), Ok(()));
        assert_eq!(stop.check_for_good(), Err(Stopped));
    }

    #[tokio::test]
    async fn a_request_may_come_too_late() {
        let (handle, stop) = Stop::channel();
        assert!(!handle.is_too_late());
        assert_eq!(stop.check_for_good(), Ok(()));
        assert!(handle.is_too_late());
        stop.begin();
        assert!(!handle.is_too_late());
    }
}
