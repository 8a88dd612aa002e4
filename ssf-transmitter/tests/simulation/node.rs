//! A node: the loops of the product over its own steps, on connections that fail.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use ssf_transmitter::{
    app::{
        deliver::{Delivered, Deliverer, DeliverySettings, LEASE_DEFAULT},
        dispatch::{Dispatched, Dispatcher},
        gate::Gate,
        ids,
        ingest::{self, Ingest, IngestQueue},
        replay::replay,
        retain::{Retained, Retaining},
        status::{Settled, Updating},
        verify,
        wake::Wake,
    },
    domain::{
        circuit::Decider, id::WorkerId, retention::Retention, subjects::SubjectPreference,
        trace::Standing,
    },
    ports::{Clock, DeliveryFilter, LeasedStream, Outbox, StoreError},
};
use ssf_types::stream::{StreamStatus, UpdateStatus, VerificationRequest};
use tokio::{sync::watch, task::JoinSet};

use super::{
    chance, clock::WorldClock, database::Connection, link::Link, process::Process, seal::Sealer,
    world::World,
};

/// Longest time between two looks for work, and the shortest.
const SWEEP: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(10);

/// How often it is looked for what is old.
const RETAIN_PERIOD: Duration = Duration::from_mins(5);

/// Longer than any world lasts.
const LONG: Duration = Duration::from_hours(1000);

/// Most deliveries that are sent once more at a time.
const REPLAY_MAX: u64 = 100;

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
    /// Absent once it is time to stop.
    ingest: Mutex<Option<Ingest>>,
    stopping: watch::Sender<bool>,
}

impl Node {
    /// Starts a node.
    pub(crate) fn start(world: &Arc<World>) -> Arc<Self> {
        let process = Arc::new(Process::new());
        let skew = if world.plan.is_alone() {
            0
        } else {
            chance::around(400)
        };
        let clock = world.clock.with_skew(skew);
        let (ingest, queue) = ingest::queue();
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
            worker: ids::worker_id(),
            gate: Gate::default(),
            accepted: Wake::default(),
            fresh: Wake::default(),
            ingest: Mutex::new(Some(ingest)),
            stopping: watch::Sender::new(false),
        });
        let run = &node.process;
        run.spawn(take_in(Arc::clone(&node), queue));
        run.spawn(fan_out(Arc::clone(&node)));
        run.spawn(deliver(Arc::clone(&node)));
        run.spawn(retain(Arc::clone(&node)));
        node
    }

    /// Tells the node to stop, and waits until it has.
    pub(crate) async fn stop(&self) {
        self.ingest.lock().unwrap().take();
        self.stopping.send_replace(true);
        // Its tasks hold the receivers of this.
        self.stopping.closed().await;
        self.process.die();
    }

    fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    pub(crate) fn ingest(&self) -> Option<Ingest> {
        self.ingest.lock().unwrap().clone()
    }

    /// Gives a stream a status, as its Receiver or the operator wants it; whether that is certain.
    pub(crate) async fn gives_status(&self, at: usize, status: StreamStatus, by: Decider) -> bool {
        let oracle = &self.world.oracle;
        let _under_way = match status {
            StreamStatus::Enabled => Some(oracle.starts(at)),
            StreamStatus::Disabled => Some(oracle.disables(at)),
            StreamStatus::Paused => None,
        };
        let before = oracle.stops(at);
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
                oracle.stopped(at, before, updated.settled);
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
    async fn take(
        self: &Arc<Self>,
        streams: &mut JoinSet<Result<Delivered, StoreError>>,
    ) -> Result<Duration, StoreError> {
        let now = self.clock.now();
        let until = now.after(LEASE_DEFAULT);
        let leased = self
            .store
            .lease_streams(self.worker, now, until, 10)
            .await?;
        for stream in leased {
            streams.spawn(one(Arc::clone(self), stream));
        }
        let next = self.store.next_due().await?;
        Ok(next.map_or(SWEEP, |due| due.since(now).clamp(PAUSE, SWEEP)))
    }
}

async fn take_in(node: Arc<Node>, queue: IngestQueue) {
    let _held = node.stopping.subscribe();
    queue.run(&node.store, &node.clock, &node.accepted).await;
}

async fn fan_out(node: Arc<Node>) {
    let mut stopping = node.stopping.subscribe();
    let mut accepted = node.accepted.listen();
    let preference = SubjectPreference::default();
    let mut dispatcher = Dispatcher::new(node.worker, preference, LEASE_DEFAULT);
    while !node.is_stopping() {
        if let Ok(Dispatched::Some { .. }) = dispatcher.step(&node.store, &node.clock).await {
            node.fresh.wake();
            continue;
        }
        tokio::select! {
            biased;
            _ = stopping.wait_for(|stopping| *stopping) => {}
            () = accepted.wait(SWEEP) => {}
        }
    }
    // If it fails, the lease is left to its end.
    _ = dispatcher.give_back(&node.store).await;
}

async fn deliver(node: Arc<Node>) {
    let mut stopping = node.stopping.subscribe();
    let mut fresh = node.fresh.listen();
    let mut streams = JoinSet::new();
    while !node.is_stopping() {
        let pause = node.take(&mut streams).await.unwrap_or(SWEEP);
        tokio::select! {
            biased;
            Some(_) = streams.join_next() => {}
            _ = stopping.wait_for(|stopping| *stopping) => {}
            () = fresh.wait(pause) => {}
        }
    }
    while streams.join_next().await.is_some() {}
}

async fn one(node: Arc<Node>, leased: LeasedStream) -> Result<Delivered, StoreError> {
    let mut stopping = node.stopping.subscribe();
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
    let stopping = async {
        _ = stopping.wait_for(|stopping| *stopping).await;
    };
    deliverer.deliver(&leased, stopping).await
}

async fn retain(node: Arc<Node>) {
    let mut stopping = node.stopping.subscribe();
    let mut retaining = Retaining::new(Retention::new(LONG, LONG));
    while !node.is_stopping() {
        let pause = match retaining.step(&node.store, &node.clock).await {
            Ok(Retained::Some { .. }) => PAUSE,
            Ok(Retained::All) | Err(_) => RETAIN_PERIOD,
        };
        tokio::select! {
            biased;
            _ = stopping.wait_for(|stopping| *stopping) => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}
