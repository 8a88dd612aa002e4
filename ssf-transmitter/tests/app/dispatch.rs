//! Fanning out under a lease.

use std::time::Duration;

use ssf_transmitter::{
    app::{
        deliver::LEASE_DEFAULT,
        dispatch::{Dispatched, Dispatcher},
        ids,
    },
    domain::subjects::SubjectPreference,
    ports::{Clock, Outbox, Submission},
};

use super::fixture::*;

fn dispatcher() -> Dispatcher {
    Dispatcher::new(
        ids::worker_id(),
        SubjectPreference::default(),
        LEASE_DEFAULT,
    )
}

async fn accept(world: &World, users: &[&str]) {
    let now = world.clock.now();
    let events = users.iter().map(|user| (ids::event_id(now), logout(user)));
    let submission = Submission {
        source: None,
        issuer: main(),
        idempotency: None,
        events: events.collect(),
    };
    world.store.append(vec![submission], now).await.unwrap();
}

#[tokio::test]
async fn a_step_tells_whether_there_was_something_to_do() {
    let world = World::new();
    world.stream().await;
    accept(&world, &["a", "b"]).await;
    let mut dispatcher = dispatcher();
    let done = dispatcher.step(&world.store, &world.clock).await.unwrap();
    let expected = Dispatched::Some {
        events: 2,
        deliveries: 2,
    };
    assert_eq!(done, expected);
    let done = dispatcher.step(&world.store, &world.clock).await.unwrap();
    assert_eq!(done, Dispatched::Idle);
}

#[tokio::test]
async fn a_lease_lasts_as_long_as_its_holder_works() {
    let world = World::new();
    let (mut holder, mut other) = (dispatcher(), dispatcher());
    for _ in 0..5 {
        let ours = holder.step(&world.store, &world.clock).await.unwrap();
        let theirs = other.step(&world.store, &world.clock).await.unwrap();
        assert_eq!((ours, theirs), (Dispatched::Idle, Dispatched::NotOurs));
        world.clock.advance(Duration::from_secs(5));
    }
}

#[tokio::test]
async fn another_takes_over_at_once_when_the_holder_gives_back() {
    let world = World::new();
    let (mut holder, mut other) = (dispatcher(), dispatcher());
    holder.step(&world.store, &world.clock).await.unwrap();
    holder.give_back(&world.store).await.unwrap();
    let theirs = other.step(&world.store, &world.clock).await.unwrap();
    assert_eq!(theirs, Dispatched::Idle);
    let ours = holder.step(&world.store, &world.clock).await.unwrap();
    assert_eq!(ours, Dispatched::NotOurs);
}

#[tokio::test]
async fn another_takes_over_when_the_holder_is_gone_and_the_holder_notices() {
    let world = World::new();
    let (mut holder, mut other) = (dispatcher(), dispatcher());
    holder.step(&world.store, &world.clock).await.unwrap();
    world.clock.advance(LEASE_DEFAULT);
    accept(&world, &["a"]).await;
    let theirs = other.step(&world.store, &world.clock).await.unwrap();
    assert!(matches!(theirs, Dispatched::Some { events: 1, .. }));
    let ours = holder.step(&world.store, &world.clock).await.unwrap();
    assert_eq!(ours, Dispatched::NotOurs);
}
