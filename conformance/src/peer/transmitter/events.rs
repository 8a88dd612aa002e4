//! What happens, and the SETs that tell of it.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::{
    Owner, Refusal, State, Stream, Transmitter, VERIFICATIONS_APART, bad_request, named_in, object,
};
use crate::{
    chance::Chance,
    context::locked,
    event_types::{ACCOUNT_DISABLED, STREAM_UPDATED, VERIFICATION},
    peer::{Asked, Keeps, Reply, fault::Members, queue::Passage},
};

impl Transmitter {
    /// Has the transmitter itself decide on the status of a stream, and announce it.
    pub(super) fn decide(&self, asked: &Asked) -> Result<Reply, Refusal> {
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

    pub(super) fn announce(
        &self,
        state: &mut State,
        id: &str,
        status: &str,
    ) -> Result<(), Refusal> {
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

    pub(super) fn verify(
        &self,
        state: &mut State,
        owner: Owner,
        asked: &Asked,
    ) -> Result<Reply, Refusal> {
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
        let rules = self.spoilt.rules();
        let is_early = rules.spaces_verifications && since < VERIFICATIONS_APART;
        if is_early || rules.verifies_once && stream.was_verified {
            return Err(Reply::error(429));
        }
        stream.verified = Instant::now();
        stream.was_verified = true;
        if stream.status == "enabled" && stream.coverage.has_stream(&id) {
            let subject = json!({ "format": "opaque", "id": id });
            self.deliver(&id, stream, made, subject, json!({ VERIFICATION: event }))?;
        }
        Ok(Reply::error(204))
    }

    /// Has the transmitter itself enable a stream, and announce it.
    pub(in crate::peer) fn enable(&self, id: &str) {
        let mut state = locked(&self.state);
        if let Some(stream) = state.streams.get_mut(id) {
            self.enter(stream, "enabled", None);
            // Without a signature there is no SET, as for any other.
            let _ = self.announce(&mut state, id, "enabled");
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// Sends a verification that nobody asked for.
    pub(in crate::peer) fn verify_unasked(&self, id: &str) {
        let mut state = locked(&self.state);
        state.made += 1;
        let made = state.made;
        if let Some(stream) = state.streams.get_mut(id) {
            let subject = json!({ "format": "opaque", "id": id });
            // Without a signature there is no SET, as for any other.
            let _ = self.deliver(id, stream, made, subject, json!({ VERIFICATION: {} }));
        }
    }

    /// Has an event happen: what the hook is given stands in the SET as it is.
    pub(super) fn emit(&self, asked: &Asked) -> Result<Reply, Refusal> {
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
        if !state.left.hears_of(&subject, &events) {
            return Ok(Reply::error(202));
        }
        state.left.note(&subject, &events, rules.opt_out);
        let mut served = Vec::new();
        for (id, stream) in &mut state.streams {
            if !stream.wants(&subject, &events) {
                continue;
            }
            if rules.one_set_for_one_url && stream.is_pushed() {
                let url = stream.delivery["endpoint_url"].clone();
                if served.contains(&url) {
                    continue;
                }
                served.push(url);
            }
            let is_paused = stream.status == "paused";
            let is_kept = match stream.status.as_str() {
                "paused" if rules.keeps == Some(Keeps::First) => !stream.queue.holds_some(),
                "paused" => !rules.drops_while_paused,
                "disabled" => rules.keeps_while_disabled,
                _ => true,
            };
            if is_kept {
                self.deliver(id, stream, made, subject.clone(), events.clone())?;
            }
            if is_kept && is_paused && rules.keeps == Some(Keeps::NewestFirst) {
                stream.queue.turn();
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
        let mut jti = format!("{id}-{made:06}");
        if !self.spoilt.rules().numbers_sets {
            jti = format!("{jti}-{}", Chance::of(made, id).word());
        }
        let odd = self.spoilt.mischief().and_then(|odd| odd.jti(&jti));
        let jti = odd.unwrap_or(jti);
        let mut claims = Members::new();
        for (name, value) in [
            ("iss", json!(self.issuer)),
            ("aud", self.audience(stream.owner)),
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
        self.spoilt.set(id, &mut header, &mut claims);
        let (text, claims) = (self.spoilt.header(&header), self.spoilt.payload(claims));
        let token = self.signer.sign(&header, &text, &claims);
        let token = token.map_err(|_| Reply::error(500))?;
        stream.queue.push(jti, token, passage);
        if let Some(mischief) = self.spoilt.mischief() {
            stream.queue.disturb(mischief);
        }
        self.changed.notify_waiters();
        Ok(())
    }
}
