//! Revocations in the order in which they were changed, for whoever tells others of them.

#[cfg(any(test, feature = "redis"))]
use super::InboxError;
use crate::revocation::Revocation;

/// A revocation as it is now, and where it stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Change {
    /// Greater than that of whatever was changed before; given once.
    pub(crate) position: i64,
    pub(crate) revocation: Revocation,
}

/// Lists changes. Who has seen a position has seen whatever was changed before, but for what was changed again, which stands behind
/// it, and for what was forgotten, which is under a watermark.
#[cfg(any(test, feature = "redis"))]
pub(crate) trait Changes {
    /// At most so many revocations behind a position, in the order of their last changes.
    fn changes(
        &self,
        after: i64,
        most: usize,
    ) -> impl Future<Output = Result<Vec<Change>, InboxError>> + Send;

    /// The last position that was given, whether or not what it was given to is still there; 0 if none was.
    fn last_change(&self) -> impl Future<Output = Result<i64, InboxError>> + Send;

    /// Who gives the positions: of another one, the same positions may say something else.
    fn origin(&self) -> impl Future<Output = Result<String, InboxError>> + Send;
}
