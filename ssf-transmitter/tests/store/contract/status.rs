//! What every store promises about streams that are paused or disabled.

use ssf_transmitter::{
    domain::{
        circuit::Health,
        dropped::{DropReason, DropRecord},
        room::Room,
        status::StatusSetter,
        stream::Stream,
    },
    ports::{ChangedStream, Fenced, LeasedStream},
};
use ssf_types::stream::StreamStatus;

use super::super::fixture::*;

pub(crate) async fn a_paused_stream_numbers_what_comes_and_lets_nothing_be_due(store: &impl Store) {
    let stream = known_stream(store, 1, &[LOGOUT]).await;
    accept(store, vec![event(LOGOUT, email(ALICE))]).await;
    dispatch(store).await;
    assert_eq!(set_status(store, &stream, StreamStatus::Paused).await, 0);
    assert_eq!(store.next_due().await.unwrap(), None);
    accept(store, vec![event(LOGOUT, email(BOB))]).await;
    assert_eq!(dispatch(store).await, (1, 1));
    assert_eq!(store.next_due().await.unwrap(), None);
    let none = store.lease_streams(worker(1), later(3600), later(3630), Room::of(10));
    assert_eq!(none.await.unwrap(), []);
    let drops = store.drops(stream.receiver, &stream.id).await.unwrap();
    assert_eq!(drops, []);
}

pub(crate) async fn what_a_pause_held_is_due_in_order_when_it_ends(store: &impl Store) {
    let stream = known_stream(store, 1, &[LOGOUT]).await;
    set_status(store, &stream, StreamStatus::Paused).await;
    for user in [ALICE, BOB, ALICE] {
        accept(store, vec![event(LOGOUT, email(user))]).await;
        dispatch(store).await;
    }
    set_status(store, &stream, StreamStatus::Enabled).await;
    assert_eq!(store.next_due().await.unwrap(), Some(NOW));
    let leased = lease(store, 1, NOW).await;
    assert_eq!(sequences(&due(store, &leased, NOW).await), [1, 2]);
    let settled = [acknowledged(1), acknowledged(2)];
    store
        .settle(&leased.lease, &settled, None, NOW)
        .await
        .unwrap();
    assert_eq!(sequences(&due(store, &leased, NOW).await), [3]);
}

pub(crate) async fn what_is_under_way_at_a_pause_is_settled_and_what_fails_is_held(
    store: &impl Store,
) {
    let stream = known_stream(store, 1, &[LOGOUT]).await;
    let users = [ALICE, BOB];
    accept(store, users.map(|user| event(LOGOUT, email(user))).to_vec()).await;
    dispatch(store).await;
    let leased = lease(store, 1, NOW).await;
    set_status(store, &stream, StreamStatus::Paused).await;
    assert_eq!(due(store, &leased, NOW).await, []);
    let ended = [acknowledged(1), postponed(2, 1, later(5))];
    let stored = store
        .settle(&leased.lease, &ended, None, NOW)
        .await
        .unwrap();
    assert_eq!(stored, Fenced::Stored);
    assert_eq!(due(store, &leased, later(5)).await, []);
    store
        .release(&leased.lease, &Health::default())
        .await
        .unwrap();
    assert_eq!(store.next_due().await.unwrap(), None);
    set_status(store, &stream, StreamStatus::Enabled).await;
    let leased = lease(store, 1, later(5)).await;
    let again = due(store, &leased, later(5)).await;
    assert_eq!((sequences(&again), again[0].attempts), (vec![2], 1));
}

pub(crate) async fn a_disabled_stream_drops_what_is_pending_with_a_record(store: &impl Store) {
    let stream = known_stream(store, 1, &[LOGOUT]).await;
    let users = [ALICE, ALICE, BOB];
    accept(store, users.map(|user| event(LOGOUT, email(user))).to_vec()).await;
    dispatch(store).await;
    let leased = lease(store, 1, NOW).await;
    let settled = [acknowledged(3)];
    store
        .settle(&leased.lease, &settled, None, NOW)
        .await
        .unwrap();
    assert_eq!(set_status(store, &stream, StreamStatus::Disabled).await, 2);
    let drops = store.drops(stream.receiver, &stream.id).await.unwrap();
    let record = DropRecord::new(DropReason::StreamDisabled, 2, NOW);
    assert_eq!(drops, [record]);
    // An attempt that was under way may fail now: what is dropped stays so.
    let late = [postponed(1, 1, NOW)];
    let stored = store.settle(&leased.lease, &late, None, NOW).await.unwrap();
    assert_eq!(stored, Fenced::Stored);
    set_status(store, &stream, StreamStatus::Enabled).await;
    assert_eq!(due(store, &leased, later(3600)).await, []);
    assert_eq!(store.next_due().await.unwrap(), None);
}

pub(crate) async fn what_was_held_is_dropped_when_a_paused_stream_is_disabled(store: &impl Store) {
    let stream = known_stream(store, 1, &[LOGOUT]).await;
    set_status(store, &stream, StreamStatus::Paused).await;
    accept(store, vec![event(LOGOUT, email(ALICE))]).await;
    dispatch(store).await;
    assert_eq!(set_status(store, &stream, StreamStatus::Disabled).await, 1);
    set_status(store, &stream, StreamStatus::Enabled).await;
    assert_eq!(store.next_due().await.unwrap(), None);
}

pub(crate) async fn what_is_accepted_while_a_stream_is_disabled_never_comes(store: &impl Store) {
    let stream = known_stream(store, 1, &[LOGOUT]).await;
    known_stream(store, 2, &[LOGOUT]).await;
    set_status(store, &stream, StreamStatus::Disabled).await;
    accept(store, vec![event(LOGOUT, email(ALICE))]).await;
    assert_eq!(dispatch(store).await, (1, 1), "the other stream gets it");
    accept(store, vec![event(LOGOUT, email(ALICE))]).await;
    // The second event still waits for its fan-out when the stream is disabled no longer.
    set_status(store, &stream, StreamStatus::Paused).await;
    accept(store, vec![event(LOGOUT, email(BOB))]).await;
    assert_eq!(dispatch(store).await, (2, 3));
    set_status(store, &stream, StreamStatus::Enabled).await;
    let leased = store
        .lease_streams(worker(1), NOW, later(30), Room::of(10))
        .await;
    let own = |leased: &LeasedStream| leased.stream.id == stream.id;
    let leased = leased.unwrap().into_iter().find(own).unwrap();
    let due = due(store, &leased, NOW).await;
    assert_eq!(sequences(&due), [1]);
    assert_eq!(due[0].sub_id, email(BOB).into());
}

pub(crate) async fn a_type_that_is_asked_for_while_the_stream_is_disabled_comes_after_that(
    store: &impl Store,
) {
    let stream = known_stream(store, 1, &[LOGOUT]).await;
    set_status(store, &stream, StreamStatus::Disabled).await;
    ask_for(store, &stream, &[LOGOUT, PASSWORD]).await;
    accept(store, vec![event(PASSWORD, email(ALICE))]).await;
    assert_eq!(dispatch(store).await, (1, 0));
    set_status(store, &stream, StreamStatus::Enabled).await;
    accept(store, vec![event(PASSWORD, email(BOB))]).await;
    assert_eq!(dispatch(store).await, (1, 1));
}

pub(crate) async fn a_status_is_kept_with_its_reason_and_leaves_other_streams_alone(
    store: &impl Store,
) {
    let stream = known_stream(store, 1, &[LOGOUT]).await;
    let other = known_stream(store, 2, &[LOGOUT]).await;
    let paused = stream.with_status(StreamStatus::Paused, Some("maintenance".into()));
    change(store, &stream, |stream| *stream = paused.clone()).await;
    let read = store.stream(stream.receiver, &stream.id).await.unwrap();
    assert_eq!(read, Some(paused));
    let read = store.stream(other.receiver, &other.id).await.unwrap();
    assert_eq!(read, Some(other));
    accept(store, vec![event(LOGOUT, email(ALICE))]).await;
    assert_eq!(dispatch(store).await, (1, 2));
    assert_eq!(store.next_due().await.unwrap(), Some(NOW));
}

pub(crate) async fn a_change_of_status_tells_who_works_on_the_stream_until_that_is_over(
    store: &impl Store,
) {
    let stream = known_stream(store, 1, &[LOGOUT]).await;
    accept(store, vec![event(LOGOUT, email(ALICE))]).await;
    dispatch(store).await;
    let pause = |stream: &Stream| Ok::<_, ()>(stream.with_status(StreamStatus::Paused, None));
    let owners = async |now| {
        let changed = store.change_stream(stream.receiver, &stream.id, now, pause);
        let changed = changed.await.unwrap();
        let ChangedStream::Changed { owners, .. } = changed else {
            panic!("{changed:?}")
        };
        owners
    };
    let leased = lease(store, 1, NOW).await;
    assert_eq!(owners(later(29)).await, vec![leased.lease.clone()]);
    let is_over = |now| store.is_over(&leased.lease, now);
    assert!(!is_over(later(29)).await.unwrap());
    assert!(is_over(later(30)).await.unwrap(), "its time is over");
    assert_eq!(owners(later(30)).await, []);
    store
        .release(&leased.lease, &Health::default())
        .await
        .unwrap();
    assert!(is_over(later(1)).await.unwrap(), "it was given back");
    assert_eq!(owners(later(1)).await, []);
}

pub(crate) async fn who_set_a_status_is_kept_with_it(store: &impl Store) {
    let stream = known_stream(store, 1, &[LOGOUT]).await;
    let kept = async || {
        let read = store.stream(stream.receiver, &stream.id).await;
        read.unwrap().unwrap().status_set_by
    };
    assert_eq!(kept().await, StatusSetter::Receiver);
    for setter in [
        StatusSetter::Operator,
        StatusSetter::Transmitter,
        StatusSetter::Receiver,
    ] {
        change(store, &stream, |stream| stream.status_set_by = setter).await;
        assert_eq!(kept().await, setter);
    }
}
