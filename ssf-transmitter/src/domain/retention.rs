//! How long things are kept.

use std::time::Duration;

use ssf_types::time::Timestamp;

/// How long things are kept. What a stream is promised is the first of the two.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Retention {
    /// How long a delivery stays pending, from the `iat` of its SET.
    pub pending: Duration,
    /// How long there is something to be seen of what has ended: deliveries, events, records of drops.
    pub history: Duration,
}

impl Retention {
    /// Keeps things so long.
    pub fn new(pending: Duration, history: Duration) -> Self {
        Self { pending, history }
    }

    /// Deliveries with an earlier `iat` are pending no longer.
    pub fn pending_since(&self, now: Timestamp) -> Timestamp {
        now.before(self.pending)
    }

    /// What ended earlier than this goes.
    pub fn history_since(&self, now: Timestamp) -> Timestamp {
        now.before(self.history)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_hours(24);

    #[test]
    fn things_are_kept_from_their_moment_on() {
        let retention = Retention::new(30 * DAY, 90 * DAY);
        let now = Timestamp::from_secs(100 * 86_400);
        let days = |days: u64| Timestamp::from_secs(days * 86_400);
        assert_eq!(retention.pending_since(now), days(70));
        assert_eq!(retention.history_since(now), days(10));
    }
}
