//! How long things are kept: steps are bounded, and the ledger balances between any two.

use std::time::Duration;

use ssf_transmitter::{
    domain::{
        dropped::{DropReason, DropRecord},
        event::AcceptedEvent,
        fan_out::{StepMax, fan_out},
        stream::Stream,
        subjects::SubjectPreference,
    },
    ports::{ForgottenEvents, Settlement},
};
use ssf_types::{
    id::{Jti, StreamId},
    stream::StreamStatus,
    time::Timestamp,
};

use super::super::fixture::*;

/// A stream with a delivery for each of these users, numbered in their order.
async fn stream_with(store: &impl Store, users: &[&str]) -> Stream {
    let stream = known_stream(store, 1, &[LOGOUT]).await;
    let events = users.iter().map(|user| event(LOGOUT, email(user)));
    accept(store, events.collect()).await;
    dispatch(store).await;
    stream
}

/// Fans out what waits, as of a moment, which the SETs have as their `iat`.
async fn dispatch_at(store: &impl Store, now: Timestamp) {
    let until = now.after(Duration::from_secs(10));
    let held = store.lease_fan_out(worker(1), now, until).await;
    let decide = |event: &AcceptedEvent, streams: &[StreamId]| {
        let jti = || Jti::parse(event_id().to_string()).unwrap();
        fan_out(event, streams, &SubjectPreference::default(), now, jti)
    };
    let done = store.fan_out(held.unwrap().unwrap(), now, StepMax::events(1000), decide);
    done.await.unwrap();
}

async fn settle(store: &impl Store, settlements: &[Settlement]) {
    let leased = lease(store, 1, NOW).await;
    let settled = store.settle(&leased.lease, settlements, None, NOW).await;
    settled.unwrap();
}

async fn drops(store: &impl Store, stream: &Stream) -> Vec<DropRecord> {
    store.drops(stream.receiver, &stream.id).await.unwrap()
}

fn of_retention(deliveries: u64, seconds: u64) -> DropRecord {
    DropRecord::new(DropReason::Retention, deliveries, later(seconds))
}

pub(crate) async fn what_is_pending_for_too_long_is_dropped_with_a_record(store: &impl Store) {
    let stream = stream_with(store, &[ALICE, BOB]).await;
    assert_eq!(store.expire_pending(NOW, later(9), 10).await.unwrap(), 0);
    assert_eq!(
        store.expire_pending(later(1), later(9), 10).await.unwrap(),
        2
    );
    balances(store).await;
    assert_eq!(drops(store, &stream).await, [of_retention(2, 9)]);
    assert_eq!(store.next_due().await.unwrap(), None);
    assert_eq!(
        store.expire_pending(later(1), later(9), 10).await.unwrap(),
        0
    );
}

pub(crate) async fn no_more_are_dropped_in_one_step_than_asked_for(store: &impl Store) {
    let users = ["a@b.example", "c@b.example", "d@b.example"];
    let stream = stream_with(store, &users).await;
    for left in [2, 1, 0] {
        let dropped = store.expire_pending(later(1), later(9), 1).await;
        assert_eq!(dropped.unwrap(), 1);
        balances(store).await;
        assert_eq!(store.ledger().await.unwrap().pending, left);
    }
    assert_eq!(drops(store, &stream).await, [of_retention(1, 9); 3]);
}

pub(crate) async fn what_an_expired_delivery_held_back_is_due(store: &impl Store) {
    stream_with(store, &[ALICE]).await;
    accept(store, vec![event(LOGOUT, email(ALICE))]).await;
    dispatch_at(store, later(5)).await;
    assert_eq!(
        store.expire_pending(later(5), later(9), 10).await.unwrap(),
        1
    );
    let leased = lease(store, 1, later(9)).await;
    assert_eq!(sequences(&due(store, &leased, later(9)).await), [2]);
}

pub(crate) async fn what_a_pause_holds_is_kept_no_longer_than_other_deliveries(store: &impl Store) {
    let stream = stream_with(store, &[ALICE]).await;
    set_status(store, &stream, StreamStatus::Paused).await;
    assert_eq!(
        store.expire_pending(later(1), later(9), 10).await.unwrap(),
        1
    );
    set_status(store, &stream, StreamStatus::Enabled).await;
    assert_eq!(store.next_due().await.unwrap(), None);
}

pub(crate) async fn what_was_settled_stays_for_its_time_and_is_then_forgotten(store: &impl Store) {
    let users = ["a@b.example", "c@b.example", "d@b.example"];
    let stream = stream_with(store, &users).await;
    settle(store, &[acknowledged(1), refused(2)]).await;
    assert_eq!(store.forget_settled(NOW, 10).await.unwrap(), 0);
    assert_eq!(store.forget_settled(later(1), 10).await.unwrap(), 1);
    balances(store).await;
    let ledger = store.ledger().await.unwrap();
    let rows = (ledger.pending, ledger.quarantined);
    assert_eq!((ledger.acknowledged, rows), (1, (1, 1)), "others stay");
    assert_eq!(drops(store, &stream).await, []);
}

pub(crate) async fn what_was_quarantined_counts_as_dropped_when_its_time_is_over(
    store: &impl Store,
) {
    let stream = stream_with(store, &[ALICE, BOB]).await;
    settle(store, &[refused(1), acknowledged(2)]).await;
    let too_early = store.expire_quarantined(NOW, later(9), 10).await;
    assert_eq!(too_early.unwrap(), 0);
    let expired = store.expire_quarantined(later(1), later(9), 10).await;
    assert_eq!(expired.unwrap(), 1);
    balances(store).await;
    assert_eq!(drops(store, &stream).await, [of_retention(1, 9)]);
    assert_eq!(store.ledger().await.unwrap().quarantined, 0);
}

pub(crate) async fn an_event_is_forgotten_when_no_delivery_of_it_is_left(store: &impl Store) {
    stream_with(store, &[ALICE, BOB]).await;
    settle(store, &[acknowledged(1)]).await;
    accept(store, vec![event(LOGOUT, email(ALICE))]).await;
    let forget = || store.forget_events(later(1), 0, 10);
    assert_eq!(forget().await.unwrap().events, 0, "both have deliveries");
    store.forget_settled(later(1), 10).await.unwrap();
    let young = store.forget_events(NOW, 0, 10).await.unwrap();
    assert_eq!(young, ForgottenEvents::default());
    assert_eq!(forget().await.unwrap().events, 1);
    balances(store).await;
    assert_eq!(forget().await.unwrap().events, 0);
    let ledger = store.ledger().await.unwrap();
    let events = (ledger.accepted, ledger.dispatched, ledger.waiting);
    assert_eq!((events, ledger.matched), ((3, 2, 1), 2));
    assert_eq!(dispatch(store).await, (1, 1), "what waits is not forgotten");
}

pub(crate) async fn events_are_looked_at_a_few_at_a_time(store: &impl Store) {
    let events = [ALICE, BOB, ALICE].map(|user| event(PASSWORD, email(user)));
    accept(store, events.to_vec()).await;
    dispatch(store).await;
    let (mut after, mut forgotten) = (0, Vec::new());
    loop {
        let looked = store.forget_events(later(1), after, 2).await.unwrap();
        forgotten.push(looked.events);
        balances(store).await;
        let Some(next) = looked.next else { break };
        after = next;
    }
    assert_eq!(forgotten, [2, 1, 0]);
}

pub(crate) async fn a_verification_is_forgotten_like_an_event(store: &impl Store) {
    let stream = known_stream(store, 1, &[]).await;
    super::verification::verify(store, &stream, NOW).await;
    settle(store, &[acknowledged(1)]).await;
    store.forget_settled(later(1), 10).await.unwrap();
    let forgotten = store.forget_events(later(1), 0, 10).await.unwrap();
    assert_eq!(forgotten.events, 1);
}

pub(crate) async fn what_is_left_of_a_deleted_stream_is_forgotten_too(store: &impl Store) {
    let stream = stream_with(store, &[ALICE]).await;
    let deleted = store.delete_stream(stream.receiver, &stream.id, NOW).await;
    deleted.unwrap();
    let forgotten = store.forget_events(later(1), 0, 10).await.unwrap();
    assert_eq!(forgotten.events, 1);
    balances(store).await;
    assert_eq!(store.forget_drops(NOW, 10).await.unwrap(), 0);
    assert_eq!(store.forget_drops(later(1), 10).await.unwrap(), 1);
    assert_eq!(drops(store, &stream).await, []);
    let dropped = store.ledger().await.unwrap().dropped;
    assert_eq!(dropped, [(DropReason::StreamDeleted, 1)].into());
}

pub(crate) async fn a_stream_goes_on_when_all_its_past_is_forgotten(store: &impl Store) {
    stream_with(store, &[ALICE]).await;
    settle(store, &[acknowledged(1)]).await;
    store.forget_settled(later(1), 10).await.unwrap();
    store.forget_events(later(1), 0, 10).await.unwrap();
    accept(store, vec![event(LOGOUT, email(ALICE))]).await;
    assert_eq!(dispatch(store).await, (1, 1));
    let ledger = store.ledger().await.unwrap();
    assert_eq!((ledger.numbered, ledger.pending), (2, 1));
}
