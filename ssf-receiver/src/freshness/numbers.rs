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

mod run;

use std::{ops::RangeInclusive, time::Duration};

use ssf_types::{id::Epoch, set::Sequence};

use self::run::{Met, Run};
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

#[cfg(test)]
mod tests;
