//! What PostgreSQL knows of tables that grow fast: its plans rest on that, and by itself it looks once a minute at most.

use std::sync::atomic::{AtomicU64, Ordering};

use sea_orm::{ConnectionTrait, DatabaseBackend};
use ssf_types::error::Chain;
use tracing::warn;

use super::SeaStore;

/// So many new deliveries are worth a first look.
const FIRST: u64 = 1000;

/// The next look is worth it once there are so many times as many.
const FACTOR: u64 = 10;

/// How many deliveries this process has added, and at how many they are looked at.
#[derive(Debug)]
pub(super) struct Growth {
    added: AtomicU64,
    next: AtomicU64,
}

impl Default for Growth {
    fn default() -> Self {
        Self {
            added: AtomicU64::new(0),
            next: AtomicU64::new(FIRST),
        }
    }
}

impl Growth {
    /// Counts rows, and says whether it is time to look.
    fn is_due(&self, rows: u64) -> bool {
        let added = self.added.fetch_add(rows, Ordering::Relaxed) + rows;
        let next = self.next.load(Ordering::Relaxed);
        let then = added.saturating_mul(FACTOR);
        let taken = |next, then| {
            self.next
                .compare_exchange(next, then, Ordering::Relaxed, Ordering::Relaxed)
        };
        added >= next && taken(next, then).is_ok()
    }
}

impl SeaStore {
    /// Has PostgreSQL look at what grew tenfold under this process, beside whoever works with it.
    ///
    /// Where a backlog has come within a minute, it would else look for what one settlement makes due in the whole of it.
    pub(super) fn added_deliveries(&self, rows: u64) {
        if self.backend() != DatabaseBackend::Postgres || !self.growth.is_due(rows) {
            return;
        }
        let writer = self.writer.clone();
        tokio::spawn(async move {
            let looked = writer.execute_unprepared("ANALYZE delivery, event, stream_queue");
            if let Err(error) = looked.await {
                warn!(error = %Chain(&error), "PostgreSQL could not look at tables that have grown");
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_grows_is_looked_at_each_time_that_it_has_grown_tenfold() {
        let growth = Growth::default();
        let looks = (1..=200_u64).filter(|_| growth.is_due(500));
        assert_eq!(looks.collect::<Vec<_>>(), [2, 20, 200]);
    }
}
