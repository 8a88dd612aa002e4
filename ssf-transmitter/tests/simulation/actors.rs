//! Those who want something of the transmitter, and what befalls it.

use std::{sync::Arc, time::Duration};

use ssf_transmitter::{
    domain::{circuit::Decider, event::NewEvent, id::Fingerprint, issuer::IssuerName},
    ports::{Appended, Idempotency, StreamStore},
};
use ssf_types::{
    event::caep::SessionRevoked, id::Txn, stream::StreamStatus, subject::SimpleSubject,
};
use tokio::time::{Instant, timeout};

use super::{
    application::address, chance, cluster::Cluster, node::Node, unsettled::something_is_refused,
    world::World,
};

/// How long a producer waits for an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Hands in all events of a world, and each as often as it takes.
pub(crate) async fn produce(cluster: Arc<Cluster>) {
    let mut submissions = tokio::task::JoinSet::new();
    let mut next = 0;
    while next < cluster.world.plan.events {
        chance::pause(0..=1500).await;
        let end = (next + chance::within(1..=3)).min(cluster.world.plan.events);
        let handing = hand_in(Arc::clone(&cluster), (next..end).collect());
        submissions.spawn(cluster.world.oracle.watches(handing));
        next = end;
    }
    while submissions.join_next().await.is_some() {}
}

/// Hands in some events, as often as it takes.
pub(crate) async fn hand_in(cluster: Arc<Cluster>, numbers: Vec<u64>) {
    let world = &cluster.world;
    let events: Vec<(String, NewEvent)> = numbers
        .iter()
        .map(|number| happened(world, *number))
        .collect();
    let key = Fingerprint::new([u8::try_from(numbers[0]).unwrap(); 32]);
    let idempotency = Idempotency {
        key,
        body: key,
        answer: String::new(),
    };
    loop {
        let (events, idempotency) = (events.clone(), idempotency.clone());
        let handing = cluster.asks(move |node: Arc<Node>| async move {
            let ingest = node.ingest()?;
            let events = events.into_iter().map(|(_, event)| event).collect();
            let submitted = ingest.submit(IssuerName::default(), events, Some(idempotency));
            submitted.await.ok()
        });
        match timeout(PATIENCE, handing).await {
            Ok(Some(Some(Appended::Accepted(_) | Appended::Replayed(_)))) => break,
            Ok(Some(Some(Appended::KeyConflict) | None) | None) | Err(_) => {
                chance::pause(10..=2000).await;
            }
        }
    }
    for number in numbers {
        world.oracle.accepted(&name(number));
    }
}

fn name(number: u64) -> String {
    format!("e{number}")
}

fn happened(world: &World, number: u64) -> (String, NewEvent) {
    let user = chance::index(world.plan.users);
    let mut email = address(user);
    if chance::happens(300) {
        email.make_ascii_uppercase();
    }
    let name = name(number);
    world.oracle.asks(&name, user);
    let mut event = NewEvent::new(SimpleSubject::Email { email }, SessionRevoked::default());
    event.txn = Some(Txn::parse(name.as_str()).unwrap());
    (name, event)
}

/// Looks after one stream, for its Receiver and for the operator.
pub(crate) async fn administer(cluster: Arc<Cluster>, at: usize) {
    let may_disable = chance::happens(300);
    for _ in 0..chance::within(0..=9) {
        chance::pause(50..=4000).await;
        let by = if chance::happens(600) {
            Decider::Receiver
        } else {
            Decider::Transmitter
        };
        let status = match chance::within(0..=9) {
            0..=3 => StreamStatus::Paused,
            4 if may_disable => StreamStatus::Disabled,
            4..=7 => StreamStatus::Enabled,
            8 => {
                let verifying = move |node: Arc<Node>| async move { node.verifies(at).await };
                _ = timeout(PATIENCE, cluster.asks(verifying)).await;
                continue;
            }
            _ => {
                let replaying = |node: Arc<Node>| async move { node.replays().await };
                _ = timeout(PATIENCE, cluster.asks(replaying)).await;
                continue;
            }
        };
        let giving = move |node: Arc<Node>| async move { node.gives_status(at, status, by).await };
        _ = timeout(PATIENCE, cluster.asks(giving)).await;
    }
}

/// Does what nobody but people can: starts the streams that were stopped, and has sent once more what was refused.
///
/// No more than that: what is due is to be delivered, and what rests to be asked again, without anybody's help.
pub(crate) async fn put_right(cluster: &Arc<Cluster>) {
    let world = &cluster.world;
    for at in 0..world.plan.applications {
        while !(is_enabled(world, at).await && world.oracle.is_open(at)) {
            let starting = |by| {
                move |node: Arc<Node>| async move {
                    node.gives_status(at, StreamStatus::Enabled, by).await
                }
            };
            if cluster.asks(starting(Decider::Receiver)).await != Some(true) {
                // What the operator has disabled, nobody else can start.
                cluster.asks(starting(Decider::Transmitter)).await;
            }
        }
    }
    if something_is_refused(world).await {
        cluster
            .asks(|node: Arc<Node>| async move { node.replays().await })
            .await;
    }
}

async fn is_enabled(world: &World, at: usize) -> bool {
    let application = &world.applications[at];
    let (receiver, id) = (application.receiver.id, &application.stream.id);
    let stream = world.database.memory().stream(receiver, id).await;
    stream.unwrap().unwrap().status == StreamStatus::Enabled
}

/// Breaks things.
pub(crate) async fn break_things(cluster: Arc<Cluster>) {
    let world = &cluster.world;
    for _ in 0..world.plan.accidents {
        chance::pause(50..=4000).await;
        if world.is_calm() {
            return;
        }
        match chance::within(0..=9) {
            0..=3 => {
                let steps = chance::within(0..=60);
                cluster.any_node().process.dies_after(steps);
            }
            4..=5 => {
                let application = &world.applications[chance::index(world.plan.applications)];
                application.process().dies_after(chance::within(0..=8));
            }
            6 => lose_power(&cluster).await,
            7 => {
                world.oracle.happens("a node is told to stop");
                cluster.any_node().stop().await;
            }
            8 => {
                let until = Instant::now() + chance::millis(1000..=20_000);
                world.oracle.happens("a node stands still");
                cluster.any_node().process.stands_until(until);
            }
            _ => jump(world),
        }
    }
}

async fn lose_power(cluster: &Cluster) {
    let world = &cluster.world;
    world.database.fail(world);
    chance::pause(0..=40).await;
    world.database.lose(world);
    if world.plan.is_alone() {
        // It was in the same machine.
        cluster.node(0).process.die();
    }
    chance::pause(0..=2000).await;
    world.database.recover(world);
}

/// The clock of a node that is alone jumps as it likes; those of several nodes agree to a second.
///
/// An hour is longer than anything rests or is leased. No more than one jump in four may go as far, since a world whose clock
/// is set back from there lasts long; and none goes a year ahead, where what is pending is to be dropped.
fn jump(world: &World) {
    let most = if world.plan.is_alone() {
        [60_000, 60_000, 60_000, 3_600_000][chance::index(4)]
    } else {
        100
    };
    let ahead = chance::around(most);
    world.oracle.happens("the clock jumps");
    world.oracle.note(&format!("the clock is {ahead} ms ahead"));
    world.clock.set_ahead(ahead);
}
