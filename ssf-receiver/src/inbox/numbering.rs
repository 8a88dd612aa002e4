//! What is kept of the numbers on the SETs of a transmitter.

use std::{future::Future, ops::RangeInclusive};

use ssf_types::{
    id::Epoch,
    set::{Account, Sequence},
    uri::Issuer,
};

use super::InboxError;

/// Most ranges that are read: with more, those of the lowest numbers are left out.
pub(crate) const RANGES_MAX: usize = 10_000;

/// The latest run of numbers, as the SETs that are kept have it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Recorded {
    /// The run: that of which the first SET came last.
    pub(crate) epoch: Epoch,
    /// The one before it.
    pub(crate) former: Option<Epoch>,
    /// The first SET with an account that came.
    pub(crate) first_account: Option<Sequence>,
    /// That with the greatest number.
    pub(crate) latest_account: Option<Sequence>,
    /// The numbers that are here, ascending; those behind what the first account does not tell.
    pub(crate) have: Vec<RangeInclusive<u64>>,
}

impl Recorded {
    /// The greatest number that is here.
    pub(crate) fn last(&self) -> u64 {
        self.have.last().map_or(0, |last| *last.end())
    }

    /// What the first account tells nothing of: no number up to this one is read.
    pub(crate) fn told_after(first: Option<&Sequence>) -> u64 {
        let account = first.and_then(|first| first.account.as_ref());
        account.map_or(0, Account::told_after)
    }
}

/// Reads a number with its account as it was written down: as in a SET.
#[cfg(feature = "durable")]
pub(crate) fn read_sequence(text: &str) -> Option<Sequence> {
    let claims = format!("{{\"{}\":{text}}}", Sequence::NAME);
    let rest = ssf_types::json::Members::parse(&claims).ok()?.rest();
    Sequence::among(&rest).ok().flatten()
}

/// Tells the numbers of the SETs that are kept.
pub(crate) trait Numbering: Send + Sync {
    /// Those of a transmitter; `None` if it has sent none.
    fn recorded(
        &self,
        issuer: &Issuer,
    ) -> impl Future<Output = Result<Option<Recorded>, InboxError>> + Send;
}
