//! How SETs leave their streams: by polls, by pushes, or in the hands of whoever hosts the transmitter.

use std::{collections::BTreeSet, time::Instant};

use serde_json::Value;
use tokio::sync::futures::Notified;

use super::{Owner, PUSH, Refusal, State, Stream, Transmitter, named};
use crate::{
    context::locked,
    exchange::Request,
    peer::{
        Asked, Operation, Reply,
        pusher::{Attempt, Outcome},
        queue::Passage,
    },
};

/// A stream, as whoever delivers by it sees it.
#[derive(Clone, Debug)]
pub(in crate::peer) struct Delivered {
    /// Its id.
    pub(in crate::peer) id: String,
    /// How its SETs are delivered.
    pub(in crate::peer) delivery: Value,
}

impl Transmitter {
    /// The Receiver's newest stream, unless that is paused or disabled.
    pub(in crate::peer) fn newest(&self) -> Option<Delivered> {
        let state = locked(&self.state);
        let mut own = state.streams.iter().rev();
        let (id, stream) = own.find(|(_, stream)| stream.owner == Owner::Receiver)?;
        (stream.status == "enabled").then(|| Delivered {
            id: id.clone(),
            delivery: stream.delivery.clone(),
        })
    }

    /// Has the Receiver's streams be gone; who polls one is told.
    pub(in crate::peer) fn forget_streams(&self) {
        let streams = &mut locked(&self.state).streams;
        streams.retain(|_, stream| stream.owner != Owner::Receiver);
        self.changed.notify_waiters();
    }

    /// Has those of the Receiver's streams be gone that are older than its newest.
    pub(in crate::peer) fn forget_all_but_the_newest(&self) {
        let streams = &mut locked(&self.state).streams;
        let own = |(_, stream): &(&String, &Stream)| stream.owner == Owner::Receiver;
        let newest = streams.iter().rev().find(own).map(|(id, _)| id.clone());
        streams.retain(|id, stream| stream.owner != Owner::Receiver || Some(id) == newest.as_ref());
        self.changed.notify_waiters();
    }

    /// Puts SETs into the queue of a stream, each under a name; no poll comes in between.
    pub(in crate::peer) fn hand_over(&self, id: &str, sets: &[(String, String)]) {
        if let Some(stream) = locked(&self.state).streams.get_mut(id) {
            for (jti, token) in sets {
                stream.queue.remove(jti);
                stream.queue.push(jti.clone(), token.clone(), Passage::Held);
            }
        }
        self.changed.notify_waiters();
    }

    /// Takes a SET out of the queue of a stream.
    pub(in crate::peer) fn withdraw(&self, id: &str, jti: &str) {
        if let Some(stream) = locked(&self.state).streams.get_mut(id) {
            stream.queue.remove(jti);
        }
    }

    /// Takes all SETs out of the queues of streams that are pushed and enabled.
    pub(in crate::peer) fn to_be_pushed(&self) -> Vec<(Delivered, String)> {
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

    /// The streams that are enabled.
    pub(in crate::peer) fn enabled(&self) -> Vec<String> {
        let state = locked(&self.state);
        let enabled = state.streams.iter();
        let enabled = enabled.filter(|(_, stream)| stream.status == "enabled");
        enabled.map(|(id, _)| id.clone()).collect()
    }

    /// Whether a stream is paused for this reason.
    pub(in crate::peer) fn is_paused(&self, id: &str, reason: &str) -> bool {
        let state = locked(&self.state);
        let stream = state.streams.get(id);
        stream.is_some_and(|stream| {
            stream.status == "paused" && stream.reason.as_ref().is_some_and(|why| why == reason)
        })
    }

    /// The types of events that some stream brings.
    pub(in crate::peer) fn types_delivered(&self) -> BTreeSet<String> {
        let state = locked(&self.state);
        let types = state.streams.values().flat_map(Stream::delivered);
        types.filter_map(Value::as_str).map(str::to_owned).collect()
    }

    pub(super) fn poll(
        &self,
        state: &mut State,
        owner: Owner,
        asked: &Asked,
    ) -> Result<Option<Reply>, Refusal> {
        let id = asked.path.trim_start_matches("/ssf/poll/");
        let stream = named(id, state, owner)?;
        let rules = self.spoilt.rules();
        let sends = stream.sends(rules);
        let mischief = self.spoilt.mischief();
        Ok(stream.queue.poll(asked, sends, rules, mischief))
    }

    /// Takes the pushes that are due, and marks their streams.
    pub(in crate::peer) fn due(&self, now: Instant) -> Vec<(Attempt, Request)> {
        let rules = self.spoilt.rules();
        let mut state = locked(&self.state);
        self.stop_idle(&mut state, now);
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
    pub(in crate::peer) fn settle(&self, attempt: &Attempt, outcome: Outcome, now: Instant) {
        let mut state = locked(&self.state);
        if let Some(stream) = state.streams.get_mut(&attempt.stream)
            && stream.pushing.end(outcome, now)
        {
            stream.queue.remove(&attempt.jti);
        }
        self.changed.notify_waiters();
    }

    /// By when somebody has to look again what is due, and whether something is on its way.
    pub(in crate::peer) fn rests(&self, now: Instant) -> (Option<Instant>, bool) {
        let state = locked(&self.state);
        let rules = self.spoilt.rules();
        let waits = |stream: &&Stream| {
            stream.is_pushed() && stream.queue.first(stream.sends(rules)).is_some()
        };
        let waiting = || state.streams.values().filter(waits);
        let rested = waiting().filter_map(|stream| stream.pushing.rests_until(now));
        let streams = state.streams.values();
        let idle = streams.filter_map(|stream| self.idle_from(stream));
        let until = rested.chain(idle).min();
        (
            until,
            waiting().any(|stream| stream.pushing.is_at_work(now)),
        )
    }

    /// Tells when something happened for which a poll may wait.
    pub(in crate::peer) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    /// Whether a poll is held that must not be.
    pub(in crate::peer) fn holds(&self, asked: &Asked) -> bool {
        let id = asked.path.trim_start_matches("/ssf/poll/");
        let state = locked(&self.state);
        let is_first = state
            .streams
            .get(id)
            .is_some_and(|stream| !stream.queue.had_some);
        asked.is(Operation::Poll) && is_first && self.spoilt.rules().holds_first_polls
    }
}
