//! The poll endpoint of the Transmitter: it answers what a test has said, and otherwise holds the poll.

use std::{
    collections::VecDeque,
    sync::Mutex,
    time::{Duration, Instant},
};

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::until;

/// A poll as it came.
#[derive(Clone, Debug)]
pub struct Seen {
    pub at: Instant,
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: Value,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let (_, value) = headers.find(|(header, _)| header == name)?;
        Some(value)
    }

    /// The names in `ack`.
    pub fn acknowledged(&self) -> Vec<&str> {
        let ack = self.body["ack"].as_array().into_iter().flatten();
        ack.map(|name| name.as_str().unwrap()).collect()
    }
}

/// An answer to a poll.
#[derive(Clone, Debug)]
pub enum Reply {
    /// 200 with this body, and this media type.
    Body(&'static str, String),
    /// This status, with a body that is none of RFC 8936's.
    Status(u16),
    /// 200, and bytes without end.
    Endless,
}

impl Reply {
    /// These SETs, each under its name.
    pub fn sets<N: AsRef<str>>(sets: impl IntoIterator<Item = (N, String)>) -> Self {
        Self::page(sets, false)
    }

    pub fn page<N: AsRef<str>>(sets: impl IntoIterator<Item = (N, String)>, more: bool) -> Self {
        let sets = sets.into_iter();
        let sets: serde_json::Map<String, Value> = sets
            .map(|(name, set)| (name.as_ref().to_owned(), set.into()))
            .collect();
        let body = json!({ "sets": sets, "moreAvailable": more });
        Self::Body("application/json", body.to_string())
    }

    fn response(self) -> HttpResponse {
        match self {
            Self::Body(media_type, body) => HttpResponse::Ok().content_type(media_type).body(body),
            Self::Status(status) => HttpResponse::build(StatusCode::from_u16(status).unwrap())
                .content_type("application/json")
                .body(r#"{"sets":{"1":"not to be looked at"}}"#),
            Self::Endless => {
                let chunk = web::Bytes::from_static(&[b' '; 16 * 1024]);
                let chunks = futures_util::stream::repeat_with(move || {
                    Ok::<_, actix_web::Error>(chunk.clone())
                });
                HttpResponse::Ok()
                    .content_type("application/json")
                    .streaming(chunks)
            }
        }
    }
}

/// The polls that came, and what they are answered with.
#[derive(Default)]
pub struct Polls {
    seen: Mutex<Vec<Seen>>,
    replies: Mutex<VecDeque<Reply>>,
    always: Mutex<Option<Reply>>,
    changed: Notify,
}

impl Polls {
    /// Answers the poll that waits, or the next one.
    pub fn answer(&self, reply: Reply) {
        self.replies.lock().unwrap().push_back(reply);
        self.changed.notify_waiters();
    }

    /// Answers each poll that nothing else was said about, until told otherwise.
    pub fn answer_always(&self, reply: Option<Reply>) {
        *self.always.lock().unwrap() = reply;
        self.changed.notify_waiters();
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The poll of this number, once it has come; the first is 1.
    pub async fn number(&self, number: usize) -> Seen {
        until("so many polls come", || self.seen().len() >= number).await;
        self.seen().swap_remove(number - 1)
    }

    /// The first poll that is so.
    pub async fn find(&self, what: &str, is_it: impl Fn(&Seen) -> bool) -> Seen {
        let mut found = None;
        until(what, || {
            found = self.seen().into_iter().find(&is_it);
            found.is_some()
        })
        .await;
        found.unwrap()
    }

    fn come(&self, seen: Seen) -> usize {
        let mut all = self.seen.lock().unwrap();
        all.push(seen);
        all.len()
    }

    fn reply(&self, is_held: bool) -> Option<Reply> {
        let next = self.replies.lock().unwrap().pop_front();
        let reply = next.or_else(|| self.always.lock().unwrap().clone());
        reply.or_else(|| (!is_held).then(|| Reply::sets::<&str>([])))
    }
}

pub async fn poll(
    request: HttpRequest,
    state: web::Data<super::State>,
    body: web::Json<Value>,
) -> HttpResponse {
    if let Some(refusal) = super::refused(&request, &state) {
        return refusal;
    }
    let polls = &state.polls;
    let headers = request.headers().iter();
    let headers = headers.map(|(name, value)| {
        let value = value.to_str().unwrap().to_owned();
        (name.as_str().to_owned(), value)
    });
    let number = polls.come(Seen {
        at: Instant::now(),
        path: request.path().to_owned(),
        headers: headers.collect(),
        body: body.into_inner(),
    });
    let seen = polls.seen().swap_remove(number - 1);
    let is_held = seen.body["returnImmediately"] != true;
    loop {
        let changed = polls.changed.notified();
        // A poll that was given up does not take the answer to the next one.
        if polls.seen().len() > number {
            return Reply::sets::<&str>([]).response();
        }
        if let Some(reply) = polls.reply(is_held) {
            return reply.response();
        }
        // Within bounds, since the client may be gone.
        let _ = tokio::time::timeout(Duration::from_secs(20), changed).await;
    }
}
