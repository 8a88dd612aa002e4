//! Streams whose SETs have numbers, and those whose SETs have none.

use serde_json::{Value, json};
use tokio::time::timeout;

use crate::rig::{
    Answer, Endpoint, Installation, PATIENCE, SESSION_REVOKED, Transmitter, claims_of, client,
    event_about, stream_for, text,
};

/// A transmitter with one Receiver.
struct Served {
    installation: Installation,
    transmitter: Transmitter,
    receiver: String,
}

impl Served {
    fn start() -> Self {
        let installation =
            Installation::new().with("SSF_TRANSMITTER_MIN_VERIFICATION_INTERVAL_SECONDS", "1");
        let transmitter = installation.serve();
        let receiver = installation.add_receiver("rp");
        Self {
            installation,
            transmitter,
            receiver,
        }
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        let request = client().post(self.transmitter.url(path)).json(body);
        Answer::to(request.bearer_auth(&self.receiver)).await
    }

    async fn create(&self, body: &Value) -> Value {
        let answer = self.post("/ssf/stream", body).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.json()
    }

    async fn verify(&self, stream: &Value) {
        let body = json!({"stream_id": stream["stream_id"], "state": "s"});
        // The one before may not be settled, or was requested less than a second ago.
        let sent = async {
            loop {
                let answer = self.post("/ssf/verify", &body).await;
                match answer.status {
                    429 => tokio::task::yield_now().await,
                    status => break assert_eq!(status, 204, "{}", answer.body),
                }
            }
        };
        timeout(PATIENCE, sent).await.unwrap();
    }

    async fn happen_to(&self, email: &str) {
        let request = client().post(self.transmitter.url("/ingest/events"));
        let token = self.transmitter.operator_token.as_ref().unwrap();
        let request = request.json(&event_about(email)).bearer_auth(token);
        assert_eq!(Answer::to(request).await.status, 202);
    }

    /// Acknowledges and refuses SETs, and gets one.
    async fn poll(&self, stream: &Value, body: Value) -> Value {
        let id = stream["stream_id"].as_str().unwrap();
        let answer = self.post(&format!("/ssf/poll/{id}"), &body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let answer = answer.json();
        let sets = answer["sets"].as_object().unwrap();
        claims_of(sets.values().next().unwrap().as_str().unwrap())
    }
}

fn pushed(endpoint: &Endpoint) -> Value {
    let mut request = stream_for(&endpoint.url);
    request["set_sequence"] = json!(true);
    request
}

fn polled() -> Value {
    json!({
        "delivery": {"method": "urn:ietf:rfc:8936"},
        "events_requested": [SESSION_REVOKED],
        "set_sequence": true,
    })
}

#[tokio::test]
async fn the_metadata_offer_numbers() {
    let served = Served::start();
    let url = served.transmitter.url("/.well-known/ssf-configuration");
    let metadata = Answer::to(client().get(url)).await.json();
    assert_eq!(metadata["set_sequence_supported"], true);
}

#[tokio::test]
async fn a_pushed_stream_that_asks_has_numbers_and_an_account_in_its_verifications() {
    let served = Served::start();
    let endpoint = Endpoint::answering(202);
    let stream = served.create(&pushed(&endpoint)).await;
    assert_eq!(stream["set_sequence"], true);
    served.happen_to("alice@example.com").await;
    let claims = claims_of(&endpoint.next().set);
    let epoch = stream["stream_id"].clone();
    assert_eq!(claims["set_sequence"], json!({"epoch": epoch, "seq": 1}));
    endpoint.refuse("invalid_request");
    served.happen_to("bob@example.com").await;
    assert_eq!(claims_of(&endpoint.next().set)["set_sequence"]["seq"], 2);
    endpoint.answer(202);
    // What was refused a moment ago may not be stored yet; then nothing is told of it.
    let told = loop {
        served.verify(&stream).await;
        let claims = claims_of(&endpoint.next().set);
        let payload = claims["events"].as_object().unwrap().values().next();
        assert_eq!(payload, Some(&json!({"state": "s"})));
        if claims["set_sequence"]["undelivered"].is_array() {
            break claims["set_sequence"].clone();
        }
    };
    assert_eq!(told["undelivered"], json!([[2, 2]]));
    let seq = told["seq"].as_u64().unwrap();
    assert_eq!(told["through"], seq - 1);
}

#[tokio::test]
async fn a_polled_stream_that_asks_has_them_too() {
    let served = Served::start();
    let stream = served.create(&polled()).await;
    for person in ["a@example.com", "b@example.com", "c@example.com"] {
        served.happen_to(person).await;
    }
    let first = served.poll(&stream, json!({"maxEvents": 1})).await;
    assert_eq!(first["set_sequence"]["seq"], 1);
    let refusal =
        json!({(first["jti"].as_str().unwrap()): {"err": "invalid_request", "description": "no"}});
    let second = served
        .poll(&stream, json!({"maxEvents": 1, "setErrs": refusal}))
        .await;
    assert_eq!(second["set_sequence"]["seq"], 2);
    served.verify(&stream).await;
    let third = served
        .poll(&stream, json!({"maxEvents": 1, "ack": [second["jti"]]}))
        .await;
    assert_eq!(third["set_sequence"]["seq"], 3);
    let verification = served.poll(&stream, json!({"ack": [third["jti"]]})).await;
    // It says what held when it was made.
    let expected =
        json!({"epoch": stream["stream_id"], "seq": 4, "through": 1, "undelivered": [[1, 1]]});
    assert_eq!(verification["set_sequence"], expected);
}

#[tokio::test]
async fn whoever_does_not_ask_sees_nothing_of_it() {
    let served = Served::start();
    let endpoint = Endpoint::answering(202);
    let mut request = stream_for(&endpoint.url);
    let silent = served.create(&request).await;
    request["set_sequence"] = json!(false);
    let refusing = served.create(&request).await;
    for stream in [&silent, &refusing] {
        assert!(stream.get("set_sequence").is_none());
        served.verify(stream).await;
        let claims = claims_of(&endpoint.next().set);
        let names: Vec<&String> = claims.as_object().unwrap().keys().collect();
        assert_eq!(
            names,
            ["iss", "jti", "iat", "aud", "txn", "sub_id", "events"]
        );
        let payload = claims["events"].as_object().unwrap().values().next();
        assert_eq!(payload, Some(&json!({"state": "s"})));
    }
}

#[tokio::test]
async fn what_was_chosen_on_creation_stays() {
    let served = Served::start();
    let stream = served.create(&polled()).await;
    let id = stream["stream_id"].clone();
    let patch = async |body: Value| {
        let request = client().patch(served.transmitter.url("/ssf/stream"));
        Answer::to(request.json(&body).bearer_auth(&served.receiver)).await
    };
    let same = patch(json!({"stream_id": id, "set_sequence": true})).await;
    assert_eq!(
        (same.status, &same.json()["set_sequence"]),
        (200, &json!(true))
    );
    for (value, told) in [
        (
            json!(false),
            "set_sequence must stay as it was when the stream was created: create another stream to choose anew",
        ),
        (json!("yes"), "set_sequence must be true or false"),
    ] {
        let refused = patch(json!({"stream_id": id, "set_sequence": value})).await;
        assert_eq!(refused.problem(), (400, told.to_owned()));
        assert_eq!(refused.code(), "invalid_request");
    }
    let mut whole = polled();
    whole["stream_id"] = id;
    whole.as_object_mut().unwrap().remove("set_sequence");
    let request = client().put(served.transmitter.url("/ssf/stream"));
    let replaced = Answer::to(request.json(&whole).bearer_auth(&served.receiver)).await;
    assert_eq!(
        (replaced.status, &replaced.json()["set_sequence"]),
        (200, &json!(true))
    );
    let mut wrong = polled();
    wrong["set_sequence"] = json!(1);
    let refused = served.post("/ssf/stream", &wrong).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (400, "invalid_request")
    );
}

#[tokio::test]
async fn a_receiver_with_a_dialect_is_told_that_it_cannot_have_numbers() {
    let served = Served::start();
    let output = served
        .installation
        .run(&["receiver", "set-profile", "rp", "okta"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let endpoint = Endpoint::answering(202);
    let refused = served.post("/ssf/stream", &pushed(&endpoint)).await;
    let told = "set_sequence is for receivers with the profile ssf-1.0: leave it out";
    assert_eq!(refused.problem(), (400, told.to_owned()));
}

#[tokio::test]
async fn after_a_restoration_numbers_belong_to_another_epoch() {
    let served = Served::start();
    let endpoint = Endpoint::answering(202);
    let stream = served.create(&pushed(&endpoint)).await;
    served.happen_to("alice@example.com").await;
    let before = claims_of(&endpoint.next().set)["set_sequence"]["epoch"].clone();
    let output = served.installation.run(&["restored"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "streams=1\n");
    served.verify(&stream).await;
    // The first SET may come again: nobody had stored that it arrived.
    let claim = loop {
        let claims = claims_of(&endpoint.next().set);
        if claims["set_sequence"]["through"].is_u64() {
            break claims["set_sequence"].clone();
        }
    };
    assert_ne!(claim["epoch"], before);
    assert_eq!(
        (&claim["seq"], &claim["told_after"]),
        (&json!(2), &json!(1))
    );
    assert!(claim.get("undelivered").is_none());
}

impl Served {
    async fn ask_again(&self, stream: &Value, numbers: Value) -> Answer {
        let epoch = &stream["stream_id"];
        let body = json!({"stream_id": epoch, "epoch": epoch, "numbers": numbers});
        self.post("/ssf/replay", &body).await
    }

    /// Asks again until the answer is this one: what was acknowledged a moment ago may not be stored yet.
    async fn asked_again(&self, stream: &Value, numbers: &Value, expected: &Value) {
        let asked = async {
            loop {
                let answer = self.ask_again(stream, numbers.clone()).await;
                match answer.status {
                    200 if answer.json() == *expected => return,
                    200 | 429 => tokio::task::yield_now().await,
                    status => panic!("{status}: {}", answer.body),
                }
            }
        };
        timeout(PATIENCE, asked).await.unwrap();
    }
}

#[tokio::test]
async fn what_a_receiver_lost_it_gets_again_with_the_name_that_it_had() {
    let served = Served::start();
    let url = served.transmitter.url("/.well-known/ssf-configuration");
    let metadata = Answer::to(client().get(url)).await.json();
    let place = served.transmitter.url("/ssf/replay");
    assert_eq!(metadata["set_sequence_replay_endpoint"], place);
    let endpoint = Endpoint::answering(202);
    let stream = served.create(&pushed(&endpoint)).await;
    served.happen_to("alice@example.com").await;
    let first = claims_of(&endpoint.next().set);
    served.verify(&stream).await;
    endpoint.next();
    let expected = json!({
        "again": [[1, 1]],
        "left_out": [
            {"reason": "of_the_framework", "numbers": [[2, 2]]},
            {"reason": "not_kept", "numbers": [[4, 5]]},
        ],
    });
    served
        .asked_again(&stream, &json!([[1, 2], [4, 5]]), &expected)
        .await;
    let again = claims_of(&endpoint.next().set);
    assert_eq!(again, first);
}

#[tokio::test]
async fn a_receiver_that_polls_gets_again_what_it_lost() {
    let served = Served::start();
    let stream = served.create(&polled()).await;
    for person in ["a@example.com", "b@example.com"] {
        served.happen_to(person).await;
    }
    let first = served.poll(&stream, json!({"maxEvents": 1})).await;
    let body = json!({"maxEvents": 1, "ack": [first["jti"]]});
    let second = served.poll(&stream, body).await;
    served
        .asked_again(
            &stream,
            &json!([[1, 2]]),
            &json!({"again": [[1, 1]], "pending": [[2, 2]]}),
        )
        .await;
    let body = json!({"maxEvents": 1, "ack": [second["jti"]]});
    assert_eq!(served.poll(&stream, body).await, first);
}

#[tokio::test]
async fn who_asks_for_what_cannot_be_sent_again_is_told_why() {
    let served = Served::start();
    let stream = served.create(&polled()).await;
    let plain = json!({"delivery": {"method": "urn:ietf:rfc:8936"}});
    let plain = served.create(&plain).await;
    let told = |answer: &Answer| (answer.code(), answer.problem().1);
    let answer = served.ask_again(&plain, json!([[1, 1]])).await;
    assert_eq!(
        told(&answer),
        (
            "invalid_request".into(),
            "the SETs of this stream have no numbers: create one with set_sequence".into()
        )
    );
    let body = json!({"stream_id": stream["stream_id"], "epoch": "f", "numbers": [[1, 1]]});
    let answer = served.post("/ssf/replay", &body).await;
    assert_eq!(
        told(&answer),
        (
            "invalid_request".into(),
            "epoch is not that of the stream now, and what it numbered is not known any more"
                .into()
        )
    );
    let answer = served.ask_again(&stream, json!([[1, 1001]])).await;
    assert_eq!(answer.code(), "invalid_request");
    let disabled = json!({"stream_id": stream["stream_id"], "status": "disabled"});
    assert_eq!(served.post("/ssf/status", &disabled).await.status, 200);
    let answer = served.ask_again(&stream, json!([[1, 1]])).await;
    assert_eq!(answer.code(), "stream_not_enabled");
}

#[tokio::test]
async fn who_asks_for_too_much_has_to_wait() {
    let served = Served::start();
    let stream = served.create(&polled()).await;
    let refused = async {
        loop {
            let answer = served.ask_again(&stream, json!([[1, 1000]])).await;
            if answer.status == 429 {
                return answer;
            }
            assert_eq!(answer.status, 200, "{}", answer.body);
        }
    };
    let refused = timeout(PATIENCE, refused).await.unwrap();
    assert_eq!(refused.code(), "too_soon");
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=40).contains(&seconds), "{seconds}");
}
