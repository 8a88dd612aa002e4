//! What becomes of a stream whose Receiver shows no sign of life (SSF 1.0 §8.1.1).

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Owner, State, Stream, Transmitter, named};
use crate::peer::{Asked, Operation};

/// After which time idle streams are stopped, where they are: long enough for a slow machine to show a sign of life.
const TIMEOUT: Duration = Duration::from_secs(12);

/// What a transmitter that stops idle streams makes of that.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Idling {
    /// They are paused as they may be.
    Sound,
    /// They are paused after half of the time, if there never was a sign of life.
    TooEarly,
    /// They are paused without a word.
    Unannounced,
    /// This is no sign of life.
    Overlooks(Operation),
}

impl Transmitter {
    /// The `inactivity_timeout` of its streams.
    pub(super) fn inactivity_timeout(&self) -> u64 {
        match self.spoilt.rules().idling {
            Some(_) => TIMEOUT.as_secs(),
            None => self.terms.inactivity_timeout,
        }
    }

    /// Notes a sign of life of the stream that is named.
    pub(super) fn note_sign(&self, state: &mut State, owner: Owner, asked: &Asked) {
        let overlooked = match self.spoilt.rules().idling {
            Some(Idling::Overlooks(operation)) => asked.is(operation),
            Some(_) | None => false,
        };
        let body = asked.object().unwrap_or_default();
        let in_body = body.get("stream_id").and_then(Value::as_str);
        let polled = asked.path.strip_prefix("/ssf/poll/");
        let id = asked.stream_id.as_deref().or(in_body).or(polled);
        if let Some(id) = id.filter(|_| !overlooked)
            && let Ok(stream) = named(id, state, owner)
        {
            (stream.seen, stream.was_seen) = (Instant::now(), true);
        }
    }

    /// When a stream counts as idle. One on which something came is left alone, so that no case about other matters is disturbed.
    pub(super) fn idle_from(&self, stream: &Stream) -> Option<Instant> {
        let after = match self.spoilt.rules().idling? {
            Idling::TooEarly if !stream.was_seen => TIMEOUT / 2,
            Idling::TooEarly | Idling::Sound | Idling::Unannounced | Idling::Overlooks(_) => {
                TIMEOUT
            }
        };
        let is_quiet = stream.status == "enabled" && !stream.queue.had_some;
        is_quiet.then(|| stream.seen + after)
    }

    /// Pauses the streams that are idle.
    pub(super) fn stop_idle(&self, state: &mut State, now: Instant) {
        let is_idle = |(_, stream): &(&String, &Stream)| {
            self.idle_from(stream).is_some_and(|from| from <= now)
        };
        let idle = state.streams.iter().filter(is_idle);
        let idle: Vec<String> = idle.map(|(id, _)| id.clone()).collect();
        for id in idle {
            if let Some(stream) = state.streams.get_mut(&id) {
                self.enter(stream, "paused", Some(&json!("no sign of life")));
            }
            if self.spoilt.rules().idling != Some(Idling::Unannounced) {
                // Without a signature there is no SET, as for any other.
                let _ = self.announce(state, &id, "paused");
            }
        }
    }
}
