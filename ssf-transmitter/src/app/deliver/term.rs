//! Until when a lease holds, as whoever holds it may rely on.

use std::time::Duration;

use ssf_types::time::Timestamp;
use tokio::time::Instant;

/// The end of a lease by two clocks: that on the wall, by which others judge it, and a steady one, which nobody sets and
/// which goes on while the process is stopped. Whichever is first counts.
#[derive(Clone, Copy, Debug)]
pub struct Term {
    length: Duration,
    wall: Timestamp,
    steady: Instant,
}

impl Term {
    /// A term that begins now: to be called before the store is asked for the lease, so that it ends no later than that.
    pub fn begin(length: Duration, now: Timestamp) -> Self {
        Self {
            length,
            wall: now.after(length),
            steady: Instant::now() + length,
        }
    }

    /// The end by the clock on the wall.
    pub fn until(&self) -> Timestamp {
        self.wall
    }

    /// Whether less than an eighth is left: what begins then might reach the network behind the end.
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        self.left(now) < self.length / 8
    }

    /// Whether a third has passed.
    pub(super) fn is_to_be_renewed(&self, now: Timestamp) -> bool {
        self.left(now) <= self.length / 3 * 2
    }

    /// How long until it is to be renewed.
    pub(super) fn renewal(&self, now: Timestamp) -> Duration {
        self.left(now).saturating_sub(self.length / 3 * 2)
    }

    fn left(&self, now: Timestamp) -> Duration {
        let steady = self.steady.saturating_duration_since(Instant::now());
        self.wall.since(now).min(steady)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    #[tokio::test(start_paused = true)]
    async fn a_term_is_renewed_after_a_third_and_over_an_eighth_before_its_end() {
        let term = Term::begin(Duration::from_secs(24), NOW);
        assert_eq!(term.until(), NOW.after(Duration::from_secs(24)));
        assert_eq!(term.renewal(NOW), Duration::from_secs(8));
        assert!(!term.is_to_be_renewed(NOW));
        tokio::time::advance(Duration::from_secs(8)).await;
        assert!(term.is_to_be_renewed(NOW) && !term.is_over(NOW));
        assert_eq!(term.renewal(NOW), Duration::ZERO);
        tokio::time::advance(Duration::from_millis(13_001)).await;
        assert!(term.is_over(NOW));
    }

    #[tokio::test(start_paused = true)]
    async fn the_clock_on_the_wall_counts_as_well() {
        let term = Term::begin(Duration::from_secs(24), NOW);
        let after = |millis| NOW.after(Duration::from_millis(millis));
        assert!(term.is_to_be_renewed(after(8000)));
        assert!(!term.is_over(after(21_000)));
        assert!(term.is_over(after(21_001)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_set_back_makes_no_term_longer() {
        let term = Term::begin(Duration::from_secs(24), NOW);
        tokio::time::advance(Duration::from_secs(24)).await;
        assert!(term.is_over(Timestamp::from_secs(1_700_000_000)));
    }
}
