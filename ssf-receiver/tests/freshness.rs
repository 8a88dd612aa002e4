//! Whether what is known of a Transmitter is fresh, as the receiver tells it.

#![cfg(all(feature = "actix", feature = "sqlite"))]
#![expect(clippy::unwrap_used, reason = "a helper of tests panics as they do")]

mod common;

use common::{AUDIENCE, TOKEN, Transmitter, builder, now, signed, until};
use serde_json::{Value, json};
use ssf_receiver::{
    Answer, Freshness, Receiver, StartError, WhenStale, Why,
    guard::{Decision, Reason, Renewed},
};
use ssf_types::time::Timestamp;

const T: u64 = 1_615_305_159;
const FRAMEWORK: &str = "https://schemas.openid.net/secevent/ssf/event-type";

struct Stage {
    transmitter: Transmitter,
    receiver: Receiver,
}

impl Stage {
    /// A receiver that has just asked for its first verification, with this state.
    async fn set() -> (Self, String) {
        Self::set_with(WhenStale::Open).await
    }

    async fn set_with(when_stale: WhenStale) -> (Self, String) {
        let transmitter = Transmitter::start();
        let receiver = Receiver::builder(&transmitter.issuer, "http://127.0.0.1:9/push")
            .management_token(TOKEN)
            .when_stale(when_stale)
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
        Self::fresh_with(WhenStale::Open).await
    }

    async fn fresh_with(when_stale: WhenStale) -> Self {
        let (stage, sent) = Self::set_with(when_stale).await;
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

    /// Why a session is refused that began that many seconds ago; it is renewed if it has to be and `renewed` says so.
    async fn refusal(&self, age: u64, renewed: Renewed) -> Option<Reason> {
        let session = self.receiver.session(Timestamp::from_secs(now() - age));
        let keys = self.receiver.keys(&session.sid("s1"));
        let decided = self.receiver.decide_or_renew(&keys, || async { renewed });
        match decided.await {
            Decision::Allow => None,
            Decision::Deny(denial) => Some(denial.reason()),
        }
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

#[actix_web::test]
async fn what_becomes_of_sessions_while_events_are_lost_is_the_applications_choice() {
    let unreachable = Renewed::Unreachable;
    for (when_stale, refused_young, refused_old) in [
        (WhenStale::Open, None, None),
        (WhenStale::Soft, None, Some(Reason::Unconfirmed)),
        (
            WhenStale::Closed,
            Some(Reason::Unconfirmed),
            Some(Reason::Unconfirmed),
        ),
    ] {
        let stage = Stage::fresh_with(when_stale).await;
        assert_eq!(stage.refusal(3600, unreachable).await, None);
        let disabled = json!({ "status": "disabled" });
        assert!(
            stage
                .told("stream-updated", disabled, None)
                .await
                .is_acknowledgement()
        );
        assert_eq!(stage.freshness(), Freshness::Stale(Why::Disabled));
        assert_eq!(
            stage.refusal(60, unreachable).await,
            refused_young,
            "{when_stale:?}"
        );
        assert_eq!(
            stage.refusal(3600, unreachable).await,
            refused_old,
            "{when_stale:?}"
        );
        let enabled = json!({ "status": "enabled" });
        assert!(
            stage
                .told("stream-updated", enabled, None)
                .await
                .is_acknowledgement()
        );
        assert_eq!(stage.refusal(3600, unreachable).await, None);
        stage.strike().await;
    }
}

#[actix_web::test]
async fn a_session_that_is_renewed_while_events_are_lost_goes_on_unnoticed() {
    let stage = Stage::fresh_with(WhenStale::Soft).await;
    let disabled = json!({ "status": "disabled" });
    assert!(
        stage
            .told("stream-updated", disabled, None)
            .await
            .is_acknowledgement()
    );
    assert_eq!(stage.refusal(3600, Renewed::Confirmed).await, None);
    // It is not asked about again at once.
    assert_eq!(stage.refusal(3600, Renewed::Unreachable).await, None);
    assert_eq!(
        stage.refusal(3601, Renewed::Refused).await,
        Some(Reason::Revoked)
    );
    stage.strike().await;
}

#[actix_web::test]
async fn nothing_follows_from_the_silence_of_a_stream_that_nobody_here_can_ask_about() {
    let transmitter = Transmitter::start();
    for when_stale in [WhenStale::Soft, WhenStale::Closed] {
        let receiver = builder(&transmitter).in_memory().when_stale(when_stale);
        assert!(matches!(
            receiver.start().await,
            Err(StartError::NeverHeard)
        ));
    }
    assert!(builder(&transmitter).in_memory().start().await.is_ok());
}
