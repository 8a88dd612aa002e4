//! Accepting events: submissions that arrive together share one commit.
//!
//! While one commit is under way, later submissions gather, and the next commit takes them all. So the cost of an event
//! falls as the load grows, and a single one waits for nobody.

use std::sync::Arc;

use tokio::sync::{
    mpsc::{self, error::TrySendError},
    oneshot,
};

use super::{
    dispatch::{Next, Shortcut},
    ids,
    taker::Taker,
    wake::Wake,
};
use crate::{
    domain::{event::NewEvent, id::SourceId, issuer::IssuerName},
    ports::{Appended, Clock, Idempotency, Outbox, StoreError, Submission},
};

/// Most submissions that wait for a commit; those beyond are told to come back.
const WAITING_MAX: usize = 1024;

/// A commit takes no further submission once it has this many events.
const COMMIT_EVENTS: usize = 2000;

/// A submission was not accepted, or nobody can tell.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IngestError {
    /// Too many submissions wait already; none of these events was accepted.
    #[error("too many events are waiting to be stored: try again later")]
    Busy,
    /// The transmitter is about to stop; the events were perhaps accepted.
    #[error("the transmitter is stopping: try again with the same Idempotency-Key")]
    Stopping,
    /// The store failed; the events were perhaps accepted.
    #[error("the events cannot be stored")]
    Store(#[source] Arc<StoreError>),
}

/// Where submissions are handed in. Clones lead to the same queue.
#[derive(Clone, Debug)]
pub struct Ingest(mpsc::Sender<Waiting>);

/// The submissions that wait for a commit.
#[derive(Debug)]
pub struct IngestQueue(mpsc::Receiver<Waiting>);

/// Whose events they are, and who hands them in.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Whose.
    pub issuer: IssuerName,
    /// Who; absent if it is an operator.
    pub source: Option<SourceId>,
}

impl From<IssuerName> for Origin {
    /// Events that an operator hands in.
    fn from(issuer: IssuerName) -> Self {
        Self {
            issuer,
            source: None,
        }
    }
}

#[derive(Debug)]
struct Waiting {
    origin: Origin,
    events: Vec<NewEvent>,
    idempotency: Option<Idempotency>,
    answer: oneshot::Sender<Result<Appended, IngestError>>,
}

/// How events go on behind their commit.
#[derive(Clone, Debug)]
pub struct Onward {
    /// Fans out with the commit, where that can be.
    pub shortcut: Shortcut,
    /// Takes the streams that get something by that.
    pub taker: Taker,
    /// Is called when events wait for their fan-out.
    pub accepted: Wake,
    /// Is called when deliveries were added.
    pub fresh: Wake,
}

impl Onward {
    fn call(&self, next: Next) {
        match next {
            Next::Nobody => {}
            Next::Delivery => self.fresh.wake(),
            Next::FanOut => self.accepted.wake(),
        }
    }
}

/// Makes a queue: handlers get the one end, and a task runs the other.
pub fn queue() -> (Ingest, IngestQueue) {
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    (Ingest(sender), IngestQueue(receiver))
}

impl Ingest {
    /// Hands in events and waits until they are durable.
    ///
    /// They are accepted all together, or not at all. A caller that stops waiting does not take them back.
    ///
    /// # Errors
    /// The queue is full, the transmitter stops, or the store failed.
    pub async fn submit(
        &self,
        origin: impl Into<Origin>,
        events: Vec<NewEvent>,
        idempotency: Option<Idempotency>,
    ) -> Result<Appended, IngestError> {
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting {
            origin: origin.into(),
            events,
            idempotency,
            answer,
        };
        self.0.try_send(waiting).map_err(|error| match error {
            TrySendError::Full(_) => IngestError::Busy,
            TrySendError::Closed(_) => IngestError::Stopping,
        })?;
        answered.await.map_err(|_| IngestError::Stopping)?
    }
}

impl IngestQueue {
    /// Stores submissions until every [`Ingest`] is gone, and what waits then is stored, too.
    ///
    /// After each commit, events go on by `onward`.
    pub async fn run(mut self, store: &impl Outbox, clock: &impl Clock, onward: &Onward) {
        while let Some(first) = self.0.recv().await {
            let mut together = vec![first];
            let mut events = together[0].events.len();
            while events < COMMIT_EVENTS
                && let Ok(next) = self.0.try_recv()
            {
                events += next.events.len();
                together.push(next);
            }
            let next = commit(store, clock, onward, together).await;
            onward.call(next);
        }
    }
}

async fn commit(
    store: &impl Outbox,
    clock: &impl Clock,
    onward: &Onward,
    together: Vec<Waiting>,
) -> Next {
    let now = clock.now();
    let mut answers = Vec::with_capacity(together.len());
    let mut submissions = Vec::with_capacity(together.len());
    for waiting in together {
        let named = |event| (ids::event_id(now), event);
        submissions.push(Submission {
            issuer: waiting.origin.issuer,
            source: waiting.origin.source,
            idempotency: waiting.idempotency,
            events: waiting.events.into_iter().map(named).collect(),
        });
        answers.push(waiting.answer);
    }
    let Onward {
        shortcut, taker, ..
    } = onward;
    let accepted = shortcut.accept(store, submissions, (now, taker)).await;
    let (outcomes, next) = match accepted {
        Ok((appended, next)) => (appended.into_iter().map(Ok).collect(), next),
        Err(error) => {
            let failed = Err(IngestError::Store(Arc::new(error)));
            (vec![failed; answers.len()], Next::FanOut)
        }
    };
    for (answer, outcome) in answers.into_iter().zip(outcomes) {
        // Whoever asked may have hung up; the events are stored all the same.
        let _ = answer.send(outcome);
    }
    next
}
