//! Who may enable a stream that somebody else has stopped.

use serde_json::{Value, json};

use crate::rig::{Answer, Installation, SESSION_REVOKED, Transmitter, client};

struct Served {
    transmitter: Transmitter,
    receiver: String,
    stream: String,
    _installation: Installation,
}

impl Served {
    async fn start() -> Self {
        let installation = Installation::new();
        let transmitter = installation.serve();
        let receiver = installation.add_receiver("rp");
        let mut served = Self {
            transmitter,
            receiver,
            stream: String::new(),
            _installation: installation,
        };
        let created = served
            .ask(
                "/ssf/stream",
                &json!({"events_requested": [SESSION_REVOKED]}),
            )
            .await;
        assert_eq!(created.status, 201, "{}", created.body);
        served.stream = created.json()["stream_id"].as_str().unwrap().to_owned();
        served
    }

    async fn ask(&self, path: &str, body: &Value) -> Answer {
        let request = client().post(self.transmitter.url(path)).json(body);
        Answer::to(request.bearer_auth(&self.receiver)).await
    }

    /// The Receiver asks for a status.
    async fn set(&self, status: &str) -> Answer {
        let body = json!({"stream_id": self.stream, "status": status, "reason": "mine"});
        self.ask("/ssf/status", &body).await
    }

    /// The operator decides on one.
    async fn decide(&self, status: &str, reason: &str) {
        let path = format!("/operator/v1/streams/{}/status", self.stream);
        let request = client().post(self.transmitter.url(&path));
        let request = request.json(&json!({"status": status, "reason": reason}));
        let token = self.transmitter.operator_token.as_ref().unwrap();
        let decided = Answer::to(request.bearer_auth(token)).await;
        assert_eq!(decided.status, 200, "{}", decided.body);
    }

    async fn status(&self) -> Value {
        let path = format!("/ssf/status?stream_id={}", self.stream);
        let request = client().get(self.transmitter.url(&path));
        Answer::to(request.bearer_auth(&self.receiver)).await.json()
    }
}

#[tokio::test]
async fn what_the_operator_has_disabled_is_the_operators_to_enable() {
    let served = Served::start().await;
    served.decide("disabled", "License is not valid").await;
    for status in ["enabled", "paused"] {
        let refused = served.set(status).await;
        let told = "the operator has disabled this stream, and has to enable it: ask there (License is not valid)";
        assert_eq!(refused.problem(), (403, told.to_owned()), "{status}");
        assert_eq!(refused.code(), "stream_disabled_by_operator");
    }
    // To ask for what is so anyway is no way around it.
    let same = served.set("disabled").await;
    assert_eq!(
        (same.status, &same.json()["reason"]),
        (200, &json!("License is not valid"))
    );
    assert_eq!(served.set("enabled").await.status, 403);
    let told = served.status().await;
    assert_eq!(
        (&told["status"], &told["reason"]),
        (&json!("disabled"), &json!("License is not valid"))
    );
    served.decide("enabled", "paid").await;
    assert_eq!(served.set("paused").await.status, 200);
    assert_eq!(served.set("enabled").await.status, 200);
}

#[tokio::test]
async fn an_operator_takes_over_what_the_receiver_has_disabled_itself() {
    let served = Served::start().await;
    assert_eq!(served.set("disabled").await.status, 200);
    served.decide("disabled", "abuse").await;
    assert_eq!(served.set("enabled").await.status, 403);
}

#[tokio::test]
async fn a_receiver_enables_what_it_has_disabled_and_what_the_operator_has_paused() {
    let served = Served::start().await;
    assert_eq!(served.set("disabled").await.status, 200);
    assert_eq!(served.set("enabled").await.status, 200);
    served.decide("paused", "maintenance").await;
    assert_eq!(served.set("enabled").await.status, 200);
}
