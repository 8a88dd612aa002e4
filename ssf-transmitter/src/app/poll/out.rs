//! Answers on their way to Receivers, and those that did not arrive.

use ssf_types::{error::Chain, id::StreamId};
use tokio::sync::mpsc;
use tracing::error;

use super::Polls;
use crate::{
    domain::id::AnswerId,
    ports::{Clock, PollStore},
};

/// Takes answers that did not arrive. There are at most as many as there are polls under way.
#[derive(Clone, Debug)]
pub(super) struct Returns(mpsc::UnboundedSender<Answer>);

/// The answers that did not arrive.
#[derive(Debug)]
pub struct Unreached(mpsc::UnboundedReceiver<Answer>);

/// An answer to a poll of a stream.
#[derive(Clone, Debug)]
pub struct Answer {
    stream: StreamId,
    id: AnswerId,
}

/// The SETs of an answer that is on its way. Dropping it offers them again at once: the Receiver hung up.
#[derive(Debug)]
pub struct HandedOut(Option<(Returns, Answer)>);

pub(super) fn returns() -> (Returns, Unreached) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (Returns(sender), Unreached(receiver))
}

impl Returns {
    pub(super) fn hand_out(&self, stream: &StreamId, id: AnswerId) -> HandedOut {
        let stream = stream.clone();
        HandedOut(Some((self.clone(), Answer { stream, id })))
    }
}

impl HandedOut {
    /// An answer without SETs.
    pub(super) fn nothing() -> Self {
        Self(None)
    }

    /// The answer is as good as with the Receiver: from now on only time offers its SETs again.
    pub fn arrived(mut self) {
        self.0 = None;
    }
}

impl Drop for HandedOut {
    fn drop(&mut self) {
        if let Some((returns, answer)) = self.0.take() {
            // An error means that the process stops; then time offers the SETs again.
            _ = returns.0.send(answer);
        }
    }
}

impl Unreached {
    /// Waits for an answer that did not arrive.
    pub async fn next(&mut self) -> Answer {
        match self.0.recv().await {
            Some(answer) => answer,
            // Nobody is left who could hand anything out, and returning at once would make the caller spin.
            None => std::future::pending().await,
        }
    }
}

impl Answer {
    /// Offers its SETs again, and calls whoever waits for some. If the store is not available, time offers them again.
    pub async fn take_back(self, store: &impl PollStore, clock: &impl Clock, polls: &Polls) {
        let taken = store.take_back(&self.stream, self.id, clock.now()).await;
        match taken {
            Ok(()) => polls.call(&self.stream),
            Err(error) => {
                error!(stream.id = %self.stream, error = %Chain(&error), "an answer is not taken back");
            }
        }
    }
}
