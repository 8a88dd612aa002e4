//! All that the Receiver asked for, in order.

use std::{sync::Mutex, time::Instant};

use tokio::sync::Notify;

use super::Seen;
use crate::{context::locked, exchange::Answer, peer::Reply};

/// Most requests that are kept; a Receiver that asks for more in one run asks without a pause.
const LOG_MAX: usize = 100_000;

/// The requests and their answers.
#[derive(Default)]
pub(super) struct Log {
    seen: Mutex<Vec<Seen>>,
    heard: Notify,
}

impl Log {
    pub(super) fn look<T>(&self, look: impl FnOnce(&[Seen]) -> T) -> T {
        look(&locked(&self.seen))
    }

    /// Waits until something is found.
    pub(super) async fn find<T>(&self, mut find: impl FnMut(&[Seen]) -> Option<T>) -> T {
        loop {
            let heard = self.heard.notified();
            tokio::pin!(heard);
            // From here on nothing is missed.
            heard.as_mut().enable();
            if let Some(found) = self.look(&mut find) {
                return found;
            }
            heard.await;
        }
    }

    /// Writes a request down; the place that it has.
    pub(super) fn note(&self, seen: Seen) -> usize {
        let mut log = locked(&self.seen);
        if log.len() < LOG_MAX {
            log.push(seen);
        }
        let at = log.len() - 1;
        drop(log);
        self.heard.notify_waiters();
        at
    }

    pub(super) fn note_answer(&self, at: usize, reply: &Reply, is_changed: bool) {
        let answer = Answer::from(reply.clone());
        self.change(at, |seen| {
            seen.is_heeded = true;
            seen.is_changed = is_changed;
            seen.answer = Some((answer, Instant::now()));
        });
    }

    /// Notes that what a poll says of SETs has been heeded.
    pub(super) fn note_heeded(&self, at: usize) {
        self.change(at, |seen| seen.is_heeded = true);
    }

    pub(super) fn note_kept_back(&self, at: usize) {
        self.change(at, |seen| seen.is_kept_back = true);
    }

    fn change(&self, at: usize, change: impl FnOnce(&mut Seen)) {
        if let Some(seen) = locked(&self.seen).get_mut(at) {
            change(seen);
        }
        self.heard.notify_waiters();
    }
}
