//! Where SETs are kept that cannot be verified now.

use std::{future::Future, sync::Arc};

use ssf_types::time::Timestamp;

use super::InboxError;
use crate::revocation::{Fingerprint, ScopeId};

/// A SET that waits until it can be verified, or the memory of one that was given up.
///
/// Printing it for debugging shows no token.
#[derive(Clone, Eq, PartialEq)]
pub(crate) struct Waiting {
    /// The transmitter with whose credential it came.
    pub(crate) scope: ScopeId,
    /// Hash of what was signed: a repeat may be signed anew, but is the same SET.
    pub(crate) fingerprint: Fingerprint,
    /// The token as it came; `None` if it was given up.
    pub(crate) token: Option<Arc<str>>,
    /// When it came first.
    pub(crate) arrived_at: Timestamp,
}

impl std::fmt::Debug for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Waiting")
            .field("scope", &self.scope)
            .field("fingerprint", &self.fingerprint)
            .finish_non_exhaustive()
    }
}

/// Keeps SETs that wait; each method is one atomic step.
pub(crate) trait Quarantine: Send + Sync {
    /// All that wait or were given up, in the order of their arrival.
    fn waiting(
        &self,
        scope: ScopeId,
    ) -> impl Future<Output = Result<Vec<Waiting>, InboxError>> + Send;

    /// Keeps these, each in the place of what is kept with its fingerprint.
    fn keep_waiting(
        &self,
        waiting: &[Waiting],
    ) -> impl Future<Output = Result<(), InboxError>> + Send;

    /// Forgets these.
    fn let_go(
        &self,
        scope: ScopeId,
        fingerprints: &[Fingerprint],
    ) -> impl Future<Output = Result<(), InboxError>> + Send;
}
