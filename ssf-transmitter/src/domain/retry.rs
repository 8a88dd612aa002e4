//! How long to wait before the next attempt.

use std::time::Duration;

/// The schedule of repeated attempts: exponential, with jitter, up to a limit, and without an end.
///
/// A delivery is never given up: a Receiver that comes back after any time hears from us within `delay_max`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// Delay after the first failure.
    pub delay_min: Duration,
    /// Longest delay, whatever the Receiver asks for.
    pub delay_max: Duration,
}

impl Default for RetryPolicy {
    /// From a quarter of a second to five minutes.
    fn default() -> Self {
        Self {
            delay_min: Duration::from_millis(250),
            delay_max: Duration::from_mins(5),
        }
    }
}

impl RetryPolicy {
    /// A schedule between two delays; `delay_max` is at least `delay_min`.
    pub fn new(delay_min: Duration, delay_max: Duration) -> Self {
        Self {
            delay_min,
            delay_max: delay_max.max(delay_min),
        }
    }

    /// Delay before the attempt that follows `attempts` failed ones.
    ///
    /// It doubles with each failure; its upper half is left to `jitter`, which is in `0.0..=1.0`, so that Receivers
    /// are not met by all streams at once. It is at least `retry_after` where the Receiver sent one (RFC 9110
    /// §10.2.3), and never more than `delay_max`, so that no answer can silence a stream.
    pub fn delay(&self, attempts: u32, retry_after: Option<Duration>, jitter: f64) -> Duration {
        let doublings = attempts.saturating_sub(1).min(31);
        let full = self
            .delay_min
            .saturating_mul(1 << doublings)
            .min(self.delay_max);
        let half = full / 2;
        let delay = half + half.mul_f64(jitter.clamp(0.0, 1.0));
        delay
            .max(retry_after.unwrap_or_default())
            .min(self.delay_max)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn millis(attempts: u32, jitter: f64) -> u128 {
        RetryPolicy::default()
            .delay(attempts, None, jitter)
            .as_millis()
    }

    #[test]
    fn the_delay_doubles_up_to_five_minutes() {
        let delays: Vec<u128> = (1..=12).map(|attempts| millis(attempts, 1.0)).collect();
        let expected = [
            250, 500, 1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 128_000, 256_000, 300_000,
        ];
        assert_eq!(delays, expected);
    }

    #[test]
    fn jitter_moves_the_upper_half() {
        assert_eq!(millis(3, 0.0), 500);
        assert_eq!(millis(3, 0.5), 750);
    }

    #[test]
    fn a_receiver_that_asks_for_more_time_gets_it_up_to_the_limit() {
        let policy = RetryPolicy::default();
        let asked = |seconds| policy.delay(1, Some(Duration::from_secs(seconds)), 0.0);
        assert_eq!(asked(90), Duration::from_secs(90));
        assert_eq!(asked(86_400), Duration::from_mins(5));
        assert_eq!(asked(0), Duration::from_millis(125));
    }

    proptest! {
        #[test]
        fn no_delay_leaves_its_bounds(attempts: u32, jitter in 0.0..1.0_f64, seconds: Option<u64>) {
            let policy = RetryPolicy::default();
            let delay = policy.delay(attempts, seconds.map(Duration::from_secs), jitter);
            prop_assert!(delay >= policy.delay_min / 2 && delay <= policy.delay_max);
        }
    }
}
