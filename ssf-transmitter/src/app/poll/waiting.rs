//! The polls that wait, by stream.
//!
//! One that waits costs memory alone: nothing looks after it until it is called, a newer poll on its stream takes its
//! place, or its time is over.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use ssf_types::id::StreamId;
use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

/// All polls that wait in this process. Clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Waiting(Arc<Room>);

#[derive(Debug)]
struct Room {
    polls_max: usize,
    polls: Mutex<Polls>,
}

#[derive(Debug, Default)]
struct Polls {
    by_stream: HashMap<StreamId, Arc<Bell>>,
    is_closed: bool,
}

#[derive(Debug, Default)]
struct Bell {
    is_over: AtomicBool,
    rung: Notify,
}

impl Bell {
    fn end(&self) {
        self.is_over.store(true, Ordering::Release);
        self.rung.notify_one();
    }
}

/// A poll may not wait.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum NotJoined {
    /// As many wait as may.
    Full,
    /// The process stops.
    Closed,
}

/// Why a poll does not wait any longer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Called {
    /// There may be something.
    Look,
    /// Its time is over, or somebody took its place.
    Over,
}

/// A poll that waits; dropping it gives its place back.
#[derive(Debug)]
pub(super) struct Turn {
    waiting: Waiting,
    stream: StreamId,
    bell: Arc<Bell>,
}

impl Waiting {
    pub(super) fn new(polls_max: usize) -> Self {
        let polls = Mutex::default();
        Self(Arc::new(Room { polls_max, polls }))
    }

    fn polls(&self) -> MutexGuard<'_, Polls> {
        // No code panics while it holds the lock; the map would be whole even so.
        self.0.polls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits on a stream from now on. An older poll on it does not wait any longer.
    pub(super) fn join(&self, stream: &StreamId) -> Result<Turn, NotJoined> {
        let bell = Arc::new(Bell::default());
        let mut polls = self.polls();
        if polls.is_closed {
            return Err(NotJoined::Closed);
        }
        if polls.by_stream.len() >= self.0.polls_max && !polls.by_stream.contains_key(stream) {
            return Err(NotJoined::Full);
        }
        if let Some(older) = polls.by_stream.insert(stream.clone(), Arc::clone(&bell)) {
            older.end();
        }
        count(&polls);
        Ok(Turn {
            waiting: self.clone(),
            stream: stream.clone(),
            bell,
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.polls().by_stream.is_empty()
    }

    /// Has the poll that waits on a stream look. A call that comes while it looks is not lost.
    pub(super) fn call(&self, stream: &StreamId) {
        if let Some(bell) = self.polls().by_stream.get(stream) {
            bell.rung.notify_one();
        }
    }

    pub(super) fn close(&self) {
        let mut polls = self.polls();
        polls.is_closed = true;
        for bell in polls.by_stream.values() {
            bell.end();
        }
    }
}

impl Turn {
    /// Waits until the poll is called, at most until `deadline`.
    pub(super) async fn called(&self, deadline: Instant) -> Called {
        let rung = timeout_at(deadline, self.bell.rung.notified()).await;
        if rung.is_err() || self.bell.is_over.load(Ordering::Acquire) {
            return Called::Over;
        }
        Called::Look
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut polls = self.waiting.polls();
        let own = polls.by_stream.get(&self.stream);
        if own.is_some_and(|bell| Arc::ptr_eq(bell, &self.bell)) {
            polls.by_stream.remove(&self.stream);
            count(&polls);
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge is a float, and nobody has 2^53 polls"
)]
fn count(polls: &Polls) {
    metrics::gauge!("ssf_polls_waiting").set(polls.by_stream.len() as f64);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt;

    use super::*;

    fn stream(id: &str) -> StreamId {
        StreamId::parse(id).unwrap()
    }

    fn in_an_hour() -> Instant {
        Instant::now() + Duration::from_hours(1)
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_before_the_wait_is_not_lost_and_ends_one_wait() {
        let waiting = Waiting::new(2);
        let turn = waiting.join(&stream("a")).unwrap();
        waiting.call(&stream("a"));
        assert_eq!(turn.called(in_an_hour()).await, Called::Look);
        assert!(turn.called(in_an_hour()).now_or_never().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_on_one_stream_disturbs_no_other() {
        let waiting = Waiting::new(2);
        let one = waiting.join(&stream("a")).unwrap();
        let other = waiting.join(&stream("b")).unwrap();
        waiting.call(&stream("a"));
        waiting.call(&stream("c"));
        assert_eq!(one.called(in_an_hour()).now_or_never(), Some(Called::Look));
        assert!(other.called(in_an_hour()).now_or_never().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_poll_that_nobody_calls_is_over_at_its_deadline() {
        let turn = Waiting::new(1).join(&stream("a")).unwrap();
        assert_eq!(turn.called(in_an_hour()).await, Called::Over);
    }

    #[tokio::test(start_paused = true)]
    async fn a_newer_poll_takes_the_place_of_the_older() {
        let waiting = Waiting::new(1);
        let older = waiting.join(&stream("a")).unwrap();
        let newer = waiting.join(&stream("a")).unwrap();
        assert_eq!(
            older.called(in_an_hour()).now_or_never(),
            Some(Called::Over)
        );
        drop(older);
        waiting.call(&stream("a"));
        assert_eq!(
            newer.called(in_an_hour()).now_or_never(),
            Some(Called::Look)
        );
    }

    #[test]
    fn so_many_wait_and_no_more_until_one_goes() {
        let waiting = Waiting::new(1);
        let one = waiting.join(&stream("a")).unwrap();
        assert_eq!(waiting.join(&stream("b")).unwrap_err(), NotJoined::Full);
        drop(one);
        assert!(waiting.is_empty());
        assert!(waiting.join(&stream("b")).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn after_the_close_nobody_waits() {
        let waiting = Waiting::new(2);
        let turn = waiting.join(&stream("a")).unwrap();
        waiting.close();
        assert_eq!(turn.called(in_an_hour()).now_or_never(), Some(Called::Over));
        assert_eq!(waiting.join(&stream("a")).unwrap_err(), NotJoined::Closed);
    }
}
