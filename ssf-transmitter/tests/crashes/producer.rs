//! Sources that hand in one event after the other, and write down what was answered 202.

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

/// How many of them there are.
const SOURCES: usize = 4;

/// Of how many users each speaks, who are its own: few, so that events about one are often under way together.
const USERS: usize = 3;

/// What each does between two events, or two attempts to hand one in.
const PAUSE: Duration = Duration::from_millis(15);

/// Some sources at work.
pub(crate) struct Producer {
    accepted: Arc<Mutex<BTreeSet<Event>>>,
    is_over: Arc<AtomicBool>,
    sources: JoinSet<()>,
}

impl Producer {
    pub(crate) fn begin(addresses: &Addresses, token: &str) -> Self {
        let (accepted, is_over) = (Arc::default(), Arc::default());
        let mut sources = JoinSet::new();
        let turns = Arc::new(AtomicUsize::new(0));
        for number in 0..SOURCES {
            let source = Source {
                name: format!("source{number}"),
                addresses: addresses.clone(),
                token: token.to_owned(),
                turns: Arc::clone(&turns),
                accepted: Arc::clone(&accepted),
                is_over: Arc::clone(&is_over),
            };
            sources.spawn(source.run());
        }
        Self {
            accepted,
            is_over,
            sources,
        }
    }

    /// Ends once what was begun is accepted; returns what was.
    pub(crate) async fn end(mut self) -> BTreeSet<Event> {
        self.is_over.store(true, Ordering::SeqCst);
        while let Some(ended) = self.sources.join_next().await {
            ended.unwrap();
        }
        std::mem::take(&mut *self.accepted.lock().unwrap())
    }
}

struct Source {
    name: String,
    addresses: Addresses,
    token: String,
    /// Counts attempts of all sources, so that each goes to another node than the one before.
    turns: Arc<AtomicUsize>,
    accepted: Arc<Mutex<BTreeSet<Event>>>,
    is_over: Arc<AtomicBool>,
}

impl Source {
    async fn run(self) {
        let client = client();
        let mut nth = 0;
        while !self.is_over.load(Ordering::SeqCst) {
            let event = Event::of(&self.name, nth, USERS);
            while !self.is_accepted(&client, &event).await {
                tokio::time::sleep(PAUSE).await;
            }
            self.accepted.lock().unwrap().insert(event);
            nth += 1;
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Whether it was answered 202; whatever else comes, it is handed in once more, under the same key.
    async fn is_accepted(&self, client: &Client, event: &Event) -> bool {
        let turn = self.turns.fetch_add(1, Ordering::SeqCst);
        let Some(address) = self.addresses.any(turn) else {
            return false;
        };
        let request = client
            .post(format!("http://{address}/ingest/events"))
            .header(
                "idempotency-key",
                format!("{}/{}", event.user, event.number),
            )
            .bearer_auth(&self.token)
            .json(&event.body());
        let answer = request.send().await;
        answer.is_ok_and(|answer| answer.status() == 202)
    }
}
