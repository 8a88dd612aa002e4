//! When revocations are over: once every session that they may concern is too old to be let in without a renewal.
//!
//! Nothing is over by our clock alone. The time is that of the latest SET, by the Transmitter's clock or ours, whichever is
//! behind: so a clock that jumps forgets nothing, and neither does a Transmitter's.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use ssf_types::time::Timestamp;

use crate::revocation::{Watermarks, seconds};

/// Least age: with less, every sign-in would soon have to be renewed.
pub(crate) const AGE_MIN: Duration = Duration::from_hours(1);

/// How old sessions may get without a renewal, and SETs before they are forgotten.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ages {
    /// Since they began.
    pub(crate) session: Duration,
    /// Since their user proved who they are. Without it, what asks for a sign-in is over with the memory alone: sessions that
    /// do not register when that was would be refused from then on.
    pub(crate) authentication: Option<Duration>,
    /// Since SETs were received.
    pub(crate) sets: Duration,
}

impl Default for Ages {
    fn default() -> Self {
        Self {
            session: Duration::from_hours(30 * 24),
            authentication: None,
            sets: Duration::from_hours(90 * 24),
        }
    }
}

impl Ages {
    /// Whether all are long enough.
    pub(crate) fn are_sound(&self) -> bool {
        let authentication = self.authentication.unwrap_or(AGE_MIN);
        self.session.min(authentication).min(self.sets) >= AGE_MIN
    }
}

/// What is over, as time goes on.
#[derive(Debug)]
pub(crate) struct Expiry {
    ages: Ages,
    /// The latest time that both clocks agree upon: seconds since 1970.
    told: AtomicU32,
}

impl Expiry {
    /// No time has been told yet.
    pub(crate) fn new(ages: Ages) -> Self {
        Self {
            ages,
            told: AtomicU32::new(0),
        }
    }

    /// A SET was issued then, by the Transmitter's clock, and received then, by ours.
    pub(crate) fn learn(&self, issued: Timestamp, received: Timestamp) {
        let told = seconds(issued.min(received));
        self.told.fetch_max(told, Ordering::Relaxed);
    }

    /// The latest time that was told, in seconds since 1970.
    pub(crate) fn told(&self) -> u32 {
        self.told.load(Ordering::Relaxed)
    }

    /// Up to when what was received is over.
    pub(crate) fn over(&self) -> Watermarks {
        let before = |age| self.before(age);
        Watermarks {
            ended: before(self.ages.session),
            unproven: self.ages.authentication.map_or(0, before),
        }
    }

    /// SETs are forgotten that were received before.
    pub(crate) fn sets_over(&self) -> Timestamp {
        Timestamp::from_secs(self.before(self.ages.sets).into())
    }

    fn before(&self, age: Duration) -> u32 {
        let age = u32::try_from(age.as_secs()).unwrap_or(u32::MAX);
        self.told().saturating_sub(age)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 24 * 60 * 60;

    fn expiry(authentication: Option<Duration>) -> Expiry {
        let session = Duration::from_secs(30 * DAY);
        Expiry::new(Ages {
            session,
            authentication,
            ..Ages::default()
        })
    }

    fn at(day: u64) -> Timestamp {
        Timestamp::from_secs(day * DAY)
    }

    fn days(days: u32) -> u32 {
        days * 24 * 60 * 60
    }

    #[test]
    fn what_is_older_than_any_session_is_over() {
        let expiry = expiry(Some(Duration::from_secs(90 * DAY)));
        assert_eq!(expiry.over(), Watermarks::default());
        expiry.learn(at(1_000), at(1_000));
        assert_eq!(expiry.over().ended, days(970));
        assert_eq!(expiry.over().unproven, days(910));
        assert_eq!(expiry.sets_over(), at(910));
    }

    #[test]
    fn a_clock_that_jumps_forgets_nothing_whosever_it_is() {
        let expiry = expiry(None);
        expiry.learn(at(1_000), at(1_400));
        expiry.learn(at(1_400), at(1_001));
        expiry.learn(at(900), at(900));
        assert_eq!(expiry.over().ended, days(971));
        assert_eq!(expiry.over().unproven, 0);
    }

    #[test]
    fn an_age_of_less_than_an_hour_is_not_sound() {
        let ages = |session, authentication| Ages {
            session: Duration::from_mins(session),
            authentication: Some(Duration::from_mins(authentication)),
            ..Ages::default()
        };
        assert!(Ages::default().are_sound());
        assert!(ages(60, 60).are_sound());
        assert!(!ages(59, 60).are_sound());
        assert!(!ages(60, 59).are_sound());
    }
}
