//! What is dropped from a long backlog is offered to nobody at once, and goes step by step, on both databases.

use ssf_transmitter::{
    app::replay::replay,
    domain::{dropped::DropReason, replay::NotReplayed, stream::Stream, trace::Standing},
    ports::{
        DeletedStream, DeliveryFilter, LedgerStore, Outbox, ReceiverStore, RemovedReceiver,
        RetentionStore, StreamOverview, StreamStore, TraceStore,
    },
    store::SeaStore,
    testing::ManualClock,
};
use ssf_types::stream::StreamStatus;

use super::{
    contract::{
        decide_status,
        poll::{poll, polled_stream},
    },
    fixture::*,
};

/// More than two steps drop.
const BACKLOG: usize = 1_201;

fn user(number: usize) -> String {
    format!("{number}@b.example")
}

/// Has so many users be logged out.
async fn fill(store: &SeaStore, logouts: usize) {
    let events = (0..logouts).map(|number| event(LOGOUT, email(&user(number))));
    accept(store, events.collect()).await;
    while dispatch(store).await.0 > 0 {}
}

/// Takes all steps; the ledger balances between any two.
async fn finish(store: &SeaStore) -> u64 {
    let mut dropped = 0;
    while let Some(now) = store.drop_ordered(later(1)).await.unwrap() {
        assert!(now <= 500, "{now}");
        dropped += now;
        balances(store).await;
    }
    dropped
}

async fn recorded(store: &SeaStore, stream: &Stream) -> Vec<(DropReason, u64)> {
    let drops = store.drops(stream.receiver, &stream.id).await.unwrap();
    let told = drops.into_iter();
    told.map(|record| (record.reason, record.deliveries))
        .collect()
}

async fn standing_so(store: &SeaStore, stream: &Stream, standing: Standing) -> usize {
    let filter = DeliveryFilter {
        stream: Some(stream.id.clone()),
        standing: Some(standing),
        ..DeliveryFilter::default()
    };
    let found = store.find_deliveries(&filter, None, 10_000).await.unwrap();
    assert!(found.iter().all(|one| one.standing == standing));
    found.len()
}

async fn a_disabled_stream_offers_nothing_of_what_goes_by_and_by(store: &SeaStore, _: &str) {
    let stream = known_stream(store, 1, &[LOGOUT]).await;
    fill(store, BACKLOG).await;
    let dropped = set_status(store, &stream, StreamStatus::Disabled).await;
    assert_eq!(dropped, 500, "a first part");
    balances(store).await;
    assert_eq!(
        standing_so(store, &stream, Standing::Dropped).await,
        BACKLOG
    );
    set_status(store, &stream, StreamStatus::Enabled).await;
    assert_eq!(store.next_due().await.unwrap(), None);
    accept(store, vec![event(LOGOUT, email(ALICE))]).await;
    dispatch(store).await;
    let leased = lease(store, 1, NOW).await;
    assert_eq!(
        sequences(&due(store, &leased, NOW).await),
        [BACKLOG as u64 + 1]
    );
    assert_eq!(standing_so(store, &stream, Standing::Pending).await, 1);

    assert_eq!(finish(store).await, BACKLOG as u64 - 500);
    let all = (DropReason::StreamDisabled, BACKLOG as u64);
    assert_eq!(recorded(store, &stream).await, [all], "one record");
    assert_eq!(
        sequences(&due(store, &leased, NOW).await),
        [BACKLOG as u64 + 1]
    );
    let ledger = store.ledger().await.unwrap();
    assert_eq!((ledger.pending, ledger.dropped), (1, [all].into()));
}

async fn what_a_receiver_says_of_what_goes_by_and_by_counts(store: &SeaStore, _: &str) {
    let stream = known_stream(store, 1, &[LOGOUT]).await;
    fill(store, BACKLOG).await;
    let leased = lease(store, 1, NOW).await;
    set_status(store, &stream, StreamStatus::Disabled).await;
    let late = [acknowledged(1), acknowledged(600), refused(601)];
    store.settle(&leased.lease, &late, None, NOW).await.unwrap();
    set_status(store, &stream, StreamStatus::Enabled).await;
    let clock = ManualClock::new(NOW);
    let of_refused = DeliveryFilter {
        stream: Some(stream.id.clone()),
        standing: Some(Standing::Quarantined),
        ..DeliveryFilter::default()
    };
    let page = replay((store, &clock), (&of_refused, None, 10))
        .await
        .unwrap();
    assert_eq!(page.replayed[0].outcome, Err(NotReplayed::StreamDropping));
    finish(store).await;
    let ledger = store.ledger().await.unwrap();
    let settled = (ledger.pending, ledger.quarantined, ledger.acknowledged);
    assert_eq!(settled, (0, 1, 1), "the first had gone before");
    let page = replay((store, &clock), (&of_refused, None, 10))
        .await
        .unwrap();
    assert!(page.replayed[0].outcome.is_ok());
}

async fn types_that_are_given_up_go_by_and_by_and_others_stay(store: &SeaStore, _: &str) {
    let stream = polled_stream(store, 1, &[LOGOUT, PASSWORD]).await;
    fill(store, BACKLOG).await;
    accept(
        store,
        vec![
            event(PASSWORD, email(&user(0))),
            event(PASSWORD, email(&user(900))),
        ],
    )
    .await;
    dispatch(store).await;
    assert_eq!(ask_for(store, &stream, &[PASSWORD]).await, 500);
    balances(store).await;
    let number = BACKLOG as u64;
    let got = poll(store, &stream, 10, NOW).await.deliveries;
    assert_eq!(
        sequences(&got),
        [number + 1],
        "the other one waits for a logout that goes"
    );
    assert_eq!(finish(store).await, number - 500);
    let got = poll(store, &stream, 10, later(1)).await.deliveries;
    assert_eq!(sequences(&got), [number + 2]);
    let all = (DropReason::TypeNoLongerRequested, number);
    assert_eq!(recorded(store, &stream).await, [all]);
}

async fn a_deleted_stream_is_gone_at_once_and_its_deliveries_by_and_by(store: &SeaStore, _: &str) {
    let stream = known_stream(store, 1, &[LOGOUT]).await;
    fill(store, BACKLOG).await;
    let leased = lease(store, 1, NOW).await;
    let settled = [acknowledged(1), refused(2)];
    store
        .settle(&leased.lease, &settled, None, NOW)
        .await
        .unwrap();
    let deleted = store
        .delete_stream(stream.receiver, &stream.id, NOW)
        .await
        .unwrap();
    let DeletedStream::Deleted { dropped, owners } = deleted else {
        panic!("{deleted:?}")
    };
    assert_eq!((dropped, owners.len()), (500, 1));
    balances(store).await;
    assert_eq!(
        store.stream(stream.receiver, &stream.id).await.unwrap(),
        None
    );
    assert_eq!(store.stream_with_backlog(&stream.id).await.unwrap(), None);
    assert_eq!(store.next_due().await.unwrap(), None);
    assert_eq!(due(store, &leased, NOW).await, []);
    let again = store.delete_stream(stream.receiver, &stream.id, NOW).await;
    assert_eq!(again.unwrap(), DeletedStream::NotFound);
    accept(store, vec![event(LOGOUT, email(ALICE))]).await;
    assert_eq!(dispatch(store).await, (1, 0));
    let removed = store.remove_receiver(stream.receiver).await.unwrap();
    assert_eq!(removed, RemovedReceiver::HasStreams);

    assert_eq!(finish(store).await, BACKLOG as u64 - 502);
    let all = (DropReason::StreamDeleted, BACKLOG as u64 - 2);
    assert_eq!(recorded(store, &stream).await, [all]);
    let ledger = store.ledger().await.unwrap();
    assert_eq!((ledger.numbered, ledger.pending), (BACKLOG as u64, 0));
    let removed = store.remove_receiver(stream.receiver).await.unwrap();
    assert_eq!(removed, RemovedReceiver::Removed);
}

async fn a_stream_that_was_deleted_while_it_was_dropping_announces_nothing(
    store: &SeaStore,
    _: &str,
) {
    let stream = known_stream(store, 1, &[LOGOUT]).await;
    fill(store, BACKLOG).await;
    decide_status(store, &stream, StreamStatus::Disabled).await;
    assert!(store.next_due().await.unwrap().is_some(), "it is told");
    let deleted = store.delete_stream(stream.receiver, &stream.id, NOW).await;
    assert!(matches!(deleted.unwrap(), DeletedStream::Deleted { .. }));
    assert_eq!(store.next_due().await.unwrap(), None);
    while let Some(dropped) = store.drop_ordered(later(1)).await.unwrap() {
        assert_eq!(
            store.next_due().await.unwrap(),
            None,
            "after {dropped} more"
        );
    }
}

on_both! {
    a_disabled_stream_offers_nothing_of_what_goes_by_and_by
    what_a_receiver_says_of_what_goes_by_and_by_counts
    types_that_are_given_up_go_by_and_by_and_others_stay
    a_deleted_stream_is_gone_at_once_and_its_deliveries_by_and_by
    a_stream_that_was_deleted_while_it_was_dropping_announces_nothing
}

#[tokio::test]
async fn what_a_crash_leaves_of_a_drop_goes_after_the_next_start() {
    let rig = super::sqlite::Rig::new();
    let store = rig.open().await;
    let stream = known_stream(&store, 1, &[LOGOUT]).await;
    fill(&store, BACKLOG).await;
    set_status(&store, &stream, StreamStatus::Disabled).await;
    assert_eq!(store.drop_ordered(later(1)).await.unwrap(), Some(500));
    drop(store);
    let store = rig.open().await;
    assert_eq!(finish(&store).await, BACKLOG as u64 - 1000);
    assert_eq!(store.ledger().await.unwrap().pending, 0);
}
