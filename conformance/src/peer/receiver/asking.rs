//! What the reference Receiver asks for: metadata, its stream, and what can be said of it.

use std::{
    mem::replace,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Value, json};
use url::Url;

use super::{Breaks, owner::Owner, taking::Stay};
use crate::{
    chance::Chance,
    exchange::{Answer, Request},
    peer::{Operation, host::Delivery},
    push::SESSION_REVOKED,
};

const PUSH: &str = "urn:ietf:rfc:8935";
const POLL: &str = "urn:ietf:rfc:8936";

/// How long a stream may be without a sign of life of which nothing is said.
const INACTIVITY: Duration = Duration::from_hours(24);

/// Whose events it asks for, and not any more.
pub(crate) const LEFT: &str = "left@ssf-conformance.example.com";

/// Where the SETs of a stream are had.
pub(super) enum Place {
    /// Polls are asked for them here.
    Poll(Url),
    /// They are pushed.
    Push(Stay),
}

impl Owner {
    /// Makes the stream, and returns where its SETs are had.
    pub(super) async fn set_up(&mut self) -> Option<Place> {
        if self.manners.looks_behind_the_issuer
            && let Some(url) = self.orders.issuer.appended_url()
        {
            self.ask(Request::get(url)).await;
        }
        let metadata = self
            .ask(Request::get(self.orders.issuer.metadata_url()))
            .await?;
        let metadata = Value::Object(metadata.object().ok()?);
        let is_foreign = metadata["issuer"] != self.orders.issuer.issuer();
        if is_foreign && !self.manners.uses_foreign_metadata {
            return None;
        }
        self.critical = metadata["critical_subject_members"].clone();
        let url = |name: &str| Url::parse(metadata[name].as_str()?).ok();
        self.fetch_keys(url("jwks_uri")?).await?;
        let streams = url("configuration_endpoint")?;
        if self.shown.is_none() {
            self.shown = Some(self.token(&streams).await?);
        }
        let stream = self.stream(&streams).await?;
        let id = stream["stream_id"].as_str()?;
        self.configure(&streams, id).await?;
        // All the rest it asks for once.
        if !replace(&mut self.has_tended, true) {
            self.tend(&metadata, id).await;
        }
        match self.orders.delivery {
            Delivery::Poll => {
                let endpoint = Url::parse(stream["delivery"]["endpoint_url"].as_str()?).ok()?;
                Some(Place::Poll(endpoint))
            }
            Delivery::Push => {
                let mut status = url("status_endpoint")?;
                status.query_pairs_mut().append_pair("stream_id", id);
                let inactivity = stream["inactivity_timeout"].as_u64();
                Some(Place::Push(Stay {
                    status,
                    inactivity: inactivity.map_or(INACTIVITY, Duration::from_secs),
                }))
            }
        }
    }

    /// How its SETs are to come.
    fn delivery(&self) -> Value {
        match (self.orders.delivery, &self.secret) {
            (Delivery::Poll, _) => json!({ "method": POLL }),
            (Delivery::Push, None) => json!({ "method": PUSH, "endpoint_url": self.push_url }),
            (Delivery::Push, Some(secret)) => json!({
                "method": PUSH, "endpoint_url": self.push_url, "authorization_header": secret,
            }),
        }
    }

    /// Says what the stream is for, in both ways; `None` if an answer is somebody else's.
    async fn configure(&mut self, streams: &Url, id: &str) -> Option<()> {
        let change = json!({ "stream_id": id, "description": "a reference" });
        let whole = json!({
            "stream_id": id, "description": "the reference", "delivery": self.delivery(),
            "events_requested": [SESSION_REVOKED],
        });
        for (method, operation, body) in [
            ("PATCH", Operation::Update, change),
            ("PUT", Operation::Replace, whole),
        ] {
            // Whether these are answered is no reason to go without the stream.
            if let Some(answer) = self.ask_with(method, streams.clone(), &body).await {
                self.own(operation, serde_json::from_slice(&answer.body).ok()?)?;
            }
        }
        Some(())
    }

    /// The configuration in an answer, unless it is somebody else's.
    fn own(&self, operation: Operation, stream: Value) -> Option<Value> {
        let is_believed = self.manners.believes == Some(operation);
        (is_believed || stream["iss"] == self.orders.issuer.issuer()).then_some(stream)
    }

    /// Asks for the status, for somebody's events and not any more, and for verifications.
    async fn tend(&mut self, metadata: &Value, id: &str) -> Option<()> {
        let url = |name: &str| Url::parse(metadata[name].as_str()?).ok();
        let mut status = url("status_endpoint")?;
        let enabled = json!({ "stream_id": id, "status": "enabled", "reason": "all is well" });
        self.ask_with("POST", status.clone(), &enabled).await;
        status.query_pairs_mut().append_pair("stream_id", id);
        self.ask(Request::get(status)).await;
        let subject = json!({ "format": "email", "email": LEFT });
        let added = json!({ "stream_id": id, "subject": subject, "verified": true });
        self.ask_with("POST", url("add_subject_endpoint")?, &added)
            .await;
        let removed = json!({ "stream_id": id, "subject": subject });
        self.ask_with("POST", url("remove_subject_endpoint")?, &removed)
            .await;
        let verify = url("verification_endpoint")?;
        for number in 0..2 {
            let number = if self.manners.has_one_state {
                0
            } else {
                number
            };
            let mut chance = Chance::of(number, id);
            let state = format!("{}{}", chance.word(), chance.word());
            self.states.insert(state.clone(), Instant::now());
            let wanted = json!({ "stream_id": id, "state": state });
            self.ask_with("POST", verify.clone(), &wanted).await;
        }
        Some(())
    }

    /// The stream that there is, or a new one.
    async fn stream(&mut self, streams: &Url) -> Option<Value> {
        if !self.manners.makes_streams_blindly {
            let list = self.ask(Request::get(streams.clone())).await?;
            let list: Vec<Value> = serde_json::from_slice(&list.body).ok()?;
            if let Some(first) = list.into_iter().next() {
                return self.own(Operation::Read, first);
            }
        }
        let wanted = json!({ "delivery": self.delivery(), "events_requested": [SESSION_REVOKED] });
        let mut made = self.ask_with("POST", streams.clone(), &wanted).await;
        if made.is_none() && self.manners.insists_on_its_request {
            made = self.ask_with("POST", streams.clone(), &wanted).await;
        }
        self.own(Operation::Create, serde_json::from_slice(&made?.body).ok()?)
    }

    pub(super) async fn fetch_keys(&mut self, url: Url) -> Option<()> {
        let body = match (url.scheme(), self.manners.trusts_keys_in_urls) {
            ("https" | "http", _) => self.ask(Request::get(url)).await.map(|answer| answer.body),
            (_, true) => {
                let encoded = url.path().split_once("base64,");
                encoded.and_then(|(_, encoded)| BASE64.decode(encoded).ok())
            }
            (_, false) => None,
        };
        self.jwks = match body {
            None if self.manners.does_without_keys => Value::Null,
            body => serde_json::from_slice(&body?).ok()?,
        };
        Some(())
    }

    async fn ask_with(&mut self, method: &str, url: Url, body: &Value) -> Option<Answer> {
        let mut request = Request::new(method, url);
        let media_type = ("content-type".to_owned(), "application/json".to_owned());
        request.headers.push(media_type);
        request.body = body.to_string().into_bytes();
        self.ask(request).await
    }

    /// The answer, if it is one of the 2xx.
    pub(super) async fn ask(&mut self, request: Request) -> Option<Answer> {
        let answer = self.send(request).await?;
        answer.is_success().then_some(answer)
    }

    pub(super) async fn send(&mut self, mut request: Request) -> Option<Answer> {
        // Documents that are there for everybody are no place for the token.
        if let Some(token) = &self.shown
            && request.url.path().starts_with("/ssf/")
        {
            let authorization = format!("Bearer {token}");
            request
                .headers
                .push(("authorization".to_owned(), authorization));
        }
        if let Some(Breaks::Request(spoil)) = self.breaks {
            spoil(&mut request);
        }
        self.wire.send(request).await.result.ok()
    }
}
