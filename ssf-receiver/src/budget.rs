//! A token bucket: how often a stranger's `kid` may make us fetch keys.

use std::time::Duration;

/// Fetches that may follow each other at once.
pub(crate) const BURST: u32 = 5;

/// Time after which another fetch is allowed.
pub(crate) const REFILL: Duration = Duration::from_secs(30);

/// Allows [`BURST`] fetches and then one per [`REFILL`]; moments are counted from any start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    /// When the bucket will be full again.
    full_at: Duration,
}

impl Budget {
    /// A full bucket.
    pub(crate) fn new() -> Self {
        Self {
            full_at: Duration::ZERO,
        }
    }

    /// Takes one fetch.
    ///
    /// # Errors
    /// How long to wait until one is allowed.
    pub(crate) fn take(&mut self, now: Duration) -> Result<(), Duration> {
        let full_at = self.full_at.max(now) + REFILL;
        let earliest = full_at.saturating_sub(REFILL * BURST);
        if earliest > now {
            return Err(earliest.saturating_sub(now));
        }
        self.full_at = full_at;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn five_fetches_are_free_and_the_sixth_waits() {
        let mut budget = Budget::new();
        for _ in 0..5 {
            assert_eq!(budget.take(secs(1000)), Ok(()));
        }
        assert_eq!(budget.take(secs(1000)), Err(secs(30)));
        assert_eq!(budget.take(secs(1010)), Err(secs(20)));
        assert_eq!(budget.take(secs(1030)), Ok(()));
        assert_eq!(budget.take(secs(1030)), Err(secs(30)));
    }

    #[test]
    fn a_long_rest_gives_no_more_than_the_burst() {
        let mut budget = Budget::new();
        assert_eq!(budget.take(secs(0)), Ok(()));
        for _ in 0..5 {
            assert_eq!(budget.take(secs(100_000)), Ok(()));
        }
        assert!(budget.take(secs(100_000)).is_err());
    }
}
