//! Okta as a Receiver: it is pushed SETs of a provider that was registered with it, and asks for nothing.
//!
//! The SETs are those of "SSF Security Event Tokens" (Okta API reference, `POST /security/api/v1/security-events`): the
//! subject in the event, under `user`, beside `device` and `tenant`; no `Authorization`; 202 acknowledges.

use serde_json::{Value, json};

use super::Served;
use crate::rig::{Endpoint, SESSION_REVOKED, claims_of};

const USER_RISK_CHANGE: &str = "https://schemas.okta.com/secevent/okta/event-type/user-risk-change";

fn okta() -> Served {
    Served::with_profile("okta", "https://acme.okta.com")
}

/// The stream that an operator makes for Okta.
fn stream(endpoint: &str) -> Value {
    json!({
        "delivery": {"method": "urn:ietf:rfc:8935", "endpoint_url": endpoint},
        "events_requested": [SESSION_REVOKED],
    })
}

fn iss_sub(sub: &str) -> Value {
    json!({"format": "iss_sub", "iss": "https://idp.example.com", "sub": sub})
}

#[tokio::test]
async fn okta_finds_user_device_and_tenant_in_the_event() {
    let served = okta();
    let endpoint = Endpoint::answering(202);
    served.create(&stream(&endpoint.url)).await;
    let (user, device, tenant) = (iss_sub("alice"), iss_sub("laptop-7"), iss_sub("acme"));
    let subject = json!({"format": "complex", "user": user, "device": device, "tenant": tenant});
    let payload = json!({"event_timestamp": 1_800_000_000, "reason_admin": {"en": "Lost laptop"}});
    let event = json!({"sub_id": subject, "events": {(SESSION_REVOKED): payload}});
    served.happen(&event).await;
    let pushed = endpoint.next();
    assert!(
        pushed
            .head
            .contains("\r\ncontent-type: application/secevent+jwt\r\n")
    );
    assert!(!pushed.head.contains("\r\nauthorization:"));
    let told = claims_of(&pushed.set);
    assert_eq!(told["aud"], "https://acme.okta.com");
    assert_eq!(told["sub_id"], Value::Null);
    let told = &told["events"][SESSION_REVOKED];
    let subject = json!({"user": user, "device": device, "tenant": tenant});
    assert_eq!(told["subject"], subject);
    assert_eq!(told["reason_admin"], json!({"en": "Lost laptop"}));
}

#[tokio::test]
async fn okta_finds_a_user_alone_under_user() {
    let served = okta();
    let endpoint = Endpoint::answering(202);
    served.create(&stream(&endpoint.url)).await;
    served.happen_to_alice().await;
    let told = claims_of(&endpoint.next().set);
    let subject = json!({"user": {"format": "email", "email": "alice@example.com"}});
    assert_eq!(told["sub_id"], Value::Null);
    assert_eq!(told["events"][SESSION_REVOKED]["subject"], subject);
}

#[tokio::test]
async fn whoever_makes_oktas_stream_does_so_to_the_letter() {
    let served = okta();
    let mut request = stream("https://acme.okta.com/security/api/v1/security-events");
    request["aud"] = json!("https://acme.okta.com/other");
    let created = served.create(&request).await;
    assert_eq!(created["aud"], "https://acme.okta.com");
    request["delivery"]["method"] =
        json!("https://schemas.openid.net/secevent/risc/delivery-method/push");
    let refused = served.post("/ssf/stream", &request).await;
    assert_eq!(refused.code(), "invalid_request");
    let unnamed = served.get("/ssf/status").await;
    assert_eq!(unnamed.code(), "invalid_request");
    let early = served.get("/.well-known/sse-configuration").await;
    assert_eq!(early.code(), "not_found");
    // Types of Okta's own are offered where the setting names them.
    let asked = json!({"stream_id": created["stream_id"], "events_requested": [USER_RISK_CHANGE]});
    let changed = served.send_json(reqwest::Method::PATCH, "/ssf/stream", &asked);
    assert_eq!(changed.await.json()["events_delivered"], json!([]));
}

#[tokio::test]
async fn the_default_profile_tells_the_subject_as_ssf_1_0_does() {
    let served = Served::strictly();
    let endpoint = Endpoint::answering(202);
    served.create(&stream(&endpoint.url)).await;
    served.happen_to_alice().await;
    let told = claims_of(&endpoint.next().set);
    assert_eq!(told["sub_id"]["email"], "alice@example.com");
    assert_eq!(told["events"][SESSION_REVOKED]["subject"], Value::Null);
}
