//! What every store promises about streams on which nothing happens.

use std::convert::Infallible;

use ssf_transmitter::{
    domain::{
        announcement::{Circumstances, StatusDecision},
        dropped::{DropReason, DropRecord},
        stream::Stream,
        verification::{Requested, keep_alive, verification},
    },
    ports::{KeptAlive, SentAlone},
};
use ssf_types::{
    id::{Jti, StreamId},
    stream::StreamStatus,
    time::Timestamp,
};
use uuid::Uuid;

use super::super::fixture::*;

const NOBODY: [StreamId; 0] = [];

fn jti() -> Jti {
    Jti::parse(Uuid::new_v4().simple().to_string()).unwrap()
}

/// Sends keep-alives at `now` where it was quiet for an hour; returns on how many streams.
async fn keep_alives(store: &impl Store, now: Timestamp) -> u64 {
    let quiet_since = Timestamp::from_millis(now.as_millis() - 3_600_000);
    let make = |stream: &Stream| keep_alive(stream, now, (event_id(), jti()));
    let kept = store.send_keep_alives(quiet_since, now, 10, make).await;
    kept.unwrap().sent
}

async fn settle(store: &impl Store, sequence: u64, now: Timestamp) {
    let leased = lease(store, 1, now).await;
    let settled = [acknowledged(sequence)];
    store
        .settle(&leased.lease, &settled, None, now)
        .await
        .unwrap();
    let at_once = rested(0, now);
    store.release(&leased.lease, &at_once).await.unwrap();
}

pub(crate) async fn a_stream_that_is_quiet_gets_a_keep_alive_once_in_the_period(
    store: &impl Store,
) {
    let stream = known_stream(store, 1, &[LOGOUT]).await;
    assert_eq!(keep_alives(store, later(3599)).await, 0);
    assert_eq!(keep_alives(store, later(3600)).await, 1);
    let leased = lease(store, 1, later(3600)).await;
    let due = due(store, &leased, later(3600)).await;
    assert_eq!((leased.stream.id, sequences(&due)), (stream.id, vec![1]));
    assert_eq!(keep_alives(store, later(3601)).await, 0);
    // It is pending still, and a second one would tell nothing new.
    assert_eq!(keep_alives(store, later(7200)).await, 0);
    let settled = [acknowledged(1)];
    store
        .settle(&leased.lease, &settled, None, later(7300))
        .await
        .unwrap();
    assert_eq!(keep_alives(store, later(10_899)).await, 0);
    assert_eq!(keep_alives(store, later(10_900)).await, 1);
}

pub(crate) async fn a_stream_on_which_something_is_delivered_needs_no_keep_alive(
    store: &impl Store,
) {
    known_stream(store, 1, &[LOGOUT]).await;
    accept(store, vec![event(LOGOUT, email(ALICE))]).await;
    dispatch(store).await;
    assert_eq!(
        keep_alives(store, later(3600)).await,
        0,
        "an event is pending"
    );
    settle(store, 1, later(4000)).await;
    assert_eq!(keep_alives(store, later(7599)).await, 0);
    assert_eq!(keep_alives(store, later(7600)).await, 1);
}

pub(crate) async fn a_stream_that_is_not_enabled_gets_no_keep_alive(store: &impl Store) {
    for (number, status) in [(1, StreamStatus::Paused), (2, StreamStatus::Disabled)] {
        let stream = known_stream(store, number, &[LOGOUT]).await;
        set_status(store, &stream, status).await;
    }
    assert_eq!(keep_alives(store, later(7200)).await, 0);
}

pub(crate) async fn at_most_as_many_quiet_streams_as_asked_for_are_looked_at(store: &impl Store) {
    for number in 1..=3 {
        known_stream(store, number, &[]).await;
    }
    let mut seen = Vec::new();
    for looked_at in [2, 1, 0] {
        let make = |stream: &Stream| {
            seen.push(stream.id.clone());
            keep_alive(stream, later(60), (event_id(), jti()))
        };
        let kept = store.send_keep_alives(NOW, later(60), 2, make).await;
        let expected = KeptAlive {
            looked_at,
            sent: looked_at,
        };
        assert_eq!(kept.unwrap(), expected);
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 3);
}

pub(crate) async fn a_keep_alive_makes_way_for_a_verification_that_is_requested(
    store: &impl Store,
) {
    let stream = known_stream(store, 1, &[]).await;
    keep_alives(store, later(3600)).await;
    let minute = std::time::Duration::from_mins(1);
    let decide = |stream: &Stream, before: Requested| {
        assert_eq!(before, Requested::default());
        verification(stream, None, before, minute, NOW, (event_id(), jti()))
    };
    let sent = store.send_verification(stream.receiver, &stream.id, NOW, decide);
    assert_eq!(sent.await.unwrap(), SentAlone::Numbered);
    let leased = lease(store, 1, later(3600)).await;
    let due = due(store, &leased, later(3600)).await;
    assert_eq!(sequences(&due), [2]);
    let drops = store.drops(stream.receiver, &stream.id).await.unwrap();
    let record = DropRecord::new(DropReason::KeepAliveReplaced, 1, NOW);
    assert_eq!(drops, [record]);
}

async fn idle(store: &impl Store, noted_until: Timestamp, now: Timestamp) -> Vec<StreamId> {
    let idle = store.idle_streams(noted_until, now, 10).await.unwrap();
    idle.into_iter().map(|(_, id)| id).collect()
}

async fn note(store: &impl Store, stream: &Stream, now: Timestamp, unless_since: Timestamp) {
    let noted = store.note_activity(stream.receiver, &stream.id, now, unless_since);
    noted.await.unwrap();
}

pub(crate) async fn the_time_of_a_stream_of_which_nothing_is_known_begins_now(store: &impl Store) {
    let stream = known_stream(store, 1, &[]).await;
    assert_eq!(idle(store, later(10), later(20)).await, NOBODY);
    assert_eq!(idle(store, later(19), later(30)).await, NOBODY);
    assert_eq!(idle(store, later(20), later(30)).await, [stream.id]);
    store.forget_activity().await.unwrap();
    assert_eq!(idle(store, later(30), later(40)).await, NOBODY);
    assert_eq!(idle(store, later(39), later(50)).await, NOBODY);
}

pub(crate) async fn noted_activity_keeps_a_stream_from_being_idle(store: &impl Store) {
    let stream = known_stream(store, 1, &[]).await;
    let other = known_stream(store, 2, &[]).await;
    idle(store, NOW, NOW).await;
    note(store, &stream, later(50), later(40)).await;
    let idle_now = idle(store, later(49), later(60)).await;
    assert_eq!(idle_now, std::slice::from_ref(&other.id));
    // It was noted a moment ago: nothing is written.
    note(store, &stream, later(55), later(50)).await;
    let both = idle(store, later(50), later(60)).await;
    assert_eq!(
        both,
        [other.id.clone(), stream.id.clone()],
        "the longest idle first"
    );
    // Naming another's stream is no sign of life of its Receiver.
    let mut foreign = other.clone();
    foreign.receiver = stream.receiver;
    note(store, &foreign, later(59), later(59)).await;
    assert_eq!(idle(store, NOW, later(60)).await, [other.id]);
}

pub(crate) async fn a_stream_that_is_not_enabled_is_not_idle_and_one_that_starts_begins_anew(
    store: &impl Store,
) {
    let stream = known_stream(store, 1, &[]).await;
    idle(store, NOW, NOW).await;
    set_status(store, &stream, StreamStatus::Paused).await;
    assert_eq!(idle(store, later(3600), later(3600)).await, NOBODY);
    let enable =
        |stream: &Stream| Ok::<_, Infallible>(stream.with_status(StreamStatus::Enabled, None));
    let enabled = store.change_stream(stream.receiver, &stream.id, later(3600), enable);
    enabled.await.unwrap();
    assert_eq!(idle(store, later(3599), later(3700)).await, NOBODY);
    assert_eq!(idle(store, later(3600), later(3700)).await, [stream.id]);
}

pub(crate) async fn who_decides_on_a_status_is_told_of_activity(store: &impl Store) {
    let stream = known_stream(store, 1, &[]).await;
    idle(store, NOW, NOW).await;
    note(store, &stream, later(50), later(40)).await;
    let mut told = None;
    let decide = |stream: &Stream, known: Circumstances| {
        told = known.active_at;
        Ok::<_, Infallible>(StatusDecision::silent(stream.clone()))
    };
    store
        .decide_status(&stream.issuer, &stream.id, later(60), decide)
        .await
        .unwrap();
    assert_eq!(told, Some(later(50)));
}
