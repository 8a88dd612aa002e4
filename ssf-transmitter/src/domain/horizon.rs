//! How far ahead of the present a stored moment may lie: no further than the longest time that it can mean.
//!
//! What lies further ahead was written by a clock that was wrong. Once that is put right, whatever waits for such a moment
//! would wait for as long as the clock was wrong, be that an hour or a year.

use std::time::Duration;

use ssf_types::time::Timestamp;

use super::{circuit::KEY_DELAYS, poll::OUT_FOR, retry::RetryPolicy};

/// Longest lease that any node may take: nobody works for so long on what a node that died had.
pub const LEASE_MAX: Duration = Duration::from_mins(1);

/// How long a row that cannot be read is left alone: by then, a node of the version that wrote it may be there.
pub const UNREADABLE_FOR: Duration = Duration::from_mins(5);

/// How far apart clocks may be that count as right; they should agree to a second.
const CLOCKS_APART_MAX: Duration = Duration::from_secs(10);

/// The latest moments that a store may hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Horizon {
    /// The present, as of which the others are.
    pub now: Timestamp,
    /// At which a delivery is due, and from which on a poll may get something.
    pub due: Timestamp,
    /// At which a stream has rested.
    pub rest: Timestamp,
    /// At which a lease ends.
    pub lease: Timestamp,
    /// At which the SETs of an answer to a poll are offered again.
    pub answer: Timestamp,
    /// Until which an event is set aside.
    pub set_aside: Timestamp,
    /// At which something has happened.
    pub past: Timestamp,
}

impl Horizon {
    /// What may be held at the moment `now`, where deliveries and streams wait as `retry` has it.
    pub fn of(now: Timestamp, retry: &RetryPolicy) -> Self {
        let at_most = |longest: Duration| now.after(longest.saturating_add(CLOCKS_APART_MAX));
        let rest = retry.delay_max.max(UNREADABLE_FOR);
        let due = KEY_DELAYS.into_iter().fold(rest, Duration::max);
        Self {
            now,
            due: at_most(due),
            rest: at_most(rest),
            lease: at_most(LEASE_MAX),
            answer: at_most(OUT_FOR),
            set_aside: at_most(UNREADABLE_FOR),
            past: at_most(Duration::ZERO),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn later(seconds: u64) -> Timestamp {
        NOW.after(Duration::from_secs(seconds))
    }

    #[test]
    fn nothing_lies_further_ahead_than_it_can_mean_and_clocks_differ() {
        let expected = Horizon {
            now: NOW,
            due: later(610),
            rest: later(310),
            lease: later(70),
            answer: later(70),
            set_aside: later(310),
            past: later(10),
        };
        assert_eq!(Horizon::of(NOW, &RetryPolicy::default()), expected);
    }

    #[test]
    fn who_waits_longer_looks_further() {
        let patient = RetryPolicy::new(Duration::from_secs(1), Duration::from_hours(1));
        let horizon = Horizon::of(NOW, &patient);
        assert_eq!((horizon.due, horizon.rest), (later(3610), later(3610)));
    }
}
