//! Calling the polls that wait for something that is there.

use std::time::Duration;

use ssf_types::time::Timestamp;

use super::Polls;
use crate::ports::{Clock, PollStore, StoreError};

/// How much longer than it seems something may have been there when it is first seen: the clocks of nodes differ, and a
/// commit takes a while.
const SLACK: Duration = Duration::from_secs(10);

/// Looks, once for all polls that wait, for streams that have had something since it looked last.
///
/// A poll looks for itself when it begins, so that what was there before needs no call. If ever one is missed, the poll
/// ends in time, and the next one gets it.
#[derive(Debug)]
pub struct Caller {
    looked_at: Timestamp,
}

impl Caller {
    /// Looks for what comes from `now` on.
    pub fn new(now: Timestamp) -> Self {
        Self { looked_at: now }
    }

    /// Looks once, if any poll waits, and calls those that it is for.
    ///
    /// # Errors
    /// The store is not available; the next look repeats this one.
    pub async fn look(
        &mut self,
        store: &impl PollStore,
        clock: &impl Clock,
        polls: &Polls,
    ) -> Result<(), StoreError> {
        let now = clock.now();
        if !polls.waiting.is_empty() {
            let since = self.looked_at.before(SLACK);
            for stream in store.pollable(since, now).await? {
                polls.waiting.call(&stream);
            }
        }
        self.looked_at = now;
        Ok(())
    }
}
