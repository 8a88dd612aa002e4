//! What every store promises about a status that the transmitter itself decides on.

use std::convert::Infallible;

use ssf_transmitter::{
    domain::{
        announcement::StatusDecision,
        dropped::{DropReason, DropRecord},
        issuer::IssuerName,
        status::StatusSetter,
        stream::Stream,
    },
    ports::{ChangedStream, DeletedStream, LeasedStream},
};
use ssf_types::{
    event::Event,
    id::{Jti, StreamId},
    stream::StreamStatus,
};
use uuid::Uuid;

use super::super::fixture::*;

/// Gives a stream a status as the transmitter does; returns how many deliveries were dropped.
pub(crate) async fn decide_status(
    store: &impl Store,
    stream: &Stream,
    status: StreamStatus,
) -> u64 {
    let decide = |stream: &Stream, _| {
        let jti = Jti::parse(Uuid::new_v4().simple().to_string()).unwrap();
        let why = Some("because".to_owned());
        let ids = (event_id(), jti);
        Ok::<_, Infallible>(StatusDecision::announced(stream, status, why, NOW, ids))
    };
    let changed = store
        .decide_status(&stream.issuer, &stream.id, NOW, decide)
        .await
        .unwrap();
    let ChangedStream::Changed { dropped, .. } = changed else {
        panic!("{changed:?}")
    };
    dropped
}

/// What is due, as the statuses that are announced; `None` is an event.
async fn announced(store: &impl Store, leased: &LeasedStream) -> Vec<Option<StreamStatus>> {
    let status = |event: &Event| {
        let Event::StreamUpdated(updated) = event else {
            return None;
        };
        Some(updated.status)
    };
    let due = due(store, leased, NOW).await;
    due.iter()
        .map(|one| status(&one.event.event.event))
        .collect()
}

async fn settle_all(store: &impl Store, leased: &LeasedStream) {
    let settled: Vec<_> = sequences(&due(store, leased, NOW).await)
        .into_iter()
        .map(acknowledged)
        .collect();
    store
        .settle(&leased.lease, &settled, None, NOW)
        .await
        .unwrap();
}

/// A stream with two events about two users that are due.
async fn busy_stream(store: &impl Store) -> Stream {
    let stream = known_stream(store, 1, &[LOGOUT]).await;
    let users = [ALICE, BOB];
    accept(store, users.map(|user| event(LOGOUT, email(user))).to_vec()).await;
    dispatch(store).await;
    stream
}

pub(crate) async fn a_pause_of_the_transmitters_lets_its_announcement_alone_be_due(
    store: &impl Store,
) {
    let stream = busy_stream(store).await;
    assert_eq!(decide_status(store, &stream, StreamStatus::Paused).await, 0);
    let read = store.stream(stream.receiver, &stream.id).await.unwrap();
    let mut expected = stream.with_status(StreamStatus::Paused, Some("because".to_owned()));
    expected.status_set_by = StatusSetter::Transmitter;
    assert_eq!(read, Some(expected));
    assert_eq!(store.next_due().await.unwrap(), Some(NOW));
    let leased = lease(store, 1, NOW).await;
    let paused = Some(StreamStatus::Paused);
    assert_eq!(announced(store, &leased).await, [paused]);
    assert_eq!(sequences(&due(store, &leased, NOW).await), [3]);
    settle_all(store, &leased).await;
    assert_eq!(due(store, &leased, later(3600)).await, []);
    assert_eq!(store.next_due().await.unwrap(), None);
    accept(store, vec![event(LOGOUT, email(BOB))]).await;
    dispatch(store).await;
    assert_eq!(store.next_due().await.unwrap(), None);
}

pub(crate) async fn an_announcement_that_failed_comes_again_although_the_stream_is_held(
    store: &impl Store,
) {
    let stream = busy_stream(store).await;
    decide_status(store, &stream, StreamStatus::Paused).await;
    let leased = lease(store, 1, NOW).await;
    let failed = [postponed(3, 9, later(5))];
    store
        .settle(&leased.lease, &failed, None, NOW)
        .await
        .unwrap();
    assert_eq!(due(store, &leased, NOW).await, []);
    let again = due(store, &leased, later(5)).await;
    assert_eq!((sequences(&again), again[0].attempts), (vec![3], 9));
}

pub(crate) async fn a_disabled_stream_drops_everything_but_the_announcement(store: &impl Store) {
    let stream = busy_stream(store).await;
    assert_eq!(
        decide_status(store, &stream, StreamStatus::Disabled).await,
        2
    );
    let drops = store.drops(stream.receiver, &stream.id).await.unwrap();
    assert_eq!(drops, [DropRecord::new(DropReason::StreamDisabled, 2, NOW)]);
    let leased = lease(store, 1, NOW).await;
    assert_eq!(
        announced(store, &leased).await,
        [Some(StreamStatus::Disabled)]
    );
    settle_all(store, &leased).await;
    assert_eq!(store.next_due().await.unwrap(), None);
}

pub(crate) async fn a_started_stream_sends_its_announcement_before_what_was_held(
    store: &impl Store,
) {
    let stream = busy_stream(store).await;
    set_status(store, &stream, StreamStatus::Paused).await;
    decide_status(store, &stream, StreamStatus::Enabled).await;
    accept(store, vec![event(LOGOUT, email("carol@example.com"))]).await;
    dispatch(store).await;
    let leased = lease(store, 1, NOW).await;
    assert_eq!(
        announced(store, &leased).await,
        [Some(StreamStatus::Enabled)]
    );
    settle_all(store, &leased).await;
    assert_eq!(sequences(&due(store, &leased, NOW).await), [1, 2, 4]);
    assert_eq!(
        store.next_due().await.unwrap(),
        Some(later(30)),
        "it is leased"
    );
}

pub(crate) async fn what_was_held_does_not_wait_for_ever_for_an_announcement(store: &impl Store) {
    let stream = busy_stream(store).await;
    decide_status(store, &stream, StreamStatus::Paused).await;
    decide_status(store, &stream, StreamStatus::Enabled).await;
    let leased = lease(store, 1, NOW).await;
    for attempts in 1..=2 {
        let failed = [postponed(3, attempts, later(5))];
        store
            .settle(&leased.lease, &failed, None, NOW)
            .await
            .unwrap();
        assert_eq!(due(store, &leased, NOW).await, []);
    }
    let failed = [postponed(3, 3, later(5))];
    store
        .settle(&leased.lease, &failed, None, NOW)
        .await
        .unwrap();
    assert_eq!(sequences(&due(store, &leased, NOW).await), [1, 2]);
    let later_on = sequences(&due(store, &leased, later(5)).await);
    assert_eq!(later_on, [1, 2, 3], "the other announcement follows it");
}

pub(crate) async fn announcements_follow_each_other(store: &impl Store) {
    let stream = busy_stream(store).await;
    decide_status(store, &stream, StreamStatus::Paused).await;
    decide_status(store, &stream, StreamStatus::Disabled).await;
    decide_status(store, &stream, StreamStatus::Enabled).await;
    let leased = lease(store, 1, NOW).await;
    for status in [
        StreamStatus::Paused,
        StreamStatus::Disabled,
        StreamStatus::Enabled,
    ] {
        assert_eq!(announced(store, &leased).await, [Some(status)]);
        settle_all(store, &leased).await;
    }
    assert_eq!(due(store, &leased, NOW).await, []);
}

pub(crate) async fn a_status_that_stays_is_not_announced(store: &impl Store) {
    let stream = known_stream(store, 1, &[LOGOUT]).await;
    decide_status(store, &stream, StreamStatus::Enabled).await;
    set_status(store, &stream, StreamStatus::Paused).await;
    decide_status(store, &stream, StreamStatus::Paused).await;
    assert_eq!(store.next_due().await.unwrap(), None);
    let read = store.stream(stream.receiver, &stream.id).await.unwrap();
    assert_eq!(read.unwrap().reason.as_deref(), Some("because"));
}

pub(crate) async fn a_stream_that_changes_otherwise_stays_closed_until_its_announcement(
    store: &impl Store,
) {
    let stream = busy_stream(store).await;
    set_status(store, &stream, StreamStatus::Paused).await;
    decide_status(store, &stream, StreamStatus::Enabled).await;
    change(store, &stream, |stream| stream.description = None).await;
    let leased = lease(store, 1, NOW).await;
    assert_eq!(
        announced(store, &leased).await,
        [Some(StreamStatus::Enabled)]
    );
    // Its Receiver pauses it, and enables it again for itself, for which nothing has to be announced first.
    set_status(store, &stream, StreamStatus::Paused).await;
    settle_all(store, &leased).await;
    assert_eq!(due(store, &leased, NOW).await, []);
    set_status(store, &stream, StreamStatus::Enabled).await;
    assert_eq!(announced(store, &leased).await, [None, None]);
}

pub(crate) async fn the_transmitter_deletes_any_stream_with_a_record(store: &impl Store) {
    let stream = busy_stream(store).await;
    let deleted = store
        .end_stream(&stream.issuer, &stream.id, NOW)
        .await
        .unwrap();
    assert_eq!(
        deleted,
        DeletedStream::Deleted {
            dropped: 2,
            owners: Vec::new()
        }
    );
    let read = store.stream(stream.receiver, &stream.id).await.unwrap();
    assert_eq!(read, None);
    let drops = store.drops(stream.receiver, &stream.id).await.unwrap();
    assert_eq!(drops, [DropRecord::new(DropReason::StreamDeleted, 2, NOW)]);
    let deleted = store
        .end_stream(&stream.issuer, &stream.id, NOW)
        .await
        .unwrap();
    assert_eq!(deleted, DeletedStream::NotFound);
    let decide =
        |_: &Stream, _| -> Result<StatusDecision, Infallible> { unreachable!("it is gone") };
    let id = StreamId::parse("f67e39a0").unwrap();
    for id in [stream.id, id] {
        let changed = store.decide_status(&stream.issuer, &id, NOW, decide).await;
        assert_eq!(changed.unwrap(), ChangedStream::NotFound);
    }
}

pub(crate) async fn another_issuers_stream_is_not_decided_about(store: &impl Store) {
    let stream = busy_stream(store).await;
    let other = IssuerName::parse("acme").unwrap();
    let decide =
        |_: &Stream, _| -> Result<StatusDecision, Infallible> { unreachable!("it is not") };
    let changed = store.decide_status(&other, &stream.id, NOW, decide).await;
    assert_eq!(changed.unwrap(), ChangedStream::NotFound);
    let deleted = store.end_stream(&other, &stream.id, NOW).await.unwrap();
    assert_eq!(deleted, DeletedStream::NotFound);
}
