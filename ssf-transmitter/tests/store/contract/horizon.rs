//! What every store promises about what a clock has put off that was an hour ahead, and is right again.

use std::time::Duration;

use ssf_transmitter::{
    domain::{
        circuit::Health,
        fan_out::StepMax,
        horizon::Horizon,
        retry::RetryPolicy,
        room::Room,
        stream::Stream,
        verification::{Requested, verification},
    },
    ports::{FannedOut, Fenced, LeasedStream, SentAlone, StreamLease},
};
use ssf_types::{
    id::{Jti, StreamId},
    time::Timestamp,
};
use uuid::Uuid;

use super::{
    super::fixture::*,
    poll::{poll, polled_stream},
};

/// How far ahead the clock was, in seconds.
const HOUR: u64 = 3600;

/// The last moment that a lease may last to, in seconds from now.
const LEASE_END: u64 = 70;

const NONE: [StreamId; 0] = [];

fn horizon() -> Horizon {
    Horizon::of(NOW, &RetryPolicy::default())
}

/// Ends what was put off for too long; returns on which streams something was.
async fn draw_in(store: &impl Store) -> Vec<StreamId> {
    store.draw_rest_in(horizon()).await.unwrap();
    let drawn_in = store.draw_streams_in(horizon(), None, 100).await;
    drawn_in.unwrap()
}

async fn happens_to(store: &impl Store, users: &[&str]) {
    let events = users.iter().map(|user| event(LOGOUT, email(user)));
    accept(store, events.collect()).await;
}

/// Fans out by the clock that is ahead, and gives the fan-out back.
async fn dispatch_ahead(store: &impl Store) {
    let lease = store.lease_fan_out(worker(1), later(HOUR), later(HOUR + 10));
    let lease = lease.await.unwrap().unwrap();
    let done = store
        .fan_out(lease, later(HOUR), StepMax::events(1000), decide)
        .await;
    assert!(matches!(done.unwrap(), FannedOut::Done { .. }));
    store.release_fan_out(lease).await.unwrap();
}

async fn give_back(store: &impl Store, leased: &LeasedStream, health: &Health) {
    let released = store.release(&leased.lease, health).await.unwrap();
    assert_eq!(released, Fenced::Stored);
}

/// Whether nobody can have a stream at this moment.
async fn is_nothing_free(store: &impl Store, at: Timestamp) -> bool {
    let until = at.after(Duration::from_secs(30));
    let leased = store.lease_streams(worker(9), at, until, Room::of(10));
    leased.await.unwrap().is_empty()
}

/// A stream on which something is due.
async fn stream_with_something(store: &impl Store) -> Stream {
    let stream = known_stream(store, 1, &[LOGOUT]).await;
    happens_to(store, &[ALICE]).await;
    dispatch(store).await;
    stream
}

pub(crate) async fn what_a_wrong_clock_has_put_off_is_due_and_what_waits_otherwise_is_not(
    store: &impl Store,
) {
    let stream = known_stream(store, 1, &[LOGOUT]).await;
    happens_to(store, &[ALICE, BOB, ALICE]).await;
    dispatch(store).await;
    let leased = lease(store, 1, NOW).await;
    let failed = [postponed(1, 5, later(HOUR)), postponed(2, 1, later(600))];
    let settled = store.settle(&leased.lease, &failed, None, NOW).await;
    settled.unwrap();
    give_back(store, &leased, &Health::default()).await;
    assert!(is_nothing_free(store, later(599)).await);

    assert_eq!(draw_in(store).await, [stream.id]);

    let leased = lease(store, 1, NOW).await;
    let again = due(store, &leased, NOW).await;
    assert_eq!((sequences(&again), again[0].attempts), (vec![1], 5));
    let settled = [acknowledged(1)];
    let stored = store.settle(&leased.lease, &settled, None, NOW).await;
    stored.unwrap();
    assert_eq!(sequences(&due(store, &leased, later(599)).await), [3]);
    assert_eq!(sequences(&due(store, &leased, later(600)).await), [3, 2]);
    assert_eq!(draw_in(store).await, NONE);
}

pub(crate) async fn what_a_wrong_clock_has_fanned_out_is_due_in_order(store: &impl Store) {
    known_stream(store, 1, &[LOGOUT]).await;
    happens_to(store, &[ALICE, BOB, ALICE]).await;
    dispatch_ahead(store).await;
    assert!(is_nothing_free(store, NOW).await);
    draw_in(store).await;
    let leased = lease(store, 1, NOW).await;
    assert_eq!(sequences(&due(store, &leased, NOW).await), [1, 2]);
    let settlements = [acknowledged(1), acknowledged(2)];
    let settled = store.settle(&leased.lease, &settlements, None, NOW).await;
    settled.unwrap();
    assert_eq!(sequences(&due(store, &leased, NOW).await), [3]);
}

pub(crate) async fn what_is_put_off_is_found_on_a_stream_that_is_busy(store: &impl Store) {
    let stream = known_stream(store, 1, &[LOGOUT]).await;
    happens_to(store, &[ALICE]).await;
    dispatch_ahead(store).await;
    happens_to(store, &[BOB]).await;
    dispatch(store).await;
    assert_eq!(draw_in(store).await, [stream.id]);
    let leased = lease(store, 1, NOW).await;
    assert_eq!(sequences(&due(store, &leased, NOW).await), [1, 2]);
}

pub(crate) async fn a_stream_that_rests_by_a_wrong_clock_rests_no_longer(store: &impl Store) {
    let stream = stream_with_something(store).await;
    let leased = lease(store, 1, NOW).await;
    give_back(store, &leased, &rested(3, later(300))).await;
    assert_eq!(draw_in(store).await, NONE);
    assert!(is_nothing_free(store, later(299)).await);
    let leased = lease(store, 1, later(300)).await;
    give_back(store, &leased, &rested(4, later(HOUR))).await;
    assert_eq!(draw_in(store).await, [stream.id]);
    let leased = lease(store, 1, later(300)).await;
    assert_eq!(leased.health, rested(4, NOW), "it is asked with one SET");
}

pub(crate) async fn a_poll_gets_what_a_wrong_clock_has_put_off(store: &impl Store) {
    let stream = polled_stream(store, 1, &[LOGOUT]).await;
    happens_to(store, &[ALICE, BOB]).await;
    dispatch_ahead(store).await;
    assert_eq!(poll(store, &stream, 9, NOW).await.deliveries, []);
    assert_eq!(draw_in(store).await, std::slice::from_ref(&stream.id));
    let called = store.pollable(NOW.before(Duration::from_secs(1)), NOW);
    assert_eq!(called.await.unwrap(), std::slice::from_ref(&stream.id));
    let got = poll(store, &stream, 9, NOW).await.deliveries;
    assert_eq!(sequences(&got), [1, 2]);
}

pub(crate) async fn what_a_wrong_clock_has_handed_out_is_offered_again(store: &impl Store) {
    let stream = polled_stream(store, 1, &[LOGOUT]).await;
    happens_to(store, &[ALICE, BOB]).await;
    dispatch(store).await;
    let first = poll(store, &stream, 9, later(HOUR)).await.deliveries;
    assert_eq!(sequences(&first), [1, 2]);
    assert_eq!(poll(store, &stream, 9, NOW).await.deliveries, []);
    assert_eq!(draw_in(store).await, std::slice::from_ref(&stream.id));
    assert_eq!(poll(store, &stream, 9, NOW).await.deliveries, first);
    assert_eq!(draw_in(store).await, NONE);
    assert_eq!(poll(store, &stream, 9, later(59)).await.deliveries, []);
}

pub(crate) async fn a_lease_by_a_wrong_clock_lasts_no_longer_than_any(store: &impl Store) {
    stream_with_something(store).await;
    let dead = lease(store, 1, later(HOUR)).await;
    assert!(is_nothing_free(store, later(HOUR - 1)).await);
    draw_in(store).await;
    // Whoever has it may be at work for as long as a lease lasts.
    assert!(is_nothing_free(store, later(LEASE_END - 1)).await);
    assert!(
        !store
            .is_over(&dead.lease, later(LEASE_END - 1))
            .await
            .unwrap()
    );
    assert!(store.is_over(&dead.lease, later(LEASE_END)).await.unwrap());
    let leased = lease(store, 2, later(LEASE_END)).await;
    assert_eq!(
        draw_in(store).await,
        std::slice::from_ref(&leased.stream.id)
    );
    give_back(store, &leased, &leased.health).await;
    lease(store, 1, NOW).await;
    assert_eq!(draw_in(store).await, NONE);
    assert!(is_nothing_free(store, later(29)).await);
}

pub(crate) async fn a_lost_lease_by_a_wrong_clock_lasts_no_longer_than_any(store: &impl Store) {
    let stream = stream_with_something(store).await;
    let lost = lease(store, 1, later(HOUR)).await.lease;
    change(store, &stream, |stream| stream.description = None).await;
    let is_over = async |lease: &StreamLease, at| store.is_over(lease, at).await.unwrap();
    assert!(!is_over(&lost, later(LEASE_END)).await);
    draw_in(store).await;
    assert!(!is_over(&lost, later(LEASE_END - 1)).await);
    assert!(is_over(&lost, later(LEASE_END)).await);
}

pub(crate) async fn the_fan_out_is_kept_by_a_wrong_clock_no_longer_than_by_any(store: &impl Store) {
    let take = async |who, at| {
        let until = later(at + 10);
        let lease = store.lease_fan_out(worker(who), later(at), until).await;
        lease.unwrap()
    };
    assert!(take(1, 0).await.is_some());
    draw_in(store).await;
    assert!(take(2, 9).await.is_none());
    assert!(take(1, HOUR).await.is_some());
    assert!(take(2, LEASE_END).await.is_none());
    draw_in(store).await;
    assert!(take(2, LEASE_END - 1).await.is_none());
    assert!(take(2, LEASE_END).await.is_some());
}

pub(crate) async fn a_wrong_clock_keeps_no_stream_from_its_turn_or_its_verification(
    store: &impl Store,
) {
    let stream = stream_with_something(store).await;
    let verify = async |now: Timestamp| {
        let jti = Jti::parse(Uuid::new_v4().simple().to_string()).unwrap();
        let decide = |stream: &Stream, before: Requested| {
            // What became of the one before is not what this is about.
            let before = Requested::new(before.last, false);
            let interval = Duration::from_secs(30);
            verification(stream, None, before, interval, now, (event_id(), jti))
        };
        let sent = store.send_verification(stream.receiver, &stream.id, now, decide);
        sent.await.unwrap() == SentAlone::Numbered
    };
    let leased = lease(store, 1, later(HOUR)).await;
    give_back(store, &leased, &leased.health).await;
    assert!(verify(later(HOUR)).await);
    assert!(!verify(NOW).await);
    let other = known_stream(store, 2, &[LOGOUT]).await;
    happens_to(store, &[BOB]).await;
    dispatch(store).await;
    let take_one = async |at| {
        let leased = store.lease_streams(worker(1), later(at), later(at + 30), Room::of(1));
        let taken = leased.await.unwrap().remove(0);
        give_back(store, &taken, &taken.health).await;
        taken.stream.id
    };
    assert_eq!(take_one(5).await, other.id);
    assert_eq!(take_one(6).await, other.id, "the one that was had later");
    draw_in(store).await;
    assert_eq!(take_one(7).await, stream.id);
    assert!(!verify(later(29)).await);
    assert!(verify(later(30)).await);
}

pub(crate) async fn streams_that_are_put_off_are_found_a_few_at_a_time(store: &impl Store) {
    let one = known_stream(store, 1, &[LOGOUT]).await;
    let other = known_stream(store, 2, &[LOGOUT]).await;
    happens_to(store, &[ALICE]).await;
    dispatch_ahead(store).await;
    let mut streams = [one.id, other.id];
    streams.sort();
    let first = store.draw_streams_in(horizon(), None, 1).await.unwrap();
    assert_eq!(first, streams[..1]);
    let second = store.draw_streams_in(horizon(), first.first(), 1).await;
    assert_eq!(second.unwrap(), streams[1..]);
    let last = store.draw_streams_in(horizon(), Some(&streams[1]), 1).await;
    assert_eq!(last.unwrap(), NONE);
}
