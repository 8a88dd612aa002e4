//! Where there is much to do, nobody who hands events in waits for it, on both databases.

use std::time::Duration;

use sea_orm::{ConnectionTrait, Database, TransactionTrait};
use ssf_transmitter::{
    app::{
        dispatch::{Dispatched, Dispatcher, Next},
        gate::Gate,
        slots::Slots,
        taker::taker,
    },
    domain::subjects::SubjectPreference,
    ports::{Clock, FannedOut, Outbox},
    store::SeaStore,
};
use ssf_types::time::Timestamp;

use super::{
    contract::at_once::{hand_in, hand_in_at_most},
    fixture::*,
    postgres, sqlite,
};

async fn much_waits_for_a_step_of_its_own(store: &SeaStore) {
    known_stream(store, 1, &[LOGOUT]).await;
    let all = FannedOut::Done {
        events: 256,
        deliveries: 256,
    };
    assert_eq!(hand_in_at_most(store, 256).await, all);
    assert_eq!(hand_in_at_most(store, 257).await, FannedOut::NOTHING);
    assert_eq!(dispatch(store).await, (257, 257));
    known_stream(store, 2, &[LOGOUT]).await;
    assert_eq!(hand_in_at_most(store, 129).await, FannedOut::NOTHING);
    assert_eq!(dispatch(store).await, (129, 258));
    balances(store).await;
}

#[tokio::test]
async fn much_waits_for_a_step_of_its_own_on_sqlite() {
    let rig = sqlite::Rig::new();
    much_waits_for_a_step_of_its_own(&rig.open().await).await;
}

#[tokio::test]
async fn much_waits_for_a_step_of_its_own_on_postgres() {
    let rig = postgres::Rig::new();
    much_waits_for_a_step_of_its_own(&rig.open().await).await;
}

/// As a node does that was stopped in the midst of something.
const STANDSTILLS: [(&str, FannedOut); 2] = [
    ("SELECT 1 FROM stream_queue FOR UPDATE", FannedOut::NOTHING),
    ("SELECT 1 FROM lease FOR UPDATE", FannedOut::LeaseLost),
];

#[tokio::test]
async fn who_hands_events_in_waits_for_no_other_node() {
    let rig = postgres::Rig::new();
    let store = rig.open().await;
    known_stream(&store, 1, &[LOGOUT]).await;
    let held = store.lease_fan_out(worker(1), NOW, later(10)).await;
    let held = held.unwrap().unwrap();
    let other = Database::connect(rig.url()).await.unwrap();
    for (standstill, expected) in STANDSTILLS {
        let stands_still = other.begin().await.unwrap();
        stands_still.execute_unprepared(standstill).await.unwrap();
        let events = vec![event(LOGOUT, email(ALICE))];
        assert_eq!(hand_in(&store, held, events).await, expected);
        stands_still.rollback().await.unwrap();
        assert_eq!(dispatch(&store).await, (1, 1));
    }
    other.close().await.unwrap();
}

/// A clock that stands still.
struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        NOW
    }
}

async fn what_cannot_be_fanned_out_is_accepted_all_the_same_once_it_has_failed(
    store: &SeaStore,
    url: &str,
) {
    known_stream(store, 1, &[LOGOUT]).await;
    let preference = SubjectPreference::default();
    let mut dispatcher = Dispatcher::new(worker(1), preference, Duration::from_secs(10));
    let shortcut = dispatcher.shortcut();
    let (taker, _) = taker(
        worker(1),
        Duration::from_secs(10),
        Slots::new(1),
        Gate::default(),
    );
    let hand_in = async || {
        let submissions = vec![submission(vec![event(LOGOUT, email(ALICE))])];
        let accepted = shortcut.accept(store, submissions, (NOW, &taker)).await;
        accepted.map(|(_, next)| next).ok()
    };
    let some = |events, deliveries| Dispatched::Some { events, deliveries };
    let step = dispatcher.step(store, &Still).await;
    assert_eq!(step.unwrap(), Dispatched::Idle);
    assert_eq!(hand_in().await, Some(Next::Delivery));
    execute(url, "ALTER TABLE stream_event_type RENAME TO mislaid").await;
    assert_eq!(hand_in().await, None);
    for _ in 0..2 {
        assert_eq!(hand_in().await, Some(Next::FanOut));
        assert!(dispatcher.step(store, &Still).await.is_err());
    }
    execute(url, "ALTER TABLE mislaid RENAME TO stream_event_type").await;
    let step = dispatcher.step(store, &Still).await;
    assert_eq!(step.unwrap(), some(2, 2));
    assert_eq!(hand_in().await, Some(Next::Delivery));
    balances(store).await;
}

async fn what_cannot_be_taken_is_accepted_all_the_same_once_it_has_failed(
    store: &SeaStore,
    url: &str,
) {
    known_stream(store, 1, &[LOGOUT]).await;
    let preference = SubjectPreference::default();
    let mut dispatcher = Dispatcher::new(worker(1), preference, Duration::from_secs(10));
    let shortcut = dispatcher.shortcut();
    let (taker, mut handed) = taker(
        worker(1),
        Duration::from_secs(10),
        Slots::new(1),
        Gate::default(),
    );
    let hand_in = async || {
        let submissions = vec![submission(vec![event(LOGOUT, email(ALICE))])];
        let accepted = shortcut.accept(store, submissions, (NOW, &taker)).await;
        accepted.map(|(_, next)| next).ok()
    };
    let step = dispatcher.step(store, &Still).await;
    assert_eq!(step.unwrap(), Dispatched::Idle);
    execute(url, "ALTER TABLE receiver RENAME TO mislaid").await;
    assert_eq!(hand_in().await, None);
    let step = dispatcher.step(store, &Still).await;
    assert_eq!(step.unwrap(), Dispatched::Idle);
    for _ in 0..2 {
        assert_eq!(hand_in().await, Some(Next::Delivery));
    }
    execute(url, "ALTER TABLE mislaid RENAME TO receiver").await;
    assert!(handed.arrived().is_none());
    balances(store).await;
}

on_both! {
    what_cannot_be_fanned_out_is_accepted_all_the_same_once_it_has_failed
    what_cannot_be_taken_is_accepted_all_the_same_once_it_has_failed
}
