//! Sources that hand in one event after the other, and write down what was answered 202 and what was not.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use reqwest::Client;
use tokio::task::JoinSet;

use crate::{event::Event, node::Addresses, rig::client};

/// How a source goes about what was not answered 202.
#[derive(Clone, Copy)]
enum Manner {
    /// It hands it in again, under the same idempotency key, until it is.
    Insists,
    /// It has used no such key, and nobody will ever know whether it was accepted.
    GivesUp,
}

/// Those that there are.
const SOURCES: [Manner; 6] = [
    Manner::Insists,
    Manner::Insists,
    Manner::Insists,
    Manner::Insists,
    Manner::GivesUp,
    Manner::GivesUp,
];

/// Of how many users each speaks, who are its own: few, so that events about one are often under way together.
const USERS: usize = 3;

/// What each does between two events, or two attempts to hand one in.
const PAUSE: Duration = Duration::from_millis(15);

/// What was handed in.
#[derive(Clone, Debug, Default)]
pub(crate) struct HandedIn {
    /// It was answered 202.
    pub(crate) accepted: BTreeSet<Event>,
    /// It was sent once, without an idempotency key, and not answered 202.
    pub(crate) given_up: BTreeSet<Event>,
}

/// Some sources at work.
pub(crate) struct Producer {
    handed_in: Arc<Mutex<HandedIn>>,
    is_over: Arc<AtomicBool>,
    sources: JoinSet<()>,
}

impl Producer {
    pub(crate) fn begin(addresses: &Addresses, token: &str) -> Self {
        let (handed_in, is_over) = (Arc::default(), Arc::default());
        let mut sources = JoinSet::new();
        let turns = Arc::new(AtomicUsize::new(0));
        for (number, manner) in SOURCES.into_iter().enumerate() {
            let source = Source {
                name: format!("source{number}"),
                manner,
                addresses: addresses.clone(),
                token: token.to_owned(),
                turns: Arc::clone(&turns),
                handed_in: Arc::clone(&handed_in),
                is_over: Arc::clone(&is_over),
            };
            sources.spawn(source.run());
        }
        Self {
            handed_in,
            is_over,
            sources,
        }
    }

    /// Ends once what was begun is accepted or given up; returns what was.
    pub(crate) async fn end(mut self) -> HandedIn {
        self.is_over.store(true, Ordering::SeqCst);
        while let Some(ended) = self.sources.join_next().await {
            ended.unwrap();
        }
        std::mem::take(&mut *self.handed_in.lock().unwrap())
    }
}

/// What comes of one attempt to hand an event in.
enum Attempted {
    Accepted,
    NotAccepted,
    /// No node listens.
    NobodyThere,
}

struct Source {
    name: String,
    manner: Manner,
    addresses: Addresses,
    token: String,
    /// Counts attempts of all sources, so that each goes to another node than the one before.
    turns: Arc<AtomicUsize>,
    handed_in: Arc<Mutex<HandedIn>>,
    is_over: Arc<AtomicBool>,
}

impl Source {
    async fn run(self) {
        let client = client();
        let mut nth = 0;
        while !self.is_over.load(Ordering::SeqCst) {
            let event = Event::of(&self.name, nth, USERS);
            while !self.is_done(&client, &event).await {
                tokio::time::sleep(PAUSE).await;
            }
            nth += 1;
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Whether an event was accepted, or is given up.
    async fn is_done(&self, client: &Client, event: &Event) -> bool {
        let attempted = self.attempt(client, event).await;
        let mut handed_in = self.handed_in.lock().unwrap();
        match (attempted, self.manner) {
            (Attempted::Accepted, Manner::Insists | Manner::GivesUp) => {
                handed_in.accepted.insert(event.clone());
                true
            }
            (Attempted::NotAccepted, Manner::GivesUp) => {
                handed_in.given_up.insert(event.clone());
                true
            }
            (Attempted::NotAccepted, Manner::Insists)
            | (Attempted::NobodyThere, Manner::Insists | Manner::GivesUp) => false,
        }
    }

    async fn attempt(&self, client: &Client, event: &Event) -> Attempted {
        let turn = self.turns.fetch_add(1, Ordering::SeqCst);
        let Some(address) = self.addresses.any(turn) else {
            return Attempted::NobodyThere;
        };
        let request = client
            .post(format!("http://{address}/ingest/events"))
            .bearer_auth(&self.token)
            .json(&event.body());
        let request = match self.manner {
            Manner::Insists => {
                let key = format!("{}/{}", event.user, event.number);
                request.header("idempotency-key", key)
            }
            Manner::GivesUp => request,
        };
        let answer = request.send().await;
        if answer.is_ok_and(|answer| answer.status() == 202) {
            return Attempted::Accepted;
        }
        Attempted::NotAccepted
    }
}
