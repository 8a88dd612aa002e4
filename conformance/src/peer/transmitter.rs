//! The reference transmitter: what it knows, and what it answers.

mod configuration;
mod delivery;
mod events;
mod inactivity;
mod namesakes;
mod opt_out;
mod upkeep;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Mutex,
    time::{Duration, Instant},
};

use serde_json::{Map, Value, json};
use tokio::sync::Notify;
use url::Url;

use super::{
    Asked, Caller, Operation, Reply, Rules, Site, coverage::Coverage, fault::Spoilt,
    pusher::Pushing, queue::Queue, signer::Signer, site::RESOURCE_PATH,
};
use crate::{context::locked, event_types};

pub(super) use self::delivery::Delivered;
pub use self::{
    inactivity::Idling,
    namesakes::Namesakes,
    opt_out::OptOut,
    upkeep::{Forgets, Rotation},
};

const PUSH: &str = "urn:ietf:rfc:8935";
const POLL: &str = "urn:ietf:rfc:8936";

/// How far apart verifications are, where they are.
const VERIFICATIONS_APART: Duration = Duration::from_secs(1);

/// How many streams stay that were deleted, where they do: a list of all would be longer than a tester reads.
const DELETED_KEPT: usize = 16;

/// The event types that the reference supports.
fn events_supported() -> impl Iterator<Item = &'static str> {
    event_types::all().map(|known| known.uri)
}

/// The reference transmitter.
pub(super) struct Transmitter {
    issuer: String,
    published: BTreeMap<String, Reply>,
    publishes_resource: bool,
    signer: Signer,
    spoilt: Spoilt,
    terms: Terms,
    coverage: Coverage,
    state: Mutex<State>,
    changed: Notify,
}

/// What a transmitter agrees on with its Receivers.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    /// What SETs for the Receiver are made out to.
    pub(super) audience: String,
    /// After which time without a sign of life a stream may be stopped, in seconds.
    pub(super) inactivity_timeout: u64,
    /// A type of events that is offered besides those that there are.
    pub(super) offers_besides: Option<&'static str>,
    /// With what the URLs begin that are pushed to.
    pub(super) pushes_to: &'static [&'static str],
    /// Whether they may be anywhere.
    pub(super) trusts_receivers: bool,
}

impl Terms {
    /// Those of a transmitter whom Receivers use for a while, also on this machine and without TLS.
    pub(super) fn for_receivers(audience: &str, inactivity: Duration) -> Self {
        Self {
            audience: audience.to_owned(),
            inactivity_timeout: inactivity.as_secs(),
            offers_besides: None,
            pushes_to: &[
                "https://",
                "http://127.0.0.1:",
                "http://[::1]:",
                "http://localhost:",
            ],
            trusts_receivers: true,
        }
    }
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            audience: "https://receiver.example.com".to_owned(),
            inactivity_timeout: 86400,
            offers_besides: None,
            pushes_to: &["https://"],
            trusts_receivers: false,
        }
    }
}

#[derive(Default)]
struct State {
    made: u64,
    streams: BTreeMap<String, Stream>,
    left: opt_out::Left,
    /// The streams that were deleted and are there nevertheless, oldest first.
    deleted: VecDeque<String>,
}

/// A stream.
#[derive(Clone)]
struct Stream {
    owner: Owner,
    requested: Option<Vec<Value>>,
    delivery: Value,
    description: Option<String>,
    status: String,
    reason: Option<Value>,
    coverage: Coverage,
    verified: Instant,
    /// Whether a verification was asked for.
    was_verified: bool,
    /// When its Receiver showed a sign of life; when it was made, if that never happened.
    seen: Instant,
    was_seen: bool,
    queue: Queue,
    pushing: Pushing,
}

/// To which Receiver a stream belongs.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Owner {
    Receiver,
    Other,
}

impl Stream {
    /// What is delivered of what was asked for.
    fn delivered(&self) -> impl Iterator<Item = &Value> {
        let requested = self.requested.iter().flatten();
        requested.filter(|uri| events_supported().any(|supported| *uri == supported))
    }

    fn is_pushed(&self) -> bool {
        self.delivery["method"] == PUSH
    }

    /// Whether SETs leave it.
    fn sends(&self, rules: Rules) -> bool {
        match self.status.as_str() {
            "enabled" => true,
            "paused" => rules.sends_while_paused,
            _ => false,
        }
    }

    fn push_url(&self) -> Option<Url> {
        Url::parse(self.delivery["endpoint_url"].as_str()?).ok()
    }

    /// Whether an event of these types about somebody is for this stream.
    fn wants(&self, subject: &Value, events: &Value) -> bool {
        let is_one = |uri: &Value| uri.as_str().is_some_and(|uri| events.get(uri).is_some());
        self.coverage.covers(subject) && self.delivered().any(is_one)
    }
}

/// An answer that is no success.
type Refusal = Reply;

impl Transmitter {
    /// A transmitter that publishes this and has no streams.
    pub(super) fn new(site: Site, signer: Signer, spoilt: Spoilt) -> Self {
        Self {
            issuer: site.issuer.clone(),
            publishes_resource: site.resource.is_some(),
            coverage: Coverage::of(&site.document["default_subjects"], spoilt.rules().coverage),
            published: site.routes(),
            signer,
            spoilt,
            terms: Terms::default(),
            state: Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// The same on other terms.
    pub(super) fn on(self, terms: Terms) -> Self {
        Self { terms, ..self }
    }

    /// What the SETs for somebody are made out to.
    fn audience(&self, owner: Owner) -> Value {
        let audience = match owner {
            Owner::Receiver => &self.terms.audience,
            Owner::Other => "https://other.example.com",
        };
        let mischief = self.spoilt.mischief();
        let list = mischief.and_then(|mischief| mischief.audience(audience));
        list.unwrap_or_else(|| json!(audience))
    }

    /// Where its endpoints are.
    fn origin(&self) -> &str {
        let issuer = self.issuer.trim_end_matches('/');
        issuer.trim_end_matches("/tenant")
    }

    /// What a request asks for.
    pub(super) fn operation(method: &str, path: &str) -> Option<Operation> {
        match (method, path) {
            ("POST", "/ssf/streams") => Some(Operation::Create),
            ("GET", "/ssf/streams") => Some(Operation::Read),
            ("PATCH", "/ssf/streams") => Some(Operation::Update),
            ("PUT", "/ssf/streams") => Some(Operation::Replace),
            ("DELETE", "/ssf/streams") => Some(Operation::Delete),
            ("GET", "/ssf/status") => Some(Operation::ReadStatus),
            ("POST", "/ssf/status") => Some(Operation::SetStatus),
            ("POST", "/ssf/subjects:add") => Some(Operation::AddSubject),
            ("POST", "/ssf/subjects:remove") => Some(Operation::RemoveSubject),
            ("POST", "/ssf/verify") => Some(Operation::Verify),
            ("POST", "/hook/emit") => Some(Operation::Emit),
            ("POST", "/hook/status") => Some(Operation::Decide),
            ("POST", "/hook/key") => Some(Operation::RotateKey),
            ("POST", "/hook/restart") => Some(Operation::Restart),
            ("POST", poll) if poll.starts_with("/ssf/poll/") => Some(Operation::Poll),
            _ => None,
        }
    }

    /// Answers a request; `None` if it waits for something to come.
    pub(super) fn answer(&self, asked: &Asked) -> Option<Reply> {
        let Some(operation) = asked.operation else {
            return Some(self.published(asked));
        };
        let own = match operation {
            Operation::Emit => Some(self.emit(asked)),
            Operation::Decide => Some(self.decide(asked)),
            Operation::RotateKey => Some(self.rotate_key()),
            Operation::Restart => Some(Ok(self.restart())),
            Operation::Create
            | Operation::Read
            | Operation::Update
            | Operation::Replace
            | Operation::Delete
            | Operation::ReadStatus
            | Operation::SetStatus
            | Operation::AddSubject
            | Operation::RemoveSubject
            | Operation::Verify
            | Operation::Poll => None,
        };
        if let Some(done) = own {
            return Some(done.unwrap_or_else(|refusal| refusal));
        }
        let done = authorized(operation, asked.caller).and_then(|owner| {
            let mut state = locked(&self.state);
            self.note_sign(&mut state, owner, asked);
            match operation {
                Operation::Create => self.create(&mut state, owner, asked),
                Operation::Read => self.read(&state, owner, asked),
                Operation::Update => self.update(&mut state, owner, asked),
                Operation::Replace => self.replace(&mut state, owner, asked),
                Operation::Delete => self.delete(&mut state, owner, asked),
                Operation::ReadStatus => read_status(&mut state, owner, asked),
                Operation::SetStatus => self.set_status(&mut state, owner, asked),
                Operation::AddSubject => add_subject(&mut state, owner, asked),
                Operation::RemoveSubject => remove_subject(&mut state, owner, asked),
                Operation::Verify => self.verify(&mut state, owner, asked),
                Operation::Poll => return self.poll(&mut state, owner, asked),
                Operation::Emit | Operation::Decide | Operation::RotateKey | Operation::Restart => {
                    Err(Reply::error(404))
                }
            }
            .map(Some)
        });
        let mut reply = match done {
            Ok(reply) => reply?,
            Err(refusal) => refusal,
        };
        reply.set_header("Cache-Control", "no-store");
        if self.publishes_resource {
            self.lead_to_resource(&mut reply);
        }
        Some(reply)
    }

    /// Has a challenge say where the metadata of the resource is (RFC 9728 §5.1).
    fn lead_to_resource(&self, reply: &mut Reply) {
        let url = format!("{}{RESOURCE_PATH}", self.origin());
        for (name, value) in &mut reply.headers {
            if *name == "WWW-Authenticate" {
                let comma = if value.contains('=') { "," } else { "" };
                *value = format!("{value}{comma} resource_metadata=\"{url}\"");
            }
        }
    }

    fn create(&self, state: &mut State, owner: Owner, asked: &Asked) -> Result<Reply, Refusal> {
        let body = object(asked)?;
        let has_one = state.streams.values().any(|stream| stream.owner == owner);
        if has_one && self.spoilt.rules().allows_one_stream {
            return Err(Reply::error(409));
        }
        state.made += 1;
        let id = format!("stream-{:04}", state.made);
        let odd = self.spoilt.mischief().and_then(|odd| odd.stream_id(&id));
        let id = odd.unwrap_or(id);
        let mut stream = Stream {
            owner,
            requested: None,
            delivery: json!({ "method": POLL }),
            description: None,
            status: "enabled".to_owned(),
            reason: None,
            coverage: self.coverage.clone(),
            verified: Instant::now(),
            was_verified: false,
            seen: Instant::now(),
            was_seen: false,
            queue: Queue::default(),
            pushing: Pushing::default(),
        };
        self.change(&mut stream, &id, &body)?;
        let id = match self.name(state, id, &stream, &body) {
            Ok(id) => id,
            Err(instead) => return Ok(instead),
        };
        let configuration = self.configuration(&id, &stream);
        state.streams.insert(id, stream);
        self.changed.notify_waiters();
        Ok(Reply::with(201, &configuration))
    }

    fn read(&self, state: &State, owner: Owner, asked: &Asked) -> Result<Reply, Refusal> {
        let own = |(_, stream): &(&String, &Stream)| stream.owner == owner;
        let mut streams = state.streams.iter().filter(own);
        let Some(id) = &asked.stream_id else {
            let list = streams.map(|(id, stream)| self.configuration(id, stream));
            return Ok(Reply::json(&list.collect()));
        };
        match streams.find(|(found, _)| *found == id) {
            Some((id, stream)) => Ok(Reply::json(&self.configuration(id, stream))),
            None => Err(Reply::error(404)),
        }
    }

    fn update(&self, state: &mut State, owner: Owner, asked: &Asked) -> Result<Reply, Refusal> {
        let body = object(asked)?;
        let (id, stream) = named_in(&body, state, owner)?;
        self.supplied_members_match(&id, stream, &body)?;
        let mut changed = stream.clone();
        self.change(&mut changed, &id, &body)?;
        *stream = changed;
        Ok(Reply::json(&self.configuration(&id, stream)))
    }

    fn replace(&self, state: &mut State, owner: Owner, asked: &Asked) -> Result<Reply, Refusal> {
        let body = object(asked)?;
        let (id, stream) = named_in(&body, state, owner)?;
        self.supplied_members_match(&id, stream, &body)?;
        let mut changed = Stream {
            requested: None,
            description: None,
            ..stream.clone()
        };
        self.change(&mut changed, &id, &body)?;
        *stream = changed;
        Ok(Reply::json(&self.configuration(&id, stream)))
    }

    fn delete(&self, state: &mut State, owner: Owner, asked: &Asked) -> Result<Reply, Refusal> {
        let id = asked.stream_id.as_ref().ok_or_else(bad_request)?;
        let stream = named(id, state, owner)?.clone();
        self.end_namesakes(state, &stream);
        state.deleted.push_back(id.clone());
        let kept = if self.spoilt.rules().keeps_deleted_streams {
            DELETED_KEPT
        } else {
            0
        };
        while state.deleted.len() > kept {
            if let Some(oldest) = state.deleted.pop_front() {
                state.streams.remove(&oldest);
            }
        }
        Ok(Reply::error(204))
    }

    fn set_status(&self, state: &mut State, owner: Owner, asked: &Asked) -> Result<Reply, Refusal> {
        let body = object(asked)?;
        let (id, stream) = named_in(&body, state, owner)?;
        let status = body.get("status").and_then(Value::as_str);
        let known = status.filter(|status| matches!(*status, "enabled" | "paused" | "disabled"));
        let status = known.ok_or_else(bad_request)?;
        self.enter(stream, status, body.get("reason"));
        let reply = Reply::json(&status_of(&id, stream));
        let stream = stream.clone();
        self.share_status(state, &stream);
        if self.spoilt.rules().announces_what_was_asked_for {
            let status = status.to_owned();
            self.announce(state, &id, &status)?;
        }
        self.changed.notify_waiters();
        Ok(reply)
    }

    fn enter(&self, stream: &mut Stream, status: &str, reason: Option<&Value>) {
        status.clone_into(&mut stream.status);
        stream.reason = reason.cloned();
        if status == "disabled" && !self.spoilt.rules().keeps_while_disabled {
            stream.queue.clear();
        }
    }

    /// What is wrong with it.
    pub(super) fn spoilt(&self) -> &Spoilt {
        &self.spoilt
    }
}

/// Who may ask for this.
fn authorized(operation: Operation, caller: Caller) -> Result<Owner, Refusal> {
    let reads = matches!(operation, Operation::Read | Operation::ReadStatus);
    match caller {
        Caller::Receiver => Ok(Owner::Receiver),
        Caller::ReadOnly if reads => Ok(Owner::Receiver),
        Caller::Other => Ok(Owner::Other),
        Caller::ReadOnly => Err(challenged(403, "Bearer error=\"insufficient_scope\"")),
        Caller::Twofold => Err(challenged(400, "Bearer error=\"invalid_request\"")),
        Caller::Unknown => Err(challenged(401, "Bearer error=\"invalid_token\"")),
        Caller::Nobody => Err(challenged(401, "Bearer")),
    }
}

fn challenged(status: u16, challenge: &str) -> Refusal {
    let mut refusal = Reply::error(status);
    refusal.set_header("WWW-Authenticate", challenge);
    refusal
}

fn bad_request() -> Refusal {
    Reply::error(400)
}

fn object(asked: &Asked) -> Result<Map<String, Value>, Refusal> {
    asked.object().ok_or_else(bad_request)
}

/// The stream that the body names.
fn named_in<'s>(
    body: &Map<String, Value>,
    state: &'s mut State,
    owner: Owner,
) -> Result<(String, &'s mut Stream), Refusal> {
    let id = body.get("stream_id").and_then(Value::as_str);
    let id = id.ok_or_else(bad_request)?;
    Ok((id.to_owned(), named(id, state, owner)?))
}

fn named<'s>(id: &str, state: &'s mut State, owner: Owner) -> Result<&'s mut Stream, Refusal> {
    let stream = state.streams.get_mut(id);
    let own = stream.filter(|stream| stream.owner == owner);
    own.ok_or_else(|| Reply::error(404))
}

fn read_status(state: &mut State, owner: Owner, asked: &Asked) -> Result<Reply, Refusal> {
    let id = asked.stream_id.as_ref().ok_or_else(bad_request)?;
    let stream = named(id, state, owner)?;
    Ok(Reply::json(&status_of(id, stream)))
}

fn add_subject(state: &mut State, owner: Owner, asked: &Asked) -> Result<Reply, Refusal> {
    let (stream, subject, verified) = subject_in(state, owner, asked)?;
    let added = stream.coverage.add(subject, verified);
    Ok(Reply::error(if added.is_ok() { 200 } else { 409 }))
}

fn remove_subject(state: &mut State, owner: Owner, asked: &Asked) -> Result<Reply, Refusal> {
    let (stream, subject, _) = subject_in(state, owner, asked)?;
    stream.coverage.remove(&subject);
    Ok(Reply::error(204))
}

fn subject_in<'s>(
    state: &'s mut State,
    owner: Owner,
    asked: &Asked,
) -> Result<(&'s mut Stream, Value, Option<bool>), Refusal> {
    let body = object(asked)?;
    let subject = body.get("subject").filter(|subject| {
        let format = subject.get("format");
        format.is_some_and(Value::is_string)
    });
    let subject = subject.ok_or_else(bad_request)?.clone();
    let verified = match body.get("verified") {
        Some(verified) => Some(verified.as_bool().ok_or_else(bad_request)?),
        None => None,
    };
    Ok((named_in(&body, state, owner)?.1, subject, verified))
}

fn status_of(id: &str, stream: &Stream) -> Value {
    match &stream.reason {
        Some(reason) => json!({ "stream_id": id, "status": stream.status, "reason": reason }),
        None => json!({ "stream_id": id, "status": stream.status }),
    }
}
