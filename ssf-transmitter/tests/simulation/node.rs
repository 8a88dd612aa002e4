//! A node: the loops of the product over its own steps, on connections that fail.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use ssf_transmitter::{
    app::{
        deliver::{Delivered, Deliverer, DeliverySettings, LEASE_DEFAULT},
        dispatch::{Dispatched, Dispatcher},
        gate::Gate,
        horizon, ids,
        ingest::{self, Ingest, IngestQueue, Onward},
        poll::{self, Caller, Poller, Polls, Unreached},
        replay::replay,
        retain::{Retained, Retaining},
        slots::Slots,
        status::{Settled, Updating},
        taker::{self, Handed, TakenStream, Taker},
        verify,
        wake::Wake,
    },
    domain::{
        circuit::Decider, id::WorkerId, profile::Profile, retention::Retention, retry::RetryPolicy,
        subjects::SubjectPreference, trace::Standing,
    },
    ports::{Clock, DeliveryFilter, Outbox, StoreError},
};
use ssf_types::{
    id::Jti,
    poll::PollRequest,
    stream::{StreamStatus, UpdateStatus, VerificationRequest},
};
use tokio::{task::JoinSet, time::Instant};

use super::{
    chance,
    clock::WorldClock,
    database::Connection,
    link::Link,
    oracle::Claims,
    process::Process,
    seal::Sealer,
    signal::Signal,
    world::{World, issuer},
};

/// Longest time between two looks for work, and the shortest.
const SWEEP: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(10);

/// How often it is looked for what is old.
const RETAIN_PERIOD: Duration = Duration::from_mins(5);

/// How often it is looked for what a wrong clock put off.
const HORIZON_PERIOD: Duration = Duration::from_mins(1);

/// How long a poll waits.
const POLL_TIMEOUT: Duration = Duration::from_secs(4);

/// Most streams that a node works on at once: fewer than there are, sometimes.
const STREAMS_PARALLEL_MAX: usize = 1;

/// Longer than any world lasts.
const LONG: Duration = Duration::from_hours(1000);

/// How long what is done is kept where it is forgotten soon, and how often it is looked for.
const SOON: Duration = Duration::from_secs(3);

/// Most deliveries that are sent once more at a time.
const REPLAY_MAX: u64 = 100;

/// Streams that are delivered on.
type Streams = JoinSet<Option<Result<Delivered, StoreError>>>;

/// A process of the transmitter.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) process: Arc<Process>,
    world: Arc<World>,
    store: Connection,
    sealer: Sealer,
    link: Link,
    clock: WorldClock,
    worker: WorkerId,
    gate: Gate,
    accepted: Wake,
    fresh: Wake,
    polls: Polls,
    slots: Slots,
    taker: Taker,
    /// Absent once it is time to stop.
    ingest: Mutex<Option<Ingest>>,
    stopping: Signal,
}

impl Node {
    /// Starts a node.
    pub(crate) fn start(world: &Arc<World>) -> Arc<Self> {
        let process = Arc::new(Process::new(Arc::clone(&world.oracle)));
        let skew = if world.plan.is_alone() {
            0
        } else {
            chance::around(400)
        };
        let clock = world.clock.with_skew(skew);
        let (ingest, queue) = ingest::queue();
        let (polls, unreached) = poll::polls(10);
        let worker = ids::worker_id();
        let slots = Slots::new(STREAMS_PARALLEL_MAX);
        let gate = Gate::default();
        let (taker, handed) = taker::taker(worker, LEASE_DEFAULT, slots.clone(), gate.clone());
        let node = Arc::new(Self {
            store: Connection::new(Arc::clone(world), Arc::clone(&process)),
            sealer: Sealer {
                world: Arc::clone(world),
                process: Arc::clone(&process),
            },
            link: Link {
                world: Arc::clone(world),
                process: Arc::clone(&process),
                clock: clock.clone(),
            },
            world: Arc::clone(world),
            process,
            clock,
            worker,
            gate,
            accepted: Wake::default(),
            fresh: Wake::default(),
            polls,
            slots,
            taker,
            ingest: Mutex::new(Some(ingest)),
            stopping: Signal::default(),
        });
        let run = &node.process;
        let preference = SubjectPreference::default();
        let dispatcher = Dispatcher::new(node.worker, preference, LEASE_DEFAULT);
        let onward = Onward {
            shortcut: dispatcher.shortcut(),
            taker: node.taker.clone(),
            accepted: node.accepted.clone(),
            fresh: node.fresh.clone(),
        };
        run.spawn(take_in(Arc::clone(&node), queue, onward));
        run.spawn(fan_out(Arc::clone(&node), dispatcher));
        run.spawn(deliver(Arc::clone(&node), handed));
        run.spawn(call_polls(Arc::clone(&node), unreached));
        run.spawn(retain(Arc::clone(&node)));
        run.spawn(draw_in(Arc::clone(&node)));
        node
    }

    /// Tells the node to stop, and waits until it has.
    pub(crate) async fn stop(&self) {
        self.ingest.lock().unwrap().take();
        self.stopping.give();
        self.process.finishes().await;
        self.process.die();
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.is_given()
    }

    pub(crate) fn ingest(&self) -> Option<Ingest> {
        self.ingest.lock().unwrap().clone()
    }

    /// Gives a stream a status, as its Receiver or the operator wants it; whether that is certain.
    pub(crate) async fn gives_status(&self, at: usize, status: StreamStatus, by: Decider) -> bool {
        let oracle = &self.world.oracle;
        let _under_way = match status {
            StreamStatus::Disabled => Some(oracle.disables(at)),
            StreamStatus::Enabled | StreamStatus::Paused => None,
        };
        let application = &self.world.applications[at];
        let (stream, receiver) = (&application.stream, &application.receiver);
        let updating = Updating {
            store: &self.store,
            clock: &self.clock,
            fresh: &self.fresh,
            gate: &self.gate,
            worker: self.worker,
        };
        let updated = match by {
            Decider::Receiver => {
                let request = UpdateStatus::new(stream.id.clone(), status);
                updating.update(receiver, request).await
            }
            Decider::Transmitter => {
                let deciding = updating.decide(&stream.issuer, &stream.id, status, None);
                deciding.await
            }
        };
        self.process.step().await;
        let Ok(updated) = updated else {
            return false;
        };
        match status {
            StreamStatus::Enabled => oracle.started(at),
            StreamStatus::Paused | StreamStatus::Disabled => {
                oracle.stopped(at, updated.settled);
            }
        }
        updated.settled == Settled::InForce
    }

    /// Requests a verification for a Receiver.
    pub(crate) async fn verifies(&self, at: usize) {
        let application = &self.world.applications[at];
        let request = VerificationRequest::new(application.stream.id.clone(), None);
        let now = self.clock.now();
        let interval = Duration::from_secs(2);
        // It may be refused, and may fail.
        _ = verify::verify(&self.store, &application.receiver, request, interval, now).await;
        self.fresh.wake();
    }

    /// Answers a poll with SETs, by their names; `None` if that fails, or nobody is there to be answered.
    pub(crate) async fn answers(
        &self,
        at: usize,
        request: PollRequest,
    ) -> Option<BTreeMap<Jti, String>> {
        let application = &self.world.applications[at];
        let poller = Poller {
            store: &self.store,
            signer: &self.sealer,
            clock: &self.clock,
            polls: &self.polls,
            issuer: &issuer(),
            profile: Profile::Strict,
            timeout: POLL_TIMEOUT,
        };
        let (receiver, id) = (application.receiver.id, &application.stream.id);
        let answer = poller.poll(receiver, id, request).await.ok()?;
        self.process.step().await;
        if self.world.strikes(self.world.plan.lost) {
            return None;
        }
        answer.handed_out.arrived();
        let mut offered: Vec<Claims> = answer
            .response
            .sets
            .values()
            .map(|set| Claims::of(set))
            .collect();
        offered.sort_by(|one, other| one.txn.cmp(&other.txn));
        for claims in &offered {
            let is_kept = |jti: &str| self.world.is_kept(jti);
            self.world.oracle.offers(at, claims, is_kept);
        }
        Some(answer.response.sets)
    }

    /// Sends what was refused once more; whether that was possible.
    pub(crate) async fn replays(&self) -> bool {
        let filter = DeliveryFilter {
            standing: Some(Standing::Quarantined),
            ..DeliveryFilter::default()
        };
        let replayed = replay((&self.store, &self.clock), (&filter, None, REPLAY_MAX)).await;
        self.fresh.wake();
        replayed.is_ok()
    }

    /// Takes the streams that are there to be taken; returns how long to wait before the next look.
    async fn take(self: &Arc<Self>, streams: &mut Streams) -> Result<Duration, StoreError> {
        let turn = self.taker.turn().await;
        self.slots.want(self.slots.free() == 0);
        let now = self.clock.now();
        let Some((term, taking)) = turn.taking(now) else {
            return Ok(SWEEP);
        };
        let leased = (self.store)
            .lease_streams(taking.worker, now, taking.until, taking.room)
            .await?;
        turn.succeed();
        for stream in leased {
            self.begins(streams, turn.takes(stream, term));
        }
        drop(turn);
        if self.slots.free() == 0 {
            return Ok(PAUSE);
        }
        let next = self.store.next_due().await?;
        Ok(next.map_or(SWEEP, |due| due.since(now).clamp(PAUSE, SWEEP)))
    }

    fn begins(self: &Arc<Self>, streams: &mut Streams, taken: TakenStream) {
        let delivering = one(Arc::clone(self), taken);
        streams.spawn(self.world.oracle.watches(delivering));
    }
}

async fn take_in(node: Arc<Node>, queue: IngestQueue, onward: Onward) {
    queue.run(&node.store, &node.clock, &onward).await;
}

async fn fan_out(node: Arc<Node>, mut dispatcher: Dispatcher) {
    let mut accepted = node.accepted.listen();
    while !node.is_stopping() {
        if let Ok(Dispatched::Some { .. }) = dispatcher.step(&node.store, &node.clock).await {
            node.fresh.wake();
            continue;
        }
        tokio::select! {
            biased;
            () = node.stopping.given() => {}
            () = accepted.wait(SWEEP) => {}
        }
    }
    // If it fails, the lease is left to its end.
    _ = dispatcher.give_back(&node.store).await;
}

async fn deliver(node: Arc<Node>, mut handed: Handed) {
    let mut fresh = node.fresh.listen();
    let mut streams = Streams::new();
    while !node.is_stopping() {
        let pause = node.take(&mut streams).await.unwrap_or(SWEEP);
        let until = Instant::now() + pause;
        loop {
            tokio::select! {
                biased;
                Some(taken) = handed.next() => {
                    node.begins(&mut streams, taken);
                    continue;
                }
                Some(_) = streams.join_next() => {}
                () = node.stopping.given() => {}
                () = node.slots.freed() => {}
                () = fresh.wait(until.saturating_duration_since(Instant::now())) => {}
            }
            break;
        }
    }
    handed.close(&node.taker).await;
    while let Some(taken) = handed.arrived() {
        node.begins(&mut streams, taken);
    }
    while streams.join_next().await.is_some() {}
}

async fn call_polls(node: Arc<Node>, mut unreached: Unreached) {
    let mut fresh = node.fresh.listen();
    let mut caller = Caller::new(node.clock.now());
    while !node.is_stopping() {
        // The next look repeats one that fails.
        _ = caller.look(&node.store, &node.clock, &node.polls).await;
        tokio::select! {
            biased;
            answer = unreached.next() => answer.take_back(&node.store, &node.clock, &node.polls).await,
            () = node.stopping.given() => {}
            () = fresh.wait(SWEEP) => {}
        }
    }
    node.polls.close();
}

async fn one(node: Arc<Node>, taken: TakenStream) -> Result<Delivered, StoreError> {
    let TakenStream {
        leased,
        beginning,
        place: _place,
    } = taken;
    let start = tokio::select! {
        biased;
        start = beginning.start() => start,
        () = node.stopping.given() => {
            node.store.release(&leased.lease, &leased.health).await?;
            return Ok(Delivered::default());
        }
    };
    let deliverer = Deliverer {
        store: &node.store,
        signer: &node.sealer,
        push: &node.link,
        clock: &node.clock,
        fresh: &node.fresh,
        gate: &node.gate,
        issuers: &node.world.issuers,
        settings: DeliverySettings::default(),
        jitter: chance::unit,
    };
    deliverer
        .deliver(&leased, start, node.stopping.given())
        .await
}

async fn retain(node: Arc<Node>) {
    let (history, period) = if node.world.plan.forgets {
        (SOON, SOON)
    } else {
        (LONG, RETAIN_PERIOD)
    };
    let mut retaining = Retaining::new(Retention::new(LONG, history));
    while !node.is_stopping() {
        let pause = match retaining.step(&node.store, &node.clock).await {
            Ok(Retained::Some { .. }) => PAUSE,
            Ok(Retained::All) | Err(_) => period,
        };
        tokio::select! {
            biased;
            () = node.stopping.given() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

async fn draw_in(node: Arc<Node>) {
    let retry = RetryPolicy::default();
    while !node.is_stopping() {
        // The next look repeats one that fails.
        if let Ok(1..) = horizon::draw_in(&node.store, &node.clock, &retry).await {
            node.fresh.wake();
        }
        tokio::select! {
            biased;
            () = node.stopping.given() => {}
            () = tokio::time::sleep(HORIZON_PERIOD) => {}
        }
    }
}
