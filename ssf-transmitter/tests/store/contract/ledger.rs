//! The ledger. That it balances is asserted after every sentence of the contract.

use ssf_transmitter::domain::dropped::DropReason;
use ssf_types::stream::StreamStatus;

use super::super::fixture::*;

pub(crate) async fn the_ledger_tells_what_has_become_of_everything(store: &impl Store) {
    let stream = known_stream(store, 1, &[LOGOUT]).await;
    known_stream(store, 2, &[PASSWORD]).await;
    let users = ["a@b.example", "c@b.example", "d@b.example", "e@b.example"];
    let events = users.map(|user| event(LOGOUT, email(user)));
    accept(store, events.to_vec()).await;
    let ledger = store.ledger().await.unwrap();
    let events = (ledger.accepted, ledger.dispatched, ledger.waiting);
    assert_eq!((events, ledger.numbered), ((4, 0, 4), 0));

    dispatch(store).await;
    let ledger = store.ledger().await.unwrap();
    let events = (ledger.accepted, ledger.dispatched, ledger.waiting);
    assert_eq!(events, (4, 4, 0));
    let deliveries = (ledger.matched, ledger.numbered, ledger.pending);
    assert_eq!(deliveries, (4, 4, 4));

    let leased = lease(store, 1, NOW).await;
    let settlements = [acknowledged(1), refused(2)];
    store
        .settle(&leased.lease, &settlements, None, NOW)
        .await
        .unwrap();
    let ledger = store.ledger().await.unwrap();
    let rows = (ledger.pending, ledger.quarantined);
    assert_eq!((rows, ledger.acknowledged), ((2, 1), 1));

    ask_for(store, &stream, &[PASSWORD]).await;
    let ledger = store.ledger().await.unwrap();
    let unwanted = [(DropReason::TypeNoLongerRequested, 2)];
    assert_eq!((ledger.pending, ledger.dropped), (0, unwanted.into()));
}

pub(crate) async fn what_is_settled_twice_is_counted_once(store: &impl Store) {
    known_stream(store, 1, &[LOGOUT]).await;
    accept(store, vec![event(LOGOUT, email(ALICE))]).await;
    dispatch(store).await;
    let leased = lease(store, 1, NOW).await;
    for settlement in [acknowledged(1), refused(1), acknowledged(1)] {
        let settled = store.settle(&leased.lease, &[settlement], None, NOW).await;
        settled.unwrap();
    }
    let ledger = store.ledger().await.unwrap();
    assert_eq!((ledger.acknowledged, ledger.quarantined), (1, 0));
}

pub(crate) async fn a_stream_that_is_gone_leaves_what_it_counted(store: &impl Store) {
    let stream = known_stream(store, 1, &[LOGOUT]).await;
    let users = ["a@b.example", "c@b.example"];
    accept(store, users.map(|user| event(LOGOUT, email(user))).to_vec()).await;
    dispatch(store).await;
    let deleted = store.delete_stream(stream.receiver, &stream.id, NOW).await;
    deleted.unwrap();
    let ledger = store.ledger().await.unwrap();
    let dropped = [(DropReason::StreamDeleted, 2)].into();
    assert_eq!((ledger.numbered, ledger.dropped), (2, dropped));
}

pub(crate) async fn what_has_waited_longest_is_told_of_streams_that_are_not_held(
    store: &impl Store,
) {
    assert_eq!(store.oldest_pending().await.unwrap(), None);
    let stream = known_stream(store, 1, &[LOGOUT]).await;
    accept(store, vec![event(LOGOUT, email(ALICE))]).await;
    dispatch(store).await;
    assert_eq!(store.oldest_pending().await.unwrap(), Some(NOW));
    set_status(store, &stream, StreamStatus::Paused).await;
    assert_eq!(store.oldest_pending().await.unwrap(), None);
    set_status(store, &stream, StreamStatus::Enabled).await;
    let leased = lease(store, 1, NOW).await;
    let settled = store
        .settle(&leased.lease, &[acknowledged(1)], None, NOW)
        .await;
    settled.unwrap();
    assert_eq!(store.oldest_pending().await.unwrap(), None);
}
