//! How often clients may fail to show who they are.

use std::{
    hash::{BuildHasher, RandomState},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use ssf_types::time::Timestamp;

/// One failure of a client is forgotten after this time.
const INTERVAL: Duration = Duration::from_secs(6);

/// Failures that a client may make in a row before it has to wait.
const BURST: u32 = 10;

/// How many clients are told apart; two that fall together share what they may do, and memory stays as it is.
const SLOTS: usize = 1024;

/// Counts failures of clients in this process: ten in a row, then one every six seconds.
///
/// Who is right is let in at any time, so that nobody can lock another out by failing in its name. Secrets are beyond
/// guessing; what is limited is the work and the noise.
#[derive(Debug)]
pub struct Failures {
    hasher: RandomState,
    /// When a client's last failure will be forgotten, in milliseconds since 1970.
    forgotten_at: Box<[AtomicU64]>,
}

impl Failures {
    /// Counts a failure of `client`. If it was one too many, says how long the client has to wait.
    pub fn count(&self, client: &str, now: Timestamp) -> Option<Duration> {
        let slot = self.slot(client);
        let now = now.as_millis();
        let interval = millis(INTERVAL);
        let most = now + interval * u64::from(BURST);
        let add = |forgotten: u64| {
            let next = forgotten.max(now) + interval;
            (next <= most).then_some(next)
        };
        match slot.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add) {
            Ok(_) => None,
            Err(forgotten) => Some(Duration::from_millis(forgotten + interval - most)),
        }
    }

    fn slot(&self, client: &str) -> &AtomicU64 {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "any bits of a hash choose a slot"
        )]
        let hash = self.hasher.hash_one(client) as usize;
        &self.forgotten_at[hash % SLOTS]
    }
}

impl Default for Failures {
    fn default() -> Self {
        Self {
            hasher: RandomState::new(),
            forgotten_at: (0..SLOTS).map(|_| AtomicU64::new(0)).collect(),
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    #[test]
    fn ten_failures_in_a_row_are_borne_and_then_one_every_six_seconds() {
        let failures = Failures::default();
        for _ in 0..10 {
            assert_eq!(failures.count("rp", NOW), None);
        }
        let wait = Some(Duration::from_secs(6));
        assert_eq!(failures.count("rp", NOW), wait);
        assert_eq!(failures.count("rp", NOW), wait);
        let then = NOW.after(Duration::from_secs(6));
        assert_eq!(failures.count("rp", then), None);
        assert_eq!(failures.count("rp", then), wait);
    }

    #[test]
    fn one_clients_failures_are_not_anothers() {
        let failures = Failures::default();
        while failures.count("rp", NOW).is_none() {}
        let others = (0..100).filter(|other| failures.count(&format!("rp{other}"), NOW).is_some());
        assert!(others.count() <= 5, "a few may fall together");
    }
}
