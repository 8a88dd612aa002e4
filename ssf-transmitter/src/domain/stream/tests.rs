use ssf_types::{
    secret::AuthorizationHeader,
    stream::{PollDelivery, PushDelivery},
    uri::EndpointUrl,
};
use uuid::Uuid;

use super::*;

fn types(uris: &[&str]) -> Vec<EventTypeUri> {
    uris.iter()
        .map(|uri| EventTypeUri::parse(*uri).unwrap())
        .collect()
}

fn create(request: CreateStream) -> Result<Stream, NewStreamError> {
    let audience = Audience::new(["https://rp.example.com"]).unwrap();
    let receiver = Receiver::new(
        ReceiverId::new(Uuid::from_u128(1)),
        IssuerName::default(),
        "rp",
        audience,
    )
    .unwrap();
    let supported = types(&["urn:a:1", "urn:a:2", "urn:a:3"]);
    let id = StreamId::parse("f67e39a0").unwrap();
    Stream::create(request, &receiver, id, &supported, Timestamp::from_secs(7))
}

fn push() -> PushDelivery {
    PushDelivery::new(
        EndpointUrl::parse("https://rp.example.com/events").unwrap(),
        Some(AuthorizationHeader::parse("Bearer s3cret").unwrap()),
    )
}

#[test]
fn sets_go_to_their_receiver_or_to_whom_they_name() {
    let rp = Audience::new(["https://rp.example.com"]).unwrap();
    let feed = Audience::new(["https://rp.example.com/events"]).unwrap();
    let both = ["https://rp.example.com", "https://rp.example.com/events"];
    let both = Audience::new(both).unwrap();
    let pushed = sample().delivery;
    let polled = DeliveryMethod::Poll;
    for (audience, delivery, is_right) in [
        (&rp, &pushed, true),
        (&rp, &polled, true),
        (&feed, &pushed, true),
        (&feed, &polled, false),
        (&both, &pushed, true),
        (&both, &polled, false),
    ] {
        let found = is_addressed_rightly(audience, &rp, delivery);
        assert_eq!(found, is_right, "{audience:?} {delivery:?}");
    }
}

#[test]
fn a_stream_delivers_the_supported_among_the_requested() {
    let requested = types(&["urn:a:3", "urn:example:unknown", "urn:a:1", "urn:a:3"]);
    let stream = create(CreateStream::push(requested.clone(), push())).unwrap();
    assert_eq!(stream.events_delivered, types(&["urn:a:3", "urn:a:1"]));
    assert_eq!(stream.events_requested, Some(requested));
}

#[test]
fn a_request_without_events_delivers_none() {
    let mut request = CreateStream::push(Vec::new(), push());
    request.events_requested = None;
    assert_eq!(create(request).unwrap().events_delivered, []);
}

#[test]
fn no_delivery_means_poll() {
    let mut request = CreateStream::default();
    assert!(create(request.clone()).unwrap().delivery.is_poll());
    request.delivery = Some(Delivery::Poll(PollDelivery::default()));
    assert!(create(request).unwrap().delivery.is_poll());
}

#[test]
fn a_configuration_tells_everything_but_the_secret() {
    let mut request = CreateStream::push(types(&["urn:a:2", "urn:a:9"]), push());
    request.description = Some("Stream for Receiver A".into());
    let issuer = Issuer::parse("https://tr.example.com").unwrap();
    let told = create(request).unwrap().configuration(Terms {
        issuer: &issuer,
        events_supported: &types(&["urn:a:1", "urn:a:2"]),
        min_verification_interval: Duration::from_secs(30),
        inactivity_timeout: None,
    });
    assert_eq!(
        serde_json::to_string(&told).unwrap(),
        r#"{"stream_id":"f67e39a0","iss":"https://tr.example.com","aud":"https://rp.example.com","events_supported":["urn:a:1","urn:a:2"],"events_requested":["urn:a:2","urn:a:9"],"events_delivered":["urn:a:2"],"delivery":{"method":"urn:ietf:rfc:8935","endpoint_url":"https://rp.example.com/events"},"min_verification_interval":30,"description":"Stream for Receiver A"}"#
    );
}

const ISSUER: &str = "https://tr.example.com";

/// A stream with everything, changed by the body of a request.
fn changed(read: fn(&[u8]) -> StreamChange, body: &str) -> Result<Stream, ChangeStreamError> {
    let supported = types(&["urn:a:1", "urn:a:2", "urn:a:3"]);
    let issuer = Issuer::parse(ISSUER).unwrap();
    described().changed(read(body.as_bytes()), terms(&issuer, &supported))
}

fn terms<'a>(issuer: &'a Issuer, events_supported: &'a [EventTypeUri]) -> Terms<'a> {
    Terms {
        issuer,
        events_supported,
        min_verification_interval: Duration::from_secs(30),
        inactivity_timeout: None,
    }
}

fn described() -> Stream {
    let mut request = CreateStream::push(types(&["urn:a:1", "urn:a:2"]), push());
    request.description = Some("before".into());
    create(request).unwrap()
}

fn patch(body: &[u8]) -> StreamChange {
    StreamChange::Update(UpdateStream::parse(body).unwrap())
}

fn put(body: &[u8]) -> StreamChange {
    StreamChange::Replace(ReplaceStream::parse(body).unwrap())
}

fn no_secret() -> DeliveryMethod {
    DeliveryMethod::Push(push().without_secret())
}

#[test]
fn a_patch_changes_what_is_there_and_keeps_the_secret() {
    let body = r#"{"stream_id":"f67e39a0","description":"after"}"#;
    let expected = Stream {
        description: Some("after".into()),
        ..described()
    };
    assert_eq!(changed(patch, body), Ok(expected));
    let body = r#"{"stream_id":"f67e39a0","events_requested":["urn:a:3","urn:a:9"]}"#;
    let expected = Stream {
        events_requested: Some(types(&["urn:a:3", "urn:a:9"])),
        events_delivered: types(&["urn:a:3"]),
        ..described()
    };
    assert_eq!(changed(patch, body), Ok(expected));
}

#[test]
fn a_delivery_is_replaced_whole() {
    let body = r#"{"stream_id":"f67e39a0","delivery":{"method":"urn:ietf:rfc:8935","endpoint_url":"https://rp.example.com/events"}}"#;
    assert_eq!(changed(patch, body).unwrap().delivery, no_secret());
}

#[test]
fn a_put_deletes_what_is_absent() {
    let body = r#"{"stream_id":"f67e39a0","delivery":{"method":"urn:ietf:rfc:8935","endpoint_url":"https://rp.example.com/events"}}"#;
    let expected = Stream {
        events_requested: None,
        events_delivered: Vec::new(),
        delivery: no_secret(),
        description: None,
        ..described()
    };
    assert_eq!(changed(put, body), Ok(expected));
}

#[test]
fn what_the_transmitter_supplies_may_be_sent_as_it_is_and_not_otherwise() {
    let same = r#"{"stream_id":"f67e39a0","iss":"https://tr.example.com","aud":"https://rp.example.com","events_delivered":["urn:a:2","urn:a:1"],"min_verification_interval":30,"events_requested":["urn:a:3"]}"#;
    let stream = changed(patch, same).unwrap();
    assert_eq!(stream.events_delivered, types(&["urn:a:3"]));
    for (member, value) in [
        ("iss", r#""https://other.example.com""#),
        ("aud", r#""https://other.example.com""#),
        ("events_supported", r#"["urn:a:1"]"#),
        ("events_delivered", r#"["urn:a:3"]"#),
        ("min_verification_interval", "1"),
        ("inactivity_timeout", "1"),
    ] {
        let body = format!(r#"{{"stream_id":"f67e39a0","{member}":{value}}}"#);
        let error = changed(patch, &body).unwrap_err().to_string();
        assert_eq!(
            error,
            format!(
                "{member} is supplied by the transmitter: leave it out, or send what the stream has"
            )
        );
    }
}

#[test]
fn an_algorithm_stays_until_another_is_asked_for_or_a_put_has_none() {
    let patch_to = |body: &str, from: Option<Algorithm>| {
        let issuer = Issuer::parse(ISSUER).unwrap();
        let before = Stream {
            signing_alg: from,
            ..described()
        };
        let changed = before.changed(patch(body.as_bytes()), terms(&issuer, &[]));
        changed.map(|stream| stream.signing_alg)
    };
    let silent = r#"{"stream_id":"f67e39a0","description":"after"}"#;
    assert_eq!(patch_to(silent, None), Ok(None));
    let es256 = Some(Algorithm::Es256);
    assert_eq!(patch_to(silent, es256), Ok(es256));
    let asks = r#"{"stream_id":"f67e39a0","set_signing_alg":"EdDSA"}"#;
    assert_eq!(patch_to(asks, es256), Ok(Some(Algorithm::EdDsa)));
    let unknown = r#"{"stream_id":"f67e39a0","set_signing_alg":"HS256"}"#;
    let refused = Err(ChangeStreamError::Alg(AlgNotOffered));
    assert_eq!(patch_to(unknown, es256), refused);

    let issuer = Issuer::parse(ISSUER).unwrap();
    let before = Stream {
        signing_alg: es256,
        ..described()
    };
    let body = r#"{"stream_id":"f67e39a0","delivery":{"method":"urn:ietf:rfc:8936"}}"#;
    let replaced = before.changed(put(body.as_bytes()), terms(&issuer, &[]));
    assert_eq!(replaced.unwrap().signing_alg, None);
}

#[test]
fn an_algorithm_is_told_to_who_asked_for_it_alone() {
    let issuer = Issuer::parse(ISSUER).unwrap();
    let created = |body: &str| create(CreateStream::parse(body.as_bytes()).unwrap());
    let told = |stream: Stream| {
        let configuration = stream.configuration(terms(&issuer, &[]));
        let member = configuration.extra.json("set_signing_alg");
        member.map(str::to_owned)
    };
    assert_eq!(told(created("{}").unwrap()), None);
    let stream = created(r#"{"set_signing_alg":"ES256"}"#).unwrap();
    assert_eq!(stream.signing_alg, Some(Algorithm::Es256));
    assert_eq!(told(stream).as_deref(), Some(r#""ES256""#));
    let refused = Err(NewStreamError::Alg(AlgNotOffered));
    assert_eq!(created(r#"{"set_signing_alg":"none"}"#), refused);
}

#[test]
fn a_stream_that_is_pushed_can_become_polled() {
    let body = r#"{"stream_id":"f67e39a0","delivery":{"method":"urn:ietf:rfc:8936","endpoint_url":"https://rp.example.com/poll"}}"#;
    assert_eq!(changed(patch, body).unwrap().delivery, DeliveryMethod::Poll);
    assert_eq!(changed(put, body).unwrap().delivery, DeliveryMethod::Poll);
}

#[test]
fn a_status_comes_with_its_reason_and_changes_nothing_else() {
    let paused = described().with_status(StreamStatus::Paused, Some("maintenance".into()));
    assert_eq!(
        serde_json::to_string(&paused.status_configuration()).unwrap(),
        r#"{"stream_id":"f67e39a0","status":"paused","reason":"maintenance"}"#
    );
    assert!(paused.is_configured_as(&described()));
    let enabled = paused.with_status(StreamStatus::Enabled, None);
    assert_eq!(enabled, described());
    let other = Stream {
        description: None,
        ..described()
    };
    assert!(!other.is_configured_as(&described()));
}

#[test]
fn a_new_stream_is_enabled() {
    let status = create(CreateStream::push(Vec::new(), push()))
        .unwrap()
        .status_configuration();
    assert_eq!(
        serde_json::to_string(&status).unwrap(),
        r#"{"stream_id":"f67e39a0","status":"enabled"}"#
    );
}
