//! Revocations in the order in which they were changed, for whoever tells others of them.

use super::InboxError;
use crate::revocation::Revocation;

/// Revocations that are read at once: no more of them are in memory at a time.
const PAGE: usize = 10_000;

/// A revocation as it is now, and where it stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Change {
    /// Greater than that of whatever was changed before; given once.
    pub(crate) position: i64,
    pub(crate) revocation: Revocation,
}

/// Lists changes. Who has seen a position has seen whatever was changed before, but for what was changed again, which stands behind
/// it, and for what was forgotten, which is under a watermark.
pub(crate) trait Changes {
    /// At most so many revocations behind a position, in the order of their last changes.
    fn changes(
        &self,
        after: i64,
        most: usize,
    ) -> impl Future<Output = Result<Vec<Change>, InboxError>> + Send;

    /// The last position that was given, whether or not what it was given to is still there; 0 if none was.
    #[cfg(any(test, feature = "redis"))]
    fn last_change(&self) -> impl Future<Output = Result<i64, InboxError>> + Send;

    /// Who gives the positions: of another one, which may not have got all that the former one had, the same positions may say
    /// something else.
    #[cfg(any(test, feature = "shared"))]
    fn origin(&self) -> impl Future<Output = Result<String, InboxError>> + Send;
}

/// Gives each revocation behind a position to `each`, and moves the position behind what was given.
///
/// What changes meanwhile is behind that, or was given as it is now. Whoever does not wait to the end goes on from there.
pub(crate) async fn each_behind(
    inbox: &impl Changes,
    after: &mut i64,
    mut each: impl FnMut(Revocation) + Send,
) -> Result<(), InboxError> {
    loop {
        let page = inbox.changes(*after, PAGE).await?;
        let (count, last) = (page.len(), page.last().map(|last| last.position));
        for Change { revocation, .. } in page {
            each(revocation);
        }
        *after = last.unwrap_or(*after);
        if count < PAGE {
            return Ok(());
        }
    }
}
