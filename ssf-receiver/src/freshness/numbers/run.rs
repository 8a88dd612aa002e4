//! The numbers of one epoch.

use std::{collections::BTreeMap, ops::RangeInclusive, time::Duration};

use ssf_types::{
    id::Epoch,
    set::{Account, Sequence},
};

use super::RANGES_MAX;
use crate::freshness::range_set::RangeSet;

/// Where a run is met.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Met {
    /// At its beginning: the one before was followed.
    AtItsBeginning,
    /// Somewhere.
    InItsMidst,
}

/// The numbers of one epoch.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) epoch: Epoch,
    pub(super) met: Met,
    /// Nothing at or below this number is looked for; `None` until there is an account to begin with.
    pub(super) low: Option<u64>,
    pub(super) have: RangeSet,
    /// Numbers that are owed, by the moment since when.
    pub(super) owed: BTreeMap<Duration, RangeSet>,
    /// Those among them that the Transmitter cannot send any more.
    pub(super) lost: RangeSet,
    /// The number of the SET with the latest account.
    pub(super) accounted: u64,
}

impl Run {
    pub(super) fn new(epoch: Epoch, met: Met) -> Self {
        Self {
            epoch,
            met,
            low: None,
            have: RangeSet::default(),
            owed: BTreeMap::new(),
            lost: RangeSet::default(),
            accounted: 0,
        }
    }

    /// Returns how many numbers are given up.
    pub(super) fn take(&mut self, sequence: &Sequence, now: Duration) -> u64 {
        let number = sequence.seq;
        self.arrived(&(number..=number));
        let mut untold = match &sequence.account {
            Some(account) if number > self.accounted => {
                self.accounted = number;
                self.judge(account, now)
            }
            Some(_) | None => 0,
        };
        self.raise();
        while self.have.ranges() > RANGES_MAX {
            untold += self.close_lowest_gap();
            self.raise();
        }
        untold
    }

    /// Compares with an account; returns how many numbers it leaves open for good.
    pub(super) fn judge(&mut self, account: &Account, now: Duration) -> u64 {
        let begins_after = match self.met {
            Met::AtItsBeginning => account.told_after(),
            Met::InItsMidst => account.through(),
        };
        let low = self.low.unwrap_or(begins_after);
        let untold = self.have.lacks(low + 1..=account.told_after());
        let low = low.max(account.told_after());
        self.low = Some(low);
        let mut owed = self.have.lacks(low + 1..=account.through());
        for undelivered in account.undelivered() {
            owed.remove_range(undelivered);
        }
        // What was owed before is owed since then.
        self.owed.retain(|_, known| {
            known.keep(&owed);
            for range in known.iter() {
                owed.remove_range(&range);
            }
            !known.is_empty()
        });
        self.lost_is_owed();
        if !owed.is_empty() {
            let since_now = self.owed.entry(now).or_default();
            for range in owed.iter() {
                since_now.insert_range(&range);
            }
        }
        untold.len()
    }

    /// What is not owed any more is not lost.
    pub(super) fn lost_is_owed(&mut self) {
        let mut still = RangeSet::default();
        for range in self.owed.values().flat_map(RangeSet::iter) {
            still.insert_range(&range);
        }
        self.lost.keep(&still);
    }

    /// Looks for nothing up to this number, once there is something to begin with.
    pub(super) fn give_up(&mut self, through: u64) {
        if let Some(low) = self.low.filter(|low| *low < through) {
            self.arrived(&(low + 1..=through));
        }
    }

    /// These numbers are here, or no longer looked for.
    pub(super) fn arrived(&mut self, range: &RangeInclusive<u64>) {
        self.have.insert_range(range);
        self.owed.retain(|_, owed| {
            owed.remove_range(range);
            !owed.is_empty()
        });
        self.lost.remove_range(range);
    }

    /// Gives up the lowest numbers that are not here although higher ones are; returns how many.
    fn close_lowest_gap(&mut self) -> u64 {
        let (first, second) = {
            let mut ranges = self.have.iter();
            (ranges.next(), ranges.next())
        };
        let Some(first) = first else { return 0 };
        let gap = match (self.low, second) {
            (Some(low), _) if low + 1 < *first.start() => low + 1..=*first.start() - 1,
            (Some(_) | None, Some(second)) => *first.end() + 1..=*second.start() - 1,
            (Some(_) | None, None) => return 0,
        };
        self.arrived(&gap);
        gap.end() - gap.start() + 1
    }

    /// Forgets what lies at or below `low`, which rises over all that is here without a gap.
    pub(super) fn raise(&mut self) {
        let Some(low) = self.low else { return };
        let low = self.have.end_of(low + 1).unwrap_or(low);
        self.have.remove_range(&(0..=low));
        self.low = Some(low);
    }
}
