//! Threats T31 and T58: what is secret or about a person stands nowhere that others read.

use std::fs;

use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::rig::{
    Answer, Endpoint, Installation, SESSION_REVOKED, Transmitter, client, text, value,
};

/// Stand for a person, and for what only two know.
const MARKERS: [&str; 6] = [
    "marker-person",
    "marker-subject",
    "marker-session",
    "marker-secret",
    "marker-key",
    "marker-reason",
];

/// Requests that hold every marker, some of them faulty, so that errors are tried as well.
fn events(issuer: &str) -> Value {
    let user = json!({"format": "aliases", "identifiers": [
        {"format": "iss_sub", "iss": issuer, "sub": "marker-subject"},
        {"format": "email", "email": "marker-person@example.com"},
    ]});
    let session = json!({"format": "opaque", "id": "marker-session"});
    let payload = json!({"reason_user": {"en": "marker-reason"}});
    json!([
        {
            "sub_id": {"format": "complex", "user": user, "session": session},
            "events": {(SESSION_REVOKED): payload},
        },
        {
            "sub_id": {"format": "email", "email": "marker-person"},
            "events": {(SESSION_REVOKED): payload},
        },
        {
            "sub_id": {"format": "iss_sub", "iss": "https://marker-person.example.com", "sub": "marker-subject"},
            "events": {(SESSION_REVOKED): payload},
        },
        {
            "sub_id": {"format": "opaque", "id": "marker-subject"},
            "events": {"https://schemas.openid.net/secevent/ssf/event-type/verification": {"state": "marker-secret"}},
        },
    ])
}

/// A transmitter to which everything is told, with the tokens of those who tell it.
struct World {
    installation: Installation,
    transmitter: Transmitter,
    endpoint: Endpoint,
    tokens: [String; 3],
    client: Client,
}

impl World {
    fn new() -> Self {
        let filter = "info,ssf_transmitter=trace";
        let installation = Installation::new().with("SSF_TRANSMITTER_LOG_FILTER", filter);
        let transmitter = installation.serve();
        let output = installation.run(&["source", "add", "hr"]);
        let tokens = [
            installation.add_receiver("rp"),
            value(&text(&output.stdout), "source_token").unwrap(),
            transmitter.operator_token.clone().unwrap(),
        ];
        Self {
            installation,
            transmitter,
            endpoint: Endpoint::answering(202),
            tokens,
            client: client(),
        }
    }

    async fn send(&self, method: Method, path: &str, token: &str, body: &Value) -> Answer {
        let request = self.client.request(method, self.transmitter.url(path));
        let request = request.header("Idempotency-Key", "marker-key");
        Answer::to(request.json(body).bearer_auth(token)).await
    }

    /// Tells every endpoint the markers, and returns the answers.
    async fn tell(&self) -> Vec<Answer> {
        let [receiver, source, operator] = &self.tokens;
        let stream = json!({
            "delivery": {
                "method": "urn:ietf:rfc:8935",
                "endpoint_url": format!("{}?key=marker-secret", self.endpoint.url),
                "authorization_header": "Bearer marker-secret",
            },
            "events_requested": [SESSION_REVOKED],
        });
        let created = self
            .send(Method::POST, "/ssf/stream", receiver, &stream)
            .await;
        assert_eq!(created.status, 201, "{}", created.body);
        let id = created.json()["stream_id"].clone();
        let verify = json!({"stream_id": id, "state": "marker-secret"});
        let mut answers = vec![created];
        answers.push(
            self.send(Method::POST, "/ssf/verify", receiver, &verify)
                .await,
        );
        self.endpoint.next();
        let events = events(&self.transmitter.issuer);
        for token in [source, operator] {
            let answer = self
                .send(Method::POST, "/ingest/events", token, &events)
                .await;
            assert_eq!(answer.status, 207, "{}", answer.body);
            answers.push(answer);
            self.endpoint.next();
        }
        let nonsense = json!({"delivery": "marker-secret", "marker-person": 1});
        for path in [
            "/ssf/stream",
            "/ssf/status",
            "/ssf/verify",
            "/marker-person",
        ] {
            for token in [receiver, "marker-secret"] {
                answers.push(self.send(Method::POST, path, token, &nonsense).await);
            }
        }
        let id = id.as_str().unwrap();
        let query = format!("/ssf/stream?stream_id={id}&x=marker-secret");
        let nothing = json!({});
        answers.push(self.send(Method::DELETE, &query, receiver, &nothing).await);
        answers
    }

    /// Ends it, and returns all that others may read, with what it is called.
    async fn left(self) -> Vec<(&'static str, Vec<u8>)> {
        let metrics = self.client.get(self.transmitter.url("/metrics"));
        let metrics = Answer::to(metrics).await.body;
        let audit = self.installation.run(&["audit", "tail"]).stdout;
        self.transmitter.kill();
        let file = |name| fs::read(self.installation.path(name)).unwrap_or_default();
        vec![
            ("the log", self.installation.log().into_bytes()),
            ("the audit log", audit),
            ("the database", file("ssf-transmitter.db")),
            ("the database's log", file("ssf-transmitter.db-wal")),
            ("the metrics", metrics.into_bytes()),
        ]
    }
}

#[tokio::test]
async fn t31_t58_no_secret_and_no_person_stands_in_a_log_a_metric_an_audit_entry_or_the_database() {
    let world = World::new();
    for answer in world.tell().await {
        assert!(
            !answer.body.contains("Bearer marker-secret"),
            "{}",
            answer.body
        );
    }
    let tokens = world.tokens.clone();
    let markers = MARKERS.into_iter().chain(tokens.iter().map(String::as_str));
    let left = world.left().await;
    for (place, bytes) in &left[..3] {
        assert!(bytes.len() > 1000, "{place} is there");
    }
    for marker in markers {
        for (place, bytes) in &left {
            let mut windows = bytes.windows(marker.len());
            let found = windows.any(|window| window == marker.as_bytes());
            assert!(!found, "{marker} stands in {place}");
        }
    }
}
