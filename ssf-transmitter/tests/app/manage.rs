//! Creating and changing streams.

use std::time::Duration;

use ssf_transmitter::{
    app::{
        gate::Gate,
        ids,
        manage::{self, ChangeError},
        standstill::Standstill,
        verify::{self, VerifyError},
        wake::Wake,
    },
    domain::stream::{ChangeStreamError, Stream, StreamChange, Terms},
    domain::verification::VerificationError,
    ports::{Clock, Outbox, StreamStore},
};
use ssf_types::metadata::DefaultSubjects;
use ssf_types::stream::{
    CreateStream, Delivery, PollDelivery, PushDelivery, UpdateStream, VerificationRequest,
};
use ssf_types::uri::{EndpointUrl, Issuer};

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
async fn a_stream_without_a_delivery_is_polled() {
    let world = World::new();
    let receiver = receiver();
    let poll = CreateStream::default();
    let now = world.clock.now();
    let all = DefaultSubjects::All;
    let created = manage::create(&world.store, &receiver, poll, &[], 100, all, now).await;
    assert!(created.unwrap().delivery.is_poll());
}

#[tokio::test]
async fn a_receiver_with_too_many_streams_is_told_so() {
    let world = World::new();
    let receiver = receiver();
    let create = || {
        manage::create(
            &world.store,
            &receiver,
            request(),
            &[],
            3,
            DefaultSubjects::All,
            world.clock.now(),
        )
    };
    for _ in 0..3 {
        create().await.unwrap();
    }
    let refused = create().await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "this receiver has as many streams as it may have, 3: delete one first"
    );
}

/// Changes a stream as the Receiver with the id of its owner asks for it.
async fn update(
    world: &World,
    stream: &Stream,
    change: impl FnOnce(&mut UpdateStream),
) -> Result<(Stream, u64), ChangeError> {
    let mut request = UpdateStream::new(stream.id.clone());
    change(&mut request);
    let mut owner = receiver();
    owner.id = stream.receiver;
    let terms = Terms {
        issuer: &Issuer::parse("https://tr.example.com").unwrap(),
        events_supported: &[],
        min_verification_interval: Duration::from_secs(30),
        inactivity_timeout: None,
    };
    let (request, now) = (StreamChange::Update(request), world.clock.now());
    let (fresh, gate) = (Wake::default(), Gate::default());
    let standstill = Standstill {
        store: &world.store,
        clock: &world.clock,
        fresh: &fresh,
        gate: &gate,
        worker: ids::worker_id(),
    };
    manage::change(standstill, &owner, request, terms, now).await
}

#[tokio::test]
async fn a_changed_stream_is_stored_and_what_it_lost_is_counted() {
    let world = World::new();
    let stream = world.stream().await;
    world.happens_to(&["a", "b"]).await;
    let nothing = |request: &mut UpdateStream| request.events_requested = Some(Vec::new());
    let (changed, dropped) = update(&world, &stream, nothing).await.unwrap();
    assert_eq!((changed.events_delivered.len(), dropped), (0, 2));
    let stored = world.store.stream(stream.receiver, &stream.id).await;
    assert_eq!(stored.unwrap(), Some(changed));
}

#[tokio::test]
async fn a_change_that_cannot_be_made_stores_nothing() {
    let world = World::new();
    let stream = world.stream().await;
    let poll = |request: &mut UpdateStream| {
        request.delivery = Some(Delivery::Poll(PollDelivery::default()));
        request.supplied.min_verification_interval = Some(1);
    };
    let refused = update(&world, &stream, poll).await;
    assert!(matches!(
        refused,
        Err(ChangeError::Request(ChangeStreamError::NotAsSupplied(_)))
    ));
    let stored = world.store.stream(stream.receiver, &stream.id).await;
    assert_eq!(stored.unwrap(), Some(stream.clone()));
    let mut unknown = stream;
    unknown.receiver = receiver().id;
    let refused = update(&world, &unknown, |_| ()).await;
    assert!(matches!(refused, Err(ChangeError::NotFound)));
}

#[tokio::test]
async fn a_verification_is_sent_once_in_the_interval() {
    let world = World::new();
    let stream = world.stream().await;
    let mut owner = receiver();
    owner.id = stream.receiver;
    let verify = |by| {
        let request = VerificationRequest::new(stream.id.clone(), None);
        let (interval, now) = (Duration::from_secs(30), world.clock.now());
        verify::verify(&world.store, by, request, interval, now)
    };
    verify(&owner).await.unwrap();
    assert_eq!(
        world.store.next_due().await.unwrap(),
        Some(world.clock.now())
    );
    world.clock.advance(Duration::from_secs(29));
    let refused = verify(&owner).await.unwrap_err();
    let retry_after = Duration::from_secs(1);
    assert!(matches!(
        refused,
        VerifyError::Request(VerificationError::TooSoon { retry_after: told }) if told == retry_after
    ));
    world.clock.advance(retry_after);
    let refused = verify(&owner).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the verification that was requested before is not acknowledged yet: it comes first"
    );
    let stranger = receiver();
    let refused = verify(&stranger).await.unwrap_err();
    assert!(matches!(refused, VerifyError::NotFound));
}

#[tokio::test]
async fn t16_of_ten_thousand_requests_for_verification_one_is_pending() {
    let world = World::new();
    let stream = world.stream().await;
    let mut owner = receiver();
    owner.id = stream.receiver;
    let mut granted = 0;
    for _ in 0..10_000 {
        let request = VerificationRequest::new(stream.id.clone(), Some("x".into()));
        let (interval, now) = (Duration::from_secs(30), world.clock.now());
        let answered = verify::verify(&world.store, &owner, request, interval, now);
        granted += u32::from(answered.await.is_ok());
        world.clock.advance(Duration::from_secs(7));
    }
    assert_eq!(granted, 1);
}
