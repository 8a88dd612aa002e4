//! Who hands events in, each about a user of its own, and writes down what was answered.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use reqwest::Client;
use serde_json::{Value, json};

use crate::{
    rig::{client, event_about},
    world::PATIENCE,
};

/// Between two events, or two attempts to hand one in.
const PAUSE: Duration = Duration::from_millis(5);

/// Requests of a load at once.
const AT_ONCE: usize = 4;

/// Clones are the same source.
#[derive(Clone)]
pub(crate) struct Source {
    client: Client,
    token: String,
    kept: Arc<Mutex<Kept>>,
}

struct Kept {
    node: SocketAddr,
    next: usize,
    answers: Answers,
}

/// What became of what was handed in, by users.
#[derive(Clone, Default)]
pub(crate) struct Answers {
    pub(crate) accepted: BTreeSet<String>,
    /// Nobody knows whether they were: there was no answer, or one that does not tell.
    pub(crate) doubtful: BTreeSet<String>,
}

impl Source {
    pub(crate) fn at(node: SocketAddr, token: String) -> Self {
        Self {
            client: client(),
            token,
            kept: Arc::new(Mutex::new(Kept {
                node,
                next: 0,
                answers: Answers::default(),
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

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap()
    }

    /// Hands in so many events with one request, once; returns the status, or 0 if there is no answer.
    pub(crate) async fn hand_in(&self, events: usize) -> u16 {
        let (node, users) = self.next(events);
        let bodies: Vec<Value> = users.iter().map(|user| event_about(user)).collect();
        let request = self.client.post(format!("http://{node}/ingest/events"));
        let request = request.json(&json!(bodies)).bearer_auth(&self.token);
        let sent = request.send().await;
        let status = sent.map_or(0, |answer| answer.status().as_u16());
        let answers = &mut self.kept().answers;
        match status {
            202 => answers.accepted.extend(users),
            // It says that none was accepted.
            507 => {}
            _ => answers.doubtful.extend(users),
        }
        status
    }

    fn next(&self, events: usize) -> (SocketAddr, Vec<String>) {
        let mut kept = self.kept();
        let first = kept.next;
        kept.next += events;
        let users = (first..kept.next).map(|number| format!("{number}@example.com"));
        (kept.node, users.collect())
    }

    /// Hands in single events for a while, as several sources would.
    pub(crate) async fn load(&self, time: Duration) {
        let end = Instant::now() + time;
        join_all((0..AT_ONCE).map(|_| self.load_until(end))).await;
    }

    async fn load_until(&self, end: Instant) {
        while Instant::now() < end {
            self.hand_in(1).await;
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
