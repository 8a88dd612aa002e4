//! Which numbers of a stream are here, and which the Transmitter says were delivered and are not.
//!
//! A number is *owed* if the latest account says that it was delivered, and it is not here. It is *missing* once it has been
//! owed for [`PATIENCE`]: until then it may be on its way, since SETs overtake each other.
//!
//! 1. What is not told is not owed: numbers above `through`, at or below `told_after`, or listed as undelivered.
//! 2. An account that arrives after a later one says nothing new: what it calls undelivered may have been delivered since.
//! 3. Where numbering is met in its midst (a stream that was there before), it begins with the first account: of what lies before,
//!    nobody here can know whether it came. Another epoch is compared from its first number on, since the one before was followed.
//! 4. All of it follows from the SETs that are kept ([`Recorded`]), so that a restart forgets nothing.

use std::{collections::BTreeMap, ops::RangeInclusive, time::Duration};

use ssf_types::{
    id::Epoch,
    set::{Account, Sequence},
};

use super::range_set::RangeSet;
use crate::inbox::numbering::{self, Recorded};

/// How long a number may be owed before it is missing.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// Most ranges that are kept of the numbers that are here; 10,000 gaps are 160 KiB. Beyond, the lowest gap is closed, and
/// what it lacked is no longer looked for.
const RANGES_MAX: usize = numbering::RANGES_MAX;

/// The numbers of one stream. Moments are counted from any start, by a steady clock.
#[derive(Clone, Debug, Default)]
pub(crate) struct Numbers {
    run: Option<Run>,
    /// The epoch before this one: a SET of it that comes late begins no other.
    former: Option<Epoch>,
    /// How many numbers are not looked for although nobody knows whether they came.
    untold: u64,
    /// Since when the run is another one, of which is not known yet that all is here.
    reconciling: Option<Duration>,
}

/// Where a run is met.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Met {
    /// At its beginning: the one before was followed.
    AtItsBeginning,
    /// Somewhere.
    InItsMidst,
}

/// The numbers of one epoch.
#[derive(Clone, Debug)]
struct Run {
    epoch: Epoch,
    met: Met,
    /// Nothing at or below this number is looked for; `None` until there is an account to begin with.
    low: Option<u64>,
    have: RangeSet,
    /// Numbers that are owed, by the moment since when.
    owed: BTreeMap<Duration, RangeSet>,
    /// Those among them that the Transmitter cannot send any more.
    lost: RangeSet,
    /// The number of the SET with the latest account.
    accounted: u64,
}

/// What the number of a SET says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Taken {
    /// It belongs to the run that is known, or to the one before.
    Known,
    /// It is the first of all.
    First,
    /// Another run has begun: what the Transmitter sent before may be lost, and it does not know.
    OtherEpoch,
}

impl Numbers {
    /// Goes on with what is kept, of which nothing up to `accepted` is looked for; what is owed is owed since `now`.
    pub(crate) fn resumed(recorded: &Recorded, accepted: u64, now: Duration) -> Self {
        let met = match &recorded.former {
            Some(_) => Met::AtItsBeginning,
            None => Met::InItsMidst,
        };
        let mut run = Run::new(recorded.epoch.clone(), met);
        for range in &recorded.have {
            run.have.insert_range(range);
        }
        for sequence in [&recorded.first_account, &recorded.latest_account] {
            if let Some((sequence, account)) = sequence
                .as_ref()
                .and_then(|one| Some((one.seq, one.account.as_ref()?)))
            {
                run.accounted = sequence;
                run.judge(account, now);
            }
        }
        let left_out = recorded.have.first().map(|first| first.start() - 1);
        if let (Some(left_out), RANGES_MAX) = (left_out, recorded.have.len()) {
            run.give_up(left_out);
        }
        run.give_up(accepted);
        run.raise();
        let mut numbers = Self {
            former: recorded.former.clone(),
            reconciling: (met == Met::AtItsBeginning).then_some(now),
            untold: 0,
            run: Some(run),
        };
        numbers.reconcile();
        numbers
    }

    /// Takes the number of a SET that is durable, and its account if it gives one.
    pub(crate) fn take(&mut self, sequence: &Sequence, now: Duration) -> Taken {
        let taken = match &self.run {
            Some(run) if run.epoch == sequence.epoch => Taken::Known,
            Some(_) if self.former.as_ref() == Some(&sequence.epoch) => return Taken::Known,
            Some(_) => Taken::OtherEpoch,
            None => Taken::First,
        };
        if taken != Taken::Known {
            let met = match taken {
                Taken::OtherEpoch => Met::AtItsBeginning,
                Taken::Known | Taken::First => Met::InItsMidst,
            };
            let former = self.run.replace(Run::new(sequence.epoch.clone(), met));
            self.former = former.map(|run| run.epoch);
            self.reconciling = (met == Met::AtItsBeginning).then_some(now);
        }
        if let Some(run) = &mut self.run {
            self.untold += run.take(sequence, now);
        }
        self.reconcile();
        taken
    }

    /// Notices that all is here of another run, as far as it is told.
    fn reconcile(&mut self) {
        let is_whole = |run: &Run| run.low.is_some() && run.owed.is_empty();
        if self.run.as_ref().is_some_and(is_whole) {
            self.reconciling = None;
        }
    }

    /// Since when the run is another one, of which is not known yet that all is here.
    pub(crate) fn reconciling_since(&self) -> Option<Duration> {
        self.reconciling
    }

    /// Names the run of the numbers.
    pub(crate) fn epoch(&self) -> Option<&Epoch> {
        self.run.as_ref().map(|run| &run.epoch)
    }

    /// The Transmitter cannot send these any more.
    pub(crate) fn are_lost(&mut self, numbers: &[RangeInclusive<u64>]) {
        if let Some(run) = &mut self.run {
            for range in numbers {
                run.lost.insert_range(range);
            }
            run.lost_is_owed();
        }
    }

    /// How many numbers are lost.
    pub(crate) fn lost(&self) -> u64 {
        self.run.as_ref().map_or(0, |run| run.lost.len())
    }

    /// These need not come: they are as good as here.
    pub(crate) fn are_needless(&mut self, numbers: &[RangeInclusive<u64>]) {
        if let Some(run) = &mut self.run {
            for range in numbers {
                run.arrived(range);
            }
            run.raise();
        }
        self.reconcile();
    }

    /// Nothing up to this number is looked for any more.
    pub(crate) fn accept(&mut self, through: u64) {
        if let Some(run) = &mut self.run {
            run.give_up(through);
            run.raise();
        }
        self.reconcile();
    }

    /// Those of `numbers` that are not here.
    pub(crate) fn lacking(&self, numbers: &RangeSet) -> RangeSet {
        let mut lacking = RangeSet::default();
        if let Some(run) = &self.run {
            let low = run.low.unwrap_or_default();
            for range in numbers.iter() {
                let above = *range.start().max(&(low + 1))..=*range.end();
                for lacked in run.have.lacks(above).iter() {
                    lacking.insert_range(&lacked);
                }
            }
        }
        lacking
    }

    /// The numbers that are missing.
    pub(crate) fn missing(&self, now: Duration) -> Vec<RangeInclusive<u64>> {
        let Some(run) = &self.run else {
            return Vec::new();
        };
        let overdue = run
            .owed
            .iter()
            .filter(|(since, _)| **since + PATIENCE <= now);
        overdue.flat_map(|(_, owed)| owed.iter()).collect()
    }

    /// Since when a number has been owed.
    pub(crate) fn owed_since(&self) -> Option<Duration> {
        let (since, _) = self.run.as_ref()?.owed.first_key_value()?;
        Some(*since)
    }

    /// How many numbers are not looked for although nobody knows whether they came.
    pub(crate) fn untold(&self) -> u64 {
        self.untold
    }
}

impl Run {
    fn new(epoch: Epoch, met: Met) -> Self {
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
    fn take(&mut self, sequence: &Sequence, now: Duration) -> u64 {
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
    fn judge(&mut self, account: &Account, now: Duration) -> u64 {
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
    fn lost_is_owed(&mut self) {
        let mut still = RangeSet::default();
        for range in self.owed.values().flat_map(RangeSet::iter) {
            still.insert_range(&range);
        }
        self.lost.keep(&still);
    }

    /// Looks for nothing up to this number, once there is something to begin with.
    fn give_up(&mut self, through: u64) {
        if let Some(low) = self.low.filter(|low| *low < through) {
            self.arrived(&(low + 1..=through));
        }
    }

    /// These numbers are here, or no longer looked for.
    fn arrived(&mut self, range: &RangeInclusive<u64>) {
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
    fn raise(&mut self) {
        let Some(low) = self.low else { return };
        let low = self.have.end_of(low + 1).unwrap_or(low);
        self.have.remove_range(&(0..=low));
        self.low = Some(low);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    const fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn set(epoch: &str, seq: u64) -> Sequence {
        Sequence::new(Epoch::parse(epoch).unwrap(), seq)
    }

    fn account(epoch: &str, seq: u64, through: u64, undelivered: &[u64]) -> Sequence {
        let mut sequence = set(epoch, seq);
        sequence.account = Some(Account::new(through, 0, undelivered.iter().rev().copied()));
        sequence
    }

    /// Numbers of a stream that begins here, with 1.
    fn begun() -> Numbers {
        let mut numbers = Numbers::default();
        assert_eq!(
            numbers.take(&account("e", 1, 0, &[]), secs(0)),
            Taken::First
        );
        numbers
    }

    #[test]
    fn what_an_account_says_was_delivered_and_is_not_here_is_missing_after_a_minute() {
        let mut numbers = begun();
        numbers.take(&set("e", 3), secs(1));
        numbers.take(&account("e", 5, 4, &[]), secs(10));
        assert_eq!(numbers.missing(secs(69)), []);
        assert_eq!(numbers.owed_since(), Some(secs(10)));
        assert_eq!(numbers.missing(secs(70)), [2..=2, 4..=4]);
        // One of them was on its way all the same.
        numbers.take(&set("e", 2), secs(71));
        assert_eq!(numbers.missing(secs(71)), [4..=4]);
        numbers.take(&set("e", 4), secs(72));
        assert_eq!(numbers.missing(secs(1000)), []);
        assert_eq!(numbers.owed_since(), None);
    }

    #[test]
    fn what_was_given_up_or_is_not_told_is_not_missing() {
        let mut numbers = begun();
        let mut told = account("e", 9, 6, &[2, 4]);
        numbers.take(&told, secs(0));
        assert_eq!(numbers.missing(secs(60)), [3..=3, 5..=6]);
        // Nothing is told of 3 any more: nobody looks for it, and that is counted.
        told.seq = 12;
        told.account = Some(Account::new(6, 5, []));
        numbers.take(&told, secs(61));
        assert_eq!(numbers.missing(secs(200)), [6..=6]);
        assert_eq!(numbers.untold(), 4);
    }

    #[test]
    fn what_stays_owed_is_owed_since_it_was_first() {
        let mut numbers = begun();
        numbers.take(&account("e", 4, 2, &[]), secs(0));
        numbers.take(&account("e", 7, 6, &[]), secs(50));
        assert_eq!(numbers.missing(secs(60)), [2..=2]);
        assert_eq!(numbers.missing(secs(110)), [2..=2, 3..=3, 5..=6]);
    }

    #[test]
    fn an_account_that_comes_late_says_nothing_new() {
        let mut numbers = begun();
        numbers.take(&account("e", 5, 4, &[]), secs(0));
        assert_eq!(numbers.missing(secs(60)), [2..=4]);
        // It was made when 2 to 4 had been given up; they were sent once more since then.
        numbers.take(&account("e", 4, 3, &[2, 3]), secs(1));
        assert_eq!(numbers.missing(secs(61)), [2..=3]);
    }

    #[test]
    fn a_stream_that_was_there_before_begins_with_its_first_account() {
        let mut numbers = Numbers::default();
        numbers.take(&set("e", 100), secs(0));
        assert_eq!(numbers.owed_since(), None);
        numbers.take(&account("e", 120, 110, &[]), secs(1));
        assert_eq!(numbers.owed_since(), None);
        numbers.take(&account("e", 125, 121, &[]), secs(2));
        assert_eq!(numbers.missing(secs(62)), [111..=119, 121..=121]);
        assert_eq!(numbers.untold(), 0);
    }

    #[test]
    fn another_epoch_begins_anew_and_the_former_does_not_come_back() {
        let mut numbers = begun();
        numbers.take(&account("e", 5, 4, &[]), secs(0));
        assert_eq!(numbers.take(&set("f", 3), secs(1)), Taken::OtherEpoch);
        assert_eq!(numbers.owed_since(), None);
        assert_eq!(
            numbers.take(&account("e", 9, 8, &[]), secs(2)),
            Taken::Known
        );
        assert_eq!(numbers.owed_since(), None);
        // The one before was followed, so that the new one is compared from its first number on.
        numbers.take(&account("f", 5, 4, &[]), secs(3));
        numbers.take(&account("f", 8, 7, &[]), secs(4));
        assert_eq!(numbers.missing(secs(64)), [1..=2, 4..=4, 6..=7]);
    }

    #[test]
    fn another_epoch_is_reconciled_once_all_is_here_that_its_account_tells() {
        let mut numbers = begun();
        assert_eq!(numbers.reconciling_since(), None);
        numbers.take(&set("f", 8), secs(1));
        assert_eq!(numbers.reconciling_since(), Some(secs(1)));
        // It goes on behind 6, of which and before it nothing is told.
        let mut told = account("f", 9, 8, &[]);
        told.account = Some(Account::new(8, 6, []));
        numbers.take(&told, secs(2));
        assert_eq!(numbers.missing(secs(62)), [7..=7]);
        assert_eq!(numbers.untold(), 0);
        assert_eq!(numbers.reconciling_since(), Some(secs(1)));
        numbers.take(&set("f", 7), secs(63));
        assert_eq!(numbers.reconciling_since(), None);
    }

    fn recorded(have: &[RangeInclusive<u64>], accounts: [&Sequence; 2]) -> Recorded {
        Recorded {
            epoch: accounts[0].epoch.clone(),
            former: None,
            first_account: Some(accounts[0].clone()),
            latest_account: Some(accounts[1].clone()),
            have: have.to_vec(),
        }
    }

    #[test]
    fn a_restart_knows_what_is_missing() {
        let (first, latest) = (account("e", 2, 1, &[]), account("e", 9, 8, &[5]));
        let kept = recorded(&[2..=3, 7..=7, 9..=9], [&first, &latest]);
        let mut numbers = Numbers::resumed(&kept, 0, secs(0));
        assert_eq!(numbers.missing(secs(60)), [4..=4, 6..=6, 8..=8]);
        assert_eq!(numbers.take(&set("e", 4), secs(61)), Taken::Known);
        assert_eq!(numbers.missing(secs(61)), [6..=6, 8..=8]);
    }

    #[test]
    fn what_was_accepted_as_lost_is_not_looked_for_after_a_restart() {
        let (first, latest) = (account("e", 2, 1, &[]), account("e", 9, 8, &[]));
        let kept = recorded(&[2..=3, 7..=7, 9..=9], [&first, &latest]);
        let numbers = Numbers::resumed(&kept, 7, secs(0));
        assert_eq!(numbers.missing(secs(60)), [8..=8]);
    }

    #[test]
    fn a_restart_in_the_midst_of_another_epoch_goes_on_to_reconcile_it() {
        let mut kept = recorded(&[8..=8], [&account("f", 9, 8, &[]); 2]);
        kept.first_account = None;
        kept.latest_account = None;
        kept.former = Some(Epoch::parse("e").unwrap());
        let mut numbers = Numbers::resumed(&kept, 0, secs(0));
        assert_eq!(numbers.reconciling_since(), Some(secs(0)));
        assert_eq!(numbers.take(&set("e", 7), secs(1)), Taken::Known);
        let mut told = account("f", 9, 8, &[]);
        told.account = Some(Account::new(8, 7, []));
        numbers.take(&told, secs(2));
        assert_eq!(numbers.reconciling_since(), None);
    }

    #[test]
    fn what_is_lost_is_so_until_it_comes_or_is_accepted() {
        let mut numbers = begun();
        numbers.take(&account("e", 6, 5, &[]), secs(0));
        numbers.are_lost(&[2..=3, 9..=9]);
        assert_eq!(numbers.lost(), 2);
        numbers.take(&set("e", 2), secs(1));
        assert_eq!(numbers.lost(), 1);
        numbers.accept(3);
        assert_eq!(numbers.lost(), 0);
        assert_eq!(numbers.missing(secs(60)), [4..=5]);
        numbers.are_needless(&[4..=5]);
        assert_eq!(numbers.owed_since(), None);
    }

    #[test]
    fn what_was_asked_for_is_waited_for_until_it_is_here() {
        let mut numbers = begun();
        numbers.take(&set("e", 4), secs(0));
        let mut asked = RangeSet::default();
        asked.insert_range(&(1..=5));
        let lacking: Vec<_> = numbers.lacking(&asked).iter().collect();
        assert_eq!(lacking, [2..=3, 5..=5]);
    }

    #[test]
    fn gaps_without_number_end_at_ten_thousand_ranges() {
        let mut numbers = begun();
        for number in 1..=10_002 {
            numbers.take(&set("e", 2 * number + 1), secs(0));
        }
        let run = numbers.run.as_ref().unwrap();
        assert_eq!((run.have.ranges(), run.low), (10_000, Some(5)));
        assert_eq!(numbers.untold(), 2);
    }

    /// A transmitter that delivers, gives up and accounts; and a network that loses, repeats and reorders.
    #[derive(Clone, Debug)]
    enum Step {
        /// The SET of a number arrives.
        Arrives(u64),
        /// An account up to a number, without some that were given up and without those at or below another.
        Account(u64, BTreeSet<u64>, u64),
        Waits(u64),
    }

    fn any_step() -> impl Strategy<Value = Step> {
        let given_up = prop::collection::btree_set(1..40_u64, 0..6);
        prop_oneof![
            4 => (1..40_u64).prop_map(Step::Arrives),
            2 => (0..40_u64, given_up, 0..6_u64)
                .prop_map(|(through, given_up, after)| Step::Account(through, given_up, after)),
            2 => (0..50_u64).prop_map(Step::Waits),
        ]
    }

    proptest! {
        #[test]
        fn whatever_order_loss_and_repetition_a_number_is_missing_if_and_only_if_it_is_owed_for_a_minute_and_not_here(
            steps in prop::collection::vec(any_step(), 0..50),
        ) {
            let mut numbers = begun();
            // What is here, since when each other number has been owed, and up to where nothing is told any more.
            let mut here = BTreeSet::from([1]);
            let mut owed: BTreeMap<u64, u64> = BTreeMap::new();
            let mut untold = 0;
            let mut now = 0;
            // Verifications have numbers of their own, above those of the test.
            let mut verification = 100;
            for step in steps {
                match step {
                    Step::Arrives(number) => {
                        numbers.take(&set("e", number), secs(now));
                        here.insert(number);
                        owed.remove(&number);
                    }
                    Step::Account(through, given_up, after) => {
                        verification += 1;
                        let account = Account::new(through, after, given_up.iter().rev().copied());
                        let mut sequence = set("e", verification);
                        sequence.account = Some(account.clone());
                        numbers.take(&sequence, secs(now));
                        untold = untold.max(after);
                        let is_owed = |number: &u64| account.is_owed(*number) && *number > untold && !here.contains(number);
                        let before = std::mem::take(&mut owed);
                        owed = (1..40).filter(is_owed).map(|number| (number, *before.get(&number).unwrap_or(&now))).collect();
                    }
                    Step::Waits(seconds) => now += seconds,
                }
                let missing: BTreeSet<u64> = numbers.missing(secs(now)).into_iter().flatten().collect();
                let expected: BTreeSet<u64> = owed.iter().filter(|(_, since)| *since + 60 <= now).map(|(number, _)| *number).collect();
                prop_assert_eq!(missing, expected);
                prop_assert_eq!(numbers.owed_since(), owed.values().min().map(|since| secs(*since)));
            }
        }
    }
}
