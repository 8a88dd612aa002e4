//! What the Transmitters of one receiver have in common: where SETs are kept, and what decisions are made by.

use std::{sync::Arc, time::Duration};

use ssf_types::{dialect::Dialect, time::Timestamp, uri::Issuer};
use tokio::sync::watch;

use crate::{
    clock,
    freshness::{CONFIRMED_FOR, Deadline, WhenStale, began_lately},
    guard::{self, Decision, Renewals},
    inbox::AnyInbox,
    instances::lead::Lead,
    revocation::{Index, ScopeId},
    session::SessionKeys,
    work::Handlers,
};

pub(crate) struct Core {
    pub(crate) index: Index,
    pub(crate) renewals: Renewals,
    pub(crate) inbox: AnyInbox,
    served: Vec<Served>,
    /// How many SETs were acknowledged since the start, repeats included.
    pub(crate) acknowledged: watch::Sender<u64>,
    pub(crate) handlers: Handlers,
    /// How often handlers were to be called again.
    pub(crate) handed_again: watch::Sender<u64>,
    /// Whether this instance does what one has to do for all.
    pub(crate) lead: Lead,
    /// How often it was looked for what other instances wrote.
    #[cfg(feature = "shared")]
    pub(crate) followed: watch::Sender<u64>,
}

/// What has to be known of each Transmitter in order to decide, and to read what it sent.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) scope: ScopeId,
    pub(crate) issuer: Issuer,
    /// How it writes SETs.
    pub(crate) dialect: &'static Dialect,
    /// From when on what is known of it is stale.
    pub(crate) stale: Arc<Deadline>,
    pub(crate) when_stale: WhenStale,
}

/// A decision, and whether what it was made by was stale.
#[derive(Debug)]
pub(crate) struct Decided {
    pub(crate) decision: Decision,
    pub(crate) is_stale: bool,
}

impl Core {
    pub(crate) fn new(index: Index, inbox: AnyInbox, served: Vec<Served>) -> Self {
        Self {
            lead: Lead::new(!inbox.is_shared()),
            #[cfg(feature = "shared")]
            followed: watch::Sender::new(0),
            index,
            renewals: Renewals::new(rand::random()),
            inbox,
            served,
            acknowledged: watch::Sender::new(0),
            handlers: Handlers::default(),
            handed_again: watch::Sender::new(0),
        }
    }

    /// How the Transmitter with this issuer writes SETs; one that the receiver serves no more is read to the letter.
    pub(crate) fn dialect(&self, issuer: &Issuer) -> &'static Dialect {
        let known = self.served.iter().find(|one| one.issuer == *issuer);
        known.map_or(&Dialect::SSF_1_0, |one| one.dialect)
    }

    /// Decides about a session. One that may have been ended, or of which too little was heard, goes on if it was renewed
    /// since.
    pub(crate) fn decide(&self, keys: &SessionKeys) -> Decided {
        let decision = guard::decide(keys, &self.index);
        let is_open = decision == Decision::Allow || decision.asks_for_renewal();
        let stale = self.stale(keys).filter(|_| is_open);
        let known = || self.renewals.known(keys, &self.index, confirmed_for(stale));
        let decision = match stale {
            Some(WhenStale::Closed) => Decision::unconfirmed(),
            Some(WhenStale::Soft) if decision == Decision::Allow && is_recent(keys) => decision,
            Some(WhenStale::Soft) => Decision::renewal().after(known()),
            Some(WhenStale::Open) | None if decision.asks_for_renewal() => decision.after(known()),
            Some(WhenStale::Open) | None => decision,
        };
        Decided {
            decision,
            is_stale: stale.is_some(),
        }
    }

    /// For how long renewals of a session count; `None` as long as nothing more is forgotten.
    pub(crate) fn renewal_counts_for(&self, keys: &SessionKeys) -> Option<Duration> {
        confirmed_for(self.stale(keys))
    }

    /// What follows for a session from being stale; `None` if what is known of its Transmitter is not.
    fn stale(&self, keys: &SessionKeys) -> Option<WhenStale> {
        let scope = self.index.scope_of(keys)?;
        let served = self.served.iter().find(|one| one.scope == scope)?;
        served.stale.has_passed().then_some(served.when_stale)
    }
}

fn confirmed_for(stale: Option<WhenStale>) -> Option<Duration> {
    match stale {
        Some(WhenStale::Soft) => Some(CONFIRMED_FOR),
        Some(WhenStale::Open | WhenStale::Closed) | None => None,
    }
}

fn is_recent(keys: &SessionKeys) -> bool {
    began_lately(Timestamp::from_secs(keys.began.into()), clock::now())
}

#[cfg(test)]
mod tests;
