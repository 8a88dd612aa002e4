//! The reference transmitter: what it knows, and what it answers.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Mutex,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use serde_json::{Map, Value, json};
use tokio::sync::{Notify, futures::Notified};
use url::Url;

use super::{
    Asked, Caller, Operation, Reply, Rules, Site,
    fault::{Members, Spoilt},
    pusher::{Attempt, Outcome, Pushing},
    queue::{Passage, Queue},
    signer::Signer,
};
use crate::{
    context::locked,
    event_types::{self, ACCOUNT_DISABLED},
    exchange::Request,
};

const PUSH: &str = "urn:ietf:rfc:8935";
const POLL: &str = "urn:ietf:rfc:8936";
const VERIFICATION: &str = "https://schemas.openid.net/secevent/ssf/event-type/verification";
const STREAM_UPDATED: &str = "https://schemas.openid.net/secevent/ssf/event-type/stream-updated";

/// Longest description that is kept, in characters.
const DESCRIPTION_CHARS_MAX: usize = 200;

/// How far apart verifications are, where they are.
const VERIFICATIONS_APART: Duration = Duration::from_secs(1);

/// How many streams stay that were deleted, where they do: a list of all would be longer than a tester reads.
const DELETED_KEPT: usize = 16;

/// The event types that the reference supports.
fn events_supported() -> impl Iterator<Item = &'static str> {
    event_types::all().map(|known| known.uri)
}

/// Members of a configuration that are not the Receiver's to change.
const SUPPLIED: [&str; 6] = [
    "iss",
    "aud",
    "events_supported",
    "events_delivered",
    "min_verification_interval",
    "inactivity_timeout",
];

/// The reference transmitter.
pub(super) struct Transmitter {
    issuer: String,
    published: BTreeMap<String, Reply>,
    signer: Signer,
    spoilt: Spoilt,
    terms: Terms,
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
    /// With what the URLs begin that are pushed to.
    pub(super) pushes_to: &'static [&'static str],
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            audience: "https://receiver.example.com".to_owned(),
            inactivity_timeout: 86400,
            pushes_to: &["https://"],
        }
    }
}

/// A stream, as whoever delivers by it sees it.
#[derive(Clone, Debug)]
pub(super) struct Delivered {
    /// Its id.
    pub(super) id: String,
    /// How its SETs are delivered.
    pub(super) delivery: Value,
}

#[derive(Default)]
struct State {
    made: u64,
    streams: BTreeMap<String, Stream>,
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
    subjects: Vec<Value>,
    verified: Instant,
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
        self.subjects.contains(subject) && self.delivered().any(is_one)
    }
}

/// An answer that is no success.
type Refusal = Reply;

impl Transmitter {
    /// A transmitter that publishes this and has no streams.
    pub(super) fn new(site: Site, signer: Signer, spoilt: Spoilt) -> Self {
        Self {
            issuer: site.issuer.clone(),
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

    /// The Receiver's newest stream, unless that is paused or disabled.
    pub(super) fn newest(&self) -> Option<Delivered> {
        let state = locked(&self.state);
        let mut own = state.streams.iter().rev();
        let (id, stream) = own.find(|(_, stream)| stream.owner == Owner::Receiver)?;
        (stream.status == "enabled").then(|| Delivered {
            id: id.clone(),
            delivery: stream.delivery.clone(),
        })
    }

    /// Puts a SET into the queue of a stream under a name.
    pub(super) fn hand_over(&self, id: &str, jti: &str, token: String) {
        if let Some(stream) = locked(&self.state).streams.get_mut(id) {
            stream.queue.remove(jti);
            stream.queue.push(jti.to_owned(), token, Passage::Held);
        }
        self.changed.notify_waiters();
    }

    /// Takes a SET out of the queue of a stream.
    pub(super) fn withdraw(&self, id: &str, jti: &str) {
        if let Some(stream) = locked(&self.state).streams.get_mut(id) {
            stream.queue.remove(jti);
        }
    }

    /// Takes all SETs out of the queues of streams that are pushed and enabled.
    pub(super) fn to_be_pushed(&self) -> Vec<(Delivered, String)> {
        let mut pushed = Vec::new();
        for (id, stream) in &mut locked(&self.state).streams {
            if stream.delivery["method"] != PUSH || stream.status != "enabled" {
                continue;
            }
            for set in stream.queue.take() {
                let (id, delivery) = (id.clone(), stream.delivery.clone());
                pushed.push((Delivered { id, delivery }, set.token));
            }
        }
        pushed
    }

    /// What the SETs for somebody are made out to.
    fn audience(&self, owner: Owner) -> &str {
        match owner {
            Owner::Receiver => &self.terms.audience,
            Owner::Other => "https://other.example.com",
        }
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
            ("POST", poll) if poll.starts_with("/ssf/poll/") => Some(Operation::Poll),
            _ => None,
        }
    }

    /// Answers a request; `None` if it waits for something to come.
    pub(super) fn answer(&self, asked: &Asked) -> Option<Reply> {
        let Some(operation) = asked.operation else {
            let published = self.published.get(&asked.path);
            let found = published.filter(|_| asked.method == "GET").cloned();
            return Some(found.unwrap_or_else(|| Reply::error(404)));
        };
        if operation == Operation::Emit {
            return Some(self.emit(asked).unwrap_or_else(|refusal| refusal));
        }
        if operation == Operation::Decide {
            return Some(self.decide(asked).unwrap_or_else(|refusal| refusal));
        }
        let done = authorized(operation, asked.caller).and_then(|owner| {
            let mut state = locked(&self.state);
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
                Operation::Emit | Operation::Decide => Err(Reply::error(404)),
            }
            .map(Some)
        });
        let mut reply = match done {
            Ok(reply) => reply?,
            Err(refusal) => refusal,
        };
        reply.set_header("Cache-Control", "no-store");
        Some(reply)
    }

    fn create(&self, state: &mut State, owner: Owner, asked: &Asked) -> Result<Reply, Refusal> {
        let body = object(asked)?;
        let has_one = state.streams.values().any(|stream| stream.owner == owner);
        if has_one && self.spoilt.rules().allows_one_stream {
            return Err(Reply::error(409));
        }
        state.made += 1;
        let id = format!("stream-{:04}", state.made);
        let mut stream = Stream {
            owner,
            requested: None,
            delivery: json!({ "method": POLL }),
            description: None,
            status: "enabled".to_owned(),
            reason: None,
            subjects: Vec::new(),
            verified: Instant::now(),
            queue: Queue::default(),
            pushing: Pushing::default(),
        };
        self.change(&mut stream, &id, &body)?;
        let same = |(_, other): &(&String, &Stream)| other.description == stream.description;
        if self.spoilt.rules().one_stream_for_one_description
            && let Some((id, stream)) = state.streams.iter().find(same)
        {
            return Ok(Reply::with(201, &self.configuration(id, stream)));
        }
        let configuration = self.configuration(&id, &stream);
        state.streams.insert(id, stream);
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
        named(id, state, owner)?;
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

    /// Has the transmitter itself decide on the status of a stream, and announce it.
    fn decide(&self, asked: &Asked) -> Result<Reply, Refusal> {
        let body = object(asked)?;
        let text = |name| {
            body.get(name)
                .and_then(Value::as_str)
                .ok_or_else(bad_request)
        };
        let (id, status) = (text("stream_id")?, text("status")?);
        let rules = self.spoilt.rules();
        let mut state = locked(&self.state);
        let stream = state.streams.get_mut(id).ok_or_else(|| Reply::error(404))?;
        if !rules.announces_alone {
            self.enter(stream, status, body.get("reason"));
        }
        if rules.keeps_quiet_about != Some(status) {
            self.announce(&mut state, id, status)?;
        }
        self.changed.notify_waiters();
        Ok(Reply::error(200))
    }

    fn announce(&self, state: &mut State, id: &str, status: &str) -> Result<(), Refusal> {
        state.made += 1;
        let made = state.made;
        let stream = state.streams.get_mut(id).ok_or_else(|| Reply::error(404))?;
        let subject = json!({ "format": "opaque", "id": id });
        let mut event = json!({ "status": status });
        if let Some(reason) = &stream.reason {
            event["reason"] = reason.clone();
        }
        let events = json!({ STREAM_UPDATED: event });
        self.deliver(id, stream, made, subject, events)
    }

    fn verify(&self, state: &mut State, owner: Owner, asked: &Asked) -> Result<Reply, Refusal> {
        let body = object(asked)?;
        state.made += 1;
        let made = state.made;
        let (id, stream) = named_in(&body, state, owner)?;
        let mut event = Members::new();
        if let Some(sent) = body.get("state") {
            let sent = Some(sent).filter(|sent| sent.is_string());
            event.insert("state".to_owned(), sent.ok_or_else(bad_request)?.clone());
        }
        let since = Instant::now().duration_since(stream.verified);
        if self.spoilt.rules().spaces_verifications && since < VERIFICATIONS_APART {
            return Err(Reply::error(429));
        }
        stream.verified = Instant::now();
        if stream.status == "enabled" {
            let subject = json!({ "format": "opaque", "id": id });
            self.deliver(&id, stream, made, subject, json!({ VERIFICATION: event }))?;
        }
        Ok(Reply::error(204))
    }

    /// Has an event happen: what the hook is given stands in the SET as it is.
    fn emit(&self, asked: &Asked) -> Result<Reply, Refusal> {
        let mut body = object(asked)?;
        let (Some(subject), Some(mut events)) = (body.remove("sub_id"), body.remove("events"))
        else {
            return Err(bad_request());
        };
        // One type repeats its subject, as it may (SSF 1.0 §3.1.1).
        if let Some(Value::Object(says)) = events.get_mut(ACCOUNT_DISABLED.uri) {
            says.insert("subject".to_owned(), subject.clone());
        }
        let rules = self.spoilt.rules();
        let mut state = locked(&self.state);
        state.made += 1;
        let made = state.made;
        for (id, stream) in &mut state.streams {
            if !stream.wants(&subject, &events) {
                continue;
            }
            let is_kept = match stream.status.as_str() {
                "paused" => !rules.drops_while_paused,
                "disabled" => rules.keeps_while_disabled,
                _ => true,
            };
            if is_kept {
                self.deliver(id, stream, made, subject.clone(), events.clone())?;
            }
        }
        Ok(Reply::error(202))
    }

    /// Signs a SET and puts it into the queue of a stream.
    #[expect(clippy::disallowed_methods, reason = "a SET tells when it was made")]
    fn deliver(
        &self,
        id: &str,
        stream: &mut Stream,
        made: u64,
        subject: Value,
        events: Value,
    ) -> Result<(), Refusal> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let jti = format!("{id}-{made:06}");
        let mut claims = Members::new();
        for (name, value) in [
            ("iss", json!(self.issuer)),
            ("aud", json!(self.audience(stream.owner))),
            ("iat", json!(now.as_secs())),
            ("jti", json!(jti)),
            ("txn", json!(format!("txn-{made}"))),
            ("toe", json!(now.as_secs())),
            ("sub_id", subject),
            ("events", events),
        ] {
            claims.insert(name.to_owned(), value);
        }
        // An announcement goes out although the stream has stopped, and before what was kept.
        let passage = match claims["events"].get(STREAM_UPDATED) {
            Some(_) => Passage::Free,
            None => Passage::Held,
        };
        let mut header = self.signer.header();
        self.spoilt.set(&mut header, &mut claims);
        let claims = self.spoilt.payload(Value::Object(claims).to_string());
        let token = self.signer.sign(header, &claims);
        stream
            .queue
            .push(jti, token.map_err(|_| Reply::error(500))?, passage);
        self.changed.notify_waiters();
        Ok(())
    }

    fn poll(
        &self,
        state: &mut State,
        owner: Owner,
        asked: &Asked,
    ) -> Result<Option<Reply>, Refusal> {
        let id = asked.path.trim_start_matches("/ssf/poll/");
        let stream = named(id, state, owner)?;
        let rules = self.spoilt.rules();
        let sends = stream.sends(rules);
        Ok(stream.queue.poll(asked, sends, rules))
    }

    /// Takes the pushes that are due, and marks their streams.
    pub(super) fn due(&self, now: Instant) -> Vec<(Attempt, Request)> {
        let rules = self.spoilt.rules();
        let mut state = locked(&self.state);
        let mut due = Vec::new();
        for (id, stream) in &mut state.streams {
            if stream.is_pushed()
                && stream.pushing.is_free(now)
                && let Some(set) = stream.queue.first(stream.sends(rules))
                && let Some(url) = stream.push_url()
            {
                let mut request = Request::new("POST", url);
                let mut header = |name: &str, value: &str| {
                    request.headers.push((name.to_owned(), value.to_owned()));
                };
                header("content-type", "application/secevent+jwt");
                if let Some(secret) = stream.delivery["authorization_header"].as_str() {
                    header("authorization", secret);
                }
                request.body = set.token.clone().into_bytes();
                due.push((stream.pushing.begin(id, &set.jti, now), request));
            }
        }
        due
    }

    /// Notes what became of a push.
    pub(super) fn settle(&self, attempt: &Attempt, outcome: Outcome, now: Instant) {
        let mut state = locked(&self.state);
        if let Some(stream) = state.streams.get_mut(&attempt.stream)
            && stream.pushing.end(outcome, now)
        {
            stream.queue.remove(&attempt.jti);
        }
        self.changed.notify_waiters();
    }

    /// By when somebody has to look again what is due, and whether something is on its way.
    pub(super) fn rests(&self, now: Instant) -> (Option<Instant>, bool) {
        let state = locked(&self.state);
        let rules = self.spoilt.rules();
        let waits = |stream: &&Stream| {
            stream.is_pushed() && stream.queue.first(stream.sends(rules)).is_some()
        };
        let waiting = || state.streams.values().filter(waits);
        let until = waiting()
            .filter_map(|stream| stream.pushing.rests_until(now))
            .min();
        (
            until,
            waiting().any(|stream| stream.pushing.is_at_work(now)),
        )
    }

    /// What is wrong with it.
    pub(super) fn spoilt(&self) -> &Spoilt {
        &self.spoilt
    }

    /// Tells when something happened for which a poll may wait.
    pub(super) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    /// Whether a poll is held that must not be.
    pub(super) fn holds(&self, asked: &Asked) -> bool {
        let id = asked.path.trim_start_matches("/ssf/poll/");
        let state = locked(&self.state);
        let is_first = state
            .streams
            .get(id)
            .is_some_and(|stream| !stream.queue.had_some);
        asked.is(Operation::Poll) && is_first && self.spoilt.rules().holds_first_polls
    }

    /// Takes over what the Receiver says.
    fn change(
        &self,
        stream: &mut Stream,
        id: &str,
        body: &Map<String, Value>,
    ) -> Result<(), Refusal> {
        if let Some(requested) = body.get("events_requested") {
            let types = requested
                .as_array()
                .filter(|types| types.iter().all(Value::is_string));
            stream.requested = Some(types.ok_or_else(bad_request)?.clone());
        }
        if let Some(description) = body.get("description") {
            let text = description.as_str().ok_or_else(bad_request)?;
            stream.description = Some(text.chars().take(DESCRIPTION_CHARS_MAX).collect());
        }
        if let Some(delivery) = body.get("delivery") {
            stream.delivery = delivery.clone();
        }
        let url = stream.delivery.get("endpoint_url").and_then(Value::as_str);
        match stream.delivery.get("method").and_then(Value::as_str) {
            Some(POLL) => {
                let origin = self
                    .issuer
                    .trim_end_matches('/')
                    .trim_end_matches("/tenant");
                let url = format!("{origin}/ssf/poll/{id}");
                stream.delivery = json!({ "method": POLL, "endpoint_url": url });
                Ok(())
            }
            Some(PUSH) if url.is_some_and(|url| self.pushes_to(url)) => Ok(()),
            Some(_) | None => Err(bad_request()),
        }
    }

    fn pushes_to(&self, url: &str) -> bool {
        let mut beginnings = self.terms.pushes_to.iter();
        beginnings.any(|beginning| url.starts_with(beginning))
    }

    /// What the transmitter supplies has to be what it is, if it is sent (SSF 1.0 §8.1.1.3).
    fn supplied_members_match(
        &self,
        id: &str,
        stream: &Stream,
        body: &Map<String, Value>,
    ) -> Result<(), Refusal> {
        let now = self.configuration(id, stream);
        let differs = |name: &&&str| body.get(**name).is_some_and(|sent| *sent != now[**name]);
        match SUPPLIED.iter().find(differs) {
            Some(_) => Err(bad_request()),
            None => Ok(()),
        }
    }

    fn configuration(&self, id: &str, stream: &Stream) -> Value {
        let rules = self.spoilt.rules();
        let is_hidden = |uri: &str| rules.hides == Some(uri);
        let mut delivered: Vec<&Value> = stream.delivered().collect();
        delivered.retain(|uri| !uri.as_str().is_some_and(is_hidden));
        let mut supported: Vec<&str> = events_supported().collect();
        supported.retain(|uri| !is_hidden(uri));
        supported.extend(rules.offers_besides);
        let is_spaced = rules.spaces_verifications;
        let interval = if is_spaced {
            VERIFICATIONS_APART
        } else {
            Duration::ZERO
        };
        let mut configuration = json!({
            "stream_id": id,
            "iss": self.issuer,
            "aud": self.audience(stream.owner),
            "events_supported": supported,
            "events_delivered": delivered,
            "delivery": stream.delivery,
            "min_verification_interval": interval.as_secs(),
            "inactivity_timeout": self.terms.inactivity_timeout,
        });
        if let Some(members) = configuration.as_object_mut() {
            if let Some(requested) = &stream.requested {
                members.insert("events_requested".to_owned(), json!(requested));
            }
            if let Some(description) = &stream.description {
                members.insert("description".to_owned(), json!(description));
            }
        }
        configuration
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
    let (stream, subject) = subject_in(state, owner, asked)?;
    if !stream.subjects.contains(&subject) {
        stream.subjects.push(subject);
    }
    Ok(Reply::error(200))
}

fn remove_subject(state: &mut State, owner: Owner, asked: &Asked) -> Result<Reply, Refusal> {
    let (stream, subject) = subject_in(state, owner, asked)?;
    stream.subjects.retain(|added| *added != subject);
    Ok(Reply::error(204))
}

fn subject_in<'s>(
    state: &'s mut State,
    owner: Owner,
    asked: &Asked,
) -> Result<(&'s mut Stream, Value), Refusal> {
    let body = object(asked)?;
    let subject = body.get("subject").filter(|subject| {
        let format = subject.get("format");
        format.is_some_and(Value::is_string)
    });
    let subject = subject.ok_or_else(bad_request)?.clone();
    if body
        .get("verified")
        .is_some_and(|verified| !verified.is_boolean())
    {
        return Err(bad_request());
    }
    Ok((named_in(&body, state, owner)?.1, subject))
}

fn status_of(id: &str, stream: &Stream) -> Value {
    match &stream.reason {
        Some(reason) => json!({ "stream_id": id, "status": stream.status, "reason": reason }),
        None => json!({ "stream_id": id, "status": stream.status }),
    }
}
