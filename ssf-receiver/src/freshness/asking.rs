//! Which missing numbers the Transmitter is asked for, and when: each at once, and again ever more seldom while it does not come.

use std::{ops::RangeInclusive, time::Duration};

use ssf_types::set::{NUMBERS_MAX, RANGES_MAX};

use super::range_set::RangeSet;

/// How long to wait before asking for the same once more, or after a request that failed; it doubles each time.
const DELAY_MIN: Duration = Duration::from_mins(1);

/// Longest wait.
const DELAY_MAX: Duration = Duration::from_hours(1);

/// What was asked for. Moments are counted from any start, by a steady clock.
#[derive(Debug, Default)]
pub(crate) struct Asking {
    asked: RangeSet,
    /// How often in a row something was asked for again.
    repeated: u32,
    /// When what was asked for is asked for again.
    again_at: Duration,
    /// How many requests have failed in a row.
    failed: u32,
    /// Nothing is asked for before.
    not_before: Duration,
}

fn delay(times: u32) -> Duration {
    DELAY_MIN.saturating_mul(1 << times.min(16)).min(DELAY_MAX)
}

impl Asking {
    /// What to ask for now: `missing` numbers that were not asked for, else those that were, when it is time for that.
    pub(crate) fn wanted(
        &self,
        missing: &[RangeInclusive<u64>],
        now: Duration,
    ) -> Vec<RangeInclusive<u64>> {
        if now < self.not_before {
            return Vec::new();
        }
        let mut wanted = RangeSet::default();
        for range in missing {
            for new in self.asked.lacks(range.clone()).iter() {
                wanted.insert_range(&new);
            }
        }
        if wanted.is_empty() && now >= self.again_at {
            for range in missing {
                wanted.insert_range(range);
            }
        }
        within_limits(&wanted)
    }

    /// The Transmitter was asked for these, and has answered.
    pub(crate) fn answered(&mut self, numbers: &[RangeInclusive<u64>], now: Duration) {
        let is_repeated = numbers
            .iter()
            .any(|range| self.asked.lacks(range.clone()).is_empty());
        self.repeated = if is_repeated { self.repeated + 1 } else { 0 };
        self.again_at = now + delay(self.repeated);
        self.failed = 0;
        for range in numbers {
            self.asked.insert_range(range);
        }
    }

    /// It could not be asked, or refused.
    pub(crate) fn failed(&mut self, now: Duration) {
        self.not_before = now + delay(self.failed);
        self.failed = self.failed.saturating_add(1);
    }

    /// What was asked for, as far as it has not come.
    pub(crate) fn asked(&self) -> &RangeSet {
        &self.asked
    }

    /// Only these have not come.
    pub(crate) fn waits_for(&mut self, lacking: RangeSet) {
        self.asked = lacking;
        if self.asked.is_empty() {
            self.repeated = 0;
        }
    }
}

/// The lowest of them, as many as one request may name.
fn within_limits(wanted: &RangeSet) -> Vec<RangeInclusive<u64>> {
    let mut left = NUMBERS_MAX;
    let mut chosen = Vec::new();
    for range in wanted.iter().take(RANGES_MAX) {
        if left == 0 {
            break;
        }
        let (first, last) = (*range.start(), *range.end());
        let last = last.min(first.saturating_add(left - 1));
        left -= last - first + 1;
        chosen.push(first..=last);
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_gap_is_asked_for_once_and_again_ever_more_seldom() {
        let mut asking = Asking::default();
        let missing = [3..=4];
        assert_eq!(asking.wanted(&missing, secs(5)), [3..=4]);
        let mut now = secs(5);
        for wait in [60, 120, 240, 480, 960, 1920, 3600, 3600] {
            asking.answered(&missing, now);
            assert_eq!(asking.wanted(&missing, now + secs(wait - 1)), []);
            now += secs(wait);
            assert_eq!(asking.wanted(&missing, now), [3..=4]);
        }
    }

    #[test]
    fn what_is_missing_besides_is_asked_for_at_once() {
        let mut asking = Asking::default();
        asking.answered(&[3..=4], secs(5));
        assert_eq!(asking.wanted(&[3..=4, 9..=9], secs(6)), [9..=9]);
    }

    #[test]
    fn what_has_come_and_is_missing_again_is_asked_for_at_once() {
        let mut asking = Asking::default();
        asking.answered(&[3..=4], secs(5));
        asking.waits_for(RangeSet::default());
        assert_eq!(asking.wanted(&[3..=4], secs(6)), [3..=4]);
    }

    #[test]
    fn who_was_refused_waits() {
        let mut asking = Asking::default();
        for (now, until) in [(0, 60), (60, 180), (180, 420)] {
            asking.failed(secs(now));
            assert_eq!(asking.wanted(&[3..=4], secs(until - 1)), []);
            assert_eq!(asking.wanted(&[3..=4], secs(until)), [3..=4]);
        }
    }

    #[test]
    fn no_more_is_asked_for_at_once_than_one_request_may_name() {
        let asking = Asking::default();
        assert_eq!(
            asking.wanted(&[1..=1, 5..=5000], secs(0)),
            [1..=1, 5..=1003]
        );
        let many: Vec<_> = (1..=200).map(|number| 2 * number..=2 * number).collect();
        assert_eq!(asking.wanted(&many, secs(0)), many[..100]);
    }
}
