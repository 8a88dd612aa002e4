//! What every store promises about the algorithm that a stream asks for.

use ssf_transmitter::{
    domain::{method::DeliveryMethod, stream::Stream},
    ports::{CreatedStream, Fenced, Polled},
};
use ssf_types::set::Algorithm;

use super::{super::fixture::*, poll::wanting};

/// A stream that asks for `EdDSA`.
async fn asking_stream(store: &impl Store, alter: impl FnOnce(&mut Stream)) -> Stream {
    let receiver = known_receiver(store, 1).await;
    let mut stream = stream_of(&receiver, &[LOGOUT]);
    stream.signing_alg = Some(Algorithm::EdDsa);
    alter(&mut stream);
    let created = store.create_stream(&stream, 100).await.unwrap();
    assert_eq!(created, CreatedStream::Created);
    stream
}

async fn kept(store: &impl Store, stream: &Stream) -> Option<Algorithm> {
    let read = store.stream(stream.receiver, &stream.id).await;
    read.unwrap().unwrap().signing_alg
}

pub(crate) async fn an_algorithm_is_kept_until_the_stream_has_another_or_none(store: &impl Store) {
    let silent = known_stream(store, 2, &[LOGOUT]).await;
    let stream = asking_stream(store, |_| ()).await;
    assert_eq!(kept(store, &stream).await, Some(Algorithm::EdDsa));
    for algorithm in Algorithm::ALL {
        change(store, &stream, |stream| {
            stream.signing_alg = Some(*algorithm);
        })
        .await;
        assert_eq!(kept(store, &stream).await, Some(*algorithm));
    }
    change(store, &stream, |stream| stream.signing_alg = None).await;
    assert_eq!(kept(store, &stream).await, None);
    assert_eq!(kept(store, &silent).await, None);
}

pub(crate) async fn who_pushes_signs_as_the_stream_asks_and_stops_when_it_asks_otherwise(
    store: &impl Store,
) {
    let stream = asking_stream(store, |_| ()).await;
    accept(store, vec![event(LOGOUT, email(ALICE))]).await;
    dispatch(store).await;
    let before = lease(store, 1, NOW).await;
    assert_eq!(before.stream.signing_alg, Some(Algorithm::EdDsa));
    change(store, &stream, |stream| {
        stream.signing_alg = Some(Algorithm::Es256);
    })
    .await;
    assert_eq!(due(store, &before, NOW).await, []);
    let late = store
        .settle(&before.lease, &[acknowledged(1)], None, NOW)
        .await;
    assert_eq!(late.unwrap(), Fenced::LeaseLost);
    let after = lease(store, 1, NOW).await;
    assert_eq!(after.stream.signing_alg, Some(Algorithm::Es256));
    assert_eq!(sequences(&due(store, &after, NOW).await), [1]);
}

pub(crate) async fn a_poll_hears_what_its_sets_are_to_be_signed_with(store: &impl Store) {
    let polled = |stream: &mut Stream| stream.delivery = DeliveryMethod::Poll;
    let stream = asking_stream(store, polled).await;
    accept(store, vec![event(LOGOUT, email(ALICE))]).await;
    dispatch(store).await;
    let step = wanting(100, NOW);
    let polled = store.poll(stream.receiver, &stream.id, step, NOW).await;
    let Ok(Polled::Done {
        deliveries,
        signing_alg,
        ..
    }) = polled
    else {
        panic!("{polled:?}")
    };
    assert_eq!(deliveries.len(), 1);
    assert_eq!(signing_alg, Some(Algorithm::EdDsa));
}
