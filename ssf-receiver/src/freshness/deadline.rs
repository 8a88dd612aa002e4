//! From when on what is known is stale, for those who decide: they take no lock.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::time::Instant;

/// A moment by a steady clock, which whoever learns something puts off.
#[derive(Debug)]
pub(crate) struct Deadline {
    began: Instant,
    /// Milliseconds since then.
    from: AtomicU64,
}

impl Deadline {
    /// It has passed: nothing is known yet.
    pub(super) fn new(began: Instant) -> Self {
        Self {
            began,
            from: AtomicU64::new(0),
        }
    }

    /// Puts it off, or brings it forward; `None` for never.
    pub(super) fn set(&self, from: Option<Duration>) {
        let millis = |from: Duration| u64::try_from(from.as_millis()).unwrap_or(u64::MAX);
        let from = from.map_or(u64::MAX, millis);
        self.from.store(from, Ordering::Release);
    }

    /// Whether it has passed.
    pub(crate) fn has_passed(&self) -> bool {
        let from = self.from.load(Ordering::Acquire);
        self.began.elapsed() >= Duration::from_millis(from)
    }
}
