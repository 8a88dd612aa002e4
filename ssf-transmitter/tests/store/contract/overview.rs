//! What every store promises about the streams as an operator sees them.

use ssf_transmitter::{
    domain::{
        delivery::DeliveryState,
        event::AcceptedEvent,
        fan_out::{FanOut, SkipReason},
        foresight::{Absence, Foreseen, Foresight},
        issuer::IssuerName,
        stream::Stream,
    },
    ports::{Backlog, StreamFilter},
};
use ssf_types::{
    error::ErrCode, id::StreamId, metadata::DefaultSubjects, stream::StreamStatus, subject::Subject,
};

use super::{
    super::fixture::*,
    subjects::{DAY, addition, make, reached, removal, stream_covering, terms},
};

pub(crate) async fn streams_of_all_receivers_are_found_by_what_they_are(store: &impl Store) {
    let mut streams = Vec::new();
    for number in 1..=3 {
        streams.push(known_stream(store, number, &[LOGOUT]).await);
    }
    let paused = streams[0].clone();
    set_status(store, &paused, StreamStatus::Paused).await;
    streams.sort_by(|left, right| left.id.as_str().cmp(right.id.as_str()));
    let all: Vec<StreamId> = streams.iter().map(|stream| stream.id.clone()).collect();
    let found = async |filter: &StreamFilter, after: Option<&StreamId>, limit| {
        let found = store.find_streams(filter, after, limit).await.unwrap();
        found
            .into_iter()
            .map(|stream| stream.id)
            .collect::<Vec<_>>()
    };
    let any = StreamFilter::default();
    assert_eq!(found(&any, None, 10).await, all);
    assert_eq!(found(&any, None, 2).await, all[..2]);
    assert_eq!(found(&any, Some(&all[1]), 10).await, all[2..]);
    let of_receiver = StreamFilter {
        receiver: Some(streams[1].receiver),
        ..any.clone()
    };
    assert_eq!(found(&of_receiver, None, 10).await, all[1..2]);
    let with_status = StreamFilter {
        status: Some(StreamStatus::Paused),
        ..any.clone()
    };
    assert_eq!(found(&with_status, None, 10).await, [paused.id]);
    let elsewhere = StreamFilter {
        issuer: Some(IssuerName::parse("acme").unwrap()),
        ..any.clone()
    };
    assert_eq!(found(&elsewhere, None, 10).await, []);
    let main = StreamFilter {
        issuer: Some(IssuerName::default()),
        ..any
    };
    assert_eq!(found(&main, None, 10).await, all);
}

pub(crate) async fn what_waits_on_a_stream_is_counted(store: &impl Store) {
    let stream = known_stream(store, 1, &[LOGOUT]).await;
    let backlog = async || {
        let found = store.stream_with_backlog(&stream.id).await.unwrap();
        found.unwrap().1
    };
    assert_eq!(backlog().await, Backlog::default());
    for user in ["a", "b", "c"] {
        let address = format!("{user}@example.com");
        accept(store, vec![event(LOGOUT, email(&address))]).await;
    }
    dispatch(store).await;
    let leased = lease(store, 1, NOW).await;
    let refused = ssf_transmitter::ports::Settlement {
        sequence: 2,
        state: DeliveryState::Quarantined {
            at: NOW,
            code: ErrCode::InvalidKey,
            description: "unknown kid".to_owned(),
        },
        answer: None,
    };
    let settled = [acknowledged(1), refused];
    store
        .settle(&leased.lease, &settled, None, NOW)
        .await
        .unwrap();
    let expected = Backlog {
        pending: 1,
        quarantined: 1,
        oldest_pending_at: Some(NOW),
    };
    assert_eq!(backlog().await, expected);
    let unknown = StreamId::parse("f67e39a0").unwrap();
    assert_eq!(store.stream_with_backlog(&unknown).await.unwrap(), None);
}

pub(crate) async fn what_would_become_of_an_event_is_what_becomes_of_it(store: &impl Store) {
    let enabled = known_stream(store, 1, &[LOGOUT]).await;
    let other_type = known_stream(store, 2, &[PASSWORD]).await;
    let paused = known_stream(store, 3, &[LOGOUT]).await;
    set_status(store, &paused, StreamStatus::Paused).await;
    let disabled = known_stream(store, 4, &[LOGOUT]).await;
    set_status(store, &disabled, StreamStatus::Disabled).await;
    let for_none = stream_covering(store, 5, DefaultSubjects::None).await;
    let for_alice = stream_covering(store, 6, DefaultSubjects::None).await;
    make(store, addition(&for_alice, email(ALICE)), terms(), NOW).await;
    let but_alice = stream_covering(store, 7, DefaultSubjects::All).await;
    make(store, removal(&but_alice, email(ALICE)), terms(), NOW).await;
    let alice = Subject::from(email(ALICE));
    let left_out = |reason| Foreseen::Skipped(Absence::LeftOut(reason));
    let mut expected = vec![
        (enabled.id, Foreseen::Sent(alice.clone())),
        (other_type.id, Foreseen::Skipped(Absence::TypeNotDelivered)),
        (paused.id, Foreseen::Held(alice.clone())),
        (disabled.id, left_out(SkipReason::StreamDisabled)),
        (for_none.id, Foreseen::Skipped(Absence::SubjectNotAdded)),
        (for_alice.id, Foreseen::Sent(alice)),
        (but_alice.id, left_out(SkipReason::SubjectRemoved)),
    ];
    expected.sort_by(|(left, _), (right, _)| left.as_str().cmp(right.as_str()));
    let new = event(LOGOUT, email(ALICE));
    let accepted = AcceptedEvent::new(event_id(), later(DAY), new.clone());
    let issuer = main();
    let page = async |after: Option<&StreamId>, limit| {
        let preview = store.preview(&issuer, &accepted, (after, limit), decide);
        let preview = preview.await.unwrap();
        let foresight = Foresight::new(&new, preview.fan_out);
        let told = |stream: &Stream| (stream.id.clone(), foresight.of(stream));
        let streams: Vec<_> = preview.streams.iter().map(told).collect();
        (foresight.matched(), streams)
    };
    assert_eq!(page(None, 10).await, (3, expected.clone()));
    assert_eq!(page(None, 2).await, (3, expected[..2].to_vec()));
    let after = expected[4].0.clone();
    assert_eq!(page(Some(&after), 10).await, (3, expected[5..].to_vec()));
    // Nothing was stored, and what happens is what was foreseen.
    assert_eq!(dispatch(store).await, (0, 0));
    assert_eq!(reached(store, email(ALICE), later(DAY)).await, 3);
}

pub(crate) async fn a_foreseen_event_concerns_the_streams_of_its_issuer_alone(store: &impl Store) {
    known_stream(store, 1, &[LOGOUT]).await;
    let elsewhere = IssuerName::parse("acme").unwrap();
    let accepted = AcceptedEvent::new(event_id(), NOW, event(LOGOUT, email(ALICE)));
    let preview = store.preview(&elsewhere, &accepted, (None, 10), decide);
    let preview = preview.await.unwrap();
    assert_eq!(preview.fan_out, FanOut::default());
    assert_eq!(preview.streams, []);
}
