//! What the Receiver asked for, as it came.

use std::time::Instant;

use serde_json::{Map, Value};
use url::Url;

use crate::{
    exchange::{Answer, Exchange, NoAnswer, Request},
    peer::Operation,
};

/// A request, and its answer once there is one.
#[derive(Clone, Debug)]
pub struct Seen {
    /// What was asked for; a document that is published is none of these.
    pub operation: Option<Operation>,
    /// The request.
    pub request: Request,
    /// When it came.
    pub at: Instant,
    /// Whether what it says of SETs has been heeded, although it may still wait for its answer.
    pub(super) is_heeded: bool,
    /// Whether the answer was changed.
    pub is_changed: bool,
    /// Whether it is the verification that was kept back.
    pub is_kept_back: bool,
    /// The answer, and when it was ready.
    pub answer: Option<(Answer, Instant)>,
}

impl Seen {
    /// The value of a header; `name` is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.request.headers.iter();
        let found = headers.find(|(found, _)| found == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The value of a member of the query.
    pub fn query(&self, name: &str) -> Option<String> {
        let mut pairs = self.request.url.query_pairs();
        let found = pairs.find(|(found, _)| found == name);
        found.map(|(_, value)| value.into_owned())
    }

    /// The body, if it is a JSON object.
    pub fn object(&self) -> Option<Map<String, Value>> {
        serde_json::from_slice(&self.request.body).ok()
    }

    /// Where it went.
    pub fn url(&self) -> &Url {
        &self.request.url
    }

    /// Method and URL, for evidence.
    pub fn asked(&self) -> String {
        format!("{} {}", self.request.method, self.request.url)
    }

    /// Whether it was answered with one of the 2xx.
    pub fn is_success(&self) -> bool {
        let answer = self.answer.as_ref();
        answer.is_some_and(|(answer, _)| answer.is_success())
    }

    /// The same as a report has it; `None` while there is no answer.
    pub fn exchange(&self) -> Option<Exchange> {
        let (answer, at) = self.answer.clone()?;
        let took = at.saturating_duration_since(self.at);
        Some(Exchange::new(self.request.clone(), Ok(answer), took))
    }

    /// Whether a poll acknowledges this SET.
    pub(super) fn acknowledges(&self, jti: &str) -> bool {
        let ack = self.object().and_then(|mut body| body.remove("ack"));
        let ack = ack.as_ref().and_then(Value::as_array);
        ack.is_some_and(|ack| ack.iter().any(|name| name == jti))
    }

    /// What a poll says is wrong with this SET.
    pub(super) fn error_of(&self, jti: &str) -> Option<Value> {
        self.object()?.get("setErrs")?.get(jti).cloned()
    }

    /// The same for a request that may still be held.
    pub(super) fn shown(&self) -> Exchange {
        self.exchange().unwrap_or_else(|| {
            let reason = "the request is held".to_owned();
            let held = NoAnswer::Unreachable { reason };
            Exchange::new(self.request.clone(), Err(held), self.at.elapsed())
        })
    }

    /// Whether the answer to a poll, given since then, brings this SET.
    pub(super) fn brings(&self, jti: &str, since: Instant) -> bool {
        let answer = self.answer.as_ref().filter(|(_, at)| *at >= since);
        let body = answer.map(|(answer, _)| answer.body.as_slice());
        let body: Option<Value> = body.and_then(|body| serde_json::from_slice(body).ok());
        body.is_some_and(|body| body["sets"].get(jti).is_some())
    }
}
