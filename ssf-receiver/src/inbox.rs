//! The inbox: where a SET is safe before it is acknowledged.
//!
//! 1. [`Inbox::retain`] is one transaction: the SETs and their revocations are there together or not at all.
//! 2. When it returns, they survive a crash.
//! 3. *Seen* is not *done*: a repeated SET is applied again, which changes nothing, because the first time may have
//!    ended between the transaction and the index.
//! 4. What came long ago, and handlers are done with, is forgotten, but for its number.

#[cfg(feature = "client")]
mod any;
#[cfg(feature = "shared")]
mod any_shared;
#[cfg(feature = "client")]
#[cfg(any(test, feature = "durable"))]
mod changes;
#[cfg(test)]
#[cfg(feature = "client")]
mod contract;
#[cfg(feature = "client")]
pub(crate) mod forgetting;
#[cfg(feature = "durable")]
mod gathered;
#[cfg(feature = "durable")]
mod known;
mod memory;
#[cfg(feature = "durable")]
mod merging;
#[cfg(feature = "client")]
pub(crate) mod numbering;
#[cfg(feature = "client")]
mod quarantine;
#[cfg(feature = "durable")]
pub(crate) mod row;
#[cfg(feature = "shared")]
mod shared;
#[cfg(feature = "client")]
pub(crate) mod worklist;

#[cfg(feature = "durable")]
use std::time::Duration;
use std::{collections::BTreeMap, error::Error, future::Future};

use ssf_types::{id::Jti, set::Sequence, time::Timestamp, uri::Issuer};

#[cfg(feature = "client")]
pub(crate) use self::any::AnyInbox;
#[cfg(feature = "sql")]
pub(crate) use self::any::unknown_url;
#[cfg(feature = "shared")]
pub(crate) use self::any_shared::{AnyLine, AnyShared};
#[cfg(feature = "durable")]
pub(crate) use self::changes::each_behind;
#[cfg(feature = "client")]
#[cfg(any(test, feature = "durable"))]
pub(crate) use self::changes::{Change, Changes};
pub use self::memory::MemoryInbox;
#[cfg(feature = "client")]
pub(crate) use self::quarantine::{Quarantine, Waiting};
#[cfg(feature = "shared")]
pub(crate) use self::shared::{ASKED_FOR, LEASE, LINE_ANSWER_MAX, Line, LineError, SharedInbox};
#[cfg(feature = "durable")]
pub(crate) use self::{
    gathered::{Gathered, Write},
    known::{KnownSet, KnownSets},
    memory::too_many_scopes,
    merging::{Stored, changed, merged},
    row::References,
};
use crate::revocation::{Fingerprint, Revocation, Scope, ScopeId, Watermarks};

/// A verified SET as it is kept.
///
/// Printing it for debugging shows no claims but `iss` and `jti`.
#[derive(Clone)]
pub struct ReceivedSet {
    /// Who sent it.
    pub issuer: Issuer,
    /// Its name, unique for the issuer.
    pub jti: Jti,
    /// The claims as they were signed.
    pub claims: String,
    /// Hash of the claims. A repeat may be written anew, and has another one then, but says the same.
    pub fingerprint: Fingerprint,
    /// When it came first.
    pub received_at: Timestamp,
    /// Its place among those of its stream, where they have numbers.
    pub sequence: Option<Sequence>,
    /// What it meant: `revoked`, `noted`, `not_applicable` or `discarded`.
    pub outcome: &'static str,
}

impl std::fmt::Debug for ReceivedSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReceivedSet")
            .field("issuer", &self.issuer)
            .field("jti", &self.jti)
            .finish_non_exhaustive()
    }
}

/// A SET that is to be kept, with what it revokes.
#[derive(Clone, Debug)]
pub struct Arriving {
    /// The SET.
    pub set: ReceivedSet,
    /// What it revokes, which is kept if the SET is new.
    pub revocations: Vec<Revocation>,
}

/// Whether claims say the same: neither white space nor the order of members counts, nor which number the SET has. A transmitter
/// that was restored from a backup numbers anew what it sends again.
pub(crate) fn say_the_same(one: &str, other: &str) -> bool {
    let value = |text| {
        let mut value = serde_json::from_str::<serde_json::Value>(text).ok()?;
        if let Some(claims) = value.as_object_mut() {
            claims.remove(Sequence::NAME);
        }
        Some(value)
    };
    one == other || value(one).is_some_and(|one| Some(one) == value(other))
}

/// What the inbox had of a SET.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Retained {
    /// Nothing: now it is there, with its revocations.
    New,
    /// The same claims.
    Duplicate {
        /// When they came first.
        received_at: Timestamp,
    },
    /// Other claims under the same `iss` and `jti`: nothing was changed.
    Conflict,
}

/// The inbox cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("the receiver's database cannot {action}")]
pub struct InboxError {
    action: &'static str,
    source: Box<dyn Error + Send + Sync>,
}

impl InboxError {
    /// Tells what did not work ("retain a SET") and why.
    pub fn new(action: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            action,
            source: source.into(),
        }
    }
}

/// How long a predecessor may take to end, as in a rolling restart.
#[cfg(feature = "durable")]
pub(crate) const PREDECESSOR_PATIENCE: Duration = Duration::from_secs(10);

/// Settings by name; values may be secrets.
pub type Settings = BTreeMap<String, String>;

/// Keeps SETs, revocations and settings; each method is one atomic step.
pub trait Inbox: Send + Sync {
    /// Keeps SETs together with their revocations, which are merged into those that are there. The answers have their
    /// order; of two with one name, the first counts.
    fn retain(
        &self,
        sets: &[Arriving],
    ) -> impl Future<Output = Result<Vec<Retained>, InboxError>> + Send;

    /// How many revocations there are.
    fn revocation_count(&self) -> impl Future<Output = Result<usize, InboxError>> + Send;

    /// Gives each revocation to `each`, in no order. There may be more than should be in memory at a time.
    fn revocations(
        &self,
        each: impl FnMut(Revocation) + Send,
    ) -> impl Future<Output = Result<(), InboxError>> + Send;

    /// Keeps up to when revocations of a transmitter may have been forgotten, and drops revocations for which that stands: at
    /// most so many, and both in one step, so that none is ever missing without it. Watermarks never fall. Says how many were
    /// dropped.
    fn forget(
        &self,
        scope: ScopeId,
        watermarks: Watermarks,
        most: u32,
    ) -> impl Future<Output = Result<u32, InboxError>> + Send;

    /// Up to when revocations may have been forgotten, of each transmitter.
    fn watermarks(
        &self,
    ) -> impl Future<Output = Result<Vec<(ScopeId, Watermarks)>, InboxError>> + Send;

    /// Gives each transmitter its number: the one it had, or a new one, which it keeps. They have the order of the issuers.
    fn scopes(
        &self,
        issuers: &[Issuer],
    ) -> impl Future<Output = Result<Vec<Scope>, InboxError>> + Send;

    /// All settings.
    fn settings(&self) -> impl Future<Output = Result<Settings, InboxError>> + Send;

    /// Keeps settings, over those of the same name.
    fn keep_settings(
        &self,
        settings: &Settings,
    ) -> impl Future<Output = Result<(), InboxError>> + Send;

    /// The setting of this name, which becomes `new` if there is none. Of several who ask at once, all get the same.
    fn setting_or(
        &self,
        name: &str,
        new: String,
    ) -> impl Future<Output = Result<String, InboxError>> + Send;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_compared_by_value() {
        let one = r#"{"a":1,"b":{"c":2,"d":3}}"#;
        assert!(say_the_same(one, r#"{ "b":{"d":3,"c":2}, "a":1 }"#));
        assert!(!say_the_same(one, r#"{"a":1,"b":{"c":2,"d":4}}"#));
        assert!(!say_the_same("no JSON", "no  JSON"));
        let numbered = r#"{"a":1,"b":{"c":2,"d":3},"set_sequence":{"epoch":"f","seq":7}}"#;
        assert!(say_the_same(one, numbered));
    }
}
