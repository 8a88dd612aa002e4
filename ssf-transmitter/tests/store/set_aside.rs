//! Rows that cannot be read keep nobody else waiting, on both databases.

use std::time::Duration;

use ssf_transmitter::{
    domain::{delivery::Delivery, fan_out::StepMax, horizon::Horizon, retry::RetryPolicy},
    ports::{FannedOut, HorizonStore, LedgerStore, Outbox},
    store::SeaStore,
};
use ssf_types::{subject::Subject, time::Timestamp};

use super::{
    contract::poll::{poll, polled_stream},
    fixture::*,
    postgres, sqlite,
};

const CAROL: &str = "carol@example.com";

/// What was sealed for one row does not open in another.
const OF_ANOTHER: &str = "UPDATE event SET payload = (SELECT payload FROM event ORDER BY position LIMIT 1) \
    WHERE position = (SELECT MIN(position) + 1 FROM event)";

/// Gives what is set aside its own payload back.
const MENDED: &str = "UPDATE event SET payload = (SELECT payload FROM kept WHERE kept.position = event.position) \
    WHERE set_aside_until IS NOT NULL";

/// When a row is looked at again.
fn again() -> Timestamp {
    NOW.after(Duration::from_mins(5))
}

fn once_more() -> Timestamp {
    NOW.after(Duration::from_mins(10))
}

async fn keep_payloads(url: &str) {
    execute(
        url,
        "CREATE TABLE kept AS SELECT position, payload FROM event",
    )
    .await;
}

async fn dispatch_at(store: &SeaStore, now: Timestamp) -> (u64, u64) {
    let until = now.after(Duration::from_secs(10));
    let lease = store.lease_fan_out(worker(1), now, until).await;
    let lease = lease.unwrap().unwrap();
    let done = store
        .fan_out(lease, now, StepMax::events(1000), decide)
        .await
        .unwrap();
    let FannedOut::Done { events, deliveries } = done else {
        panic!("{done:?}")
    };
    (events, deliveries)
}

async fn three_events_wait(store: &SeaStore) {
    known_stream(store, 1, &[LOGOUT]).await;
    let users = [ALICE, BOB, CAROL].map(|user| event(LOGOUT, email(user)));
    accept(store, users.to_vec()).await;
}

async fn an_event_goes_out_as_it_was_accepted(store: &SeaStore, url: &str) {
    three_events_wait(store).await;
    edit(url, OF_ANOTHER).await;
    assert_eq!(dispatch(store).await, (3, 3));
    let leased = lease(store, 1, NOW).await;
    let about = |delivery: &Delivery| delivery.sub_id.clone();
    let about: Vec<Subject> = due(store, &leased, NOW).await.iter().map(about).collect();
    let accepted = [ALICE, BOB, CAROL].map(|user| Subject::from(email(user)));
    assert_eq!(about, accepted);
}

/// An event that another process accepted, or this one before it was started anew, has to be read from its row.
async fn an_event_is_set_aside(store: &SeaStore, url: &str) {
    keep_payloads(url).await;
    edit(url, OF_ANOTHER).await;

    assert_eq!(dispatch(store).await, (2, 2), "the others go on");
    let ledger = store.ledger().await.unwrap();
    assert_eq!((ledger.waiting, ledger.set_aside), (1, 1));
    balances(store).await;
    assert_eq!(dispatch_at(store, again()).await, (0, 0));
    assert_eq!(store.ledger().await.unwrap().set_aside, 1);
    edit(url, MENDED).await;
    assert_eq!(
        dispatch_at(store, again()).await,
        (0, 0),
        "it is not read each time"
    );
    assert_eq!(dispatch_at(store, once_more()).await, (1, 1));
    assert_eq!(store.ledger().await.unwrap().set_aside, 0);
}

async fn a_delivery_waits_for_a_while(store: &SeaStore, url: &str) {
    known_stream(store, 1, &[LOGOUT]).await;
    let users = [ALICE, BOB, CAROL].map(|user| event(LOGOUT, email(user)));
    accept(store, users.to_vec()).await;
    dispatch(store).await;
    edit(url, "UPDATE delivery SET jti = '' WHERE sequence = 2").await;
    let leased = lease(store, 1, NOW).await;
    assert_eq!(sequences(&due(store, &leased, NOW).await), [1, 3]);
    let settlements = [acknowledged(1), acknowledged(3)];
    let settled = store.settle(&leased.lease, &settlements, None, NOW).await;
    settled.unwrap();
    assert_eq!(store.ledger().await.unwrap().pending, 1, "it is kept");
    store.release(&leased.lease, &leased.health).await.unwrap();
    let next = store.next_due().await.unwrap();
    assert_eq!(next, Some(again()), "nobody goes round in circles");
    edit(url, "UPDATE delivery SET jti = 'mended' WHERE sequence = 2").await;
    let leased = lease(store, 1, again()).await;
    assert_eq!(sequences(&due(store, &leased, again()).await), [2]);
}

async fn a_poll_gets_the_others(store: &SeaStore, url: &str) {
    let stream = polled_stream(store, 1, &[LOGOUT]).await;
    let users = [ALICE, BOB].map(|user| event(LOGOUT, email(user)));
    accept(store, users.to_vec()).await;
    dispatch(store).await;
    edit(url, "UPDATE delivery SET jti = '' WHERE sequence = 1").await;
    let got = poll(store, &stream, 10, NOW).await.deliveries;
    assert_eq!(sequences(&got), [2]);
    let got = poll(store, &stream, 10, later(120)).await.deliveries;
    assert_eq!(sequences(&got), [2], "it takes no place among them");
}

/// A clock that was an hour ahead has set it aside for five minutes.
async fn an_event_is_set_aside_by_a_wrong_clock_no_longer_than_by_any(store: &SeaStore, url: &str) {
    three_events_wait(store).await;
    let first = "position = (SELECT MIN(position) FROM event)";
    let set_aside = |until| format!("UPDATE event SET set_aside_until = {until} WHERE {first}");
    edit(url, &set_aside(1_800_000_300_000_u64)).await;
    let horizon = Horizon::of(NOW, &RetryPolicy::default());
    store.draw_rest_in(horizon).await.unwrap();
    assert_eq!(dispatch(store).await, (2, 2));
    edit(url, &set_aside(1_800_003_900_000)).await;
    store.draw_rest_in(horizon).await.unwrap();
    assert_eq!(dispatch(store).await, (1, 1));
}

#[tokio::test]
async fn after_a_restart_an_event_is_set_aside_on_sqlite() {
    let rig = sqlite::Rig::new();
    three_events_wait(&rig.open().await).await;
    an_event_is_set_aside(&rig.open().await, &rig.url()).await;
}

#[tokio::test]
async fn after_a_restart_an_event_is_set_aside_on_postgres() {
    let rig = postgres::Rig::new();
    three_events_wait(&rig.open().await).await;
    an_event_is_set_aside(&rig.open().await, rig.url()).await;
}

on_both! {
    an_event_goes_out_as_it_was_accepted
    an_event_is_set_aside_by_a_wrong_clock_no_longer_than_by_any
    a_delivery_waits_for_a_while
    a_poll_gets_the_others
}
