//! From a source to a Receiver's endpoint, through the real program, with crashes in between.

use serde_json::{Value, json};
use ssf_types::{
    audience::Audience,
    event::Event,
    jose::KeySet,
    set::{Expectation, SetClaims, UnverifiedSet},
    subject::{SimpleSubject, Subject},
    time::Timestamp,
    uri::Issuer,
};

use crate::cluster::Cluster;
use crate::rig::{
    Answer, Endpoint, Installation, Pushed, SESSION_REVOKED, Transmitter, client, event_about,
    stream_for,
};

/// After any moment at which these tests run.
const LATER: Timestamp = Timestamp::from_secs(4_000_000_000);

/// The issuer of transmitters that are started again: a derived one would change with the port.
const ISSUER: &str = "https://tr.example.com/tenant";

fn serve(installation: &Installation) -> Transmitter {
    installation.serve_with(&["--issuer", ISSUER])
}

/// A stream, with what its Receiver needs to manage it.
struct Subscribed {
    receiver: String,
    stream: Value,
}

/// Makes a stream to `endpoint` for a new Receiver called `rp`.
async fn subscribe(
    installation: &Installation,
    transmitter: &Transmitter,
    endpoint: &Endpoint,
) -> Subscribed {
    let receiver = installation.add_receiver("rp");
    let request = client().post(transmitter.url("/tenant/ssf/stream"));
    let request = request.json(&stream_for(&endpoint.url));
    let answer = Answer::to(request.bearer_auth(&receiver)).await;
    assert_eq!(answer.status, 201);
    Subscribed {
        receiver,
        stream: answer.json(),
    }
}

/// Updates the stream as its Receiver.
async fn update(transmitter: &Transmitter, subscribed: &Subscribed, mut change: Value) {
    change["stream_id"] = subscribed.stream["stream_id"].clone();
    let request = client().patch(transmitter.url("/tenant/ssf/stream"));
    let request = request.json(&change).bearer_auth(&subscribed.receiver);
    let answer = Answer::to(request).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

async fn hand_in(transmitter: &Transmitter, token: &str, email: &str) -> String {
    let request = client().post(transmitter.url("/ingest/events"));
    let request = request.json(&event_about(email)).bearer_auth(token);
    let answer = Answer::to(request).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    answer.json()["events"][0]["event_id"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// Verifies a SET as a Receiver does, with the keys that the transmitter publishes.
async fn verified(transmitter: &Transmitter, pushed: &Pushed) -> SetClaims {
    let jwks = Answer::to(client().get(transmitter.url("/tenant/jwks.json"))).await;
    let keys = KeySet::parse(jwks.body.as_bytes()).unwrap();
    let audience = Audience::new(["https://rp.example.com"]).unwrap();
    let expected = Expectation::new(Issuer::parse(ISSUER).unwrap(), audience);
    let set = UnverifiedSet::parse(pushed.set.as_bytes()).unwrap();
    set.verify(&keys, &expected, LATER)
        .unwrap()
        .claims()
        .clone()
}

fn email(address: &str) -> Subject {
    let email = address.to_owned();
    SimpleSubject::Email { email }.into()
}

#[tokio::test]
async fn an_accepted_event_arrives_as_a_set_that_verifies() {
    let installation = Installation::new();
    let transmitter = serve(&installation);
    let token = transmitter.operator_token.clone().unwrap();
    let endpoint = Endpoint::answering(202);
    subscribe(&installation, &transmitter, &endpoint).await;
    let id = hand_in(&transmitter, &token, "alice@example.com").await;
    let pushed = endpoint.next();
    assert!(
        pushed
            .head
            .contains("\r\nauthorization: bearer push-s3cret\r\n")
    );
    let claims = verified(&transmitter, &pushed).await;
    assert_eq!(claims.sub_id, email("alice@example.com"));
    assert_eq!(claims.txn.as_ref().unwrap().as_str(), id);
    assert!(matches!(claims.event, Event::SessionRevoked(_)));
}

#[tokio::test]
async fn of_several_identifiers_the_receiver_gets_the_preferred_one() {
    let installation = Installation::new().with("SSF_TRANSMITTER_SUBJECT_FORMATS", "email,iss_sub");
    let transmitter = serve(&installation);
    let endpoint = Endpoint::answering(202);
    subscribe(&installation, &transmitter, &endpoint).await;
    let url = transmitter.url("");
    let token = transmitter.operator_token.as_ref().unwrap();
    let mut emit = installation.command(&["emit", "session-revoked", "--session-id", "s1"]);
    emit.args(["--user-iss", "https://idp.example.com", "--user-sub", "7"]);
    emit.args(["--user-email", "alice@example.com", "--url", &url]);
    let output = emit.env("SSF_OPERATOR_TOKEN", token).output().unwrap();
    assert!(output.status.success());
    let claims = verified(&transmitter, &endpoint.next()).await;
    let expected = json!({
        "format": "complex",
        "user": {"format": "email", "email": "alice@example.com"},
        "session": {"format": "opaque", "id": "s1"},
    });
    assert_eq!(serde_json::to_value(&claims.sub_id).unwrap(), expected);
}

#[tokio::test]
async fn an_event_that_was_accepted_before_a_crash_arrives_after_it() {
    let installation = Installation::new();
    let transmitter = serve(&installation);
    let token = transmitter.operator_token.clone().unwrap();
    let endpoint = Endpoint::answering(503);
    subscribe(&installation, &transmitter, &endpoint).await;
    let id = hand_in(&transmitter, &token, "alice@example.com").await;
    transmitter.kill();

    let tried: Vec<Pushed> = endpoint.rest();
    endpoint.answer(202);
    let transmitter = serve(&installation);
    let claims = verified(&transmitter, &endpoint.next()).await;
    assert_eq!(claims.txn.as_ref().unwrap().as_str(), id);
    for earlier in &tried {
        assert_eq!(verified(&transmitter, earlier).await.jti, claims.jti);
    }

    // The next event shows that the first one is not sent again: what came meanwhile would come before it.
    let next = hand_in(&transmitter, &token, "alice@example.com").await;
    let claims = verified(&transmitter, &endpoint.next()).await;
    assert_eq!(claims.txn.unwrap().as_str(), next);
    assert!(endpoint.rest().is_empty());
}

#[tokio::test]
async fn events_accepted_just_before_a_crash_all_arrive_with_one_jti_each() {
    let installation = Installation::new();
    let transmitter = serve(&installation);
    let token = transmitter.operator_token.clone().unwrap();
    let endpoint = Endpoint::answering(503);
    subscribe(&installation, &transmitter, &endpoint).await;
    let events: Vec<_> = (0..50)
        .map(|n| event_about(&format!("user{n}@example.com")))
        .collect();
    let request = client().post(transmitter.url("/ingest/events"));
    let request = request.json(&json!(events)).bearer_auth(&token);
    assert_eq!(Answer::to(request).await.status, 202);
    transmitter.kill();

    endpoint.rest();
    endpoint.answer(202);
    let transmitter = serve(&installation);
    let mut arrived = std::collections::BTreeMap::new();
    while arrived.len() < events.len() {
        let claims = verified(&transmitter, &endpoint.next()).await;
        let jti = arrived
            .entry(format!("{:?}", claims.txn))
            .or_insert(claims.jti.clone());
        assert_eq!(
            *jti, claims.jti,
            "one event has one jti, however often it is sent"
        );
    }
}

#[tokio::test]
async fn a_receiver_that_was_away_gets_what_it_missed() {
    let installation = Installation::new();
    let transmitter = serve(&installation);
    let token = transmitter.operator_token.clone().unwrap();
    let endpoint = Endpoint::answering(503);
    subscribe(&installation, &transmitter, &endpoint).await;
    hand_in(&transmitter, &token, "alice@example.com").await;
    let first = verified(&transmitter, &endpoint.next()).await;
    endpoint.answer(202);
    let second = verified(&transmitter, &endpoint.next()).await;
    assert_eq!(second, first, "the same SET, with the same jti and iat");
}

#[tokio::test]
async fn a_stop_waits_for_the_attempt_on_the_wire_and_settles_it() {
    let installation = Installation::new();
    let transmitter = serve(&installation);
    let token = transmitter.operator_token.clone().unwrap();
    let thinking = 0;
    let endpoint = Endpoint::answering(thinking);
    subscribe(&installation, &transmitter, &endpoint).await;
    hand_in(&transmitter, &token, "alice@example.com").await;
    let first = endpoint.next();
    transmitter.signal("TERM");
    installation.logged("the transmitter stops").await;
    endpoint.answer(202);
    assert_eq!(transmitter.ended().await.code(), Some(0));

    let transmitter = serve(&installation);
    let next = hand_in(&transmitter, &token, "alice@example.com").await;
    let claims = verified(&transmitter, &endpoint.next()).await;
    assert_ne!(claims.jti, verified(&transmitter, &first).await.jti);
    assert_eq!(claims.txn.unwrap().as_str(), next);
}

#[tokio::test]
async fn a_stop_does_not_wait_for_ever_and_the_next_start_repeats_the_attempt() {
    let installation = Installation::new()
        .with("SSF_TRANSMITTER_SHUTDOWN_SECONDS", "1")
        .with("SSF_TRANSMITTER_PUSH_TIMEOUT_SECONDS", "60");
    let transmitter = serve(&installation);
    let token = transmitter.operator_token.clone().unwrap();
    let thinking = 0;
    let endpoint = Endpoint::answering(thinking);
    subscribe(&installation, &transmitter, &endpoint).await;
    hand_in(&transmitter, &token, "alice@example.com").await;
    let first = endpoint.next();
    transmitter.signal("TERM");
    assert_eq!(transmitter.ended().await.code(), Some(0));

    endpoint.answer(202);
    let transmitter = serve(&installation);
    let again = verified(&transmitter, &endpoint.next()).await;
    assert_eq!(again, verified(&transmitter, &first).await);
}

#[tokio::test]
async fn a_refused_set_is_not_sent_again_and_holds_nothing_back() {
    let installation = Installation::new();
    let transmitter = serve(&installation);
    let token = transmitter.operator_token.clone().unwrap();
    let endpoint = Endpoint::answering(202);
    endpoint.refuse("invalid_request");
    subscribe(&installation, &transmitter, &endpoint).await;
    let refused = hand_in(&transmitter, &token, "alice@example.com").await;
    let claims = verified(&transmitter, &endpoint.next()).await;
    assert_eq!(claims.txn.unwrap().as_str(), refused);
    installation.logged("outcome=\"refused\"").await;
    assert!(!installation.log().contains("not for us"));

    endpoint.answer(202);
    let next = hand_in(&transmitter, &token, "alice@example.com").await;
    let claims = verified(&transmitter, &endpoint.next()).await;
    assert_eq!(claims.txn.unwrap().as_str(), next);
}

#[tokio::test]
async fn on_postgresql_an_event_arrives_in_the_same_way() {
    let installation = Installation::new()
        .with(
            "SSF_TRANSMITTER_DATABASE_URL",
            Cluster::of_this_run().new_database(),
        )
        .with(
            "SSF_TRANSMITTER_ENCRYPTION_KEY",
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        );
    let transmitter = serve(&installation);
    let token = transmitter.operator_token.clone().unwrap();
    let endpoint = Endpoint::answering(202);
    subscribe(&installation, &transmitter, &endpoint).await;
    let id = hand_in(&transmitter, &token, "alice@example.com").await;
    let claims = verified(&transmitter, &endpoint.next()).await;
    assert_eq!(claims.txn.unwrap().as_str(), id);
    transmitter.signal("TERM");
    assert_eq!(transmitter.ended().await.code(), Some(0));
    assert!(!installation.path("ssf-transmitter.db").exists());
}

#[tokio::test]
async fn what_a_receiver_missed_is_sent_to_where_it_moved() {
    let installation = Installation::new();
    let transmitter = serve(&installation);
    let token = transmitter.operator_token.clone().unwrap();
    let endpoint = Endpoint::answering(503);
    let subscribed = subscribe(&installation, &transmitter, &endpoint).await;
    hand_in(&transmitter, &token, "alice@example.com").await;
    let missed = verified(&transmitter, &endpoint.next()).await;

    let moved = Endpoint::answering(202);
    let delivery = json!({"method": "urn:ietf:rfc:8935", "endpoint_url": moved.url});
    update(&transmitter, &subscribed, json!({"delivery": delivery})).await;
    let pushed = moved.next();
    assert_eq!(verified(&transmitter, &pushed).await, missed);
    assert!(!pushed.head.contains("authorization:"), "{}", pushed.head);
}

/// Gives the stream another status as its Receiver, which is in force then.
async fn set_status(transmitter: &Transmitter, subscribed: &Subscribed, status: &str) {
    let request = client().post(transmitter.url("/tenant/ssf/status"));
    let body = json!({"stream_id": subscribed.stream["stream_id"], "status": status});
    let request = request.json(&body).bearer_auth(&subscribed.receiver);
    assert_eq!(Answer::to(request).await.status, 200);
}

#[tokio::test]
async fn what_a_pause_held_arrives_in_order_even_after_a_crash() {
    let installation = Installation::new();
    let transmitter = serve(&installation);
    let token = transmitter.operator_token.clone().unwrap();
    let endpoint = Endpoint::answering(202);
    let subscribed = subscribe(&installation, &transmitter, &endpoint).await;
    set_status(&transmitter, &subscribed, "paused").await;
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(hand_in(&transmitter, &token, "alice@example.com").await);
    }
    transmitter.kill();
    let transmitter = serve(&installation);
    assert!(endpoint.rest().is_empty());
    set_status(&transmitter, &subscribed, "enabled").await;
    for id in held {
        let claims = verified(&transmitter, &endpoint.next()).await;
        assert_eq!(claims.txn.unwrap().as_str(), id);
    }
}

#[tokio::test]
async fn a_pause_answers_while_an_attempt_hangs_and_no_other_begins() {
    let installation = Installation::new();
    let transmitter = serve(&installation);
    let token = transmitter.operator_token.clone().unwrap();
    let thinking = 0;
    let endpoint = Endpoint::answering(thinking);
    let subscribed = subscribe(&installation, &transmitter, &endpoint).await;
    hand_in(&transmitter, &token, "alice@example.com").await;
    endpoint.next();
    set_status(&transmitter, &subscribed, "paused").await;
    let held = hand_in(&transmitter, &token, "alice@example.com").await;
    endpoint.answer(202);
    set_status(&transmitter, &subscribed, "enabled").await;
    let claims = verified(&transmitter, &endpoint.next()).await;
    assert_eq!(claims.txn.unwrap().as_str(), held);
    assert!(
        endpoint.rest().is_empty(),
        "the attempt on the wire counted"
    );
}

#[tokio::test]
async fn what_happens_while_a_stream_is_disabled_never_arrives() {
    let installation = Installation::new();
    let transmitter = serve(&installation);
    let token = transmitter.operator_token.clone().unwrap();
    let endpoint = Endpoint::answering(202);
    let subscribed = subscribe(&installation, &transmitter, &endpoint).await;
    set_status(&transmitter, &subscribed, "disabled").await;
    hand_in(&transmitter, &token, "alice@example.com").await;
    set_status(&transmitter, &subscribed, "enabled").await;
    let next = hand_in(&transmitter, &token, "alice@example.com").await;
    let claims = verified(&transmitter, &endpoint.next()).await;
    assert_eq!(claims.txn.unwrap().as_str(), next);
}

#[tokio::test]
async fn a_verification_arrives_on_a_stream_that_delivers_nothing_else() {
    let installation = Installation::new();
    let transmitter = serve(&installation);
    let endpoint = Endpoint::answering(202);
    let subscribed = subscribe(&installation, &transmitter, &endpoint).await;
    let nothing = json!({"events_requested": []});
    update(&transmitter, &subscribed, nothing).await;
    let stream = &subscribed.stream["stream_id"];
    let state = "VGhpcyBpcyBhbiBleGFtcGxlIHN0YXRlIHZhbHVlLgo= \"é\"";
    let request = client().post(transmitter.url("/tenant/ssf/verify"));
    let request = request.json(&json!({"stream_id": stream, "state": state}));
    let answer = Answer::to(request.bearer_auth(&subscribed.receiver)).await;
    assert_eq!(answer.status, 204, "{}", answer.body);
    let claims = verified(&transmitter, &endpoint.next()).await;
    let expected = json!({"format": "opaque", "id": stream});
    assert_eq!(serde_json::to_value(&claims.sub_id).unwrap(), expected);
    let Event::Verification(event) = claims.event else {
        panic!("{:?}", claims.event)
    };
    assert_eq!(event.state.as_deref(), Some(state));
}

#[tokio::test]
async fn a_type_that_is_no_longer_requested_does_not_arrive() {
    let installation = Installation::new();
    let transmitter = serve(&installation);
    let token = transmitter.operator_token.clone().unwrap();
    let endpoint = Endpoint::answering(202);
    let subscribed = subscribe(&installation, &transmitter, &endpoint).await;
    let requested = json!({"events_requested": []});
    update(&transmitter, &subscribed, requested).await;
    hand_in(&transmitter, &token, "alice@example.com").await;
    let requested = json!({"events_requested": [SESSION_REVOKED]});
    update(&transmitter, &subscribed, requested).await;
    let next = hand_in(&transmitter, &token, "alice@example.com").await;
    let claims = verified(&transmitter, &endpoint.next()).await;
    assert_eq!(claims.txn.unwrap().as_str(), next);
}
