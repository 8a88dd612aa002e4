//! Places for the steps of polls: a few at once, of each stream one.
//!
//! Steps of one stream wait for the same row of the store, whoever takes them. So they take turns here, before they have a
//! place: else as many as there are places would keep all other streams from theirs.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ssf_types::id::StreamId;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Most steps that are taken at once, so that thousands of polls that are woken together queue here and leave connections to
/// others.
const PARALLEL_MAX: usize = 8;

/// The places of a process. Clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Steps(Arc<Places>);

#[derive(Debug)]
struct Places {
    all: Semaphore,
    /// A stream for which nobody queues costs nothing.
    queues: Mutex<HashMap<StreamId, Queue>>,
}

#[derive(Debug)]
struct Queue {
    turn: Arc<Semaphore>,
    /// How many there are of [`Queued`].
    length: usize,
}

/// Somebody in the queue of a stream, until this is dropped.
#[derive(Debug)]
pub(super) struct Queued {
    steps: Steps,
    stream: StreamId,
    turn: Arc<Semaphore>,
}

/// A step may be taken, until this is dropped.
#[derive(Debug)]
pub(super) struct Permit<'q>(
    #[expect(dead_code, reason = "they are held")] [Option<SemaphorePermit<'q>>; 2],
);

impl Steps {
    pub(super) fn new() -> Self {
        Self(Arc::new(Places {
            all: Semaphore::new(PARALLEL_MAX),
            queues: Mutex::default(),
        }))
    }

    /// Queues for a step of a poll of this stream.
    pub(super) fn queue(&self, stream: &StreamId) -> Queued {
        let mut queues = self.queues();
        let queue = queues.entry(stream.clone()).or_insert_with(|| Queue {
            turn: Arc::new(Semaphore::new(1)),
            length: 0,
        });
        queue.length += 1;
        Queued {
            steps: self.clone(),
            stream: stream.clone(),
            turn: Arc::clone(&queue.turn),
        }
    }

    fn queues(&self) -> MutexGuard<'_, HashMap<StreamId, Queue>> {
        // No code panics while it holds the lock; the map would be whole even so.
        self.0.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queued {
    /// Waits for the turn of the stream, and then for a place.
    pub(super) async fn permit(&self) -> Permit<'_> {
        // Neither semaphore is ever closed; if one were, a step without its permit would still be right.
        let turn = self.turn.acquire().await.ok();
        let place = self.steps.0.all.acquire().await.ok();
        Permit([place, turn])
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        let mut queues = self.steps.queues();
        if let Some(queue) = queues.get_mut(&self.stream) {
            queue.length -= 1;
            if queue.length == 0 {
                queues.remove(&self.stream);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn stream(id: &str) -> StreamId {
        StreamId::parse(id).unwrap()
    }

    #[tokio::test]
    async fn steps_of_one_stream_take_turns_and_leave_the_other_places_to_others() {
        let steps = Steps::new();
        let queued: Vec<Queued> = (0..10).map(|_| steps.queue(&stream("a"))).collect();
        let first = queued[0].permit().await;
        let mut later: Vec<_> = queued[1..]
            .iter()
            .map(|one| Box::pin(one.permit()))
            .collect();
        for one in &mut later {
            assert!(one.as_mut().now_or_never().is_none());
        }
        let other = steps.queue(&stream("b"));
        assert!(other.permit().now_or_never().is_some());
        drop(first);
        let second = later[0].as_mut().now_or_never();
        assert!(second.is_some());
        assert!(later[1].as_mut().now_or_never().is_none());
    }

    #[tokio::test]
    async fn so_many_steps_are_taken_at_once_and_no_more() {
        let steps = Steps::new();
        let queued: Vec<Queued> = (0..9)
            .map(|number| steps.queue(&stream(&format!("s{number}"))))
            .collect();
        let permits: Vec<Permit<'_>> = queued[..8]
            .iter()
            .filter_map(|one| one.permit().now_or_never())
            .collect();
        assert_eq!(permits.len(), 8);
        let mut ninth = Box::pin(queued[8].permit());
        assert!(ninth.as_mut().now_or_never().is_none());
        drop(permits);
        assert!(ninth.as_mut().now_or_never().is_some());
    }

    #[tokio::test]
    async fn whoever_gives_up_holds_nobody_up_and_is_forgotten() {
        let steps = Steps::new();
        let [one, other] = [steps.queue(&stream("a")), steps.queue(&stream("a"))];
        let permit = one.permit().await;
        assert!(other.permit().now_or_never().is_none());
        drop(permit);
        drop(one);
        assert!(other.permit().now_or_never().is_some());
        assert_eq!(steps.queues().len(), 1);
        drop(other);
        assert_eq!(steps.queues().len(), 0);
    }
}
