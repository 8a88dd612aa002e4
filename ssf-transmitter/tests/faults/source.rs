//! Who hands events in, each voice about users of its own, and writes down what was answered.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use reqwest::Client;
use serde_json::{Value, json};

use crate::{event::Event, rig::client, world::PATIENCE};

/// Between two events, or two attempts to hand one in.
const PAUSE: Duration = Duration::from_millis(5);

/// Requests of a load at once: each is of a voice that waits for the answer before its next one.
const AT_ONCE: usize = 4;

/// The voice of what is handed in beside loads; those of a load are the ones below it.
const ALONE: usize = AT_ONCE;

/// Of how many users a voice of a load speaks: few, so that events about one are often under way together.
const USERS_OF_LOAD: usize = 4;

/// Of how many users the other one does: as many as the window of a stream is wide, so that order slows no backlog down.
const USERS_ALONE: usize = 32;

/// Clones are the same source.
#[derive(Clone)]
pub(crate) struct Source {
    client: Client,
    token: String,
    kept: Arc<Mutex<Kept>>,
}

struct Kept {
    node: SocketAddr,
    /// How many events each voice has handed in.
    spoken: [usize; AT_ONCE + 1],
    answers: Answers,
    requests: Vec<HandIn>,
}

/// A request that handed events in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HandIn {
    pub(crate) began: Instant,
    pub(crate) ended: Instant,
    /// The status of the answer, or 0 if there was none.
    pub(crate) status: u16,
}

impl HandIn {
    pub(crate) fn took(&self) -> Duration {
        self.ended.duration_since(self.began)
    }

    pub(crate) fn is_accepted(&self) -> bool {
        self.status == 202
    }
}

/// What became of what was handed in.
#[derive(Clone, Default)]
pub(crate) struct Answers {
    pub(crate) accepted: BTreeSet<Event>,
    /// Nobody knows whether they were: there was no answer, or one that does not tell.
    pub(crate) doubtful: BTreeSet<Event>,
}

impl Source {
    pub(crate) fn at(node: SocketAddr, token: String) -> Self {
        Self {
            client: client(),
            token,
            kept: Arc::new(Mutex::new(Kept {
                node,
                spoken: [0; AT_ONCE + 1],
                answers: Answers::default(),
                requests: Vec::new(),
            })),
        }
    }

    /// Hands in at another node from now on.
    pub(crate) fn go_to(&self, node: SocketAddr) {
        self.kept().node = node;
    }

    pub(crate) fn answers(&self) -> Answers {
        self.kept().answers.clone()
    }

    /// Everything that was handed in so far.
    pub(crate) fn requests(&self) -> Vec<HandIn> {
        self.kept().requests.clone()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap()
    }

    /// Hands in so many events with one request, once; returns the status, or 0 if there is no answer.
    ///
    /// Whoever calls it waits for the answer before the next call: so it is known in which order events were accepted.
    pub(crate) async fn hand_in(&self, events: usize) -> u16 {
        self.hand_in_by(ALONE, events).await
    }

    async fn hand_in_by(&self, voice: usize, count: usize) -> u16 {
        let (node, events) = self.next(voice, count);
        let bodies: Vec<Value> = events.iter().map(Event::body).collect();
        let request = self.client.post(format!("http://{node}/ingest/events"));
        let request = request.json(&json!(bodies)).bearer_auth(&self.token);
        let began = Instant::now();
        let sent = request.send().await;
        let status = sent.map_or(0, |answer| answer.status().as_u16());
        let mut kept = self.kept();
        kept.requests.push(HandIn {
            began,
            ended: Instant::now(),
            status,
        });
        match status {
            202 => kept.answers.accepted.extend(events),
            // It says that none was accepted.
            507 => {}
            _ => kept.answers.doubtful.extend(events),
        }
        status
    }

    fn next(&self, voice: usize, count: usize) -> (SocketAddr, Vec<Event>) {
        let users = if voice == ALONE {
            USERS_ALONE
        } else {
            USERS_OF_LOAD
        };
        let name = format!("voice{voice}");
        let mut kept = self.kept();
        let first = kept.spoken[voice];
        kept.spoken[voice] += count;
        let events = (first..first + count).map(|nth| Event::of(&name, nth, users));
        (kept.node, events.collect())
    }

    /// Hands in single events for a while, as several sources would.
    pub(crate) async fn load(&self, time: Duration) {
        let end = Instant::now() + time;
        join_all((0..AT_ONCE).map(|voice| self.load_until(voice, end))).await;
    }

    async fn load_until(&self, voice: usize, end: Instant) {
        while Instant::now() < end {
            self.hand_in_by(voice, 1).await;
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Hands in events until one is accepted; whether it came to that.
    pub(crate) async fn goes_on(&self) -> bool {
        let deadline = Instant::now() + PATIENCE;
        while self.hand_in(1).await != 202 {
            if Instant::now() > deadline {
                return false;
            }
            tokio::time::sleep(PAUSE).await;
        }
        true
    }
}
