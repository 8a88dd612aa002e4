//! What waits of what a source has handed in.

use std::sync::Arc;

/// Of what may wait of a source, one Receiver takes at most one part in so many: however long it is away, the source hands in
/// events for the others.
const RECEIVER_SHARE: u64 = 10;

/// What waits of a source. Clones are cheap.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Backlog {
    undispatched: u64,
    /// Of each Receiver, ascending, with the sum up to it: what counts is asked for with each event that is handed in.
    of_receivers: Arc<[(u64, u64)]>,
}

impl Backlog {
    /// So many events that are not fanned out, and so many deliveries of each Receiver that are pending or held.
    pub fn new(undispatched: u64, of_receivers: impl IntoIterator<Item = u64>) -> Self {
        let mut of_receivers: Vec<u64> = of_receivers.into_iter().collect();
        of_receivers.sort_unstable();
        let summed = of_receivers.into_iter().scan(0_u64, |sum, waiting| {
            *sum = sum.saturating_add(waiting);
            Some((waiting, *sum))
        });
        Self {
            undispatched,
            of_receivers: summed.collect(),
        }
    }

    /// How much of it counts where `most` may wait.
    pub fn counted(&self, most: u64) -> u64 {
        let share = (most / RECEIVER_SHARE).max(1);
        let whole = self
            .of_receivers
            .partition_point(|(waiting, _)| *waiting <= share);
        let (whole, beyond) = self.of_receivers.split_at(whole);
        let sum = whole.last().map_or(0, |(_, sum)| *sum);
        let shares = share.saturating_mul(beyond.len() as u64);
        self.undispatched.saturating_add(sum).saturating_add(shares)
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.undispatched == 0 && self.of_receivers.last().is_none_or(|(most, _)| *most == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_waits_counts_but_of_one_receiver_no_more_than_its_share() {
        let backlog = Backlog::new(7, [1_000_000, 30, 100]);
        assert_eq!(backlog.counted(1000), 7 + 100 + 30 + 100);
        assert_eq!(backlog.counted(100_000_000), 7 + 1_000_000 + 30 + 100);
        assert_eq!(backlog.counted(1), 7 + 3);
        assert_eq!(Backlog::new(u64::MAX, [1]).counted(10), u64::MAX);
    }

    #[test]
    fn a_backlog_is_empty_if_nothing_waits() {
        assert!(Backlog::default().is_empty());
        assert!(Backlog::new(0, [0]).is_empty());
        assert!(!Backlog::new(0, [0, 1]).is_empty());
        assert!(!Backlog::new(1, []).is_empty());
    }
}
