//! Streams that the real program looks after by itself.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use serde_json::{Value, json};

use crate::rig::{Answer, Endpoint, Installation, Pushed, Transmitter, client, stream_for};

fn claims(pushed: &Pushed) -> Value {
    let claims = pushed.set.split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64.decode(claims).unwrap()).unwrap()
}

async fn create(
    installation: &Installation,
    transmitter: &Transmitter,
    endpoint: &Endpoint,
) -> (String, Value) {
    let receiver = installation.add_receiver("rp");
    let request = client().post(transmitter.url("/ssf/stream"));
    let request = request.json(&stream_for(&endpoint.url));
    let created = Answer::to(request.bearer_auth(&receiver)).await;
    assert_eq!(created.status, 201, "{}", created.body);
    (receiver, created.json())
}

#[tokio::test]
async fn a_stream_without_activity_is_paused_after_its_receiver_was_told() {
    let installation = Installation::new().with("SSF_TRANSMITTER_INACTIVITY_TIMEOUT_SECONDS", "1");
    let transmitter = installation.serve();
    let endpoint = Endpoint::answering(202);
    let (receiver, stream) = create(&installation, &transmitter, &endpoint).await;
    assert_eq!(stream["inactivity_timeout"], 1);
    let id = stream["stream_id"].as_str().unwrap();
    let told = claims(&endpoint.next());
    assert_eq!(told["sub_id"], json!({"format": "opaque", "id": id}));
    let updated = "https://schemas.openid.net/secevent/ssf/event-type/stream-updated";
    let reason = "the receiver has shown no activity for 1 s; enable the stream to go on";
    assert_eq!(
        told["events"],
        json!({updated: {"status": "paused", "reason": reason}})
    );
    let request = client().get(transmitter.url(&format!("/ssf/status?stream_id={id}")));
    let status = Answer::to(request.bearer_auth(&receiver)).await.json();
    assert_eq!(
        status,
        json!({"stream_id": id, "status": "paused", "reason": reason})
    );
}

#[tokio::test]
async fn a_quiet_stream_gets_a_verification_without_a_state() {
    let installation = Installation::new().with("SSF_TRANSMITTER_KEEP_ALIVE_SECONDS", "1");
    let transmitter = installation.serve();
    let endpoint = Endpoint::answering(202);
    let (_, stream) = create(&installation, &transmitter, &endpoint).await;
    assert_eq!(stream.get("inactivity_timeout"), None);
    for _ in 0..2 {
        let told = claims(&endpoint.next());
        let expected = json!({"format": "opaque", "id": stream["stream_id"]});
        assert_eq!(told["sub_id"], expected);
        let verification = "https://schemas.openid.net/secevent/ssf/event-type/verification";
        assert_eq!(told["events"], json!({verification: {}}));
    }
}

#[tokio::test]
async fn a_receiver_may_be_limited_to_one_stream() {
    let installation = Installation::new().with("SSF_TRANSMITTER_STREAMS_PER_RECEIVER_MAX", "1");
    let transmitter = installation.serve();
    let endpoint = Endpoint::answering(202);
    let (receiver, _) = create(&installation, &transmitter, &endpoint).await;
    let request = client().post(transmitter.url("/ssf/stream"));
    let request = request.json(&stream_for(&endpoint.url));
    let second = Answer::to(request.bearer_auth(&receiver)).await;
    let expected = "this receiver has as many streams as it may have, 1: delete one first";
    assert_eq!(second.problem(), (409, expected.to_owned()));
}
