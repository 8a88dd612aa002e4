//! How often something may be done: so much a second on average, and a while's worth at once.

use std::time::Duration;

use ssf_types::time::Timestamp;

/// Microseconds in a second.
const SECOND: u64 = 1_000_000;

/// How much of what is allowed may be used at once, having been saved up: what ten seconds bring, in microseconds.
const SAVED_UP: u64 = 10 * SECOND;

/// Most pieces of one work: the events of a submission, or the numbers that a Receiver asks for.
const PIECES_MAX: u64 = 1000;

/// A pace, in pieces of work a second.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Pace {
    per_second: u64,
}

/// What is allowed is used up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TooFast {
    /// After this long, one more piece is allowed.
    pub retry_after: Duration,
}

impl Pace {
    /// Allows so many pieces a second, at least one and at most a million.
    pub fn per_second(pieces: u64) -> Self {
        Self {
            per_second: pieces.clamp(1, SECOND),
        }
    }

    /// How many pieces are allowed a second.
    pub fn pieces(self) -> u64 {
        self.per_second
    }

    /// Allows `pieces` at `now`, unless what was allowed before is worth more than ten seconds still.
    ///
    /// `used_until` is what the last call returned, 0 at first: until when, in microseconds since 1970, everything is
    /// used up. Work that is larger than what can be saved up is allowed as a whole and paid for afterwards. What lies further
    /// ahead than the largest can bring it is the word of a clock that was wrong, and nothing is used up.
    ///
    /// # Errors
    /// It is too early; `used_until` stays.
    pub fn allow(self, used_until: u64, pieces: u64, now: Timestamp) -> Result<u64, TooFast> {
        self.allow_within(SAVED_UP, used_until, pieces, now)
    }

    /// Allows what [`allow`](Self::allow) does, but for one part in `part` of what can be saved up: that is kept for others.
    ///
    /// # Errors
    /// As there.
    pub fn allow_keeping(
        self,
        part: u64,
        used_until: u64,
        pieces: u64,
        now: Timestamp,
    ) -> Result<u64, TooFast> {
        self.allow_within(not_kept(part), used_until, pieces, now)
    }

    /// What is used up after `pieces` more, allowed or not.
    pub fn charge(self, used_until: u64, pieces: u64, now: Timestamp) -> u64 {
        let used_until = self.believed(used_until, now);
        used_until
            .max(micros(now))
            .saturating_add(pieces.saturating_mul(self.one()))
    }

    fn allow_within(
        self,
        saved_up: u64,
        used_until: u64,
        pieces: u64,
        now: Timestamp,
    ) -> Result<u64, TooFast> {
        let used_until = self.believed(used_until, now);
        let ahead = used_until.saturating_sub(micros(now));
        let used_up = ahead.saturating_add(self.one());
        if used_up > saved_up {
            return Err(TooFast {
                retry_after: Duration::from_micros(used_up - saved_up),
            });
        }
        Ok(self.charge(used_until, pieces, now))
    }

    /// What is used up, unless it lies further ahead than work can bring it: the largest there is, and the same once more within
    /// what was kept for it. The clocks of nodes differ by less than what can be saved up.
    fn believed(self, used_until: u64, now: Timestamp) -> u64 {
        let longest = 2 * PIECES_MAX * self.one() + 3 * SAVED_UP;
        if used_until.saturating_sub(micros(now)) <= longest {
            used_until
        } else {
            0
        }
    }

    /// Microseconds for one piece.
    fn one(self) -> u64 {
        SECOND / self.per_second
    }
}

/// Whether nothing is used up any more.
pub fn is_paid(used_until: u64, now: Timestamp) -> bool {
    used_until <= micros(now)
}

/// Of what is used up, no more than leaves alone what [`Pace::allow_keeping`] keeps for others.
pub fn leaving_kept(part: u64, used_until: u64, now: Timestamp) -> u64 {
    used_until.min(micros(now).saturating_add(not_kept(part)))
}

fn not_kept(part: u64) -> u64 {
    SAVED_UP - SAVED_UP / part.max(1)
}

fn micros(moment: Timestamp) -> u64 {
    moment.as_millis().saturating_mul(1000)
}

#[cfg(test)]
mod tests {
    use super::{
        super::{event::SUBMISSION_EVENTS_MAX, replay::REPLAY_MAX},
        *,
    };

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    /// How many pieces of 10,000 are allowed at once, and the state after them.
    fn burst(pace: Pace, mut used: u64, now: Timestamp) -> (u64, u64) {
        let mut allowed = 0;
        for _ in 0..10_000 {
            if let Ok(next) = pace.allow(used, 1, now) {
                used = next;
                allowed += 1;
            }
        }
        (allowed, used)
    }

    #[test]
    fn what_was_saved_up_may_be_used_at_once_and_then_the_pace_holds() {
        let pace = Pace::per_second(200);
        let (allowed, used) = burst(pace, 0, NOW);
        assert_eq!(allowed, 2000);
        let (allowed, used) = burst(pace, used, NOW.after(Duration::from_secs(1)));
        assert_eq!(allowed, 200);
        let (allowed, _) = burst(pace, used, NOW.after(Duration::from_hours(1)));
        assert_eq!(allowed, 2000);
    }

    #[test]
    fn who_is_too_fast_learns_when_one_more_is_allowed() {
        let pace = Pace::per_second(4);
        let (allowed, used) = burst(pace, 0, NOW);
        assert_eq!(allowed, 40);
        let retry_after = Duration::from_millis(250);
        assert_eq!(pace.allow(used, 1, NOW), Err(TooFast { retry_after }));
        assert!(pace.allow(used, 1, NOW.after(retry_after)).is_ok());
    }

    #[test]
    fn large_work_is_allowed_and_paid_for_afterwards() {
        let pace = Pace::per_second(1);
        let used = pace.allow(0, 127, NOW).unwrap();
        let retry_after = Duration::from_secs(118);
        assert_eq!(pace.allow(used, 1, NOW), Err(TooFast { retry_after }));
        assert!(pace.allow(used, 1, NOW.after(retry_after)).is_ok());
    }

    #[test]
    fn what_a_clock_used_up_that_was_ahead_is_free_when_it_is_right_again() {
        let pace = Pace::per_second(10);
        let used = pace.allow(0, 100, NOW.after(Duration::from_hours(1)));
        assert!(pace.allow(used.unwrap(), 1, NOW).is_ok());
        // The largest work is paid for, also by a clock that is a little behind.
        let used = pace.allow(0, 1000, NOW.after(Duration::from_secs(5)));
        assert!(pace.allow(used.unwrap(), 1, NOW).is_err());
    }

    #[test]
    fn no_work_is_larger_than_a_pace_knows() {
        assert_eq!(SUBMISSION_EVENTS_MAX as u64, PIECES_MAX);
        assert_eq!(REPLAY_MAX, PIECES_MAX);
    }

    #[test]
    fn a_pace_of_nothing_is_one_a_second() {
        assert_eq!(Pace::per_second(0).pieces(), 1);
    }
}
