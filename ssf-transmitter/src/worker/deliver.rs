//! Delivering: as many streams at once as there is room for.

use std::{sync::Arc, time::Duration};

use futures_util::FutureExt;
use ssf_types::error::Chain;
use tokio::{
    task::{JoinError, JoinSet},
    time::Instant,
};
use tracing::{debug, error};

use super::{Loop, PAUSE, SWEEP, Stop, Work};
use crate::{
    app::{
        deliver::{Delivered, Deliverer},
        taker::{Handed, TakenStream},
    },
    failpoint::{Failpoint, reached},
    ports::{Clock, Outbox, StoreError},
};

/// How long a free slot waits at most for others.
const GATHER: Duration = Duration::from_millis(5);

/// Time between two looks for streams while all that are due belong to those who have their share.
const SHARED_OUT: Duration = Duration::from_millis(100);

/// Delivers what is due, several streams at once, until it is time to stop; then gives the streams back, one by one as what
/// is on the wire ends or is broken off.
pub async fn deliver(work: Arc<Work>, mut handed: Handed, mut stop: Stop) {
    let mut fresh = work.fresh.listen();
    let mut streams = Streams::default();
    while !stop.is_stopping() {
        work.pulse.beat(Loop::Delivery);
        let pause = match take(&work, &stop, (&mut streams, &mut handed)).await {
            Ok(pause) => pause,
            Err(error) => {
                error!(error = %Chain(&error), "no stream can be taken now");
                SWEEP
            }
        };
        let until = Instant::now() + pause;
        loop {
            tokio::select! {
                Some(taken) = handed.next() => {
                    streams.spawn(one(Arc::clone(&work), taken, stop.clone()));
                    continue;
                }
                () = fresh.wait(until.saturating_duration_since(Instant::now())) => {}
                Some(ended) = streams.join_next() => {
                    report(ended);
                    gather(&work, &mut streams).await;
                }
                () = work.slots.freed() => gather(&work, &mut streams).await,
                () = stop.stopping() => {}
            }
            break;
        }
    }
    begin_handed(&work, &stop, (&mut streams, &mut handed));
    handed.close(&work.taker).await;
    begin_handed(&work, &stop, (&mut streams, &mut handed));
    while let Some(ended) = streams.join_next().await {
        report(ended);
        work.fresh.wake();
    }
}

type Ended = Result<Delivered, StoreError>;

/// The streams that are delivered.
type Streams = JoinSet<Ended>;

/// Waits until half of the slots are free, but not long: what is taken together is taken in one transaction.
async fn gather(work: &Work, streams: &mut Streams) {
    let until = Instant::now() + GATHER;
    while work.slots.free() < work.slots.most() / 2 {
        tokio::select! {
            Some(ended) = streams.join_next() => report(ended),
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
    (streams, handed): (&mut Streams, &mut Handed),
) -> Result<Duration, StoreError> {
    let turn = work.taker.turn().await;
    // They need not wait for what others need.
    begin_handed(work, stop, (streams, handed));
    work.slots.want(work.slots.free() == 0);
    let now = work.clock.now();
    let Some((term, taking)) = turn.taking(now) else {
        return Ok(SWEEP);
    };
    reached(Failpoint::Sweep);
    let is_shared_out = taking.room.is_shared_out();
    let leased = work
        .store
        .lease_streams(taking.worker, now, taking.until, taking.room)
        .await?;
    turn.succeed();
    let count = leased.len();
    for stream in leased {
        let taken = turn.takes(stream, term);
        streams.spawn(one(Arc::clone(work), taken, stop.clone()));
    }
    drop(turn);
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

/// Begins on what was handed over.
fn begin_handed(work: &Arc<Work>, stop: &Stop, (streams, handed): (&mut Streams, &mut Handed)) {
    while let Some(taken) = handed.arrived() {
        streams.spawn(one(Arc::clone(work), taken, stop.clone()));
    }
}

async fn one(work: Arc<Work>, taken: TakenStream, mut stop: Stop) -> Ended {
    let TakenStream {
        leased,
        beginning,
        place: _place,
    } = taken;
    let start = tokio::select! {
        biased;
        start = beginning.start() => start,
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
    deliverer.deliver(&leased, start, stop.stopping()).await
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
