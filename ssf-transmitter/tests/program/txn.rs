//! What ties SETs together, where each Receiver has its own name for it.

use serde_json::{Value, json};

use crate::rig::{
    Answer, Endpoint, Installation, Transmitter, claims_of, client, event_about, stream_for, text,
};

async fn create(transmitter: &Transmitter, receiver: &str, endpoint: &Endpoint) {
    let request = client().post(transmitter.url("/ssf/stream"));
    let request = request.json(&stream_for(&endpoint.url));
    let created = Answer::to(request.bearer_auth(receiver)).await;
    assert_eq!(created.status, 201, "{}", created.body);
}

async fn hand_in(transmitter: &Transmitter, event: &Value) -> Value {
    let token = transmitter.operator_token.as_ref().unwrap();
    let request = client().post(transmitter.url("/ingest/events")).json(event);
    let answer = Answer::to(request.bearer_auth(token)).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    answer.json()["events"][0].clone()
}

fn txn(endpoint: &Endpoint) -> String {
    let claims = claims_of(&endpoint.next().set);
    claims["txn"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn receivers_cannot_compare_and_the_operator_finds_the_event_by_either_name() {
    let installation = Installation::new().with("SSF_TRANSMITTER_TXN_PER_RECEIVER", "true");
    let transmitter = installation.serve();
    let endpoints = [(), (), (), ()].map(|()| Endpoint::answering(202));
    let [here, again, there, alike] = &endpoints;
    let receivers = ["a", "b"].map(|name| installation.add_receiver(name));
    create(&transmitter, &receivers[0], here).await;
    create(&transmitter, &receivers[0], again).await;
    create(&transmitter, &receivers[1], there).await;
    let twin = installation.add_receiver_for("twin", "https://a.example.com");
    create(&transmitter, &twin, alike).await;
    let mut event = event_about("alice@example.com");
    event["txn"] = json!("case-7");
    let first = hand_in(&transmitter, &event).await;
    assert_eq!(first["txn"], "case-7");
    let name = txn(here);
    assert_eq!(txn(again), name);
    let other = txn(there);
    assert_ne!(other, name);
    // Who has the same audience cannot compare either.
    let third = txn(alike);
    assert!(third != name && third != other);
    assert!(!name.contains("case") && name.len() <= 255);
    // Another event of the same cause has the same name, and one of another cause has not.
    let second = hand_in(&transmitter, &event).await;
    assert_eq!(txn(here), name);
    let unlike = hand_in(&transmitter, &event_about("bob@example.com")).await;
    let unnamed = txn(here);
    assert_ne!(unnamed, name);
    let traced = |name: &str| {
        let mut command = installation.command(&["trace", name, "--url", &transmitter.url("")]);
        command.env(
            "SSF_OPERATOR_TOKEN",
            transmitter.operator_token.as_ref().unwrap(),
        );
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    for name in [&name, &other, &third] {
        let told = traced(name);
        for event in [&first, &second] {
            assert!(told.contains(event["event_id"].as_str().unwrap()), "{told}");
        }
        assert!(
            !told.contains(unlike["event_id"].as_str().unwrap()),
            "{told}"
        );
    }
    assert!(traced(&unnamed).contains(unlike["event_id"].as_str().unwrap()));
    assert!(traced("case-7").contains(first["event_id"].as_str().unwrap()));
}
