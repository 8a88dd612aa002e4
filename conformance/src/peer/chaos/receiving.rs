//! A hostile receiver: it makes a stream, takes what comes in all the ways that it may, and deletes the stream.

mod account;
mod judging;
mod polling;
mod pushed;
mod rest;
mod stream;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{sync::Notify, task::JoinHandle, time::timeout};

pub use self::account::Receipts;
use self::{judging::Judge, stream::Stream};
use super::{Chosen, Draws, Journal};
use crate::{
    authority::Authority,
    context::locked,
    sink::{Reaction, Sink, SinkError},
    target::{Target, TargetError},
    target_file::PushSettings,
    wire::{self, Wire, WireError},
};

/// The name of the inbox.
const INBOX: &str = "chaos";

/// How a hostile receiver gets its SETs.
#[derive(Debug)]
pub enum Taking {
    /// It is pushed to, where this says, with a certificate by this authority if there is one.
    Pushes(PushSettings, Option<Arc<Authority>>),
    /// It polls.
    Polls,
}

/// What a hostile receiver is told.
#[derive(Debug)]
pub struct Given {
    /// The issuer.
    pub issuer: String,
    /// What it shows the transmitter.
    pub token: String,
    /// How it gets its SETs.
    pub taking: Taking,
    /// The types of events that it asks for.
    pub events: Vec<String>,
    /// Whom it adds to its stream.
    pub subjects: Vec<Value>,
    /// How it asks.
    pub wire: wire::Settings,
    /// What it does.
    pub chosen: Chosen,
}

/// The hostile receiver has no stream.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReceivingError {
    /// The issuer is none.
    #[error("the issuer cannot be used")]
    Issuer(#[source] TargetError),
    /// It does not answer.
    #[error("the transmitter cannot be asked; check the address, the network and the certificate")]
    Wire(#[source] WireError),
    /// It says something else than it has to.
    #[error("{asked} is answered with {answer}")]
    Refused {
        /// What was asked for.
        asked: String,
        /// What came.
        answer: String,
    },
    /// Pushes cannot be taken.
    #[error("pushes cannot be taken")]
    Sink(#[source] SinkError),
}

/// A hostile receiver that takes SETs until it is ended.
#[derive(Debug)]
pub struct Receiving {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
    /// Pushes come here.
    _sink: Option<Sink>,
}

/// What whoever takes a SET needs.
#[derive(Debug)]
struct Shared {
    stream: Stream,
    judge: Judge,
    draws: Draws,
    receipts: Mutex<Receipts>,
    journal: Journal,
    changed: Notify,
    /// Whether it behaves from now on.
    is_calm: AtomicBool,
    /// Keys are wanted that are not there.
    keys_wanted: Notify,
}

impl Receiving {
    /// Makes a stream, and begins to take what comes.
    ///
    /// # Errors
    /// There is no stream.
    pub async fn start(given: Given, journal: Journal) -> Result<Self, ReceivingError> {
        let issuer = Target::parse(&given.issuer).map_err(ReceivingError::Issuer)?;
        let wire = Wire::new(&issuer, &given.wire).map_err(ReceivingError::Wire)?;
        let draws = Draws::of(given.chosen.clone());
        let (sink, delivery) = match &given.taking {
            Taking::Polls => (None, json!({ "method": stream::POLL })),
            Taking::Pushes(settings, authority) => {
                let sink = Sink::start(settings, authority.clone()).await;
                let sink = sink.map_err(ReceivingError::Sink)?;
                let inbox = sink.inbox(INBOX);
                // What comes before the stream is known has to come again.
                inbox.answer(|_| Reaction::status(503));
                let delivery = stream::pushed_to(inbox.url(), given.chosen.seed);
                (Some((sink, inbox)), delivery)
            }
        };
        let (stream, jwks_uri) = Stream::make(&issuer, &wire, &given, delivery, &draws).await?;
        let judge = Judge::of(issuer, wire, jwks_uri, given.chosen.seed).await;
        let shared = Arc::new(Shared {
            stream,
            judge,
            draws,
            receipts: Mutex::default(),
            journal,
            changed: Notify::new(),
            is_calm: AtomicBool::new(false),
            keys_wanted: Notify::new(),
        });
        let task = match &sink {
            Some((_, inbox)) => {
                pushed::take(&shared, inbox);
                let shared = Arc::clone(&shared);
                tokio::spawn(async move { pushed::fetch_wanted_keys(&shared).await })
            }
            None => tokio::spawn(polling::poll_on(Arc::clone(&shared))),
        };
        Ok(Self {
            shared,
            task,
            _sink: sink.map(|(sink, _)| sink),
        })
    }

    /// The id of its stream.
    pub fn stream_id(&self) -> &str {
        &self.shared.stream.id
    }

    /// Asks for a verification, so that there is something to take where nothing happens; whether the transmitter takes that.
    pub async fn verify(&self) -> bool {
        // It may come before its request is answered.
        let state = self.shared.judge.new_state();
        let is_taken = self.shared.stream.verify(&state).await;
        if !is_taken {
            let line = "no verification comes, since the transmitter does not take the request: have an event happen there";
            self.shared.journal.tell(line);
        }
        is_taken
    }

    /// What came, and what became of it.
    pub fn receipts(&self) -> Receipts {
        self.shared.receipts()
    }

    /// Waits for a while until this holds.
    pub async fn until(&self, patience: Duration, holds: impl Fn(&Receipts) -> bool) -> Receipts {
        let waiting = async {
            loop {
                let changed = self.shared.changed.notified();
                tokio::pin!(changed);
                // From here on nothing is missed.
                changed.as_mut().enable();
                if holds(&self.receipts()) {
                    return;
                }
                changed.await;
            }
        };
        // What does not hold then is told by what is returned.
        let _ = timeout(patience, waiting).await;
        self.receipts()
    }

    /// Behaves, waits for a while for what was put off, and deletes the stream.
    pub async fn end(self, patience: Duration) -> Receipts {
        self.shared.is_calm.store(true, Ordering::Relaxed);
        let receipts = self.until(patience, |receipts| receipts.open() == 0).await;
        self.task.abort();
        self.shared.stream.delete().await;
        receipts
    }
}

impl Drop for Receiving {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn receipts(&self) -> Receipts {
        let mut receipts = locked(&self.receipts).clone();
        receipts.struck = self.draws.struck();
        receipts
    }

    /// Whether it behaves.
    fn is_calm(&self) -> bool {
        self.is_calm.load(Ordering::Relaxed)
    }

    fn note(&self, note: impl FnOnce(&mut Receipts)) {
        note(&mut locked(&self.receipts));
        self.changed.notify_waiters();
    }
}
