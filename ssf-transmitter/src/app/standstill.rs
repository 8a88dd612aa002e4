//! Waiting until no attempt begins any more that was decided on before a change, on whichever node.

use std::time::Duration;

use ssf_types::id::StreamId;
use tokio::time::Instant;

use super::{
    gate::{Gate, WAIT_MAX},
    wake::Wake,
};
use crate::{
    domain::id::WorkerId,
    ports::{Clock, Outbox, StoreError, StreamLease},
};

/// How often another node is looked at, which cannot be heard.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// Whoever changed a stream waits here for those who work on it; it is borrowed from whoever serves.
#[derive(Clone, Copy, Debug)]
pub struct Standstill<'a, S, C> {
    /// Where streams are kept.
    pub store: &'a S,
    /// Tells the time.
    pub clock: &'a C,
    /// Is called, so that those who work on the stream look at it again.
    pub fresh: &'a Wake,
    /// Is passed by attempts that begin in this process.
    pub gate: &'a Gate,
    /// This process.
    pub worker: WorkerId,
}

impl<S: Outbox, C: Clock> Standstill<'_, S, C> {
    /// Waits, at most [`WAIT_MAX`], until neither this process nor any of `owners` is on the way to an attempt on `stream` that
    /// was decided on before; whether it came to that.
    ///
    /// The gate is cleared whoever works on the stream: a lease that was taken away lately may have been ours.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn comes(
        &self,
        stream: &StreamId,
        owners: Vec<StreamLease>,
    ) -> Result<bool, StoreError> {
        self.fresh.wake();
        let deadline = Instant::now() + WAIT_MAX;
        if !self.gate.clears(stream, WAIT_MAX).await {
            return Ok(false);
        }
        for owner in owners {
            if owner.worker == self.worker {
                continue;
            }
            while !self.store.is_over(&owner, self.clock.now()).await? {
                if Instant::now() >= deadline {
                    return Ok(false);
                }
                tokio::time::sleep(LOOK_INTERVAL).await;
            }
        }
        Ok(true)
    }
}
