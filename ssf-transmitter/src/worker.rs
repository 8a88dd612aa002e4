//! The loops: commits wake them, and a sweep once a second is the safety net.

mod deliver;
mod pulse;
mod stop;
mod upkeep;

use std::{sync::Arc, time::Duration};

use ssf_types::error::Chain;
use tracing::{debug, error};

pub use self::{
    deliver::deliver,
    pulse::{Loop, Pulse},
    stop::{Stop, Stopper, stop},
    upkeep::{
        count_backlogs, draw_in, drop_ordered, forget, forget_subjects, repeat, retain, survey,
        tell_troubles, tend, write_refusals,
    },
};
use crate::{
    app::{
        clock::SystemClock,
        deliver::DeliverySettings,
        dispatch::{Dispatched, Dispatcher},
        gate::Gate,
        poll::{Caller, Polls, Unreached},
        quota::Quotas,
        refusals::Refusals,
        slots::Slots,
        taker::Taker,
        tend::Tending,
        wake::Wake,
    },
    domain::{id::WorkerId, issuer::Issuers, retention::Retention},
    keys::SigningKeys,
    ports::Clock,
    push::PushClient,
    store::SeaStore,
};

/// Longest time between two looks for work.
const SWEEP: Duration = Duration::from_secs(1);

/// Shortest time between two looks for work that is due: a bound on how often an overdue row can be asked for.
const PAUSE: Duration = Duration::from_millis(10);

/// What the loops work with.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Work {
    /// Where events and deliveries are kept.
    pub store: SeaStore,
    /// Signs SETs.
    pub keys: SigningKeys,
    /// Sends them.
    pub push: PushClient,
    /// Tells the time.
    pub clock: SystemClock,
    /// The `iss` of the SETs, by the names of the streams' issuers.
    pub issuers: Arc<Issuers>,
    /// This process.
    pub worker: WorkerId,
    /// Is called when events were accepted.
    pub accepted: Wake,
    /// Is called when deliveries were added.
    pub fresh: Wake,
    /// What all polls share.
    pub polls: Polls,
    /// Is passed by attempts that begin.
    pub gate: Gate,
    /// Is told that the loops run.
    pub pulse: Pulse,
    /// How delivering goes about its work.
    pub settings: DeliverySettings,
    /// Places for streams that are delivered at the same time.
    pub slots: Slots,
    /// Takes streams for them.
    pub taker: Taker,
    /// What is done for streams on which nothing happens.
    pub tending: Tending,
    /// How long things are kept.
    pub retention: Retention,
    /// Refusals that are to be written down.
    pub refusals: Refusals,
    /// What sources have handed in lately.
    pub quotas: Quotas,
}

/// Fans out what was accepted, until it is time to stop; then another may do so.
pub async fn fan_out(work: Arc<Work>, mut dispatcher: Dispatcher, mut stop: Stop) {
    let mut accepted = work.accepted.listen();
    while !stop.is_stopping() {
        work.pulse.beat(Loop::FanOut);
        match dispatcher.step(&work.store, &work.clock).await {
            Ok(Dispatched::Some { events, deliveries }) => {
                debug!(events, deliveries, "events fanned out");
                if deliveries > 0 {
                    work.fresh.wake();
                }
                continue;
            }
            Ok(Dispatched::Idle | Dispatched::NotOurs) => {}
            Err(error) => error!(error = %Chain(&error), "events cannot be fanned out now"),
        }
        tokio::select! {
            () = accepted.wait(SWEEP) => {}
            () = stop.stopping() => {}
        }
    }
    match dispatcher.give_back(&work.store).await {
        Ok(()) => work.accepted.wake(),
        Err(error) => error!(error = %Chain(&error), "the fan-out was left to its lease"),
    }
}

/// Calls polls that wait for something that is there, and offers again what reached nobody, until it is time to stop; then
/// all that wait are answered with what there is.
pub async fn polls(work: Arc<Work>, mut unreached: Unreached, mut stop: Stop) {
    let mut fresh = work.fresh.listen();
    let mut caller = Caller::new(work.clock.now());
    while !stop.is_stopping() {
        if let Err(error) = caller.look(&work.store, &work.clock, &work.polls).await {
            error!(error = %Chain(&error), "polls that wait cannot be called now");
        }
        tokio::select! {
            answer = unreached.next() => answer.take_back(&work.store, &work.clock, &work.polls).await,
            () = fresh.wait(SWEEP) => {}
            () = stop.stopping() => {}
        }
    }
    work.polls.close();
}
