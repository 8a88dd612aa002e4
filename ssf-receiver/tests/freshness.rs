//! Whether what is known of a Transmitter is fresh, as the receiver tells it.

#![cfg(all(feature = "actix", feature = "sqlite"))]
#![expect(clippy::unwrap_used, reason = "a helper of tests panics as they do")]

mod common;

use common::{AUDIENCE, TOKEN, Transmitter, signed, until};
use serde_json::{Value, json};
use ssf_receiver::{Answer, Freshness, Receiver, Why};

const T: u64 = 1_615_305_159;
const FRAMEWORK: &str = "https://schemas.openid.net/secevent/ssf/event-type";

struct Stage {
    transmitter: Transmitter,
    receiver: Receiver,
}

impl Stage {
    /// A receiver that has just asked for its first verification, with this state.
    async fn set() -> (Self, String) {
        let transmitter = Transmitter::start();
        let receiver = Receiver::builder(&transmitter.issuer, "http://127.0.0.1:9/push")
            .management_token(TOKEN)
            .in_memory()
            .start()
            .await
            .unwrap();
        let asked = &transmitter.state.verifications;
        until("a verification is asked for", || {
            !asked.lock().unwrap().is_empty()
        })
        .await;
        let request = asked.lock().unwrap()[0].clone();
        assert_eq!(request["stream_id"], "stream-1");
        let sent = request["state"].as_str().unwrap().to_owned();
        let stage = Self {
            transmitter,
            receiver,
        };
        (stage, sent)
    }

    /// A receiver that has heard of its verification.
    async fn fresh() -> Self {
        let (stage, sent) = Self::set().await;
        let answer = stage.told("verification", json!({ "state": sent }), None);
        assert!(answer.await.is_acknowledgement());
        assert_eq!(stage.freshness(), Freshness::Fresh);
        stage
    }

    /// Pushes a SET of the framework, with a number if there is one.
    async fn told(&self, event: &str, payload: Value, sequence: Option<Value>) -> Answer {
        let uri = format!("{FRAMEWORK}/{event}");
        let mut claims = json!({
            "iss": self.transmitter.issuer, "jti": format!("{event} {payload} {sequence:?}"), "iat": T,
            "aud": AUDIENCE, "sub_id": { "format": "opaque", "id": "stream-1" }, "events": { uri: payload },
        });
        if let Some(sequence) = sequence {
            claims["set_sequence"] = sequence;
        }
        let set = signed(&Transmitter::header(), &claims);
        let authorization = self.transmitter.stream().authorization;
        let media_type = Some("application/secevent+jwt");
        let answer = self
            .receiver
            .accept(Some(&authorization), media_type, set.as_bytes());
        answer.await
    }

    fn freshness(&self) -> Freshness {
        self.receiver.status().freshness
    }

    async fn strike(self) {
        self.receiver.stop().await;
        self.transmitter.stop().await;
    }
}

#[actix_web::test]
async fn a_receiver_is_late_until_the_verification_that_it_asked_for_is_here() {
    let (stage, sent) = Stage::set().await;
    assert_eq!(stage.freshness(), Freshness::Late(Why::Silent));
    // 128 bits in base64url.
    assert_eq!(sent.len(), 22);
    for _ in 0..2 {
        let answer = stage.told("verification", json!({ "state": sent }), None);
        assert_eq!(answer.await.status(), 202);
        assert_eq!(stage.freshness(), Freshness::Fresh);
    }
    stage.strike().await;
}

#[actix_web::test]
async fn a_verification_that_was_not_asked_for_proves_nothing() {
    let (stage, _) = Stage::set().await;
    let strangers = stage.told("verification", json!({ "state": "x" }), None);
    let strangers = strangers.await;
    assert_eq!(strangers.error().unwrap().err.as_str(), "invalid_state");
    let unasked = stage.told("verification", json!({}), None);
    assert_eq!(unasked.await.status(), 202);
    assert_eq!(stage.freshness(), Freshness::Late(Why::Silent));
    stage.strike().await;
}

#[actix_web::test]
async fn what_the_transmitter_says_of_the_stream_is_told() {
    let stage = Stage::fresh().await;
    for (status, expected) in [
        ("paused", Freshness::Late(Why::Paused)),
        ("disabled", Freshness::Stale(Why::Disabled)),
        ("enabled", Freshness::Fresh),
    ] {
        let answer = stage.told("stream-updated", json!({ "status": status }), None);
        assert!(answer.await.is_acknowledgement());
        assert_eq!(stage.freshness(), expected, "{status}");
    }
    stage.strike().await;
}

#[actix_web::test]
async fn numbers_are_asked_for_and_another_run_of_them_is_told() {
    let stage = Stage::fresh().await;
    let configuration = stage.transmitter.stream().configuration;
    assert_eq!(configuration["set_sequence"], true);
    let numbered = async |sequence: Value| {
        let answer = stage.told("verification", json!({}), Some(sequence)).await;
        assert_eq!(answer.status(), 202);
        stage.freshness()
    };
    let first = json!({ "epoch": "e", "seq": 7, "through": 6 });
    assert_eq!(numbered(first).await, Freshness::Fresh);
    // A claim that cannot be read spoils nothing.
    let faulty = json!({ "epoch": "e", "seq": 0 });
    assert_eq!(numbered(faulty).await, Freshness::Fresh);
    let other = json!({ "epoch": "f", "seq": 1 });
    assert_eq!(numbered(other).await, Freshness::Late(Why::Epoch));
    stage.strike().await;
}

#[actix_web::test]
async fn by_poll_each_answer_is_a_sign_of_life() {
    let transmitter = Transmitter::start();
    let receiver = Receiver::polling(&transmitter.issuer)
        .management_token(TOKEN)
        .in_memory()
        .start()
        .await
        .unwrap();
    until("a poll is answered", || {
        receiver.status().freshness == Freshness::Fresh
    })
    .await;
    assert!(transmitter.state.verifications.lock().unwrap().is_empty());
    receiver.stop().await;
    transmitter.stop().await;
}
