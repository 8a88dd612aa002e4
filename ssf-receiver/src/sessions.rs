//! Sessions that an application stores: found by whom they are about, deleted when they end, and kept from coming back.
//!
//! 1. *Deny first, then delete.* What ends a session is in the index before it is looked for in a store. The guard does not wait for
//!    its deletion, which is for whoever reads the store elsewhere, and so that nothing is kept of sessions that are over.
//! 2. *Who writes looks afterwards.* A session is written, and then decided upon once more: one that is over is taken back. So a SET
//!    finds what was written before it looked, and what is written later finds the SET.
//! 3. A session that was deleted leaves a mark for [`GONE_FOR`], by which a store refuses to have it once more, whoever writes.

#[cfg(feature = "actix-session")]
mod actix;
mod deletion;
mod memory;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "sql")]
mod sql;

use std::{error::Error, fmt, future::Future, sync::Arc, time::Duration};

#[cfg(feature = "actix-session")]
pub use self::actix::{ActixStore, Ending};
pub use self::memory::MemorySessions;
#[cfg(feature = "redis")]
pub use self::redis::{RedisLayout, RedisSessions};
#[cfg(feature = "sql")]
pub use self::sql::{SqlNameError, SqlSessions, SqlTable};
use crate::{revocation::Fingerprint, session::SessionKeys};

/// Longest name of a session, in bytes: what actix-session puts into a cookie.
pub const SESSION_ID_BYTES_MAX: usize = 4064;

/// Most sessions that are found under one identifier; of more, those that end first are not found. The guard refuses them all the
/// same.
pub const SESSIONS_MAX: usize = 10_000;

/// Longest time for which a session is registered: no browser keeps a cookie for longer.
pub const TTL_MAX: Duration = Duration::from_hours(400 * 24);

/// How long a session that was deleted is refused: longer than any request is under way.
pub const GONE_FOR: Duration = Duration::from_hours(24);

/// The name of a session in its store.
///
/// Whoever knows it has the session: so printing it for debugging shows nothing.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SessionId(Arc<str>);

/// A session that is registered in a store.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RegisteredSession {
    /// Its name.
    pub id: SessionId,
    /// What it is decided by.
    pub keys: SessionKeys,
}

/// What became of a session that was to be written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Written {
    /// It is there.
    Kept,
    /// It was ended, and is not.
    Gone,
}

/// A store of sessions cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionStoreError {
    /// The name of a session is empty, or too long.
    #[error("the name of a session has 1 to {SESSION_ID_BYTES_MAX} bytes")]
    Id,
    /// It holds as many as it may.
    #[error("the store of sessions is full")]
    Full,
    /// It cannot be reached, or does not do as it is asked.
    #[error("the store of sessions does not do as it is asked")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
}

/// A store in which sessions are found by whom they are about.
///
/// Each method is one atomic step. [`Receiver::delete_sessions`](crate::Receiver::delete_sessions) has a store delete what ends.
pub trait SessionStore: Send + Sync + 'static {
    /// Registers a session under its [`fingerprints`](SessionKeys::fingerprints) for `ttl`, in place of what it was registered
    /// under before.
    fn register(
        &self,
        id: &SessionId,
        keys: &SessionKeys,
        ttl: Duration,
    ) -> impl Future<Output = Result<Written, SessionStoreError>> + Send;

    /// Has a session, if it is there, last for `ttl` from now on.
    fn extend(
        &self,
        id: &SessionId,
        ttl: Duration,
    ) -> impl Future<Output = Result<(), SessionStoreError>> + Send;

    /// Registers a session no longer; what is stored of it stays.
    fn withdraw(
        &self,
        id: &SessionId,
    ) -> impl Future<Output = Result<(), SessionStoreError>> + Send;

    /// The sessions that are registered under an identifier, [`SESSIONS_MAX`] at most.
    fn find(
        &self,
        fingerprint: Fingerprint,
    ) -> impl Future<Output = Result<Vec<RegisteredSession>, SessionStoreError>> + Send;

    /// Deletes sessions with all that is stored of them, and marks them as gone for [`GONE_FOR`]. Once more changes nothing.
    fn end(&self, ids: &[SessionId]) -> impl Future<Output = Result<(), SessionStoreError>> + Send;
}

/// A store that holds what an application keeps in its sessions as well.
pub trait ValueStore: SessionStore {
    /// Stores the value of a session for `ttl`, unless it was ended.
    fn save(
        &self,
        id: &SessionId,
        value: &str,
        ttl: Duration,
    ) -> impl Future<Output = Result<Written, SessionStoreError>> + Send;

    /// The value of a session; `None` if there is no such session.
    fn load(
        &self,
        id: &SessionId,
    ) -> impl Future<Output = Result<Option<String>, SessionStoreError>> + Send;

    /// Deletes a session that its user has ended.
    fn delete(&self, id: &SessionId) -> impl Future<Output = Result<(), SessionStoreError>> + Send;
}

impl SessionId {
    /// Checks `text`.
    ///
    /// # Errors
    /// It is empty, or longer than [`SESSION_ID_BYTES_MAX`].
    pub fn parse(text: impl Into<Arc<str>>) -> Result<Self, SessionStoreError> {
        let text = text.into();
        if (1..=SESSION_ID_BYTES_MAX).contains(&text.len()) {
            return Ok(Self(text));
        }
        Err(SessionStoreError::Id)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_a_limited_length_and_is_not_printed() {
        let longest = "x".repeat(SESSION_ID_BYTES_MAX);
        for name in ["s3cret", &longest] {
            let id = SessionId::parse(name).unwrap();
            assert_eq!(id.as_str(), name);
            assert_eq!(format!("{id:?}"), "SessionId(…)");
        }
        for name in [String::new(), longest + "x"] {
            let refused = SessionId::parse(name);
            assert!(matches!(refused, Err(SessionStoreError::Id)));
        }
    }
}
