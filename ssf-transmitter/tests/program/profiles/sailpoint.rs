//! `SailPoint` Identity Security Cloud as a Receiver.
//!
//! It speaks SSF 1.0. What it needs beside is recorded by a transmitter that was built for it
//! (`alexajamescrisfield-byte/ssf-transmitter`, its stream endpoints and `docs/HANDOFF_RUNBOOK.md`): a `status` in the
//! configuration of a stream, and a PATCH of the whole configuration, with another token, that names the stream in the
//! query.

use reqwest::Method;
use serde_json::{Value, json};

use super::Served;
use crate::rig::{Endpoint, SESSION_REVOKED, claims_of};

const RISK_LEVEL_CHANGE: &str =
    "https://schemas.openid.net/secevent/caep/event-type/risk-level-change";
const VERIFICATION: &str = "https://schemas.openid.net/secevent/ssf/event-type/verification";

fn sailpoint() -> Served {
    Served::with_profile("sailpoint", "https://acme.identitynow.com")
}

fn request(endpoint: &str, token: &str) -> Value {
    json!({
        "delivery": {
            "method": "urn:ietf:rfc:8935",
            "endpoint_url": endpoint,
            "authorization_header": format!("Bearer {token}"),
        },
        "events_requested": [RISK_LEVEL_CHANGE, SESSION_REVOKED],
    })
}

#[tokio::test]
async fn sailpoint_connects_verifies_renews_its_token_and_hears_of_a_risk() {
    let served = sailpoint();
    let endpoint = Endpoint::answering(202);
    let created = served.create(&request(&endpoint.url, "first")).await;
    assert_eq!(created["status"], "enabled");
    assert_eq!(created["aud"], "https://acme.identitynow.com");
    assert_eq!(created["iss"], served.transmitter.issuer);
    let id = created["stream_id"].as_str().unwrap();
    let query = format!("?stream_id={id}");
    let status = served.get(&format!("/ssf/status{query}")).await;
    assert_eq!(status.json()["status"], "enabled");

    let asked = json!({"stream_id": id, "state": "s-1"});
    let verified = served.verify(&asked).await;
    assert_eq!(verified.status, 204, "{}", verified.body);
    let pushed = endpoint.next();
    assert!(pushed.head.contains("\r\nauthorization: bearer first\r\n"));
    let told = claims_of(&pushed.set);
    assert_eq!(told["sub_id"], json!({"format": "opaque", "id": id}));
    assert_eq!(told["events"], json!({(VERIFICATION): {"state": "s-1"}}));

    let mut whole = request(&endpoint.url, "second");
    whole["aud"] = created["aud"].clone();
    whole["iss"] = created["iss"].clone();
    let path = format!("/ssf/stream{query}");
    let renewed = served.send_json(Method::PATCH, &path, &whole).await;
    assert_eq!(renewed.status, 200, "{}", renewed.body);
    assert_eq!(renewed.json()["status"], "enabled");
    let payload = json!({
        "principal": "USER",
        "current_level": "HIGH",
        "previous_level": "LOW",
        "event_timestamp": 1_800_000_000,
    });
    let alice = json!({"format": "email", "email": "alice@example.com"});
    let event = json!({"sub_id": alice, "events": {(RISK_LEVEL_CHANGE): payload}});
    served.happen(&event).await;
    let pushed = endpoint.next();
    assert!(pushed.head.contains("\r\nauthorization: bearer second\r\n"));
    let told = claims_of(&pushed.set);
    assert_eq!(told["sub_id"], alice);
    assert_eq!(told["events"], json!({(RISK_LEVEL_CHANGE): payload}));
}

#[tokio::test]
async fn sailpoint_sees_the_status_that_a_stream_has() {
    let served = sailpoint();
    let created = served
        .create(&request("http://127.0.0.1:9/events", "t"))
        .await;
    let id = created["stream_id"].as_str().unwrap();
    let paused = json!({"stream_id": id, "status": "paused"});
    assert_eq!(served.post("/ssf/status", &paused).await.status, 200);
    let read = served.get(&format!("/ssf/stream?stream_id={id}")).await;
    assert_eq!(read.json()["status"], "paused");
    let listed = served.get("/ssf/stream").await.json();
    assert_eq!(listed[0]["status"], "paused");
}

#[tokio::test]
async fn the_default_profile_shows_no_status_and_wants_the_stream_in_the_body() {
    let served = Served::strictly();
    let whole = request("http://127.0.0.1:9/events", "t");
    let created = served.create(&whole).await;
    assert_eq!(created["status"], Value::Null);
    let path = format!(
        "/ssf/stream?stream_id={}",
        created["stream_id"].as_str().unwrap()
    );
    let refused = served.send_json(Method::PATCH, &path, &whole).await;
    let (status, detail) = refused.problem();
    assert_eq!((status, &*detail), (400, "stream_id is missing"));
}
