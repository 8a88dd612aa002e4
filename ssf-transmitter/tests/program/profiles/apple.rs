//! Apple Business Manager and Apple School Manager.
//!
//! Apple documents no messages. The exchange is that of two transmitters that were written for Apple: the request and its
//! answer as in the tests and the stream view of authentik (`authentik/enterprise/providers/ssf`), the verification that
//! follows by itself as in Keycloak's profile `SSE_CAEP` (`StreamService`), requests without an id as both take them.

use reqwest::Method;
use serde_json::{Value, json};

use super::Served;
use crate::rig::{Answer, Endpoint, SESSION_REVOKED, claims_of, client};

const RISC_PUSH: &str = "https://schemas.openid.net/secevent/risc/delivery-method/push";
const CREDENTIAL_CHANGE: &str =
    "https://schemas.openid.net/secevent/caep/event-type/credential-change";
const VERIFICATION: &str = "https://schemas.openid.net/secevent/ssf/event-type/verification";

/// What Apple asks for: its feed is the audience and the endpoint.
fn request(feed: &str, issuer: &str) -> Value {
    json!({
        "iss": issuer,
        "aud": [feed],
        "delivery": {"method": RISC_PUSH, "endpoint_url": feed},
        "events_requested": [CREDENTIAL_CHANGE, SESSION_REVOKED],
        "format": "iss_sub",
    })
}

fn apple() -> Served {
    Served::with_profile("apple", "https://business.apple.com")
}

#[tokio::test]
async fn apple_connects_is_verified_hears_of_sessions_and_leaves() {
    let served = apple();
    let metadata = served.transmitter.url("/.well-known/sse-configuration");
    let metadata = Answer::to(client().get(metadata)).await;
    assert_eq!(metadata.status, 200, "{}", metadata.body);
    assert_eq!(metadata.json()["delivery_methods_supported"][0], RISC_PUSH);
    assert_eq!(metadata.json()["spec_version"], Value::Null);

    let feed = Endpoint::answering(200);
    let request = request(&feed.url, &served.transmitter.issuer);
    let created = served.post("/ssf/stream", &request).await;
    assert_eq!(created.status, 201, "{}", created.body);
    let created = created.json();
    for member in ["iss", "aud", "delivery", "events_requested", "format"] {
        assert_eq!(created[member], request[member], "{member}");
    }

    let verification = claims_of(&feed.next().set);
    let subject = json!({"user": {"format": "opaque", "id": created["stream_id"]}});
    assert_eq!(verification["aud"], feed.url);
    assert_eq!(verification["sub_id"], Value::Null);
    let event = json!({(VERIFICATION): {"subject": subject}});
    assert_eq!(verification["events"], event);
    served.acknowledged(1).await;

    let status = served.get("/ssf/status").await;
    assert_eq!(status.status, 200, "{}", status.body);
    assert_eq!(status.json()["status"], "enabled");

    let alice = json!({"format": "iss_sub", "iss": "https://idp.example.com", "sub": "alice"});
    let changed = json!({
        "sub_id": alice,
        "events": {(CREDENTIAL_CHANGE): {"credential_type": "password", "change_type": "update"}},
    });
    served.happen(&changed).await;
    let told = claims_of(&feed.next().set);
    assert_eq!(told["sub_id"], Value::Null);
    assert_eq!(
        told["events"][CREDENTIAL_CHANGE]["subject"],
        json!({"user": alice})
    );
    served.acknowledged(2).await;

    let gone = served.send(Method::DELETE, "/ssf/stream").await;
    assert_eq!(gone.status, 204, "{}", gone.body);
    let nothing = served.send(Method::DELETE, "/ssf/stream").await;
    assert_eq!(nothing.code(), "stream_not_found");
}

#[tokio::test]
async fn apple_asks_for_a_verification_without_naming_its_stream() {
    let served = apple();
    let feed = Endpoint::answering(200);
    served
        .create(&request(&feed.url, "https://idp.example.com"))
        .await;
    feed.next();
    served.acknowledged(1).await;
    let asked = json!({"state": "d41d8c"});
    let verified = served.verify(&asked).await;
    assert_eq!(verified.status, 204, "{}", verified.body);
    let told = claims_of(&feed.next().set);
    assert_eq!(told["events"][VERIFICATION]["state"], "d41d8c");
}

#[tokio::test]
async fn apple_names_the_stream_that_it_deletes_in_a_body() {
    let served = apple();
    let feed = Endpoint::answering(200);
    let request = request(&feed.url, "https://idp.example.com");
    let first = served.create(&request).await;
    let second = served.create(&request).await;
    // Of two, none is the only one.
    let which = served.send(Method::DELETE, "/ssf/stream").await;
    assert_eq!(which.code(), "invalid_request");
    let named = json!({"stream_id": first["stream_id"]});
    let gone = served
        .send_json(Method::DELETE, "/ssf/stream", &named)
        .await;
    assert_eq!(gone.status, 204, "{}", gone.body);
    let left = served.get("/ssf/stream").await.json();
    assert_eq!(left.as_array().unwrap().len(), 1);
    assert_eq!(left[0]["stream_id"], second["stream_id"]);
    let faulty = json!({"stream_id": 7});
    let refused = served
        .send_json(Method::DELETE, "/ssf/stream", &faulty)
        .await;
    assert_eq!(refused.code(), "invalid_request");
}

#[tokio::test]
async fn nobody_gets_sets_that_are_addressed_to_somebody_else() {
    let served = apple();
    let feed = Endpoint::answering(200);
    let mut request = request(&feed.url, "https://idp.example.com");
    request["aud"] = json!([feed.url, "https://other.example.com"]);
    let (status, detail) = served.post("/ssf/stream", &request).await.problem();
    assert_eq!(status, 400);
    assert_eq!(
        detail,
        "aud must be what the receiver is registered with, or delivery.endpoint_url"
    );
    request["aud"] = json!([feed.url]);
    let created = served.create(&request).await;
    let elsewhere = json!({
        "stream_id": created["stream_id"],
        "delivery": {"method": RISC_PUSH, "endpoint_url": "http://127.0.0.1:9/elsewhere"},
    });
    let moved = served.send_json(Method::PATCH, "/ssf/stream", &elsewhere);
    let (status, detail) = moved.await.problem();
    assert_eq!(status, 400);
    assert!(
        detail.ends_with("which has to stay: create another stream"),
        "{detail}"
    );
    request["aud"] = json!("https://business.apple.com");
    let created = served.create(&request).await;
    assert_eq!(created["aud"], "https://business.apple.com");
    request.as_object_mut().unwrap().remove("aud");
    let created = served.create(&request).await;
    assert_eq!(created["aud"], "https://business.apple.com");
}

#[tokio::test]
async fn the_default_profile_has_none_of_it() {
    let served = Served::strictly();
    let metadata = served.get("/.well-known/sse-configuration").await;
    assert_eq!(metadata.code(), "not_found");

    let feed = Endpoint::answering(202);
    let mut request = request(&feed.url, "https://idp.example.com");
    let (status, detail) = served.post("/ssf/stream", &request).await.problem();
    assert_eq!(status, 400);
    assert!(detail.contains("delivery.method"), "{detail}");

    request["delivery"]["method"] = json!("urn:ietf:rfc:8935");
    let created = served.create(&request).await;
    assert_eq!(created["aud"], "https://rp.example.com");
    assert_eq!(created["format"], Value::Null);

    let named = json!({"stream_id": created["stream_id"]});
    let unnamed = json!({});
    for refused in [
        served.get("/ssf/status").await,
        served.post("/ssf/verify", &unnamed).await,
        served.send(Method::DELETE, "/ssf/stream").await,
        served
            .send_json(Method::DELETE, "/ssf/stream", &named)
            .await,
    ] {
        assert_eq!(refused.code(), "invalid_request");
    }

    served.happen_to_alice().await;
    let told = claims_of(&feed.next().set);
    // The event is the first that comes: nothing was verified that nobody had asked for.
    assert_eq!(told["sub_id"]["email"], "alice@example.com");
    assert_eq!(told["events"][SESSION_REVOKED]["subject"], Value::Null);
}
