//! Whatever the endpoints of one Receiver do, the others have their streams delivered.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::rig::{
    Answer, Endpoint, Installation, Transmitter, claims_of, client, event_about, stream_for,
};

/// An endpoint that answers this answers nothing.
const NEVER: u16 = 0;

async fn create(server: &Transmitter, receiver: &str, endpoint: &Endpoint) {
    let request = client().post(server.url("/ssf/stream"));
    let request = request.json(&stream_for(&endpoint.url));
    let answer = Answer::to(request.bearer_auth(receiver)).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
}

async fn hand_in(server: &Transmitter, event: &Value) {
    let request = client().post(server.url("/ingest/events")).json(event);
    let operator = server.operator_token.as_ref().unwrap();
    let answer = Answer::to(request.bearer_auth(operator)).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
}

#[tokio::test]
async fn a_receiver_whose_forty_streams_hang_delays_no_other() {
    let installation = Installation::new();
    let server = installation.serve();
    let (slow, quick) = (
        installation.add_receiver("slow"),
        installation.add_receiver("quick"),
    );
    let (hanging, answering) = (Endpoint::answering(NEVER), Endpoint::answering(202));
    for _ in 0..40 {
        create(&server, &slow, &hanging).await;
    }
    create(&server, &quick, &answering).await;
    for user in ["alice@example.com", "bob@example.com", "carol@example.com"] {
        let began = Instant::now();
        hand_in(&server, &event_about(user)).await;
        let claims = claims_of(&answering.next().set);
        assert_eq!(claims["sub_id"]["email"], user);
        // An attempt that hangs takes 8 s.
        let took = began.elapsed();
        assert!(took < Duration::from_secs(4), "{took:?}");
    }
}
