//! A request to end a night before it is published, handed in from outside.

use std::future::Future;

use datafusion::error::DataFusionError;
use tokio::sync::watch;

/// Asks nights to stop. Dropping it asks nothing.
#[derive(Debug)]
pub struct StopHandle(watch::Sender<bool>);

impl StopHandle {
    /// Asks; there is no way back.
    pub fn request(&self) {
        self.0.send_replace(true);
    }
}

/// Whether a night is asked to stop. Every clone hears the same request.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

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
        let (sender, receiver) = watch::channel(false);
        (StopHandle(sender), Self(receiver))
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
        if *self.0.borrow() { Err(Stopped) } else { Ok(()) }
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
        let heard = self.0.clone().wait_for(|asked| *asked).await.is_ok();
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
    }
}
