//! The numbers of SETs in memory.

use ssf_types::{set::Sequence, uri::Issuer};

use super::MemoryInbox;
use crate::{
    freshness::RangeSet,
    inbox::{
        InboxError,
        numbering::{Numbering, RANGES_MAX, Recorded},
    },
};

impl Numbering for MemoryInbox {
    async fn recorded(&self, issuer: &Issuer) -> Result<Option<Recorded>, InboxError> {
        let state = self.state();
        let own = state.numbers.iter().filter(|(from, _)| from == issuer);
        let own: Vec<&Sequence> = own.map(|(_, sequence)| sequence).collect();
        let mut epochs = Vec::new();
        for sequence in &own {
            if !epochs.contains(&&sequence.epoch) {
                epochs.push(&sequence.epoch);
            }
        }
        let Some(epoch) = epochs.pop() else {
            return Ok(None);
        };
        let of_run = || own.iter().filter(|sequence| sequence.epoch == *epoch);
        let accounts = || of_run().filter(|sequence| sequence.account.is_some());
        let first_account = accounts().next().copied().cloned();
        let latest_account = accounts().max_by_key(|sequence| sequence.seq);
        let after = Recorded::told_after(first_account.as_ref());
        let mut have = RangeSet::default();
        for sequence in of_run().filter(|sequence| sequence.seq > after) {
            have.insert_range(&(sequence.seq..=sequence.seq));
        }
        Ok(Some(Recorded {
            epoch: epoch.clone(),
            former: epochs.pop().cloned(),
            latest_account: latest_account.copied().cloned(),
            first_account,
            have: have.latest(RANGES_MAX),
        }))
    }
}
