//! What happens in a world, from its beginning to its end.

use std::{sync::Arc, time::Duration};

use ssf_transmitter::{
    app::{deliver::LEASE_DEFAULT, ids},
    domain::trace::Standing,
    ports::{ChangedStream, Clock, DeliveryFilter, Outbox, StreamStore, TraceStore},
};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::{
    actors::{administer, break_things, hand_in, produce, put_right},
    chance,
    cluster::Cluster,
    fetcher::fetch,
    invariant::{Invariant, Violation},
    tally::Tally,
    unsettled::{is_settled, what_is_not_settled},
    world::World,
};

/// How long it may take in good weather until everything has come to its end, if no clock was ahead. Nothing waits longer by rule
/// than a SET that was refused for its key, which is sent again after 10 minutes at most.
const GOOD_WEATHER: Duration = Duration::from_mins(12);

/// How long any world lasts at most: bad weather ends within a minute or two, and no clock is more than an hour ahead.
const LIFE_MAX: Duration = Duration::from_hours(2);

/// How often it is looked whether all has come to its end.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// What came of a world.
#[derive(Debug)]
pub(crate) struct History {
    pub(crate) violation: Option<Violation>,
    /// How much happened.
    pub(crate) tally: Tally,
    /// What happened.
    pub(crate) log: Vec<String>,
}

/// Lives through the world of a seed.
pub(crate) fn live(seed: u64) -> History {
    chance::begin(seed);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let world = World::new().await;
        world.oracle.note(&format!("{:?}", world.plan));
        tokio::select! {
            biased;
            _ = world.oracle.broken() => {}
            lived = timeout(LIFE_MAX, world.oracle.watches(pass(&world))) => {
                if lived.is_err() {
                    goes_on_and_on(&world, LIFE_MAX).await;
                }
            }
        }
        History {
            violation: world.oracle.violation(),
            tally: world.oracle.tally(),
            log: world.oracle.log(),
        }
    })
}

async fn pass(world: &Arc<World>) {
    let cluster = Cluster::start(world);
    let oracle = &world.oracle;
    let producing = tokio::spawn(oracle.watches(produce(Arc::clone(&cluster))));
    let mut others = tokio::task::JoinSet::new();
    others.spawn(oracle.watches(break_things(Arc::clone(&cluster))));
    for application in &world.applications {
        let at = application.number;
        if application.stream.delivery.is_poll() {
            tokio::spawn(oracle.watches(fetch(Arc::clone(&cluster), at)));
        }
        others.spawn(oracle.watches(administer(Arc::clone(&cluster), at)));
    }
    while others.join_next().await.is_some() {}
    cluster.calm();
    world.clock.set_ahead(0);
    // Until then, a SET that was issued by a clock that was ahead is one from the future, which nobody takes.
    let put_off = world.clock.most_ahead();
    let is_made_up_for = Instant::now() + put_off;
    let limit = GOOD_WEATHER + put_off;
    let all = async {
        _ = producing.await;
        settle(&cluster).await;
    };
    if timeout(limit, all).await.is_err() {
        return goes_on_and_on(world, limit).await;
    }
    // Whoever died has left leases to their end. What happens then is done under leases that are given back.
    sleep_until(is_made_up_for).await;
    sleep(LEASE_DEFAULT * 2).await;
    let one_more = async {
        hand_in(Arc::clone(&cluster), vec![world.plan.events]).await;
        settle(&cluster).await;
    };
    if timeout(GOOD_WEATHER, one_more).await.is_err() {
        return goes_on_and_on(world, GOOD_WEATHER).await;
    }
    world.end();
    cluster.stop().await;
    nothing_is_leased(world).await;
    what_is_acknowledged_is_there(world).await;
    world.oracle.nothing_is_missing();
}

/// Puts right what people have to, and waits until all has come to its end; the rest has to come about by itself.
async fn settle(cluster: &Arc<Cluster>) {
    loop {
        put_right(cluster).await;
        if is_settled(&cluster.world).await {
            return;
        }
        sleep(LOOK_INTERVAL).await;
    }
}

async fn goes_on_and_on(world: &World, limit: Duration) {
    let fact = format!("after {limit:?}: {}", what_is_not_settled(world).await);
    world.oracle.breaks(Invariant::Settled, fact);
}

async fn nothing_is_leased(world: &World) {
    let (store, now) = (world.database.memory(), world.clock.now());
    let stranger = ids::worker_id();
    let until = now.after(Duration::from_secs(1));
    let leased = store.lease_fan_out(stranger, now, until).await.unwrap();
    if leased.is_none() {
        let fact = "the fan-out is leased";
        world.oracle.breaks(Invariant::Released, fact);
    }
    for application in &world.applications {
        let (receiver, id) = (application.receiver.id, &application.stream.id);
        let same = |stream: &_| Ok::<_, ()>(Clone::clone(stream));
        let changed = store.change_stream(receiver, id, now, same).await;
        if let Ok(ChangedStream::Changed { owners, .. }) = changed
            && !owners.is_empty()
        {
            let fact = format!("stream {} is leased", application.number);
            world.oracle.breaks(Invariant::Released, fact);
        }
    }
}

async fn what_is_acknowledged_is_there(world: &World) {
    for application in &world.applications {
        let (at, id) = (application.number, application.stream.id.clone());
        let delivered = DeliveryFilter {
            stream: Some(id),
            standing: Some(Standing::Delivered),
            ..DeliveryFilter::default()
        };
        let store = world.database.memory();
        let found = store.find_deliveries(&delivered, None, 10_000).await;
        for delivery in found.unwrap() {
            if !world.oracle.has_acknowledged(at, delivery.jti.as_str()) {
                let fact = format!("{} was not acknowledged by {at}", delivery.jti);
                world.oracle.breaks(Invariant::Effective, fact);
            }
        }
        for user in world.oracle.users_acknowledged_by(at) {
            if !application.has_ended(user) {
                let fact = format!("the session of user {user} goes on at {at}");
                world.oracle.breaks(Invariant::Effective, fact);
            }
        }
    }
}
