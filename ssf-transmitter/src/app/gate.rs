//! Knows when no attempt can begin any more that was decided on before a moment.
//!
//! Whoever delivers passes the gate of the stream: it enters before it asks what is due, and leaves when the attempt
//! begins. Whoever accepts events and takes streams enters before the commit, and leaves the gate with the stream to whoever
//! delivers. Whoever has stopped the stream waits for those who are in its gate by then; what is found due by those who enter
//! later was due after the stop, which is nothing. So nobody is ever kept from entering, and nobody waits for another stream.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ssf_types::id::StreamId;
use tokio::sync::Notify;

/// Longest wait of a request until no attempt can begin any more; what takes longer is left to itself.
pub const WAIT_MAX: Duration = Duration::from_secs(3);

/// The gates of all streams of a process: passing one takes milliseconds, and a commit where events are accepted. Clones are the
/// same gates.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<Shared>);

/// Somebody is in the gate of a stream, until the last clone is dropped.
#[derive(Clone, Debug)]
pub struct Passage(#[expect(dead_code, reason = "it is held")] Arc<Entry>);

#[derive(Debug, Default)]
struct Shared {
    inside: Mutex<Inside>,
    /// Is called when somebody leaves.
    left: Notify,
}

/// Who is in which gate, by numbers in the order of entering. A stream in whose gate nobody is costs nothing.
#[derive(Debug, Default)]
struct Inside {
    next: u64,
    streams: HashMap<StreamId, BTreeSet<u64>>,
}

#[derive(Debug)]
struct Entry {
    gate: Arc<Shared>,
    stream: StreamId,
    number: u64,
}

impl Gate {
    /// Enters the gate of a stream.
    pub fn enter(&self, stream: &StreamId) -> Passage {
        let mut inside = self.0.lock();
        let number = inside.next;
        inside.next += 1;
        let of_stream = inside.streams.entry(stream.clone()).or_default();
        of_stream.insert(number);
        Passage(Arc::new(Entry {
            gate: Arc::clone(&self.0),
            stream: stream.clone(),
            number,
        }))
    }

    /// Waits until all who are in the gate of a stream now have left it; whether that took less than `limit`.
    pub async fn clears(&self, stream: &StreamId, limit: Duration) -> bool {
        let before = self.0.lock().next;
        let cleared = async {
            loop {
                // Made before the look, it hears of everybody who leaves after that.
                let left = self.0.left.notified();
                let oldest = self.0.lock().oldest(stream);
                if oldest.is_none_or(|oldest| oldest >= before) {
                    return;
                }
                left.await;
            }
        };
        tokio::time::timeout(limit, cleared).await.is_ok()
    }
}

impl Inside {
    /// Who has been in the gate of a stream for longest.
    fn oldest(&self, stream: &StreamId) -> Option<u64> {
        self.streams.get(stream)?.first().copied()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut inside = self.gate.lock();
        if let Some(of_stream) = inside.streams.get_mut(&self.stream) {
            of_stream.remove(&self.number);
            if of_stream.is_empty() {
                inside.streams.remove(&self.stream);
            }
        }
        drop(inside);
        self.gate.left.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn stream(id: &str) -> StreamId {
        StreamId::parse(id).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_gate_clears_when_the_last_has_left() {
        let (gate, one) = (Gate::default(), stream("one"));
        assert!(gate.clears(&one, SECOND).await);
        let passage = gate.enter(&one);
        let other = passage.clone();
        drop(passage);
        assert!(!gate.clears(&one, SECOND).await);
        let mut clearing = Box::pin(gate.clears(&one, SECOND));
        assert_eq!(clearing.as_mut().now_or_never(), None);
        drop(other);
        assert!(clearing.await);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_enters_later_is_not_waited_for_and_waits_for_nobody() {
        let (gate, one) = (Gate::default(), stream("one"));
        let before = gate.enter(&one);
        let mut clearing = Box::pin(gate.clears(&one, SECOND));
        assert_eq!(clearing.as_mut().now_or_never(), None);
        let _later = gate.enter(&one);
        drop(before);
        assert!(clearing.await);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_another_stream() {
        let (gate, one) = (Gate::default(), stream("one"));
        let inside = gate.enter(&one);
        assert!(gate.clears(&stream("other"), SECOND).await);
        assert!(!gate.clears(&one, SECOND).await);
        drop(inside);
    }

    #[test]
    fn a_stream_in_whose_gate_nobody_is_any_more_is_forgotten() {
        let (gate, one) = (Gate::default(), stream("one"));
        let both = [gate.enter(&one), gate.enter(&one)];
        assert_eq!(gate.0.lock().streams.len(), 1);
        drop(both);
        assert_eq!(gate.0.lock().streams.len(), 0);
    }
}
