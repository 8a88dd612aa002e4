//! What the answers of a push endpoint mean, through the real program: each class as far as it shows without waiting.

use std::{collections::HashMap, time::Duration};

use serde_json::{Value, json};

use crate::rig::{
    Answer, Endpoint, Installation, PATIENCE, Pushed, Transmitter, claims_of, client, event_about,
    stream_for,
};

/// Between two looks for what a test waits for.
const PAUSE: Duration = Duration::from_millis(10);

const STREAM_UPDATED: &str = "https://schemas.openid.net/secevent/ssf/event-type/stream-updated";

/// A Receiver with one stream to an endpoint of its own.
struct Party {
    token: String,
    stream: Value,
    endpoint: Endpoint,
}

impl Party {
    async fn new(installation: &Installation, transmitter: &Transmitter, name: &str) -> Self {
        let token = installation.add_receiver(name);
        let endpoint = Endpoint::answering(202);
        let request = client().post(transmitter.url("/ssf/stream"));
        let request = request.json(&stream_for(&endpoint.url)).bearer_auth(&token);
        let answer = Answer::to(request).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        Self {
            token,
            stream: answer.json()["stream_id"].clone(),
            endpoint,
        }
    }

    async fn status(&self, transmitter: &Transmitter) -> Value {
        let id = self.stream.as_str().unwrap();
        let url = transmitter.url(&format!("/ssf/status?stream_id={id}"));
        let answer = Answer::to(client().get(url).bearer_auth(&self.token)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }

    /// Waits until the stream has this status.
    async fn becomes(&self, transmitter: &Transmitter, status: &str) -> Value {
        let waited = async {
            loop {
                let told = self.status(transmitter).await;
                if told["status"] == status {
                    return told;
                }
                tokio::time::sleep(PAUSE).await;
            }
        };
        tokio::time::timeout(PATIENCE, waited).await.unwrap()
    }

    /// Asks for something about the stream.
    async fn post(&self, transmitter: &Transmitter, path: &str, mut body: Value) -> Answer {
        body["stream_id"] = self.stream.clone();
        let request = client().post(transmitter.url(path)).json(&body);
        Answer::to(request.bearer_auth(&self.token)).await
    }

    /// Gives the stream another secret for its pushes.
    async fn replace_secret(&self, transmitter: &Transmitter) {
        let change = json!({
            "stream_id": self.stream,
            "delivery": {
                "method": "urn:ietf:rfc:8935",
                "endpoint_url": self.endpoint.url,
                "authorization_header": "Bearer another-s3cret",
            },
        });
        let request = client().patch(transmitter.url("/ssf/stream")).json(&change);
        let answer = Answer::to(request.bearer_auth(&self.token)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    async fn enable(&self, transmitter: &Transmitter) {
        let body = json!({"status": "enabled"});
        let answer = self.post(transmitter, "/ssf/status", body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    /// The next pushes until there was one about each of these.
    fn pushes_about(&self, users: &[&str]) -> Vec<Pushed> {
        let mut pushed = Vec::new();
        while !users
            .iter()
            .all(|user| pushed.iter().any(|push| about(push) == *user))
        {
            pushed.push(self.endpoint.next());
        }
        pushed
    }
}

/// Whom a SET is about: the first part of an address, or the status that it announces.
fn about(push: &Pushed) -> String {
    let claims = claims_of(&push.set);
    if let Some(status) = claims["events"][STREAM_UPDATED]["status"].as_str() {
        return status.to_owned();
    }
    match claims["sub_id"]["email"].as_str() {
        Some(email) => email.split('@').next().unwrap().to_owned(),
        None => "verification".to_owned(),
    }
}

fn jti(push: &Pushed) -> String {
    claims_of(&push.set)["jti"].as_str().unwrap().to_owned()
}

async fn happens_to(transmitter: &Transmitter, users: &[&str]) {
    let events: Vec<Value> = users
        .iter()
        .map(|user| event_about(&format!("{user}@example.com")))
        .collect();
    let request = client().post(transmitter.url("/ingest/events"));
    let request = request.json(&json!(events));
    let token = transmitter.operator_token.clone().unwrap();
    let answer = Answer::to(request.bearer_auth(token)).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
}

async fn metric(transmitter: &Transmitter, line: &str) -> bool {
    let metrics = Answer::to(client().get(transmitter.url("/metrics"))).await;
    metrics.body.lines().any(|found| found == line)
}

#[tokio::test]
async fn t61_a_receiver_that_refuses_everything_blinds_itself_alone() {
    let installation = Installation::new();
    let transmitter = installation.serve();
    let hostile = Party::new(&installation, &transmitter, "hostile").await;
    let healthy = Party::new(&installation, &transmitter, "healthy").await;
    hostile.endpoint.refuse("invalid_request");
    let users: Vec<String> = (0..40).map(|number| format!("user{number}")).collect();
    let users: Vec<&str> = users.iter().map(String::as_str).collect();
    happens_to(&transmitter, &users).await;
    let arrived = healthy.pushes_about(&users);
    assert_eq!(arrived.len(), 40, "each once");
    let mut refused: HashMap<String, u32> = HashMap::new();
    for push in hostile.pushes_about(&users) {
        *refused.entry(jti(&push)).or_default() += 1;
    }
    assert!(refused.len() == 40 && refused.values().all(|times| *times == 1));
    assert_eq!(hostile.status(&transmitter).await["status"], "enabled");
    // What comes later is not hindered by what was refused.
    hostile.endpoint.answer(202);
    happens_to(&transmitter, &["user0"]).await;
    hostile.pushes_about(&["user0"]);
    assert_eq!(hostile.endpoint.rest().len(), 0);
    let line = r#"ssf_delivery_attempts_total{outcome="refused"} 40"#;
    assert!(metric(&transmitter, line).await);
}

#[tokio::test]
async fn three_misdirected_sets_pause_a_stream_until_its_receiver_enables_it() {
    let installation = Installation::new();
    let transmitter = installation.serve();
    let party = Party::new(&installation, &transmitter, "rp").await;
    party.endpoint.refuse("invalid_issuer");
    happens_to(&transmitter, &["a", "b", "c", "d", "e"]).await;
    let told = party.becomes(&transmitter, "paused").await;
    let reason = told["reason"].as_str().unwrap();
    assert!(reason.contains("invalid_issuer") && !reason.contains("127.0.0.1"));
    let offered = party.pushes_about(&["paused"]);
    assert_eq!(
        offered.len(),
        4,
        "three events, and what announces the pause"
    );
    let announced = claims_of(&offered[3].set);
    assert_eq!(announced["events"][STREAM_UPDATED]["reason"], reason);
    party.endpoint.answer(202);
    party.enable(&transmitter).await;
    let refused: Vec<String> = offered[..3].iter().map(about).collect();
    let held = ["a", "b", "c", "d", "e"];
    let held: Vec<&str> = held
        .into_iter()
        .filter(|user| !refused.contains(&(*user).to_owned()))
        .collect();
    let arrived = party.pushes_about(&held);
    assert_eq!(
        arrived.len(),
        2,
        "neither the refused nor the announcement come again"
    );
    let told = party.status(&transmitter).await;
    assert_eq!(
        (&told["status"], &told["reason"]),
        (&json!("enabled"), &Value::Null)
    );
}

#[tokio::test]
async fn a_busy_receiver_is_left_alone_until_it_requests_a_verification() {
    let installation = Installation::new();
    let transmitter = installation.serve();
    let party = Party::new(&installation, &transmitter, "rp").await;
    party.endpoint.be_busy(300);
    happens_to(&transmitter, &["a"]).await;
    let first = party.endpoint.next();
    party.endpoint.answer(202);
    let verify = party.post(&transmitter, "/ssf/verify", json!({})).await;
    assert_eq!(verify.status, 204, "{}", verify.body);
    let arrived = party.pushes_about(&["a", "verification"]);
    assert!(arrived.iter().any(|push| jti(push) == jti(&first)));
    let line = r#"ssf_delivery_attempts_total{outcome="busy"} 1"#;
    assert!(metric(&transmitter, line).await);
}

#[tokio::test]
async fn who_is_not_let_in_quarantines_nothing_and_goes_on_when_the_secret_is_replaced() {
    let installation = Installation::new();
    let transmitter = installation.serve();
    let party = Party::new(&installation, &transmitter, "rp").await;
    for (number, refusal) in [None, Some("authentication_failed"), Some("access_denied")]
        .into_iter()
        .enumerate()
    {
        match refusal {
            None => party.endpoint.answer(401),
            Some(err) => party.endpoint.refuse(err),
        }
        let user = format!("user{number}");
        happens_to(&transmitter, &[&user]).await;
        assert_eq!(about(&party.endpoint.next()), user);
    }
    party.endpoint.answer(202);
    party.replace_secret(&transmitter).await;
    for push in party.pushes_about(&["user0", "user1", "user2"]) {
        assert!(push.head.contains("bearer another-s3cret"));
    }
}

#[tokio::test]
async fn an_answer_that_may_pass_is_followed_by_the_same_set() {
    let installation = Installation::new();
    let transmitter = installation.serve();
    let party = Party::new(&installation, &transmitter, "rp").await;
    for status in [307, 404, 410, 418, 500, 502] {
        party.endpoint.answer(status);
        let user = format!("user{status}");
        happens_to(&transmitter, &[&user]).await;
        let first = party.endpoint.next();
        party.endpoint.answer(202);
        let second = party.endpoint.next();
        assert_eq!((about(&second), jti(&second)), (user, jti(&first)));
        party.endpoint.rest();
    }
    assert_eq!(party.status(&transmitter).await["status"], "enabled");
}

#[tokio::test]
async fn a_refused_key_keeps_later_sets_about_the_user_waiting_and_no_others() {
    let installation = Installation::new();
    let transmitter = installation.serve();
    let party = Party::new(&installation, &transmitter, "rp").await;
    party.endpoint.refuse("invalid_key");
    happens_to(&transmitter, &["a"]).await;
    let first = party.endpoint.next();
    happens_to(&transmitter, &["a"]).await;
    party.endpoint.answer(202);
    happens_to(&transmitter, &["b"]).await;
    assert_eq!(about(&party.endpoint.next()), "b");
    // The new place may have the key.
    party.replace_secret(&transmitter).await;
    let again = party.endpoint.next();
    assert_eq!(jti(&again), jti(&first));
    assert_eq!(about(&party.endpoint.next()), "a");
}

#[tokio::test]
async fn an_operator_sees_why_a_stream_rests() {
    let installation = Installation::new();
    let transmitter = installation.serve();
    let party = Party::new(&installation, &transmitter, "rp").await;
    let circuit = async || {
        let id = party.stream.as_str().unwrap();
        let request = client().get(transmitter.url(&format!("/operator/v1/streams/{id}")));
        let token = transmitter.operator_token.clone().unwrap();
        let answer = Answer::to(request.bearer_auth(token)).await;
        answer.json()["circuit"].clone()
    };
    assert_eq!(circuit().await, json!({"state": "closed"}));
    party.endpoint.be_busy(200);
    happens_to(&transmitter, &["a"]).await;
    party.endpoint.next();
    let troubled = r#"ssf_streams_in_trouble{trouble="busy"} 1"#;
    let shown = async {
        while circuit().await["state"] != "open"
            || !metric(&transmitter, troubled).await
            || !metric(&transmitter, "ssf_circuits_open 1").await
        {
            tokio::time::sleep(PAUSE).await;
        }
        circuit().await
    };
    let shown = tokio::time::timeout(PATIENCE, shown).await.unwrap();
    assert_eq!(
        (&shown["trouble"], &shown["last"]),
        (&json!("busy"), &json!("503"))
    );
    assert!((1..=200).contains(&shown["rests_seconds"].as_u64().unwrap()));
    assert!(shown["seconds"].as_u64().unwrap() < 60);
}
