//! The reference transmitter: what it knows, and what it answers.

use std::{collections::BTreeMap, sync::Mutex};

use serde_json::{Map, Value, json};

use super::{Asked, Caller, Operation, Reply, Rules, Site};
use crate::context::locked;

const PUSH: &str = "urn:ietf:rfc:8935";
const POLL: &str = "urn:ietf:rfc:8936";

/// Longest description that is kept, in characters.
const DESCRIPTION_CHARS_MAX: usize = 200;

/// The event types that the reference supports.
const EVENTS_SUPPORTED: [&str; 4] = [
    "https://schemas.openid.net/secevent/caep/event-type/session-revoked",
    "https://schemas.openid.net/secevent/caep/event-type/credential-change",
    "https://schemas.openid.net/secevent/caep/event-type/device-compliance-change",
    "https://schemas.openid.net/secevent/risc/event-type/account-disabled",
];

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
    rules: Rules,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    made: u64,
    streams: BTreeMap<String, Stream>,
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
}

/// To which Receiver a stream belongs.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Owner {
    Receiver,
    Other,
}

/// An answer that is no success.
type Refusal = Reply;

impl Transmitter {
    /// A transmitter that publishes this and has no streams.
    pub(super) fn new(site: Site, rules: Rules) -> Self {
        Self {
            issuer: site.issuer.clone(),
            published: site.routes(),
            rules,
            state: Mutex::default(),
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
            ("POST", poll) if poll.starts_with("/ssf/poll/") => Some(Operation::Poll),
            _ => None,
        }
    }

    /// Answers a request.
    pub(super) fn answer(&self, asked: &Asked) -> Reply {
        let Some(operation) = asked.operation else {
            let published = self.published.get(&asked.path);
            let found = published.filter(|_| asked.method == "GET").cloned();
            return found.unwrap_or_else(|| Reply::error(404));
        };
        let done = authorized(operation, asked.caller).and_then(|owner| {
            let mut state = locked(&self.state);
            match operation {
                Operation::Create => self.create(&mut state, owner, asked),
                Operation::Read => self.read(&state, owner, asked),
                Operation::Update => self.update(&mut state, owner, asked),
                Operation::Replace => self.replace(&mut state, owner, asked),
                Operation::Delete => self.delete(&mut state, owner, asked),
                Operation::ReadStatus => read_status(&mut state, owner, asked),
                Operation::SetStatus => set_status(&mut state, owner, asked),
                Operation::Poll => poll(&mut state, owner, asked),
            }
        });
        let mut reply = done.unwrap_or_else(|refusal| refusal);
        reply.set_header("Cache-Control", "no-store");
        reply
    }

    fn create(&self, state: &mut State, owner: Owner, asked: &Asked) -> Result<Reply, Refusal> {
        let body = object(asked)?;
        state.made += 1;
        let id = format!("stream-{:04}", state.made);
        let mut stream = Stream {
            owner,
            requested: None,
            delivery: json!({ "method": POLL }),
            description: None,
            status: "enabled".to_owned(),
            reason: None,
        };
        self.change(&mut stream, &id, &body)?;
        let same = |(_, other): &(&String, &Stream)| other.description == stream.description;
        if self.rules.one_stream_for_one_description
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
        if !self.rules.keeps_deleted_streams {
            state.streams.remove(id);
        }
        Ok(Reply::error(204))
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
                let origin = self.issuer.trim_end_matches("/tenant/");
                let url = format!("{origin}/ssf/poll/{id}");
                stream.delivery = json!({ "method": POLL, "endpoint_url": url });
                Ok(())
            }
            Some(PUSH) if url.is_some_and(|url| url.starts_with("https://")) => Ok(()),
            Some(_) | None => Err(bad_request()),
        }
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
        let requested = stream.requested.iter().flatten();
        let delivered: Vec<&Value> = requested
            .filter(|uri| EVENTS_SUPPORTED.iter().any(|supported| uri == supported))
            .collect();
        let mut configuration = json!({
            "stream_id": id,
            "iss": self.issuer,
            "aud": match stream.owner {
                Owner::Receiver => "https://receiver.example.com",
                Owner::Other => "https://other.example.com",
            },
            "events_supported": EVENTS_SUPPORTED,
            "events_delivered": delivered,
            "delivery": stream.delivery,
            "min_verification_interval": 0,
            "inactivity_timeout": 86400,
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

fn set_status(state: &mut State, owner: Owner, asked: &Asked) -> Result<Reply, Refusal> {
    let body = object(asked)?;
    let (id, stream) = named_in(&body, state, owner)?;
    let status = body.get("status").and_then(Value::as_str);
    let known = status.filter(|status| matches!(*status, "enabled" | "paused" | "disabled"));
    known
        .ok_or_else(bad_request)?
        .clone_into(&mut stream.status);
    stream.reason = body.get("reason").cloned();
    Ok(Reply::json(&status_of(&id, stream)))
}

fn status_of(id: &str, stream: &Stream) -> Value {
    match &stream.reason {
        Some(reason) => json!({ "stream_id": id, "status": stream.status, "reason": reason }),
        None => json!({ "stream_id": id, "status": stream.status }),
    }
}

fn poll(state: &mut State, owner: Owner, asked: &Asked) -> Result<Reply, Refusal> {
    object(asked)?;
    let id = asked.path.trim_start_matches("/ssf/poll/");
    named(id, state, owner)?;
    Ok(Reply::json(&json!({ "sets": {} })))
}
