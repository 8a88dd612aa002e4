//! Google Workspace as a Receiver: it is pushed SETs, and asks for nothing.
//!
//! The SET is that of "Shared Signals Framework (SSF) Integration Guide" (developers.google.com/workspace/shared-signals):
//! one event, with the user both in it and in `sub_id`, for the audience `https://sharedsignals.googleapis.com`.

use serde_json::{Value, json};

use super::Served;
use crate::rig::{Endpoint, SESSION_REVOKED, claims_of, stream_for};

const AUDIENCE: &str = "https://sharedsignals.googleapis.com";
const VERIFICATION: &str = "https://schemas.openid.net/secevent/ssf/event-type/verification";

#[tokio::test]
async fn google_workspace_finds_the_user_in_both_places() {
    let served = Served::with_profile("google-workspace", AUDIENCE);
    let endpoint = Endpoint::answering(202);
    let stream = served.create(&stream_for(&endpoint.url)).await;
    served.happen_to_alice().await;
    let told = claims_of(&endpoint.next().set);
    let alice = json!({"format": "email", "email": "alice@example.com"});
    assert_eq!(told["aud"], AUDIENCE);
    assert_eq!(told["sub_id"], alice);
    let payload = json!({"event_timestamp": 1_800_000_000, "subject": alice});
    assert_eq!(told["events"], json!({(SESSION_REVOKED): payload}));

    // What is about the stream is about nobody, and SSF 1.0 has no second place for that.
    let asked = json!({"stream_id": stream["stream_id"]});
    assert_eq!(served.verify(&asked).await.status, 204);
    let told = claims_of(&endpoint.next().set);
    assert_eq!(told["sub_id"]["id"], stream["stream_id"]);
    assert_eq!(told["events"], json!({(VERIFICATION): {}}));
}

#[tokio::test]
async fn the_default_profile_names_the_user_once() {
    let served = Served::strictly();
    let endpoint = Endpoint::answering(202);
    served.create(&stream_for(&endpoint.url)).await;
    served.happen_to_alice().await;
    let told = claims_of(&endpoint.next().set);
    assert_eq!(told["sub_id"]["email"], "alice@example.com");
    assert_eq!(told["events"][SESSION_REVOKED]["subject"], Value::Null);
}
