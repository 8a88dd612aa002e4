//! Creating streams.

use ssf_transmitter::{
    app::manage::{self, CreateError},
    domain::stream::{NewStreamError, STREAMS_PER_RECEIVER_MAX},
    ports::{Clock, StreamStore},
};
use ssf_types::stream::{CreateStream, PushDelivery};
use ssf_types::uri::EndpointUrl;

use super::fixture::*;

fn request() -> CreateStream {
    let endpoint = EndpointUrl::parse("https://rp.example.com/events").unwrap();
    CreateStream::push(Vec::new(), PushDelivery::new(endpoint, None))
}

#[tokio::test]
async fn a_created_stream_is_stored() {
    let world = World::new();
    let stream = world.stream().await;
    let stored = world.store.stream(stream.receiver, &stream.id).await;
    assert_eq!(stored.unwrap(), Some(stream));
}

#[tokio::test]
async fn a_request_that_cannot_be_met_stores_nothing() {
    let world = World::new();
    let receiver = receiver();
    let poll = CreateStream::default();
    let refused = manage::create(&world.store, &receiver, poll, &[], world.clock.now()).await;
    assert!(matches!(
        refused,
        Err(CreateError::Request(NewStreamError::PollNotOffered))
    ));
    assert_eq!(world.store.streams(receiver.id).await.unwrap(), []);
}

#[tokio::test]
async fn a_receiver_with_too_many_streams_is_told_so() {
    let world = World::new();
    let receiver = receiver();
    let create = || manage::create(&world.store, &receiver, request(), &[], world.clock.now());
    for _ in 0..STREAMS_PER_RECEIVER_MAX {
        create().await.unwrap();
    }
    let refused = create().await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "this receiver has 100 streams already: delete one first"
    );
}
