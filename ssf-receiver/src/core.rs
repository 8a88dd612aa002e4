//! What the Transmitters of one receiver have in common: where SETs are kept, and what decisions are made by.

use ssf_types::{dialect::Dialect, uri::Issuer};
use tokio::sync::watch;

use crate::{
    guard::{self, Decision, Renewals},
    inbox::AnyInbox,
    instances::lead::Lead,
    revocation::Index,
    session::SessionKeys,
    work::Handlers,
};

pub(crate) struct Core {
    pub(crate) index: Index,
    pub(crate) renewals: Renewals,
    pub(crate) inbox: AnyInbox,
    /// How each Transmitter writes SETs.
    dialects: Vec<(Issuer, &'static Dialect)>,
    /// How many SETs were acknowledged since the start, repeats included.
    pub(crate) acknowledged: watch::Sender<u64>,
    pub(crate) handlers: Handlers,
    /// How often handlers were to be called again.
    pub(crate) handed_again: watch::Sender<u64>,
    /// Whether this instance does what one has to do for all.
    pub(crate) lead: Lead,
    /// How often it was looked for what other instances wrote.
    #[cfg(feature = "postgres")]
    pub(crate) followed: watch::Sender<u64>,
}

impl Core {
    pub(crate) fn new(
        index: Index,
        inbox: AnyInbox,
        dialects: Vec<(Issuer, &'static Dialect)>,
    ) -> Self {
        Self {
            lead: Lead::new(!inbox.is_shared()),
            #[cfg(feature = "postgres")]
            followed: watch::Sender::new(0),
            index,
            renewals: Renewals::new(rand::random()),
            inbox,
            dialects,
            acknowledged: watch::Sender::new(0),
            handlers: Handlers::default(),
            handed_again: watch::Sender::new(0),
        }
    }

    /// How the Transmitter with this issuer writes SETs; one that the receiver serves no more is read to the letter.
    pub(crate) fn dialect(&self, issuer: &Issuer) -> &'static Dialect {
        let known = self.dialects.iter().find(|(one, _)| one == issuer);
        known.map_or(&Dialect::SSF_1_0, |(_, dialect)| dialect)
    }

    /// Decides about a session, which goes on if it was renewed since what may have ended it was forgotten.
    pub(crate) fn decide(&self, keys: &SessionKeys) -> Decision {
        let decision = guard::decide(keys, &self.index);
        if !decision.asks_for_renewal() {
            return decision;
        }
        decision.after(self.renewals.known(keys, &self.index))
    }
}
