//! What every store promises about SETs that the transmitter itself sends on one stream.

use ssf_transmitter::{
    domain::{
        framework::FrameworkSet,
        stream::Stream,
        verification::{Requested, VerificationError, verification},
    },
    ports::SentAlone,
};
use ssf_types::{
    event::Event,
    id::{Jti, StreamId},
    stream::StreamStatus,
    time::Timestamp,
};
use uuid::Uuid;

use super::super::fixture::*;

/// Requests a verification at `now`, with a minute between two.
pub(super) async fn verify(
    store: &impl Store,
    stream: &Stream,
    now: Timestamp,
) -> SentAlone<VerificationError> {
    let minute = std::time::Duration::from_mins(1);
    let decide = |stream: &Stream, before: Requested| {
        let ids = (event_id(), jti("756E69717565"));
        verification(stream, Some("echo".into()), before, minute, now, ids)
    };
    let sent = store.send_verification(stream.receiver, &stream.id, now, decide);
    sent.await.unwrap()
}

fn jti(text: &str) -> Jti {
    Jti::parse(text).unwrap()
}

fn too_soon(seconds: u64) -> SentAlone<VerificationError> {
    let retry_after = std::time::Duration::from_secs(seconds);
    SentAlone::Refused(VerificationError::TooSoon { retry_after })
}

pub(crate) async fn a_verification_is_due_on_its_stream_alone_whatever_that_delivers(
    store: &impl Store,
) {
    let stream = known_stream(store, 1, &[]).await;
    known_stream(store, 2, &[LOGOUT]).await;
    assert_eq!(verify(store, &stream, NOW).await, SentAlone::Numbered);
    assert_eq!(dispatch(store).await, (0, 0));
    let leased = lease(store, 1, NOW).await;
    assert_eq!(leased.stream.id, stream.id);
    let due = due(store, &leased, NOW).await;
    assert_eq!(sequences(&due), [1]);
    assert_eq!((&due[0].jti, due[0].iat), (&jti("756E69717565"), NOW));
    let sub_id = serde_json::to_value(&due[0].sub_id).unwrap();
    let expected = serde_json::json!({"format": "opaque", "id": stream.id});
    assert_eq!(sub_id, expected);
    let Event::Verification(event) = &due[0].event.event.event else {
        panic!("{:?}", due[0].event)
    };
    assert_eq!(event.state.as_deref(), Some("echo"));
    let settled = [acknowledged(1)];
    store
        .settle(&leased.lease, &settled, None, NOW)
        .await
        .unwrap();
    assert_eq!(store.next_due().await.unwrap(), None);
}

pub(crate) async fn a_verification_waits_for_no_event_and_no_event_for_it(store: &impl Store) {
    let stream = known_stream(store, 1, &[LOGOUT]).await;
    accept(store, vec![event(LOGOUT, email(ALICE))]).await;
    dispatch(store).await;
    verify(store, &stream, NOW).await;
    accept(store, vec![event(LOGOUT, email(BOB))]).await;
    dispatch(store).await;
    let leased = lease(store, 1, NOW).await;
    assert_eq!(sequences(&due(store, &leased, NOW).await), [1, 2, 3]);
}

pub(crate) async fn a_verification_that_came_too_soon_is_not_sent_and_changes_nothing(
    store: &impl Store,
) {
    let stream = known_stream(store, 1, &[LOGOUT]).await;
    assert_eq!(verify(store, &stream, NOW).await, SentAlone::Numbered);
    assert_eq!(verify(store, &stream, later(20)).await, too_soon(40));
    assert_eq!(verify(store, &stream, later(59)).await, too_soon(1));
    // Neither a change of the stream nor what happens on it lets the moment be forgotten.
    change(store, &stream, |stream| stream.description = None).await;
    accept(store, vec![event(LOGOUT, email(ALICE))]).await;
    dispatch(store).await;
    assert_eq!(verify(store, &stream, later(59)).await, too_soon(1));
    let leased = lease(store, 1, later(59)).await;
    let settled = [acknowledged(1)];
    store
        .settle(&leased.lease, &settled, None, NOW)
        .await
        .unwrap();
    let sent = verify(store, &stream, later(60)).await;
    assert_eq!(sent, SentAlone::Numbered);
    assert_eq!(sequences(&due(store, &leased, later(60)).await), [2, 3]);
    let other = known_stream(store, 2, &[]).await;
    let sent = verify(store, &other, later(60)).await;
    assert_eq!(sent, SentAlone::Numbered);
}

pub(crate) async fn while_a_verification_is_pending_no_other_is_sent(store: &impl Store) {
    let stream = known_stream(store, 1, &[]).await;
    let minute = std::time::Duration::from_mins(1);
    let pending = SentAlone::Refused(VerificationError::Pending {
        retry_after: minute,
    });
    assert_eq!(verify(store, &stream, NOW).await, SentAlone::Numbered);
    assert_eq!(verify(store, &stream, later(3600)).await, pending);
    let leased = lease(store, 1, NOW).await;
    let failed = [postponed(1, 1, NOW)];
    store
        .settle(&leased.lease, &failed, None, NOW)
        .await
        .unwrap();
    assert_eq!(verify(store, &stream, later(3600)).await, pending);
    let settled = [acknowledged(1)];
    store
        .settle(&leased.lease, &settled, None, NOW)
        .await
        .unwrap();
    let sent = verify(store, &stream, later(3600)).await;
    assert_eq!(sent, SentAlone::Numbered);
    // One that was dropped with all else is not waited for.
    set_status(store, &stream, StreamStatus::Disabled).await;
    set_status(store, &stream, StreamStatus::Enabled).await;
    let sent = verify(store, &stream, later(7200)).await;
    assert_eq!(sent, SentAlone::Numbered);
}

pub(crate) async fn a_verification_outlives_a_change_of_types(store: &impl Store) {
    let stream = known_stream(store, 1, &[LOGOUT]).await;
    verify(store, &stream, NOW).await;
    assert_eq!(ask_for(store, &stream, &[]).await, 0);
    let leased = lease(store, 1, NOW).await;
    assert_eq!(sequences(&due(store, &leased, NOW).await), [1]);
}

pub(crate) async fn a_verification_is_sent_to_the_streams_receiver_alone(store: &impl Store) {
    let mut stream = known_stream(store, 1, &[]).await;
    stream.receiver = known_receiver(store, 2).await.id;
    assert_eq!(verify(store, &stream, NOW).await, SentAlone::NotFound);
    stream.id = StreamId::parse("f67e39a0").unwrap();
    assert_eq!(verify(store, &stream, NOW).await, SentAlone::NotFound);
    let never = |_: &Stream, _| -> Result<FrameworkSet, ()> { unreachable!("there is no stream") };
    let id = StreamId::parse(Uuid::new_v4().simple().to_string()).unwrap();
    let sent = store.send_verification(stream.receiver, &id, NOW, never);
    assert_eq!(sent.await.unwrap(), SentAlone::NotFound);
    assert_eq!(store.next_due().await.unwrap(), None);
}
