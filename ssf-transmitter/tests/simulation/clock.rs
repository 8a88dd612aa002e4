//! The time of day, which jumps; the time that passes is tokio's, and does not.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use ssf_transmitter::ports::Clock;
use ssf_types::time::Timestamp;
use tokio::time::Instant;

/// When worlds begin, in milliseconds since 1970: an odd moment.
const BEGINNING_MILLIS: u64 = 1_800_000_000_777;

/// The clock that a node looks at. Clones jump together.
#[derive(Clone, Debug)]
pub(crate) struct WorldClock {
    began: Instant,
    ahead_millis: Arc<AtomicI64>,
    most_ahead_millis: Arc<AtomicI64>,
    /// By how much this node's clock is ahead of the others.
    skew_millis: i64,
}

impl WorldClock {
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
            ahead_millis: Arc::default(),
            most_ahead_millis: Arc::default(),
            skew_millis: 0,
        }
    }

    pub(crate) fn with_skew(&self, millis: i64) -> Self {
        let skew_millis = millis;
        Self {
            skew_millis,
            ..self.clone()
        }
    }

    /// Sets the clock so far ahead of the time that has passed, or back.
    pub(crate) fn set_ahead(&self, millis: i64) {
        self.ahead_millis.store(millis, Ordering::Relaxed);
        self.most_ahead_millis.fetch_max(millis, Ordering::Relaxed);
    }

    /// How far ahead it was at most. What was put off to a moment by it waits for so much longer when it is set right.
    pub(crate) fn most_ahead(&self) -> Duration {
        let millis = self.most_ahead_millis.load(Ordering::Relaxed);
        Duration::from_millis(u64::try_from(millis).unwrap())
    }

    /// How much time has passed.
    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }
}

impl Clock for WorldClock {
    fn now(&self) -> Timestamp {
        let passed = u64::try_from(self.began.elapsed().as_millis()).unwrap();
        let ahead = self.ahead_millis.load(Ordering::Relaxed) + self.skew_millis;
        Timestamp::from_millis((BEGINNING_MILLIS + passed).saturating_add_signed(ahead))
    }
}
