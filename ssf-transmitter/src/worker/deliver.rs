//! Delivering: as many streams at once as there is room for.

use std::{collections::HashMap, future::Future, sync::Arc, time::Duration};

use futures_util::FutureExt;
use ssf_types::error::Chain;
use tokio::{
    task::{Id, JoinError, JoinSet},
    time::Instant,
};
use tracing::{debug, error};

use super::{Loop, PAUSE, SWEEP, Stop, Work};
use crate::{
    app::{
        deliver::{Delivered, Deliverer, Term},
        measure::{self, LeaseChange, Leased},
        slots::Queued,
    },
    domain::{id::ReceiverId, room::Room},
    failpoint::{Failpoint, reached},
    ports::{Clock, LeasedStream, Outbox, StoreError},
};

/// How long a free slot waits at most for others.
const GATHER: Duration = Duration::from_millis(5);

/// Time between two looks for streams while all that are due belong to those who have their share.
const SHARED_OUT: Duration = Duration::from_millis(100);

/// So many times as many streams as there are slots may wait for answers without one: each costs memory, and a renewal of
/// its lease now and then.
const STREAMS_PER_SLOT_MAX: usize = 8;

/// Where more than half of the slots are taken, so many times as many streams as there are slots are taken ahead, and get theirs
/// one after the other: what is taken together is taken in one transaction.
const AHEAD: usize = 2;

/// One Receiver has at most half as many streams as there are slots, those that only wait included: so whatever its
/// endpoints do, the others have the rest.
const RECEIVER_SHARE: usize = 2;

/// Streams that are in trouble when they are taken are at most half of all, those that only wait included: so however many
/// hang each time they are asked, the others have the rest.
const TROUBLED_SHARE: usize = 2;

/// Delivers what is due, several streams at once, until it is time to stop; then gives the streams back, one by one as what
/// is on the wire ends or is broken off.
pub async fn deliver(work: Arc<Work>, mut stop: Stop) {
    let mut fresh = work.fresh.listen();
    let mut streams = Streams::default();
    while !stop.is_stopping() {
        work.pulse.beat(Loop::Delivery);
        let pause = match take(&work, &stop, &mut streams).await {
            Ok(pause) => pause,
            Err(error) => {
                error!(error = %Chain(&error), "no stream can be taken now");
                SWEEP
            }
        };
        tokio::select! {
            () = fresh.wait(pause) => {}
            Some(ended) = streams.next() => {
                report(ended);
                gather(&work, &mut streams).await;
            }
            () = work.slots.freed() => gather(&work, &mut streams).await,
            () = stop.stopping() => {}
        }
    }
    while let Some(ended) = streams.next().await {
        report(ended);
        work.fresh.wake();
    }
}

type Ended = Result<Delivered, StoreError>;

/// The streams that are delivered.
#[derive(Default)]
struct Streams {
    tasks: JoinSet<Ended>,
    taken: HashMap<Id, Taken>,
}

/// What counts of a stream while it is delivered.
#[derive(Clone, Copy)]
struct Taken {
    receiver: ReceiverId,
    /// Whether it was in trouble when it was taken.
    is_troubled: bool,
}

impl Streams {
    fn add(&mut self, taken: Taken, task: impl Future<Output = Ended> + Send + 'static) {
        let id = self.tasks.spawn(task).id();
        self.taken.insert(id, taken);
    }

    /// Waits for the next one that is given back; `None` if there are none.
    async fn next(&mut self) -> Option<Result<Ended, JoinError>> {
        let ended = self.tasks.join_next_with_id().await?;
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        self.taken.remove(&id);
        Some(ended.map(|(_, ended)| ended))
    }

    /// How many each Receiver has.
    fn shares(&self) -> HashMap<ReceiverId, usize> {
        let mut shares = HashMap::new();
        for taken in self.taken.values() {
            *shares.entry(taken.receiver).or_default() += 1;
        }
        shares
    }

    /// How many are in trouble.
    fn troubled(&self) -> usize {
        let troubled = self.taken.values().filter(|taken| taken.is_troubled);
        troubled.count()
    }

    /// Room for so many more, of `all` at most, where there are `most` slots.
    fn room(&self, more: usize, all: usize, most: usize) -> Room {
        let troubled = (all / TROUBLED_SHARE).saturating_sub(self.troubled());
        Room::new(more, (most / RECEIVER_SHARE).max(1), self.shares()).with_troubled(troubled)
    }
}

/// Waits until half of the slots are free, but not long: what is taken together is taken in one transaction.
async fn gather(work: &Work, streams: &mut Streams) {
    let until = Instant::now() + GATHER;
    while work.slots.free() < work.slots.most() / 2 {
        tokio::select! {
            Some(ended) = streams.next() => report(ended),
            () = work.slots.freed() => {}
            () = tokio::time::sleep_until(until) => break,
        }
    }
    // The look that comes now sees every slot that is free.
    _ = work.slots.freed().now_or_never();
}

/// Takes as many streams as there is room for; returns how long to wait before the next look.
async fn take(
    work: &Arc<Work>,
    stop: &Stop,
    streams: &mut Streams,
) -> Result<Duration, StoreError> {
    let most = work.slots.most();
    let all = most.saturating_mul(STREAMS_PER_SLOT_MAX);
    let (free, queued) = (work.slots.free(), work.slots.queued());
    work.slots.want(free == 0);
    let ahead = if free < most / 2 && queued < most {
        most * AHEAD - queued
    } else {
        0
    };
    let room = (free + ahead).min(all - streams.taken.len().min(all));
    if room == 0 {
        return Ok(SWEEP);
    }
    reached(Failpoint::Sweep);
    let now = work.clock.now();
    let term = Term::begin(work.settings.lease, now);
    let wanted = streams.room(room, all, most);
    let is_shared_out = wanted.is_shared_out();
    let leased = work
        .store
        .lease_streams(work.worker, now, term.until(), wanted)
        .await?;
    let count = leased.len();
    measure::leases(Leased::Stream, LeaseChange::Taken, count as u64);
    for stream in leased {
        let taken = Taken {
            receiver: stream.stream.receiver,
            is_troubled: stream.health.trouble.is_some(),
        };
        let queued = work.slots.queue();
        streams.add(
            taken,
            one(Arc::clone(work), stream, (term, queued), stop.clone()),
        );
    }
    if work.slots.free() == 0 {
        // What else is due waits for a slot, and not for its time.
        return Ok(PAUSE);
    }
    let next = work.store.next_due().await?;
    Ok(match next {
        None => SWEEP,
        Some(due) if due <= now && count == 0 && is_shared_out => SHARED_OUT,
        Some(due) => due.since(now).clamp(PAUSE, SWEEP),
    })
}

async fn one(
    work: Arc<Work>,
    leased: LeasedStream,
    (term, queued): (Term, Queued),
    mut stop: Stop,
) -> Ended {
    let slot = tokio::select! {
        biased;
        slot = queued.slot() => slot,
        () = stop.stopping() => {
            work.store.release(&leased.lease, &leased.health).await?;
            return Ok(Delivered::default());
        }
    };
    let deliverer = Deliverer {
        store: &work.store,
        signer: &work.keys,
        push: &work.push,
        clock: &work.clock,
        fresh: &work.fresh,
        gate: &work.gate,
        issuers: &work.issuers,
        settings: work.settings,
        jitter: rand::random::<f64>,
    };
    deliverer
        .deliver(&leased, (term, slot), stop.stopping())
        .await
}

fn report(ended: Result<Ended, JoinError>) {
    match ended {
        Ok(Ok(delivered)) => debug!(
            acknowledged = delivered.acknowledged,
            quarantined = delivered.quarantined,
            failed = delivered.failed,
            "stream given back"
        ),
        Ok(Err(error)) => error!(error = %Chain(&error), "a stream was left to its lease"),
        Err(error) => error!(error = %Chain(&error), "delivering on a stream was broken off"),
    }
}
