//! What every store promises about the streams as an operator sees them.

use ssf_transmitter::{
    domain::{delivery::DeliveryState, issuer::IssuerName},
    ports::{Backlog, StreamFilter},
};
use ssf_types::{error::ErrCode, id::StreamId, stream::StreamStatus};

use super::super::fixture::*;

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
    };
    let settled = [acknowledged(1), refused];
    store.settle(&leased.lease, &settled, NOW).await.unwrap();
    let expected = Backlog {
        pending: 1,
        quarantined: 1,
        oldest_pending_at: Some(NOW),
    };
    assert_eq!(backlog().await, expected);
    let unknown = StreamId::parse("f67e39a0").unwrap();
    assert_eq!(store.stream_with_backlog(&unknown).await.unwrap(), None);
}
