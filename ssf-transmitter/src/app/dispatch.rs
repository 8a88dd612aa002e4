//! Fanning accepted events out, by the one who holds the lease: one step at a time, or at once where they are accepted.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ssf_types::{id::StreamId, time::Timestamp};

use super::{
    ids,
    measure::{self, LeaseChange, Leased},
    taker::{Offer, Taker},
};
use crate::{
    domain::{
        event::AcceptedEvent,
        fan_out::{FanOut, StepMax, fan_out},
        id::WorkerId,
        subjects::SubjectPreference,
    },
    ports::{Appended, Clock, FanOutLease, FannedOut, Outbox, StoreError, Submission},
};

/// Whoever hands events in or settles deliveries waits for a step, which may therefore not become as large as many events times
/// many streams.
const STEP_MAX: StepMax = StepMax {
    events: 256,
    deliveries: 10_000,
};

/// What a step did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Dispatched {
    /// Somebody else has the lease.
    NotOurs,
    /// Nothing was fanned out: no event waits.
    Idle,
    /// Events were fanned out, and perhaps more wait.
    Some {
        /// How many events.
        events: u64,
        /// How many deliveries they became.
        deliveries: u64,
    },
}

/// Who goes on with what was accepted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Next {
    /// Nobody: it is for no stream, or all streams that it is for were handed over.
    Nobody,
    /// Whoever delivers.
    Delivery,
    /// Whoever fans out.
    FanOut,
}

impl Dispatched {
    /// What came of it, which is counted.
    fn counted(fanned_out: FannedOut) -> Self {
        match fanned_out {
            FannedOut::LeaseLost => Self::NotOurs,
            FannedOut::Done { events: 0, .. } => Self::Idle,
            FannedOut::Done { events, deliveries } => {
                metrics::counter!("ssf_events_dispatched_total").increment(events);
                metrics::counter!("ssf_deliveries_total").increment(deliveries);
                Self::Some { events, deliveries }
            }
        }
    }
}

/// Accepts events, and fans them out with that while a dispatcher of this process has the lease. Clones are the same.
///
/// It is closed by whatever goes wrong, so that events can be accepted where they cannot be fanned out, and opened by the next
/// step that does not.
#[derive(Clone, Debug)]
pub struct Shortcut {
    preference: SubjectPreference,
    lease: Arc<Mutex<Option<FanOutLease>>>,
}

impl Shortcut {
    /// Accepts submissions, and tells who is to be called for them. Streams that get something are handed over to be delivered
    /// on, where `taker` has room.
    ///
    /// # Errors
    /// The store is not available; perhaps all of it was done.
    pub async fn accept(
        &self,
        store: &impl Outbox,
        submissions: Vec<Submission>,
        (now, taker): (Timestamp, &Taker),
    ) -> Result<(Vec<Appended>, Next), StoreError> {
        let Some(lease) = *self.lease() else {
            let appended = store.append(submissions, now).await?;
            return Ok((appended, Next::FanOut));
        };
        let decide = decide(&self.preference, now);
        let mut offer = None;
        let make_offer = |streams: &[StreamId]| {
            offer = taker.offer(streams, now);
            offer.as_ref().map(Offer::taking)
        };
        let accepted = store.append_and_fan_out(submissions, now, lease, decide, make_offer);
        match accepted.await {
            Ok(at_once) => {
                if at_once.fanned_out == FannedOut::LeaseLost {
                    self.put(None);
                }
                if let Some(offer) = offer {
                    offer.hand_over(at_once.taken);
                }
                let next = match Dispatched::counted(at_once.fanned_out) {
                    Dispatched::Some { .. } if at_once.is_left => Next::Delivery,
                    Dispatched::Some { .. } => Next::Nobody,
                    Dispatched::Idle | Dispatched::NotOurs => Next::FanOut,
                };
                Ok((at_once.answers, next))
            }
            Err(error) => {
                self.put(None);
                if let Some(offer) = offer {
                    offer.fail();
                }
                Err(error)
            }
        }
    }

    fn put(&self, lease: Option<FanOutLease>) {
        *self.lease() = lease;
    }

    /// It is one value, so that a panic elsewhere is no reason to stop.
    fn lease(&self) -> MutexGuard<'_, Option<FanOutLease>> {
        self.lease.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Decides what streams get of an event.
fn decide(
    preference: &SubjectPreference,
    now: Timestamp,
) -> impl FnMut(&AcceptedEvent, &[StreamId]) -> FanOut {
    move |event, streams| fan_out(event, streams, preference, now, || ids::jti(now))
}

/// Fans out, and remembers the lease between steps.
#[derive(Debug)]
pub struct Dispatcher {
    worker: WorkerId,
    /// How long a lease lasts.
    term: Duration,
    held: Option<Held>,
    shortcut: Shortcut,
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
            term: lease,
            held: None,
            shortcut: Shortcut {
                preference,
                lease: Arc::default(),
            },
        }
    }

    /// The way past it, which is open from its first step on.
    pub fn shortcut(&self) -> Shortcut {
        self.shortcut.clone()
    }

    /// Fans out some of the events that wait: 256 at most, and one alone where 10,000 streams get it.
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
            self.shortcut.put(None);
            return Ok(Dispatched::NotOurs);
        };
        let decide = decide(&self.shortcut.preference, now);
        let fanned_out = store.fan_out(lease, now, STEP_MAX, decide).await?;
        match fanned_out {
            FannedOut::LeaseLost => {
                measure::leases(Leased::FanOut, LeaseChange::Lost, 1);
                self.held = None;
                self.shortcut.put(None);
            }
            FannedOut::Done { .. } => self.shortcut.put(Some(lease)),
        }
        Ok(Dispatched::counted(fanned_out))
    }

    /// Lets another fan out at once.
    ///
    /// # Errors
    /// The store is not available; the lease expires by itself.
    pub async fn give_back(&mut self, store: &impl Outbox) -> Result<(), StoreError> {
        self.shortcut.put(None);
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
