//! Receivers with a profile: each vendor's documented exchange, and what of it the default profile refuses.

mod apple;
mod choice;
mod drafts;
mod google_workspace;
mod okta;
mod sailpoint;

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use tokio::time::timeout;

use crate::rig::{Answer, Installation, PATIENCE, Transmitter, client, event_about, text, value};

/// A transmitter that lets verifications follow each other, with one Receiver.
struct Served {
    installation: Installation,
    transmitter: Transmitter,
    receiver: String,
}

impl Served {
    fn with_profile(profile: &str, audience: &str) -> Self {
        let interval = "SSF_TRANSMITTER_MIN_VERIFICATION_INTERVAL_SECONDS";
        let installation = Installation::new().with(interval, "1");
        let transmitter = installation.serve();
        let add = ["receiver", "add", "rp", "--audience", audience];
        let added = installation.run(&[&add[..], &["--profile", profile]].concat());
        assert!(added.status.success(), "{}", text(&added.stderr));
        Self {
            receiver: value(&text(&added.stdout), "receiver_token").unwrap(),
            installation,
            transmitter,
        }
    }

    /// One whose Receiver has the default profile.
    fn strictly() -> Self {
        Self::with_profile("ssf-1.0", "https://rp.example.com")
    }

    async fn send(&self, method: Method, path: &str) -> Answer {
        let request = client().request(method, self.transmitter.url(path));
        Answer::to(request.bearer_auth(&self.receiver)).await
    }

    async fn send_json(&self, method: Method, path: &str, body: &Value) -> Answer {
        let request = client().request(method, self.transmitter.url(path));
        Answer::to(request.json(body).bearer_auth(&self.receiver)).await
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send_json(Method::POST, path, body).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path).await
    }

    /// Creates a stream in the way of SSF 1.0.
    async fn create(&self, body: &Value) -> Value {
        let answer = self.post("/ssf/stream", body).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.json()
    }

    /// Has an event accepted.
    async fn happen(&self, event: &Value) {
        let request = client().post(self.transmitter.url("/ingest/events"));
        let token = self.transmitter.operator_token.as_ref().unwrap();
        let answer = Answer::to(request.json(event).bearer_auth(token)).await;
        assert_eq!(answer.status, 202, "{}", answer.body);
    }

    /// Has the session of one address end.
    async fn happen_to_alice(&self) {
        self.happen(&event_about("alice@example.com")).await;
    }

    /// Asks for a verification until it is not too soon any more.
    async fn verify(&self, body: &Value) -> Answer {
        let asked = async {
            loop {
                let answer = self.post("/ssf/verify", body).await;
                if answer.status != 429 {
                    return answer;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(PATIENCE, asked).await.unwrap()
    }

    /// Waits until so many deliveries have been acknowledged.
    async fn acknowledged(&self, count: u64) {
        let waited = async {
            while self.counted("acknowledged").await < count {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(PATIENCE, waited).await.unwrap();
    }

    /// How many attempts have ended so.
    async fn counted(&self, outcome: &str) -> u64 {
        let metrics = Answer::to(client().get(self.transmitter.url("/metrics"))).await;
        let name = format!(r#"ssf_delivery_attempts_total{{outcome="{outcome}"}} "#);
        let line = |line: &str| line.strip_prefix(&name)?.parse().ok();
        metrics.body.lines().find_map(line).unwrap_or_default()
    }
}
