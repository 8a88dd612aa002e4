//! Adding subjects to streams and removing them: requests that arrive together share a commit.
//!
//! Each commit keeps events out for its length, since a change has an exact place among them. So a Receiver that sends
//! thousands of requests costs tens of commits.

use std::{collections::BTreeMap, sync::Arc};

use ssf_types::error::Chain;
use tokio::sync::{
    mpsc::{self, error::TrySendError},
    oneshot,
};
use tracing::error;

use crate::{
    domain::{
        audit::{Act, Action, Actor, Details, Ending},
        coverage::{SubjectOperation, SubjectRefusal, SubjectTerms},
    },
    ports::{AuditStore, Clock, StoreError, SubjectChange, SubjectChanged, SubjectStore},
};

/// Most requests that wait for a commit: a Receiver that sends ten thousand at once is told that it is too fast, by the
/// pace of its stream, and not that the server is busy.
const WAITING_MAX: usize = 16_384;

/// Most changes in one commit, so that events do not wait long.
const COMMIT_CHANGES: usize = 512;

/// A subject was not added or not removed, or nobody can tell.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeSubjectError {
    /// The request cannot be met.
    #[error(transparent)]
    Refused(SubjectRefusal),
    /// The Receiver has no such stream.
    #[error("there is no stream with this stream_id")]
    NotFound,
    /// Too many requests wait already; this one changed nothing.
    #[error("too many requests are waiting to be stored: try again later")]
    Busy,
    /// The transmitter is about to stop; the change was perhaps made.
    #[error("the transmitter is stopping: try again")]
    Stopping,
    /// The store failed; the change was perhaps made.
    #[error("the change cannot be stored")]
    Store(#[source] Arc<StoreError>),
}

/// Where changes are handed in. Clones lead to the same queue.
#[derive(Clone, Debug)]
pub struct Subjects(mpsc::Sender<Waiting>);

/// The changes that wait for a commit.
#[derive(Debug)]
pub struct SubjectQueue(mpsc::Receiver<Waiting>);

#[derive(Debug)]
struct Waiting {
    change: SubjectChange,
    answer: oneshot::Sender<Result<(), ChangeSubjectError>>,
}

/// Makes a queue: handlers get the one end, and a task runs the other.
pub fn queue() -> (Subjects, SubjectQueue) {
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    (Subjects(sender), SubjectQueue(receiver))
}

impl Subjects {
    /// Makes a change and waits until it is durable (SSF 1.0 §8.1.3.2, §8.1.3.3).
    ///
    /// A subject that nobody knows is added and removed like any other: whoever asks learns nothing about it.
    ///
    /// # Errors
    /// The change is refused, there is no such stream, the queue is full, the transmitter stops, or the store failed.
    pub async fn change(&self, change: SubjectChange) -> Result<(), ChangeSubjectError> {
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting { change, answer };
        self.0.try_send(waiting).map_err(|error| match error {
            TrySendError::Full(_) => ChangeSubjectError::Busy,
            TrySendError::Closed(_) => ChangeSubjectError::Stopping,
        })?;
        answered.await.map_err(|_| ChangeSubjectError::Stopping)?
    }
}

impl SubjectQueue {
    /// Makes changes until every [`Subjects`] is gone, and what waits then is made, too.
    pub async fn run(
        mut self,
        store: &(impl SubjectStore + AuditStore),
        clock: &impl Clock,
        terms: &SubjectTerms,
    ) {
        let mut together = Vec::with_capacity(COMMIT_CHANGES);
        while self.0.recv_many(&mut together, COMMIT_CHANGES).await > 0 {
            commit(store, clock, terms, together.drain(..)).await;
        }
    }
}

async fn commit(
    store: &(impl SubjectStore + AuditStore),
    clock: &impl Clock,
    terms: &SubjectTerms,
    together: impl Iterator<Item = Waiting>,
) {
    let (asked, answers): (Vec<_>, Vec<_>) = together
        .map(|waiting| (waiting.change, waiting.answer))
        .unzip();
    let outcomes = match recorded(store, clock, terms, &asked).await {
        Ok(changed) => changed.into_iter().map(outcome).collect(),
        Err(error) => vec![Err(ChangeSubjectError::Store(Arc::new(error))); answers.len()],
    };
    for (answer, outcome) in answers.into_iter().zip(outcomes) {
        // Whoever asked may have hung up; the change is made all the same.
        let _ = answer.send(outcome);
    }
}

/// Makes changes between two entries of the audit log for each stream: one for each request would cost more than the
/// changes, and let whoever is too fast fill the log.
async fn recorded(
    store: &(impl SubjectStore + AuditStore),
    clock: &impl Clock,
    terms: &SubjectTerms,
    asked: &[SubjectChange],
) -> Result<Vec<SubjectChanged>, StoreError> {
    let mut acts = BTreeMap::new();
    for change in asked {
        let counts: &mut Counts = acts.entry((change.receiver, &change.stream)).or_default();
        counts.count(change.operation);
    }
    let mut begun = Vec::with_capacity(acts.len());
    for ((receiver, stream), counts) in acts {
        let actor = Actor::receiver(receiver);
        let act = Act::on(actor, Action::ChangeSubjects, "stream", stream);
        let act = act.with("add", counts.add).with("remove", counts.remove);
        let entry = store.record(act.begin(clock.now())).await?;
        begun.push((receiver, stream, act, entry.seq));
    }
    let result = store.change_subjects(asked, terms, clock.now()).await;
    for (receiver, stream, act, seq) in begun {
        let of_stream =
            |change: &SubjectChange| change.receiver == receiver && change.stream == *stream;
        let (ending, details) = match &result {
            Ok(changed) => ended(
                asked
                    .iter()
                    .zip(changed)
                    .filter(|(asked, _)| of_stream(asked)),
            ),
            Err(_) => (Ending::Failed, Details::none()),
        };
        let entry = act.end(clock.now(), seq, ending, &details);
        if let Err(failure) = store.record(entry).await {
            error!(audit.begun = seq, error = %Chain(&failure), "the end of an action cannot be written down");
        }
    }
    result
}

/// What is asked for on one stream.
#[derive(Default)]
struct Counts {
    add: u32,
    remove: u32,
}

impl Counts {
    fn count(&mut self, operation: SubjectOperation) {
        match operation {
            SubjectOperation::Add => self.add += 1,
            SubjectOperation::Remove => self.remove += 1,
        }
    }
}

/// How the changes of one stream ended: refused if all of them were.
fn ended<'c>(
    changes: impl Iterator<Item = (&'c SubjectChange, &'c SubjectChanged)>,
) -> (Ending, Details) {
    let (mut done, mut refused) = (Counts::default(), 0_u32);
    for (change, changed) in changes {
        match changed {
            SubjectChanged::Stored => done.count(change.operation),
            SubjectChanged::Refused(_) | SubjectChanged::NotFound => refused += 1,
        }
    }
    if done.add + done.remove == 0 {
        return (Ending::Refused, Details::none());
    }
    let details = Details::none()
        .with("added", done.add)
        .with("removed", done.remove)
        .with("refused", refused);
    (Ending::Done, details)
}

fn outcome(changed: SubjectChanged) -> Result<(), ChangeSubjectError> {
    match changed {
        SubjectChanged::Stored => Ok(()),
        SubjectChanged::Refused(refusal) => Err(ChangeSubjectError::Refused(refusal)),
        SubjectChanged::NotFound => Err(ChangeSubjectError::NotFound),
    }
}
