//! Looking after streams on which nothing happens.

use std::time::Duration;

use ssf_transmitter::{
    app::{activity::Activity, tend::Tending},
    domain::stream::Stream,
    ports::{Clock, Outbox, StreamStore},
};
use ssf_types::stream::StreamStatus;

use super::fixture::*;

const HOUR: Duration = Duration::from_hours(1);

fn inactivity() -> Tending {
    Tending {
        inactivity_timeout: Some(HOUR),
        ..Tending::default()
    }
}

async fn status(world: &World, stream: &Stream) -> (StreamStatus, Option<String>) {
    let stream = world.store.stream(stream.receiver, &stream.id).await;
    let stream = stream.unwrap().unwrap();
    (stream.status, stream.reason)
}

#[tokio::test]
async fn a_stream_whose_receiver_shows_no_activity_is_paused_and_told_so() {
    let world = World::new();
    let stream = world.stream().await;
    let tending = inactivity();
    let step = || tending.step(&world.store, &world.clock);
    step().await.unwrap();
    world.clock.advance(HOUR);
    assert_eq!(step().await.unwrap().paused, []);
    world.clock.advance(Duration::from_mins(2));
    let paused = step().await.unwrap().paused;
    assert_eq!(paused, std::slice::from_ref(&stream.id));
    let told = "the receiver has shown no activity for 3600 s; enable the stream to go on";
    let expected = (StreamStatus::Paused, Some(told.to_owned()));
    assert_eq!(status(&world, &stream).await, expected);
    let announced = world.store.next_due().await.unwrap();
    assert_eq!(announced, Some(world.clock.now()));
    assert_eq!(step().await.unwrap().paused, []);
}

#[tokio::test]
async fn activity_restarts_the_clock_and_a_delivery_does_not() {
    let world = World::new();
    let stream = world.stream().await;
    let (tending, activity) = (inactivity(), Activity::new(Some(HOUR)));
    let step = || tending.step(&world.store, &world.clock);
    step().await.unwrap();
    world.clock.advance(HOUR / 5 * 4);
    let now = world.clock.now();
    let noted = activity.note(&world.store, stream.receiver, &stream.id, now);
    noted.await.unwrap();
    world.clock.advance(HOUR / 5 * 4);
    world.happens_to(&["a"]).await;
    assert_eq!(step().await.unwrap().paused, []);
    assert_eq!(status(&world, &stream).await.0, StreamStatus::Enabled);
    world.clock.advance(HOUR / 5 * 2);
    assert_eq!(step().await.unwrap().paused, [stream.id]);
}

#[tokio::test]
async fn naming_anothers_stream_does_not_keep_its_own_receiver_from_being_noted() {
    let world = World::new();
    let stream = world.stream().await;
    let (tending, activity) = (inactivity(), Activity::new(Some(HOUR)));
    let step = || tending.step(&world.store, &world.clock);
    step().await.unwrap();
    world.clock.advance(HOUR / 2);
    for receiver in [receiver().id, stream.receiver] {
        let now = world.clock.now();
        let noted = activity.note(&world.store, receiver, &stream.id, now);
        noted.await.unwrap();
    }
    world.clock.advance(HOUR / 5 * 4);
    assert_eq!(step().await.unwrap().paused, []);
}

#[tokio::test]
async fn a_quiet_stream_gets_a_sign_of_life() {
    let world = World::new();
    world.stream().await;
    let tending = Tending {
        keep_alive: Some(HOUR),
        ..Tending::default()
    };
    let step = || tending.step(&world.store, &world.clock);
    assert_eq!(step().await.unwrap().kept_alive, 0);
    world.clock.advance(HOUR);
    assert_eq!(step().await.unwrap().kept_alive, 1);
    assert_eq!(step().await.unwrap().kept_alive, 0);
}

#[tokio::test]
async fn nothing_is_done_unless_it_is_asked_for() {
    let world = World::new();
    world.stream().await;
    world.clock.advance(HOUR * 10_000);
    let tended = Tending::default().step(&world.store, &world.clock).await;
    assert_eq!(
        tended.unwrap(),
        ssf_transmitter::app::tend::Tended::default()
    );
}
