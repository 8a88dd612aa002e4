//! Where the Receiver is answered: by the transmitter, or as the cases have it.

use std::{
    collections::VecDeque,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Instant,
};

use actix_web::{
    HttpRequest, HttpResponse,
    web::{self, Bytes},
};
use serde_json::{Map, Value, json};
use url::Url;

use super::{
    Seen, Settings, TOKEN_PATH,
    changes::{Changes, Wanted},
    log::Log,
    tokens,
};
use crate::{
    context::locked,
    exchange::Request,
    peer::{
        Asked, Caller, Operation, Reply, Site,
        fault::Spoilt,
        server::{answered, asked, receiver},
        signer::Signer,
        transmitter::{Terms, Transmitter},
    },
    push::{Keys, LURE},
    target::Target,
};

/// A type of events that it offers, and that no Receiver can know.
pub const UNKNOWN_EVENT: &str = "https://ssf-conformance.invalid/event-type/offered";

/// A member of complex subjects that is called critical, and that no Receiver can know.
pub const CRITICAL_MEMBER: &str = "ssf_conformance_place";

/// What answers the Receiver, and writes down what it asks for.
pub(super) struct Desk {
    pub(super) target: Target,
    pub(super) origin: Url,
    token: String,
    pub(super) transmitter: Transmitter,
    pub(super) jwks: Mutex<Vec<Value>>,
    lure: Value,
    pub(super) log: Log,
    pub(super) instead: Mutex<VecDeque<Reply>>,
    pub(super) sets_max: AtomicUsize,
    pub(super) changes: Changes,
    /// Whether somebody has asked for a verification that is kept back.
    has_kept_back: AtomicBool,
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut desk = f.debug_struct("Desk");
        desk.field("target", &self.target).finish_non_exhaustive()
    }
}

impl Desk {
    /// That of a transmitter without streams.
    pub(super) fn of(target: &Target, settings: &Settings, keys: &Keys, signer: Signer) -> Self {
        let mut site = Site::for_receivers(target);
        site.document["critical_subject_members"] = json!([CRITICAL_MEMBER]);
        let terms = Terms {
            offers_besides: Some(UNKNOWN_EVENT),
            ..Terms::for_receivers(&settings.audience, settings.inactivity)
        };
        let mut url = target.url().clone();
        url.set_path("/");
        Self {
            target: target.clone(),
            origin: url,
            token: settings.token.clone(),
            transmitter: Transmitter::new(site, signer, Spoilt::default()).on(terms),
            jwks: Mutex::new(vec![keys.own.jwk().clone()]),
            lure: json!({ "keys": [keys.foreign.jwk()] }),
            log: Log::default(),
            instead: Mutex::default(),
            sets_max: AtomicUsize::new(usize::MAX),
            changes: Changes::default(),
            has_kept_back: AtomicBool::new(false),
        }
    }

    /// The answer of the transmitter. What a poll says of SETs counts once, when it comes: while it waits, they may come again.
    async fn answer(&self, asked: &Asked, at: usize) -> Reply {
        if let Some(reply) = self.keep_back(asked, at) {
            return reply;
        }
        let mut asked = asked.clone();
        let sets_max = self.sets_max.load(Ordering::SeqCst);
        if asked.is(Operation::Poll) && sets_max < usize::MAX {
            asked.change(|poll| bring_at_most(poll, sets_max));
        }
        if let Some(reply) = self.transmitter.answer(&asked) {
            return reply;
        }
        self.log.note_heeded(at);
        let mut waiting = asked;
        waiting.change(|poll| {
            poll.remove("ack");
            poll.remove("setErrs");
        });
        answered(&self.transmitter, &waiting).await
    }

    /// Answers the first request for a verification, and keeps that back until somebody delivers it: it may be late (SSF 1.0
    /// §8.1.4.2).
    fn keep_back(&self, asked: &Asked, at: usize) -> Option<Reply> {
        if !asked.is(Operation::Verify) || asked.caller != Caller::Receiver {
            return None;
        }
        let body = asked.object()?;
        let stream = self.transmitter.newest()?;
        let is_stateful = body.get("state").is_some_and(Value::is_string);
        let is_sound = is_stateful && body.get("stream_id").is_some_and(|id| *id == stream.id);
        if !is_sound || self.has_kept_back.swap(true, Ordering::SeqCst) {
            return None;
        }
        self.log.note_kept_back(at);
        let mut reply = Reply::error(204);
        reply.set_header("Cache-Control", "no-store");
        Some(reply)
    }

    fn origin(&self) -> &str {
        self.origin.as_str().trim_end_matches('/')
    }

    /// What a request is, as changes of answers tell them apart.
    fn wanted(&self, asked: &Asked) -> Option<Wanted> {
        if asked.path == self.target.metadata_url().path() {
            return Some(Wanted::Metadata);
        }
        asked.operation.map(Wanted::Operation)
    }

    async fn reply(&self, asked: &Asked, at: usize) -> Reply {
        let instead = asked
            .is(Operation::Poll)
            .then(|| locked(&self.instead).pop_front());
        if let Some(reply) = tokens::answer(asked, self.origin(), &self.token) {
            return reply;
        }
        match (instead.flatten(), asked.path.as_str()) {
            (Some(reply), _) => reply,
            (None, LURE) => Reply::json(&self.lure),
            (None, "/jwks.json") => Reply::json(&json!({ "keys": *locked(&self.jwks) })),
            (None, _) => {
                let mut reply = self.answer(asked, at).await;
                tokens::lead_to_resource(&mut reply, self.origin());
                reply
            }
        }
    }
}

/// Has a poll want so many SETs at most.
fn bring_at_most(poll: &mut Map<String, Value>, sets: usize) {
    let wanted = poll.get("maxEvents").and_then(Value::as_u64);
    if wanted.is_none_or(|wanted| usize::try_from(wanted).is_ok_and(|wanted| wanted > sets)) {
        poll.insert("maxEvents".to_owned(), json!(sets));
    }
}

pub(super) async fn answer(
    request: HttpRequest,
    body: Bytes,
    desk: web::Data<Desk>,
) -> HttpResponse {
    let caller = receiver(&request, &desk.token);
    let mut asked = asked(&request, body, caller);
    // Nobody has events happen but the cases.
    asked.operation = asked.operation.filter(|operation| !operation.is_of_owner());
    let at = desk.log.note(seen(&desk, &request, &asked));
    let mut reply = desk.reply(&asked, at).await;
    let is_changed = desk.changes.apply(desk.wanted(&asked), &mut reply);
    desk.log.note_answer(at, &reply, is_changed);
    reply.into()
}

fn seen(desk: &Desk, request: &HttpRequest, asked: &Asked) -> Seen {
    let mut url = desk.origin.clone();
    url.set_path(request.path());
    let query = request.query_string();
    url.set_query((!query.is_empty()).then_some(query));
    let mut written = Request::new(&asked.method, url);
    written.headers.clone_from(&asked.headers);
    written.body = if asked.path == TOKEN_PATH {
        tokens::masked(&asked.body)
    } else {
        asked.body.clone()
    };
    Seen {
        operation: asked.operation,
        request: written,
        at: Instant::now(),
        is_heeded: false,
        is_changed: false,
        is_kept_back: false,
        answer: None,
    }
}
