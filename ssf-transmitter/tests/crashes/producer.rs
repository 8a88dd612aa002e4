//! Sources that hand in one event after the other, and write down what was answered 202.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::task::JoinSet;

use crate::{
    node::Addresses,
    rig::{client, event_about},
};

/// How many of them there are.
const SOURCES: usize = 4;

/// What each does between two events, or two attempts to hand one in.
const PAUSE: Duration = Duration::from_millis(15);

/// Some sources at work.
pub(crate) struct Producer {
    accepted: Arc<Mutex<BTreeSet<String>>>,
    is_over: Arc<AtomicBool>,
    sources: JoinSet<()>,
}

impl Producer {
    pub(crate) fn begin(addresses: &Addresses, token: &str) -> Self {
        let (accepted, is_over) = (Arc::default(), Arc::default());
        let mut sources = JoinSet::new();
        let number = Arc::new(AtomicUsize::new(0));
        for _ in 0..SOURCES {
            let source = Source {
                addresses: addresses.clone(),
                token: token.to_owned(),
                number: Arc::clone(&number),
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

    /// Ends once what was begun is accepted; returns the users about whom something was.
    pub(crate) async fn end(mut self) -> BTreeSet<String> {
        self.is_over.store(true, Ordering::SeqCst);
        while let Some(ended) = self.sources.join_next().await {
            ended.unwrap();
        }
        std::mem::take(&mut *self.accepted.lock().unwrap())
    }
}

struct Source {
    addresses: Addresses,
    token: String,
    number: Arc<AtomicUsize>,
    accepted: Arc<Mutex<BTreeSet<String>>>,
    is_over: Arc<AtomicBool>,
}

impl Source {
    async fn run(self) {
        let client = client();
        while !self.is_over.load(Ordering::SeqCst) {
            let number = self.number.fetch_add(1, Ordering::SeqCst);
            let user = format!("user{number}@example.com");
            let mut node = number;
            while !self.is_accepted(&client, node, &user).await {
                node += 1;
                tokio::time::sleep(PAUSE).await;
            }
            self.accepted.lock().unwrap().insert(user);
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Whether it was answered 202; whatever else comes, it is handed in once more, under the same key.
    async fn is_accepted(&self, client: &reqwest::Client, node: usize, user: &str) -> bool {
        let Some(address) = self.addresses.any(node) else {
            return false;
        };
        let request = client
            .post(format!("http://{address}/ingest/events"))
            .header("idempotency-key", user)
            .bearer_auth(&self.token)
            .json(&event_about(user));
        let answer = request.send().await;
        answer.is_ok_and(|answer| answer.status() == 202)
    }
}
