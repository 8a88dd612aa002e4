//! The implementer's drafts: SSE draft 1, and drafts 2 and 3 of SSF.
//!
//! The exchange of SSE draft 1 is that of its own §7.1 (openid-sse-framework-1_0-ID1), which Jamf documents as its
//! transmitter's (developer.jamf.com/jamf-security, `/sse/v1/stream` and `/sse/v1/status`): one stream without an id, which
//! POST makes and changes.

use reqwest::Method;
use serde_json::{Value, json};

use super::Served;
use crate::rig::{Answer, Endpoint, SESSION_REVOKED, claims_of, client, stream_for};

const RISC_PUSH: &str = "https://schemas.openid.net/secevent/risc/delivery-method/push";
const SSE_VERIFICATION: &str = "https://schemas.openid.net/secevent/sse/event-type/verification";
const CREDENTIAL_CHANGE: &str =
    "https://schemas.openid.net/secevent/caep/event-type/credential-change";

fn sse() -> Served {
    Served::with_profile("sse-id1", "https://rp.example.com")
}

/// As in the examples of the draft, whose text has other names for the members of `delivery`.
fn configuration(endpoint: &str, events: &[&str]) -> Value {
    json!({
        "delivery": {"delivery_method": RISC_PUSH, "url": endpoint},
        "events_requested": events,
        "format": "email",
    })
}

#[tokio::test]
async fn the_one_stream_of_sse_draft_1_is_made_changed_and_deleted_without_an_id() {
    let served = sse();
    let metadata = served.transmitter.url("/.well-known/sse-configuration");
    assert_eq!(Answer::to(client().get(metadata)).await.status, 200);
    assert_eq!(served.get("/ssf/stream").await.code(), "stream_not_found");
    assert_eq!(served.get("/ssf/status").await.code(), "stream_not_found");

    let endpoint = Endpoint::answering(202);
    let asked = configuration(&endpoint.url, &[CREDENTIAL_CHANGE]);
    let made = served.post("/ssf/stream", &asked).await;
    assert_eq!(made.status, 200, "{}", made.body);
    let made = made.json();
    assert_eq!(made["stream_id"], Value::Null);
    assert_eq!(made["iss"], served.transmitter.issuer);
    let delivery = json!({"method": RISC_PUSH, "endpoint_url": endpoint.url});
    assert_eq!(made["delivery"], delivery);

    let asked = configuration(&endpoint.url, &[SESSION_REVOKED]);
    let changed = served.post("/ssf/stream", &asked).await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    assert_eq!(changed.json()["events_delivered"], json!([SESSION_REVOKED]));
    assert_eq!(changed.json()["stream_id"], Value::Null);
    // What the Transmitter supplies may be sent along if it is right.
    let mut wrong = asked.clone();
    wrong["aud"] = json!("https://other.example.com");
    let refused = served.post("/ssf/stream", &wrong).await;
    assert_eq!(refused.code(), "invalid_request");

    let read = served.get("/ssf/stream").await.json();
    assert_eq!(read, changed.json());

    let deleted = served.send(Method::DELETE, "/ssf/stream").await;
    assert_eq!(deleted.status, 200, "{}", deleted.body);
    assert_eq!(served.get("/ssf/stream").await.code(), "stream_not_found");
}

#[tokio::test]
async fn the_sets_of_sse_draft_1_have_its_uris_and_their_subject_in_the_event() {
    let served = sse();
    let endpoint = Endpoint::answering(202);
    let asked = configuration(&endpoint.url, &[SESSION_REVOKED]);
    assert_eq!(served.post("/ssf/stream", &asked).await.status, 200);
    let verified = served.verify(&json!({"state": "s-1"})).await;
    assert_eq!(verified.status, 204, "{}", verified.body);
    let told = claims_of(&endpoint.next().set);
    assert_eq!(told["sub_id"], Value::Null);
    let event = json!({(SSE_VERIFICATION): {"state": "s-1"}});
    assert_eq!(told["events"], event);

    let (user, device) = (
        json!({"format": "email", "email": "alice@example.com"}),
        json!({"format": "opaque", "id": "laptop-7"}),
    );
    let subject = json!({"format": "complex", "user": user, "device": device});
    let event = json!({"sub_id": subject, "events": {(SESSION_REVOKED): {}}});
    served.happen(&event).await;
    let told = claims_of(&endpoint.next().set);
    assert_eq!(told["sub_id"], Value::Null);
    let subject = json!({"user": user, "device": device});
    let event = json!({(SESSION_REVOKED): {"subject": subject}});
    assert_eq!(told["events"], event);
}

#[tokio::test]
async fn the_status_of_sse_draft_1_is_that_of_the_whole_stream() {
    let served = sse();
    let asked = configuration("http://127.0.0.1:9/events", &[SESSION_REVOKED]);
    assert_eq!(served.post("/ssf/stream", &asked).await.status, 200);
    let read = served.get("/ssf/status").await;
    assert_eq!(read.json(), json!({"status": "enabled"}));
    let paused = served
        .post("/ssf/status", &json!({"status": "paused"}))
        .await;
    assert_eq!(paused.json(), json!({"status": "paused"}));
    // The draft knows a status for some subjects. To take it for one of all would silence the others.
    let alice = json!({"format": "email", "email": "alice@example.com"});
    let some = json!({"status": "enabled", "subject": {"user": alice}});
    let (status, detail) = served.post("/ssf/status", &some).await.problem();
    assert_eq!(status, 400);
    assert!(detail.starts_with("subject must be absent"), "{detail}");
    let read = served.get("/ssf/status").await;
    assert_eq!(read.json(), json!({"status": "paused"}));
}

#[tokio::test]
async fn subjects_of_sse_draft_1_need_neither_stream_nor_format() {
    let served = sse();
    let asked = configuration("http://127.0.0.1:9/events", &[SESSION_REVOKED]);
    assert_eq!(served.post("/ssf/stream", &asked).await.status, 200);
    let user = json!({"format": "phone", "phone": "+12065550100"});
    let tenant = json!({"format": "opaque", "id": "acme"});
    let subject = json!({"subject": {"user": user, "tenant": tenant}});
    let removed = served.post("/ssf/subjects/remove", &subject).await;
    assert_eq!(removed.status, 204, "{}", removed.body);
    let added = served.post("/ssf/subjects/add", &subject).await;
    assert_eq!(added.status, 200, "{}", added.body);
}

#[tokio::test]
async fn ssf_draft_2_has_the_subject_in_both_places_and_its_own_word_for_a_wrong_state() {
    let served = Served::with_profile("ssf-id2", "https://rp.example.com");
    let polled = json!({
        "delivery": {"method": "urn:ietf:rfc:8936"},
        "events_requested": [SESSION_REVOKED],
    });
    let created = served.create(&polled).await;
    let id = created["stream_id"].as_str().unwrap();
    // The query names the stream, so that the body need not.
    let path = format!("/ssf/status?stream_id={id}");
    let enabled = served.post(&path, &json!({"status": "enabled"})).await;
    assert_eq!(enabled.status, 200, "{}", enabled.body);

    served.happen_to_alice().await;
    let poll = format!("/ssf/poll/{id}");
    let answer = served.post(&poll, &json!({})).await.json();
    let (jti, set) = answer["sets"].as_object().unwrap().iter().next().unwrap();
    let told = claims_of(set.as_str().unwrap());
    assert_eq!(told["sub_id"], told["events"][SESSION_REVOKED]["subject"]);
    let refusal = json!({"err": "setData", "description": "no such state"});
    let refused = json!({"setErrs": {(jti): refusal}, "returnImmediately": true});
    assert_eq!(served.post(&poll, &refused).await.status, 200);
    served.installation.logged("invalid_state").await;
}

#[tokio::test]
async fn the_word_of_ssf_draft_2_is_another_one_for_the_default_profile() {
    let served = Served::strictly();
    let polled = json!({
        "delivery": {"method": "urn:ietf:rfc:8936"},
        "events_requested": [SESSION_REVOKED],
    });
    let created = served.create(&polled).await;
    served.happen_to_alice().await;
    let poll = format!("/ssf/poll/{}", created["stream_id"].as_str().unwrap());
    let answer = served.post(&poll, &json!({})).await.json();
    let jti = answer["sets"].as_object().unwrap().keys().next().unwrap();
    let refusal = json!({"err": "setData", "description": "no such state"});
    let refused = json!({"setErrs": {(jti): refusal}, "returnImmediately": true});
    assert_eq!(served.post(&poll, &refused).await.status, 200);
    served.installation.logged("setData").await;
}

#[tokio::test]
async fn ssf_draft_3_gets_what_ssf_1_0_has() {
    let served = Served::with_profile("ssf-id3", "https://rp.example.com");
    let endpoint = Endpoint::answering(202);
    let created = served.create(&stream_for(&endpoint.url)).await;
    assert!(created["stream_id"].is_string());
    served.happen_to_alice().await;
    let told = claims_of(&endpoint.next().set);
    assert_eq!(told["sub_id"]["email"], "alice@example.com");
    assert_eq!(told["events"][SESSION_REVOKED]["subject"], Value::Null);
    assert_eq!(served.get("/ssf/status").await.code(), "invalid_request");
}

#[tokio::test]
async fn the_default_profile_knows_nothing_of_the_drafts() {
    let served = Served::strictly();
    let endpoint = Endpoint::answering(202);
    let asked = configuration(&endpoint.url, &[SESSION_REVOKED]);
    let (status, detail) = served.post("/ssf/stream", &asked).await.problem();
    assert_eq!(status, 400);
    assert_eq!(detail, "delivery.method is missing");

    // A second POST makes a second stream, and each has an id.
    let first = served.create(&stream_for(&endpoint.url)).await;
    let second = served.create(&stream_for(&endpoint.url)).await;
    assert_ne!(first["stream_id"], second["stream_id"]);
    let listed = served.get("/ssf/stream").await.json();
    assert_eq!(listed.as_array().unwrap().len(), 2);

    let unnamed = json!({"status": "paused"});
    let refused = served.post("/ssf/status", &unnamed).await;
    assert_eq!(refused.code(), "invalid_request");
    let id = first["stream_id"].as_str().unwrap();
    let path = format!("/ssf/status?stream_id={id}");
    let refused = served.post(&path, &unnamed).await;
    assert_eq!(refused.code(), "invalid_request");

    let user = json!({"format": "email", "email": "alice@example.com"});
    let subject = json!({"stream_id": id, "subject": {"user": user}});
    let refused = served.post("/ssf/subjects/add", &subject).await;
    assert_eq!(refused.code(), "invalid_request");

    let asked = json!({"stream_id": id, "state": "s-1"});
    assert_eq!(served.verify(&asked).await.status, 204);
    let told = claims_of(&endpoint.next().set);
    assert_eq!(told["sub_id"]["id"], id);
    assert_eq!(told["events"][SSE_VERIFICATION], Value::Null);

    let path = format!("/ssf/stream?stream_id={id}");
    assert_eq!(served.send(Method::DELETE, &path).await.status, 204);
}
