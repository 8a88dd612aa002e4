//! Forgetting SETs: of those that came long ago nobody sends one again, and whatever they revoked is kept apart.

use std::{collections::BTreeSet, future::Future};

use ssf_types::{time::Timestamp, uri::Issuer};

use super::InboxError;
use crate::work::HandlerName;

/// Most SETs that are looked at in one step.
pub(crate) const LOOKED_AT_MAX: usize = 1000;

/// Which SETs may go.
#[derive(Clone, Debug)]
pub(crate) struct Over {
    /// Of this Transmitter.
    pub(crate) issuer: Issuer,
    /// Those that came before.
    pub(crate) before: Timestamp,
    /// Who has to be done with them.
    pub(crate) handlers: BTreeSet<HandlerName>,
}

impl Over {
    /// Whether a SET came long enough ago.
    pub(crate) fn concerns(&self, issuer: &str, received_at: Timestamp) -> bool {
        received_at < self.before && issuer == self.issuer.as_str()
    }
}

/// What came of one step.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Forgotten {
    /// How many SETs went.
    pub(crate) sets: u64,
    /// Behind which row to go on; `None` where nothing is left that came so long ago.
    pub(crate) go_on: Option<i64>,
}

impl Forgotten {
    /// A step that looked at SETs in the order of their rows, each with the moment at which it came.
    pub(crate) fn step(sets: usize, looked_at: &[(i64, Timestamp)], over: &Over) -> Self {
        let is_full = looked_at.len() >= LOOKED_AT_MAX;
        let was_old = looked_at.iter().any(|(_, came)| *came < over.before);
        let last = looked_at.last().map(|(row, _)| *row);
        Self {
            sets: sets as u64,
            go_on: last.filter(|_| is_full && was_old),
        }
    }
}

/// Forgets SETs with what is known of them but their numbers; each call is one atomic step.
pub(crate) trait Forgetting {
    /// Looks at [`LOOKED_AT_MAX`] SETs behind the row `after` at most, and forgets those that are over, with their dead letters. A
    /// SET stays that a handler is not done with, or is to be called with again; and so does the last of all.
    fn forget_sets(
        &self,
        over: &Over,
        after: i64,
    ) -> impl Future<Output = Result<Forgotten, InboxError>> + Send;
}
