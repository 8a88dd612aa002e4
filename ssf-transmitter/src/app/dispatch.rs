//! Fanning accepted events out, one step at a time, by the one who holds the lease.

use std::time::Duration;

use ssf_types::time::Timestamp;

use super::{
    ids,
    measure::{self, LeaseChange, Leased},
};
use crate::{
    domain::{fan_out::fan_out, id::WorkerId, subjects::SubjectPreference},
    ports::{Clock, FanOutLease, FannedOut, Outbox, StoreError},
};

/// Most events of one step, so that its transaction stays short.
const STEP_EVENTS_MAX: u64 = 256;

/// What a step did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Dispatched {
    /// Somebody else has the lease.
    NotOurs,
    /// No event waits.
    Idle,
    /// Events were fanned out, and perhaps more wait.
    Some {
        /// How many events.
        events: u64,
        /// How many deliveries they became.
        deliveries: u64,
    },
}

/// Fans out, and remembers the lease between steps.
#[derive(Debug)]
pub struct Dispatcher {
    worker: WorkerId,
    preference: SubjectPreference,
    /// How long a lease lasts.
    term: Duration,
    held: Option<Held>,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    lease: FanOutLease,
    renew_at: Timestamp,
}

impl Dispatcher {
    /// Fans out as `worker`; streams get the identifiers that `preference` chooses. After a crash, nobody fans out for as long
    /// as a lease lasts.
    pub fn new(worker: WorkerId, preference: SubjectPreference, lease: Duration) -> Self {
        Self {
            worker,
            preference,
            term: lease,
            held: None,
        }
    }

    /// Fans out at most 256 of the events that wait.
    ///
    /// # Errors
    /// The store is not available; nothing is lost, and the next step repeats this one.
    #[tracing::instrument(name = "dispatch", skip_all)]
    pub async fn step(
        &mut self,
        store: &impl Outbox,
        clock: &impl Clock,
    ) -> Result<Dispatched, StoreError> {
        let now = clock.now();
        let Some(lease) = self.lease(store, now).await? else {
            return Ok(Dispatched::NotOurs);
        };
        let preference = &self.preference;
        let decide =
            |event: &_, streams: &[_]| fan_out(event, streams, preference, now, || ids::jti(now));
        match store.fan_out(lease, now, STEP_EVENTS_MAX, decide).await? {
            FannedOut::LeaseLost => {
                measure::leases(Leased::FanOut, LeaseChange::Lost, 1);
                self.held = None;
                Ok(Dispatched::NotOurs)
            }
            FannedOut::Done { events: 0, .. } => Ok(Dispatched::Idle),
            FannedOut::Done { events, deliveries } => {
                metrics::counter!("ssf_events_dispatched_total").increment(events);
                metrics::counter!("ssf_deliveries_total").increment(deliveries);
                Ok(Dispatched::Some { events, deliveries })
            }
        }
    }

    /// Lets another fan out at once.
    ///
    /// # Errors
    /// The store is not available; the lease expires by itself.
    pub async fn give_back(&mut self, store: &impl Outbox) -> Result<(), StoreError> {
        match self.held.take() {
            Some(held) => store.release_fan_out(held.lease).await,
            None => Ok(()),
        }
    }

    async fn lease(
        &mut self,
        store: &impl Outbox,
        now: Timestamp,
    ) -> Result<Option<FanOutLease>, StoreError> {
        if let Some(held) = self.held.filter(|held| now < held.renew_at) {
            return Ok(Some(held.lease));
        }
        let lease = store
            .lease_fan_out(self.worker, now, now.after(self.term))
            .await?;
        let had = self.held.map(|held| held.lease);
        if had != lease {
            let count = |which: Option<FanOutLease>| u64::from(which.is_some());
            measure::leases(Leased::FanOut, LeaseChange::Lost, count(had));
            measure::leases(Leased::FanOut, LeaseChange::Taken, count(lease));
        }
        self.held = lease.map(|lease| Held {
            lease,
            renew_at: now.after(self.term / 3),
        });
        Ok(lease)
    }
}
