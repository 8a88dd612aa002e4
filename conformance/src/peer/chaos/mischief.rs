//! What a hostile transmitter does, wherever the reference can be led astray without breaking a rule.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};
use tokio::sync::Notify;

use super::{Account, Chosen, Draws, Journal, Kind, TurningKeys, ids, json as odd_json};
use crate::{
    chance::Chance,
    context::locked,
    exchange::{Answer, Request},
    peer::{Asked, Members, Operation, Reply, Site, pusher::Attempt},
    push::KeyError,
};

/// After how many SETs the key is another one, at least and on the average.
const SETS_PER_KEY: u64 = 5;

/// One in so many acknowledgements counts as lost.
pub(super) const DUPLICATES: u64 = 4;

/// A member that nobody defined.
const EXTRA: &str = "https://ssf-conformance.example.com/of-nobody";

/// The media type of JSON, as few write it.
const MEDIA_TYPE: &str = "Application/JSON; Charset=\"utf-8\"";

/// What a transmitter does, and what came of it.
#[derive(Debug)]
pub(in crate::peer) struct Mischief {
    draws: Draws,
    /// Only where they are its own; the reference that is judged has others.
    keys: Option<Arc<TurningKeys>>,
    account: Mutex<Account>,
    /// The streams whose creation is not answered yet.
    unanswered: Mutex<BTreeSet<String>>,
    journal: Journal,
    /// Tells when something became of a SET.
    settled: Notify,
}

impl Mischief {
    /// That of these kinds, for a transmitter with keys of its own.
    pub(in crate::peer) fn new(chosen: Chosen, journal: Journal) -> Self {
        Self {
            draws: Draws::of(chosen),
            keys: None,
            account: Mutex::default(),
            unanswered: Mutex::default(),
            journal,
            settled: Notify::new(),
        }
    }

    /// The same with keys that follow one another.
    pub(super) fn with_keys(mut self) -> Result<(Self, Arc<TurningKeys>), KeyError> {
        let keys = Arc::new(TurningKeys::new(self.draw(Kind::OddIds))?);
        if self.draws.has(Kind::KeyRotation) {
            keys.prepare();
        }
        self.keys = Some(Arc::clone(&keys));
        Ok((self, keys))
    }

    pub(super) fn journal(&self) -> &Journal {
        &self.journal
    }

    /// What became of the SETs.
    pub(super) fn account(&self) -> Account {
        let mut account = locked(&self.account).clone();
        account.struck = self.draws.struck();
        account
    }

    /// Waits until no SET waits.
    pub(super) async fn nothing_waits(&self) {
        loop {
            let settled = self.settled.notified();
            tokio::pin!(settled);
            // From here on nothing is missed.
            settled.as_mut().enable();
            if locked(&self.account).waiting() == 0 {
                return;
            }
            settled.await;
        }
    }

    /// The chance of the next time that something of this kind could happen; none if it does not.
    pub(super) fn chance(&self, kind: Kind) -> Option<Chance> {
        self.draws.chance(kind)
    }

    /// The same, and it happens.
    fn draw(&self, kind: Kind) -> Option<Chance> {
        self.draws.draw(kind)
    }

    /// The same, and it happens once in so many times.
    pub(super) fn draw_one_in(&self, kind: Kind, times: u64) -> Option<Chance> {
        self.draws.draw_one_in(kind, times)
    }

    /// Counts that something happened.
    pub(super) fn strike(&self, kind: Kind) {
        self.draws.strike(kind);
    }

    pub(in crate::peer) fn stream_id(&self, stem: &str) -> Option<String> {
        if let Some(mut chance) = self.draw(Kind::ReservedIds) {
            return Some(ids::reserved_stream_id(stem, &mut chance));
        }
        let mut chance = self.draw(Kind::OddIds)?;
        Some(ids::stream_id(stem, &mut chance))
    }

    pub(in crate::peer) fn jti(&self, stem: &str) -> Option<String> {
        Some(ids::any(stem, &mut self.draw(Kind::OddIds)?))
    }

    pub(in crate::peer) fn audience(&self, audience: &str) -> Option<Value> {
        self.draws.has(Kind::AudienceLists).then(|| {
            self.strike(Kind::AudienceLists);
            json!([audience, "https://second-name.example.com"])
        })
    }

    pub(in crate::peer) fn site(&self, site: &mut Site) {
        if self.draw(Kind::ExtraMembers).is_some() {
            site.document[EXTRA] = json!({ "issuer": "not the issuer" });
            if let Some(keys) = site.keys["keys"].as_array_mut() {
                keys.insert(0, unknown_key());
            }
        }
    }

    /// A text of JSON.
    pub(in crate::peer) fn text(&self, value: &Value) -> Option<String> {
        let mut chance = self.draw(Kind::OddJson)?;
        Some(odd_json::text(value, &mut chance))
    }

    pub(in crate::peer) fn set(&self, stream: &str, header: &mut Members, claims: &mut Members) {
        if let Some(keys) = &self.keys {
            self.turn(keys);
            header.insert("kid".to_owned(), json!(keys.kid()));
        }
        if self.draw(Kind::ExtraMembers).is_some() {
            header.insert(EXTRA.to_owned(), json!(1));
            claims.insert(EXTRA.to_owned(), json!(["of nobody", null]));
            if let Some(Value::Object(events)) = claims.get_mut("events") {
                // What SSF itself defines has the members that it defines.
                let others = events.iter_mut().filter(|(uri, _)| !uri.contains("/ssf/"));
                for event in others.filter_map(|(_, event)| event.as_object_mut()) {
                    event.insert(EXTRA.to_owned(), json!({ "of": "nobody" }));
                }
            }
        }
        let text =
            |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
        let may_be_refused = locked(&self.unanswered).contains(stream);
        let (jti, kid) = (text(claims.get("jti")), text(header.get("kid")));
        locked(&self.account).make(stream, &jti, &kid, may_be_refused);
    }

    fn turn(&self, keys: &TurningKeys) {
        let Some(mut chance) = self.chance(Kind::KeyRotation) else {
            return;
        };
        if chance.number().is_multiple_of(SETS_PER_KEY) && keys.turn(self.draw(Kind::OddIds)) {
            self.strike(Kind::KeyRotation);
            self.journal.tell("another key signs");
            keys.retire(&locked(&self.account).kids_needed());
            keys.prepare();
        }
    }

    /// How many SETs a poll brings that could bring so many.
    pub(in crate::peer) fn offered_of(&self, due: usize) -> usize {
        if due < 2 {
            return due;
        }
        let Some(mut chance) = self.draw(Kind::SmallAnswers) else {
            return due;
        };
        due.min(1 + usize::from(chance.number().is_multiple_of(2)))
    }

    /// Where a SET stands that is made, of these places.
    pub(in crate::peer) fn place(&self, first: usize, last: usize) -> Option<usize> {
        let mut chance = self.draw(Kind::Disorder)?;
        let places = (last - first + 1) as u64;
        Some(first + usize::try_from(chance.number() % places).unwrap_or_default())
    }

    /// Notes a stream whose creation is not answered yet, or is.
    pub(super) fn note_unanswered(&self, stream: &str, is_unanswered: bool) {
        let mut unanswered = locked(&self.unanswered);
        if is_unanswered {
            unanswered.insert(stream.to_owned());
        } else {
            unanswered.remove(stream);
        }
    }

    pub(in crate::peer) fn push(&self, attempt: &Attempt, request: &mut Request) {
        locked(&self.account).hand_out(&attempt.jti);
        if self.draw(Kind::OddHeaders).is_some() {
            let header = ("x-ssf-conformance".to_owned(), "of nobody".to_owned());
            request.headers.push(header);
        }
    }

    pub(in crate::peer) fn push_answer(&self, attempt: &Attempt, answer: &mut Answer) {
        let status = match answer.status {
            0 => "no answer".to_owned(),
            status => status.to_string(),
        };
        let mut line = format!("push {} → {status}", attempt.jti);
        match answer.status {
            202 if attempt.failed == 0
                && self.draw_one_in(Kind::Duplicates, DUPLICATES).is_some() =>
            {
                *answer = Answer::default();
                line.push_str(" [duplicates]");
            }
            202 => locked(&self.account).acknowledge(&attempt.jti),
            400 => {
                let body = answer.object().unwrap_or_default();
                let err = body
                    .get("err")
                    .and_then(Value::as_str)
                    .unwrap_or("without err");
                locked(&self.account).refuse(&attempt.jti, err);
                line = format!("{line} {err}");
            }
            _ => {}
        }
        self.journal.tell(&line);
        self.settled.notify_waiters();
    }

    /// Notes what a request did to SETs, and changes how its answer looks.
    pub(in crate::peer) fn answer(&self, asked: &Asked, reply: &mut Reply) {
        self.note(asked, reply);
        self.publish(asked, reply);
        let is_json = !reply.body.is_empty();
        if is_json && self.draw(Kind::ExtraMembers).is_some() {
            reply.change(|body| {
                body.insert(EXTRA.to_owned(), json!({ "stream_id": "of nobody" }));
                if let Some(false) | None = body.get("moreAvailable").and_then(Value::as_bool)
                    && asked.is(Operation::Poll)
                {
                    body.insert("moreAvailable".to_owned(), json!(false));
                }
            });
        }
        if is_json && self.draw(Kind::OddHeaders).is_some() {
            reply.set_header("Content-Type", MEDIA_TYPE);
            reply.set_header("X-Ssf-Conformance", "of nobody");
        }
        if is_json && let Some(text) = self.text(&reply.value()) {
            reply.body = text.into_bytes();
        }
    }

    fn publish(&self, asked: &Asked, reply: &mut Reply) {
        let is_jwks = asked.path == "/jwks.json" && reply.is_success();
        if let Some(keys) = self.keys.as_ref().filter(|_| is_jwks) {
            let mut jwks = keys.jwks();
            if self.draws.has(Kind::ExtraMembers) {
                jwks.insert(0, unknown_key());
            }
            *reply = Reply::json(&json!({ "keys": jwks }));
        }
    }

    fn note(&self, asked: &Asked, reply: &Reply) {
        if !reply.is_success() {
            return;
        }
        let body = asked.object().unwrap_or_default();
        let mut account = locked(&self.account);
        let disables = body
            .get("status")
            .is_some_and(|status| status == "disabled");
        let named = body.get("stream_id").and_then(Value::as_str);
        match asked.operation {
            Some(Operation::Poll) => {
                for jti in body
                    .get("ack")
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten()
                {
                    account.acknowledge(jti.as_str().unwrap_or_default());
                }
                for (jti, error) in body
                    .get("setErrs")
                    .and_then(Value::as_object)
                    .into_iter()
                    .flatten()
                {
                    let err = error
                        .get("err")
                        .and_then(Value::as_str)
                        .unwrap_or("without err");
                    account.refuse(jti, err);
                }
                let reply = reply.value();
                for jti in reply["sets"]
                    .as_object()
                    .into_iter()
                    .flat_map(Members::keys)
                {
                    account.hand_out(jti);
                }
            }
            Some(Operation::Delete) => {
                account.give_up(asked.stream_id.as_deref().unwrap_or_default());
            }
            Some(Operation::SetStatus | Operation::Decide) if disables => {
                account.give_up(named.unwrap_or_default());
            }
            _ => {}
        }
        drop(account);
        self.settled.notify_waiters();
    }
}

/// A key of a kind that nobody knows, which a Receiver has to pass over (RFC 7517 §5).
fn unknown_key() -> Value {
    json!({ "kty": "X-UNKNOWN", "kid": "of-nobody", "alg": "X256", "x": "AA" })
}
