//! The ledger: what was accepted, matched and settled, counted twice and compared.
//!
//! Numbers come from ingest and fan-out, totals from settlement. Whoever changes one changes the other in the same
//! transaction, so that they agree at every moment. Where they do not, a row was lost or made up.

use std::collections::BTreeMap;

use super::dropped::DropReason;

/// What is counted, read at one moment.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Ledger {
    /// Events that sources and operators have handed in.
    pub accepted: u64,
    /// Those of them that were fanned out.
    pub dispatched: u64,
    /// Those of them that wait for it, as rows.
    pub waiting: u64,
    /// Those that wait because they could not be read.
    pub set_aside: u64,
    /// Streams that got an event, by the records of the fan-out, be they kept still or not; SETs of the framework count, too.
    pub matched: u64,
    /// Deliveries that were made anew because an operator wanted them sent once more.
    pub replayed: u64,
    /// Numbers that streams have given out, be they there still or not.
    pub numbered: u64,
    /// Deliveries that are pending or held, as rows.
    pub pending: u64,
    /// Deliveries that are quarantined, as rows.
    pub quarantined: u64,
    /// Deliveries of the streams that are there which were acknowledged, be their rows kept still or not.
    pub acknowledged: u64,
    /// Deliveries that were dropped, by the reason; those of streams that are gone, too.
    pub dropped: BTreeMap<DropReason, u64>,
    /// By how much the numbers of each stream differ from what has become of its deliveries, added up.
    pub streams_apart: u64,
}

impl Ledger {
    /// By how much the two sides differ: 0, unless something was lost or made up.
    pub fn imbalance(&self) -> u64 {
        let events = self
            .accepted
            .abs_diff(self.dispatched.saturating_add(self.waiting));
        let deliveries = self
            .matched
            .saturating_add(self.replayed)
            .abs_diff(self.numbered);
        self.streams_apart
            .saturating_add(events)
            .saturating_add(deliveries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn balanced() -> Ledger {
        Ledger {
            accepted: 5,
            dispatched: 3,
            waiting: 2,
            matched: 6,
            replayed: 1,
            numbered: 7,
            ..Ledger::default()
        }
    }

    #[test]
    fn a_ledger_of_which_all_terms_agree_balances() {
        assert_eq!(balanced().imbalance(), 0);
        assert_eq!(Ledger::default().imbalance(), 0);
    }

    #[test]
    fn each_term_is_seen() {
        let with = |change: fn(&mut Ledger)| {
            let mut ledger = balanced();
            change(&mut ledger);
            ledger.imbalance()
        };
        assert_eq!(with(|ledger| ledger.waiting -= 1), 1, "a lost event");
        assert_eq!(with(|ledger| ledger.waiting += 1), 1, "one too many");
        assert_eq!(with(|ledger| ledger.matched -= 2), 2, "a lost record");
        assert_eq!(with(|ledger| ledger.replayed += 1), 1, "a replay");
        assert_eq!(with(|ledger| ledger.numbered -= 3), 3, "a lost stream");
        assert_eq!(with(|ledger| ledger.streams_apart += 1), 1, "a delivery");
    }

    #[test]
    fn what_is_lost_on_one_side_is_not_made_up_for_on_another() {
        let mut ledger = balanced();
        ledger.waiting -= 1;
        ledger.matched += 1;
        assert_eq!(ledger.imbalance(), 2);
    }
}
